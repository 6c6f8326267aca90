"""The same mixture over the other matrices of a model, and the rows of tokens without one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from tests.numerics.threads import threads
from tests.transfer.cases import random_case
from wechsel_core.numerics import rows as numerics_rows
from wechsel_core.numerics import similarity
from wechsel_core.numerics.similarity import Neighbors, nearest_rows
from wechsel_core.transfer.result import TokenKind, TransferPlan, draw_fallback, new_rows, row_blocks
from wechsel_core.transfer.wechsel import plan_transfer, transfer_embeddings

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


def fallback_rows(matrix: np.ndarray, n_rows: int, *, seed: int, legacy: bool = False) -> np.ndarray:
    """The rows that the first tokens would draw, all of them."""
    rows = np.empty((n_rows, matrix.shape[1]), dtype=np.float32)
    draw_fallback(rows, np.arange(n_rows), matrix, seed=seed, legacy=legacy)
    return rows


def test_output_matrix_gets_the_same_mixture() -> None:
    """Untied models: laying the mixture over the output matrix is transferring onto it."""
    source, target, matrix = random_case(97)
    output = np.random.default_rng(1).normal(size=(25, 8)).astype(np.float32)
    target[4] = 0
    result = transfer_embeddings(source, target, matrix, copies={0: 2}, seed=3)
    rows = new_rows(output, result.neighbor_ids, result.weights, result.kind, seed=3)
    np.testing.assert_array_equal(rows, transfer_embeddings(source, target, output, copies={0: 2}, seed=3).matrix)
    assert rows.shape == (12, 8) and rows.dtype == np.float32


def test_untied_models_search_once() -> None:
    """The similarities are paid for once: the output matrix and a bias are laid over without another search."""
    source, target, matrix = random_case(98)
    searches = []

    def counted(*arguments: Any, **options: Any) -> Neighbors:
        searches.append(options["rows"])
        return nearest_rows(*arguments, **options)

    result = transfer_embeddings(source, target, matrix, nearest=counted)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(similarity, "Search")
        for other in (matrix * 2, matrix[:, :1]):
            new_rows(other, result.neighbor_ids, result.weights, result.kind, seed=0)
    assert searches == [None]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("values", [1, 16, 10**6])
def test_row_blocks_are_new_rows(legacy: bool, values: int) -> None:
    """To the bit, of blocks of one token, of two, of all; fallback rows before, between and after others."""
    source, target, matrix = random_case(99, dim=8)
    target[[0, 5, 6]] = 0
    plan = plan_transfer(source, target, copies={2: 24}, compat="reference" if legacy else None)
    rows = new_rows(matrix, plan.neighbor_ids, plan.weights, plan.kind, seed=3, legacy=legacy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerics_rows, "BLOCK_VALUES", values)
        blocks = list(row_blocks(matrix, plan, seed=3, legacy=legacy))
    assert len(blocks) == math.ceil(12 * 8 / max(values, 8))
    np.testing.assert_array_equal(np.concatenate(blocks), rows)


def test_a_block_of_drawn_rows_alone() -> None:
    """No source row is needed for it, and an empty selection is no error."""
    matrix = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    kind = np.full(4, TokenKind.FALLBACK, np.uint8)
    plan = TransferPlan(np.full((4, 1), -1), np.zeros((4, 1), np.float32), np.zeros((4, 1)), kind)
    (rows,) = row_blocks(matrix, plan, seed=3)
    np.testing.assert_array_equal(rows, new_rows(matrix, plan.neighbor_ids, plan.weights, kind, seed=3))


def test_bias_column_hand_computed() -> None:
    """Biases 1, 3 at weights 1/4 and 3/4: 2.5; a copied one: 3; a fallback one from Normal(2, 1) with the seed."""
    ids, weights = np.array([[0, 1], [1, -1], [-1, -1]]), np.array([[0.25, 0.75], [1, 0], [0, 0]])
    kind = np.array([TokenKind.MIXED, TokenKind.COPIED, TokenKind.FALLBACK], dtype=np.uint8)
    bias = np.array([[1.0], [3.0]], dtype=np.float32)
    rows = new_rows(bias, ids, weights, kind, seed=9)
    drawn = np.random.default_rng(9).normal(2.0, 1.0, (3, 1))[2, 0]
    np.testing.assert_allclose(rows, [[2.5], [3.0], [drawn]], rtol=1e-6)


def test_fallback_rows_depend_on_seed_and_id_alone() -> None:
    """Not on how many tokens there are, nor on which others fell back."""
    matrix = random_case(101)[2]
    few, many = fallback_rows(matrix, 4, seed=8), fallback_rows(matrix, 400, seed=8)
    np.testing.assert_array_equal(many[:4], few)
    ids, kind = np.full((4, 1), -1), np.full(4, TokenKind.FALLBACK, np.uint8)
    kind[1], ids[1] = TokenKind.COPIED, 0
    rows = new_rows(matrix, ids, np.array([[0.0], [1.0], [0.0], [0.0]]), kind, seed=8)
    np.testing.assert_array_equal(rows[[0, 2, 3]], few[[0, 2, 3]])
    assert not np.array_equal(fallback_rows(matrix, 4, seed=7), few)


@pytest.mark.parametrize("legacy", [False, True])
def test_fallback_rows_in_blocks_are_one_draw(legacy: bool) -> None:
    """A draw in blocks of two rows is numpy's draw at once, and rows in between are left alone."""
    matrix = random_case(104)[2]
    rng = np.random.RandomState(8) if legacy else np.random.default_rng(8)  # noqa: NPY002
    drawn = rng.normal(matrix.mean(axis=0), matrix.std(axis=0), (9, 5)).astype(np.float32)
    rows = np.full((9, 5), 7, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerics_rows, "BLOCK_VALUES", 10)
        draw_fallback(rows, np.array([1, 4, 5]), matrix, seed=8, legacy=legacy)
    np.testing.assert_array_equal(rows[[1, 4, 5]], drawn[[1, 4, 5]])
    assert (rows[[0, 2, 3, 6, 7, 8]] == 7).all()


@pytest.mark.parametrize("legacy", [False, True])
def test_fallback_rows_follow_the_matrix(legacy: bool) -> None:
    """Per dimension: mean 5 and deviation 0 stay 5; mean 0 and deviation 2 come out within sampling error."""
    matrix = np.column_stack([np.full(100, 5.0), np.tile([-2.0, 2.0], 50)])
    rows = fallback_rows(matrix, 4000, seed=0, legacy=legacy)
    assert (rows[:, 0] == 5).all() and abs(rows[:, 1].mean()) < 0.15 and rows[:, 1].std() == pytest.approx(2, rel=0.05)
    assert rows.dtype == np.float32


def test_fallback_rows_of_a_half_precision_matrix() -> None:
    """A model loaded as float16: 50,000 rows of deviation 0.02 must not become 0.013."""
    matrix = np.random.default_rng(0).normal(0.01, 0.02, (50_000, 2)).astype(np.float16)
    np.testing.assert_allclose(fallback_rows(matrix, 4000, seed=0).std(axis=0), 0.02, rtol=0.05)


def test_a_broken_source_row_does_not_spoil_every_fallback_row() -> None:
    """Some models keep NaN in rows that no token uses (mergekit's issue): either ValueError, or rows without NaN."""
    source, target, matrix = random_case(103)
    matrix[24], target[0] = np.nan, 0
    try:
        result = transfer_embeddings(source, target, matrix, candidates=np.arange(25) < 24)
    except ValueError:
        return
    assert np.isfinite(result.matrix).all()
