"""A language model on disk: everything that an initialisation needs of it, without loading its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from wechsel_core.models.load import ModelKind, check_rows, model_folder, read_config, readable
from wechsel_core.models.quiet import quiet
from wechsel_core.models.skeleton import Skeleton, read_skeleton
from wechsel_core.models.stored import stored_tensors, weights_sha256
from wechsel_core.tokenizers.load import load_tokenizer
from wechsel_core.types import Progress


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A language model's files, opened.

    Attributes
    ----------
    name : str
        The folder, file or hub id as it was given.
    kind : {"causal", "masked"}
    skeleton : Skeleton
        Parameters by name and place; ``skeleton.rows`` are the embeddings, read as they are indexed.
    tokenizer : transformers.PreTrainedTokenizerFast
    folder : Path
    """

    name: str
    kind: ModelKind
    skeleton: Skeleton
    tokenizer: Any
    folder: Path

    def weights_sha256(self) -> str:
        """Hash of the weight files, in name order; the first call reads them (about 1 s a gigabyte)."""
        return self._weights_sha256

    @cached_property
    def _weights_sha256(self) -> str:
        return weights_sha256(self.folder)


def open_checkpoint(
    source: str | Path,
    *,
    kind: ModelKind | Literal["auto"] = "auto",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Open a language model for reading in place; a model of any size takes a second and no memory.

    Parameters and errors are those of ``load_model``.
    """
    name = str(source)
    folder = model_folder(source, kind=kind, cache=cache, progress=progress)
    with readable(name), quiet():
        config, found = read_config(name, folder, kind)
        skeleton = read_skeleton(name, config, found, stored_tensors(folder))
        _read_generation(skeleton.model, folder)
    tokenizer = load_tokenizer(folder)
    check_rows(name, tokenizer, len(skeleton.rows["input"]))
    return Checkpoint(name, found, skeleton, tokenizer, folder)


def _read_generation(model: Any, folder: Path) -> None:
    """What ``from_pretrained`` does: the folder's generation config, or one made from its config."""
    if model.can_generate():
        model.adjust_generation_fn(
            None, None, None, str(folder), cache_dir=None, force_download=False, proxies=None, local_files_only=True,
            token=None, revision=None, subfolder="", trust_remote_code=False,
        )  # fmt: skip
