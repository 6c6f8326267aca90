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
from wechsel_core.types import Progress

MANIFEST = "manifest.json"
_BLOCK = 1 << 22


def file_sha256(path: Path, progress: Progress | None = None) -> str:
    """Hash of a file; vectors of 7 GB take some seconds, so progress may be told."""
    digest, size, done = hashlib.sha256(), max(1, path.stat().st_size), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if progress:
                progress(min(1.0, done / size), f"checking {path.name}")
    return digest.hexdigest()


def write_manifest(
    folder: Path, origin: Mapping[str, Any], paths: list[Path], progress: Progress | None = None
) -> None:
    """Record where a folder's files came from, and their hashes, for ``verify``."""
    files = {
        path.relative_to(folder).as_posix(): {"n_bytes": path.stat().st_size, "sha256": file_sha256(path, progress)}
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


def check_manifest(name: str, folder: Path, progress: Progress | None = None) -> None:
    """Hash every file again; raises ``AssetError`` for the first that differs."""
    paths = manifest_paths(folder)
    if paths is None:
        raise not_fetched(name)
    for path, entry in paths.items():
        if path.stat().st_size != entry["n_bytes"] or file_sha256(path, progress) != entry["sha256"]:
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
        sentence = disk_sentence(error, name)
        if sentence is None:
            raise
        raise AssetError(*sentence) from error


def disk_sentence(error: OSError, name: str) -> tuple[str, str, str] | None:
    """What an error of the disk means: found, expected, remedy; None if it is another error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(name)
    if error.errno == errno.EFBIG:
        return (
            f"a file of {name} is larger than this disk or account may hold",
            "a file system for large files, and no limit on file sizes",
            "set WECHSEL_HOME (HF_HOME for models of the hub) to another disk, or lift the limit (ulimit -f)",
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return (
            f"{error.filename or 'the cache'} cannot be written",
            "a writable cache",
            "set WECHSEL_HOME (HF_HOME for models of the hub) to another folder",
        )
    return None


def disk_full(name: str) -> tuple[str, str, str]:
    """The sentence for a full disk."""
    return f"the disk became full while fetching {name}", "enough free space", "free some space and try again"
