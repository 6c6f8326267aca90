"""Which process a run belongs to, told in a way that neither a reused pid nor a jumping clock can fool."""

from __future__ import annotations

import contextlib
import functools
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_seconds() -> float:
    """Seconds on a clock that all processes of this boot share and that nobody sets: for ages of heartbeats."""
    return time.monotonic()


@functools.cache
def boot_id() -> str:
    """A name of this boot of the machine; "" where the system has none."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def identity(pid: int | None = None) -> dict[str, Any]:
    """What tells a process from every other one, fit for JSON.

    Parameters
    ----------
    pid : int, optional
        The process; default: this one.

    Returns
    -------
    dict
        pid, process_start (None if no such process runs), host, boot_id.
    """
    pid = psutil.Process().pid if pid is None else pid
    return {"pid": pid, "process_start": process_start(pid), "host": host(), "boot_id": boot_id()}


def process_start(pid: int) -> int | float | None:
    """When a process started, as a number that stays the same while it lives; None for a dead or zombie one.

    On Linux these are the kernel's clock ticks since boot (field 22 of ``/proc/<pid>/stat``), which setting the clock
    does not change; psutil's ``create_time`` would. Elsewhere it is ``create_time``.
    """
    if sys.platform == "linux":
        return _start_ticks(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, ValueError):
        return None


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in brackets; it may hold spaces and brackets itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    state, start = fields[0], fields[19]
    return None if state in (b"Z", b"X", b"x") else int(start)


def same_machine(status: dict[str, Any]) -> bool:
    """Whether an identity was taken on this machine since it was started."""
    return status.get("host") == host() and status.get("boot_id") == boot_id()


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process of an ``identity`` runs: same host and boot, the pid there, its start the same, no zombie.

    A process of another host counts as not alive: from here nobody can tell (``runs.effective_status`` looks at
    the heartbeat then).
    """
    pid, start = status.get("pid"), status.get("process_start")
    if not isinstance(pid, int) or pid <= 0 or start is None or not same_machine(status):
        return False
    return bool(process_start(pid) == start)


@contextlib.contextmanager
def peak_memory() -> Iterator[dict[str, int]]:
    """How far this process's resident memory rises within the block beyond what it holds at the start.

    Yields
    ------
    dict
        Has ``bytes`` once the block has ended, where the system tells its peak (Linux); else it stays empty.
    """
    found: dict[str, int] = {}
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5", "ascii")  # the peak starts anew from here
        before = _resident(status, "VmRSS")
    except OSError:
        yield found
        return
    yield found
    found["bytes"] = max(0, _resident(status, "VmHWM") - before)


def _resident(status: Path, name: str) -> int:
    line = next(line for line in status.read_text("ascii").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
