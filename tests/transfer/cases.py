"""Random inputs of the transfer tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from wechsel_core.transfer.result import TransferResult


def random_case(seed: int, n_source: int = 25, n_target: int = 12, static: int = 6, dim: int = 5) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n_source, static)).astype(np.float32),
        rng.normal(size=(n_target, static)).astype(np.float32),
        rng.normal(0.3, 2.0, size=(n_source, dim)).astype(np.float32),
    )


def same(first: TransferResult, second: TransferResult) -> bool:
    """Whether all fields are equal to the bit."""
    names = ("matrix", "neighbor_ids", "similarities", "weights", "kind")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)
