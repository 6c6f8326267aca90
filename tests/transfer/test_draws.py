"""Rows that no source row makes: hand-computed, planted moments, and blocks that do not change them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from wechsel_core.transfer.draws import DrawRows, InitializerDraw, MeanDraw, MultivariateDraw, NormalDraw

MATRIX = np.array([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]], dtype=np.float32)
DRAWS: dict[str, DrawRows] = {
    "normal": NormalDraw,
    "multivariate": MultivariateDraw,
    "mean": MeanDraw,
    "initializer": partial(InitializerDraw, std=0.02),
}


def drawn(draw: DrawRows, matrix: np.ndarray, sizes: list[int], seed: int = 0) -> np.ndarray:
    """All rows of blocks of these sizes."""
    made, source = [], draw(matrix, seed)
    for size in sizes:
        out = np.full((size, matrix.shape[1]), np.nan, dtype=np.float32)
        source.next_rows(out, np.arange(size))
        made.append(out)
    return np.concatenate(made)


@pytest.mark.parametrize("name", DRAWS)
def test_blocks_and_unused_rows_change_nothing(name: str) -> None:
    """A row depends on its place and the seed alone; rows that are not asked for stay as they were."""
    whole = drawn(DRAWS[name], MATRIX, [9])
    np.testing.assert_array_equal(drawn(DRAWS[name], MATRIX, [4, 1, 4]), whole)
    out = np.full((9, 2), 7.0, dtype=np.float32)
    DRAWS[name](MATRIX, 0).next_rows(out, np.array([2, 8]))
    np.testing.assert_array_equal(out[[2, 8]], whole[[2, 8]])
    assert (np.delete(out, [2, 8], axis=0) == 7.0).all()
    assert (drawn(DRAWS[name], MATRIX, [9], seed=1) == whole).all() == (name == "mean")


def test_mean_by_hand() -> None:
    np.testing.assert_array_equal(drawn(MeanDraw, MATRIX, [2]), [[3.0, 20.0]] * 2)


def test_initializer_has_mean_zero_and_leaves_a_bias_at_zero() -> None:
    """Whatever the source rows are like; one column is a bias."""
    draw = partial(InitializerDraw, std=0.5)
    rows = drawn(draw, MATRIX, [20_000])
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(rows.std(axis=0), 0.5, atol=0.02)
    assert not drawn(draw, MATRIX[:, :1], [5]).any()


def test_multivariate_keeps_the_covariance() -> None:
    """Planted: the second column is twice the first plus one, in every draw; Normal alone loses that."""
    first = np.random.default_rng(0).normal(2.0, 3.0, size=500)
    matrix = np.stack([first, 2 * first + 1, np.full(500, 4.0)], axis=1).astype(np.float32)
    rows = drawn(MultivariateDraw, matrix, [20_000]).astype(np.float64)
    np.testing.assert_allclose(rows[:, 1], 2 * rows[:, 0] + 1, atol=1e-3)
    np.testing.assert_allclose(rows[:, 2], 4.0, atol=1e-3)
    np.testing.assert_allclose(np.cov(rows[:, :2].T), np.cov(matrix[:, :2].T), rtol=0.05)
    np.testing.assert_allclose(rows.mean(axis=0), matrix.mean(axis=0), atol=0.15)
    apart = drawn(NormalDraw, matrix, [20_000]).astype(np.float64)
    assert abs(np.corrcoef(apart[:, :2].T)[0, 1]) < 0.05


def test_multivariate_of_fewer_rows_than_dimensions() -> None:
    """Two rows span a line: every draw lies on it, and all values are finite."""
    matrix = np.random.default_rng(1).normal(size=(2, 6)).astype(np.float32)
    rows = drawn(MultivariateDraw, matrix, [50]) - matrix.mean(axis=0)
    line = (matrix[1] - matrix[0]) / np.linalg.norm(matrix[1] - matrix[0])
    np.testing.assert_allclose(rows, np.outer(rows @ line, line), atol=1e-5)


def test_multivariate_of_one_column_is_normal() -> None:
    np.testing.assert_allclose(
        drawn(MultivariateDraw, MATRIX[:, :1], [5]), drawn(NormalDraw, MATRIX[:, :1], [5]), rtol=1e-6
    )
