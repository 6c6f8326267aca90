"""A store that reads every vector once: the alignment asks for the same words for its fit and for its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wechsel_core.vectors.base import StaticVectors


class RememberedVectors:
    """Another store's words and vectors; what ``word_vectors`` was told is kept.

    Parameters
    ----------
    store : StaticVectors
    """

    def __init__(self, store: StaticVectors) -> None:
        self._store = store
        self.name, self.sha256, self.dim = store.name, store.sha256, store.dim
        self.frequencies, self.frequency_source = store.frequencies, store.frequency_source
        self.words, self.has_subwords = store.words, store.has_subwords
        self._place: dict[str, int] = {}
        self._rows = np.empty((0, store.dim), dtype=np.float32)

    def index(self, words: Sequence[str]) -> np.ndarray:
        """As the store's."""
        return self._store.index(words)

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """As the store's, which is asked for words that are new only."""
        first = len(self._place)
        numbers = [self._place.setdefault(word, len(self._place)) for word in words]
        if len(self._place) > first:
            unseen = list(self._place)[first:]
            self._rows = np.vstack([self._rows, self._store.word_vectors(unseen)])
        return np.asarray(self._rows[numbers])

    def forget_vectors(self) -> None:
        """Free the memory of what is kept."""
        self._place.clear()
        self._rows = self._rows[:0].copy()

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """As the store's."""
        return self._store.subword_vectors(texts)
