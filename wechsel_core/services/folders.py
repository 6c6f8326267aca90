"""Folders of results and races: their names, and results that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wechsel_core.config import InitConfig, RaceConfig
from wechsel_core.errors import OutputError
from wechsel_core.results import MANIFEST


def check_place(out: Path, *, force: bool) -> None:
    """Refuse a place that cannot become the result folder; nothing is created.

    Raises
    ------
    OutputError
        Something is there (with ``force``: something that is no earlier result), or nothing can be put there.
    """
    try:
        present = bool(out.lstat())
    except FileNotFoundError:
        present = False
    except OSError as error:
        raise _unwritable(out, error) from error
    if present and not out.exists():
        raise OutputError(f"{out} is a link to nothing", "a folder that does not exist yet", "remove the link")
    if present and not (out.is_dir() and not any(out.iterdir())):
        if not force:
            raise OutputError(f"{out} exists", "a folder that does not exist yet", "choose another or give --force")
        if not (out / MANIFEST).is_file():
            raise OutputError(
                f"{out} exists and holds no result",
                "an earlier result to replace",
                "choose another folder or delete it",
            )
    parent = next(folder for folder in out.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{parent} is no folder to write to", "a writable folder", "choose another folder")


@contextlib.contextmanager
def new_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its place when the block ends well, and vanishes otherwise."""
    missing = [folder for folder in (out.parent, *out.parent.parents) if not folder.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".wechsel-", dir=out.parent))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield partial
        check_place(out, force=force)  # something may have appeared meanwhile
        partial.chmod(0o755)
        _replace(partial, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        for folder in missing:  # innermost first; one that holds anything by now stays
            with contextlib.suppress(OSError):
                folder.rmdir()


def _replace(partial: Path, out: Path) -> None:
    """Put the new folder in place; an old one is moved aside first, and back again if that fails."""
    aside = Path(tempfile.mkdtemp(prefix=".wechsel-", dir=out.parent))
    earlier = aside / "earlier"
    try:
        if out.exists():
            out.rename(earlier)
        partial.rename(out)
    except BaseException:  # an interrupt between the two renames must not cost the earlier result either
        if earlier.exists():
            earlier.rename(out)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    return OutputError(f"{out} cannot be written ({reason})", "a place with room for a result", "choose another folder")


def name_of(config: InitConfig | RaceConfig) -> str:
    """The name of a configuration's folder: source, language and the start of its hash."""
    source = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(config.source).name or "model").strip("-.") or "model"
    return f"{source}-{config.target_language}-{config.hash[:8]}"
