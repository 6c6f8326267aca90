"""A store that looks every word up once: the alignment asks for the same words for its fit and for its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wechsel_core.vectors.base import StaticVectors


class RememberedVectors:
    """Another store's words and vectors; what ``index`` and ``word_vectors`` were told is kept.

    Parameters
    ----------
    store : StaticVectors
    """

    def __init__(self, store: StaticVectors) -> None:
        self._store = store
        self.name, self.sha256, self.dim = store.name, store.sha256, store.dim
        self.frequencies, self.frequency_source = store.frequencies, store.frequency_source
        self.words, self.has_subwords = store.words, store.has_subwords
        self._row: dict[str, int] = {}
        self._place: dict[str, int] = {}
        self._rows = np.empty((0, store.dim), dtype=np.float32)

    def index(self, words: Sequence[str]) -> np.ndarray:
        """As the store's, which is asked for words that are new only."""
        unseen = list(dict.fromkeys(word for word in words if word not in self._row))
        if unseen:
            self._row.update(zip(unseen, self._store.index(unseen).tolist(), strict=True))
        return np.fromiter((self._row[word] for word in words), dtype=np.int64, count=len(words))

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """As the store's, which is asked for words that are new only."""
        first = len(self._place)
        numbers = [self._place.setdefault(word, len(self._place)) for word in words]
        if len(self._place) > first:
            unseen = list(self._place)[first:]
            self._rows = np.vstack([self._rows, self._store.word_vectors(unseen)])
        return np.asarray(self._rows[numbers])

    def forget_vectors(self) -> None:
        """Free the memory of the vectors; where the words are stays known."""
        self._place.clear()
        self._rows = self._rows[:0].copy()

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """As the store's."""
        return self._store.subword_vectors(texts)
