"""What a result keeps of embedding rows that go from file to file and are never in memory together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from wechsel_core.numerics.rows import Rows, blocks_of
from wechsel_core.numerics.statistics import row_norms
from wechsel_core.transfer.result import TokenKind


def norms_of(matrix: Rows) -> np.ndarray:
    """Lengths of all rows, float64, shape (n_rows,), read in blocks; not finite where a value of the row is not."""
    return np.concatenate([row_norms(matrix[block]) for block in blocks_of(len(matrix), matrix.shape[1])])


class RowNotes:
    """Notes of new rows, taken as they pass by.

    Parameters
    ----------
    kind : ndarray of uint8, shape (n_target_tokens,)
        ``TokenKind`` values.
    """

    def __init__(self, kind: np.ndarray) -> None:
        self._mixed = kind == TokenKind.MIXED
        self._norms: list[np.ndarray] = []
        self._n_seen = 0
        self._distinct: set[bytes] = set()

    def taking(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The blocks as they come, noted."""
        for rows in blocks:
            self._norms.append(row_norms(rows))
            start, self._n_seen = self._n_seen, self._n_seen + len(rows)
            for row in rows[self._mixed[start : self._n_seen]] + 0.0:  # -0.0 and 0.0 are one value
                self._distinct.add(hashlib.blake2b(row, digest_size=16).digest())
            yield rows

    @property
    def norms(self) -> np.ndarray:
        """Lengths of the rows, float64, shape (n_target_tokens,)."""
        return np.concatenate(self._norms)

    @property
    def mixed_norms(self) -> np.ndarray:
        """Lengths of those that are mixed."""
        return np.asarray(self.norms[self._mixed])

    @property
    def duplicates(self) -> int:
        """How many mixed rows repeat another one."""
        return int(self._mixed.sum()) - len(self._distinct)
