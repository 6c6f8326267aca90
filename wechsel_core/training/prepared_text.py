"""The text of a run, read, split and cut into blocks of its tokenizer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from wechsel_core.config import TrainConfig
from wechsel_core.evaluation.language_modeling import HeldOutText
from wechsel_core.training import data
from wechsel_core.training.recipe import Recipe
from wechsel_core.types import Progress


@dataclass(frozen=True, eq=False)
class PreparedText:
    """Training and held-out text, cut into blocks of one tokenizer.

    Attributes
    ----------
    held_out : HeldOutText
    blocks : ndarray of int32, shape (n_blocks, block_size)
    record : dict
        Hashes and sizes, as a run records them.
    """

    held_out: HeldOutText
    blocks: np.ndarray
    record: dict[str, Any]


def prepare_text(config: TrainConfig, start: Any, recipe: Recipe, tell: Progress) -> PreparedText:
    """Read, split and cut the text of a run for the tokenizer and kind of a model (``models.SourceModel``)."""
    split = data.read_split(
        config.text, config.held_out, share=config.held_out_share, megabytes=config.max_megabytes, progress=tell
    )
    judged = data.thinned(start.tokenizer, split.held_out, config.held_out_tokens)
    held_out = HeldOutText(start.tokenizer, judged, block_size=recipe.block_size, masked=start.kind == "masked")
    tokenizer_sha256 = hashlib.sha256(start.tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    tell(0.5, "Cutting the text into blocks")
    blocks = data.packed(start.tokenizer, tokenizer_sha256, split.train, split.train_sha256, recipe.block_size)
    record = {
        "train_sha256": split.train_sha256, "held_out_sha256": data.lines_sha256(judged),
        "tokenizer_sha256": tokenizer_sha256,
        "train_bytes": sum(len(line.encode()) + 1 for line in split.train), "train_lines": len(split.train),
        "train_documents": split.train_documents, "held_out_documents": split.held_out_documents,
        "held_out_characters": characters_of(judged, held_out.n_bytes),
    }  # fmt: skip
    return PreparedText(held_out, blocks, record)


def characters_of(lines: list[str], n_bytes: int) -> int:
    """Characters that make so many bytes of these lines."""
    size = sum(len(line.encode()) + 1 for line in lines)
    return round(n_bytes * sum(len(line) + 1 for line in lines) / max(size, 1))
