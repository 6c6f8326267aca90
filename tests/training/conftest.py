"""Tiny results to train from, tiny text, and runs of them in a home of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.tiny_files import FRENCH, TinyFiles, build_tiny_files, sentences
from wechsel_core import runs
from wechsel_core.config import TrainConfig
from wechsel_core.services.initialise import initialise

NewRun = Callable[..., Path]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyFiles:
    return build_tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def result_of(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``result_of(model)``: the folder of a tiny result, made once."""
    root = tmp_path_factory.mktemp("results")

    def make(model: str = "gpt2") -> Path:
        if not (root / model).exists():
            initialise(files.config(model), root / model)
        return root / model

    return make


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "fr.txt"
    path.write_text("\n".join(sentences(FRENCH, n=400, seed=5)) + "\n", "utf-8")
    return path


@pytest.fixture
def new_run(home: Path, result_of: Callable[[str], Path], text: Path) -> NewRun:
    """``new_run(model, **config changes)``: the folder of a queued run of twelve small steps."""

    def make(model: str = "gpt2", **changes: Any) -> Path:
        values: dict[str, Any] = {
            "result": str(result_of(model)), "text": str(text), "steps": 12, "batch_size": 4, "block_size": 16,
            "eval_every": 4, "save_every": 3, "held_out_tokens": 200, "threads": 1, "device": "cpu",
        }  # fmt: skip
        kind = "masked" if model.startswith("roberta") else "causal"
        return runs.create_run(TrainConfig(**(values | changes)), {"name": model, "kind": kind}, {})

    return make
