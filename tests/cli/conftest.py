"""Tiny inputs and a result of theirs, and the command line within the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, check_sentence
from tests.services.tiny_files import TinyFiles, build_tiny_files
from wechsel_core.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyFiles:
    return build_tiny_files(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def result(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "result"
    assert main(["init", "--out", str(out), *files.flags()]) == 0
    return out


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return Outcome(code, streams.out, streams.err)

    return call


@pytest.fixture
def refused(run: Callable[..., Outcome], tmp_path: Path) -> Callable[..., str]:
    """Run ``init`` on something bad and return its sentence, having checked its form and that nothing was written."""
    place = tmp_path / "place"
    place.mkdir()

    def call(*arguments: str | Path) -> str:
        outcome = run("init", "--out", place / "out", *arguments)
        check_sentence(outcome)
        assert list(place.iterdir()) == [], "no output folder, nor a temporary one beside it"
        return outcome.err

    return call
