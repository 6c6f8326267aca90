"""From similarities to weights, and from weights to new rows."""

from __future__ import annotations

import numba
import numpy as np


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
    taking_part = ids[:, :neighbors] >= 0
    scaled = np.where(taking_part, similarities[:, :neighbors].astype(np.float64) / temperature, -np.inf)
    peak = np.max(scaled, axis=1, keepdims=True, initial=-np.inf)
    raw = np.exp(scaled - np.where(np.isfinite(peak), peak, 0.0))
    total = raw.sum(axis=1, keepdims=True)
    weights = np.zeros(similarities.shape, dtype=np.float64)
    weights[:, :neighbors] = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    return weights


def effective_neighbors(weights: np.ndarray) -> np.ndarray:
    """exp(entropy) of each row of weights: 1 = one neighbour takes all, k = all k alike; 0 without neighbours."""
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    return np.where(weights.sum(axis=1) > 0, np.exp(-(weights * logs).sum(axis=1)), 0.0)


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
    """
    out = np.empty((len(ids), matrix.shape[1]), dtype=np.float32)
    _mix(np.ascontiguousarray(matrix, dtype=np.float32), ids.astype(np.int64), weights.astype(np.float64), out)
    return out


@numba.njit(parallel=True, cache=True, nogil=True)
def _mix(matrix: np.ndarray, ids: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:  # pragma: no cover
    for token in numba.prange(ids.shape[0]):
        row = np.zeros(matrix.shape[1], dtype=np.float64)
        for place in range(ids.shape[1]):
            weight = weights[token, place]
            if weight > 0:
                source = ids[token, place]
                for column in range(matrix.shape[1]):
                    row[column] += weight * matrix[source, column]
        for column in range(matrix.shape[1]):
            out[token, column] = row[column]
