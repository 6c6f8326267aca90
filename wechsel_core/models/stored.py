"""Tensors of safetensors files, read in place: rows come out as float32, and nothing is loaded as a whole."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import ModelError
from wechsel_core.mapped_file import MappedFile

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
#: Bytes that are copied, compared or hashed at a time.
CHUNK = 8 * 1024 * 1024
#: What numpy calls the types of embedding matrices; bfloat16, which it lacks, is the upper half of a float32.
_FLOATS = {"F16": np.float16, "BF16": np.uint16, "F32": np.float32, "F64": np.float64}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor's place in a safetensors file.

    Attributes
    ----------
    file : Path
    dtype : str
        As the format spells it: F32, BF16...
    shape : tuple of int
    start, stop : int
        Bytes of the file.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes, ``CHUNK`` at a time."""
        with self.file.open("rb") as file:
            file.seek(self.start)
            left = self.stop - self.start
            while left:
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise OSError(f"{self.file} has become shorter")
                left -= len(chunk)
                yield chunk

    def equals(self, other: StoredTensor) -> bool:
        """Whether both hold the same bytes under the same type and shape."""
        alike = (self.dtype, self.shape) == (other.dtype, other.shape)
        return alike and all(a == b for a, b in zip(self.chunks(), other.chunks(), strict=True))


class StoredRows:
    """A matrix, or a vector as one column, that is indexed by slices or id arrays and gives float32 rows.

    The file is memory-mapped: what stays in memory is the system's page cache.
    """

    def __init__(self, tensor: StoredTensor) -> None:
        if tensor.dtype not in _FLOATS:
            raise ModelError(f"embeddings of type {tensor.dtype}", "floating point weights", "choose another model")
        n_stored, columns = tensor.shape[0], math.prod(tensor.shape[1:])
        dtype = np.dtype(_FLOATS[tensor.dtype]).newbyteorder("<")
        self.tensor = tensor
        self._file = MappedFile(tensor.file)
        self._stored = self._file.data[tensor.start : tensor.stop].view(dtype).reshape(n_stored, columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_rows, dim)."""
        return self._stored.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return as_float32(self._stored[rows], self.tensor.dtype)

    def release(self) -> None:
        """Hand the touched pages back to the page cache: while they are mapped they count as the process's memory."""
        self._file.release()

    def first(self, n_rows: int) -> StoredRows:
        """The same matrix without the rows beyond the first ``n_rows``; a second mapping would count its pages twice."""
        fewer = copy.copy(self)
        fewer._stored = self._stored[:n_rows]
        return fewer


def as_float32(stored: np.ndarray, dtype: str) -> np.ndarray:
    """Values of a safetensors type as float32; exact for all but float64."""
    if dtype == "BF16":
        widened: np.ndarray = np.left_shift(stored, 16, dtype=np.uint32).view(np.float32)
        return widened
    return np.asarray(stored, dtype=np.float32)


def as_stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """Float32 values as a safetensors type, rounded to the nearest, ties to even.

    Raises
    ------
    ModelError
        If a value is beyond the type's range.
    """
    if dtype == "BF16":
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
        stored = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
        finite = bool(((stored & 0x7F80) != 0x7F80).all())
    else:
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(values, dtype=np.dtype(_FLOATS[dtype]).newbyteorder("<"))
        finite = bool(np.isfinite(stored).all())
    if not finite:
        raise ModelError(f"embeddings too large for {dtype}", "values within its range", "choose another model")
    return stored


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """All tensors of a model folder by name, of one file or of the shards that its index names.

    Raises
    ------
    ModelError
        If a file is missing, cut off or malformed.
    """
    if (folder / WEIGHTS).is_file():
        return _tensors_of(folder / WEIGHTS)
    try:
        places = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"]
        shards = sorted(set(places.values()))
        if any(Path(shard).name != shard for shard in shards):
            raise ValueError("a shard outside the folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(folder / INDEX, error) from error
    found = {shard: _tensors_of(folder / shard) for shard in shards}
    lacking = sorted(name for name, shard in places.items() if name not in found[shard])
    if lacking:
        raise ModelError(
            f"{folder / places[lacking[0]]} lacks the tensor {lacking[0]}",
            f"what {INDEX} promises",
            "fetch the model again",
        )
    return {name: found[shard][name] for name, shard in places.items()}


def weights_sha256(folder: Path) -> str:
    """Hash of a folder's weight files, in name order; reads them once (about 1 s a gigabyte)."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("model*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                digest.update(block)
    return digest.hexdigest()


def _tensors_of(path: Path) -> dict[str, StoredTensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # its checks: the header's form, and that all bytes are there
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError, SafetensorError) as error:
        raise _malformed(path, error) from error
    header.pop("__metadata__", None)
    base = 8 + length
    return {
        name: StoredTensor(path, entry["dtype"], tuple(entry["shape"]), *(base + at for at in entry["data_offsets"]))
        for name, entry in header.items()
    }


def _malformed(path: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"{path} cannot be loaded ({reason})", "safetensors weights", "fetch the model again")
