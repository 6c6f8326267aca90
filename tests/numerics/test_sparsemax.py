"""Sparsemax: by hand, and as the nearest point of the simplex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from wechsel_core.numerics import rows as rows_module
from wechsel_core.numerics.weighting import sparsemax, sparsemax_weights

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("scores", "weights"),
    [
        ([0.6, 0.8], [0.4, 0.6]),  # threshold (1.4 - 1) / 2 = 0.2
        ([0.8, 0.6, -1.0], [0.6, 0.4, 0.0]),  # the same, and -1 lies below it
        ([1.0, 0.0], [1.0, 0.0]),  # threshold 0: at the border, weight 0
        ([5.0, 1.0, 4.5], [0.75, 0.0, 0.25]),  # in any order: threshold (9.5 - 1) / 2 = 4.25
        ([2.0, 2.0, 2.0, 2.0], [0.25] * 4),
        ([7.0], [1.0]),
        ([-np.inf, 0.3, -np.inf], [0.0, 1.0, 0.0]),
        ([-np.inf, -np.inf], [0.0, 0.0]),
    ],
)
def test_by_hand(scores: list[float], weights: list[float]) -> None:
    np.testing.assert_allclose(sparsemax(np.array([scores])), [weights], atol=1e-12)


@QUICK
@given(scores=st.lists(st.floats(-50, 50), min_size=1, max_size=9), shift=st.floats(-100, 100))
def test_nearest_point_of_the_simplex(scores: list[float], shift: float) -> None:
    """The threshold found by bisection gives the same weights; adding a constant to all scores changes nothing."""
    given_scores = np.array(scores)
    threshold = brentq(lambda t: np.maximum(given_scores - t, 0).sum() - 1, min(scores) - 2, max(scores), xtol=1e-13)
    found = sparsemax(given_scores[None])[0]
    np.testing.assert_allclose(found, np.maximum(given_scores - threshold, 0), atol=1e-9)
    np.testing.assert_allclose(sparsemax(given_scores[None] + shift)[0], found, atol=1e-9)
    assert found.sum() == pytest.approx(1, abs=1e-9) and (found >= 0).all()


def test_weights_over_the_first_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cosines 0.8 and 0.6 at tau 1 by hand; at tau 0.1 they are 2 apart, so the nearest takes all; an empty place 0."""
    similarities = np.array([[0.8, 0.6, 0.5], [0.8, 0.6, 0.5], [0.3, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    ids = np.array([[4, 2, 7], [1, 2, 3], [5, -1, -1], [-1, -1, -1]])
    for values in (1, 10_000):
        monkeypatch.setattr(rows_module, "BLOCK_VALUES", values)
        weights = sparsemax_weights(similarities, ids, neighbors=2, temperature=1.0)
        np.testing.assert_allclose(weights, [[0.6, 0.4, 0], [0.6, 0.4, 0], [1, 0, 0], [0, 0, 0]], atol=1e-6)
        sharp = sparsemax_weights(similarities, ids, neighbors=3, temperature=0.1)
        np.testing.assert_allclose(sharp[:, 0], [1, 1, 1, 0], atol=1e-6)
    assert weights.dtype == np.float64 and weights.shape == similarities.shape
