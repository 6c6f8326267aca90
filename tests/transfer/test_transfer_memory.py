"""What a transfer holds beside its inputs and outputs, as the system counts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1e6

#: Run in a process of its own, whose peak is then this transfer's: compiled code and BLAS buffers are there before.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from wechsel_core.transfer.wechsel import transfer_embeddings

def status(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024

n, dim = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
source, target = (rng.standard_normal((n, 300), dtype=np.float32) for _ in range(2))
matrix = rng.standard_normal((n, dim), dtype=np.float32)
target[::5] = target[0]  # duplicates, and
target[-1] = 0  # a fallback row at the end, so that every row is drawn
groups = np.arange(n) // (n - 1000)
transfer_embeddings(source[:1500], target[:1500], matrix[:1500])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = status("VmRSS")
result = transfer_embeddings(source, target, matrix, source_groups=groups, target_groups=groups)
outputs = sum(getattr(result, name).nbytes for name in ("matrix", "neighbor_ids", "similarities", "weights", "kind"))
print(json.dumps({"extra": status("VmHWM") - before - outputs}))
"""


def extra_bytes(n_tokens: int, dim: int) -> float:
    """Bytes at the peak of a transfer beyond what there was before and what it returned."""
    command = [sys.executable, "-c", SCRIPT, str(n_tokens), str(dim)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    return float(json.loads(done.stdout)["extra"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's count of resident memory")
def test_extra_memory_is_bounded_and_flat() -> None:
    """Under 300 MB, and twice the vocabulary costs its indices alone: a copy of an input would show, at 18 MB more of
    static vectors or 61 MB of embeddings.

    With groups, which hold a group's neighbours twice for a while (600 bytes a token at 50 stored): the worst case.
    """
    small, large = extra_bytes(15_000, 1024), extra_bytes(30_000, 1024)
    assert large < 300 * MEGABYTE
    assert large - small < 14 * MEGABYTE, f"{small / MEGABYTE:.0f} MB, then {large / MEGABYTE:.0f} MB"
