"""How fast this machine multiplies matrices: what an estimate of training time rests on before anything has run."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from wechsel_core import paths, processes
from wechsel_core.json_files import read_json, replace_json

#: Share of the speed of one large matrix product that a training step reaches, over forward and backward pass,
#: optimiser and all that is no product. On 2 CPU cores it was 0.3 for pocket-gpt2, 0.15 to 0.35 for SmolLM2-135M and
#: 0.7 for pocket-roberta, whose head looks at one token in seven.
STEP_SHARE = 0.3
_SECONDS = 0.3
_SIZES = {"cpu": 1024, "mps": 2048, "cuda": 4096}


def product_speed(device: str, threads: int | None = None) -> float:
    """Floating point operations a second of a large matrix product, measured once a machine and kept in the cache.

    Takes about 0.3 seconds the first time. float32 on a CPU and MPS, bfloat16 on CUDA.

    Parameters
    ----------
    device : {"cpu", "mps", "cuda"}
    threads : int, optional
        CPU threads; default: all cores.
    """
    path = paths.cache_dir() / "product-speed.json"
    name = f"{processes.host()} {device} {threads or os.cpu_count()}"
    known = read_json(path) or {}
    speed = known.get(name)
    if isinstance(speed, int | float) and speed > 0:
        return float(speed)
    found = _measure(device, threads)
    with contextlib.suppress(OSError):  # it is measured again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_json(path, {**known, name: found}, sync=False)
    return found


def _measure(device: str, threads: int | None) -> float:
    import torch

    size = _SIZES[device]
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    matrix = torch.ones(size, size, dtype=dtype, device=device)
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        best, end = 0.0, time.perf_counter() + _SECONDS
        while best == 0 or time.perf_counter() < end:
            begun = time.perf_counter()
            _finish(torch, (matrix @ matrix)[:1, :1])
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
        return best
    finally:
        torch.set_num_threads(before)


def _finish(torch: Any, product: Any) -> float:
    """Wait for a device that works while the program goes on."""
    return float(product.float().cpu()[0, 0])
