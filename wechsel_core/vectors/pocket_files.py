"""The two files of a pocket folder, read and written byte for byte.

The safetensors library writes the metadata in an order that changes from run to run; the folder is committed
and hashed, so it is written here, in the same format, with sorted keys. Reading maps the tensors instead of
copying them.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import OutputError, VectorFileError
from wechsel_core.vectors.store import require_file

FORMAT = "wechsel-pocket-1"
TENSORS = "vectors.safetensors"
WORDS = "words.txt"

_TYPES = {"F16": "<f2", "F32": "<f4", "I64": "<i8"}
_NAMES = {np.dtype(value): key for key, value in _TYPES.items()}
_AGAIN = "build or fetch the folder again"


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors of a safetensors file, memory-mapped read-only, and its metadata.

    Raises
    ------
    VectorFileError
        Missing, damaged, or of another length than its head says.
    """
    require_file(path, f"a pocket folder with {TENSORS}")
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > size - 8:
                raise ValueError(f"a head of {length} bytes in a file of {size}")
            head = json.loads(stream.read(length))
        metadata = head.pop("__metadata__", {})
        tensors = {name: _map(path, 8 + length, entry) for name, entry in head.items()}
        end = 8 + length + max((entry["data_offsets"][1] for entry in head.values()), default=0)
        if end != size:
            raise ValueError(f"{size} bytes instead of {end}")
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise VectorFileError(
            f"'{path.name}' is cut off or damaged ({error})", "a whole safetensors file of F16, F32 and I64", _AGAIN
        ) from error
    return tensors, metadata


def _map(path: Path, start: int, entry: Mapping[str, Any]) -> np.ndarray:
    dtype = np.dtype(_TYPES[entry["dtype"]])
    shape = tuple(int(n) for n in entry["shape"])
    begin, end = entry["data_offsets"]
    n_bytes = dtype.itemsize
    for n in shape:
        n_bytes *= n
    if min(shape, default=0) < 0 or not 0 <= begin <= end or end - begin != n_bytes:
        raise ValueError(f"a tensor of shape {shape} in {end - begin} bytes")
    if start + end > path.stat().st_size:
        raise ValueError(f"data up to byte {start + end} in a file of {path.stat().st_size}")
    if n_bytes == 0:  # nothing that could be mapped
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=start + begin, shape=shape)


def read_words(path: Path) -> list[str]:
    """Lines of the word list; each line ends with a newline."""
    require_file(path, f"a pocket folder with {WORDS}")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise VectorFileError(f"'{path.name}' is not UTF-8 ({error})", "one word a line in UTF-8", _AGAIN) from error
    if not text.endswith("\n"):
        raise VectorFileError(f"'{path.name}' does not end with a line break", "one word a line", _AGAIN)
    words = text[:-1].split("\n")  # not splitlines, which also breaks at rare characters that words may hold
    if len(set(words)) != len(words):
        raise VectorFileError(f"'{path.name}' holds a word twice", "each word once", _AGAIN)
    return words


def write_folder(
    folder: Path, words: Sequence[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write both files under a temporary name and rename the folder, so that it appears whole or not at all.

    Raises
    ------
    OutputError
        ``folder`` exists.
    VectorFileError
        A word that a line cannot hold, or that occurs twice.
    """
    if folder.exists():
        raise OutputError(f"'{folder}' exists already", "a new folder", "choose another name or remove it first")
    if len(set(words)) != len(words) or any("\n" in word or "\r" in word for word in words):
        raise VectorFileError("a word occurs twice or holds a line break", "one word a line, each once", "remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (temporary / WORDS).write_bytes("".join(f"{word}\n" for word in words).encode("utf-8"))
        with (temporary / TENSORS).open("wb") as stream:
            stream.write(_safetensors_head(tensors, metadata))
            for name in sorted(tensors):
                stream.write(np.ascontiguousarray(tensors[name]).astype(_little(tensors[name]), copy=False).tobytes())
        os.chmod(temporary, 0o755)  # mkdtemp makes it private
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _little(values: np.ndarray) -> np.dtype:
    return values.dtype.newbyteorder("<")


def _safetensors_head(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    head: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    position = 0
    for name in sorted(tensors):
        values = tensors[name]
        code = _NAMES[_little(values)]
        head[name] = {"dtype": code, "shape": list(values.shape), "data_offsets": [position, position + values.nbytes]}
        position += values.nbytes
    text = json.dumps(head, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # the data start at a multiple of 8
    return struct.pack("<Q", len(text)) + text
