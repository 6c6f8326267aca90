"""What the stores share: the vocabulary lookup, a plain matrix store, hashes and checks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from wechsel_core.errors import VectorFileError

_WHOLE_LIMIT = 64 * 2**20  # above this size only the ends of a file are hashed
_END_BYTES = 2**20


class Vocabulary:
    """Words with their frequencies and the lookup from word to position.

    Parameters
    ----------
    name, sha256 : str
        Provenance, see ``base.StaticVectors``.
    dim : int
        Width of the vectors.
    words : sequence of str
        The vocabulary by falling frequency. Of equal words the first, most frequent one is found.
    counts : ndarray, shape (n_words,), optional
        Occurrence counts; without them frequencies are 1 / (rank + 1).
    """

    has_subwords = False

    def __init__(
        self, name: str, sha256: str, dim: int, words: Sequence[str], counts: np.ndarray | None = None
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.dim = dim
        self.words = words
        self.frequency_source: Literal["counts", "ranks"] = "ranks" if counts is None else "counts"
        self.frequencies = (
            1.0 / np.arange(1, len(words) + 1, dtype=np.float64)
            if counts is None
            else np.asarray(counts, dtype=np.float64)
        )
        self._positions: dict[str, int] | None = None

    def index(self, words: Sequence[str]) -> np.ndarray:
        """Positions of the words in ``self.words``, int64, shape (n,); -1 where a word is not known."""
        if self._positions is None:  # built at first use: two million entries take a second
            positions = dict(zip(self.words, range(len(self.words)), strict=True))
            if len(positions) < len(self.words):  # equal words: zip kept the last, the first is wanted
                positions = dict(zip(reversed(self.words), range(len(self.words) - 1, -1, -1), strict=True))
            self._positions = positions
        get = self._positions.get
        return np.fromiter((get(word, -1) for word in words), dtype=np.int64, count=len(words))

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Refused: these vectors have no character n-grams."""
        raise VectorFileError(
            f"'{self.name}' holds whole words only, without character n-grams",
            "vectors with n-grams (fastText .bin) to build the vectors of subwords",
            "use the mode 'word' with these vectors, or give a fastText .bin file",
        )


class MatrixVectors(Vocabulary):
    """Whole-word vectors in one matrix.

    Parameters
    ----------
    matrix : ndarray, shape (n_rows, dim)
        Any float type, may be memory-mapped.
    rows : ndarray of int, shape (n_words,), optional
        Matrix row of each word (many words may share one); by default word i has row i.
    name, sha256, words, counts
        See ``Vocabulary``.
    """

    def __init__(
        self,
        name: str,
        sha256: str,
        words: Sequence[str],
        matrix: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        counts: np.ndarray | None = None,
    ) -> None:
        super().__init__(name, sha256, int(matrix.shape[1]), words, counts)
        self.matrix = matrix
        self.rows = rows

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of the words, float32, shape (n, dim); a zero row for every unknown word.

        Raises
        ------
        VectorFileError
            A row holds NaN or an infinite value.
        """
        positions = self.index(words)
        known = positions >= 0
        rows = positions[known] if self.rows is None else self.rows[positions[known]]
        result = np.zeros((len(words), self.dim), dtype=np.float32)
        result[known] = self.matrix[rows]
        return check_finite(result, self.name)


def with_counts(store: MatrixVectors, counts: Mapping[str, int]) -> MatrixVectors:
    """The same vectors with counts from elsewhere, for files whose order says nothing about frequency.

    Parameters
    ----------
    store : MatrixVectors
    counts : mapping of str to int
        Occurrences of words, of a corpus for example. Words without one get 0 and keep their order, at the end.

    Returns
    -------
    MatrixVectors
        Words by falling count; ``frequency_source`` is "counts". Shares the matrix with ``store``.
    """
    values = np.fromiter((counts.get(word, 0) for word in store.words), dtype=np.int64, count=len(store.words))
    order = np.argsort(-values, kind="stable")
    rows = order if store.rows is None else store.rows[order]
    digest = hashlib.sha256(store.sha256.encode() + values.tobytes()).hexdigest()
    words = [store.words[i] for i in order.tolist()]
    return MatrixVectors(store.name, digest, words, store.matrix, rows=rows, counts=values[order])


def check_finite(vectors: np.ndarray, name: str) -> np.ndarray:
    """Return ``vectors``; raise ``VectorFileError`` if one holds NaN or an infinite value."""
    if not np.isfinite(vectors).all():
        raise VectorFileError(
            f"'{name}' holds a vector with NaN or an infinite value",
            "finite numbers",
            "train or download the vectors again",
        )
    return vectors


def content_hash(paths: Iterable[Path]) -> str:
    """SHA-256 of one file's content, or of names and hashes of several.

    A file above 64 MiB is hashed by its size, its name and its first and last mebibyte: vectors of 7 GB
    would otherwise be read in full before the first use.
    """
    hashes = [(path.name, _file_hash(path)) for path in paths]
    if len(hashes) == 1:
        return hashes[0][1]
    return hashlib.sha256("".join(f"{name}\0{value}\n" for name, value in hashes).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= _WHOLE_LIMIT:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256(f"{size}\n{path.name}\n".encode())
        digest.update(stream.read(_END_BYTES))
        stream.seek(size - _END_BYTES)
        digest.update(stream.read(_END_BYTES))
        return digest.hexdigest()


def require_file(path: Path, what: str) -> None:
    """Raise ``VectorFileError`` unless ``path`` is a file."""
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise VectorFileError(f"'{path}' {state}", what, "check the path")
