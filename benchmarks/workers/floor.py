"""The sgemm floor: the bare float32 product of all similarities, in blocks, with nothing done to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from probe import libraries, measured, read_spec, write_record

BLOCK_ROWS = (256, 512, 1024, 2048, 4096)


def main() -> None:
    """Find the quickest block height on a part, then measure the whole product with it."""
    spec = read_spec()
    source, target = (
        _directions(Path(spec["inputs"]) / f"{name}.npy", spec["rows"], spec["distinct"])
        for name in ("source", "target")
    )
    multiply = (_torch_product if spec["engine"] == "torch" else _numpy_product)(source, target)
    part = target[: 2 * max(BLOCK_ROWS)]
    seconds = {rows: _seconds(multiply, len(part), rows) for rows in BLOCK_ROWS for _ in range(2)}
    best = min(seconds, key=seconds.__getitem__)
    _, record = measured(lambda: multiply(len(target), best))
    record |= {"block_rows": best, "shape": [len(target), *source.shape], "libraries": libraries()}
    write_record(record)


def _directions(path: Path, rows: int, distinct: bool) -> np.ndarray:
    vectors = np.array(np.load(path, mmap_mode="r", allow_pickle=False)[:rows])
    if distinct:
        vectors = np.unique(vectors, axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)


def _numpy_product(source: np.ndarray, target: np.ndarray) -> Callable[[int, int], None]:
    transposed = np.ascontiguousarray(source.T)
    out = np.empty((max(BLOCK_ROWS), len(source)), dtype=np.float32)

    def multiply(n_rows: int, block: int) -> None:
        for start in range(0, n_rows, block):
            rows = target[start : min(start + block, n_rows)]
            np.matmul(rows, transposed, out=out[: len(rows)])

    return multiply


def _torch_product(source: np.ndarray, target: np.ndarray) -> Callable[[int, int], None]:
    import torch

    transposed, rows_of = torch.from_numpy(source).T.contiguous(), torch.from_numpy(target)
    out = torch.empty((max(BLOCK_ROWS), len(source)))

    def multiply(n_rows: int, block: int) -> None:
        for start in range(0, n_rows, block):
            rows = rows_of[start : min(start + block, n_rows)]
            torch.matmul(rows, transposed, out=out[: len(rows)])

    return multiply


def _seconds(multiply: Callable[[int, int], None], n_rows: int, block: int) -> float:
    start = time.perf_counter()
    multiply(n_rows, block)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
