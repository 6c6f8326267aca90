"""A target tokenizer trained from a corpus on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import tiny_model, tiny_tokenizer
from tests.services import rows
from tests.services.tiny_files import ENGLISH, FRENCH, TinyFiles, sentences
from wechsel_core.errors import TokenizerError
from wechsel_core.services.initialise import initialise
from wechsel_core.services.inputs import corpus_lines

Made = Callable[..., Path]
SIZES = {"bpe": 300, "unigram": 60, "wordpiece": 80}


def trained(files: TinyFiles, kind: str = "bpe", **changes: object) -> dict[str, object]:
    corpus = str(files.folder / "fr.txt")
    return {
        "target_tokenizer": None, "tokenizer_corpus": corpus, "tokenizer_kind": kind, "vocab_size": SIZES[kind],
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("model", ["gpt2", "roberta", "llama"])
def test_tokenizer_of_each_kind(kind: str, model: str, made: Made, files: TinyFiles) -> None:
    from transformers import AutoTokenizer

    from wechsel_core.tokenizers.load import load_tokenizer

    folder = made(model, **trained(files, kind))
    tokenizer, source = AutoTokenizer.from_pretrained(folder), load_tokenizer(files.folder / model)
    assert len(tokenizer) == SIZES[kind] == len(rows.input_rows(folder))
    for role in ("bos", "eos", "pad", "unk", "mask", "sep", "cls"):
        assert getattr(tokenizer, f"{role}_token") == getattr(source, f"{role}_token"), role
        assert getattr(tokenizer, f"{role}_token_id") == getattr(source, f"{role}_token_id"), role
    assert (rows.kinds(folder) == "mixed").sum() > 20
    text = "le chat est dans le jardin"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).strip() == text or kind != "bpe"


def test_masked_models_frame_their_sentences(made: Made, files: TinyFiles) -> None:
    from wechsel_core.tokenizers.load import load_tokenizer

    tokenizer = load_tokenizer(made("roberta", **trained(files)))
    ids = tokenizer("le chat").input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    plain = load_tokenizer(made("gpt2", **trained(files)))
    assert plain.eos_token_id not in plain("le chat").input_ids


def test_size_defaults_to_the_source(files: TinyFiles, tmp_path: Path) -> None:
    size = len(rows.input_rows(files.folder / "gpt2"))
    corpus = tmp_path / "long.txt"
    words = [a + b for a in FRENCH for b in ("", "s", "eur", "ité", "ment")]
    corpus.write_text("\n".join(sentences(words, n=300)), "utf-8")
    manifest = initialise(
        files.config(target_tokenizer=None, tokenizer_corpus=str(corpus), vocab_size=None), tmp_path / "out"
    )
    assert manifest["counts"]["tokens"] == size


def test_same_corpus_same_tokenizer(files: TinyFiles, made: Made, tmp_path: Path) -> None:
    initialise(files.config(**trained(files)), tmp_path / "out")  # type: ignore[arg-type]
    for name in ("tokenizer.json", "model.safetensors", "neighbors.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (made(**trained(files)) / name).read_bytes()


def test_corpus_folder(tmp_path: Path) -> None:
    """All .txt files below it in order of name; nothing else."""
    (tmp_path / "b.txt").write_text("deux\n\ntrois\n", "utf-8")
    (tmp_path / "a.txt").write_text("un\n", "utf-8")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.txt").write_text("quatre", "utf-8")
    (tmp_path / "e.bin").write_bytes(b"\xff")
    assert list(corpus_lines(tmp_path)) == ["un", "deux", "trois", "quatre"]


@pytest.mark.parametrize(
    "content", [b"", b"\n  \n", b"\xff\xfe\x00", None], ids=["empty", "blank", "binary", "missing"]
)
def test_unusable_corpus(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "corpus.txt").write_bytes(content)
    with pytest.raises(TokenizerError):
        corpus_lines(tmp_path / "corpus.txt")


@pytest.mark.parametrize("kind", SIZES)
def test_corpus_too_small(kind: str, files: TinyFiles, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"yields \d+ tokens; expected text enough for 5000;.*--vocab-size"):
        initialise(files.config(**trained(files, kind, vocab_size=5000)), tmp_path / "out")  # type: ignore[arg-type]


# --- Known faults


def test_unigram_smaller_than_its_alphabet(files: TinyFiles, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError):
        initialise(files.config(**trained(files, "unigram", vocab_size=10)), tmp_path / "out")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_vocabulary_smaller_than_its_alphabet(kind: str, files: TinyFiles, made: Made) -> None:
    try:
        folder = made(**trained(files, kind, vocab_size=10))
    except TokenizerError:
        return
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    assert manifest["counts"]["tokens"] == 10


def test_corpus_for_bert(files: TinyFiles, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("wordpiece", lines=sentences(ENGLISH))
    tiny_model("bert", tokenizer).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    source = {"source": str(tmp_path / "bert")}
    manifest = initialise(files.config("roberta", **source, **trained(files)), tmp_path / "out")  # type: ignore[arg-type]
    assert manifest["counts"]["tokens"] == SIZES["bpe"]


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_corpus_for_a_source_without_unk(kind: str, files: TinyFiles, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("bpe", lines=sentences(ENGLISH), special_tokens={"bos": "<s>", "eos": "</s>"})
    tiny_model("gpt2", tokenizer).save_pretrained(tmp_path / "source")
    tokenizer.save_pretrained(tmp_path / "source")
    source = {"source": str(tmp_path / "source")}
    try:
        initialise(files.config(**source, **trained(files, kind)), tmp_path / "out")  # type: ignore[arg-type]
    except TokenizerError:
        return
