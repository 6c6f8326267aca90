"""A result folder: ``wechsel.json``, ``neighbors.parquet`` and ``tokens.parquet`` beside the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.errors import OutputError
from wechsel_core.numerics.weighting import effective_neighbors
from wechsel_core.transfer.result import TokenKind, TransferResult
from wechsel_core.types import TokenTable

SCHEMA_VERSION = 1
MANIFEST, NEIGHBORS, TOKENS = "wechsel.json", "neighbors.parquet", "tokens.parquet"
KIND_NAMES = {
    TokenKind.MIXED: "mixed",
    TokenKind.COPIED: "copied",
    TokenKind.FALLBACK: "fallback",
    TokenKind.BYTE_PIECE: "byte piece",
}


def write_neighbors(folder: Path, result: TransferResult, source: TokenTable, target: TokenTable) -> None:
    """Write every stored candidate as a row: target_id, target_token, rank, source_id, source_token, similarity, weight.

    Rows go by target id, then rank (from 1). A fallback token has none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target_ids, places = np.nonzero(result.neighbor_ids >= 0)
    source_ids = result.neighbor_ids[target_ids, places]

    def words(ids: np.ndarray, tokens: tuple[str, ...]) -> Any:
        # A dictionary column: 50 rows a token would repeat its string 50 times.
        return pa.DictionaryArray.from_arrays(pa.array(ids.astype(np.int32)), pa.array(list(tokens), pa.string()))

    table = pa.table(
        {
            "target_id": pa.array(target_ids.astype(np.int32)),
            "target_token": words(target_ids, target.tokens),
            "rank": pa.array((places + 1).astype(np.int16)),
            "source_id": pa.array(source_ids.astype(np.int32)),
            "source_token": words(source_ids, source.tokens),
            "similarity": pa.array(result.similarities[target_ids, places]),
            "weight": pa.array(result.weights[target_ids, places].astype(np.float32)),
        }
    )
    pq.write_table(table, folder / NEIGHBORS, compression="zstd")


def write_tokens(folder: Path, result: TransferResult, source: TokenTable, target: TokenTable) -> None:
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
            "norm": np.linalg.norm(result.matrix, axis=1).astype(np.float32),
        }
    )
    frame.to_parquet(folder / TOKENS, index=False, compression="zstd")
    source_frame = pd.DataFrame({"source_id": np.arange(len(source), dtype=np.int32), "text": list(source.texts)})
    source_frame.to_parquet(folder / "source_tokens.parquet", index=False, compression="zstd")


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


def read_table(folder: Path, name: str, **options: Any) -> pd.DataFrame:
    """Read one of a result's tables; ``options`` go to ``pandas.read_parquet``."""
    try:
        return pd.read_parquet(Path(folder) / name, **options)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{name} of {folder} cannot be read", "the table that init wrote", "run init again with --force"
        ) from error
