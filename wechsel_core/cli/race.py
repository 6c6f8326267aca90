"""Race methods against each other: race."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.cli.shared import Json, progress_line, show
from wechsel_core.config import RaceConfig, field_help


def race_option(name: str) -> Any:
    """A flag of ``race`` with the help text of its config field."""
    return typer.Option(help=field_help(RaceConfig, name))


def race(
    source: Annotated[str, race_option("source")] = "pocket-gpt2",
    target_language: Annotated[str, race_option("target_language")] = "fr",
    methods: Annotated[str, race_option("methods")] = "all",
    seeds: Annotated[str, race_option("seeds")] = "0,1,2",
    text: Annotated[str | None, race_option("text")] = None,
    held_out: Annotated[str | None, race_option("held_out")] = None,
    steps: Annotated[int, race_option("steps")] = 100,
    eval_every: Annotated[int | None, race_option("eval_every")] = None,
    batch_size: Annotated[int | None, race_option("batch_size")] = None,
    block_size: Annotated[int | None, race_option("block_size")] = None,
    learning_rate: Annotated[float | None, race_option("learning_rate")] = None,
    held_out_tokens: Annotated[int, race_option("held_out_tokens")] = 20_000,
    helper_steps: Annotated[int | None, race_option("helper_steps")] = None,
    target_tokenizer: Annotated[str | None, race_option("target_tokenizer")] = None,
    source_vectors: Annotated[str | None, race_option("source_vectors")] = None,
    target_vectors: Annotated[str | None, race_option("target_vectors")] = None,
    dictionary: Annotated[str | None, race_option("dictionary")] = None,
    device: Annotated[str, race_option("device")] = "auto",
    threads: Annotated[int | None, race_option("threads")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the race; default: among the app's races.")] = None,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the weights that the race makes.")] = False,
    as_json: Json = False,
) -> None:
    """Race initialisation methods under the same conditions; the same command goes on where it was cut short."""
    given = locals()
    config = RaceConfig(**{field.name: given[field.name] for field in dataclasses.fields(RaceConfig)})
    from wechsel_core.services import race_tables, race_worker, races
    from wechsel_core.services.race import RaceStopped

    folder = races.create(config, out)
    try:
        with progress_line() as progress:
            record = race_worker.work(folder, progress, keep_models=keep_models)
    except RaceStopped:
        show({"path": str(folder), "state": "stopped"}, "Stopped; the same command goes on.", as_json)
        return
    show({"path": str(folder), **race_tables.plain(record)}, race_tables.text(record), as_json)
