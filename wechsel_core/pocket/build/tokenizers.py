"""The pocket's target tokenizers: one a language and model family, of the English tokenizers' size."""

from __future__ import annotations

from pathlib import Path

from wechsel_core.pocket.build.models import train_pocket_tokenizer

TARGET_LANGUAGES = ("fr", "de", "zh", "sw")
FAMILIES = ("gpt2", "roberta")
#: Text a tokenizer is trained on, in lines: more does not change the frequent pieces.
LINES = 60_000


def build_target_tokenizers(corpora: Path, out: Path) -> None:
    """Train and write ``<language>-<family>`` folders."""
    for language in TARGET_LANGUAGES:
        lines = (corpora / f"{language}.train.txt").read_text("utf-8").splitlines()
        step = max(1, len(lines) // LINES)
        for family in FAMILIES:
            train_pocket_tokenizer(family, lines[::step]).save_pretrained(out / f"{language}-{family}")
