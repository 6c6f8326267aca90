"""Run one worker as a process of its own and watch it from outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.02


class WorkerError(Exception):
    """A worker ended with an error, or cannot be started; the sentence says why."""


@dataclass(frozen=True)
class Watched:
    """A process seen from outside, in bytes and seconds from start to exit.

    ``peak`` is the highest resident memory, pages of mapped files included; ``peak_anonymous`` the highest of the
    part that no file backs, sampled every 20 ms.
    """

    seconds: float
    cpu_seconds: float
    peak: int
    peak_anonymous: int


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def worker_environment(bench: Path) -> dict[str, str]:
    """The same threads for everybody, nothing from the internet, caches of the benchmark's own.

    A BLAS kernel or thread count that the shell prescribes is dropped: each library picks its kernel itself.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENBLAS", "OMP_", "MKL_", "NUMBA_", "HF_", "TRANSFORMERS_", "WECHSEL_", "PYTHON"))
    }
    threads = str(cores())
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        kept[name] = threads
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(bench / "home" / "huggingface"),
        "XDG_CACHE_HOME": str(bench / "home" / "cache"),
        "WECHSEL_HOME": str(bench / "home" / "wechsel"),
        "PYTHONHASHSEED": "0",
    }


def watch(command: Sequence[str | Path], environment: dict[str, str], log: Path) -> Watched:
    """Run a command from the repository's root and wait for it; what it prints lies in ``log`` and beside it.

    Raises
    ------
    WorkerError
        If it does not exit with 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    anonymous = 0
    with log.open("wb") as errors, log.with_suffix(".out").open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], env=environment, cwd=ROOT, stdout=output, stderr=errors
        )
        status_file = Path(f"/proc/{process.pid}/status")
        try:
            while True:
                pid, code, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                anonymous = max(anonymous, _anonymous(status_file))
                time.sleep(SAMPLE_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-12:]
        raise WorkerError(f"exit code {process.returncode} of {command[1]}; see {log}\n" + "\n".join(tail))
    return Watched(seconds, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss, anonymous)


def _anonymous(status_file: Path) -> int:
    try:
        for line in status_file.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass  # it has just ended
    return 0
