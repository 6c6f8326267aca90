"""Rows of a file that lie scattered, read by a compiled loop: two reads at a time need not wait for each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

#: The C library's ``pread(descriptor, into, n_bytes, offset)``, found in the process by its name.
_pread: Any = types.ExternalFunction("pread", types.intp(types.intc, types.uintp, types.uintp, types.int64))


@njit(cache=True, nogil=True)
def read_rows(descriptor: int, offset: int, numbers: np.ndarray, out: np.ndarray) -> int:
    """Copy rows of a file, a read each.

    Parameters
    ----------
    descriptor : int
        An open file.
    offset : int
        First byte of row 0.
    numbers : ndarray of int64, shape (n,)
        Rows of the file.
    out : ndarray of uint8, shape (n, row_bytes)
        Filled with them.

    Returns
    -------
    int
        Rows that were read: fewer than n if the file ends before one does, or cannot be read.
    """
    row_bytes = out.shape[1]
    for place in range(numbers.size):
        into = out.ctypes.data + place * row_bytes
        if _pread(np.int32(descriptor), into, row_bytes, offset + numbers[place] * row_bytes) != row_bytes:
            return place
    return numbers.size
