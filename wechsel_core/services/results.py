"""Reading results: lists, token tables, neighbours, reverse lookup."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from wechsel_core import paths
from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError, InputError, OutputError
from wechsel_core.paths import Stamp
from wechsel_core.results import MANIFEST, NEIGHBORS, SOURCE_TOKENS, TOKENS, read_manifest, read_table
from wechsel_core.transfer.registry import default_options

#: Inputs that a person may give in place of the catalogue's: results may differ in these alone.
_GIVEN = (
    "source_vectors", "target_vectors", "dictionary", "target_tokenizer", "tokenizer_corpus", "helper",
    "auxiliary_text",
)  # fmt: skip
#: What is told of a result in any case.
_ALWAYS = ("source", "target_language", "method", "neighbors", "temperature")


def result_folder(result_id: str) -> Path:
    """The folder of a result made by the app, or of an example that came with the lab.

    Raises
    ------
    OutputError
        If there is no such result; an id that leads out of the results folder counts as none.
    """
    plain = 0 < len(result_id) < 200 and Path(result_id).name == result_id and not result_id.startswith(".")
    places = [root / result_id for root in (paths.results_dir(), paths.examples_dir())] if plain else []
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise OutputError(f"no result {result_id!r}", "the id of a result that is there", "choose one from the list")
    return folder


def list_results() -> list[dict[str, Any]]:
    """All results of the app, newest first, then the examples; folders without a readable result are passed over.

    ``neighbors`` and ``temperature`` are None where the method does not read them.
    """
    own = _results_in(paths.results_dir())
    taken = {entry["id"] for entry in own}
    examples = [entry for entry in _results_in(paths.examples_dir()) if entry["id"] not in taken]
    return [entry | {"example": False} for entry in own] + [entry | {"example": True} for entry in examples]


def _results_in(root: Path) -> list[dict[str, Any]]:
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            manifest = read_manifest(folder)
            config = manifest["config"]
            entry = {
                "id": folder.name,
                "path": str(folder),
                "created": manifest["created"],
                "counts": manifest["counts"],
                "given": {name: Path(config[name]).name for name in _GIVEN if config.get(name)},
                "options": _options(config),
                **{name: config[name] for name in _ALWAYS},
                **{
                    name: None for name in ("neighbors", "temperature") if name not in default_options(config["method"])
                },
            }
        except (ConfigError, OutputError, KeyError, TypeError):
            continue
        found.append(entry)
    return sorted(found, key=lambda entry: (entry["created"], entry["id"]), reverse=True)


def _options(config: dict[str, Any]) -> dict[str, Any]:
    """Options that are not at their default: results of one method may differ in these alone."""
    usual = {item.name: item.default for item in dataclasses.fields(InitConfig) if item.name not in (*_ALWAYS, *_GIVEN)}
    return {name: config[name] for name, default in usual.items() if config.get(name, default) != default}


def summary(result_id: str) -> dict[str, Any]:
    """``wechsel.json`` of a result."""
    return read_manifest(result_folder(result_id))


def stamp(result_id: str) -> Stamp:
    """What changes with ``wechsel.json`` of a result."""
    return paths.stamp(result_folder(result_id) / MANIFEST)


def tokens(result_id: str) -> pd.DataFrame:
    """One row a target token: target_id, token, text, kind, nearest, similarity, effective_neighbors, norm."""
    return tokens_in(result_folder(result_id))


def find_token(result_id: str, query: str) -> int:
    """The target token that a text means (see ``find_token_in``)."""
    return find_token_in(result_folder(result_id), query)


def tokens_in(folder: Path) -> pd.DataFrame:
    """``tokens`` for any result folder."""
    read_manifest(folder)
    return read_table(folder, TOKENS)


def neighbors_in(folder: Path, target_id: int, top: int = 10) -> pd.DataFrame:
    """The nearest source tokens of a target token: rank, source_id, source_token, source_text, similarity, weight."""
    read_manifest(folder)
    rows = read_table(folder, NEIGHBORS, filters=[("target_id", "=", int(target_id)), ("rank", "<=", int(top))])
    texts = read_table(folder, SOURCE_TOKENS)["text"].to_numpy()
    if not rows["source_id"].between(0, len(texts) - 1).all():
        raise OutputError(
            f"the tables of {folder} do not fit each other", "those that one init wrote", "run init again with --force"
        )
    rows["source_text"] = texts[rows["source_id"].to_numpy()]
    columns = ["rank", "source_id", "source_token", "source_text", "similarity", "weight"]
    return rows.sort_values("rank")[columns].reset_index(drop=True)


def find_token_in(folder: Path, query: str) -> int:
    """The id of the target token that a text means, in any result folder.

    In this order: the vocabulary string itself, ``#id``, the text with a leading space (the word by itself),
    the exact text, the text with white space and case ignored.

    Raises
    ------
    InputError
        If no token matches.
    """
    frame = tokens_in(folder)
    if query.startswith("#") and query[1:].isdecimal() and int(query[1:]) < len(frame):
        return int(query[1:])
    stripped = frame["text"].str.strip()
    word = query.strip()
    for match in (
        frame["token"] == query,
        frame["text"] == f" {word}",
        frame["text"] == query,
        stripped == word,
        stripped.str.lower() == word.lower(),
    ):
        if word and match.any():
            return int(frame.loc[match, "target_id"].iloc[0])
    raise InputError(
        f"no target token reads {query!r}",
        "a token of the target tokenizer",
        "try a shorter or more frequent word, or #ID for a token id",
    )
