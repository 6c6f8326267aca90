"""Memory that goes back to the system when it is free."""

from __future__ import annotations

import ctypes
import sys

#: Bytes from which on an array has a mapping of its own.
OWN_MAPPING = 16 * 1024 * 1024
#: The number of that limit among the settings of the C library's ``mallopt``.
_M_MMAP_THRESHOLD = -3


def give_back_large_arrays() -> None:
    """Have each array of 16 MB and more mapped by itself, so that its memory goes back when it is freed.

    The C library of Linux raises this limit to 32 MB as it sees such arrays come and go, and then keeps the freed ones for
    the thread that held them: an initialisation of GPT-2's size held on to 250 MB. For a process that makes one result;
    where many tensors come and go, as in training, a mapping for each would cost time. Elsewhere nothing happens.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if set_option is not None:
            set_option(_M_MMAP_THRESHOLD, OWN_MAPPING)
