from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import ConfigError
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.reduce import ReducedVectors, principal_directions
from wechsel_core.vectors.store import MatrixVectors

WORDS = [f"w{i}" for i in range(40)]


def planted(rank: int, width: int = 12) -> np.ndarray:
    generator = np.random.default_rng(1)
    # With a mean far from zero, which centring would take away.
    return (generator.normal(size=(40, rank)) + 3) @ generator.normal(size=(rank, width))


def test_inner_products_are_kept_where_the_rank_allows(plain_store: Callable[..., MatrixVectors]) -> None:
    matrix = planted(rank=4)
    reduced = ReducedVectors(plain_store(WORDS, matrix), 4)
    vectors = reduced.word_vectors(WORDS)
    assert vectors.shape == (40, 4) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors @ vectors.T, matrix @ matrix.T, rtol=1e-4, atol=1e-3)
    assert reduced.kept_share == pytest.approx(1)


def test_same_directions_as_numpy_svd_of_the_whole() -> None:
    matrix = planted(rank=12)
    components, share = principal_directions(matrix, 3)
    _, singular, directions = np.linalg.svd(matrix)
    np.testing.assert_allclose(np.abs(components.T @ directions[:3].T), np.eye(3), atol=1e-5)
    assert share == pytest.approx((singular[:3] ** 2).sum() / (singular**2).sum())
    assert (components[np.abs(components).argmax(axis=0), range(3)] > 0).all()
    np.testing.assert_array_equal(principal_directions(-matrix, 3)[0], components)  # the sign does not float


def test_zero_stays_zero_and_names_are_kept(plain_store: Callable[..., MatrixVectors]) -> None:
    matrix = planted(rank=12)
    matrix[5] = 0
    store = plain_store(WORDS, matrix)
    reduced = ReducedVectors(store, 3)
    np.testing.assert_array_equal(reduced.word_vectors(["w5", "unknown"]), np.zeros((2, 3)))
    assert reduced.words == store.words and reduced.index(["w7", "x"]).tolist() == [7, -1]
    assert reduced.dim == 3 and reduced.sha256 != store.sha256 and reduced.sha256 != ReducedVectors(store, 2).sha256


def test_composed_vectors_are_projected_as_known_ones_are(bin_path: Path) -> None:
    store = FastTextVectors(bin_path)
    reduced = ReducedVectors(store, 4, fit_words=15)
    assert reduced.has_subwords and reduced.frequency_source == "counts"
    texts = [*store.words[:3], "unbekannt", "</s>", ""]
    np.testing.assert_allclose(reduced.subword_vectors(texts), store.subword_vectors(texts) @ reduced.components)
    np.testing.assert_array_equal(reduced.subword_vectors(texts)[:3], reduced.word_vectors(texts[:3]))


def test_fits_on_the_most_frequent_words_alone(plain_store: Callable[..., MatrixVectors]) -> None:
    matrix = np.vstack([np.tile([1.0, 0, 0], (20, 1)), np.tile([0, 100.0, 0], (20, 1))])
    reduced = ReducedVectors(plain_store(WORDS, matrix), 1, fit_words=20)
    np.testing.assert_allclose(reduced.components.ravel(), [1, 0, 0], atol=1e-6)


def test_all_zero() -> None:
    components, share = principal_directions(np.zeros((5, 3)), 2)
    np.testing.assert_allclose(components.T @ components, np.eye(2), atol=1e-6)
    assert share == 1


@pytest.mark.parametrize(("dim", "fit_words"), [(0, 40), (-1, 40), (13, 40), (5, 4)])
def test_dimension_out_of_range(plain_store: Callable[..., MatrixVectors], dim: int, fit_words: int) -> None:
    with pytest.raises(ConfigError, match=f"reduction to {dim} dimensions"):
        ReducedVectors(plain_store(WORDS, planted(rank=3)), dim, fit_words=fit_words)
