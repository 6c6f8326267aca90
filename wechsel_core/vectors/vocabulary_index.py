"""The words of a fastText ``.bin`` file, left in the file: found by a hash table, decoded as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

_BLOCK = 16_384  # words decoded at a time


@dataclass(frozen=True, eq=False)
class VocabularyIndex:
    """Where the words of a ``.bin`` file are, by falling count; arrays may be memory-mapped.

    Attributes
    ----------
    end : int
        First byte of the file after the dictionary's entries.
    starts : ndarray of int64, shape (n_words,)
        First byte of each word.
    counts : ndarray of float64, shape (n_words,)
    undecodable : ndarray of int64, shape (n_undecodable,)
        Positions of the words that are not valid UTF-8.
    rows : ndarray of int32, shape (n_words,)
        Place of each word in the file, which is its row of the matrix.
    table : ndarray of int32, shape (n_slots,)
        Hash table of positions, see ``entries.fill_table``.
    """

    end: int
    starts: np.ndarray
    counts: np.ndarray
    undecodable: np.ndarray
    rows: np.ndarray
    table: np.ndarray


def build_index(data: np.ndarray, end: int, starts: np.ndarray, counts: np.ndarray) -> VocabularyIndex:
    """Index words.

    Parameters
    ----------
    data : ndarray of uint8, shape (n_bytes,)
        The whole file.
    end : int
        First byte after the entries.
    starts, counts : ndarray of int64, shape (n_words,)
        First byte and count of each word, in file order.
    """
    from wechsel_core.vectors.entries import fill_table

    rows = np.arange(len(starts), dtype=np.int32)
    if (counts[1:] > counts[:-1]).any():  # never in files by fastText itself, which writes words by falling count
        rows = np.argsort(-counts, kind="stable").astype(np.int32)
        starts, counts = starts[rows], counts[rows]
    table = np.full(1 << (2 * len(starts) - 1).bit_length(), -1, dtype=np.int32)  # at most half full
    fill_table(data, starts, table)
    return VocabularyIndex(end, starts, counts.astype(np.float64), _undecodable(data, starts), rows, table)


def _undecodable(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    found: list[int] = []
    for begin in range(0, len(starts), _BLOCK):
        joined = _joined(data, starts[begin : begin + _BLOCK])
        if not _is_utf8(joined):
            found += [begin + i for i, word in enumerate(joined.split(b"\0")) if not _is_utf8(word)]
    return np.array(found, dtype=np.int64)


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _joined(data: np.ndarray, starts: np.ndarray) -> bytes:
    """Words with a NUL between them."""
    # numba is loaded on first use only, so that opening a file with a kept index stays light.
    from wechsel_core.vectors.entries import join_words

    joined: bytes = join_words(data, starts).tobytes()
    return joined[:-1]


class IndexedWords(Sequence[str]):
    r"""The words by falling count, as text; bytes that are not valid UTF-8 appear as ``\xNN``.

    Parameters
    ----------
    data : ndarray of uint8, shape (n_bytes,)
        The whole ``.bin`` file.
    index : VocabularyIndex
    """

    def __init__(self, data: np.ndarray, index: VocabularyIndex) -> None:
        self._data = data
        self._index = index

    def __len__(self) -> int:
        return len(self._index.starts)

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> list[str]: ...
    def __getitem__(self, key: int | slice) -> str | list[str]:
        if isinstance(key, slice):
            return self._texts(self._index.starts[key])
        return self._texts(self._index.starts[[key]])[0]

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _BLOCK):
            yield from self[begin : begin + _BLOCK]

    def raw(self, text: str) -> bytes | None:
        """The bytes in the file of a word that is not valid UTF-8; None for any other text."""
        return self._raw.get(text)

    def find(self, texts: Sequence[str]) -> np.ndarray:
        """Positions of the texts, int64, shape (n,); -1 where a text is no word. Of equal words the first is found."""
        found = np.empty(len(texts), dtype=np.int64)
        for begin in range(0, len(texts), _BLOCK):
            found[begin : begin + _BLOCK] = self._find([self._key(text) for text in texts[begin : begin + _BLOCK]])
        return found

    @cached_property
    def _raw(self) -> dict[str, bytes]:
        """Bytes of the words that are not valid UTF-8."""
        known: dict[str, bytes] = {}
        for position in self._index.undecodable.tolist():
            raw = _joined(self._data, self._index.starts[[position]])
            text = raw.decode("utf-8", "backslashreplace")
            spelt_out = int(self._find([text.encode("utf-8")])[0])  # the same text as a word in good UTF-8
            if not 0 <= spelt_out < position:  # of equal texts the first, most frequent one is meant
                known.setdefault(text, raw)
        return known

    def _key(self, text: str) -> bytes:
        raw = self._raw.get(text)
        if raw is not None:
            return raw
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate, which no decoded word holds
            return b"\0"  # nor does any word hold this

    def _find(self, keys: list[bytes]) -> np.ndarray:
        from wechsel_core.vectors.entries import find_words

        offsets = np.zeros(len(keys) + 1, dtype=np.int64)
        np.cumsum([len(key) for key in keys], out=offsets[1:])
        joined = np.frombuffer(b"".join(keys), dtype=np.uint8)
        found: np.ndarray = find_words(self._data, self._index.starts, self._index.table, joined, offsets)
        return found

    def _texts(self, starts: np.ndarray) -> list[str]:
        if not len(starts):
            return []
        joined = _joined(self._data, starts)
        try:
            return joined.decode("utf-8").split("\0")
        except UnicodeDecodeError:
            return [word.decode("utf-8", "backslashreplace") for word in joined.split(b"\0")]
