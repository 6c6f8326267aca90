"""The vocabulary of a fastText ``.bin`` file, compiled: scan, hash table and lookup on the file's own bytes.

A word is named by the byte at which it starts; it ends before the next NUL, which no word can hold.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_OFFSET = np.uint64(14695981039346656037)  # FNV-1a in 64 bits
_PRIME = np.uint64(1099511628211)
_HALF = np.uint64(32)


@njit(cache=True, nogil=True)
def scan_entries(data: np.ndarray, begin: int, n_entries: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Find the ``word NUL int64-count int8-type`` entries.

    Parameters
    ----------
    data : ndarray of uint8, shape (n_bytes,)
        The whole file.
    begin : int
        First byte of the first entry.
    n_entries : int

    Returns
    -------
    position : int
        First byte after the entries; negative, counting back from ``n_entries``, if an entry is cut off.
    starts : ndarray of int64, shape (n_entries,)
        First byte of each word.
    counts : ndarray of int64, shape (n_entries,)
    types : ndarray of uint8, shape (n_entries,)
        0 for a word, 1 for a label.
    """
    starts = np.empty(n_entries, dtype=np.int64)
    counts = np.empty(n_entries, dtype=np.int64)
    types = np.empty(n_entries, dtype=np.uint8)
    position = begin
    for entry in range(n_entries):
        starts[entry] = position
        position = _end(data, position)
        if position + 10 > data.size:
            return entry - n_entries, starts, counts, types
        position += 1
        count = np.uint64(0)
        for k in range(8):
            count |= np.uint64(data[position + k]) << np.uint64(8 * k)
        counts[entry] = np.int64(count)
        types[entry] = data[position + 8]
        position += 9
    return position, starts, counts, types


@njit(cache=True, nogil=True)
def fill_table(data: np.ndarray, starts: np.ndarray, table: np.ndarray) -> None:
    """Enter each word's position into a hash table with open addressing; of equal words the first.

    Parameters
    ----------
    data : ndarray of uint8, shape (n_bytes,)
    starts : ndarray of int64, shape (n_words,)
    table : ndarray of int32, shape (n_slots,)
        Filled with -1; a power of two of slots, more of them than words.
    """
    for word in range(starts.size):
        begin = starts[word]
        end = _end(data, begin)
        slot = _first_slot(data, begin, end, table.size)
        while table[slot] >= 0 and not _same(data, starts[table[slot]], data, begin, end):
            slot = (slot + 1) & (table.size - 1)
        if table[slot] < 0:
            table[slot] = word


@njit(cache=True, nogil=True)
def find_words(
    data: np.ndarray, starts: np.ndarray, table: np.ndarray, keys: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Look up words by their bytes.

    Parameters
    ----------
    data, starts, table
        See ``fill_table``.
    keys : ndarray of uint8, shape (n_bytes,)
        The words that are sought, one after the other.
    offsets : ndarray of int64, shape (n + 1,)
        Key i is ``keys[offsets[i]:offsets[i + 1]]``.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions in ``starts``; -1 where there is no such word.
    """
    found = np.full(offsets.size - 1, -1, dtype=np.int64)
    for i in range(found.size):
        begin, end = offsets[i], offsets[i + 1]
        slot = _first_slot(keys, begin, end, table.size)
        while table[slot] >= 0:
            if _same(data, starts[table[slot]], keys, begin, end):
                found[i] = table[slot]
                break
            slot = (slot + 1) & (table.size - 1)
    return found


@njit(cache=True, nogil=True)
def join_words(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Words, each with its NUL.

    Parameters
    ----------
    data : ndarray of uint8, shape (n_bytes,)
    starts : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of uint8, shape (n_joined,)
    """
    total = 0
    for word in range(starts.size):
        total += _end(data, starts[word]) + 1 - starts[word]
    joined = np.zeros(total, dtype=np.uint8)
    written = 0
    for word in range(starts.size):
        begin = starts[word]
        end = _end(data, begin)
        for k in range(begin, end):
            joined[written] = data[k]
            written += 1
        written += 1
    return joined


@njit(cache=True)
def _end(data: np.ndarray, position: int) -> int:
    while position < data.size and data[position] != 0:
        position += 1
    return position


@njit(cache=True)
def _first_slot(data: np.ndarray, begin: int, end: int, n_slots: int) -> np.int64:
    value = _OFFSET
    for k in range(begin, end):
        value = (value ^ np.uint64(data[k])) * _PRIME
    value ^= value >> _HALF
    return np.int64(value & np.uint64(n_slots - 1))


@njit(cache=True)
def _same(data: np.ndarray, start: int, keys: np.ndarray, begin: int, end: int) -> bool:
    """Whether the word at ``start`` is the key; a key with a NUL is no word and must not match the count behind one."""
    length = end - begin
    if start + length >= data.size or data[start + length] != 0:
        return False
    k = 0
    while k < length and data[start + k] == keys[begin + k] and keys[begin + k] != 0:
        k += 1
    return k == length
