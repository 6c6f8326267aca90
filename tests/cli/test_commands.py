"""The command line: one JSON object as the last line, texts, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.outcome import Outcome, check_sentence
from tests.services.tiny_files import TinyFiles

ROOT = Path(__file__).resolve().parents[2]


# --- What works


def test_init_json(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    outcome = run("init", "--out", tmp_path / "out", *files.flags(), "--neighbors", "5", "--seed", "3", "--json")
    assert outcome.code == 0 and outcome.err == ""
    record = outcome.json()
    assert record["path"] == str(tmp_path / "out") and record["config"]["neighbors"] == 5
    assert record == {
        **json.loads((tmp_path / "out" / "wechsel.json").read_text("utf-8")), "path": str(tmp_path / "out"),
    }  # fmt: skip


def test_init_text(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    """What a person reads: counts, coverage, precision, options beyond the paper, warnings."""
    outcome = run("init", "--out", tmp_path / "out", *files.flags(), "--copy-byte-pieces", "--distinct-texts")
    assert outcome.code == 0
    for text in ("mixed", "31 of 31 pairs", "P@1", "Beyond the paper: byte pieces", "Beyond the paper: one vote"):
        assert text in outcome.out
    with pytest.raises(ValueError):
        outcome.json()


def test_every_flag_reaches_the_config(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "neighbors": 4, "temperature": 0.25, "seed": 11, "mode": "word", "vocab_size": 300, "tokenizer_kind": "bpe",
        "tokenizer_corpus": str(files.folder / "fr.txt"), "method": "wechsel",
    }  # fmt: skip
    switches = ("reduce_dimension", "copy_byte_pieces", "prefer_word_initial", "distinct_texts")
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    flags += [f"--{name.replace('_', '-')}" for name in switches]
    outcome = run("init", "--out", tmp_path / "out", *files.flags(target_tokenizer=None), *flags, "--json")
    config = outcome.json()["config"]
    assert {name: config[name] for name in options} == options and all(config[name] is True for name in switches)
    reference = run("init", "--out", tmp_path / "two", *files.flags(), "--compat", "reference", "--json")
    assert reference.json()["config"]["compat"] == "reference"


def test_defaults_are_those_of_the_config() -> None:
    """Defaults stand in the signature of the command as well: they must agree."""
    import dataclasses
    import inspect

    from wechsel_core.cli import init
    from wechsel_core.config import InitConfig

    signature = inspect.signature(init).parameters
    for field in dataclasses.fields(InitConfig):
        assert signature[field.name].default == field.default, field.name


def test_neighbors(run: Callable[..., Outcome], result: Path) -> None:
    record = run("neighbors", result, " chat", "--top", "3", "--json").json()
    assert record["text"].strip() == "chat" and record["kind"] == "mixed" and len(record["neighbors"]) == 3
    assert set(record["neighbors"][0]) == {
        "rank", "source_id", "source_token", "source_text", "similarity", "weight",
    }  # fmt: skip
    assert record["neighbors"][0]["source_text"].strip().lower() == "cat"
    text = run("neighbors", result, "#0")
    assert text.code == 0 and "<|endoftext|>" in text.out and "copied" in text.out


def test_neighbors_of_a_fallback_token(run: Callable[..., Outcome], result: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(result / "tokens.parquet")
    token_id = frame.loc[frame["kind"] == "fallback", "target_id"].iloc[0]
    record = run("neighbors", result, f"#{token_id}", "--json").json()
    assert record["kind"] == "fallback" and record["neighbors"] == []


def test_assets_list(run: Callable[..., Outcome]) -> None:
    entries = run("assets", "list", "--json").json()["assets"]
    names = {entry["name"]: entry for entry in entries}
    assert names["pocket-gpt2"]["tier"] == "pocket" and names["gpt2"]["tier"] == "hub"
    assert all(set(entry) >= {"name", "kind", "tier", "licence", "present"} for entry in entries)
    assert "pocket-gpt2" in run("assets", "list").out


@pytest.mark.parametrize("arguments", [["--help"], ["init", "--help"], ["neighbors", "--help"], ["assets", "--help"]])
def test_help(arguments: list[str], run: Callable[..., Outcome]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 0 and "Usage" in outcome.out


def test_warnings_about_few_pairs(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    """Fewer usable pairs than dimensions: done all the same, with the count in the record."""
    (tmp_path / "few.tsv").write_text("cat\tchat\ndog\tchien\nhouse\tmaison\nunicorn\tlicorne\n", "utf-8")
    flags = files.flags(dictionary=str(tmp_path / "few.tsv"))
    outcome = run("init", "--out", tmp_path / "out", *flags, "--json")
    assert outcome.code == 0
    record = json.loads((tmp_path / "out" / "wechsel.json").read_text("utf-8"))
    assert record["alignment"]["pairs_usable"] == 3 and record["alignment"]["pairs_offered"] == 4
    assert any("3 usable pairs for vectors of 8 dimensions" in text for text in record["warnings"])
    text = run("init", "--out", tmp_path / "two", *flags)
    assert text.code == 0 and "Warning: The dictionary has 3 usable pairs" in text.out


def test_one_usable_pair(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    """Nothing is left to hold out: no precision, and no fault."""
    (tmp_path / "one.tsv").write_text("cat\tchat\n", "utf-8")
    outcome = run("init", "--out", tmp_path / "out", *files.flags(dictionary=str(tmp_path / "one.tsv")))
    assert outcome.code == 0 and "1 of 1 pairs" in outcome.out and "P@1" not in outcome.out


def test_reduced_dimension(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    flags = files.flags(target_vectors=str(files.folder / "fr-wide.vec"))
    outcome = run("init", "--out", tmp_path / "out", *flags, "--reduce-dimension", "--json")
    assert outcome.code == 0 and outcome.json()["inputs"]["target_vectors"]["dim"] == 8


# --- The other commands


def test_bad_neighbors(run: Callable[..., Outcome], result: Path, tmp_path: Path) -> None:
    for arguments, found in (
        ((tmp_path, "chat"), "no result"),
        ((tmp_path / "nowhere", "chat"), "no result"),
        ((result, "no such word"), "no target token"),
        ((result, ""), "no target token"),
        ((result, "#99999"), "no target token"),
    ):
        outcome = run("neighbors", *arguments)
        check_sentence(outcome)
        assert found in outcome.err


def test_unknown_assets(run: Callable[..., Outcome]) -> None:
    for command in ("fetch", "verify"):
        outcome = run("assets", command, "pocket-gtp2")
        check_sentence(outcome)
        assert "pocket-gpt2" in outcome.err, "near names are offered"


def test_neighbors_shows_all_that_were_mixed(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    assert run("init", "--out", tmp_path / "out", *files.flags(), "--neighbors", "60").code == 0
    record = run("neighbors", tmp_path / "out", " chat", "--top", "60", "--json").json()
    assert sum(entry["weight"] for entry in record["neighbors"]) == pytest.approx(1)


def test_own_failures_exit_with_1(
    run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wechsel_core.errors import WechselError

    def fail(*args: object, **options: object) -> None:
        raise WechselError("the disk is on fire")

    monkeypatch.setattr("wechsel_core.services.initialise.initialise", fail)
    outcome = run("init", "--out", tmp_path / "out", *files.flags())
    assert outcome.code == 1 and outcome.err == "error: the disk is on fire\n"


# --- The real thing


def shell(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wechsel_core", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_as_a_command(files: TinyFiles, tmp_path: Path) -> None:
    done = shell("init", "--out", tmp_path / "out", *files.flags("roberta"), "--json")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout.splitlines()[-1])["counts"]["copied"] == 5
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_as_a_command_offline(files: TinyFiles, tmp_path: Path) -> None:
    home = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = shell("init", "--out", tmp_path / "place" / "out", *files.flags(source="nobody/no-such-model"), **home)
    check_sentence(Outcome(done.returncode, done.stdout, done.stderr))
    assert "HF_HUB_OFFLINE" in done.stderr and not (tmp_path / "place").exists()


def test_unknown_language_without_files(run: Callable[..., Outcome], tmp_path: Path) -> None:
    """A code outside the catalogue is fine with files of one's own; asked for the catalogue's, it is refused."""
    outcome = run("init", "--out", tmp_path / "out", "--target-language", "xx")
    check_sentence(outcome)
    assert "unknown language 'xx'" in outcome.err and not (tmp_path / "out").exists()


def test_doctor_says_what_to_do(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hub and with a full disk it still ends well, and each of the two comes with advice."""
    monkeypatch.setattr("wechsel_core.assets.hub.hub_reachable", lambda: False)
    monkeypatch.setattr("wechsel_core.assets.wheel.ask_index", lambda entry: None)
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1 << 20})())
    outcome = run("doctor", "--json")
    checks = {entry["name"]: entry for entry in json.loads(outcome.out.splitlines()[-1])["checks"]}
    assert outcome.code == 0 and checks["torch"]["ok"] and checks["pocket tier"]["ok"]
    for name in ("hub tier", "disk"):
        assert not checks[name]["ok"] and checks[name]["advice"]
    lines = {line[3:].split("  ")[0].strip(): line for line in run("doctor").out.splitlines()}
    assert lines["pocket tier"].startswith("ok ") and lines["disk"].startswith("-- ")
    assert lines["disk"].endswith(checks["disk"]["advice"])
