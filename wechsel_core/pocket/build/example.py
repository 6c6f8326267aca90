"""The result that a first visitor sees: tables and record of one initialisation, without the model that it makes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from wechsel_core.config import InitConfig
from wechsel_core.results import MANIFEST, NEIGHBORS, SOURCE_TOKENS, TOKENS
from wechsel_core.services.initialise import initialise

CONFIG = InitConfig(source="pocket-gpt2", target_language="fr")


def write_example(folder: Path) -> None:
    """Initialise the pocket GPT-2 in French and keep what the pages read; model and static space are made again."""
    kept = folder / f"{CONFIG.source}-{CONFIG.target_language}"
    with tempfile.TemporaryDirectory() as scratch:
        initialise(CONFIG, Path(scratch) / "result")
        kept.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, NEIGHBORS, TOKENS, SOURCE_TOKENS):
            shutil.copyfile(Path(scratch) / "result" / name, kept / name)
