"""What a method returns, and how the same mixture is laid over another matrix of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from wechsel_core.numerics.rows import Rows, blocks_of
from wechsel_core.numerics.weighting import mix_rows
from wechsel_core.transfer.draws import Draw, DrawRows, NormalDraw


class TokenKind(IntEnum):
    """Where a target row comes from."""

    MIXED = 0  #: weighted mean of its neighbours' source rows
    COPIED = 1  #: one source row, taken over by role or by equal special token
    FALLBACK = 2  #: drawn (by WECHSEL from the source matrix's Normal): nothing tells which source rows to mix
    BYTE_PIECE = 3  #: copied from the same byte piece of the source


@dataclass(frozen=True, eq=False)
class TransferPlan:
    """Which source rows make which target row, before any row is made.

    Attributes
    ----------
    neighbor_ids : ndarray of int64, shape (n_target_tokens, n_stored)
        Source tokens by falling similarity; -1 is an empty place.
    similarities : ndarray of float32, shape (n_target_tokens, n_stored)
    weights : ndarray of float64, shape (n_target_tokens, n_stored)
        0 beyond those that were mixed. A copied row has its source token alone, at weight 1.
    kind : ndarray of uint8, shape (n_target_tokens,)
        ``TokenKind`` values.
    draw : callable
        Where fallback rows are drawn from.
    """

    neighbor_ids: np.ndarray
    similarities: np.ndarray
    weights: np.ndarray
    kind: np.ndarray
    draw: DrawRows = NormalDraw


@dataclass(frozen=True, eq=False)
class TransferResult:
    """New rows with their provenance: ``matrix``, float32, (n_target_tokens, dim), and a ``TransferPlan``'s arrays."""

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
        As in ``TransferPlan``.
    seed, legacy
        Of the fallback rows' draw (see ``draw_fallback``).

    Returns
    -------
    ndarray of float32, shape (n_target_tokens, dim)
    """
    out = mix_rows(source_matrix, neighbor_ids, weights)
    draw_fallback(out, np.flatnonzero(kind == TokenKind.FALLBACK), source_matrix, seed=seed, legacy=legacy)
    return out


def row_blocks(source_matrix: Rows, plan: TransferPlan, *, seed: int, legacy: bool = False) -> Iterator[np.ndarray]:
    """``new_rows`` a block at a time, from the first target token on, of a matrix that is read as it is needed.

    Parameters
    ----------
    source_matrix : Rows
        An array, or anything with a ``shape`` that gives float32 rows for a slice or an array of ids.
    plan : TransferPlan
    seed, legacy
        As in ``new_rows``.

    Yields
    ------
    ndarray of float32, shape (n, dim)
        1 M values or so; what is held at once is about k times that.
    """
    fallback_ids = np.flatnonzero(plan.kind == TokenKind.FALLBACK)
    n_drawn = int(fallback_ids[-1]) + 1 if len(fallback_ids) else 0
    draw: Draw | None = None
    if n_drawn:
        draw = NormalDraw(source_matrix, seed, legacy=True) if legacy else plan.draw(source_matrix, seed)
    for block in blocks_of(len(plan.kind), source_matrix.shape[1]):
        weights = plan.weights[block]
        used = weights != 0  # a method may take a row away
        needed, places = np.unique(plan.neighbor_ids[block][used], return_inverse=True)
        local = np.zeros(weights.shape, dtype=np.int64)
        local[used] = places
        if len(needed):
            rows = mix_rows(source_matrix[needed], local, weights)
        else:  # every row of the block is drawn
            rows = np.zeros((len(weights), source_matrix.shape[1]), np.float32)
        if draw and block.start < n_drawn:
            draw.next_rows(rows, np.flatnonzero(plan.kind[block] == TokenKind.FALLBACK))
        yield rows


def draw_fallback(
    out: np.ndarray, token_ids: np.ndarray, source_matrix: np.ndarray, *, seed: int, legacy: bool = False
) -> None:
    """Write rows from Normal(mean, std) per dimension of the source matrix into some rows of ``out``.

    Parameters
    ----------
    out : ndarray of float32, shape (n_target_tokens, dim)
    token_ids : ndarray of int64, shape (n_fallback,)
        Rising.
    source_matrix : ndarray, shape (n_source_tokens, dim)
    seed : int
    legacy : bool
        See ``NormalDraw``.
    """
    if not len(token_ids):
        return
    draw = NormalDraw(source_matrix, seed, legacy=legacy)
    for block in blocks_of(int(token_ids[-1]) + 1, out.shape[1]):
        used = token_ids[np.searchsorted(token_ids, block.start) : np.searchsorted(token_ids, block.stop)]
        draw.next_rows(out[block], used - block.start)
