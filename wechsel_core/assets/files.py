"""What the ways of fetching share: hashes, manifests, failures of the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wechsel_core.errors import AssetError

MANIFEST = "manifest.json"


def file_sha256(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, origin: Mapping[str, Any], paths: list[Path]) -> None:
    """Record where a folder's files came from, and their hashes, for ``verify``."""
    files = {
        path.relative_to(folder).as_posix(): {"n_bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in paths
    }
    partial = folder / f"{MANIFEST}.part"
    partial.write_text(json.dumps({**origin, "files": files}, indent=1, sort_keys=True), "utf-8")
    os.replace(partial, folder / MANIFEST)


def manifest_paths(folder: Path) -> dict[Path, dict[str, Any]] | None:
    """Files of a folder and what its manifest says of each; None if there is no complete set."""
    try:
        files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    paths = {folder / name: entry for name, entry in files.items()}
    return paths if paths and all(path.is_file() for path in paths) else None


def check_manifest(name: str, folder: Path) -> None:
    """Hash every file again; raises ``AssetError`` for the first that differs."""
    paths = manifest_paths(folder)
    if paths is None:
        raise not_fetched(name)
    for path, entry in paths.items():
        if path.stat().st_size != entry["n_bytes"] or file_sha256(path) != entry["sha256"]:
            raise AssetError(
                f"{path} has changed since it was fetched",
                f"sha256 {entry['sha256']}",
                f"delete {folder} and fetch again",
            )


def not_fetched(name: str) -> AssetError:
    """The error for an entry whose files are not there."""
    return AssetError(f"{name!r} has not been fetched", "its files in the cache", "fetch it first")


@contextlib.contextmanager
def disk_errors(name: str) -> Iterator[None]:
    """Tell a full disk and an unwritable folder; other errors pass through."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AssetError(*disk_full(name)) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise AssetError(
                f"{error.filename or 'the cache'} cannot be written",
                "a writable cache",
                "set WECHSEL_HOME to another folder",
            ) from error
        raise


def disk_full(name: str) -> tuple[str, str, str]:
    """The sentence for a full disk."""
    return f"the disk became full while fetching {name}", "enough free space", "free some space and try again"
