"""A checkpoint with another vocabulary, written block by block: the rest of its weights goes from file to file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import ModelError
from wechsel_core.models.checkpoint import Checkpoint
from wechsel_core.models.embeddings import adjusted_config, adjusted_generation, check_roles, position_shifts
from wechsel_core.models.quiet import quiet
from wechsel_core.models.save import check_tokenizer
from wechsel_core.models.shards import NewTensor, write_shards
from wechsel_core.models.skeleton import Part
from wechsel_core.models.stored import StoredTensor, as_float32, as_stored

_TORCH_NAMES = {"F32": "float32", "BF16": "bfloat16", "F64": "float64"}
_ITEM_BYTES = {"F32": 4, "BF16": 2, "F64": 8}


class Transplant:
    """The new model before it is written.

    Its config, its tying and its special ids are those of ``install_embeddings``; its tensors keep their names and
    types. float16 alone becomes float32, exactly: it has too few digits for mixed rows and overflows in training.

    Parameters
    ----------
    source : Checkpoint
    n_target : int
        Rows of the new embeddings.
    roles : mapping of str to int
        The target tokenizer's special tokens (``TokenTable.roles``).

    Attributes
    ----------
    n_bytes : int
        Of the weights that ``write`` writes.

    Raises
    ------
    ModelError
        A special id without a row, or a role that the architecture needs.
    """

    def __init__(self, source: Checkpoint, n_target: int, roles: Mapping[str, int]) -> None:
        check_roles(roles, n_target)
        self._skeleton = skeleton = source.skeleton
        self._n_target, self._roles = n_target, roles
        self._shifts = {
            skeleton.file_name(name): shift for name, shift in position_shifts(skeleton.model, roles).items()
        }
        self.config = adjusted_config(skeleton.model, n_target, roles)
        dtype = _TORCH_NAMES[_written(skeleton.rows["input"].tensor.dtype)]
        for part in (self.config, self.config.get_text_config()):
            part.dtype = dtype
        self.n_bytes = sum(tensor.n_bytes for tensor in self._tensors(lambda part: ()))

    def write(
        self,
        folder: Path,
        tokenizer: Any,
        new_rows: Callable[[Part], Iterable[np.ndarray]],
        tell: Callable[[float], None],
    ) -> None:
        """Write config, generation config, tokenizer and weights into an empty folder.

        Parameters
        ----------
        folder : Path
        tokenizer : transformers.PreTrainedTokenizerFast
        new_rows : callable
            Blocks of float32 rows, shape (n, dim), from the first target token to the last, for each part of the
            vocabulary that the model has: "input", "output" where it is not tied, "bias" as one column.
        tell : callable
            Told the share of the weights that is written, after every block; may raise to stop.

        Raises
        ------
        ModelError
            If the tokenizer has ids without a row, or a new value is beyond the range of the weights' type.
        TokenizerError
            If the tokenizer, read again from beside the model's config, is another one.
        OSError
            If the folder cannot be written.
        """
        highest = max(tokenizer.get_vocab().values())
        if highest >= self._n_target:
            raise ModelError(
                f"the tokenizer has ids up to {highest} and the model {self._n_target} rows",
                "a row for every token id",
                "give a row for each",
            )
        model = self._skeleton.model
        with quiet():
            self.config.save_pretrained(folder)
            if model.can_generate():
                adjusted_generation(model, self._roles).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        check_tokenizer(tokenizer, folder)
        write_shards(folder, self._tensors(new_rows), tell)

    def _tensors(self, new_rows: Callable[[Part], Iterable[np.ndarray]]) -> list[NewTensor]:
        tensors = []
        for part, rows in self._skeleton.rows.items():
            dtype, stored = _written(rows.tensor.dtype), rows.tensor
            shape = (self._n_target, *stored.shape[1:])
            for name in self._skeleton.written_names(part):
                tensors.append(_new(name, dtype, shape, partial(_converted, dtype, partial(new_rows, part))))
        for name, stored in self._skeleton.copied.items():
            if name in self._shifts:
                old, new = self._shifts[name]
                dtype, shape = _written(stored.dtype), (stored.shape[0] + new - old, *stored.shape[1:])
                tensors.append(_new(name, dtype, shape, partial(_shifted, stored, old, new)))
            elif stored.dtype == "F16":
                tensors.append(_new(name, "F32", stored.shape, partial(_widened, stored)))
            else:
                size = stored.stop - stored.start
                tensors.append(NewTensor(name, stored.dtype, stored.shape, size, stored.chunks))
        return tensors


def _written(dtype: str) -> str:
    return "F32" if dtype == "F16" else dtype


def _new(
    name: str, dtype: str, shape: tuple[int, ...], blocks: Callable[[], Iterable[bytes | memoryview]]
) -> NewTensor:
    return NewTensor(name, dtype, shape, math.prod(shape) * _ITEM_BYTES[dtype], blocks)


def _converted(dtype: str, rows: Callable[[], Iterable[np.ndarray]]) -> Iterator[memoryview]:
    for block in rows():
        yield _bytes(as_stored(block, dtype))


def _widened(stored: StoredTensor) -> Iterator[memoryview]:
    for chunk in stored.chunks():
        yield _bytes(as_float32(np.frombuffer(chunk, "<f2"), "F16"))


def _shifted(stored: StoredTensor, old: int, new: int) -> Iterator[bytes | memoryview]:
    """Position embeddings whose first ``old + 1`` rows, which no position uses, have become ``new + 1``."""
    content = b"".join(stored.chunks())
    row = len(content) // stored.shape[0]
    moved = content[old * row : (old + 1) * row] * (new + 1) + content[(old + 1) * row :]
    yield _bytes(as_float32(np.frombuffer(moved, "<f2"), "F16")) if stored.dtype == "F16" else moved


def _bytes(values: np.ndarray) -> memoryview:
    return np.ascontiguousarray(values).data.cast("B")
