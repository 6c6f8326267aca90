"""Subword embeddings from word vectors: the mode for vectors without n-grams."""

from __future__ import annotations

import numpy as np
from scipy import sparse

_WORDS_AT_ONCE = 65_536


def subwords_from_words(
    token_ids: np.ndarray, word_ids: np.ndarray, frequencies: np.ndarray, word_vectors: np.ndarray, n_tokens: int
) -> np.ndarray:
    """Frequency-weighted mean of the vectors of all words that contain a token.

    Parameters
    ----------
    token_ids, word_ids : ndarray of int, shape (n_occurrences,)
        Token and word of every containment; one that stands twice (the word contains the token both with and
        without a leading space) counts twice, as in the reference.
    frequencies : ndarray, shape (n_words,)
        Above 0.
    word_vectors : ndarray, shape (n_words, dim)
    n_tokens : int

    Returns
    -------
    ndarray of float32, shape (n_tokens, dim)
        A zero row for a token that no word contains.

    References
    ----------
    Minixhofer et al. (2022), section 3.1, "without subword information".
    """
    incidence = sparse.csc_matrix(
        (frequencies[word_ids].astype(np.float64), (token_ids, word_ids)), shape=(n_tokens, len(word_vectors))
    )
    totals = np.asarray(incidence.sum(axis=1)).ravel()
    totals[totals == 0] = 1.0
    sums = np.zeros((n_tokens, word_vectors.shape[1]))
    for start in range(0, len(word_vectors), _WORDS_AT_ONCE):  # in float64, but never all of it at once
        words = slice(start, start + _WORDS_AT_ONCE)
        sums += incidence[:, words] @ word_vectors[words].astype(np.float64)
    return np.asarray(sums / totals[:, None], dtype=np.float32)
