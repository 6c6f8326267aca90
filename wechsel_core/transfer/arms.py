"""What a training arm's embeddings are made of: WECHSEL's own mixture, or one that lacks a part of it.

The controls keep everything but one thing: ``random-neighbors`` keeps the weights and loses the choice of neighbours,
``permuted`` keeps every row and loses which token it belongs to. What WECHSEL gains over them comes from the alignment.
"""

from __future__ import annotations

import numpy as np

from wechsel_core.transfer.result import TokenKind, TransferPlan


def drawn_plan(n_target: int) -> TransferPlan:
    """Every row drawn from the source matrix's Normal, per dimension: the new embeddings of TransInner.

    Parameters
    ----------
    n_target : int

    Returns
    -------
    TransferPlan
        Without neighbours; all rows of kind FALLBACK.
    """
    return TransferPlan(
        np.full((n_target, 1), -1, np.int64),
        np.zeros((n_target, 1), np.float32),
        np.zeros((n_target, 1)),
        np.full(n_target, TokenKind.FALLBACK, np.uint8),
    )


def random_neighbors_plan(plan: TransferPlan, n_source: int, rng: np.random.Generator) -> TransferPlan:
    """Replace the neighbours of every mixed row by source rows drawn by chance; weights stay.

    Parameters
    ----------
    plan : TransferPlan
    n_source : int
        Source tokens to draw from, all alike.
    rng : numpy.random.Generator

    Returns
    -------
    TransferPlan
        Copied, fallback and byte-piece rows as they were.
    """
    ids = plan.neighbor_ids.copy()
    drawn = rng.integers(0, n_source, ids.shape)
    replaced = (plan.kind == TokenKind.MIXED)[:, None] & (ids >= 0)
    ids[replaced] = drawn[replaced]
    return TransferPlan(ids, plan.similarities, plan.weights, plan.kind)


def permuted_plan(plan: TransferPlan, rng: np.random.Generator) -> TransferPlan:
    """Deal the mixed rows to other tokens: the same set of rows, none at its place but by chance.

    Parameters
    ----------
    plan : TransferPlan
    rng : numpy.random.Generator

    Returns
    -------
    TransferPlan
        Copied, fallback and byte-piece rows as they were.
    """
    mixed = np.flatnonzero(plan.kind == TokenKind.MIXED)
    order = np.arange(len(plan.kind))
    order[mixed] = rng.permutation(mixed)
    return TransferPlan(plan.neighbor_ids[order], plan.similarities[order], plan.weights[order], plan.kind)
