"""Reading results: lists, token tables, neighbours, reverse lookup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from wechsel_core import paths
from wechsel_core.errors import InputError, OutputError
from wechsel_core.results import NEIGHBORS, TOKENS, read_manifest, read_table


def result_folder(result_id: str) -> Path:
    """The folder of a result made by the app.

    Raises
    ------
    OutputError
        If there is no such result; an id that leads out of the results folder counts as none.
    """
    folder = paths.results_dir() / result_id
    plain = 0 < len(result_id) < 200 and Path(result_id).name == result_id and not result_id.startswith(".")
    if not plain or not folder.is_dir():
        raise OutputError(f"no result {result_id!r}", "the id of a result that is there", "choose one from the list")
    return folder


def list_results() -> list[dict[str, Any]]:
    """All results of the app, newest first; folders that hold no readable result are passed over."""
    root = paths.results_dir()
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
                **{name: config[name] for name in ("source", "target_language", "method", "neighbors", "temperature")},
            }
        except (OutputError, KeyError, TypeError):
            continue
        found.append(entry)
    return sorted(found, key=lambda entry: (entry["created"], entry["id"]), reverse=True)


def summary(result_id: str) -> dict[str, Any]:
    """``wechsel.json`` of a result."""
    return read_manifest(result_folder(result_id))


def tokens(result_id: str) -> pd.DataFrame:
    """One row a target token: target_id, token, text, kind, nearest, similarity, effective_neighbors, norm."""
    return tokens_in(result_folder(result_id))


def neighbors(result_id: str, target_id: int, top: int = 10) -> pd.DataFrame:
    """The nearest source tokens of a target token: rank, source_id, source_token, source_text, similarity, weight."""
    return neighbors_in(result_folder(result_id), target_id, top)


def fed_by(result_id: str, source_query: str, top: int = 50) -> pd.DataFrame:
    """The target tokens that a source token goes into, by falling weight.

    ``source_query`` is the text of a source token, white space at its ends ignored, or its vocabulary string.
    Columns: target_id, target_token, target_text, similarity, weight.
    """
    folder = result_folder(result_id)
    read_manifest(folder)
    texts = read_table(folder, "source_tokens.parquet")
    ids = texts.loc[texts["text"].str.strip() == source_query.strip(), "source_id"].tolist()
    filters: list[Any] = [("source_id", "in", ids)] if ids else [("source_token", "=", source_query)]
    rows = read_table(folder, NEIGHBORS, filters=[*filters, ("weight", ">", 0)])
    target_texts = tokens_in(folder)["text"]
    rows["target_text"] = target_texts.to_numpy()[rows["target_id"].to_numpy()]
    # Both " the" and "the" may feed one target token: their weights add up.
    merged = rows.groupby(["target_id", "target_token", "target_text"], observed=True, as_index=False).agg(
        similarity=("similarity", "max"), weight=("weight", "sum")
    )
    return merged.sort_values(["weight", "target_id"], ascending=[False, True]).head(top).reset_index(drop=True)


def find_token(result_id: str, query: str) -> int:
    """The target token that a text means (see ``find_token_in``)."""
    return find_token_in(result_folder(result_id), query)


def tokens_in(folder: Path) -> pd.DataFrame:
    """``tokens`` for any result folder."""
    read_manifest(folder)
    return read_table(folder, TOKENS)


def neighbors_in(folder: Path, target_id: int, top: int = 10) -> pd.DataFrame:
    """``neighbors`` for any result folder."""
    read_manifest(folder)
    rows = read_table(folder, NEIGHBORS, filters=[("target_id", "=", int(target_id)), ("rank", "<=", int(top))])
    texts = read_table(folder, "source_tokens.parquet")["text"].to_numpy()
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
