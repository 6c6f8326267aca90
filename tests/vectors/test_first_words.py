"""A store of the first words alone: for every kind of store, whole words and n-grams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.services.tiny_files import ENGLISH, write_bin, write_vec
from wechsel_core.vectors.base import StaticVectors
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.first_words import first_words
from wechsel_core.vectors.open import open_vectors
from wechsel_core.vectors.remembered import RememberedVectors

POCKET = Path(__file__).parents[2] / "wechsel_core" / "pocket" / "data" / "vectors"


def opened(kind: str, folder: Path) -> StaticVectors:
    if kind == "pocket":
        return open_vectors(POCKET / "en")
    if kind == "fasttext":
        return open_vectors(write_bin(folder / "en.bin", ENGLISH, seed=1))
    rows = np.random.default_rng(0).normal(size=(len(ENGLISH), 6))
    return open_vectors(write_vec(folder / "en.vec", ENGLISH, rows))


@pytest.fixture(params=["pocket", "fasttext", "text"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StaticVectors:
    return opened(request.param, tmp_path)


def test_first_words_are_as_they_were(store: StaticVectors) -> None:
    """Words, frequencies, places and vectors of those that are kept; the store itself is not changed."""
    shorter = first_words(store, 7)
    assert list(shorter.words) == list(store.words)[:7]
    np.testing.assert_array_equal(shorter.frequencies, store.frequencies[:7])
    kept = list(shorter.words)
    assert shorter.index(kept).tolist() == list(range(7))
    np.testing.assert_array_equal(shorter.word_vectors(kept), store.word_vectors(kept))
    if store.has_subwords:
        np.testing.assert_array_equal(shorter.subword_vectors(kept), store.subword_vectors(kept))
    assert len(store.words) > 7 and store.index(list(store.words)[7:8]).tolist() == [7]


def test_other_words_are_unknown(store: StaticVectors) -> None:
    """No row of their own: zero as a word, put together from n-grams as a text."""
    shorter, word = first_words(store, 7), list(store.words)[8]
    assert shorter.index([word, "never-seen"]).tolist() == [-1, -1]
    assert not shorter.word_vectors([word]).any() and store.word_vectors([word]).any()
    assert shorter.has_subwords == store.has_subwords
    if store.has_subwords:
        composed = shorter.subword_vectors([word])
        assert composed.any() and not np.array_equal(composed, store.subword_vectors([word]))


def test_composed_of_its_ngrams(tmp_path: Path) -> None:
    """fastText: a known word is the mean of its own row and its n-grams' rows, the same word unknown lacks its own."""
    whole, word = open_vectors(write_bin(tmp_path / "whole.bin", ENGLISH, seed=1)), ENGLISH[8]
    assert isinstance(whole, FastTextVectors)
    n_ngrams = sum(len(f"<{word}>") - n + 1 for n in (3, 4))
    known, composed = whole.subword_vectors([word])[0], first_words(whole, 8).subword_vectors([word])[0]
    np.testing.assert_allclose(known * (n_ngrams + 1) - whole.matrix[8], composed * n_ngrams, atol=1e-4)


def test_all_words_is_the_store_itself(store: StaticVectors) -> None:
    assert first_words(store, len(store.words)) is store is first_words(store, len(store.words) + 1)


def test_hash_and_name_say_what_is_left(store: StaticVectors) -> None:
    """Another number of words is another input; the same number is the same."""
    hashes = {first_words(store, n).sha256 for n in (3, 4)} | {store.sha256}
    assert len(hashes) == 3 and first_words(store, 3).sha256 in hashes
    assert first_words(store, 3).name == f"{store.name} (first 3 words)"


def test_remembered_like_any_other(store: StaticVectors) -> None:
    """The alignment asks through a store that remembers."""
    shorter = RememberedVectors(first_words(store, 5))
    words = list(store.words)[3:8]
    assert shorter.index(words).tolist() == [3, 4, -1, -1, -1]
    assert shorter.word_vectors(words).any(axis=1).tolist() == [True, True, False, False, False]


def test_of_words_in_memory(plain_store: Callable[..., StaticVectors]) -> None:
    """A word that stands twice is found at its first place only."""
    shorter = first_words(plain_store(["a", "b", "a", "c"], [[1], [2], [3], [4]]), 3)
    assert shorter.index(["a", "b", "c"]).tolist() == [0, 1, -1]
    np.testing.assert_array_equal(shorter.word_vectors(["c", "a"]), [[0], [1]])
