"""Rows of a matrix: their lengths, which are equal, and whether they are finite, without copies of the matrix."""

from __future__ import annotations

from typing import Protocol

import numba
import numpy as np

#: Values that a loop over blocks of rows holds at once.
BLOCK_VALUES = 1024 * 1024


class Rows(Protocol):
    """A matrix that gives its rows for a slice or an array of row numbers: an array, or one that lies in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_rows, dim)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray: ...


def blocks_of(n_rows: int, n_columns: int) -> list[slice]:
    """Slices that cover the rows, each of ``BLOCK_VALUES`` values at most, and of one row at least."""
    rows = max(1, BLOCK_VALUES // max(1, n_columns))
    return [slice(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]


def all_finite(matrix: Rows) -> bool:
    """Whether no value is NaN or infinity."""
    return all(bool(np.isfinite(matrix[block]).all()) for block in blocks_of(len(matrix), matrix.shape[1]))


def row_factors(matrix: np.ndarray) -> np.ndarray:
    """What brings each row to length one, float64, shape (n_rows,); 0 for a zero row.

    Squares are summed in float64: those of 1e-25 and 1e25 leave float32.
    """
    factors = np.empty(len(matrix), dtype=np.float64)
    _factors(matrix, factors)
    return factors


def normalize_rows(matrix: np.ndarray) -> np.ndarray:
    """Rows at length one, float32; zero rows stay zero."""
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    return _scaled(matrix, np.arange(len(matrix)), row_factors(matrix), np.empty_like(matrix))


def distinct_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows in order of first appearance, and for each row the number of its distinct one.

    Parameters
    ----------
    matrix : ndarray of float32 or float64, shape (n_rows, dim)

    Returns
    -------
    distinct : ndarray, shape (n_distinct, dim)
    number : ndarray of int64, shape (n_rows,)
        ``distinct[number]`` is ``matrix``; -0.0 and 0.0 are one value.
    """
    matrix = np.ascontiguousarray(matrix)
    rows = np.arange(len(matrix))
    factors = np.ones(len(matrix))
    number, first = _numbered(matrix, rows, factors)
    return _scaled(matrix, first, factors, np.empty((len(first), matrix.shape[1]), matrix.dtype)), number


class UnitRows:
    """The distinct directions among some rows of a matrix, in order of first appearance, made a block at a time.

    Rows that are equal to the bit once they have length one count as one: tokens that differ in a leading space
    share a static vector, and the same vector must give the same cosine wherever it stands in a block.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_members,)
        Row numbers of the matrix by direction, rising within each.
    places : ndarray of int64, shape (n_members,)
        Where each of them stands in ``asked``.
    offsets : ndarray of int64, shape (n_directions + 1,)
        Where each direction's members begin.
    """

    def __init__(self, matrix: np.ndarray, asked: np.ndarray, *, keep_zero: bool) -> None:
        self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)  # the caller's own where it is float32
        self._factors = row_factors(self._matrix)
        places = np.arange(len(asked)) if keep_zero else np.flatnonzero(self._factors[asked])
        number, first = _numbered(self._matrix, asked[places], self._factors)
        order = np.argsort(number, kind="stable")
        self.places = places[order]
        self.rows = asked[self.places]
        self.offsets = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=len(first)))])
        self.dim = self._matrix.shape[1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def block(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """Directions start to stop, float32, shape (n, dim); in ``out`` if given, which has as many rows or more."""
        rows = self.rows[self.offsets[start : min(stop, len(self))]]
        out = np.empty((len(rows), self.dim), dtype=np.float32) if out is None else out[: len(rows)]
        return _scaled(self._matrix, rows, self._factors, out)


def _scaled(matrix: np.ndarray, rows: np.ndarray, factors: np.ndarray, out: np.ndarray) -> np.ndarray:
    _scale_rows(matrix, rows, factors, out)
    return out


def _numbered(matrix: np.ndarray, rows: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct ones among the scaled rows by first appearance: (number of each, row of each distinct)."""
    number, first = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    hashes = np.empty(len(rows), dtype=np.uint64)
    table = np.full(1 << (2 * len(rows) + 1).bit_length(), -1, dtype=np.int64)  # at most half full
    scratch = np.empty((2, matrix.shape[1]), dtype=matrix.dtype)
    words = scratch.view(f"u{matrix.dtype.itemsize}")
    count = _number_rows(matrix, rows, factors, scratch, words, hashes, table, first, number)
    return number, first[:count].copy()


@numba.njit(cache=True, nogil=True)
def _factors(matrix: np.ndarray, out: np.ndarray) -> None:  # pragma: no cover - compiled
    for row in range(matrix.shape[0]):
        total = 0.0
        for column in range(matrix.shape[1]):
            total += np.float64(matrix[row, column]) * np.float64(matrix[row, column])
        out[row] = 1.0 / np.sqrt(total) if total > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _scale_row(matrix: np.ndarray, row: int, factor: float, out: np.ndarray) -> None:  # pragma: no cover - compiled
    for column in range(matrix.shape[1]):
        out[column] = matrix[row, column] * factor
        if out[column] == 0:
            out[column] = 0  # -0.0 and 0.0 are one value but not the same bytes


@numba.njit(cache=True, nogil=True)
def _scale_rows(
    matrix: np.ndarray, rows: np.ndarray, factors: np.ndarray, out: np.ndarray
) -> None:  # pragma: no cover - compiled
    for place in range(len(rows)):
        _scale_row(matrix, rows[place], factors[rows[place]], out[place])


@numba.njit(cache=True, nogil=True)
def _number_rows(
    matrix: np.ndarray,
    rows: np.ndarray,
    factors: np.ndarray,
    scratch: np.ndarray,
    words: np.ndarray,
    hashes: np.ndarray,
    table: np.ndarray,
    first: np.ndarray,
    number: np.ndarray,
) -> int:  # pragma: no cover - compiled
    """One pass with an open table of distinct rows: equal hashes are only a hint, the values decide."""
    count = 0
    mask = np.uint64(len(table) - 1)
    for place in range(len(rows)):
        _scale_row(matrix, rows[place], factors[rows[place]], scratch[0])
        code = np.uint64(14695981039346656037)
        for column in range(words.shape[1]):
            code = (code ^ np.uint64(words[0, column])) * np.uint64(1099511628211)
            code ^= code >> np.uint64(29)
        slot = code & mask
        while True:
            held = table[slot]
            if held < 0:
                table[slot] = count
                hashes[count] = code
                first[count] = rows[place]
                number[place] = count
                count += 1
                break
            if hashes[held] == code:
                _scale_row(matrix, first[held], factors[first[held]], scratch[1])
                if np.array_equal(scratch[0], scratch[1]):
                    number[place] = held
                    break
            slot = (slot + np.uint64(1)) & mask
    return count
