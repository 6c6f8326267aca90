"""CLP-Transfer: every row is a mean of all shared rows, weighted by how similar a helper model finds the tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

import numpy as np

from wechsel_core.numerics.factors import cross_products
from wechsel_core.numerics.rows import Rows, blocks_of, normalize_rows
from wechsel_core.transfer.method import (
    Initialisation,
    Materials,
    Method,
    Parts,
    always,
    helper_anchors,
    mixture,
    need_shared_tokens,
)
from wechsel_core.transfer.result import TokenKind, TransferPlan, row_blocks

#: Shared tokens of largest weight that the plan names; the row is made of all of them.
SHOWN = 50
#: Mean cosine, as a share of the cosines' root mean square, below which they cancel out and the weights would explode.
SMALLEST_MEAN = 0.01


def initialise(materials: Materials) -> Initialisation:
    """Shared tokens as they are; a mean of them all by cosine; a draw where the cosines cancel out."""
    shared, anchors, source_ids, asked = helper_anchors(materials)
    helper = normalize_rows(materials.helper_rows)  # type: ignore[arg-type]
    basis = helper[anchors]  # (n_anchors, helper_dim)
    sums, steady = _sums(helper[asked], basis)
    tokens, sums = asked[steady], sums[steady]
    signs = np.sign(sums).astype(np.float32)
    # Where the sum is below 0, the least similar token has the largest weight.
    found = materials.nearest(helper[tokens] * signs[:, None], basis, min(SHOWN, len(anchors)))
    cosines = found.similarities * signs[:, None]
    mixed = {
        int(token): Parts(source_ids[found.ids[i]], cosines[i] / sums[i], cosines[i]) for i, token in enumerate(tokens)
    }
    plan = mixture(materials, mixed, copied=shared)
    n_drawn = len(asked) - len(tokens)
    note = f"Tokens whose similarities to the shared tokens cancel out, so that their rows are drawn: {n_drawn}."
    factors = np.zeros(len(plan.kind))
    factors[tokens] = 1.0 / sums
    rows = partial(_rows, plan, helper, anchors, source_ids, factors)
    return Initialisation(plan, rows, (note,) if n_drawn else ())


def _sums(wanted: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of each token's cosines to all anchors, and whether they leave enough of it; without the cosines themselves."""
    total, products = basis.sum(axis=0, dtype=np.float64), cross_products(basis, basis, np.arange(len(basis)))
    sums, squares = np.empty(len(wanted)), np.empty(len(wanted))
    for block in blocks_of(*wanted.shape):
        rows = wanted[block].astype(np.float64)
        sums[block], squares[block] = rows @ total, ((rows @ products) * rows).sum(axis=1)
    return sums, np.abs(sums) > SMALLEST_MEAN * np.sqrt(np.maximum(squares, 0.0) * len(basis))


def _rows(
    plan: TransferPlan,
    helper: np.ndarray,
    anchors: np.ndarray,
    source_ids: np.ndarray,
    factors: np.ndarray,
    matrix: Rows,
    seed: int,
) -> Iterator[np.ndarray]:
    """The sum over all anchors o of cos(t, o) E_o is h_t (sum of h_o E_o): one small matrix serves every token."""
    products = cross_products(helper[anchors], matrix, source_ids)  # (helper_dim, dim)
    mixed = plan.kind == TokenKind.MIXED
    others = dataclasses.replace(plan, weights=np.where(mixed[:, None], 0.0, plan.weights))
    start = 0
    for block in row_blocks(matrix, others, seed=seed):
        made = start + np.flatnonzero(mixed[start : start + len(block)])
        block[made - start] = (helper[made] @ products) * factors[made, None]
        start += len(block)
        yield block


METHOD = Method(
    title="CLP-Transfer",
    sentence="A token that English has too keeps its row; every other row is the mean of all those rows, weighted by the "
    "cosine of the tokens in a helper model of the new language.",
    reference="Ostendorff & Rehm (2023), Efficient Language Model Training through Cross-Lingual and Progressive "
    "Transfer Learning.",
    initialise=initialise,
    needs=always("helper"),
    check=need_shared_tokens,
    options=("helper",),
)
