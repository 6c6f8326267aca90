"""The command export: one JSON object as the last line, text for people, and one sentence for every refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, check_sentence
from tests.services.tiny_files import build_tiny_files
from wechsel_core.cli import main

Command = Callable[..., Outcome]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("export")
    assert main(["init", "--out", str(place / "tiny-fr"), *build_tiny_files(place).flags()]) == 0
    return place / "tiny-fr"


@pytest.fixture
def run(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    return partial(run, "export")


def test_json_and_text(run: Command, result: Path, tmp_path: Path) -> None:
    outcome = run(result, "--out", tmp_path / "a", "--json")
    found = outcome.json()
    assert outcome.code == 0 and found["path"] == str(tmp_path / "a") and found["run"] is found["pushed"] is None
    assert found["check"]["equal"] is True and found["licence"] == "unknown"
    assert found["files"] == sorted(path.name for path in (tmp_path / "a").iterdir())
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())
    outcome = run(result, "--out", tmp_path / "b")
    assert outcome.code == 0 and f"Wrote {tmp_path / 'b'}: " in outcome.out
    assert "the logits of 24 tokens are equal to the bit" in outcome.out and "Pushed" not in outcome.out


def test_refusals(run: Command, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    out = tmp_path / "out"
    for arguments, words in (
        ((tmp_path, "--out", out), "no result at"),
        ((result, "--out", result, "--force"), "belongs to a result"),
        ((result, "--out", result), "--force"),
        ((result, "--out", out, "--run", "nobody"), "no run 'nobody'"),
        ((result, "--out", out, "--private"), "private without a push"),
        ((result, "--out", out, "--push", "french"), "'french' is no name"),
        ((result, "--out", out, "--push", "me/french"), "no token"),
        (("pocket-gpt2-fr", "--out", out), "comes without its model"),
        ((result,), "--out"),
    ):
        outcome = run(*arguments)
        check_sentence(outcome)
        assert words in outcome.err
    assert not out.exists() and (result / "neighbors.parquet").exists()
