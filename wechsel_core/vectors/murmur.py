"""MurmurHash64A, the hash by which spaCy names its strings, compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

_M = np.uint64(0xC6A4A7935BD1E995)
_R = np.uint64(47)
_EIGHT = np.uint64(8)


def murmur64a(texts: Sequence[bytes], seed: int = 1) -> np.ndarray:
    """MurmurHash64A of byte strings, uint64, shape (n,); spaCy uses seed 1.

    References
    ----------
    Appleby, MurmurHash2, 64-bit version for 64-bit platforms (public domain).
    """
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    hashes = np.empty(len(texts), dtype=np.uint64)
    _murmur(np.frombuffer(b"".join(texts), dtype=np.uint8), starts, np.uint64(seed), hashes)
    return hashes


@njit(cache=True)
def _murmur(buffer: np.ndarray, starts: np.ndarray, seed: np.uint64, hashes: np.ndarray) -> None:
    for text in range(hashes.size):
        begin, end = starts[text], starts[text + 1]
        value = seed ^ (np.uint64(end - begin) * _M)
        position = begin
        while position + 8 <= end:
            block = _little_endian(buffer, position, 8) * _M
            block ^= block >> _R
            value = (value ^ (block * _M)) * _M
            position += 8
        if position < end:
            value = (value ^ _little_endian(buffer, position, end - position)) * _M
        value = (value ^ (value >> _R)) * _M
        hashes[text] = value ^ (value >> _R)


@njit(cache=True)
def _little_endian(buffer: np.ndarray, position: int, length: int) -> np.uint64:
    value = np.uint64(0)
    for k in range(length):
        value |= np.uint64(buffer[position + k]) << (_EIGHT * np.uint64(k))
    return value
