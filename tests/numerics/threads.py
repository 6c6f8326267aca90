"""How many threads compiled loops take: one for the many tiny calls of a property test, which otherwise wait for busy
cores, all of them where the threads themselves are tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Run compiled loops on this many threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(number)
    try:
        yield
    finally:
        numba.set_num_threads(before)
