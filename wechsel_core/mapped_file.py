"""A file mapped into memory, whose pages can be handed back."""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

import numpy as np


class MappedFile:
    """A file's bytes, read from the disk as they are touched.

    Parameters
    ----------
    path : path
        A file with at least one byte; ``mmap`` raises ``ValueError`` for an empty one.

    Attributes
    ----------
    data : ndarray of uint8, shape (n_bytes,)
        Read-only.
    changed : int
        When the file was changed last, in ns, as it was mapped.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self.changed = os.fstat(stream.fileno()).st_mtime_ns
            self._descriptor = os.dup(stream.fileno())
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.data = np.frombuffer(self._map, dtype=np.uint8)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def rows(self, offset: int, row_bytes: int, numbers: np.ndarray) -> np.ndarray:
        """Copy rows that lie scattered over a part of the file, without touching its pages.

        A read a row takes half the time of a page fault a row, and leaves nothing to hand back.

        Parameters
        ----------
        offset : int
            Where row 0 begins.
        row_bytes : int
        numbers : ndarray of int64, shape (n,)
            Rows of the file.

        Returns
        -------
        ndarray of uint8, shape (n, row_bytes)

        Raises
        ------
        OSError
            If the file ends before a row does: it was cut since it was opened.
        """
        out = np.empty((len(numbers), row_bytes), dtype=np.uint8)
        if not hasattr(os, "pread"):  # Windows
            part = self.data[offset:]
            return np.stack([part[n * row_bytes : (n + 1) * row_bytes] for n in numbers.tolist()]) if len(out) else out
        # numba is loaded on first use only, so that opening a file stays light.
        from wechsel_core.row_reader import read_rows

        done = read_rows(self._descriptor, offset, np.ascontiguousarray(numbers, dtype=np.int64), out)
        if done < len(numbers):
            raise OSError(f"row {numbers[done]} lies beyond the end of the file")
        return out

    def release(self) -> None:
        """Hand the touched pages back; what is touched again comes from the system's page cache.

        Pages of a mapping count as memory of the process for as long as they are mapped, and the system maps
        sixteen around each one touched: scattered rows would soon make all of a large file resident.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
