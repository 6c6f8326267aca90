"""The race command: what it prints, its exit codes, and that it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.services.tiny_files import FRENCH, build_tiny_files, sentences
from wechsel_core.cli import main


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    (tmp_path / "text.txt").write_text("\n".join(sentences(FRENCH, n=300)), "utf-8")
    return [
        "race", *build_tiny_files(tmp_path).flags(), "--text", str(tmp_path / "text.txt"), "--steps", "2",
        "--batch-size", "2", "--block-size", "16", "--held-out-tokens", "200", "--seeds", "0", "--methods", "wechsel,mean",
        "--out", str(tmp_path / "race"),
    ]  # fmt: skip


def test_a_race_and_its_last_line(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*flags, "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {row["entry"] for row in first["table"]} == {"wechsel", "mean", "random"}
    assert first["verdict"] and len(first["curves"]) == 3
    assert main(flags) == 0  # the same command has nothing left to do
    words = capsys.readouterr().out
    assert "WECHSEL" in words and "From scratch" in words and "effort" in words


@pytest.mark.parametrize(
    "change,part",
    [
        (["--methods", "nobody"], "nobody"),
        (["--methods", "mean+neighbors=3"], "does not read"),
        (["--seeds", "one"], "seeds"),
        (["--steps", "-1"], "steps"),
        (["--text", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_bad_input(flags: list[str], change: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = flags.index(change[0])
    assert main([*flags[:at], *change, *flags[at + 2 :]]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and part in told and told.count("; ") == 2 and "Traceback" not in told
    assert not Path(flags[-1]).exists()
