"""A file mapped into memory, whose pages can be handed back."""

from __future__ import annotations

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
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.data = np.frombuffer(self._map, dtype=np.uint8)

    def release(self) -> None:
        """Hand the touched pages back; what is touched again comes from the system's page cache.

        Pages of a mapping count as memory of the process for as long as they are mapped, and the system maps
        sixteen around each one touched: scattered rows would soon make all of a large file resident.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
