"""Keep transformers from drawing progress bars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the bars that transformers draws on stderr while it reads and writes weights."""
    from transformers.utils import logging

    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def no_progress_bars() -> None:
    """Switch them off for good, in a process whose output is a log."""
    from transformers.utils import logging

    logging.disable_progress_bar()
