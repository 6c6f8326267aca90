"""What a method returns, and how the same mixture is laid over another matrix of the model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from wechsel_core.numerics.weighting import mix_rows


class TokenKind(IntEnum):
    """Where a target row comes from."""

    MIXED = 0  #: weighted mean of its neighbours' source rows
    COPIED = 1  #: one source row, taken over by role or by equal special token
    FALLBACK = 2  #: drawn from the source matrix's Normal: no static vector, or no candidate
    BYTE_PIECE = 3  #: copied from the same byte piece of the source


@dataclass(frozen=True, eq=False)
class TransferResult:
    """New rows with their provenance.

    Attributes
    ----------
    matrix : ndarray of float32, shape (n_target_tokens, dim)
    neighbor_ids : ndarray of int64, shape (n_target_tokens, n_stored)
        Source tokens by falling similarity; -1 is an empty place.
    similarities : ndarray of float32, shape (n_target_tokens, n_stored)
    weights : ndarray of float64, shape (n_target_tokens, n_stored)
        0 beyond the k that were mixed. A copied row has its source token alone, at weight 1.
    kind : ndarray of uint8, shape (n_target_tokens,)
        ``TokenKind`` values.
    """

    matrix: np.ndarray
    neighbor_ids: np.ndarray
    similarities: np.ndarray
    weights: np.ndarray
    kind: np.ndarray


def new_rows(
    source_matrix: np.ndarray,
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    kind: np.ndarray,
    *,
    seed: int,
    legacy: bool = False,
) -> np.ndarray:
    """Lay one mixture over a source matrix: input embeddings, output embeddings, or a bias as one column.

    Parameters
    ----------
    source_matrix : ndarray, shape (n_source_tokens, dim)
    neighbor_ids, weights, kind
        As in ``TransferResult``.
    seed, legacy
        Of the fallback rows' draw (see ``fallback_rows``).

    Returns
    -------
    ndarray of float32, shape (n_target_tokens, dim)
    """
    out = mix_rows(source_matrix, neighbor_ids, weights)
    rows = np.flatnonzero(kind == TokenKind.FALLBACK)
    if len(rows):
        out[rows] = fallback_rows(source_matrix, len(out), seed=seed, legacy=legacy)[rows]
    return out


def fallback_rows(source_matrix: np.ndarray, n_rows: int, *, seed: int, legacy: bool = False) -> np.ndarray:
    """Rows from Normal(mean, std) per dimension of the source matrix, float32, shape (n_rows, dim).

    One row is drawn for every target token, used or not, so that a token's row depends on its id and the seed
    alone. ``legacy`` draws from ``RandomState`` in place of the generator, the reference's way.
    """
    source_matrix = source_matrix.astype(np.float32, copy=False)  # half precision loses the sum of 50,000 squares
    mean, std = source_matrix.mean(axis=0), source_matrix.std(axis=0)
    shape = (n_rows, source_matrix.shape[1])
    rng = np.random.RandomState(seed) if legacy else np.random.default_rng(seed)  # noqa: NPY002
    return rng.normal(mean, std, shape).astype(np.float32)
