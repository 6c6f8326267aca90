"""Rows made block by block from rows read as they are needed are the rows that are made at once."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transfer.cases import random_case
from wechsel_core.numerics import rows as numerics_rows
from wechsel_core.transfer.result import TokenKind, new_rows, row_blocks
from wechsel_core.transfer.wechsel import plan_transfer, transfer_embeddings


class Lazy:
    """A matrix that notes how many rows it was asked for at once."""

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix, self.shape, self.most = matrix, matrix.shape, 0

    def __len__(self) -> int:
        return len(self._matrix)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        found = self._matrix[rows]
        self.most = max(self.most, len(found))
        return found


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("values", [1, 5, 20, 10_000])
def test_blocks_are_new_rows(values: int, legacy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With copied rows, and fallback rows at both ends and in the middle."""
    source, target, matrix = random_case(5, n_target=30)
    target[[0, 13, 14, 28]] = 0
    plan = plan_transfer(source, target, neighbors=3, copies={2: 24, 29: 0})
    assert set(plan.kind) == {TokenKind.MIXED, TokenKind.COPIED, TokenKind.FALLBACK}
    expected = new_rows(matrix, plan.neighbor_ids, plan.weights, plan.kind, seed=4, legacy=legacy)
    monkeypatch.setattr(numerics_rows, "BLOCK_VALUES", values)
    lazy = Lazy(matrix)
    blocks = list(row_blocks(lazy, plan, seed=4, legacy=legacy))
    assert len(blocks) == -(-30 // max(1, min(30, values // 5)))
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    assert values > 20 or lazy.most <= 3 * max(1, values // 5), "only what a block's tokens mix is read"


@pytest.mark.parametrize("compat", [None, "reference"])
def test_a_plan_and_its_rows_are_the_transfer(compat: str | None) -> None:
    source, target, matrix = random_case(6)
    target[3] = 0
    whole = transfer_embeddings(source, target, matrix, seed=9, compat=compat)
    plan = plan_transfer(source, target, compat=compat)
    for name in ("neighbor_ids", "similarities", "weights", "kind"):
        np.testing.assert_array_equal(getattr(plan, name), getattr(whole, name))
    reference = compat == "reference"
    rows = np.concatenate(list(row_blocks(matrix, plan, seed=1234 if reference else 9, legacy=reference)))
    np.testing.assert_array_equal(rows, whole.matrix)


def test_no_fallback_reads_no_more_than_it_mixes() -> None:
    """The moments of the whole matrix are taken only for tokens that need them."""
    source, target, matrix = random_case(7, n_source=200, n_target=4)
    lazy = Lazy(matrix)
    list(row_blocks(lazy, plan_transfer(source, target, neighbors=2), seed=0))
    assert lazy.most <= 8
