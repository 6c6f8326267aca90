"""What every worker measures itself with. Imported by scripts of several environments: standard library only."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def status() -> dict[str, int]:
    """Resident memory of this process in bytes: now, at its highest, and the part that no file backs."""
    names = {"VmRSS:": "rss", "VmHWM:": "peak", "RssAnon:": "anonymous"}
    found: dict[str, int] = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        words = line.split()
        if words and words[0] in names:
            found[names[words[0]]] = 1024 * int(words[1])
    return found


def measured(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Run a call; its result, and its seconds and memory.

    ``peak_growth`` is the highest resident memory during the call less what was resident before it, so it counts
    the outputs but not the inputs.
    """
    gc.collect()
    earlier_peak = status()["peak"]
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = status()["rss"]
    cpu = os.times()
    start = time.perf_counter()
    value = call()
    seconds = time.perf_counter() - start
    spent = os.times()
    peak = status()["peak"]
    return value, {
        "seconds": seconds,
        "cpu_seconds": spent.user + spent.system - cpu.user - cpu.system,
        "rss_before": before,
        "peak_in_call": peak,
        "peak_growth": peak - before,
        "peak_process": max(peak, earlier_peak),
    }


def libraries() -> list[dict[str, Any]]:
    """The BLAS and thread libraries that are loaded, with the kernel and the threads that they use."""
    from threadpoolctl import threadpool_info

    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: entry.get(key) for key in keys} for entry in threadpool_info()]


def read_spec() -> dict[str, Any]:
    """The JSON object of the file that the first argument names."""
    return json.loads(Path(sys.argv[1]).read_text())


def write_record(record: dict[str, Any]) -> None:
    """Write what was measured to the file that the second argument names."""
    Path(sys.argv[2]).write_text(json.dumps(record, indent=1))
