"""Frequency-weighted means over the words that contain a token."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.numerics.subwords import subwords_from_words


def test_hand_computed() -> None:
    """Token 0 in words 0 (frequency 3) and 1 (frequency 1): 3/4 (4, 0) + 1/4 (0, 8) = (3, 2).

    Token 1 twice in word 1 and once in word 0: (3 (4, 0) + 2 x 1 (0, 8)) / 5 = (2.4, 3.2). Token 2 in none: zeros.
    """
    rows = subwords_from_words(
        np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 1]), np.array([3.0, 1.0]), np.array([[4.0, 0], [0, 8.0]]), 3
    )
    np.testing.assert_allclose(rows, [[3, 2], [2.4, 3.2], [0, 0]], rtol=1e-6)
    assert rows.dtype == np.float32


def test_no_occurrence_at_all() -> None:
    """A tokenizer that shares nothing with the vocabulary gives zero rows, not an error."""
    none = np.array([], dtype=np.int64)
    assert subwords_from_words(none, none, np.array([1.0]), np.ones((1, 2)), 2).tolist() == [[0, 0], [0, 0]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n_occurrences=st.integers(0, 30))
def test_equals_plain_loops(seed: int, n_occurrences: int) -> None:
    """The reference's loop: collect the words of a token, weigh by frequency over their sum, add up."""
    rng = np.random.default_rng(seed)
    tokens, words = rng.integers(0, 5, n_occurrences), rng.integers(0, 7, n_occurrences)
    frequencies, vectors = rng.integers(1, 1000, 7), rng.normal(size=(7, 3)).astype(np.float32)
    expected = np.zeros((5, 3))
    for token in range(5):
        contained = [word for t, word in zip(tokens, words, strict=True) if t == token]
        for word in contained:
            expected[token] += vectors[word] * (frequencies[word] / sum(frequencies[w] for w in contained))
    np.testing.assert_allclose(subwords_from_words(tokens, words, frequencies, vectors, 5), expected, atol=1e-6)
