"""One sentence and exit code 2 for every bad input of ``init``, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import tiny_tokenizer
from tests.cli.outcome import Outcome, check_sentence
from tests.services.tiny_files import FRENCH, TinyFiles, sentences

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
