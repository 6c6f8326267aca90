"""Vectors of the most frequent words alone, to see what a smaller file is worth."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from wechsel_core.vectors.base import StaticVectors


def first_words(store: StaticVectors, n_words: int) -> StaticVectors:
    """A store that knows the first words of another one and no more.

    A word that falls away is unknown: with n-grams its vector is put together from them, without it has none.

    Parameters
    ----------
    store : StaticVectors
    n_words : int
        Words to keep, at least 1; all where the store has no more.

    Returns
    -------
    StaticVectors
        It shares the vectors with ``store``.
    """
    return store if n_words >= len(store.words) else _FirstWords(store, n_words)


class _FirstWords:
    """See ``first_words``."""

    def __init__(self, store: StaticVectors, n_words: int) -> None:
        # A store finds its words by its own ``index``: a twin whose ``index`` knows fewer treats the others as unknown,
        # and keeps the rest of itself, such as where the rows of n-grams begin in its file.
        twin: Any = copy.copy(store)
        twin.index = self.index
        self._store, self._twin, self._n_words = store, twin, n_words
        self.name = f"{store.name} (first {n_words} words)"
        self.sha256 = hashlib.sha256(f"{store.sha256} first {n_words}".encode()).hexdigest()
        self.dim, self.has_subwords = store.dim, store.has_subwords
        self.words: Sequence[str] = list(islice(store.words, n_words))
        self.frequencies, self.frequency_source = store.frequencies[:n_words], store.frequency_source

    def index(self, words: Sequence[str]) -> np.ndarray:
        """See ``StaticVectors``."""
        found = self._store.index(words)
        return np.where(found < self._n_words, found, -1)

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """See ``StaticVectors``."""
        return np.asarray(self._twin.word_vectors(words))

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """See ``StaticVectors``."""
        return np.asarray(self._twin.subword_vectors(texts))
