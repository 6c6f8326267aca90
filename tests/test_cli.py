"""The command line: one JSON object as the last line, exit codes, and one sentence for every bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builders import tiny_tokenizer
from tests.services.tiny_files import FRENCH, TinyFiles, build_tiny_files, sentences
from wechsel_core.cli import main

ROOT = Path(__file__).resolve().parents[1]
ENGLISH_VEC = "2 3\ncat 1 0 0\ndog 0 1 0\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyFiles:
    return build_tiny_files(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def result(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "result"
    assert main(["init", "--out", str(out), *files.flags()]) == 0
    return out


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out.splitlines()[-1]))


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


def check_sentence(outcome: Outcome) -> None:
    assert outcome.code == 2 and outcome.out == ""
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1 and outcome.err.endswith("\n")
    found, expected, remedy = outcome.err.removeprefix("error: ").rstrip("\n").split("; ", 2)
    assert found and expected.startswith("expected ") and len(remedy) > 3
    assert "Traceback" not in outcome.err


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


# --- Bad parameters


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--neighbors", "0"], "neighbors is 0"),
        (["--neighbors", "-1"], "neighbors is -1"),
        (["--neighbors", "100000"], "neighbors is 100000"),
        (["--temperature", "0"], "temperature is 0"),
        (["--temperature", "-0.1"], "temperature is -0.1"),
        (["--temperature", "1e-6"], "temperature is 1e-06"),
        (["--temperature", "nan"], "temperature is nan"),
        (["--temperature", "inf"], "temperature is inf"),
        (["--seed", "-1"], "seed is -1"),
        (["--seed", "4294967296"], "seed is 4294967296"),
        (["--mode", "letters"], "mode is 'letters'"),
        (["--method", "magic"], "method is 'magic'"),
        (["--compat", "0.0.3"], "compat is '0.0.3'"),
        (["--compat", "reference", "--distinct-texts"], "beyond the paper"),
        (["--vocab-size", "300"], "vocab_size without a tokenizer corpus"),
        (["--tokenizer-corpus", "x.txt"], "both a target tokenizer and a tokenizer corpus"),
        (["--target-language", "French"], "target language 'French'"),
        (["--target-language", ""], "target language ''"),
        (["--mode", "subword"], "has no character n-grams"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_parameters(flags: list[str], found: str, refused: Callable[..., str], files: TinyFiles) -> None:
    assert found in refused(*files.flags(), *flags)


@pytest.mark.parametrize("flags", [["--neighbors", "ten"], ["--no-such-flag"], ["--temperature", "hot"]])
def test_flags_that_do_not_parse(flags: list[str], refused: Callable[..., str], files: TinyFiles) -> None:
    refused(*files.flags(), *flags)


def test_flags_that_do_not_parse_exit_with_2(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    for flags in (["--neighbors", "ten"], ["--no-such-flag"]):
        outcome = run("init", "--out", tmp_path / "out", *files.flags(), *flags)
        assert outcome.code == 2 and flags[0] in outcome.err and "Traceback" not in outcome.err
    assert run("init").code == 2 and run("no-such-command").code == 2 and list(tmp_path.iterdir()) == []


# --- Bad static vectors


def test_missing_vectors(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    for side in ("source_vectors", "target_vectors"):
        assert "nowhere.bin" in refused(*files.flags(**{side: str(tmp_path / "nowhere.bin")}))
        assert "holds nothing" in refused(*files.flags(**{side: str(tmp_path / "place")}))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.05, 0.1, 0.3, 0.6, 0.9, 0.99, 1.0])
def test_truncated_bin(share: float, refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    """At any byte: within the magic number, the arguments, a word, either matrix, and one byte short."""
    whole = (files.folder / "fr.bin").read_bytes()
    path = tmp_path / "cut.bin"
    path.write_bytes(whole[: min(int(len(whole) * share), len(whole) - 1)])
    assert "'cut.bin'" in refused(*files.flags(target_vectors=str(path)))


def test_every_truncation_of_a_bin_is_refused(files: TinyFiles, tmp_path: Path) -> None:
    from wechsel_core.errors import VectorFileError
    from wechsel_core.vectors.open import open_vectors

    whole = (files.folder / "fr.bin").read_bytes()
    path = tmp_path / "cut.bin"
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(VectorFileError):
            open_vectors(path)


def test_bin_with_nan(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    """In the first column of every n-gram's row."""
    content = bytearray((files.folder / "fr.bin").read_bytes())
    tail = 4 * 8 + 17  # the output matrix and its head
    for start in range(len(content) - tail - 4 * 8 * 500, len(content) - tail, 4 * 8):
        content[start : start + 4] = b"\x00\x00\xc0\x7f"
    (tmp_path / "nan.bin").write_bytes(content)
    sentence = refused(*files.flags(target_vectors=str(tmp_path / "nan.bin")))
    assert "NaN" in sentence


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("cat 1 0 0\ndog 0 1 0\n", "line 1 of 'bad.vec'"),
        ("two 3\ncat 1 0 0\n", "line 1 of 'bad.vec'"),
        ("2 3 4\ncat 1 0 0\n", "line 1 of 'bad.vec'"),
        ("3 3\ncat 1 0 0\ndog 0 1 0\n", "ends after line 3"),
        ("1 3\ncat 1 0 0\ndog 0 1 0\n", "line 3 of 'bad.vec'"),
        ("9000000000 300\ncat 1 0 0\n", "announces 9000000000 words"),
        ("2 3\ncat 1 0 0\ndog 0 1\n", "line 3 of 'bad.vec' has 2 values"),
        ("2 3\ncat 1 0 0\ndog 0 1 0 5\n", "line 3 of 'bad.vec' has 4 values"),
        ("2 3\ncat 1 0 0\ndog 0 nan 0\n", "line 3 of 'bad.vec' ('dog') holds NaN"),
        ("2 3\ncat 1 0 inf\ndog 0 1 0\n", "line 2 of 'bad.vec' ('cat')"),
        ("2 3\ncat 1 0 zero\ndog 0 1 0\n", "line 2 has the value 'zero'"),
        ("2 3\ncat 1 0 0\ncat 0 1 0\n", "lines 2 and 3"),
        ("0 3\n", "line 1 of 'bad.vec'"),
        ("", "'bad.vec' is empty"),
    ],
    ids=[
        "no-header", "word-header", "three-numbers", "fewer-lines", "more-lines", "huge", "short-line", "long-line",
        "nan", "inf", "no-number", "twice", "zero", "empty",
    ],
)  # fmt: skip
def test_bad_vec(content: str, found: str, refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "bad.vec").write_text(content, "utf-8")
    assert found in refused(*files.flags(source_vectors=str(tmp_path / "bad.vec")))


def test_vec_with_a_number_beyond_float32(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "bad.vec").write_text("2 3\ncat 1 0 -1e99\ndog 0 1 0\n", "utf-8")
    assert "line 2 of 'bad.vec' ('cat')" in refused(*files.flags(source_vectors=str(tmp_path / "bad.vec")))


def test_different_dimensions(refused: Callable[..., str], files: TinyFiles) -> None:
    sentence = refused(*files.flags(target_vectors=str(files.folder / "fr-wide.vec")))
    assert "8 and target vectors of 12 dimensions" in sentence and "--reduce-dimension" in sentence


# --- Bad dictionaries


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "holds no word pair"),
        (b"\n \n", "holds no word pair"),
        (b"cat;chat\ndog;chien\n", "'cat;chat'"),
        (b"cat,chat\n", "'cat,chat'"),
        (b"cat = chat\n", "'cat = chat'"),
        (b"cat\tchat\textra\n", "line 1"),
        (b"cat\tchat\ndog\t\n", "line 2"),
        ("chat\tà\n".encode("latin-1"), "is not UTF-8"),
        (b"unicorn\tlicorne\n", "none of the 1 pairs"),
    ],
    ids=["empty", "blank", "semicolon", "comma", "equals", "three", "one", "latin-1", "unknown-words"],
)
def test_bad_dictionary(
    content: bytes, found: str, refused: Callable[..., str], files: TinyFiles, tmp_path: Path
) -> None:
    (tmp_path / "bad.tsv").write_bytes(content)
    assert found in refused(*files.flags(dictionary=str(tmp_path / "bad.tsv")))


def test_missing_dictionary(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    assert "no readable dictionary" in refused(*files.flags(dictionary=str(tmp_path / "nowhere.tsv")))
    assert "no readable dictionary" in refused(*files.flags(dictionary=str(tmp_path)))


def test_dictionary_the_wrong_way_round(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "turned.tsv").write_text("chat\tcat\nchien\tdog\n", "utf-8")
    assert "English stands first" in refused(*files.flags(dictionary=str(tmp_path / "turned.tsv")))


# --- Bad tokenizers and corpora


@pytest.mark.parametrize(
    ("model", "specials", "missing"),
    [
        ("roberta", {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>"}, "mask"),
        ("roberta", {"bos": "<s>", "eos": "</s>", "mask": "<mask>", "unk": "<unk>"}, "pad"),
        ("roberta", {"unk": "<unk>"}, "mask, pad"),
        ("gpt2", {"bos": "<s>", "unk": "<unk>"}, "eos"),
    ],
    ids=["no-mask", "no-pad", "neither", "no-eos"],
)
def test_tokenizer_without_a_needed_token(
    model: str, specials: dict[str, str], missing: str, refused: Callable[..., str], files: TinyFiles, tmp_path: Path
) -> None:
    tiny_tokenizer(lines=sentences(FRENCH), special_tokens=specials).save_pretrained(tmp_path / "tokenizer")
    flags = files.flags(model, target_tokenizer=str(tmp_path / "tokenizer"))
    assert f"the tokenizer has no {missing} token" in refused(*flags)


def test_bad_tokenizer(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": ')
    for path, found in (
        (tmp_path / "tokenizer.json", "cannot be read as a tokenizer"),
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "place", "holds no tokenizer"),
        (tmp_path, "cannot be read"),
    ):
        assert found in refused(*files.flags(target_tokenizer=str(path)))


@pytest.mark.parametrize("content", [b"le chat\n", b"", b"\xff\xfe\x00\x01", None])
def test_bad_corpus(content: bytes | None, refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    """Too small for the vocabulary, empty, no text, missing."""
    path = tmp_path / "corpus.txt"
    if content is not None:
        path.write_bytes(content)
    sentence = refused(*files.flags(target_tokenizer=None, tokenizer_corpus=str(path)))
    assert "corpus.txt" in sentence


def test_corpus_folder_without_text(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    flags = files.flags(target_tokenizer=None, tokenizer_corpus=str(tmp_path / "place"))
    assert "holds no text" in refused(*flags)


# --- Bad models


def test_unknown_model_id_offline(
    refused: Callable[..., str], files: TinyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("nobody/no-such-model", "no-such-model"):
        sentence = refused(*files.flags(source=name))
        assert name in sentence and "HF_HUB_OFFLINE" in sentence
    assert "well-formed hub id" in refused(*files.flags(source="two words/and//slashes"))
    assert "HF_HUB_OFFLINE" in refused(*files.flags(target_tokenizer="nobody/no-such-tokenizer"))


def test_bad_model_paths(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no model")
    config = json.loads((files.folder / "gpt2" / "config.json").read_text("utf-8"))
    for name, changes in (("no-weights", {}), ("other", {"model_type": "t5", "architectures": ["T5Model"]})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config | changes))
    for path, found in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "file", "is no model folder"),
        (tmp_path / "place", "holds no config.json"),
        (tmp_path / "no-weights", "holds no weights"),
        (tmp_path / "other", "other"),
    ):
        assert found in refused(*files.flags(source=str(path)))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_weights(share: float, refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(files.folder / "gpt2", tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: int(weights.stat().st_size * share)])
    assert "cannot be loaded" in refused(*files.flags(source=str(tmp_path / "cut")))


def test_weights_with_nan(refused: Callable[..., str], files: TinyFiles, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(files.folder / "gpt2", tmp_path / "nan")
    weights = load_file(tmp_path / "nan" / "model.safetensors")
    weights["transformer.wte.weight"][5, 2] = float("nan")
    save_file(weights, tmp_path / "nan" / "model.safetensors", metadata={"format": "pt"})
    assert "NaN" in refused(*files.flags(source=str(tmp_path / "nan")))


# --- Bad output folders


def test_existing_out(run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for flags, found in (([], "--force"), (["--force"], "holds no result")):
        outcome = run("init", "--out", out, *files.flags(), *flags)
        check_sentence(outcome)
        assert found in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["out"] and (out / "mine.txt").read_text() == "mine"
    check_sentence(run("init", "--out", "", *files.flags()))


@pytest.mark.parametrize("name", ["file/out", "y" * 300, "link"], ids=["below-a-file", "300", "link"])
def test_out_that_cannot_be_made(name: str, run: Callable[..., Outcome], files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    check_sentence(run("init", "--out", tmp_path / name, *files.flags()))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link"]


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
