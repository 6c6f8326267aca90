"""One job a device: whoever waits longest goes first, and a killed process never holds anybody up.

A waiting worker leaves a ticket in ``locks/<host and device>.queue``; tickets of dead processes do not count. The
device itself is a lock file that the system lets go of when its holder ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from wechsel_core import paths, processes, runs
from wechsel_core.json_files import read_json, replace_json

#: Seconds between two looks at the queue.
LOOK_SECONDS = 0.5
#: Seconds between two heartbeats of a waiting worker.
BEAT_SECONDS = 5.0


@contextlib.contextmanager
def wait_for_turn(folder: Path, device: str, stop: Callable[[], bool]) -> Iterator[bool]:
    """Wait in state queued until this run is the first of its device's queue and the device is free.

    Parameters
    ----------
    folder : Path
        The run's folder; its status says what it waits for.
    device : str
        "cpu", "mps", "cuda:0"... Of several processes that train one run, the first of each machine waits alone.
    stop : callable
        Asked while waiting; True ends it.

    Yields
    ------
    bool
        True: the device is this run's until the block ends. False: ``stop`` said so before its turn came.
    """
    place = paths.home() / "locks"
    name = lock_name(device)
    queue = place / f"{name}.queue"
    queue.mkdir(parents=True, exist_ok=True)
    ticket = queue / f"{processes.boot_seconds():020.6f}-{os.getpid()}.json"
    lock = filelock.FileLock(place / f"{name}.lock", timeout=0)
    holder = place / f"{name}.json"
    me = {"run": folder.name, **processes.identity()}
    replace_json(ticket, me, sync=False)
    try:
        if not _wait(folder, device, ticket, lock, holder, stop):
            yield False
            return
        try:
            ticket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it only tells the others whom they wait for
                replace_json(holder, me, sync=False)
            yield True
        finally:
            holder.unlink(missing_ok=True)
            lock.release()
    finally:
        ticket.unlink(missing_ok=True)


def _wait(
    folder: Path, device: str, ticket: Path, lock: filelock.BaseFileLock, holder: Path, stop: Callable[[], bool]
) -> bool:
    told, last_beat = "", -BEAT_SECONDS
    while not stop():
        ahead = waiting(ticket.parent, before=ticket)
        if not ahead:
            with contextlib.suppress(filelock.Timeout):
                lock.acquire()
                return True
        front = ahead[-1] if ahead else read_json(holder) or {}
        phase = f"Waiting for {device}: {front.get('run', 'another job')} is ahead"
        now = processes.boot_seconds()
        if phase != told or now - last_beat >= BEAT_SECONDS:
            runs.heartbeat(folder, phase=phase)
            told, last_beat = phase, now
        time.sleep(LOOK_SECONDS)
    return False


def waiting(queue: Path, *, before: Path | None = None) -> list[dict[str, Any]]:
    """Live tickets, longest wait first; tickets of dead processes of this machine are removed."""
    found = []
    for path in sorted(queue.glob("*.json")):  # names begin with the boot's clock, which nobody sets
        if before is not None and path.name >= before.name:
            break
        ticket = read_json(path)
        if ticket is not None and processes.is_alive(ticket):
            found.append(ticket)
        else:
            path.unlink(missing_ok=True)
    return found


def lock_name(device: str) -> str:
    """The file name for a device of this machine.

    Homes may be shared by machines, so it holds the host. ``cuda:1`` means the second of ``CUDA_VISIBLE_DEVICES``.
    Under SLURM every job has its own: the scheduler has dealt the devices out already.
    """
    kind, _, number = device.partition(":")
    if kind == "cuda":
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        index = int(number or 0)
        device = f"cuda-{visible[index] if index < len(visible) else index}"
    job = os.environ.get("SLURM_JOB_ID")
    return re.sub(r"[^A-Za-z0-9.-]+", "-", f"{processes.host()}-{device}" + (f"-slurm-{job}" if job else ""))
