"""Exact nearest rows by cosine, in blocks, with a defined order of ties."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

#: Rows of the similarity block that is held at once, times the number of source rows, in float32 values.
BLOCK_VALUES = 32 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest source rows of every target row, nearest first; equal similarities by lower id.

    ``ids`` int64 and ``similarities`` float32, both (n_target, k). Where a target row is zero, or fewer than k
    source rows can be neighbours, the rest holds id -1 and similarity 0.
    """

    ids: np.ndarray
    similarities: np.ndarray


def normalize_rows(matrix: np.ndarray) -> np.ndarray:
    """Rows at length one, float32; zero rows stay zero."""
    matrix = np.asarray(matrix, dtype=np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    norms[norms == 0] = 1.0
    return np.asarray(matrix / norms[:, None], dtype=np.float32)


def nearest_rows(
    target: np.ndarray,
    source: np.ndarray,
    k: int,
    *,
    candidates: np.ndarray | None = None,
    include_zero_rows: bool = False,
) -> Neighbors:
    """Find the k source rows of highest cosine for every target row.

    Rows that are equal to the bit are computed once: tokens that differ in a leading space share a static
    vector, and the same vector must give the same cosine wherever it stands in a block.

    Parameters
    ----------
    target : ndarray, shape (n_target, dim)
    source : ndarray, shape (n_source, dim)
    k : int
        Neighbours a row, at least 1.
    candidates : ndarray of bool, shape (n_source,), optional
        Source rows that may be neighbours; all by default.
    include_zero_rows : bool
        Whether zero source rows count as candidates with cosine 0 (the reference package does so).

    Returns
    -------
    Neighbors
    """
    allowed = np.ones(len(source), dtype=bool) if candidates is None else np.asarray(candidates, dtype=bool).copy()
    if not include_zero_rows:
        allowed &= np.any(source, axis=1)
    ids = np.full((len(target), k), -1, dtype=np.int64)
    similarities = np.zeros((len(target), k), dtype=np.float32)
    wanted = np.flatnonzero(np.any(target, axis=1))
    allowed_ids = np.flatnonzero(allowed)
    if not len(wanted) or not len(allowed_ids):
        return Neighbors(ids, similarities)

    unique_target, target_of = distinct_rows(normalize_rows(target[wanted]))
    unique_source, source_of = distinct_rows(normalize_rows(source[allowed_ids]))
    # Members of each distinct source row, ids ascending, as one array with offsets.
    members = allowed_ids[np.argsort(source_of, kind="stable")]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(source_of, minlength=len(unique_source)))])

    found_ids = np.full((len(unique_target), k), -1, dtype=np.int64)
    found_similarities = np.zeros((len(unique_target), k), dtype=np.float32)
    rows = max(1, min(len(unique_target), BLOCK_VALUES // len(unique_source)))
    transposed = np.ascontiguousarray(unique_source.T)
    for start in range(0, len(unique_target), rows):
        block = unique_target[start : start + rows] @ transposed
        stop = start + len(block)
        _scan(block, members, offsets, found_ids[start:stop], found_similarities[start:stop])
    ids[wanted], similarities[wanted] = found_ids[target_of], found_similarities[target_of]
    return Neighbors(ids, similarities)


def distinct_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows in order of first appearance, and for each row the number of its distinct one.

    Parameters
    ----------
    matrix : ndarray, shape (n_rows, dim)

    Returns
    -------
    distinct : ndarray, shape (n_distinct, dim)
    number : ndarray of int64, shape (n_rows,)
        ``distinct[number]`` is ``matrix``.
    """
    matrix = np.ascontiguousarray(matrix + 0.0)  # -0.0 and 0.0 are one value but not the same bytes
    keys = matrix.view(np.dtype((np.void, matrix.dtype.itemsize * matrix.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return matrix[first[order]], position[inverse.ravel()]


@numba.njit(parallel=True, cache=True, nogil=True)
def _scan(
    block: np.ndarray, members: np.ndarray, offsets: np.ndarray, ids: np.ndarray, similarities: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Keep the k best of each row in one pass: a value below the running k-th best is never looked at twice."""
    k = ids.shape[1]
    for row in numba.prange(block.shape[0]):
        count = 0
        worst = np.float32(-2.0)
        for unique in range(block.shape[1]):
            similarity = block[row, unique]
            if count == k and similarity < worst:
                continue
            for position in range(offsets[unique], offsets[unique + 1]):
                member = members[position]
                if count == k and (similarity < worst or (similarity == worst and member > ids[row, k - 1])):
                    break  # members rise, so the rest of them rank lower still
                slot = count if count < k else k - 1
                while slot > 0 and (
                    similarities[row, slot - 1] < similarity
                    or (similarities[row, slot - 1] == similarity and ids[row, slot - 1] > member)
                ):
                    similarities[row, slot] = similarities[row, slot - 1]
                    ids[row, slot] = ids[row, slot - 1]
                    slot -= 1
                similarities[row, slot] = similarity
                ids[row, slot] = member
                if count < k:
                    count += 1
                worst = similarities[row, k - 1] if count == k else np.float32(-2.0)
