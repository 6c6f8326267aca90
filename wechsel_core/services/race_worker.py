"""The process that runs one race: ``python -m wechsel_core.services.race_worker FOLDER [SEED ...]``."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock

from wechsel_core import processes, runs
from wechsel_core.errors import InputError, WechselError
from wechsel_core.services.race import Race, RaceStopped
from wechsel_core.types import Progress


def work(
    folder: Path, progress: Progress | None = None, *, keep_models: bool = False, only: Sequence[int] | None = None
) -> dict[str, Any]:
    """Run a race to its end, or the seeds in ``only``, with its status kept; what stops or fails it is raised, too.

    Raises
    ------
    RaceStopped
        A stop was asked for.
    WechselError
        Bad input, or a race that another process runs.
    """
    with _alone(folder):
        runs.write_status(folder, state="running", phase="Opening", reason=None, **processes.identity())
        try:
            record = Race(folder, progress, keep_models=keep_models).run(only)
        except RaceStopped as error:
            runs.heartbeat(folder, state="stopped", phase="", reason=str(error) or None)
            raise
        except KeyboardInterrupt:
            runs.heartbeat(folder, state="stopped", phase="")
            raise
        except BaseException as error:
            reason = str(error) if isinstance(error, WechselError) else f"{type(error).__name__}: {error}"
            runs.heartbeat(folder, state="failed", phase="", reason=reason)
            raise
        runs.heartbeat(folder, state="finished", phase="", step=len(record["rows"]))
        return record


def _alone(folder: Path) -> Any:
    lock = filelock.FileLock(folder / runs.LOCK, timeout=0)
    try:
        return lock.acquire()
    except filelock.Timeout as error:
        raise InputError(
            f"another process runs the race {folder.name}", "one process a race", "wait for it or stop it"
        ) from error


def main() -> int:
    """Read the command line; 0 finished or stopped, 1 failed, 2 bad input."""
    arguments = sys.argv[1:]
    if not arguments or not all(seed.isdecimal() for seed in arguments[1:]):
        sys.stderr.write("error: a race folder and perhaps seeds are needed; FOLDER [SEED ...]; give them\n")
        return 2
    folder, only = Path(arguments[0]), [int(seed) for seed in arguments[1:]] or None
    signal.signal(signal.SIGTERM, lambda *_: runs.request_stop(folder))
    try:
        work(folder, lambda share, step: print(f"{share:4.0%} {step}", flush=True), only=only)  # noqa: T201
    except RaceStopped as error:
        print(str(error) or "stopped")  # noqa: T201
        return 0
    except WechselError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
