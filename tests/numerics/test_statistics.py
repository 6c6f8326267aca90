"""Bootstrap, hubness and distances between mixtures: hand-computed values, scipy as oracle, plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wechsel_core.numerics.statistics import (
    bootstrap_interval,
    occurrences,
    overlap,
    row_norms,
    skewness,
    total_variation,
)

NAN = np.nan


@pytest.mark.parametrize(("n_hits", "n"), [(30, 100), (400, 1000), (3, 40), (199, 200)])
def test_interval_is_what_scipy_draws(n_hits: int, n: int) -> None:
    hits = np.repeat([1.0, 0.0], [n_hits, n - n_hits])
    drawn = stats.bootstrap(
        (hits,), np.mean, n_resamples=20_000, method="percentile", vectorized=True, batch=2000, rng=0
    ).confidence_interval
    # Both ends are multiples of 1 / n; a draw may fall one of them off.
    np.testing.assert_allclose(bootstrap_interval(n_hits, n), (drawn.low, drawn.high), atol=1.01 / n)


def test_interval_hand_computed() -> None:
    """Two queries, one hit: resamples hold 0, 1 or 2 hits with chances 1/4, 1/2, 1/4."""
    assert bootstrap_interval(1, 2) == (0.0, 1.0)
    assert bootstrap_interval(1, 2, level=0.4) == (0.5, 0.5)


@pytest.mark.parametrize(("n_hits", "n"), [(0, 1), (0, 500), (7, 7), (4441, 4441)])
def test_interval_of_all_or_none(n_hits: int, n: int) -> None:
    assert bootstrap_interval(n_hits, n) == (n_hits / n, n_hits / n)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth, n = 0.3, 400
    found = [bootstrap_interval(int(hits), n) for hits in np.random.default_rng(0).binomial(n, truth, 2000)]
    assert 0.93 < np.mean([low <= truth <= high for low, high in found]) < 0.97


def test_occurrences_hand_computed() -> None:
    ids = np.array([[0, 1], [0, 2], [0, -1]])
    assert occurrences(ids, 4).tolist() == [3, 1, 1, 0]
    assert occurrences(np.full((2, 3), -1), 2).tolist() == [0, 0]


def test_skewness_hand_computed() -> None:
    """Of 0, 0, 0, 4: mean 1, third moment (-1 - 1 - 1 + 27) / 4 = 6, variance 3: 6 / 3^1.5."""
    assert skewness(np.array([0, 0, 0, 4])) == pytest.approx(6 / 3**1.5)
    assert skewness(np.array([1, 2, 3])) == pytest.approx(0)
    assert skewness(np.array([5, 5])) == 0 and skewness(np.array([])) == 0
    values = np.random.default_rng(0).exponential(size=500)
    assert skewness(values) == pytest.approx(stats.skew(values))


def test_row_norms() -> None:
    assert row_norms(np.array([[3, 4], [0, 0]], dtype=np.float32)).tolist() == [5, 0]


def test_overlap_hand_computed() -> None:
    """{0,1,2} and {2,1,5}: two of four. Order does not matter, empty places do not count."""
    a = np.array([[0, 1, 2], [3, -1, -1], [4, 5, 6], [-1, -1, -1]])
    b = np.array([[2, 1, 5], [3, 4, -1], [7, 8, 9], [-1, -1, -1]])
    np.testing.assert_allclose(overlap(a, b), [0.5, 0.5, 0, NAN])
    np.testing.assert_allclose(overlap(a, a), [1, 1, 1, NAN])


def test_total_variation_hand_computed() -> None:
    """Row 0: 0.7 and 0.3 on tokens 1 and 2 against 0.5 and 0.5 on 2 and 1: (0.2 + 0.2) / 2. Row 1 shares nothing, row
    2 is a mixture on one side alone, row 3 on neither, row 4 has 0.4 on a token that the other lacks."""
    ids_a = np.array([[1, 2], [1, 2], [1, 2], [-1, -1], [1, 3]])
    ids_b = np.array([[2, 1], [5, 6], [-1, -1], [-1, -1], [1, -1]])
    weights_a = np.array([[0.7, 0.3], [0.5, 0.5], [1, 0], [0, 0], [0.6, 0.4]])
    weights_b = np.array([[0.5, 0.5], [0.5, 0.5], [0, 0], [0, 0], [1, 0]], dtype=np.float32)
    expected = [0.2, 1, 1, NAN, 0.4]
    np.testing.assert_allclose(total_variation(ids_a, weights_a, ids_b, weights_b), expected, atol=1e-7)
    np.testing.assert_allclose(total_variation(ids_b, weights_b, ids_a, weights_a), expected, atol=1e-7)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), k_a=st.integers(1, 6), k_b=st.integers(1, 6))
def test_distances_equal_plain_loops(seed: int, k_a: int, k_b: int) -> None:
    rng = np.random.default_rng(seed)
    sides = []
    for k in (k_a, k_b):
        ids = np.array([rng.permutation(9)[:k] for _ in range(8)])
        weights = rng.dirichlet(np.ones(k), 8)
        weights[0], ids[0] = 0, -1
        sides.append((ids, weights))
    (ids_a, weights_a), (ids_b, weights_b) = sides
    moved, common = total_variation(ids_a, weights_a, ids_b, weights_b), overlap(ids_a, ids_b)
    for row in range(1, 8):
        a = dict(zip(ids_a[row], weights_a[row], strict=True))
        b = dict(zip(ids_b[row], weights_b[row], strict=True))
        union = set(a) | set(b)
        assert moved[row] == pytest.approx(sum(abs(a.get(i, 0) - b.get(i, 0)) for i in union) / 2, abs=1e-12)
        assert common[row] == pytest.approx(len(set(a) & set(b)) / len(union))
    assert np.isnan(moved[0]) and np.isnan(common[0])
