"""From similarities to weights, and from weights to new rows."""

from __future__ import annotations

import numba
import numpy as np
from scipy.special import entr

from wechsel_core.numerics.parallel import run_blocks
from wechsel_core.numerics.rows import Rows, blocks_of

#: Tokens whose rows a thread mixes in one go.
MIXED_ROWS = 1024


def softmax_weights(similarities: np.ndarray, ids: np.ndarray, *, neighbors: int, temperature: float) -> np.ndarray:
    """Softmax of similarity / temperature over the first ``neighbors`` columns, in the stable form.

    Parameters
    ----------
    similarities : ndarray, shape (n_tokens, n_stored)
        Falling along a row.
    ids : ndarray of int, shape (n_tokens, n_stored)
        -1 marks an empty place, which gets weight 0.
    neighbors : int
        How many columns take part; raising it flattens the mixture.
    temperature : float
        Above 0. Raising it flattens the weights; towards 0 the nearest neighbour takes all.

    Returns
    -------
    ndarray of float64, shape (n_tokens, n_stored)
        Rows sum to 1, or to 0 where a token has no neighbour at all; columns beyond ``neighbors`` are 0.
    """
    weights = np.zeros(similarities.shape, dtype=np.float64)
    for block in blocks_of(*similarities.shape):
        taking_part = ids[block, :neighbors] >= 0
        scaled = np.where(taking_part, similarities[block, :neighbors].astype(np.float64) / temperature, -np.inf)
        peak = np.max(scaled, axis=1, keepdims=True, initial=-np.inf)
        raw = np.exp(scaled - np.where(np.isfinite(peak), peak, 0.0))
        total = raw.sum(axis=1, keepdims=True)
        np.divide(raw, total, out=weights[block, :neighbors], where=total > 0)
    return weights


def sparsemax_weights(similarities: np.ndarray, ids: np.ndarray, *, neighbors: int, temperature: float) -> np.ndarray:
    """Sparsemax of similarity / temperature over the first ``neighbors`` columns: like softmax, but far ones get 0.

    The nearest point of the probability simplex: ``weight = max(score - threshold, 0)``, the threshold being such that
    the weights sum to 1. Parameters and result are those of ``softmax_weights``.

    References
    ----------
    Martins & Astudillo (2016), From Softmax to Sparsemax, ICML, algorithm 1.
    """
    weights = np.zeros(similarities.shape, dtype=np.float64)
    for block in blocks_of(*similarities.shape):
        taking_part = ids[block, :neighbors] >= 0
        scores = np.where(taking_part, similarities[block, :neighbors].astype(np.float64) / temperature, -np.inf)
        weights[block, :neighbors] = sparsemax(scores)
    return weights


def sparsemax(scores: np.ndarray) -> np.ndarray:
    """Sparsemax of each row.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_rows, n)
        In any order; -inf takes no part.

    Returns
    -------
    ndarray of float64, shape (n_rows, n)
        Rows sum to 1, or to 0 where nothing takes part.
    """
    falling = -np.sort(-scores, axis=1)  # (n_rows, n)
    finite = np.isfinite(falling)
    sums = np.cumsum(np.where(finite, falling, 0.0), axis=1)
    counts = np.arange(1, scores.shape[1] + 1)
    # The support is the longest run of scores above the threshold that they would have themselves.
    support = ((1.0 + counts * np.where(finite, falling, -np.inf) > sums) & finite).sum(axis=1)
    last = np.maximum(support - 1, 0)[:, None]
    threshold = (np.take_along_axis(sums, last, axis=1) - 1.0) / np.maximum(support, 1)[:, None]
    kept = np.isfinite(scores) & (support > 0)[:, None]
    return np.asarray(np.where(kept, np.maximum(scores - threshold, 0.0), 0.0))


def effective_neighbors(weights: np.ndarray) -> np.ndarray:
    """exp(entropy) of each row of weights: 1 = one neighbour takes all, k = all k alike; 0 without neighbours.

    Weights that do not sum to 1 or that take rows away count by their share of the row's absolute weight.
    """
    effective = np.zeros(len(weights), dtype=np.float64)
    for block in blocks_of(*weights.shape):
        some = np.abs(weights[block])
        total = some.sum(axis=1, keepdims=True)
        shares = np.divide(some, total, out=np.zeros(some.shape, np.float64), where=total > 0)
        effective[block] = np.where(total[:, 0] > 0, np.exp(entr(shares).sum(axis=1)), 0.0)
    return effective


def mix_rows(matrix: np.ndarray, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums of rows: ``out[t] = sum_j weights[t, j] * matrix[ids[t, j]]``.

    Parameters
    ----------
    matrix : ndarray, shape (n_source, dim)
    ids : ndarray of int, shape (n_tokens, n_stored)
        Entries with weight 0 are skipped, whatever their id.
    weights : ndarray, shape (n_tokens, n_stored)

    Returns
    -------
    ndarray of float32, shape (n_tokens, dim)
        Summed in float64, nearest neighbour first.

    Raises
    ------
    ValueError
        If an id is beyond the matrix: the compiled loop would read what lies behind it.
    """
    if ids.size and ids.max() >= len(matrix):
        raise ValueError(f"id {ids.max()} in a matrix of {len(matrix)} rows")
    out = np.empty((len(ids), matrix.shape[1]), dtype=np.float32)
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    ids, weights = ids.astype(np.int64, copy=False), weights.astype(np.float64, copy=False)

    def mix(start: int) -> None:
        block = slice(start, start + MIXED_ROWS)
        _mix(matrix, ids[block], weights[block], out[block])

    run_blocks(mix, range(0, len(ids), MIXED_ROWS))
    return out


def column_moments(matrix: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, float32, shape (dim,), summed in float32 as numpy does.

    The same bits as ``matrix.mean(axis=0)`` and ``matrix.std(axis=0)`` of a float32 matrix, which the reference
    package takes, without a difference of the size of the matrix. Half precision would lose the sum of 50,000
    squares, so other types are summed as float32 too.
    """
    mean, squares = np.zeros(matrix.shape[1], dtype=np.float32), np.zeros(matrix.shape[1], dtype=np.float32)
    n_rows = np.float32(len(matrix))
    blocks = blocks_of(len(matrix), matrix.shape[1])
    for block in blocks:
        _add_rows(matrix[block].astype(np.float32, order="C", copy=False), mean)
    mean /= n_rows
    for block in blocks:
        _add_squares(matrix[block].astype(np.float32, order="C", copy=False), mean, squares)
    return mean, np.sqrt(squares / n_rows)


@numba.njit(cache=True, nogil=True)
def _mix(matrix: np.ndarray, ids: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:  # pragma: no cover
    row = np.empty(matrix.shape[1], dtype=np.float64)
    for token in range(ids.shape[0]):
        row[:] = 0
        for place in range(ids.shape[1]):
            weight = weights[token, place]
            if weight != 0:
                source = ids[token, place]
                for column in range(matrix.shape[1]):
                    row[column] += weight * matrix[source, column]
        for column in range(matrix.shape[1]):
            out[token, column] = row[column]


@numba.njit(cache=True, nogil=True)
def _add_rows(block: np.ndarray, sums: np.ndarray) -> None:  # pragma: no cover - compiled
    for row in range(block.shape[0]):
        for column in range(block.shape[1]):
            sums[column] += block[row, column]


@numba.njit(cache=True, nogil=True)
def _add_squares(block: np.ndarray, mean: np.ndarray, sums: np.ndarray) -> None:  # pragma: no cover - compiled
    for row in range(block.shape[0]):
        for column in range(block.shape[1]):
            difference = block[row, column] - mean[column]
            sums[column] += difference * difference
