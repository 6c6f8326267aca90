"""The side file below the cache folder that keeps a vocabulary's index from one opening to the next.

Little-endian: a head (mark, key of the indexed file, number of words, end of its entries, number of undecodable
words, slots, CRC-32 of all else), then the arrays of ``VocabularyIndex``. It holds nothing that cannot be made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wechsel_core.mapped_file import MappedFile
from wechsel_core.paths import cache_dir
from wechsel_core.vectors.vocabulary_index import VocabularyIndex

#: From this number of words on an index is kept: fewer are scanned in some milliseconds.
SMALLEST = 50_000

_MARK = b"wechsel index 1\n"
_KEY = struct.Struct("<qq32s")  # size, time of change in ns, SHA-256 of the head
_HEAD = struct.Struct(f"<16s{_KEY.size}s4q")
_CHECK = struct.Struct("<Q")
_ARRAYS = (("starts", "<i8"), ("counts", "<f8"), ("undecodable", "<i8"), ("rows", "<i4"), ("table", "<i4"))
_KEYED_BYTES = 2**20
_CHECKED_BYTES = 2**24
_STALE_SECONDS = 86_400.0


def stored_index(path: Path, file: MappedFile, n_words: int, build: Callable[[], VocabularyIndex]) -> VocabularyIndex:
    """The index of a ``.bin`` file's vocabulary, memory-mapped from its side file.

    Parameters
    ----------
    path : path
        The ``.bin`` file.
    file : MappedFile
        The same, opened: its key is taken from what is indexed, even if another file has taken its place meanwhile.
    n_words : int
    build : callable
        Makes the index: called for a small vocabulary, and where no side file fits the file's size, time of change
        and first mebibyte. A damaged side file is one that does not fit.

    Returns
    -------
    VocabularyIndex
        In memory instead where the cache folder cannot be written: the next opening builds it again.
    """
    if n_words < SMALLEST:
        return build()
    side, key = side_file(path), _key(file)
    found = _load(side, key, n_words)
    if found is None:
        built = build()
        # Only the next opening would be quicker: a full or read-only disk is no reason to refuse this one.
        with contextlib.suppress(OSError):
            _save(side, key, built)
        found = _load(side, key, n_words) or built
    return found


def side_file(path: Path) -> Path:
    """Where the index of a ``.bin`` file is kept: one file for each path, replaced when the content changes."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    return cache_dir() / "vocabularies" / f"{digest[:32]}.index"


def _key(file: MappedFile) -> bytes:
    head = hashlib.sha256(file.data[:_KEYED_BYTES].data).digest()
    return _KEY.pack(len(file.data), file.changed, head)


def _load(side: Path, key: bytes, n_words: int) -> VocabularyIndex | None:
    try:
        mapped = MappedFile(side)
    except (OSError, ValueError):  # missing, unreadable or empty
        return None
    data = mapped.data
    begin = _HEAD.size + _CHECK.size
    if len(data) < begin:
        return None
    mark, kept_key, kept_words, end, n_undecodable, n_slots = _HEAD.unpack(data[: _HEAD.size].tobytes())
    if (mark, kept_key, kept_words) != (_MARK, key, n_words):
        return None
    lengths = {"starts": n_words, "counts": n_words, "undecodable": n_undecodable, "rows": n_words, "table": n_slots}
    if min(lengths.values()) < 0 or len(data) != begin + sum(lengths[name] * int(code[2]) for name, code in _ARRAYS):
        return None
    (check,) = _CHECK.unpack(data[_HEAD.size : begin].tobytes())
    if check != _checksum([data[: _HEAD.size], data[begin:]]):
        return None
    mapped.release()
    arrays = {}
    for name, code in _ARRAYS:
        stop = begin + lengths[name] * int(code[2])
        arrays[name] = data[begin:stop].view(code)
        begin = stop
    return VocabularyIndex(end=end, **arrays)


def _save(side: Path, key: bytes, index: VocabularyIndex) -> None:
    arrays = [np.ascontiguousarray(getattr(index, name), dtype=code).view(np.uint8) for name, code in _ARRAYS]
    head = _HEAD.pack(_MARK, key, len(index.starts), index.end, len(index.undecodable), len(index.table))
    check = _checksum([np.frombuffer(head, dtype=np.uint8), *arrays])
    side.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(side.parent)
    # A folder of its own: another process may be writing the same index, and whichever is last replaces its equal.
    with tempfile.TemporaryDirectory(prefix=f"{side.stem}-", suffix=".part", dir=side.parent) as folder:
        part = Path(folder, side.name)
        with part.open("wb") as stream:
            stream.write(head + _CHECK.pack(check))
            for array in arrays:
                stream.write(array.data)
        os.replace(part, side)


def _remove_stale(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(part)


def _checksum(parts: list[np.ndarray]) -> int:
    value = 0
    for part in parts:
        for begin in range(0, len(part), _CHECKED_BYTES):
            value = zlib.crc32(part[begin : begin + _CHECKED_BYTES].data, value)
    return value
