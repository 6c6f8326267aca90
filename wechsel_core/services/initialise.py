"""Run an initialisation: open the inputs, align, transfer, install, write the result folder."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core import paths
from wechsel_core.alignment import align
from wechsel_core.config import InitConfig, config_hash
from wechsel_core.errors import ConfigError, ModelError
from wechsel_core.numerics.align import rotate
from wechsel_core.results import write_manifest, write_neighbors, write_tokens
from wechsel_core.services.folders import check_place, new_folder
from wechsel_core.services.inputs import TransferInputs, open_inputs
from wechsel_core.services.manifest import build_manifest
from wechsel_core.subword_embeddings import choose_mode, subword_embeddings
from wechsel_core.transfer.result import TransferResult, new_rows
from wechsel_core.transfer.roles import byte_copies, equal_string_copies, neighbor_candidates, special_copies
from wechsel_core.transfer.wechsel import REFERENCE_SEED, transfer_embeddings
from wechsel_core.types import Progress, TokenTable


def default_out(config: InitConfig) -> Path:
    """Where the app keeps the result of a configuration; the same configuration has the same folder."""
    source = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(config.source).name or "model").strip("-.") or "model"
    return paths.results_dir() / f"{source}-{config.target_language}-{config_hash(config.to_dict())[:8]}"


def initialise(
    config: InitConfig, out: Path, *, force: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Initialise a model in the target language and write it to a folder.

    Parameters
    ----------
    config : InitConfig
    out : Path
        Becomes a Hugging Face folder with ``wechsel.json`` and ``neighbors.parquet`` beside the model. It is
        written under a temporary name and renamed, so it is whole or not there.
    force : bool
        Replace a folder that holds an earlier result; anything else is never replaced.
    progress : callable, optional
        Told the share done and the step; an exception that it raises cancels without a trace.

    Returns
    -------
    dict
        The content of ``wechsel.json``, and ``path``.

    Raises
    ------
    InputError
        One of its subclasses, for every input that cannot be used.
    """
    out = Path(out).absolute()
    tell = progress or (lambda share, step: None)
    check_place(out, force=force)
    timer = Timer()
    inputs = open_inputs(config, tell)
    timer.lap("load")
    made = transfer_from_objects(inputs, config, tell, timer)
    tell(0.8, "Installing the embeddings")
    from wechsel_core.models import install_embeddings, save_result_model

    model = install_embeddings(
        inputs.source.model, made.result.matrix, made.output_rows, made.output_bias, roles=made.target_table.roles
    )
    timer.lap("install")
    tell(0.9, "Writing the result")
    with new_folder(out, force=force) as partial:
        save_result_model(model, inputs.target_tokenizer, partial)
        write_neighbors(partial, made.result, made.source_table, made.target_table)
        write_tokens(partial, made.result, made.source_table, made.target_table)
        timer.lap("write")
        manifest = {**made.manifest, "timings": timer.seconds}
        write_manifest(partial, manifest)
        tell(1.0, "Done")  # the last chance to cancel: beyond this the result is there
    return {**manifest, "path": str(out)}


@dataclass(frozen=True, eq=False)
class Transferred:
    """A transfer before it is installed: rows with provenance, both vocabularies, and the record of it all."""

    result: TransferResult
    source_table: TokenTable
    target_table: TokenTable
    output_rows: np.ndarray | None  #: untied output embeddings, (n_target_tokens, dim)
    output_bias: np.ndarray | None  #: (n_target_tokens,)
    manifest: dict[str, Any]


def transfer_from_objects(inputs: TransferInputs, config: InitConfig, tell: Progress, timer: Timer) -> Transferred:
    """Align, find neighbours and mix rows, with everything opened already."""
    from wechsel_core.models import input_matrix, output_bias, output_matrix
    from wechsel_core.tokenizers.table import token_table

    tell(0.35, "Reading both vocabularies")
    source_table, target_table = token_table(inputs.source.tokenizer), token_table(inputs.target_tokenizer)
    source_matrix = input_matrix(inputs.source.model)
    _check_sizes(config, source_table, source_matrix, inputs.source.name)
    source_matrix = source_matrix[: len(source_table)]
    timer.lap("vocabularies")
    tell(0.4, "Aligning the static vectors")
    reference = config.compat == "reference"
    aligned = align(
        inputs.dictionary,
        inputs.source_vectors,
        inputs.target_vectors,
        case_variants="reference" if reference else "unique",
        seed=config.seed,
    )
    timer.lap("align")
    tell(0.5, "Building subword embeddings")
    mode = choose_mode(config.mode, inputs.source_vectors, inputs.target_vectors)
    options: dict[str, Any] = {"mode": mode, "keep_byte_pieces": reference}
    source_subwords = subword_embeddings(source_table, inputs.source.tokenizer, inputs.source_vectors, **options)
    target_subwords = subword_embeddings(target_table, inputs.target_tokenizer, inputs.target_vectors, **options)
    source_subwords = rotate(source_subwords, aligned.alignment.rotation)
    timer.lap("subwords")
    tell(0.6, "Finding neighbours and mixing rows")
    result = _transfer(config, source_table, target_table, source_subwords, target_subwords, source_matrix)

    def lay_over(values: np.ndarray | None) -> np.ndarray | None:
        if values is None:
            return None
        columns = values[: len(source_table)].reshape(len(source_table), -1)
        seed = REFERENCE_SEED if reference else config.seed
        mixed = new_rows(columns, result.neighbor_ids, result.weights, result.kind, seed=seed, legacy=reference)
        return mixed.reshape(-1, *values.shape[1:])

    output_rows = lay_over(output_matrix(inputs.source.model))
    bias = lay_over(output_bias(inputs.source.model))
    timer.lap("transfer")
    manifest = build_manifest(config, inputs, aligned, result, target_table, mode)
    return Transferred(result, source_table, target_table, output_rows, bias, manifest)


def _transfer(
    config: InitConfig,
    source: TokenTable,
    target: TokenTable,
    source_subwords: np.ndarray,
    target_subwords: np.ndarray,
    source_matrix: np.ndarray,
) -> TransferResult:
    common: dict[str, Any] = {
        "neighbors": config.neighbors,
        "temperature": config.temperature,
        "seed": config.seed,
        "compat": config.compat,
    }
    if config.compat == "reference":
        common["copies"] = equal_string_copies(source, target)
    else:
        common["copies"] = special_copies(source, target)
        common["candidates"] = neighbor_candidates(source, distinct_texts=config.distinct_texts)
        if config.copy_byte_pieces:
            common["byte_copies"] = byte_copies(source, target)
        if config.prefer_word_initial:
            common["source_groups"] = source.word_initial.astype(np.int8)
            common["target_groups"] = target.word_initial.astype(np.int8)
    return transfer_embeddings(source_subwords, target_subwords, source_matrix, **common)


def _check_sizes(config: InitConfig, table: TokenTable, matrix: np.ndarray, name: str) -> None:
    if len(matrix) < len(table):
        raise ModelError(
            f"{name} has {len(matrix)} embedding rows and a tokenizer of {len(table)} tokens",
            "a row for every token",
            "give a model with its own tokenizer",
        )
    if config.neighbors > len(table):
        raise ConfigError(f"neighbors is {config.neighbors}", f"at most the source vocabulary's {len(table)}", "try 10")
    if not np.isfinite(matrix).all():
        raise ModelError(f"the embeddings of {name} hold NaN or infinity", "finite weights", "use another model")


class Timer:
    """Seconds by step, each since the step before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Book the time since the last lap under a name."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now
