"""Start, stop, kill and resume the worker process of a run; nothing of it lives in the memory of the app."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import psutil

from wechsel_core import paths, processes, runs
from wechsel_core.errors import RunError

WORKER = "wechsel_core.training.worker"
_ROOT = Path(__file__).resolve().parents[2]
_GONE_SECONDS = 15.0
_LOCK_SECONDS = 10.0
_KILLED = "killed; what it did since its last checkpoint is lost"


def worker_command(folder: Path, module: str | None = None) -> list[str]:
    """The worker of a run as one process; ``-P`` keeps the working folder's files from being imported."""
    return [sys.executable, "-P", "-m", module or WORKER, str(folder.absolute())]


def accelerate_command(
    folder: Path,
    processes: int,
    machines: int = 1,
    rank: int = 0,
    main_address: str = "127.0.0.1",
    port: int = 29500,
    *,
    sharded: bool = False,
    module: str | None = None,
) -> list[str]:
    """The worker of a run in several processes, on one or several machines.

    Parameters
    ----------
    folder : Path
        The run's folder; every machine must see it.
    processes : int
        Processes on each machine, one a GPU.
    machines, rank : int
        How many machines take part, and which of them runs this command (the first is 0).
    main_address : str
        Name or address of the first machine, as the others reach it.
    port : int
        A free port of the first machine. Two runs on one machine need two.
    sharded : bool
        FSDP, which cuts model and optimiser into parts, instead of DDP, which copies them: less memory, more talk.
    module : str, optional
        Another worker than the real one.
    """
    if processes * machines == 1:
        return worker_command(folder, module)
    command = [sys.executable, "-P", "-m", "accelerate.commands.accelerate_cli", "launch"]
    command += ["--use_fsdp", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"] if sharded else ["--multi_gpu"]
    if sharded:
        command += ["--fsdp_state_dict_type", "FULL_STATE_DICT"]
    command += ["--num_processes", str(processes * machines), "--num_machines", str(machines)]
    command += ["--machine_rank", str(rank), "--main_process_ip", main_address, "--main_process_port", str(port)]
    # Precision is the worker's business; what a person once told "accelerate config" must not change a run.
    command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return [*command, "--module", module or WORKER, str(folder.absolute())]


def start_worker(folder: Path, *, module: str | None = None, command: list[str] | None = None) -> int:
    """Start a run's worker in a session of its own; what it prints goes to ``worker.log``.

    Parameters
    ----------
    folder : Path
        A run in state queued.
    module : str, optional
        Another worker than the real one.
    command : list of str, optional
        Instead of one process of it, such as ``accelerate_command``.

    Returns
    -------
    int
        The process id.

    Raises
    ------
    RunError
        If the process cannot be started; the run is failed then.
    """
    command = command or worker_command(folder, module)
    try:
        with (folder / runs.LOG).open("ab") as log:
            log.write(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: worker starts\n".encode())
            log.flush()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
                env=worker_environment(), start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        reason = f"the worker cannot be started ({error.strerror or error})"
        with contextlib.suppress(OSError):
            runs.write_status(folder, state="failed", reason=reason)
        raise RunError(reason, f"{command[0]} and a writable {runs.LOG}", "correct it and resume the run") from error
    # Waited for, so that a dead worker does not stay a zombie as long as the app runs.
    threading.Thread(target=process.wait, name=f"wait for {folder.name}", daemon=True).start()
    child = processes.identity(process.pid)

    def hand_over(status: dict[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {"launcher": child}
        # A quick worker has written its own identity by now, which under accelerate is another process.
        return changes | child if status.get("pid") in (None, os.getpid()) else changes

    with contextlib.suppress(OSError):  # a full disk; the worker will say so
        runs.change_status(folder, hand_over)
    return process.pid


def worker_environment() -> dict[str, str]:
    """The app's environment, with this package in reach from any folder, the same home, and output that arrives at once."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "WECHSEL_HOME": str(paths.home().absolute()),
    }


def wait_for_nodes(folder: Path) -> None:
    """Leave a run, in state queued and claimed by this process, to ``accelerate_command`` on each of its machines."""
    phase = "Waiting for its commands on the machines"
    runs.write_status(folder, waits_for="nodes", phase=phase, pid=None, process_start=None)


def stop_run(folder: Path, wait: float | None = None) -> dict[str, Any]:
    """Ask a run's worker to finish its step, write a checkpoint and end.

    Parameters
    ----------
    folder : Path
    wait : float, optional
        Seconds to wait for its end; default: not at all.

    Returns
    -------
    dict
        The effective status; "stopping" if it has not ended yet.

    Raises
    ------
    RunError
        If the run is not alive, or recorded.
    """
    status = _alive_status(folder, "nothing is left to stop")
    runs.request_stop(folder)

    def stopping(written: dict[str, Any]) -> dict[str, Any]:
        return {"state": "stopping"} if written["state"] in ("queued", "running") else {}

    status |= runs.change_status(folder, stopping)
    if status.get("pid") is None:
        _unqueue(folder, status)
    elif status.get("phase") != runs.STARTING and processes.is_alive(status) and status["pid"] != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(status["pid"], signal.SIGTERM)
    return wait_for_end(folder, wait or 0.0)


def _unqueue(folder: Path, status: dict[str, Any]) -> None:
    """Take back a run that waits for others to start it; if it has begun meanwhile, it finds the stop request."""
    if status.get("scheduler_job"):
        from wechsel_core.training import slurm

        slurm.cancel(status["scheduler_job"])

    def stopped(written: dict[str, Any]) -> dict[str, Any]:
        return {"state": "stopped"} if written.get("pid") is None else {}

    runs.change_status(folder, stopped)


def wait_for_end(folder: Path, seconds: float = float("inf")) -> dict[str, Any]:
    """The effective status once the run has ended, or after some seconds."""
    end = time.monotonic() + seconds
    while (status := runs.effective_status(folder))["alive"] and time.monotonic() < end:
        time.sleep(0.1)
    return status


def kill_run(folder: Path) -> dict[str, Any]:
    """End a run's worker and all of its processes at once, and see that they are gone.

    Returns
    -------
    dict
        The effective status, "stopped" (or what the worker wrote in its last moment).

    Raises
    ------
    RunError
        If the run is not alive, or runs on another machine, or does not die.
    """
    status = _alive_status(folder, "nothing is left to kill")
    if status.get("pid") is None:
        _unqueue(folder, status)
        return runs.effective_status(folder)
    if not processes.same_machine(status):
        raise RunError(
            f"{folder.name} runs on {status['host']}", "a run of this machine", "kill it there, or use scancel or stop"
        )
    if status["pid"] == os.getpid() or (status.get("phase") == runs.STARTING and not status.get("launcher")):
        # The process named is the one that starts the worker: the app.
        raise RunError(f"the worker of {folder.name} is being started", "a running one", "try again in a moment")
    end = time.monotonic() + _GONE_SECONDS
    while living := _family(status):
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()  # psutil looks at the start time first
        psutil.wait_procs(living, timeout=0.2)
        if time.monotonic() > end:
            raise RunError(f"process {living[0].pid} does not die", "an end within 15 seconds", "see what holds it")

    def killed(written: dict[str, Any]) -> dict[str, Any]:
        return {"state": "stopped", "reason": _KILLED} if written["state"] in runs.LIVE_STATES else {}

    runs.change_status(folder, killed)
    return runs.effective_status(folder)


def _family(status: dict[str, Any]) -> list[psutil.Process]:
    """Live processes of a run: the launcher first (it might start others), the worker, their children and session."""
    found: dict[int, psutil.Process] = {}
    for member in (status.get("launcher") or {}, status):
        if not processes.is_alive(member) or member["pid"] == os.getpid():
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(member["pid"])
            for each in (process, *process.children(recursive=True), *_session(process.pid)):
                found.setdefault(each.pid, each)
    return [process for process in found.values() if _runs(process)]


def _session(leader: int) -> list[psutil.Process]:
    """Processes of the session that a worker leads: children whose parents have died belong to nobody else."""
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(pid) == leader:
                members.append(psutil.Process(pid))
    return members


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def resume_run(folder: Path, *, module: str | None = None, command: list[str] | None = None) -> int:
    """Start the worker of a stopped or failed run again; it goes on from the last whole checkpoint.

    Raises
    ------
    RunError
        If the run is alive, finished or recorded.
    """
    claim_run(folder)
    return start_worker(folder, module=module, command=command)


def claim_run(folder: Path) -> None:
    """Put a stopped or failed run back into state queued; of two who try at once, one is refused."""
    runs.refuse_recorded(folder)
    _check_ended(folder)
    try:
        # A worker that has just said its last word may still be writing or leaving.
        with filelock.FileLock(folder / runs.LOCK, timeout=_LOCK_SECONDS):
            runs.change_status(folder, lambda written: _claimed(folder))
    except filelock.Timeout as error:
        raise RunError(
            f"a worker still holds {folder.name}", "a run that has ended", "stop or kill it first"
        ) from error


def _check_ended(folder: Path) -> None:
    status = runs.effective_status(folder)
    held = status.get("pid") is None and status.get("waits_for") == "nodes"
    if status["alive"] and not held:
        raise RunError(f"{folder.name} is {status['state']}", "a run that has ended", "stop or kill it first")
    if status["state"] == "finished":
        raise RunError(f"{folder.name} has finished", "a stopped or failed run", "start a new one with more steps")


def _claimed(folder: Path) -> dict[str, Any]:
    _check_ended(folder)
    runs.clear_stop(folder)
    mine = processes.identity()
    return {
        "state": "queued", "phase": runs.STARTING, "reason": None, "launcher": None, "waits_for": None,
        "scheduler_job": None, **mine,
    }  # fmt: skip


def _alive_status(folder: Path, remedy: str) -> dict[str, Any]:
    status = runs.effective_status(folder)
    if not status["alive"]:
        raise RunError(f"{folder.name} is {status['state']}", "a run that is alive", remedy)
    return status
