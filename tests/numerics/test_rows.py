"""Distinct rows, unit rows and checks in blocks, against Python's own dict and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.numerics import rows as rows_module
from wechsel_core.numerics.rows import UnitRows, all_finite, distinct_rows

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@QUICK
@given(
    values=st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-30]), min_size=2, max_size=2), max_size=40),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_distinct_rows_are_those_of_a_dict(values: list[list[float]], dtype: type) -> None:
    """In order of first appearance, -0.0 and 0.0 alike."""
    matrix = np.array(values, dtype=dtype).reshape(-1, 2)
    seen: dict[tuple[float, ...], int] = {}
    expected = [seen.setdefault(tuple(row), len(seen)) for row in matrix.tolist()]
    distinct, number = distinct_rows(matrix)
    assert number.tolist() == expected and distinct.dtype == dtype
    assert [tuple(row) for row in distinct.tolist()] == list(seen)
    assert not np.signbit(distinct[distinct == 0]).any()


def test_many_rows_are_told_apart() -> None:
    """50,000 rows, each twice, that differ from a common one in one of 300 places."""
    rng = np.random.default_rng(1)
    matrix = np.tile(rng.normal(size=300).astype(np.float32), (50_000, 1))
    places = rng.permutation(300 * 200)[:50_000]
    matrix[np.arange(50_000), places % 300] += (places // 300 + 1).astype(np.float32) / 64
    order = rng.permutation(np.repeat(np.arange(50_000), 2))
    distinct, number = distinct_rows(matrix[order])
    assert len(distinct) == 50_000
    first_seen = {row: None for row in order.tolist()}
    np.testing.assert_array_equal(distinct, matrix[list(first_seen)])
    np.testing.assert_array_equal(np.array(list(first_seen))[number], order)


def test_unit_rows_hand_computed() -> None:
    """Rows 5, 0 and 3 point to (0.6, 0.8), row 1 to (0, 1), row 2 nowhere; row 4 is not asked for."""
    matrix = np.array([[3, 4], [0, 2], [0, 0], [6, 8], [1, 0], [3, 4]], dtype=np.float32)
    units = UnitRows(matrix, np.array([5, 1, 0, 2, 3]), keep_zero=False)
    assert len(units) == 2 and units.offsets.tolist() == [0, 3, 4]
    assert units.rows.tolist() == [5, 0, 3, 1] and units.places.tolist() == [0, 2, 4, 1]
    np.testing.assert_allclose(units.block(0, 9), [[0.6, 0.8], [0, 1]], rtol=1e-7)
    assert len(UnitRows(matrix, np.array([5, 1, 0, 2, 3]), keep_zero=True)) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_found_in_any_block(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    monkeypatch.setattr(rows_module, "BLOCK_VALUES", 6)
    matrix = np.ones((7, 3), dtype=np.float32)
    assert all_finite(matrix) and all_finite(matrix[:0])
    for row in range(7):
        broken = matrix.copy()
        broken[row, row % 3] = value
        assert not all_finite(broken)
