"""Exact nearest rows by cosine, in blocks, with a defined order of ties."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from wechsel_core.numerics.parallel import one_blas_thread, run_blocks
from wechsel_core.numerics.rows import UnitRows

#: Target and source rows of the tile of similarities that a thread holds at once: 4 MB, which stays in the cache.
TILE_ROWS = 1024
TILE_COLUMNS = 1024
#: Bytes that the tiles and unit rows of all threads take together, at most.
WORKING_BYTES = 128 * 1024 * 1024
#: Similarities of one row that are looked at together: most hold no neighbour, and one comparison says so.
LANES = 64


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest source rows of every target row, nearest first; equal similarities by lower id.

    ``ids`` int64 and ``similarities`` float32, both (n_target, k). Where a target row is zero, or fewer than k
    source rows can be neighbours, the rest holds id -1 and similarity 0.
    """

    ids: np.ndarray
    similarities: np.ndarray


def nearest_rows(
    target: np.ndarray,
    source: np.ndarray,
    k: int,
    *,
    rows: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
    include_zero_rows: bool = False,
) -> Neighbors:
    """Find the k source rows of highest cosine for every target row.

    Exact, in float32. Beside the result it holds tiles of similarities and about 100 bytes a row, whatever the size
    of the vocabularies, if both matrices are float32 in C order (others are copied once). The number of threads
    does not change a bit.

    Parameters
    ----------
    target : ndarray, shape (n_target, dim)
    source : ndarray, shape (n_source, dim)
    k : int
        Neighbours a row, at least 1.
    rows : ndarray of int, shape (n_rows,), optional
        Target rows to search for, in the order of the result; all by default.
    candidates : ndarray of bool, shape (n_source,), optional
        Source rows that may be neighbours; all by default.
    include_zero_rows : bool
        Whether zero source rows count as candidates with cosine 0 (the reference package does so).

    Returns
    -------
    Neighbors
    """
    search = Search(target, source, k, rows=rows, candidates=candidates, include_zero_rows=include_zero_rows)
    height, width = min(TILE_ROWS, len(search.target)), min(TILE_COLUMNS, len(search.source))

    def find(start: int) -> None:
        wanted = search.target.block(start, start + TILE_ROWS)
        offered = np.empty((width, search.source.dim), dtype=np.float32)
        tile = np.empty(len(wanted) * width, dtype=np.float32)
        numbers = np.full((len(wanted), k), -1, dtype=np.int64)
        similarities = np.full((len(wanted), k), -np.inf, dtype=np.float32)
        for first in range(0, len(search.source), TILE_COLUMNS):
            block = search.source.block(first, first + TILE_COLUMNS, offered)
            shape = (len(wanted), len(block))
            products = np.matmul(wanted, block.T, out=tile[: shape[0] * shape[1]].reshape(shape))
            keep_best(products, first, numbers, similarities)
        search.place(start, numbers, similarities)

    a_thread = 4 * (height * width + (height + width) * search.source.dim + 3 * height * k)
    with one_blas_thread():
        run_blocks(find, range(0, len(search.target), TILE_ROWS), most=max(1, WORKING_BYTES // max(1, a_thread)))
    return Neighbors(search.ids, search.similarities)


class Search:
    """The distinct rows that a search compares, and its result as it fills.

    Attributes
    ----------
    target, source : UnitRows
        Directions to compare.
    ids, similarities
        As in ``Neighbors``.
    """

    def __init__(
        self,
        target: np.ndarray,
        source: np.ndarray,
        k: int,
        *,
        rows: np.ndarray | None,
        candidates: np.ndarray | None,
        include_zero_rows: bool,
    ) -> None:
        asked = np.arange(len(target)) if rows is None else np.asarray(rows, dtype=np.int64)
        allowed = np.arange(len(source)) if candidates is None else np.flatnonzero(candidates)
        self.target = UnitRows(target, asked, keep_zero=False)
        self.source = UnitRows(source, allowed, keep_zero=include_zero_rows)
        self.ids = np.full((len(asked), k), -1, dtype=np.int64)
        self.similarities = np.zeros((len(asked), k), dtype=np.float32)

    def place(self, start: int, numbers: np.ndarray, similarities: np.ndarray) -> None:
        """Write the k nearest directions of the target directions from ``start`` on as rows, duplicates included.

        Parameters
        ----------
        numbers : ndarray of int64, shape (n, k)
            Numbers of source directions, nearest first, equal similarities by lower number; -1 is none.
        similarities : ndarray of float32, shape (n, k)
        """
        offsets = self.target.offsets[start : start + len(numbers) + 1]
        _place(
            numbers, similarities, self.source.rows, self.source.offsets, self.target.places, offsets,
            self.ids, self.similarities,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def keep_best(
    tile: np.ndarray, first: int, numbers: np.ndarray, similarities: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Keep the k best of each row so far; columns come in rising order, so of equal values the earlier one stays.

    Parameters
    ----------
    tile : ndarray of float32, shape (n, n_columns)
        Similarities of columns ``first`` and up.
    numbers, similarities
        The best so far, nearest first, changed in place; -1 and -inf where there are fewer.
    """
    last = numbers.shape[1] - 1
    for row in range(tile.shape[0]):
        worst = similarities[row, last]
        for start in range(0, tile.shape[1], LANES):
            lanes = tile[row, start : start + LANES]
            n_better = np.int32(0)  # counted, not "or"ed: only this becomes one comparison of many at a time
            for lane in range(len(lanes)):
                n_better += np.int32(lanes[lane] > worst)
            if n_better == 0:
                continue
            for lane in range(len(lanes)):
                similarity = lanes[lane]
                if similarity > worst:
                    slot = last
                    while slot > 0 and similarities[row, slot - 1] < similarity:
                        similarities[row, slot] = similarities[row, slot - 1]
                        numbers[row, slot] = numbers[row, slot - 1]
                        slot -= 1
                    similarities[row, slot] = similarity
                    numbers[row, slot] = first + start + lane
                    worst = similarities[row, last]


@numba.njit(cache=True, nogil=True)
def _place(
    numbers: np.ndarray,
    similarities: np.ndarray,
    source_rows: np.ndarray,
    source_offsets: np.ndarray,
    places: np.ndarray,
    offsets: np.ndarray,
    out_ids: np.ndarray,
    out_similarities: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Put each direction's members in its stead, equal similarities by lower id, and repeat for equal targets."""
    k = numbers.shape[1]
    for direction in range(numbers.shape[0]):
        ids, values = out_ids[places[offsets[direction]]], out_similarities[places[offsets[direction]]]
        count = 0
        for rank in range(k):
            number, similarity = numbers[direction, rank], similarities[direction, rank]
            if number < 0 or (count == k and similarity < values[k - 1]):
                break
            for position in range(source_offsets[number], source_offsets[number + 1]):
                member = source_rows[position]
                if count == k and member > ids[k - 1]:
                    break  # members rise, so the rest of them rank lower still
                slot = count if count < k else k - 1
                while slot > 0 and values[slot - 1] == similarity and ids[slot - 1] > member:
                    ids[slot], values[slot] = ids[slot - 1], values[slot - 1]
                    slot -= 1
                ids[slot], values[slot] = member, similarity
                count = min(count + 1, k)
        for position in range(offsets[direction] + 1, offsets[direction + 1]):
            out_ids[places[position]] = ids
            out_similarities[places[position]] = values
