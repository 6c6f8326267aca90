"""The command line for every method: the list, the help, init, neighbors and report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.outcome import Outcome
from tests.services.tiny_files import TinyFiles
from wechsel_core.config import METHODS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; its exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: dataclasses.astuple(run(*arguments))


def flags(files: TinyFiles, method: str, vectors: bool = False) -> list[str]:
    names = ("source_vectors", "target_vectors", "dictionary")
    return [*files.flags(**({} if vectors else dict.fromkeys(names))), "--method", method]


def test_list_names_every_method(run: Run) -> None:
    code, out, _ = run("methods")
    assert code == 0
    assert [block.split(":")[0] for block in out.strip().split("\n\n")] == list(METHODS)
    assert "Needs: source vectors, target vectors, dictionary" in out
    code, out, _ = run("methods", "--json")
    printed = json.loads(out.splitlines()[-1])["methods"]
    assert [entry["name"] for entry in printed] == list(METHODS)
    assert all({"title", "sentence", "reference", "needs", "options"} <= set(entry) for entry in printed)


def test_help_has_a_line_for_every_method(run: Run) -> None:
    code, out, _ = run("init", "--help")
    lines = [line.strip("│ ") for line in out.splitlines()]
    assert code == 0
    assert all(any(line.startswith(f"{name}: ") for line in lines) for name in METHODS)


def test_init_of_a_method_that_draws(run: Run, files: TinyFiles, tmp_path: Path) -> None:
    out_folder = tmp_path / "mean"
    code, out, err = run("init", *flags(files, "mean"), "--out", out_folder)
    assert (code, err) == (0, "")
    assert "Mean: Every row is the mean" in out and "Rows: 0 mixed, 1 copied" in out
    assert "Dictionary" not in out and "P@1" not in out
    code, out, _ = run("neighbors", out_folder, "#5")
    assert code == 0 and "No English tokens" in out
    code, out, _ = run("report", out_folder)
    assert code == 0 and "Mean takes no bilingual dictionary" in out and "k 10" not in out


def test_init_with_spaces_left_as_they_are(run: Run, files: TinyFiles, tmp_path: Path) -> None:
    arguments = [*files.flags(dictionary=None), "--alignment", "none"]
    code, out, err = run("init", *arguments, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "Beyond the paper: alignment none." in out and "Dictionary" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "nothing"], "method is 'nothing'"),
        (["--method", "mean", "--neighbors", "3"], "neighbors with method mean, which does not read it"),
        (["--method", "clp"], "method clp without a helper"),
        (["--method", "wechsel", "--helper", "x"], "helper with method wechsel"),
    ],
)
def test_what_a_method_does_not_take_is_one_line(
    run: Run, files: TinyFiles, tmp_path: Path, arguments: list[str], told: str
) -> None:
    names = ("source_vectors", "target_vectors", "dictionary")
    given = [*files.flags(**dict.fromkeys(names)), *arguments]
    code, out, err = run("init", *given, "--out", tmp_path / "out")
    assert code == 2 and out == "" and not (tmp_path / "out").exists()
    assert err.startswith("error: ") and told in err and err.count("\n") == 1


def test_a_control_arm_of_a_method_without_mixtures(run: Run, files: TinyFiles, tmp_path: Path) -> None:
    run("init", *flags(files, "normal"), "--out", tmp_path / "normal")
    text = files.folder / "fr.txt"
    code, out, err = run("train", "--result", tmp_path / "normal", "--arm", "permuted", "--text", text)
    assert code == 2 and out == "" and err.startswith("error: arm permuted for a result of method normal")
