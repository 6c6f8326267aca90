"""What the commands share: flags, one JSON line or text, a progress line."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


def show(record: dict[str, Any], text: str, as_json: bool) -> None:
    """Print a command's outcome for a program or for a person."""
    typer.echo(json.dumps(record, ensure_ascii=False) if as_json else text)


def tell(share: float, step: str) -> None:
    """A progress line, where somebody looks at it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{share:4.0%} {step}" + ("\n" if share >= 1 else ""))
        sys.stderr.flush()


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """``tell``, with an unfinished line cleared for the error that ends it."""
    try:
        yield tell
    except BaseException:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        raise
