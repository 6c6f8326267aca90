"""Weights and mixtures: hand-computed, limits of the temperature, and numpy as oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from tests.numerics.threads import threads
from wechsel_core.numerics import rows as rows_module
from wechsel_core.numerics.weighting import column_moments, effective_neighbors, mix_rows, softmax_weights

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


@st.composite
def neighbor_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Similarities that fall along a row, and ids with empty places (-1, similarity 0) at its end."""
    n_rows, width = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    similarities, ids = np.zeros((n_rows, width), dtype=np.float32), np.full((n_rows, width), -1)
    for row in range(n_rows):
        filled = draw(st.integers(0, width))
        values = draw(st.lists(st.floats(-1, 1, width=32), min_size=filled, max_size=filled))
        similarities[row, :filled] = sorted(values, reverse=True)
        ids[row, :filled] = np.arange(filled)
    return similarities, ids


def test_hand_computed() -> None:
    """Cosines 1 and 0.9 at tau 0.1 are one nat apart: weights 1 / (1 + 1/e) = 0.7310586 and 0.2689414."""
    weights = softmax_weights(np.array([[1.0, 0.9, 0.5]]), np.array([[4, 2, 7]]), neighbors=2, temperature=0.1)
    np.testing.assert_allclose(weights, [[0.7310585786, 0.2689414214, 0.0]], atol=1e-9)
    assert weights.dtype == np.float64


@QUICK
@given(rows=neighbor_rows(), neighbors=st.integers(1, 7), temperature=st.floats(1e-3, 1e3))
def test_rows_sum_to_one_or_zero(rows: tuple[np.ndarray, np.ndarray], neighbors: int, temperature: float) -> None:
    """Sums, empty places, columns beyond k, falling order; scipy agrees; exp(entropy) lies between 1 and k."""
    similarities, ids = rows
    weights = softmax_weights(similarities, ids, neighbors=neighbors, temperature=temperature)
    assert weights.shape == similarities.shape and np.isfinite(weights).all()
    filled = (ids >= 0).sum(axis=1)
    np.testing.assert_allclose(weights.sum(axis=1), (filled > 0).astype(float), atol=1e-12)
    assert not weights[ids < 0].any() and not weights[:, neighbors:].any()
    assert (np.diff(weights, axis=1) <= 1e-15).all()
    effective = effective_neighbors(weights)
    for row, count in enumerate(np.minimum(filled, neighbors)):
        if count:
            expected = softmax(similarities[row, :count].astype(np.float64) / temperature)
            np.testing.assert_allclose(weights[row, :count], expected, atol=1e-12)
            assert 1 - 1e-9 <= effective[row] <= count + 1e-9
        else:
            assert effective[row] == 0


def test_temperature_limits() -> None:
    """Towards 0 the nearest takes all; towards infinity all are alike; equal cosines share at any temperature."""
    similarities, ids = np.array([[0.9, 0.8, -1.0], [0.5, 0.5, 0.5]], dtype=np.float32), np.array([[0, 1, 2]] * 2)
    cold = softmax_weights(similarities, ids, neighbors=3, temperature=1e-3)
    np.testing.assert_allclose(cold, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-12)
    hot = softmax_weights(similarities, ids, neighbors=3, temperature=1e9)
    np.testing.assert_allclose(hot, 1 / 3, atol=1e-8)


@pytest.mark.parametrize("temperature", [1e-3, 1e-6, 1e-300])
def test_softmax_is_stable(temperature: float) -> None:
    """exp(1 / 0.001) overflows float64, which the plain form divides into NaN; warnings would be errors too."""
    with np.errstate(all="raise", under="ignore"):
        weights = softmax_weights(
            np.array([[1.0, 0.5], [-0.5, -1.0], [0.0, 0.0]]), np.array([[0, 1], [0, 1], [-1, -1]]),
            neighbors=2, temperature=temperature,
        )  # fmt: skip
    np.testing.assert_allclose(weights, [[1, 0], [1, 0], [0, 0]], atol=1e-200)


@QUICK
@given(rows=neighbor_rows(), first=st.floats(1e-2, 10), factor=st.floats(1.0, 100.0))
def test_raising_the_temperature_flattens(rows: tuple[np.ndarray, np.ndarray], first: float, factor: float) -> None:
    similarities, ids = rows
    cold, hot = (
        effective_neighbors(softmax_weights(similarities, ids, neighbors=6, temperature=t))
        for t in (first, first * factor)
    )
    assert (hot >= cold - 1e-9).all()


def test_effective_neighbors_hand_computed() -> None:
    """One neighbour: 1. Four alike: 4. Weights 1/2, 1/4, 1/4: exp(1.5 ln 2) = 2 ** 1.5. None: 0."""
    weights = np.array([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.25, 0.25, 0], [0.0] * 4])
    np.testing.assert_allclose(effective_neighbors(weights), [1, 4, 2**1.5, 0])


def test_mix_rows_hand_computed() -> None:
    """0.25 x (4, 0) + 0.75 x (0, 8) = (1, 6); weight 0 is skipped whatever its id; no weight at all gives zeros."""
    matrix = np.array([[4.0, 0.0], [0.0, 8.0]])
    mixed = mix_rows(matrix, np.array([[0, 1, -1], [-1, -1, -1]]), np.array([[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]]))
    assert mixed.tolist() == [[1.0, 6.0], [0.0, 0.0]] and mixed.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_mix_rows_equals_numpy(dtype: type, order: str) -> None:
    """Any float type and memory order; summed in float64, so only the last rounding differs."""
    rng = np.random.default_rng(0)
    matrix = np.asarray(rng.normal(size=(30, 7)), dtype=dtype, order=order)
    ids, weights = rng.integers(0, 30, (12, 5)), rng.dirichlet(np.ones(5), 12)
    expected = np.einsum("tj,tjd->td", weights, matrix.astype(np.float32).astype(np.float64)[ids])
    np.testing.assert_allclose(mix_rows(matrix, ids, weights), expected, rtol=1e-6, atol=1e-7)


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(2)
    matrix, ids = rng.normal(size=(90, 24)), rng.integers(0, 90, (3000, 10))
    weights = rng.dirichlet(np.ones(10), 3000)
    mixed = []
    for number in (1, 3):
        with threads(number):
            mixed.append(mix_rows(matrix, ids, weights))
    np.testing.assert_array_equal(*mixed)


def test_one_neighbor_copies_to_the_bit() -> None:
    """A row at weight 1 is the source row itself, as special tokens need it."""
    matrix = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    ids = np.array([[3, -1], [0, -1]])
    np.testing.assert_array_equal(mix_rows(matrix, ids, np.array([[1.0, 0.0]] * 2)), matrix[[3, 0]])


@QUICK
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 6))
def test_mixture_stays_in_the_hull(seed: int, k: int) -> None:
    """Weights that sum to 1 cannot leave the box of the mixed rows."""
    rng = np.random.default_rng(seed)
    matrix, ids = rng.normal(size=(8, 3)).astype(np.float32), rng.integers(0, 8, (4, k))
    mixed = mix_rows(matrix, ids, rng.dirichlet(np.ones(k), 4))
    assert (mixed <= matrix[ids].max(axis=1) + 1e-6).all() and (mixed >= matrix[ids].min(axis=1) - 1e-6).all()


def test_softmax_by_hand_in_plain_python() -> None:
    """The formula of the paper's equation 3, in math.exp."""
    cosines = [0.83, 0.41, 0.4, -0.2]
    raw = [math.exp(c / 0.25) for c in cosines]
    weights = softmax_weights(np.array([cosines]), np.array([[0, 1, 2, 3]]), neighbors=4, temperature=0.25)
    np.testing.assert_allclose(weights[0], [r / sum(raw) for r in raw], rtol=1e-12)


def test_blocks_of_tokens_change_nothing() -> None:
    """Weights in blocks of two tokens are those of one block."""
    rng = np.random.default_rng(4)
    similarities, ids = -np.sort(-rng.random((9, 4)), axis=1), np.tile(np.arange(4), (9, 1))
    whole = softmax_weights(similarities, ids, neighbors=3, temperature=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "BLOCK_VALUES", 8)
        np.testing.assert_array_equal(softmax_weights(similarities, ids, neighbors=3, temperature=0.1), whole)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_column_moments_are_numpys(dtype: type) -> None:
    """The bits of numpy's float32 sums, which the reference takes, whatever the blocks."""
    matrix = np.random.default_rng(5).normal(0.5, 0.1, (1001, 7)).astype(dtype)
    single = matrix.astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "BLOCK_VALUES", 70)
        mean, std = column_moments(matrix)
    np.testing.assert_array_equal(mean, single.mean(axis=0))
    np.testing.assert_array_equal(std, single.std(axis=0))


def test_id_beyond_the_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="id 3 in a matrix of 3 rows"):
        mix_rows(np.ones((3, 2), np.float32), np.array([[0, 3]]), np.array([[0.5, 0.5]]))
