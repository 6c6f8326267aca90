"""Combinations of anchor rows: hand-computed, scikit-learn and plain loops as oracles, planted truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.optimize import brentq

from tests.numerics.threads import threads
from wechsel_core.numerics import anchors as module
from wechsel_core.numerics import rows as rows_module
from wechsel_core.numerics.anchors import matching_pursuit, sparsemax_combinations


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


def rebuilt(places: np.ndarray, coefficients: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """What the chosen anchors add up to."""
    return np.einsum("rk,rkd->rd", coefficients, anchors[np.maximum(places, 0)])


def test_pursuit_by_hand() -> None:
    """(1, 1): inner products with a = (1, 0) and b = (0.6, 0.8) are 1 and 1.4, so b first: (1, 1) = 0.25 a + 1.25 b."""
    anchors = np.array([[1, 0], [0.6, 0.8]])
    places, coefficients = matching_pursuit(np.array([[1.0, 1.0], [-2.0, 0.0]]), anchors, 2)
    assert places.tolist() == [[1, 0], [0, -1]], "-2 a is met by a alone"
    np.testing.assert_allclose(coefficients, [[1.25, 0.25], [-2, 0]], atol=1e-12)
    places, coefficients = matching_pursuit(np.array([[1.0, 1.0]]), anchors, 1)
    assert places.tolist() == [[1]]
    np.testing.assert_allclose(coefficients, [[1.4]])


def test_a_longer_anchor_goes_first() -> None:
    places, coefficients = matching_pursuit(np.array([[1.0, 1.1]]), np.array([[10.0, 0], [0, 1]]), 1)
    assert places.tolist() == [[0]] and coefficients[0, 0] == pytest.approx(0.1)


def test_equal_anchors_zero_anchors_and_zero_rows() -> None:
    """Of equal anchors the first and no other, whatever their place; zero anchors never; a zero row of none."""
    anchors = np.array([[0.0, 0, 0], [0, 2, 0], [1, 0, 0], [0, 2, 0]])
    places, coefficients = matching_pursuit(np.array([[3.0, 4, 0], [0, 0, 0], [0, 0, 5]]), anchors, 4)
    assert places.tolist() == [[1, 2, -1, -1], [-1] * 4, [-1] * 4]
    np.testing.assert_allclose(coefficients[0], [2, 3, 0, 0])
    assert not coefficients[1:].any()


def test_a_combination_of_anchors_is_not_chosen() -> None:
    """Anchors of a plane: two at most are taken, and what they cannot reach is left."""
    rng = np.random.default_rng(0)
    anchors = np.hstack([rng.normal(size=(20, 2)), np.zeros((20, 1))])
    rows = rng.normal(size=(30, 3))
    places, coefficients = matching_pursuit(rows, anchors, 10)
    assert ((places >= 0).sum(axis=1) == 2).all() and np.isfinite(coefficients).all()
    np.testing.assert_allclose(rebuilt(places, coefficients, anchors)[:, :2], rows[:, :2], atol=1e-9)


@pytest.mark.parametrize("n_chosen", [1, 5, 12])
def test_pursuit_equals_scikit_learn(n_chosen: int) -> None:
    from sklearn.linear_model import orthogonal_mp

    rng = np.random.default_rng(n_chosen)
    anchors, rows = rng.normal(size=(40, 16)), rng.normal(size=(25, 16))
    places, coefficients = matching_pursuit(rows, anchors, n_chosen)
    dense = np.zeros((25, 40))
    np.put_along_axis(dense, places, coefficients, axis=1)
    np.testing.assert_allclose(dense, orthogonal_mp(anchors.T, rows.T, n_nonzero_coefs=n_chosen).T, atol=1e-8)


def test_planted_anchors_are_found() -> None:
    """Rows of three anchors out of 30 in 200 dimensions: exactly those, with their coefficients."""
    rng = np.random.default_rng(3)
    anchors = rng.normal(size=(30, 200))
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    planted = np.zeros((10, 30))
    for row in planted:
        row[rng.choice(30, 3, replace=False)] = rng.uniform(1, 2, 3) * rng.choice([-1, 1], 3)
    places, coefficients = matching_pursuit(planted @ anchors, anchors, 8)
    found = np.zeros_like(planted)
    for row, chosen, shares in zip(found, places, coefficients, strict=True):
        row[chosen[chosen >= 0]] = shares[chosen >= 0]
    np.testing.assert_allclose(found, planted, atol=1e-6)
    assert ((places >= 0).sum(axis=1) == 3).all()


def test_more_anchors_fit_closer_and_the_rest_is_orthogonal() -> None:
    rng = np.random.default_rng(4)
    anchors, rows = rng.normal(size=(50, 12)), rng.normal(size=(9, 12))
    lengths = []
    for n_chosen in range(1, 13):
        places, coefficients = matching_pursuit(rows, anchors, n_chosen)
        rest = rows - rebuilt(places, coefficients, anchors)
        for row, chosen in zip(rest, places, strict=True):
            np.testing.assert_allclose(anchors[chosen[chosen >= 0]] @ row, 0, atol=1e-8)
        lengths.append(np.linalg.norm(rest, axis=1))
    assert (np.diff(lengths, axis=0) <= 1e-9).all()
    np.testing.assert_allclose(lengths[-1], 0, atol=1e-5)


def test_blocks_and_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    anchors, rows = rng.normal(size=(30, 8)), rng.normal(size=(40, 8))
    whole = matching_pursuit(rows, anchors, 6)
    monkeypatch.setattr(module, "PURSUED_ROWS", 7)
    with threads(3):
        again = matching_pursuit(rows, anchors, 6)
    for first, second in zip(whole, again, strict=True):
        np.testing.assert_array_equal(first, second)


def plain_sparsemax(scores: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex: the threshold by bisection."""
    threshold = brentq(lambda t: np.maximum(scores - t, 0).sum() - 1, scores.min() - 2, scores.max(), xtol=1e-14)
    return np.maximum(scores - threshold, 0)


@pytest.mark.parametrize("values", [1, 30, 10_000])
def test_sparsemax_combinations_equal_plain_loops(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of one row, of a few and of all."""
    rng = np.random.default_rng(6)
    anchors, rows = rng.normal(size=(15, 4)).astype(np.float32), rng.normal(size=(11, 4)).astype(np.float32)
    monkeypatch.setattr(rows_module, "BLOCK_VALUES", values)
    found = list(sparsemax_combinations(rows, anchors))
    assert len(found) == 11
    for row, (places, weights, cosines) in zip(rows, found, strict=True):
        expected = np.array([a @ row / np.linalg.norm(a) / np.linalg.norm(row) for a in anchors])
        np.testing.assert_allclose(cosines, expected[places], atol=1e-6)
        dense = np.zeros(15)
        dense[places] = weights
        np.testing.assert_allclose(dense, plain_sparsemax(expected), atol=1e-6)
        assert weights.sum() == pytest.approx(1, abs=1e-12) and (weights > 0).all() and (np.diff(places) > 0).all()


def test_equal_directions_get_equal_weights() -> None:
    """Anchors that differ in length alone, far apart: the same weight to the bit."""
    rng = np.random.default_rng(7)
    base = rng.normal(size=(9, 5)).astype(np.float32)
    anchors = np.concatenate([base, 2 * base[::-1]])
    for places, weights, _ in sparsemax_combinations(rng.normal(size=(20, 5)), anchors):
        dense = np.zeros(18)
        dense[places] = weights
        np.testing.assert_array_equal(dense[:9], dense[9:][::-1])
