"""Small JSON files that one process replaces while others read them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None if the file is missing, unreadable, or holds anything else."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def replace_json(path: Path, values: dict[str, Any], *, sync: bool = True) -> None:
    """Replace a file whole: a reader at any moment sees the earlier object or the new one.

    Writers that may meet need a lock of their own.

    Parameters
    ----------
    path : Path
    values : dict
        Without NaN or infinity.
    sync : bool
        Wait for the disk, so that a power cut costs neither the earlier object nor the new one.

    Raises
    ------
    OSError
        If there is no room; the earlier file stays.
    """
    partial = path.with_name(f".{path.name}.part")  # one name: killed writers leave one file, not many
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(values, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
