"""A result folder: ``wechsel.json``, ``neighbors.parquet``, ``tokens.parquet`` and the static space beside the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.errors import OutputError
from wechsel_core.numerics.weighting import effective_neighbors
from wechsel_core.transfer.result import TokenKind, TransferPlan, TransferResult
from wechsel_core.types import TokenTable

SCHEMA_VERSION = 1
MANIFEST, NEIGHBORS, TOKENS = "wechsel.json", "neighbors.parquet", "tokens.parquet"
SOURCE_TOKENS, STATIC_SPACE = "source_tokens.parquet", "static.safetensors"
#: What each table holds: whole numbers, numbers or text. A table of another version lacks a column or has another kind.
COLUMNS = {
    NEIGHBORS: {
        "target_id": "whole", "target_token": "text", "rank": "whole", "source_id": "whole", "source_token": "text",
        "similarity": "number", "weight": "number",
    },
    TOKENS: {
        "target_id": "whole", "token": "text", "text": "text", "kind": "text", "nearest": "text",
        "similarity": "number", "effective_neighbors": "number", "norm": "number",
    },
    SOURCE_TOKENS: {"source_id": "whole", "text": "text"},
}  # fmt: skip
#: Where a parquet file keeps its schema version; files written before it was recorded lack it.
_VERSION_KEY = b"wechsel_schema_version"
_AGAIN = "run init again with --force"
KIND_NAMES = {
    TokenKind.MIXED: "mixed",
    TokenKind.COPIED: "copied",
    TokenKind.FALLBACK: "fallback",
    TokenKind.BYTE_PIECE: "byte piece",
}

#: Tokens whose neighbours are turned into a table at once.
_TOKENS_A_GROUP = 8192


def write_neighbors(
    folder: Path, result: TransferPlan | TransferResult, source: TokenTable, target: TokenTable
) -> None:
    """Write every stored candidate as a row: target_id, target_token, rank, source_id, source_token, similarity, weight.

    Rows go by target id, then rank (from 1). A fallback token has none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def words(ids: np.ndarray, tokens: Any) -> Any:
        # A dictionary column: 50 rows a token would repeat its string 50 times.
        return pa.DictionaryArray.from_arrays(pa.array(ids.astype(np.int32)), tokens)

    sides = [pa.array(list(table.tokens), pa.string()) for table in (target, source)]

    def group(start: int) -> Any:
        part = slice(start, start + _TOKENS_A_GROUP)
        target_ids, places = np.nonzero(result.neighbor_ids[part] >= 0)
        source_ids = result.neighbor_ids[part][target_ids, places]
        return _versioned(
            pa.table(
                {
                    "target_id": pa.array((target_ids + start).astype(np.int32)),
                    "target_token": words(target_ids + start, sides[0]),
                    "rank": pa.array((places + 1).astype(np.int16)),
                    "source_id": pa.array(source_ids.astype(np.int32)),
                    "source_token": words(source_ids, sides[1]),
                    "similarity": pa.array(result.similarities[part][target_ids, places]),
                    "weight": pa.array(result.weights[part][target_ids, places].astype(np.float32)),
                }
            )
        )

    first = group(0)
    writer = pq.ParquetWriter(
        folder / NEIGHBORS,
        first.schema,
        compression="zstd",
        use_dictionary=["target_token", "source_token"],
        column_encoding={
            "target_id": "DELTA_BINARY_PACKED",
            "rank": "PLAIN",
            "source_id": "PLAIN",
            "similarity": "BYTE_STREAM_SPLIT",
            "weight": "BYTE_STREAM_SPLIT",
        },
    )
    with writer:
        writer.write_table(first)
        for start in range(_TOKENS_A_GROUP, len(result.neighbor_ids), _TOKENS_A_GROUP):
            writer.write_table(group(start))


def write_tokens(
    folder: Path, result: TransferPlan | TransferResult, source: TokenTable, target: TokenTable, norms: np.ndarray
) -> None:
    """Write one row a target token: target_id, token, text, kind, nearest, similarity, effective_neighbors, norm."""
    first = result.neighbor_ids[:, 0]
    frame = pd.DataFrame(
        {
            "target_id": np.arange(len(target), dtype=np.int32),
            "token": list(target.tokens),
            "text": list(target.texts),
            "kind": [KIND_NAMES[TokenKind(k)] for k in result.kind],
            "nearest": [source.texts[i] if i >= 0 else None for i in first],
            "similarity": np.where(first >= 0, result.similarities[:, 0], np.nan).astype(np.float32),
            "effective_neighbors": effective_neighbors(result.weights).astype(np.float32),
            "norm": norms.astype(np.float32),
        }
    )
    source_frame = pd.DataFrame({"source_id": np.arange(len(source), dtype=np.int32), "text": list(source.texts)})
    _write_frame(frame, folder / TOKENS)
    _write_frame(source_frame, folder / SOURCE_TOKENS)


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(_versioned(pa.Table.from_pandas(frame, preserve_index=False)), path, compression="zstd")


def _versioned(table: Any) -> Any:
    """The table with the schema version in its file's metadata."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _VERSION_KEY: str(SCHEMA_VERSION).encode()})


@dataclass(frozen=True, eq=False)
class StaticSpace:
    """Both vocabularies in the space of the static vectors; ``source @ rotation`` lies over ``target``.

    Attributes
    ----------
    source : ndarray of float32, shape (n_source_tokens, dim)
        Before the alignment. A zero row says that the token has no static vector.
    target : ndarray of float32, shape (n_target_tokens, dim)
    rotation : ndarray of float32, shape (dim, dim)
    """

    source: np.ndarray
    target: np.ndarray
    rotation: np.ndarray


def write_static_space(path: Path, space: StaticSpace) -> None:
    """Write the space in half precision: it is drawn, never searched, and would outweigh a small model otherwise."""
    from safetensors.numpy import save_file

    save_file(
        {
            "source": space.source.astype(np.float16),
            "target": space.target.astype(np.float16),
            "rotation": space.rotation.astype(np.float32),
        },
        path,
    )
    path.chmod(0o644)  # safetensors writes for the owner alone


def read_static_space(path: Path) -> StaticSpace:
    """Read what ``write_static_space`` wrote.

    Raises
    ------
    OutputError
        If the file cannot be read or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        parts = {name: values.astype(np.float32) for name, values in load_file(path).items()}
        space = StaticSpace(parts["source"], parts["target"], parts["rotation"])
        dim = len(space.rotation)
        if any(part.ndim != 2 or part.shape[1] != dim for part in (space.source, space.target, space.rotation)):
            raise ValueError(f"shapes {[part.shape for part in parts.values()]}")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise OutputError(
            f"{path} cannot be read", "the static space that init wrote", "run init again with --force"
        ) from error
    return space


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write ``wechsel.json``."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read ``wechsel.json``.

    Raises
    ------
    OutputError
        If the folder holds no result, or one of another schema version.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(
            f"no result at {folder}", f"a folder with {MANIFEST}, written by init", "run init first or check the path"
        ) from error
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{path} has schema version {version}", f"version {SCHEMA_VERSION}", "run init again with this version"
        )
    return dict(manifest)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The stored neighbours of every target token, nearest first, as read-only arrays.

    Attributes
    ----------
    ids : ndarray of int32, shape (n_target_tokens, n_stored)
        Source tokens; -1 is an empty place.
    similarities, weights : ndarray of float32, shape (n_target_tokens, n_stored)
        0 at empty places.
    kind : ndarray of uint8, shape (n_target_tokens,)
        ``TokenKind`` values.
    """

    ids: np.ndarray
    similarities: np.ndarray
    weights: np.ndarray
    kind: np.ndarray


def read_candidates(folder: Path) -> Candidates:
    """Read the candidates of a result as arrays, for everything that looks at all tokens at once.

    Raises
    ------
    OutputError
        If a table cannot be read, is of another version, or does not fit the others.
    """
    rows = read_table(folder, NEIGHBORS, columns=["target_id", "rank", "source_id", "similarity", "weight"])
    kinds = {name: kind for kind, name in KIND_NAMES.items()}
    named = read_table(folder, TOKENS, columns=["kind"])["kind"].map(kinds)
    n_source = len(read_table(folder, SOURCE_TOKENS, columns=["source_id"]))
    ends = {"target_id": (0, len(named) - 1), "source_id": (0, n_source - 1), "rank": (1, n_source)}
    fits = all(rows[name].between(*span).all() for name, span in ends.items())
    if named.isna().any() or not fits:
        raise OutputError(f"the tables of {folder} do not fit each other", "those that one init wrote", _AGAIN)
    kind = named.to_numpy(np.uint8)
    shape = (len(kind), int(rows["rank"].max()) if len(rows) else 0)
    place = rows["target_id"].to_numpy(), rows["rank"].to_numpy() - 1
    arrays = {"ids": np.full(shape, -1, np.int32), "similarities": np.zeros(shape, np.float32)}
    arrays["weights"] = arrays["similarities"].copy()
    for values, name in zip(arrays.values(), ("source_id", "similarity", "weight"), strict=True):
        values[place] = rows[name].to_numpy()
        values.flags.writeable = False
    kind.flags.writeable = False
    return Candidates(kind=kind, **arrays)


def read_table(folder: Path, name: str, **options: Any) -> pd.DataFrame:
    """Read one of a result's tables; ``options`` go to ``pandas.read_parquet``.

    Raises
    ------
    OutputError
        If there is no such file, it is damaged, or it is of another schema version.
    """
    import pyarrow.parquet as pq

    path = Path(folder) / name
    try:
        schema = pq.read_schema(path)
        _check_version(path, schema)
        frame = pd.read_parquet(path, **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"{name} of {folder} cannot be read", "the table that init wrote", _AGAIN) from error
    for column, kind in COLUMNS.get(name, {}).items():
        if column in frame and not _is(frame[column], kind):
            raise OutputError(
                f"column {column} of {path} holds {frame[column].dtype} values", f"the table of version {SCHEMA_VERSION}",
                _AGAIN,
            )  # fmt: skip
    return frame


def _check_version(path: Path, schema: Any) -> None:
    version = (schema.metadata or {}).get(_VERSION_KEY, str(SCHEMA_VERSION).encode()).decode("utf-8", "replace")
    if version != str(SCHEMA_VERSION):
        raise OutputError(
            f"{path} has schema version {version}", f"version {SCHEMA_VERSION}", "run init again with this version"
        )
    missing = next((column for column in COLUMNS.get(path.name, {}) if column not in schema.names), None)
    if missing:
        raise OutputError(f"{path} has no column {missing}", f"the table of version {SCHEMA_VERSION}", _AGAIN)


def _is(column: pd.Series, kind: str) -> bool:
    if kind == "text":
        values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        # A column of nothing but missing texts comes back as objects.
        return pd.api.types.is_string_dtype(values) or bool(values.isna().all())
    return column.dtype.kind in ("iu" if kind == "whole" else "fiu")
