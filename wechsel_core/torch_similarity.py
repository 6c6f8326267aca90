"""Nearest rows on a GPU, by the contract of ``wechsel_core.numerics.similarity.nearest_rows``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from wechsel_core.numerics.similarity import Neighbors, Search, nearest_rows

if TYPE_CHECKING:
    import torch

#: Bytes that a tile of similarities and its sorting keys take on the device, at most.
TILE_BYTES = 1024 * 1024 * 1024
#: Of one similarity: itself, its key, and what makes the key.
BYTES_A_VALUE = 32
#: Numbers of source rows fill the lower half of a key, turned round, so that the lower number makes the higher key.
NUMBERS = 0xFFFFFFFF
#: Key of no row, below that of every similarity.
EMPTY = -(2**63)


def best_nearest_rows() -> Callable[..., Neighbors]:
    """The search for ``transfer_embeddings``: on the GPU if torch sees one, else the numpy one."""
    import torch

    return partial(nearest_rows_torch, device="cuda") if torch.cuda.is_available() else nearest_rows


def nearest_rows_torch(
    target: np.ndarray,
    source: np.ndarray,
    k: int,
    *,
    rows: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
    include_zero_rows: bool = False,
    device: str = "cuda",
) -> Neighbors:
    """Find the k source rows of highest cosine for every target row, with torch.

    Parameters and result are those of ``nearest_rows``; similarities agree to 1e-5, and so do the ids wherever
    similarities differ by more than that. On the device it holds 1 GiB and the best of 8,192 rows at a time, whatever
    the size of the vocabularies.

    Parameters
    ----------
    target, source, k, rows, candidates, include_zero_rows
        As in ``nearest_rows``.
    device : str
        A device of torch, "cuda" or "cpu".

    Returns
    -------
    Neighbors
    """
    import torch

    search = Search(target, source, k, rows=rows, candidates=candidates, include_zero_rows=include_zero_rows)
    side = max(1, min(8192, int((TILE_BYTES // BYTES_A_VALUE) ** 0.5)))
    with torch.inference_mode(), _whole_float32():
        for start in range(0, len(search.target), side):
            wanted = torch.from_numpy(search.target.block(start, start + side)).to(device)
            best = torch.full((len(wanted), k), EMPTY, dtype=torch.int64, device=device)
            for first in range(0, len(search.source), side):
                offered = torch.from_numpy(search.source.block(first, first + side)).to(device)
                keys = _keys(wanted @ offered.T, first)
                keys = keys.topk(min(k, keys.shape[1]), dim=1, sorted=False).values
                best = torch.cat([best, keys], dim=1).topk(k, dim=1).values
            search.place(start, *_decoded(best))
    return Neighbors(search.ids, search.similarities)


def _keys(similarities: torch.Tensor, first: int) -> torch.Tensor:
    """One int64 for each similarity and the number of its source row: higher is nearer, and no two are equal."""
    import torch

    numbers = torch.arange(first, first + similarities.shape[1], dtype=torch.int64, device=similarities.device)
    return (_ordered((similarities + 0.0).view(torch.int32)).long() << 32) + (NUMBERS - numbers)


def _decoded(keys: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (int64, -1 for none) and similarities (float32) of keys, both (n, k)."""
    import torch

    similarities = _ordered((keys >> 32).int()).view(torch.float32)
    numbers = (NUMBERS - (keys & NUMBERS)).masked_fill(keys == EMPTY, -1)
    return numbers.cpu().numpy(), similarities.cpu().numpy()


def _ordered(bits: torch.Tensor) -> torch.Tensor:
    """Turn the bits of float32 into int32 of the same order, and back: below zero, larger bits are smaller values."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Keep products from being rounded to TF32 (10 bits of mantissa), whatever the process has chosen."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
