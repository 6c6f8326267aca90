"""Every option changes what it says, and nothing that it does not say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services import rows
from tests.services.tiny_files import DIM, TinyFiles
from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError, VectorFileError
from wechsel_core.services.initialise import initialise

Made = Callable[..., Path]


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "wechsel.json").read_text("utf-8")))


def table_of(folder: Path, files: TinyFiles, family: str = "gpt2") -> Any:
    """Source and target vocabularies as columns."""
    from wechsel_core.tokenizers.load import load_tokenizer
    from wechsel_core.tokenizers.table import token_table

    return token_table(load_tokenizer(files.folder / family)), token_table(load_tokenizer(folder))


def mixed_neighbors(folder: Path) -> Any:
    table = rows.neighbors(folder)
    return table[np.isin(table["target_id"], np.flatnonzero(rows.kinds(folder) == "mixed"))]


def test_neighbors_and_temperature(made: Made) -> None:
    default, few, flat, sharp = made(), made(neighbors=3), made(temperature=5.0), made(temperature=0.001)
    weighted = mixed_neighbors(few)
    assert weighted.loc[weighted["weight"] > 0, "rank"].max() == 3
    columns = ["target_id", "rank", "source_id", "similarity"]
    for folder in (few, flat, sharp):
        assert rows.neighbors(folder)[columns].equals(rows.neighbors(default)[columns]), "only the weights change"
    shares = [mixed_neighbors(f).groupby("target_id")["weight"].max().mean() for f in (flat, default, sharp)]
    assert shares[0] < shares[1] < shares[2]


def test_more_neighbors_than_are_usually_stored(made: Made, files: TinyFiles) -> None:
    """All that are mixed are stored: 60 a token here, and the rows are still their sum."""
    folder = made(neighbors=60)
    mixed = rows.kinds(folder) == "mixed"
    assert rows.neighbors(folder)["rank"].max() == 60
    expected = rows.remixed(folder, rows.input_rows(files.folder / "gpt2"))
    np.testing.assert_allclose(rows.input_rows(folder)[mixed], expected[mixed], atol=1e-6)


def test_all_source_tokens_as_neighbors(made: Made, files: TinyFiles) -> None:
    """k may be the whole vocabulary; fewer candidates than k take part then."""
    n_source = len(rows.input_rows(files.folder / "gpt2"))
    table = mixed_neighbors(made(neighbors=n_source))
    assert 50 < table["rank"].max() < n_source and (table["weight"] > 0).all()


def test_one_neighbor_copies_its_row(made: Made, files: TinyFiles) -> None:
    folder = made(neighbors=1)
    table = mixed_neighbors(folder)
    first = table[table["rank"] == 1]
    source = rows.input_rows(files.folder / "gpt2")
    np.testing.assert_array_equal(rows.input_rows(folder)[first["target_id"]], source[first["source_id"]])


def test_seed_changes_fallback_rows_alone(made: Made) -> None:
    first, second = rows.input_rows(made()), rows.input_rows(made(seed=5))
    fallback = rows.kinds(made()) == "fallback"
    np.testing.assert_array_equal(first[~fallback], second[~fallback])
    assert not np.isclose(first[fallback], second[fallback]).all(axis=1).any()


def test_mode(made: Made, files: TinyFiles, tmp_path: Path) -> None:
    """auto takes n-grams where both files have them; subword refuses files without; word works with either."""
    assert manifest(made(subwords=True))["mode"] == "subword"
    assert manifest(made(subwords=True, mode="word"))["mode"] == "word"
    mixed = [(rows.kinds(made(subwords=True, mode=mode)) == "mixed").sum() for mode in ("word", "subword")]
    assert mixed[0] < mixed[1], "n-grams reach tokens that no word holds"
    one_sided = {"source_vectors": str(files.folder / "en.bin"), "target_vectors": str(files.folder / "fr.vec")}
    assert manifest(made(**one_sided))["mode"] == "word"
    with pytest.raises(VectorFileError, match=r"fr\.vec has no character n-grams"):
        initialise(files.config(mode="subword", **one_sided), tmp_path / "out")


def test_copy_byte_pieces(made: Made, files: TinyFiles) -> None:
    plain, copied = made(), made(copy_byte_pieces=True)
    source, target = table_of(copied, files)
    where = {piece: i for i, piece in enumerate(source.byte_pieces) if piece}
    pieces = {i: where[p] for i, p in enumerate(target.byte_pieces) if p in where}
    assert len(pieces) >= 128
    np.testing.assert_array_equal(
        rows.input_rows(copied)[list(pieces)], rows.input_rows(files.folder / "gpt2")[list(pieces.values())]
    )
    others = np.setdiff1d(np.arange(len(target)), list(pieces))
    np.testing.assert_array_equal(rows.input_rows(copied)[others], rows.input_rows(plain)[others])
    assert (rows.kinds(copied)[list(pieces)] == "byte piece").all()
    record = manifest(copied)
    assert record["counts"]["byte_pieces_copied"] == len(pieces) and len(record["options_beyond_paper"]) == 1
    assert "byte piece" in record["options_beyond_paper"][0]


def test_prefer_word_initial(made: Made, files: TinyFiles) -> None:
    folder = made(subwords=True, prefer_word_initial=True)
    source, target = table_of(folder, files)
    for option, only in ((folder, True), (made(subwords=True), False)):
        table = mixed_neighbors(option)
        agree = source.word_initial[table["source_id"]] == target.word_initial[table["target_id"]]
        assert agree.all() == only
    assert manifest(folder)["options_beyond_paper"] == ["word-initial tokens mix word-initial tokens only"]


def test_distinct_texts(made: Made, files: TinyFiles) -> None:
    for folder, only in ((made(subwords=True, distinct_texts=True), True), (made(subwords=True), False)):
        source, _ = table_of(folder, files)
        table = mixed_neighbors(folder)
        texts = np.array([text.strip() for text in source.texts])[table["source_id"]]
        repeats = table.assign(text=texts).groupby(["target_id", "text"]).size().max()
        assert (repeats == 1) == only
    assert manifest(made(subwords=True, distinct_texts=True))["options_beyond_paper"] == [
        "one vote per distinct neighbour text"
    ]


def test_reduce_dimension(made: Made, files: TinyFiles, tmp_path: Path) -> None:
    wide = {"target_vectors": str(files.folder / "fr-wide.vec")}
    with pytest.raises(VectorFileError, match="8 and target vectors of 12 dimensions.*--reduce-dimension"):
        initialise(files.config(**wide), tmp_path / "out")
    record = manifest(made(**wide, reduce_dimension=True))
    assert record["inputs"]["target_vectors"]["dim"] == record["inputs"]["source_vectors"]["dim"] == DIM
    assert "PCA 8" in record["inputs"]["target_vectors"]["name"]
    assert record["alignment"]["held_out"]["cosine"]["all"]["p_at_1"] > 0.9, "the four dimensions more are noise"


def test_reduce_dimension_leaves_equal_dimensions_alone(made: Made) -> None:
    first, second = made(), made(reduce_dimension=True)
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()


def test_every_option_is_tested_or_known() -> None:
    """A new field of the configuration needs a test here."""
    options = {field.name for field in dataclasses.fields(InitConfig)}
    inputs = {"source", "target_language", "source_vectors", "target_vectors", "dictionary", "target_tokenizer"}
    training = {"tokenizer_corpus", "vocab_size", "tokenizer_kind"}
    here = {"neighbors", "temperature", "seed", "mode", "reduce_dimension", "copy_byte_pieces"}
    # In test_methods.py and test_race.py.
    methods = {"method", "similarity", "weighting", "alignment", "dictionary_size", "vector_words", "helper",
               "auxiliary_text", "factors", "anchors"}  # fmt: skip
    assert options == inputs | training | here | methods | {"prefer_word_initial", "distinct_texts", "compat"}


def test_k_above_the_vocabulary_is_refused(files: TinyFiles, tmp_path: Path) -> None:
    n_source = len(rows.input_rows(files.folder / "gpt2"))
    with pytest.raises(ConfigError, match=f"at most the source vocabulary's {n_source}"):
        initialise(files.config(neighbors=n_source + 1), tmp_path / "out")
