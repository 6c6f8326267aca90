"""Tiny files once a session, and finished results that several tests read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import method_results
from tests.services.tiny_files import TinyFiles, build_tiny_files
from wechsel_core.services.initialise import initialise


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyFiles:
    return build_tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def made(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``made(model, **config changes)``: a result folder, made once for all tests of the session."""
    cache: dict[tuple[object, ...], Path] = {}

    def make(model: str = "gpt2", **changes: object) -> Path:
        key = (model, *sorted(changes.items()))
        if key not in cache:
            cache[key] = tmp_path_factory.mktemp("made") / "result"
            initialise(files.config(model, **changes), cache[key])
        return cache[key]

    return make


@pytest.fixture(scope="session")
def made_by(made: Callable[..., Path], files: TinyFiles) -> Callable[..., Path]:
    """``made_by(name, model)``: a result of a method, or of a variant of WECHSEL."""

    def make(name: str, model: str = "gpt2") -> Path:
        return made(model, **method_results.changes(files, name, made, model))

    return make
