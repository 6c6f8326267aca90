"""What a person at a terminal sees besides the result: steps as they run, on one line, and nothing where nobody looks."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from tests.services.tiny_files import TinyFiles
from wechsel_core.cli import main


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_init_shows_its_steps(
    files: TinyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["init", "--out", str(tmp_path / "out"), *files.flags()]) == 0
    written = terminal.getvalue()
    assert written.count("\n") == 1 and written.endswith("\n"), "one line, rewritten, ended with the last step"
    steps = [re.fullmatch(r"\x1b\[K\s*(\d+)% (.+)", step) for step in written.strip("\r\n").split("\r")]
    assert all(steps), written
    shares = [int(step[1]) for step in steps if step]
    assert shares == sorted(shares) and shares[0] < 10 and shares[-1] == 100
    assert len({step[2] for step in steps if step}) >= 5
    assert "Wrote" in capsys.readouterr().out


def test_init_writes_no_progress_into_a_pipe(
    files: TinyFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--out", str(tmp_path / "out"), *files.flags(), "--json"]) == 0
    assert capsys.readouterr().err == ""
