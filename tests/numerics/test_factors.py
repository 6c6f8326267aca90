"""Products and singular directions of a matrix read block by block, against numpy on the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest

from wechsel_core.numerics import rows as rows_module
from wechsel_core.numerics.factors import cross_products, singular_directions


@pytest.fixture(params=[1, 40, 10_000], autouse=True)
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "BLOCK_VALUES", request.param)


def test_cross_products() -> None:
    rng = np.random.default_rng(0)
    left, matrix, rows = rng.normal(size=(9, 4)), rng.normal(size=(20, 6)), rng.integers(0, 20, 9)
    np.testing.assert_allclose(cross_products(left, matrix, rows), left.T @ matrix[rows], atol=1e-12)


def test_directions_by_hand() -> None:
    """Rows along (3, 4) / 5 and, shorter, at right angles to it: those two, each with its largest entry above 0."""
    matrix = np.array([[-6.0, -8.0], [0.4, -0.3], [3.0, 4.0]])
    np.testing.assert_allclose(singular_directions(matrix, 2), [[0.6, 0.8], [0.8, -0.6]], atol=1e-12)
    np.testing.assert_allclose(singular_directions(matrix, 1), [[0.6], [0.8]], atol=1e-12)


@pytest.mark.parametrize("n_rows", [3, 30])
def test_directions_keep_as_much_as_any_can(n_rows: int) -> None:
    """The projection is numpy's best of that rank; with fewer rows than dimensions the rest is filled up."""
    matrix = np.random.default_rng(1).normal(size=(n_rows, 7))
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    for n in (1, 3, 7):
        directions = singular_directions(matrix, n)
        np.testing.assert_allclose(directions.T @ directions, np.eye(n), atol=1e-12)
        np.testing.assert_allclose(matrix @ directions @ directions.T, (u[:, :n] * s[:n]) @ v[:n], atol=1e-10)
        assert (directions[np.abs(directions).argmax(axis=0), np.arange(n)] > 0).all()
