"""Static vectors in memory, and languages whose rotation is known, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.types import BilingualDictionary


class MemoryVectors:
    """A ``StaticVectors`` over a word list and a matrix, independent of the stores under ``wechsel_core.vectors``.

    Parameters
    ----------
    words : sequence of str
        By falling frequency.
    matrix : array, shape (n_words, dim)
    counts : sequence of float, optional
        Occurrences; 1 / (rank + 1) without them.
    ngrams : mapping of str to vector, optional
        Gives the store subwords: an unknown text is the mean of the n-grams that "<text>" contains.
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix: np.ndarray | Sequence[Sequence[float]],
        *,
        counts: Sequence[float] | None = None,
        ngrams: Mapping[str, Sequence[float]] | None = None,
        name: str = "memory",
    ) -> None:
        self.name = name
        self.words = tuple(words)
        self.matrix = np.asarray(matrix, dtype=np.float32)
        self.dim = int(self.matrix.shape[1])
        self.sha256 = hashlib.sha256(self.matrix.tobytes() + "\n".join(self.words).encode()).hexdigest()
        self.frequency_source: Literal["counts", "ranks"] = "ranks" if counts is None else "counts"
        self.frequencies = np.asarray(
            [1 / (rank + 1) for rank in range(len(self.words))] if counts is None else counts, dtype=np.float64
        )
        self.ngrams = dict(ngrams or {})
        self.has_subwords = ngrams is not None
        self._positions = {word: i for i, word in reversed(list(enumerate(self.words)))}

    def index(self, words: Sequence[str]) -> np.ndarray:
        return np.array([self._positions.get(word, -1) for word in words], dtype=np.int64)

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(words), self.dim), dtype=np.float32)
        for place, position in enumerate(self.index(words)):
            if position >= 0:
                rows[place] = self.matrix[position]
        return rows

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        if not self.has_subwords:
            raise VectorFileError(f"{self.name} holds whole words only", "n-grams", "use mode word")
        rows = self.word_vectors(texts)
        for place, text in enumerate(texts):
            found = [vector for ngram, vector in self.ngrams.items() if ngram in f"<{text}>"]
            if text not in self._positions and found:
                rows[place] = np.mean(np.asarray(found, dtype=np.float64), axis=0)
        return rows


def word_list(n_words: int, first_letter: str) -> list[str]:
    """Distinct lower-case words of one letter and three more: "eaaa", "eaab", ..."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [first_letter + letters[i // 676 % 26] + letters[i // 26 % 26] + letters[i % 26] for i in range(n_words)]


def random_rotation(dim: int, seed: int = 0) -> np.ndarray:
    """An orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


def planted_languages(
    n_words: int, dim: int, *, seed: int = 0, noise: float = 0.0
) -> tuple[MemoryVectors, MemoryVectors, BilingualDictionary, np.ndarray]:
    """Source, target = source @ rotation (+ noise), the true dictionary, and the rotation.

    English word i means foreign word i, and both stand at place i of their vocabularies.
    """
    rng = np.random.default_rng(seed)
    rotation = random_rotation(dim, seed + 1)
    source = rng.normal(size=(n_words, dim))
    target = source @ rotation + noise * rng.normal(size=(n_words, dim))
    english, foreign = word_list(n_words, "e"), word_list(n_words, "f")
    pairs = tuple(zip(english, foreign, strict=True))
    return (
        MemoryVectors(english, source, name="english"),
        MemoryVectors(foreign, target, name="foreign"),
        BilingualDictionary(pairs, "planted", "0" * 64),
        rotation,
    )
