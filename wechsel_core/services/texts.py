"""Text that a person hands over in the browser, kept where a training run finds it again."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wechsel_core import paths
from wechsel_core.errors import InputError, OutputError

LONGEST_NAME = 80


def save(files: Sequence[tuple[str, bytes]]) -> Path:
    """Keep text files in ``paths.home() / "texts"``, in a folder named after their content.

    Parameters
    ----------
    files : sequence of (name, content)
        What was uploaded. Only the last part of a name is used, without anything that a path could be made of.

    Returns
    -------
    Path
        The file, or the folder of several. The same content under the same names always gets the same place.

    Raises
    ------
    InputError
        If there is no text, or it is no UTF-8.
    OutputError
        If it cannot be written.
    """
    named = _named(files)
    digest = hashlib.sha256()
    for name, content in named.items():
        digest.update(hashlib.sha256(content).digest() + name.encode() + b"\0")
    folder = paths.home() / "texts" / digest.hexdigest()[:16]
    if not folder.is_dir():
        try:
            _write(folder, named)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written ({error.strerror or error})", "room for the text", "free some"
            ) from error
    return folder / next(iter(named)) if len(named) == 1 else folder


def _named(files: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for given, content in files:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{given} is no UTF-8 text", "text files in UTF-8", "convert it first") from error
        stem = re.sub(r"[^\w.-]+", "-", re.split(r"[/\\]", given)[-1]).strip("-.").removesuffix(".txt")[:LONGEST_NAME]
        name, number = f"{stem or 'text'}.txt", 2
        while name in found:
            name, number = f"{stem or 'text'}-{number}.txt", number + 1
        found[name] = content
    if not any(content.strip() for content in found.values()):
        raise InputError("no text was uploaded", "a text file with words in it", "choose another file")
    return found


def _write(folder: Path, named: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, content in named.items():
            (partial / name).write_bytes(content)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # two browsers may hand over the same text at once
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
