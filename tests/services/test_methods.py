"""Methods from files to results: what they are given, what they refuse, and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services import method_results, rows
from tests.services.tiny_files import FRENCH, TinyFiles, sentences
from wechsel_core.errors import ConfigError, InputError, TextError, TokenizerError
from wechsel_core.services.initialise import initialise
from wechsel_core.services.inputs import text_sha256
from wechsel_core.tokenizers.load import load_tokenizer
from wechsel_core.tokenizers.table import token_table
from wechsel_core.vectors import token_vectors

Made = Callable[..., Path]
NO_VECTORS = {"source_vectors": None, "target_vectors": None, "dictionary": None}


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "wechsel.json").read_text("utf-8")))


def refused(files: TinyFiles, out: Path, kind: type[InputError], match: str, **changes: Any) -> None:
    """One sentence of that kind, and nothing written."""
    with pytest.raises(kind, match=match) as caught:
        initialise(files.config(**{**NO_VECTORS, **changes}), out / "result")
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    assert not list(out.iterdir())


@pytest.fixture
def _nothing_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training, alignment and vectors of tokens fail if anything asks for them."""

    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("something long was started before the check")

    for name in ("make_static_space", "subword_embeddings"):
        monkeypatch.setattr(f"wechsel_core.services.materials.{name}", unexpected)
    monkeypatch.setattr(token_vectors, "train_token_vectors", unexpected)


@pytest.mark.usefixtures("_nothing_long")
class TestRefusals:
    """What does not fit is refused in one sentence, before anything long."""

    @pytest.mark.parametrize("name", ["clp", "omp"])
    def test_no_helper(self, name: str, files: TinyFiles, tmp_path: Path) -> None:
        refused(files, tmp_path, ConfigError, f"method {name} without a helper; .*give --helper", method=name)

    @pytest.mark.parametrize("name", ["clp", "omp"])
    def test_helper_of_another_tokenizer(self, name: str, files: TinyFiles, tmp_path: Path) -> None:
        other = str(files.folder / "gpt2")
        match = r"helper .* has another tokenizer \(\d+ of \d+ tokens have the same id\)"
        refused(files, tmp_path, TokenizerError, match, method=name, helper=other)

    def test_helper_that_is_not_there(self, files: TinyFiles, tmp_path: Path) -> None:
        refused(files, tmp_path, InputError, "nowhere", method="clp", helper=str(files.folder / "nowhere"))

    def test_text_that_is_not_there(self, files: TinyFiles, tmp_path: Path) -> None:
        refused(files, tmp_path, TextError, "no text at .*nowhere", method="focus", auxiliary_text="/nowhere/fr.txt")

    def test_two_auxiliary_spaces(self, files: TinyFiles, tmp_path: Path) -> None:
        given = {"auxiliary_text": str(files.folder / "fr.txt"), "target_vectors": str(files.folder / "fr.vec")}
        refused(files, tmp_path, ConfigError, "both an auxiliary text and target vectors", method="focus", **given)

    @pytest.mark.parametrize(
        ("name", "option", "value"),
        [
            ("overlap", "neighbors", 3), ("subword-mean", "helper", "x"), ("focus", "temperature", 0.5),
            ("focus", "dictionary", "x.tsv"), ("clp", "anchors", 5), ("omp", "factors", 5), ("ofa", "helper", "x"),
            ("wechsel", "auxiliary_text", "x.txt"),
        ],
    )  # fmt: skip
    def test_option_that_is_not_read(
        self, name: str, option: str, value: object, files: TinyFiles, tmp_path: Path
    ) -> None:
        match = f"{option} with method {name}, which does not read it; expected it with "
        refused(files, tmp_path, ConfigError, match, method=name, **{option: value})

    def test_too_many_factors(self, files: TinyFiles, tmp_path: Path) -> None:
        given = {name: getattr(files.config(), name) for name in NO_VECTORS}
        match = "17 factors for embeddings of 16 dimensions; expected a number from 1 to 16"
        refused(files, tmp_path, ConfigError, match, method="ofa", factors=17, **given)

    def test_no_shared_token(self, files: TinyFiles, tmp_path: Path) -> None:
        """A source tokenizer without letters of its own would be none of the tiny ones: its tokens are renamed."""
        from tests.builders import ROBERTA_SPECIALS, tiny_model, tiny_tokenizer

        options: Any = {"special_tokens": ROBERTA_SPECIALS, "vocab_size": 40}
        greek, latin = (
            tiny_tokenizer("wordpiece", lines=(line,) * 3, **options) for line in ("αβγ βγα γαβ", "abc bca cab")
        )
        folder = tmp_path / "in"
        tiny_model("gpt2", greek).save_pretrained(folder / "model")
        greek.save_pretrained(folder / "model")
        latin.save_pretrained(folder / "latin")
        given = {"source": str(folder / "model"), "target_tokenizer": str(folder / "latin")}
        for name, more in (("focus", {"auxiliary_text": str(files.folder / "fr.txt")}), ("focus", {})):
            config = files.config(
                **{**NO_VECTORS, "target_vectors": None if more else str(files.folder / "fr.vec")},
                method=name,
                **given,
                **more,
            )
            with pytest.raises(TokenizerError, match="no token of the target tokenizer is one of .* too"):
                initialise(config, tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_text_too_short(files: TinyFiles, tmp_path: Path) -> None:
    (files.folder / "short.txt").write_text("chat\n", "utf-8")
    given = {"auxiliary_text": str(files.folder / "short.txt"), "method": "focus"}
    refused(files, tmp_path, TextError, "no token occurs 10 times", **given)


def test_focus_on_a_text(files: TinyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of texts: trained on, hashed and named; tokens that are not in it are drawn."""
    monkeypatch.setattr(token_vectors, "TRAINED_TOKENS", 20_000)
    monkeypatch.setattr(token_vectors, "BUCKETS", 500)
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("\n".join(sentences(FRENCH, seed=1)), "utf-8")
    folder = tmp_path / "out"
    initialise(files.config(**NO_VECTORS, method="focus", auxiliary_text=str(texts)), folder)
    record = manifest(folder)
    assert record["inputs"]["auxiliary_text"] == {"name": str(texts), "sha256": text_sha256(texts)}
    assert not {"source_vectors", "target_vectors", "dictionary"} & set(record["inputs"])
    assert record["mode"] is None and record["alignment"] is None
    counts = record["counts"]
    assert counts["mixed"] > 20 and counts["copied"] > 20 and counts["fallback"] > 0
    table = rows.neighbors(folder)
    np.testing.assert_allclose(table.groupby("target_id")["weight"].sum(), 1, atol=1e-5)


def test_focus_needs_vectors_of_the_new_language_alone(made_by: Made) -> None:
    record = manifest(made_by("focus"))
    assert "target_vectors" in record["inputs"] and record["mode"] == "word"
    assert not {"source_vectors", "dictionary", "auxiliary_text", "helper"} & set(record["inputs"])


def test_the_helper_is_named_and_hashed(made_by: Made, made: Made, files: TinyFiles) -> None:
    record = manifest(made_by("clp"))["inputs"]["helper"]
    assert record["name"] == method_results.changes(files, "clp", made)["helper"] and len(record["sha256"]) == 64


def test_subword_mean_reads_what_the_source_tokenizer_reads(made_by: Made, files: TinyFiles) -> None:
    """GPT-2 puts nothing before a text: every row is the mean of the rows of the token's text, encoded as it is."""
    folder = made_by("subword-mean")
    source, target = load_tokenizer(files.folder / "gpt2"), token_table(load_tokenizer(folder))
    before, after = rows.input_rows(files.folder / "gpt2"), rows.input_rows(folder)
    compared = 0
    for token_id, text in enumerate(target.texts):
        if target.is_special[token_id] or target.byte_pieces[token_id]:
            continue
        expected = before[source(text)["input_ids"]].mean(axis=0)
        np.testing.assert_allclose(after[token_id], expected, atol=1e-6)
        compared += 1
    assert compared > 250


def test_shared_tokens_keep_their_row(made_by: Made, files: TinyFiles) -> None:
    """By every method that copies them, whatever it makes of the others."""
    from wechsel_core.transfer.roles import shared_tokens

    source = token_table(load_tokenizer(files.folder / "gpt2"))
    before = rows.input_rows(files.folder / "gpt2")
    for name in ("overlap", "focus", "clp", "omp"):
        folder = made_by(name)
        shared = shared_tokens(source, token_table(load_tokenizer(folder)))
        assert len(shared) > 200
        np.testing.assert_array_equal(rows.input_rows(folder)[list(shared)], before[list(shared.values())])


def test_more_anchors_than_shared_tokens(made: Made, files: TinyFiles) -> None:
    """All shared tokens are taken, and the rows are finite."""
    given = method_results.changes(files, "omp", made)
    folder = made(**given, anchors=5000)
    assert np.isfinite(rows.input_rows(folder)).all()
    assert rows.neighbors(folder)["rank"].max() <= 16, "the helper has 16 dimensions: more anchors add nothing"
