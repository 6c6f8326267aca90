"""Write safetensors files a block at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wechsel_core.models.stored import INDEX, WEIGHTS

#: Files are no larger than this; a larger tensor has a file of its own.
SHARD_BYTES = 5_000_000_000


@dataclass(frozen=True)
class NewTensor:
    """A tensor to write: its name, type as the format spells it, shape, and bytes in order when they are asked for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int
    blocks: Callable[[], Iterable[bytes | memoryview]]

    @property
    def item_bytes(self) -> float:
        """Bytes a value."""
        return self.n_bytes / max(1, math.prod(self.shape))


def write_shards(folder: Path, tensors: list[NewTensor], tell: Callable[[float], None]) -> None:
    """Write ``model.safetensors``, or shards of it with their index, as transformers reads them.

    Parameters
    ----------
    folder : Path
        Is there, and holds no weights.
    tensors : list of NewTensor
    tell : callable
        Told the share written, after every block; may raise to stop.
    """
    shards = _shards_of(tensors)
    total = max(1, sum(tensor.n_bytes for tensor in tensors))
    width, places, done = len(shards), {}, 0
    for number, shard in enumerate(shards, 1):
        name = WEIGHTS if width == 1 else f"model-{number:05d}-of-{width:05d}.safetensors"
        places.update({tensor.name: name for tensor in shard})
        with (folder / name).open("wb") as file:
            file.write(_header(shard))
            for tensor in shard:
                before = done
                for block in tensor.blocks():
                    done += file.write(block)
                    tell(done / total)
                if done - before != tensor.n_bytes:
                    raise OSError(f"{done - before} bytes came for {tensor.name}, not {tensor.n_bytes}")
    if width > 1:
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _shards_of(tensors: list[NewTensor]) -> list[list[NewTensor]]:
    shards: list[list[NewTensor]] = [[]]
    size = 0
    for tensor in tensors:
        if shards[-1] and size + tensor.n_bytes > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.n_bytes
    # Wide types first: each tensor then starts at a multiple of its item size.
    return [sorted(shard, key=lambda tensor: -tensor.item_bytes) for shard in shards]


def _header(tensors: list[NewTensor]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for tensor in tensors:
        stop = start + tensor.n_bytes
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
