"""The record of an initialisation: what went in, what came out, and what to be wary of."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wechsel_core import __version__
from wechsel_core.alignment import DictionaryAlignment
from wechsel_core.config import InitConfig
from wechsel_core.dictionaries import Coverage
from wechsel_core.results import SCHEMA_VERSION
from wechsel_core.services.inputs import TransferInputs, text_sha256
from wechsel_core.services.row_notes import RowNotes
from wechsel_core.tokenizers.table import backend_of
from wechsel_core.transfer.result import TokenKind, TransferPlan
from wechsel_core.types import BilingualDictionary, TokenTable
from wechsel_core.vectors.base import StaticVectors

if TYPE_CHECKING:
    from wechsel_core.services.materials import Prepared

#: Dropped pairs kept of each reason, for the eye.
DROPPED_EXAMPLES = 20
NORM_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "tokenizers", "gensim", "safetensors")
#: What the paper does where there is a choice.
_PAPER = {"similarity": "cosine", "weighting": "softmax", "alignment": "procrustes"}
_BEYOND_PAPER = {
    "copy_byte_pieces": "byte pieces copied from the source's",
    "prefer_word_initial": "word-initial tokens mix word-initial tokens only",
    "distinct_texts": "one vote per distinct neighbour text",
}


def build_manifest(
    config: InitConfig,
    inputs: TransferInputs,
    prepared: Prepared,
    plan: TransferPlan,
    target: TokenTable,
    source_norms: np.ndarray,
    notes: RowNotes,
) -> dict[str, Any]:
    """``wechsel.json`` without its timings."""
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.to_dict(),
        "config_hash": config.hash,
        "mode": prepared.mode,
        "inputs": inputs_record(config, inputs),
        "versions": {
            "wechsel_core": __version__, "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "counts": _counts(plan, target, notes),
        "alignment": _alignment_record(prepared.aligned, inputs),
        "norms": _norms(source_norms, notes),
        "options_beyond_paper": [text for name, text in _BEYOND_PAPER.items() if getattr(config, name)]
        + [f"{name} {getattr(config, name)}" for name, usual in _PAPER.items() if getattr(config, name) != usual],
        "warnings": _warnings(config, prepared, plan),
    }  # fmt: skip


def _alignment_record(aligned: DictionaryAlignment | None, inputs: TransferInputs) -> dict[str, Any] | None:
    """How the rotation was fitted and how good it is; None for a method that fits none."""
    if aligned is None or inputs.dictionary is None:
        return None
    coverage, fitted = aligned.coverage, aligned.alignment
    return {
        "pairs_offered": coverage.n_offered,
        "pairs_usable": len(coverage.usable),
        "pairs_multiword": coverage.n_multiword,
        "pairs_source_unknown": coverage.n_source_unknown,
        "pairs_target_unknown": coverage.n_target_unknown,
        "dropped_examples": _dropped_examples(coverage, inputs.dictionary),
        "covered_words": aligned.covered_words,
        "rows": fitted.n_pairs,
        "relative_residual": round(fitted.relative_residual, 6),
        "pair_cosine": round(aligned.pair_cosine, 6),
        "held_out": aligned.held_out,
    }


def inputs_record(config: InitConfig, inputs: TransferInputs) -> dict[str, Any]:
    """Names and hashes of everything that an initialisation read."""
    record: dict[str, Any] = {
        "source_model": {"name": config.source, "kind": inputs.source.kind, "sha256": inputs.source.weights_sha256()}
    }
    for name in ("source_vectors", "target_vectors"):
        if (vectors := getattr(inputs, name)) is not None:
            record[name] = _vectors_record(vectors)
    if inputs.dictionary is not None:
        record["dictionary"] = {"name": inputs.dictionary.name, "sha256": inputs.dictionary.sha256}
    if inputs.helper is not None:
        record["helper"] = {"name": config.helper, "sha256": inputs.helper.weights_sha256()}
    if config.auxiliary_text is not None:
        record["auxiliary_text"] = {"name": config.auxiliary_text, "sha256": text_sha256(Path(config.auxiliary_text))}
    return record | {
        "source_tokenizer": _tokenizer_record(inputs.source.tokenizer),
        "target_tokenizer": _tokenizer_record(inputs.target_tokenizer),
    }


def _vectors_record(vectors: StaticVectors) -> dict[str, Any]:
    return {
        "name": vectors.name, "sha256": vectors.sha256, "dim": vectors.dim, "words": len(vectors.words),
        "has_subwords": vectors.has_subwords,
    }  # fmt: skip


def _tokenizer_record(tokenizer: Any) -> dict[str, Any]:
    # The whole pipeline: vocabulary, merges, normaliser. A tokenizer trained from a corpus stands for that corpus.
    content = backend_of(tokenizer).to_str()
    return {"tokens": len(tokenizer), "sha256": hashlib.sha256(content.encode()).hexdigest()}


def _counts(plan: TransferPlan, target: TokenTable, notes: RowNotes) -> dict[str, int]:
    return {
        "tokens": len(plan.kind),
        "mixed": int((plan.kind == TokenKind.MIXED).sum()),
        "copied": int((plan.kind == TokenKind.COPIED).sum()),
        "fallback": int((plan.kind == TokenKind.FALLBACK).sum()),
        "byte_pieces": sum(1 for piece in target.byte_pieces if piece),
        "byte_pieces_copied": int((plan.kind == TokenKind.BYTE_PIECE).sum()),
        "duplicate_rows": notes.duplicates,
    }


def _dropped_examples(coverage: Coverage, dictionary: BilingualDictionary) -> dict[str, list[list[str]]]:
    """Pairs of each reason, spread over the whole file: its head may be one letter of the alphabet."""
    spread = {
        reason: places[np.linspace(0, len(places) - 1, min(len(places), DROPPED_EXAMPLES)).astype(int)]
        for reason, places in coverage.dropped.items()
    }
    return {reason: [list(dictionary.pairs[i]) for i in places] for reason, places in spread.items()}


def _norms(source_norms: np.ndarray, notes: RowNotes) -> dict[str, list[float]]:
    """Quantiles of the lengths of embedding rows: all English ones, and the new ones that were mixed."""
    lengths = {"source": source_norms, "mixed": notes.mixed_norms}
    return {
        "quantiles": list(NORM_QUANTILES),
        **{
            name: [float(f"{v:.6g}") for v in np.quantile(n, NORM_QUANTILES)] if len(n) else []
            for name, n in lengths.items()
        },
    }


def _warnings(config: InitConfig, prepared: Prepared, plan: TransferPlan) -> list[str]:
    found = []
    if prepared.aligned is not None and prepared.space is not None:
        usable, dim = len(prepared.aligned.coverage.usable), len(prepared.space.rotation)
        if usable < dim:
            found.append(
                f"The dictionary has {usable} usable pairs for vectors of {dim} dimensions; with fewer pairs than "
                "dimensions the rotation is not determined. Use a larger dictionary."
            )
    fallback = float((plan.kind == TokenKind.FALLBACK).mean())
    if prepared.mode is not None and fallback > 0.1:
        found.append(
            f"{fallback:.0%} of the tokens have no static vector and got a random row. Use vectors with n-grams "
            "or with more words."
        )
    return found
