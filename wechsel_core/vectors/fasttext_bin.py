"""fastText ``.bin`` models, memory-mapped: the same vectors as the official library, without loading the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.fasttext_format import read_layout
from wechsel_core.vectors.store import Vocabulary, check_finite, content_hash
from wechsel_core.vectors.vocabulary_index import IndexedWords


class FastTextVectors(Vocabulary):
    r"""Vectors of a fastText ``.bin`` model (version 12, not quantised).

    Parameters
    ----------
    path : path
        The model. Its words and its matrix stay on disk; only the rows that are asked for are read. The first opening
        indexes the vocabulary and keeps the index below the cache folder, see ``index_file``.

    Attributes
    ----------
    minn, maxn, bucket : int
        Shortest and longest character n-gram (maxn = 0: none) and the number of buckets they hash to.
    matrix : ndarray of float32, shape (n_words + bucket, dim)
        Input rows, memory-mapped read-only: of the words in file order, then of the buckets.

    Raises
    ------
    VectorFileError
        No such file, another format or version, quantised, cut off.

    Notes
    -----
    Labels of a supervised model are no words: a text equal to one is treated as unknown. A word that is not
    valid UTF-8 appears with its bad bytes as ``\\xNN``; its vector is still composed from the bytes in the file.

    References
    ----------
    Bojanowski et al., Enriching Word Vectors with Subword Information, TACL 2017, section 3.2.
    """

    words: IndexedWords

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        layout = read_layout(path)
        index, self._file = layout.index, layout.file
        super().__init__(
            path.name, content_hash([path]), layout.dim, IndexedWords(self._file.data, index), index.counts
        )
        self._rows = index.rows
        self.minn, self.maxn, self.bucket = layout.minn, layout.maxn, layout.bucket
        self.has_subwords = self.maxn > 0 and self.minn <= self.maxn
        self._matrix_offset = layout.matrix_offset
        stop = layout.matrix_offset + 4 * layout.n_rows * layout.dim
        flat = self._file.data[layout.matrix_offset : stop].view("<f4")
        self.matrix: np.ndarray = flat.reshape(layout.n_rows, layout.dim)

    def index(self, words: Sequence[str]) -> np.ndarray:
        """Positions of the words in ``self.words``, int64, shape (n,); -1 where a word is not known."""
        found = self.words.find(words)
        self._file.release()
        return found

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of vocabulary words, float32, shape (n, dim); a zero row for every unknown word.

        A known word's vector is the mean of its own row and the rows of its n-grams.
        """
        known = np.flatnonzero(self.index(words) >= 0)
        result = np.zeros((len(words), self.dim), dtype=np.float32)
        result[known] = self._compose([words[i] for i in known.tolist()])
        return result

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of any texts as the official ``get_word_vector`` gives them, float32, shape (n, dim).

        Raises
        ------
        VectorFileError
            The model was trained without n-grams, or a row holds NaN.
        """
        return self._compose(texts) if self.has_subwords else super().subword_vectors(texts)

    def encode(self, text: str) -> bytes:
        """The bytes of a text as the model knows them."""
        from wechsel_core.vectors.ngrams import encode

        raw = self.words.raw(text)
        return encode(text) if raw is None else raw

    def _gather(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the matrix, float32, shape (n, dim)."""
        try:
            found = self._file.rows(self._matrix_offset, 4 * self.dim, rows)
        except OSError as error:
            raise VectorFileError(
                f"{self.name} cannot be read ({error})", "the whole file", "fetch it again"
            ) from error
        return found.view("<f4").astype(np.float32, copy=False)

    def _compose(self, texts: Sequence[str]) -> np.ndarray:
        from wechsel_core.vectors.ngrams import CHUNK, mean_of_rows, ngram_ids

        result = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            positions = self.index(chunk)
            ids, offsets = ngram_ids(
                [self.encode(text) for text in chunk],
                minn=self.minn,
                maxn=self.maxn,
                bucket=self.bucket,
                word_rows=np.where(positions >= 0, self._rows[positions], -1),
                base=len(self.words),
            )
            result[start : start + CHUNK] = mean_of_rows(self.matrix, ids, offsets, gather=self._gather)
        return check_finite(result, self.name)
