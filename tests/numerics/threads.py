"""How many threads block loops take: one for the many tiny calls of a property test, which otherwise wait for busy
cores, several where the threads themselves are tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Run block loops on this many threads, whatever the machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", str(number))
        yield
