"""The static space of a result: both vocabularies before and after the alignment."""

from __future__ import annotations

import contextlib
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core import paths
from wechsel_core.alignment import DictionaryAlignment
from wechsel_core.config import InitConfig
from wechsel_core.errors import InputError, OutputError
from wechsel_core.numerics.parallel import side_by_side
from wechsel_core.results import STATIC_SPACE, StaticSpace, read_manifest, read_static_space, write_static_space
from wechsel_core.services.inputs import TransferInputs, align_vectors, open_inputs
from wechsel_core.services.manifest import inputs_record
from wechsel_core.services.results import result_folder
from wechsel_core.subword_embeddings import choose_mode, subword_embeddings
from wechsel_core.transfer.method import VECTORS
from wechsel_core.transfer.registry import method
from wechsel_core.types import Progress, TokenTable


def static_space(result_id: str, progress: Progress | None = None) -> StaticSpace:
    """The static space of a result, from its folder, or made again from its inputs and kept in the cache.

    Raises
    ------
    OutputError
        If there is no such result, its method has no such space, or its inputs are no longer what they were.
    """
    return static_space_in(result_folder(result_id), progress)


def static_space_in(folder: Path, progress: Progress | None = None) -> StaticSpace:
    """``static_space`` for any result folder."""
    manifest = read_manifest(folder)
    kept = Path(folder) / STATIC_SPACE
    if kept.exists():
        return read_static_space(kept)
    config = InitConfig.from_dict(manifest["config"])
    if not method(config.method).needs(config) >= VECTORS:
        raise OutputError(
            f"the method of this result, {config.method}, has no static space of both languages",
            "a result by WECHSEL or another method that compares static vectors",
            "choose one",
        )
    # Examples come without theirs: it is larger than all their tables, and its inputs are in the pocket.
    cached = paths.cache_dir() / "static" / f"{manifest['config_hash']}-{_inputs_key(manifest)}.safetensors"
    if cached.exists():
        with contextlib.suppress(OutputError):  # a damaged cache is made again
            return read_static_space(cached)
    space = _made_again(manifest, progress or (lambda share, step: None))
    _keep(cached, space)
    return space


def make_static_space(
    inputs: TransferInputs, config: InitConfig, source: TokenTable, target: TokenTable, tell: Progress
) -> tuple[DictionaryAlignment | None, str, StaticSpace]:
    """Align the static vectors and lay every token of both tokenizers into their space.

    Returns
    -------
    aligned : DictionaryAlignment or None
        None where the configuration leaves the spaces as they are.
    mode : {"subword", "word"}
        How tokens got their vectors.
    space : StaticSpace
    """
    tell(0.4, "Aligning the static vectors")
    if inputs.source_vectors is None or inputs.target_vectors is None:
        raise ValueError("a static space needs vectors of both languages")
    vectors = inputs.source_vectors, inputs.target_vectors
    aligned = None
    if inputs.aligning is not None:
        aligned = inputs.aligning()
    elif inputs.dictionary is not None:
        aligned = align_vectors(config, inputs.dictionary, *vectors)
    tell(0.5, "Building subword embeddings")
    mode = choose_mode(config.mode, *vectors)
    options: dict[str, Any] = {"mode": mode, "keep_byte_pieces": config.compat == "reference"}
    rotation = np.eye(inputs.source_vectors.dim, dtype=np.float32) if aligned is None else aligned.alignment.rotation
    sides = (
        (source, inputs.source.tokenizer, inputs.source_vectors),
        (target, inputs.target_tokenizer, inputs.target_vectors),
    )
    source_rows, target_rows = side_by_side(*(partial(subword_embeddings, *side, **options) for side in sides))
    return aligned, mode, StaticSpace(source_rows, target_rows, rotation)


def _made_again(manifest: dict[str, Any], tell: Progress) -> StaticSpace:
    from wechsel_core.tokenizers.table import token_table

    config = InitConfig.from_dict(manifest["config"])
    try:
        inputs = open_inputs(config, tell)
    except InputError as error:
        raise OutputError(
            f"the static vectors of this result cannot be opened again ({error.found})",
            "the inputs of the initialisation",
            "put them back or run init again with --force",
        ) from error
    if inputs_record(config, inputs) != manifest["inputs"]:
        raise OutputError(
            "the inputs of this result have changed since it was made",
            "the files whose hashes stand in wechsel.json",
            "run init again with --force",
        )
    tables = token_table(inputs.source.tokenizer), token_table(inputs.target_tokenizer)
    _, _, space = make_static_space(inputs, config, *tables, tell)
    return space


def _inputs_key(manifest: dict[str, Any]) -> str:
    from wechsel_core.config import config_hash

    return config_hash(manifest["inputs"])[:16]


def _keep(path: Path, space: StaticSpace) -> None:
    """Write to the cache under a temporary name; without room for it the space is simply made again next time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
            write_static_space(Path(scratch) / path.name, space)
            os.replace(Path(scratch) / path.name, path)
