"""fastText's character n-grams: hashing as in the official library, and means of rows, compiled with numba.

numba is imported with this module; the stores import it only when they compose vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit

#: Texts composed at a time: bounds the memory for their bytes and n-gram ids.
CHUNK = 8192

_GATHERED_VALUES = 2**24  # of a matrix, held at a time: 64 MiB

_FNV_OFFSET = np.uint64(2166136261)
_FNV_PRIME = np.uint64(16777619)
_MASK = np.uint64(0xFFFFFFFF)
_SIGN = np.uint64(0xFFFFFF00)


def encode(text: str) -> bytes:
    """UTF-8 of a text; a lone surrogate, which UTF-8 cannot hold, becomes its three-byte form."""
    return text.encode("utf-8", "surrogatepass")


def ngram_ids(
    words: Sequence[bytes],
    *,
    minn: int,
    maxn: int,
    bucket: int,
    word_rows: np.ndarray | None = None,
    base: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of the character n-grams of words, in the order of the official library.

    Parameters
    ----------
    words : sequence of bytes, length n
        UTF-8 without the boundary signs, which are added here.
    minn, maxn : int
        Shortest and longest n-gram in code points; maxn = 0 means none.
    bucket : int
        Number of buckets that the hashes are reduced to.
    word_rows : ndarray of int64, shape (n,), optional
        Rows put in front of each word's n-grams, -1 for none.
    base : int
        Added to every bucket (in a .bin file the buckets' rows follow the words' rows).

    Returns
    -------
    ids : ndarray of int64, shape (n_ids,)
        Ids of all words, one word after the other.
    offsets : ndarray of int64, shape (n + 1,)
        Word i has ``ids[offsets[i]:offsets[i + 1]]``.

    Notes
    -----
    ``</s>``, fastText's end of sentence, has no n-grams. An n-gram of one code point that stands at either
    boundary (``<`` or ``>`` itself) is skipped.
    """
    wrapped = [b"" if word == b"</s>" else b"<" + word + b">" for word in words]
    starts = np.zeros(len(words) + 1, dtype=np.int64)
    np.cumsum([len(word) for word in wrapped], out=starts[1:])
    buffer = np.frombuffer(b"".join(wrapped), dtype=np.uint8)
    rows = np.full(len(words), -1, dtype=np.int64) if word_rows is None else word_rows
    longest = maxn if bucket > 0 else 0
    offsets = np.zeros(len(words) + 1, dtype=np.int64)
    # The same walk twice: once to count, once to write.
    _walk(buffer, starts, minn, longest, bucket, rows, base, offsets, np.empty(0, dtype=np.int64), False)
    ids = np.empty(offsets[-1], dtype=np.int64)
    _walk(buffer, starts, minn, longest, bucket, rows, base, offsets, ids, True)
    return ids, offsets


def mean_of_rows(
    matrix: np.ndarray,
    ids: np.ndarray,
    offsets: np.ndarray,
    *,
    gather: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Means of groups of matrix rows, added in float32 in the order given, as the official library does.

    Parameters
    ----------
    matrix : ndarray, shape (n_rows, dim)
        Any float type, may be memory-mapped: only the rows in ``ids`` are read, in blocks of up to 64 MiB; within
        a block each once and in file order.
    ids : ndarray of int64, shape (n_ids,)
    offsets : ndarray of int64, shape (n + 1,)
    gather : callable, optional
        Gives rows of the matrix by their rising numbers, float32, shape (n, dim), for one that is read from a file.

    Returns
    -------
    ndarray of float32, shape (n, dim)
        A zero row for an empty group.
    """
    result = np.zeros((len(offsets) - 1, matrix.shape[1]), dtype=np.float32)
    block = max(1, _GATHERED_VALUES // matrix.shape[1])
    for start in range(0, len(ids), block):
        needed, local = np.unique(ids[start : start + block], return_inverse=True)
        rows = matrix[needed].astype(np.float32, copy=False) if gather is None else gather(needed)
        _add_rows(rows, local.astype(np.int64, copy=False), start, offsets, result)
    sizes = np.maximum(np.diff(offsets), 1)
    result *= (1.0 / sizes).astype(np.float32)[:, None]
    return result


@njit(cache=True, nogil=True)
def _walk(
    buffer: np.ndarray,
    starts: np.ndarray,
    minn: int,
    maxn: int,
    bucket: int,
    rows: np.ndarray,
    base: int,
    offsets: np.ndarray,
    ids: np.ndarray,
    write: bool,
) -> None:
    position = 0
    for word in range(starts.size - 1):
        offsets[word] = position
        if rows[word] >= 0:
            if write:
                ids[position] = rows[word]
            position += 1
        begin, end = starts[word], starts[word + 1]
        for i in range(begin, end):
            if buffer[i] & 0xC0 == 0x80:  # inside a code point
                continue
            value = _FNV_OFFSET
            j = i
            n = 0
            while j < end and n < maxn:  # each n-gram's hash goes on from that of the one before
                value = _step(value, buffer[j])
                j += 1
                while j < end and buffer[j] & 0xC0 == 0x80:
                    value = _step(value, buffer[j])
                    j += 1
                n += 1
                if n >= minn and not (n == 1 and (i == begin or j == end)):
                    if write:
                        ids[position] = base + np.int64(value % np.uint64(bucket))
                    position += 1
    offsets[starts.size - 1] = position


@njit(cache=True)
def _step(value: np.uint64, byte: int) -> np.uint64:
    # FNV-1a in 32 bits; the official library XORs with a *signed* char, so bytes from 128 on set the upper bits.
    extended = np.uint64(byte)
    if byte >= 128:
        extended |= _SIGN
    return ((value ^ extended) * _FNV_PRIME) & _MASK


@njit(cache=True, nogil=True)
def _add_rows(rows: np.ndarray, ids: np.ndarray, start: int, offsets: np.ndarray, result: np.ndarray) -> None:
    """Add the rows of ``ids``, which stand at ``start`` and after among all ids, to the groups they belong to."""
    group = np.searchsorted(offsets, start, side="right") - 1
    for k in range(ids.size):
        while offsets[group + 1] <= start + k:
            group += 1
        row = ids[k]
        for d in range(rows.shape[1]):
            result[group, d] += rows[row, d]
