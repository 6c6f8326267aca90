"""The run store: one folder a training run, the only interface between the app and its workers.

Every reader copes with a writer at any moment: files are replaced whole, ``metrics.jsonl`` grows by whole lines, and
what counts as alive is looked up, never believed. Writers that may meet (app and worker) take ``status.lock``.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from wechsel_core import paths, processes
from wechsel_core.config import TrainConfig
from wechsel_core.errors import RunError
from wechsel_core.json_files import read_json, replace_json
from wechsel_core.run_metrics import METRICS, MetricsWriter, read_metrics

__all__ = [
    "LIVE_STATES", "LOCK", "LOG", "METRICS", "MetricsWriter", "STARTING", "change_status", "clear_stop", "create_run",
    "delete_run", "effective_status", "heartbeat", "is_recorded", "list_runs", "new_id", "read_metrics", "read_run",
    "read_status", "refuse_recorded", "request_stop", "run_folder", "stop_requested", "update_run", "whole_checkpoints", "write_status",
]  # fmt: skip

SCHEMA_VERSION = 1
RUN, STATUS, STOP, LOCK, LOG = "run.json", "status.json", "stop", "run.lock", "worker.log"
CHECKPOINTS, COMPLETE, MODEL = "checkpoints", "complete", "model"
#: The phase until the worker itself says something; before that, its signals are those of a bare interpreter.
STARTING = "Starting the worker"
#: States of a run that a process works on or waits for.
LIVE_STATES = ("queued", "running", "stopping")
#: Without a heartbeat for this long, a live worker counts as stalled.
STALL_SECONDS = 120.0
#: A worker on another machine cannot be looked at; it counts as alive while its heartbeat is younger than this.
REMOTE_SECONDS = 600.0

_LOCK_SECONDS = 10.0
_ENDED = "its process ended without a word (killed, or out of memory); resume it"
_REBOOTED = "its machine was restarted; resume it"
_SILENT = "no word from its machine {host} for more than ten minutes; look there, or resume it"
_UNREADABLE = "status.json is missing or malformed; resume the run"


def new_id(config: TrainConfig) -> str:
    """The name of a configuration's run: result, arm, seed, and the start of the config's hash."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(config.result).name).strip("-.")[:100] or "result"
    return f"{name}-{config.arm}-s{config.seed}-{config.hash[:8]}"


def create_run(
    config: TrainConfig, result: dict[str, Any], versions: dict[str, Any], place: Path | None = None
) -> Path:
    """Write the folder of a new run, whole or not at all, in state queued.

    Parameters
    ----------
    config : TrainConfig
    result : dict
        name, source, target_language, method, kind ("causal" or "masked") and config_hash of the initialisation.
    versions : dict
        Library to version.
    place : Path, optional
        Folder of the runs; default: the app's.

    Raises
    ------
    RunError
        If a run of this configuration is there, or nothing can be written.
    """
    run_id = new_id(config)
    folder = (place or paths.runs_dir()) / run_id
    if folder.exists():
        raise _there(run_id, folder)
    try:
        _write_new(folder, config, result, versions)
    except OSError as error:
        if folder.exists():  # two starts cannot both win
            raise _there(run_id, folder) from error
        raise RunError(
            f"{folder} cannot be written ({error.strerror or error})",
            "room for a run",
            "free some, or set WECHSEL_HOME",
        ) from error
    return folder


def _write_new(folder: Path, config: TrainConfig, result: dict[str, Any], versions: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        run = {
            "schema_version": SCHEMA_VERSION, "id": folder.name, "created": _now(), "config": config.to_dict(),
            "config_hash": config.hash, "result": result, "versions": versions,
        }  # fmt: skip
        # Until a worker takes over, the run is alive as long as the process that is about to start one.
        status = {
            "state": "queued", "phase": STARTING, **processes.identity(), "attempt": 0,
            "heartbeat": _now(), "heartbeat_boot_seconds": processes.boot_seconds(), "step": 0, "steps": None,
            "reason": None,
        }  # fmt: skip
        replace_json(partial / RUN, run)
        replace_json(partial / STATUS, status)
        partial.chmod(0o755)
        partial.rename(folder)  # fails where a folder with anything in it is
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def run_folder(run_id: str) -> Path:
    """The folder of a run of this machine, or of a recorded one.

    Raises
    ------
    RunError
        If there is no such run; an id that leads out of the runs folder counts as none.
    """
    plain = 0 < len(run_id) < 200 and Path(run_id).name == run_id and not run_id.startswith(".") and "\0" not in run_id
    places = [root / run_id for root in (paths.runs_dir(), paths.recorded_runs_dir())] if plain else []
    folder = next((place for place in places if (place / RUN).is_file()), None)
    if folder is None:
        raise RunError(f"no run {run_id!r}", "the id of a run that is there", "see them with: runs list")
    return folder


def is_recorded(folder: Path) -> bool:
    """Whether a run came with the lab; such a run is never written to."""
    return folder.parent.resolve() == paths.recorded_runs_dir().resolve()


def list_runs() -> list[dict[str, Any]]:
    """All runs of this machine, newest first, then the recorded ones: id, folder, recorded, run, status (effective).

    Folders without a readable ``run.json`` are passed over.
    """
    own = _runs_in(paths.runs_dir(), recorded=False)
    taken = {entry["id"] for entry in own}
    return own + [entry for entry in _runs_in(paths.recorded_runs_dir(), recorded=True) if entry["id"] not in taken]


def _runs_in(root: Path, *, recorded: bool) -> list[dict[str, Any]]:
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.startswith("."):
            continue
        with contextlib.suppress(RunError):
            entry = {"id": folder.name, "folder": folder, "recorded": recorded, "run": read_run(folder)}
            found.append(entry | {"status": effective_status(folder)})
    return sorted(found, key=lambda entry: (str(entry["run"]["created"]), entry["id"]), reverse=True)


def read_run(folder: Path) -> dict[str, Any]:
    """``run.json`` of a folder; ``RunError`` if there is none, or one of another schema version."""
    run = read_json(folder / RUN)
    if run is None or not all(isinstance(run.get(name), dict) for name in ("config", "result")) or "created" not in run:
        raise RunError(f"no run at {folder}", f"a folder with {RUN}", "start one with: train")
    if run.get("schema_version") != SCHEMA_VERSION:
        raise RunError(
            f"{folder / RUN} has schema version {run.get('schema_version')}", f"version {SCHEMA_VERSION}",
            "use the version of the lab that made it",
        )  # fmt: skip
    return run


def update_run(folder: Path, **values: Any) -> None:
    """Add to ``run.json``, or replace in it, atomically."""
    with _writing(folder):
        replace_json(folder / RUN, {**read_run(folder), **values})


def read_status(folder: Path) -> dict[str, Any]:
    """``status.json`` as its writer left it; a missing or malformed one reads as failed."""
    status = read_json(folder / STATUS)
    if status is None or not isinstance(status.get("state"), str):
        return {"state": "failed", "phase": "", "step": 0, "steps": None, "attempt": 0, "reason": _UNREADABLE}
    return status


def write_status(folder: Path, **changes: Any) -> dict[str, Any]:
    """Merge into ``status.json`` and replace it atomically; returns what it holds now.

    Never called from a signal handler: the interrupted code may hold the lock.

    Raises
    ------
    OSError
        If it cannot be written (a full disk); the earlier status stays whole.
    """
    return change_status(folder, lambda status: changes)


def change_status(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """``write_status`` with changes that depend on the status: ``change`` is told it while nobody else can write."""
    with _writing(folder):
        status = read_status(folder)
        changes = change(status)
        if changes:
            # Beats come by the second; only a change of state has to outlive a power cut.
            replace_json(
                folder / STATUS, status | changes, sync=changes.get("state", status["state"]) != status["state"]
            )
        return status | changes


def heartbeat(folder: Path, **changes: Any) -> bool:
    """``write_status`` with the time of day and of the boot; False, and nothing else, if the disk refuses it.

    A worker calls it at every step or so: the next one makes up for a lost one.
    """
    try:
        write_status(folder, heartbeat=_now(), heartbeat_boot_seconds=processes.boot_seconds(), **changes)
    except OSError:
        return False
    return True


def effective_status(folder: Path) -> dict[str, Any]:
    """The status as it is rather than as it was written.

    A run that should have a live process and has none is "failed", with the reason. Adds ``alive``, and ``stalled``
    for a live worker whose heartbeat is old.
    """
    status = read_status(folder)
    alive = status["state"] in LIVE_STATES and _lives(status)
    if status["state"] in LIVE_STATES and not alive:
        status = read_status(folder)  # it may have ended well between reading and looking
        if status["state"] in LIVE_STATES and not (alive := _lives(status)):
            status |= {"state": "failed", "reason": _why_dead(status)}
    if alive and status["state"] != "stopping" and stop_requested(folder):
        status["state"] = "stopping"
    return status | {"alive": alive, "stalled": alive and status["state"] != "queued" and _stalled(status)}


def _lives(status: dict[str, Any]) -> bool:
    if status.get("pid") is None and status.get("waits_for"):
        return True  # for a cluster, or for commands on other machines: nobody here can tell
    if status.get("host") in (None, processes.host()):
        return processes.is_alive(status)
    return abs(_heartbeat_age(status)) < REMOTE_SECONDS


def _why_dead(status: dict[str, Any]) -> str:
    if status.get("host") not in (None, processes.host()):
        return _SILENT.format(host=status["host"])
    return _ENDED if processes.same_machine(status) else _REBOOTED


def _stalled(status: dict[str, Any]) -> bool:
    beat = status.get("heartbeat_boot_seconds")
    if not processes.same_machine(status):
        return _heartbeat_age(status) > STALL_SECONDS
    return isinstance(beat, int | float) and processes.boot_seconds() - beat > STALL_SECONDS


def _heartbeat_age(status: dict[str, Any]) -> float:
    """Seconds since the heartbeat by this machine's time of day; infinite without one."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(status["heartbeat"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return float("inf")


def request_stop(folder: Path) -> None:
    """Ask the worker to finish its step, write a checkpoint and end."""
    refuse_recorded(folder)
    (folder / STOP).touch()


def stop_requested(folder: Path) -> bool:
    """Whether somebody asked for a stop."""
    return (folder / STOP).exists()


def clear_stop(folder: Path) -> None:
    """Take the request back, before a run is resumed."""
    (folder / STOP).unlink(missing_ok=True)


def whole_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints that were written to the end, by rising step."""
    found = []
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isdecimal() and (path / COMPLETE).is_file():
            found.append((int(step), path))
    return [path for _, path in sorted(found)]


def delete_run(folder: Path) -> None:
    """Delete a run with its checkpoints and model.

    Raises
    ------
    RunError
        If it is alive, or recorded, or the folder is no run of the runs folder.
    """
    refuse_recorded(folder)
    root = paths.runs_dir()
    if folder.is_symlink() or folder.resolve().parent != root.resolve() or not (folder / RUN).is_file():
        raise RunError(f"{folder} is no run of {root}", "a run of this machine", "delete it by hand if you mean it")
    state = effective_status(folder)
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        # A worker holds the lock from its first moment to its last, whatever the status says.
        with lock:
            if state["alive"]:
                raise filelock.Timeout(str(folder / LOCK))
            gone = Path(tempfile.mkdtemp(prefix=".deleted-", dir=root))
            folder.rename(gone / folder.name)  # whole or not at all; what is left of it is no run
    except filelock.Timeout as error:
        raise RunError(f"{folder.name} is {state['state']}", "a run that has ended", "stop or kill it first") from error
    shutil.rmtree(gone)


def _there(run_id: str, folder: Path) -> RunError:
    state = effective_status(folder)["state"]
    return RunError(f"the run {run_id} exists, state {state}", "a new configuration", "resume or delete it")


def refuse_recorded(folder: Path) -> None:
    """Raise ``RunError`` for a run that came with the lab."""
    if is_recorded(folder):
        raise RunError(f"{folder.name} came with the lab", "a run of this machine", "start one of your own")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    refuse_recorded(folder)
    with filelock.FileLock(folder / "status.lock", timeout=_LOCK_SECONDS):
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
