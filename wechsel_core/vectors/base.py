"""What every store of static word vectors offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np


class StaticVectors(Protocol):
    """Static word vectors of one language, words ordered by falling frequency.

    Attributes
    ----------
    name : str
        File or folder name, for provenance.
    sha256 : str
        Hash of the content (of size, name and the first and last mebibyte for files above 64 MiB).
    dim : int
        Width of the vectors.
    words : sequence of str
        The vocabulary.
    frequencies : ndarray of float64, shape (n_words,)
        Occurrence counts, or 1 / (rank + 1) where the file holds no counts.
    frequency_source : {"counts", "ranks"}
        Which of the two ``frequencies`` is.
    has_subwords : bool
        Whether vectors of unknown words can be built from character n-grams.
    """

    name: str
    sha256: str
    dim: int
    frequencies: np.ndarray
    frequency_source: Literal["counts", "ranks"]
    has_subwords: bool

    @property
    def words(self) -> Sequence[str]:
        """The vocabulary; a store may decode it from its file only when it is read."""
        ...

    def index(self, words: Sequence[str]) -> np.ndarray:
        """Rows of the words, int64, shape (n,); -1 where a word is not in the vocabulary."""
        ...

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of vocabulary words, float32, shape (n, dim); a zero row for every unknown word.

        For stores with subwords a known word's vector is what fastText's ``get_word_vector`` returns for it.
        """
        ...

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of arbitrary texts, float32, shape (n, dim), as fastText's ``get_word_vector`` gives them.

        A known word has its word vector; any other text the mean of its character n-grams' vectors, and a zero
        row where it has no n-gram. Raises ``VectorFileError`` when ``has_subwords`` is false.
        """
        ...
