"""A result folder of a dozen tokens, written by the library's own writers, hostile tokens among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.results import SCHEMA_VERSION, write_manifest, write_neighbors, write_tokens
from wechsel_core.transfer.result import TokenKind, TransferResult
from wechsel_core.types import TokenTable

SOURCE = {
    "Ġhouse": " house",
    "house": "house",
    "Ġhome": " home",
    "Ġgarden": " garden",
    "<script>": "<script>",
    "Ġ": " ",
}
#: Vocabulary string, text and kind of each target token; the first is special.
TARGET: list[tuple[str, str, TokenKind]] = [
    ("<|endoftext|>", "<|endoftext|>", TokenKind.COPIED),
    ("ĠHaus", " Haus", TokenKind.MIXED),
    ("ĠGarten", " Garten", TokenKind.MIXED),
    ("<script>alert(1)</script>", "<script>alert(1)</script>", TokenKind.MIXED),
    ("$x^2$", "$x^2$", TokenKind.MIXED),
    (":red[x]", ":red[x]", TokenKind.MIXED),
    ("a\nb", "a\nb", TokenKind.MIXED),
    ("Ġبيت", " بيت", TokenKind.MIXED),
    ("\u202eabc", "\u202eabc", TokenKind.MIXED),
    ("Ã", "\ufffd", TokenKind.BYTE_PIECE),
    ("qzx", "qzx", TokenKind.FALLBACK),
    ("**bold**`code`:material/home:", "**bold**`code`:material/home:", TokenKind.MIXED),
    ("", "", TokenKind.FALLBACK),
]


def write_tiny_result(folder: Path, config: InitConfig | None = None, **manifest: Any) -> Path:
    """Write a result folder; ``manifest`` replaces parts of ``wechsel.json``."""
    config = config or InitConfig(target_language="de")
    source, target = _table(list(SOURCE), list(SOURCE.values())), _table([t[0] for t in TARGET], [t[1] for t in TARGET])
    folder.mkdir(parents=True)
    result = _result(np.array([kind for *_, kind in TARGET], dtype=np.uint8))
    write_neighbors(folder, result, source, target)
    write_tokens(folder, result, source, target, np.linalg.norm(result.matrix, axis=1))
    write_manifest(folder, _manifest(config, result) | manifest)
    return folder


def _table(tokens: list[str], texts: list[str]) -> TokenTable:
    flags = np.zeros(len(tokens), dtype=bool)
    return TokenTable(tuple(tokens), tuple(texts), tuple(b"" for _ in tokens), flags, flags, {})


def _result(kind: np.ndarray) -> TransferResult:
    """Mixed tokens get four neighbours, of which three are mixed; " Haus" those that mean house."""
    n = len(kind)
    ids = np.stack([(np.arange(4) + row) % len(SOURCE) for row in range(n)])
    ids[1] = [0, 1, 2, 3]
    similarities = np.tile(np.array([0.82, 0.74, 0.51, 0.30], dtype=np.float32), (n, 1))
    weights = np.tile(np.array([0.66, 0.31, 0.03, 0.0]), (n, 1))
    single = (kind == TokenKind.COPIED) | (kind == TokenKind.BYTE_PIECE)
    ids[single, 1:] = -1
    similarities[single], weights[single] = [1, 0, 0, 0], [1, 0, 0, 0]
    ids[kind == TokenKind.FALLBACK], weights[kind == TokenKind.FALLBACK] = -1, 0
    matrix = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    return TransferResult(matrix, ids.astype(np.int64), similarities, weights, kind)


def _manifest(config: InitConfig, result: TransferResult) -> dict[str, Any]:
    precision = {"p_at_1": 0.41, "p_at_5": 0.66, "p_at_10": 0.73, "n": 120}
    return {
        "schema_version": SCHEMA_VERSION,
        "created": "2026-11-22T20:15:00+00:00",
        "config": config.to_dict(),
        "config_hash": config.hash,
        "counts": {
            "tokens": len(result.kind),
            **{name.name.lower(): int((result.kind == name).sum()) for name in list(TokenKind)[:3]},
            "byte_pieces": 2,
            "byte_pieces_copied": int((result.kind == TokenKind.BYTE_PIECE).sum()),
            "duplicate_rows": 0,
        },
        "alignment": {
            "pairs_offered": 150,
            "pairs_usable": 130,
            "relative_residual": 0.5,
            "held_out": {
                "folds": 5,
                "searched_words": 900,
                "cosine": {"all": precision, "frequent": precision},
                "csls": {"all": precision, "frequent": precision},
            },
        },
        "inputs": {},
        "timings": {"load": 1.2, "transfer": 0.3},
        "warnings": [],
        "options_beyond_paper": [],
    }
