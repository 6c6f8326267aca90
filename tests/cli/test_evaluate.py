"""The command evaluate: what it prints, its JSON and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, check_sentence
from tests.services.tiny_files import FRENCH, build_tiny_files, sentences
from wechsel_core.cli import main

DATA = Path(__file__).parents[1] / "evaluation" / "data"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result and a text."""
    folder = tmp_path_factory.mktemp("evaluate")
    assert main(["init", "--out", str(folder / "result"), *build_tiny_files(folder).flags("roberta")]) == 0
    (folder / "text.txt").write_text("\n".join(sentences(FRENCH, n=40, seed=5)), "utf-8")
    return folder


def test_text(run: Callable[..., Outcome], place: Path) -> None:
    outcome = run("evaluate", place / "result", "--text", place / "text.txt")
    assert outcome.code == 0 and outcome.err == ""
    for part in ("masked, ", "Loss ", "perplexity", "bits a byte", "of the masked tokens right", "stored neighbours: P@1",
                 "new rows: P@1", "not held out"):  # fmt: skip
        assert part in outcome.out


def test_json(run: Callable[..., Outcome], place: Path) -> None:
    pairs, tags = DATA / "nli-de.jsonl", DATA / "ner-de.conll"
    flags = ["--nli-train", pairs, "--nli-test", pairs, "--ner-train", tags, "--ner-test", tags]
    flags += ["--epochs", "1", "--learning-rate", "0.001", "--probe-seed", "4"]
    outcome = run(
        "evaluate", place / "result", "--text", place / "text.txt", "--held-out-tokens", "300", "--block-size", "16",
        *flags, "--json",
    )  # fmt: skip
    assert outcome.code == 0 and outcome.err == ""
    record = outcome.json()
    assert list(record) == [
        "path", "kind", "parameters", "weights_sha256", "text", "held_out", "token_translation", "probes",
    ]  # fmt: skip
    assert record["text"]["block_size"] == 16 and 0 < record["held_out"]["n_tokens"] < 300
    config = record["probes"]["ner"]["config"]
    assert (config["epochs"], config["learning_rate"], config["seed"]) == (1, 0.001, 4)


def test_probe_lines(run: Callable[..., Outcome], place: Path) -> None:
    pairs = DATA / "nli-de.jsonl"
    flags = ["--nli-train", pairs, "--nli-test", pairs, "--epochs", "1"]
    out = run("evaluate", place / "result", "--text", place / "text.txt", *flags).out
    assert "NLI: accuracy " in out and "% of 6 examples (33.3% without looking at the text); 1 epochs over 6" in out


@pytest.mark.parametrize(
    "arguments,part",
    [
        (["--text", "nowhere.txt"], "nowhere.txt does not exist"),
        (["--text", "TEXT", "--nli-train", "x"], "--nli-train without --nli-test"),
        (["--text", "TEXT", "--ner-test", "x"], "--ner-test without --ner-train"),
        (["--text", "TEXT", "--ner-train", "x", "--ner-test", "x"], "no readable file at x"),
        (["--text", "TEXT", "--epochs", "0"], "epochs is 0"),
        (["--text", "TEXT", "--block-size", "33"], "block_size is 33"),
        (["--text", "TEXT", "--held-out-tokens", "0"], "Invalid value for '--held-out-tokens'"),
        ([], "Missing option '--text'"),
    ],
)
def test_refusals(run: Callable[..., Outcome], place: Path, arguments: list[str], part: str) -> None:
    outcome = run("evaluate", place / "result", *(place / "text.txt" if a == "TEXT" else a for a in arguments))
    check_sentence(outcome)
    assert part in outcome.err


def test_no_model(run: Callable[..., Outcome], place: Path) -> None:
    check_sentence(run("evaluate", place / "nothing", "--text", place / "text.txt"))
