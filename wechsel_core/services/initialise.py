"""Run an initialisation: open the inputs, align, transfer, install, write the result folder."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core import paths
from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError, ModelError, OutputError
from wechsel_core.numerics.parallel import alongside
from wechsel_core.results import (
    STATIC_SPACE,
    write_manifest,
    write_neighbors,
    write_static_space,
    write_tokens,
)
from wechsel_core.services.folders import check_place, name_of, new_folder
from wechsel_core.services.inputs import TransferInputs, open_inputs
from wechsel_core.services.manifest import build_manifest
from wechsel_core.services.materials import Prepared, prepare
from wechsel_core.services.row_notes import RowNotes, norms_of
from wechsel_core.transfer.method import Initialisation, Materials
from wechsel_core.transfer.registry import method
from wechsel_core.transfer.result import TransferPlan
from wechsel_core.transfer.wechsel import REFERENCE_SEED
from wechsel_core.types import Progress, TokenTable

_WRITING = "Mixing rows and writing the model"
_open_inputs = partial(open_inputs, align_ahead=True)


def default_out(config: InitConfig) -> Path:
    """Where the app keeps the result of a configuration; the same configuration has the same folder."""
    return paths.results_dir() / name_of(config)


def plan_by_method(materials: Materials) -> Initialisation:
    """Let the method of a configuration plan its rows."""
    return method(materials.config.method).initialise(materials)


def initialise(
    config: InitConfig,
    out: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    opening: Callable[[InitConfig, Progress], TransferInputs] = _open_inputs,
    preparing: Callable[..., Prepared] = prepare,
    planning: Callable[[Materials], Initialisation] = plan_by_method,
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
    opening, preparing, planning : callable
        In the place of ``open_inputs``, ``prepare`` and ``plan_by_method``: who makes many results keeps what they
        share. Inputs are opened while the alignment is under way.

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
    inputs = opening(config, tell)
    timer.lap("load")
    tell(0.35, "Reading both vocabularies")
    from wechsel_core.models import Transplant
    from wechsel_core.tokenizers.table import token_table

    tables = token_table(inputs.source.tokenizer), token_table(inputs.target_tokenizer)
    model = Transplant(inputs.source, len(tables[1]), tables[1].roles)
    _check_room(out, model.n_bytes)
    source_norms = _checked_norms(config, tables[0], inputs.source)
    timer.lap("vocabularies")
    prepared = preparing(inputs, *tables, config, tell)
    space = prepared.space
    timer.lap("static space" if space else "materials")
    tell(0.6, "Finding neighbours" if space else "Planning the rows")
    made = planning(prepared.materials)
    plan = made.plan
    # The search is over: its copy of the source's vectors would stay beside the rows that are mixed.
    prepared = dataclasses.replace(prepared, materials=dataclasses.replace(prepared.materials, source_subwords=None))
    timer.lap("neighbours")
    with new_folder(out, force=force) as folder:
        tell(0.8, _WRITING)
        notes = RowNotes(plan.kind)
        mixing = _mixing(inputs.source.skeleton.rows, len(tables[0]), made, config, notes)
        with alongside(lambda: _write_what_was_found(folder, inputs, prepared, plan, tables)):
            model.write(folder, inputs.target_tokenizer, mixing, lambda share: tell(0.8 + 0.1 * share, _WRITING))
            timer.lap("model")
            tell(0.9, "Writing the result")
            write_tokens(folder, plan, *tables, notes.norms)
        timer.lap("tables")
        tell(0.95, "Noting what went in")  # hashes every input
        manifest = build_manifest(config, inputs, prepared, plan, tables[1], source_norms, notes)
        manifest["warnings"] += made.notes
        timer.lap("hashes")
        manifest["timings"] = timer.seconds
        write_manifest(folder, manifest)
        tell(1.0, "Done")  # the last chance to cancel: beyond this the result is there
    return {**manifest, "path": str(out)}


def _write_what_was_found(
    folder: Path,
    inputs: TransferInputs,
    prepared: Prepared,
    plan: TransferPlan,
    tables: tuple[TokenTable, TokenTable],
) -> None:
    """What there is to write before any row is mixed; the hash of the weights is known then, too."""
    inputs.source.weights_sha256()
    write_neighbors(folder, plan, *tables)
    if prepared.space is not None:
        write_static_space(folder / STATIC_SPACE, prepared.space)


def _mixing(
    rows: Mapping[str, Any], n_source: int, made: Initialisation, config: InitConfig, notes: RowNotes
) -> Callable[[str], Iterable[np.ndarray]]:
    """The new rows of each part of the vocabulary, mixed while they are asked for; input rows are noted."""
    seed = REFERENCE_SEED if config.compat == "reference" else config.seed

    def new_rows(part: str) -> Iterable[np.ndarray]:
        blocks = made.rows(rows[part].first(n_source), seed)
        return notes.taking(blocks) if part == "input" else blocks

    return new_rows


def _checked_norms(config: InitConfig, table: TokenTable, source: Any) -> np.ndarray:
    """Lengths of the source rows, one a token, once sizes and values have been looked at."""
    rows = source.skeleton.rows
    if len(rows["input"]) < len(table):
        raise ModelError(
            f"{source.name} has {len(rows['input'])} embedding rows and a tokenizer of {len(table)} tokens",
            "a row for every token",
            "give a model with its own tokenizer",
        )
    if config.neighbors > len(table):
        raise ConfigError(f"neighbors is {config.neighbors}", f"at most the source vocabulary's {len(table)}", "try 10")
    norms = {part: norms_of(rows[part]) for part in rows}
    for part, lengths in norms.items():
        rows[part].release()  # they are not read again before the rows are mixed
        if not np.isfinite(lengths).all():
            raise ModelError(
                f"the {part} embeddings of {source.name} hold NaN or infinity", "finite weights", "use another model"
            )
    return norms["input"][: len(table)]


def _check_room(out: Path, n_bytes: int) -> None:
    place = next(folder for folder in out.parents if folder.exists())
    free = shutil.disk_usage(place).free
    if free < n_bytes:
        raise OutputError(
            f"{place} has {free / 1e9:.1f} GB free",
            f"room for the model's {n_bytes / 1e9:.1f} GB",
            "free some or choose another place",
        )


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
