"""Orthogonal alignment: hand-computed, a planted rotation, the singular value decomposition as oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory_vectors import random_rotation
from wechsel_core.numerics.align import fit_alignment

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def test_hand_computed_quarter_turn() -> None:
    """(1, 0) -> (0, 1) and (0, 1) -> (-1, 0): R = [[0, 1], [-1, 0]], applied from the right; nothing left over."""
    fitted = fit_alignment(np.eye(2), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(fitted.rotation, [[0, 1], [-1, 0]], atol=1e-12)
    assert fitted.relative_residual == pytest.approx(0, abs=1e-12) and fitted.n_pairs == 2


def test_hand_computed_residual() -> None:
    """(1, 0) onto (0, 2): a rotation keeps length 1, so ||(0, 1) - (0, 2)|| / ||(0, 2)|| = 1/2."""
    fitted = fit_alignment(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]]))
    np.testing.assert_allclose(np.array([1.0, 0.0]) @ fitted.rotation, [0, 1], atol=1e-12)
    assert fitted.relative_residual == pytest.approx(0.5)


def test_neither_centred_nor_normalised() -> None:
    """(3, 0) and (0, 1) onto (3, 0) and (1, 0) by hand: A'B = [[9, 0], [1, 0]], so R turns (9, 1) to (1, 0).

    Of the two orthogonal maps that do so both fit equally well; the first column of R is (9, 1) / sqrt(82).
    Normalised rows would give (1, 1) / sqrt(2), centred ones another line again.
    """
    fitted = fit_alignment(np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[3.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(fitted.rotation[:, 0], np.array([9, 1]) / np.sqrt(82), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recovers_a_planted_rotation(dtype: type) -> None:
    rng, rotation = np.random.default_rng(0), random_rotation(12)
    source = rng.normal(size=(200, 12)).astype(dtype)
    fitted = fit_alignment(source, (source @ rotation).astype(dtype))
    np.testing.assert_allclose(fitted.rotation, rotation, atol=1e-6)
    assert fitted.rotation.dtype == np.float64 and fitted.relative_residual < 1e-6


def test_planted_rotation_under_noise() -> None:
    """With noise of a tenth the rotation is found to some hundredths, and the residual is the noise's."""
    rng, rotation = np.random.default_rng(1), random_rotation(6)
    source = rng.normal(size=(2000, 6))
    fitted = fit_alignment(source, source @ rotation + 0.1 * rng.normal(size=source.shape))
    np.testing.assert_allclose(fitted.rotation, rotation, atol=0.02)
    assert fitted.relative_residual == pytest.approx(0.1 / np.sqrt(1.01), rel=0.05)


def test_unrelated_pairs_leave_sqrt_two() -> None:
    """Rows without common structure in many dimensions: the residual comes near sqrt(2), as the docstring says."""
    rng = np.random.default_rng(2)
    source, target = rng.normal(size=(20000, 4)), rng.normal(size=(20000, 4))
    assert fit_alignment(source, target).relative_residual == pytest.approx(np.sqrt(2), abs=0.03)


@QUICK
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), dim=st.integers(1, 6))
def test_orthogonal_and_optimal(seed: int, n: int, dim: int) -> None:
    """Orthogonal whatever the rank (fewer pairs than dimensions too), and no other rotation fits better.

    The least squared residual is ||A||^2 + ||B||^2 - 2 x the sum of the singular values of A'B.
    """
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(n, dim)), rng.normal(size=(n, dim))
    fitted = fit_alignment(source, target)
    np.testing.assert_allclose(fitted.rotation @ fitted.rotation.T, np.eye(dim), atol=1e-9)
    values = np.linalg.svd(source.T @ target, compute_uv=False)
    least = (source**2).sum() + (target**2).sum() - 2 * values.sum()
    assert fitted.relative_residual == pytest.approx(np.sqrt(max(least, 0) / (target**2).sum()), abs=1e-6)
    assert fitted.n_pairs == n


def test_fewer_pairs_than_dimensions_still_fit_their_pairs() -> None:
    rng, rotation = np.random.default_rng(3), random_rotation(10)
    source = rng.normal(size=(4, 10))
    fitted = fit_alignment(source, source @ rotation)
    np.testing.assert_allclose(source @ fitted.rotation, source @ rotation, atol=1e-9)
    assert fitted.n_pairs == 4 and not np.allclose(fitted.rotation, rotation, atol=1e-3)


def test_repeated_pair_counts_twice() -> None:
    """Twice the row is sqrt(2) times the row in the squared error."""
    rng = np.random.default_rng(4)
    source, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    scale = np.array([[np.sqrt(2)]] + [[1]] * 4)
    repeated = fit_alignment(np.vstack([source, source[:1]]), np.vstack([target, target[:1]]))
    np.testing.assert_allclose(repeated.rotation, fit_alignment(scale * source, scale * target).rotation, atol=1e-9)


def test_zero_target_has_no_scale() -> None:
    fitted = fit_alignment(np.ones((2, 2)), np.zeros((2, 2)))
    assert fitted.relative_residual == 0 and np.isfinite(fitted.rotation).all()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.ones((2, 3)), np.ones((2, 2))),
        (np.ones((2, 3)), np.ones((3, 3))),
        (np.ones((0, 3)), np.ones((0, 3))),
        (np.ones(3), np.ones(3)),
        (np.array([[np.nan, 1.0]]), np.ones((1, 2))),
        (np.ones((1, 2)), np.array([[np.inf, 1.0]])),
    ],
)
def test_refused(source: np.ndarray, target: np.ndarray) -> None:
    """Unlike shapes, no pair, one dimension, NaN, infinity."""
    with pytest.raises(ValueError):
        fit_alignment(source, target)
