"""Freed arrays are no memory of the process any more."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Threads make and free arrays of 18 to 24 MB, as the folds of an alignment do; prints what stays resident of them, in MB.
FREED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from wechsel_core.services.memory import give_back_large_arrays

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def work(size):
    held = [np.ones(size * 1_000_000, dtype=np.uint8) for _ in range(3)]
    return sum(int(part[-1]) for part in held)

if sys.argv[1] == "yes":
    give_back_large_arrays()
before = resident()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, [18, 24, 20, 22] * 5))
    print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library of Linux is meant")
def test_threads_do_not_keep_what_they_freed() -> None:
    left = {asked: float(output_of(FREED, asked)) for asked in ("no", "yes")}
    assert left["yes"] < 10 < left["no"], left


def output_of(script: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return done.stdout
