from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.open import open_vectors
from wechsel_core.vectors.pocket_store import PocketVectors, prune_fasttext
from wechsel_core.vectors.spacy_vectors import SpacyVectors


def gensim_vectors(seed: int = 0, dim: int = 3):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(dim)
    vectors.add_vectors(["über", "猫"], np.random.default_rng(seed).normal(size=(2, dim)).astype(np.float32))
    return vectors


def test_fasttext_whatever_its_name(bin_path: Path, tmp_path: Path) -> None:
    for name in ("m.bin", "m.vec", "m"):
        (tmp_path / name).write_bytes(bin_path.read_bytes())
        assert isinstance(open_vectors(str(tmp_path / name)), FastTextVectors)


@pytest.mark.parametrize("name", ["v.vec", "v.bin", "v.txt", "v", "v.vec.gz", "v.bin.gz"])
@pytest.mark.parametrize("binary", [True, False])
def test_word2vec_text_and_binary_are_told_apart(tmp_path: Path, name: str, binary: bool) -> None:
    for seed, dim in ((0, 3), (1, 1), (2, 50)):
        vectors = gensim_vectors(seed, dim)
        vectors.save_word2vec_format(str(tmp_path / name), binary=binary)
        store = open_vectors(tmp_path / name)
        np.testing.assert_allclose(store.word_vectors(["über", "猫"]), vectors.vectors, rtol=1e-6)


def test_vec_of_the_official_library(bin_path: Path, official, tmp_path: Path) -> None:
    words = official.get_words()
    lines = [f"{word} " + " ".join(f"{value:.5g}" for value in official.get_word_vector(word)) + " " for word in words]
    (tmp_path / "m.vec").write_text("\n".join([f"{len(words)} 10", *lines, ""]), encoding="utf-8")
    store = open_vectors(tmp_path / "m.vec")
    np.testing.assert_allclose(
        store.word_vectors(words), FastTextVectors(bin_path).word_vectors(words), rtol=1e-4, atol=1e-8
    )


def test_other_formats(bin_path: Path, tmp_path: Path, spacy_parts: SimpleNamespace) -> None:
    gensim_vectors().save(str(tmp_path / "v.kv"))
    assert list(open_vectors(tmp_path / "v.kv").words) == ["über", "猫"]
    prune_fasttext(FastTextVectors(bin_path), tmp_path / "pocket", keep_words=3)
    assert isinstance(open_vectors(tmp_path / "pocket"), PocketVectors)
    (tmp_path / "spacy" / "vocab").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "xx.whl", "w") as archive:
        for name, data in spacy_parts.files.items():
            (tmp_path / "spacy" / "vocab" / name).write_bytes(data)
            archive.writestr(f"xx/vocab/{name}", data)
    assert isinstance(open_vectors(tmp_path / "spacy"), SpacyVectors)
    assert isinstance(open_vectors(tmp_path / "xx.whl"), SpacyVectors)


def test_packed_fasttext_must_be_unpacked(bin_path: Path, tmp_path: Path) -> None:
    (tmp_path / "m.bin.gz").write_bytes(gzip.compress(bin_path.read_bytes()))
    with pytest.raises(VectorFileError, match="gunzip"):
        open_vectors(tmp_path / "m.bin.gz")


def test_packed_file_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "v.vec").write_bytes(gzip.compress(b"1 1\na 1\n"))
    with pytest.raises(VectorFileError, match="packed with gzip"):
        open_vectors(tmp_path / "v.vec")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b broken", "cannot be unpacked"),
        (b"\x00\x01\x02\x03 no format", "starts with the bytes 00 01 02 03"),
        (b"<!DOCTYPE html>\n<html>", "line 1 .* is '<!DOCTYPE html>'"),
        (b"the 0.1 0.2\nof 0.3 0.4\n", "GloVe"),
        (b"2 2\na 1 2\nb 3\n", "line 3"),
        (b"2 2\n", "line 1"),
        (b"\x80\x04", "pickle"),
        (b"PK\x03\x04", "wheel"),
    ],
)
def test_files_of_no_known_format(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "v.vec").write_bytes(content)
    with pytest.raises(VectorFileError, match=message):
        open_vectors(tmp_path / "v.vec")


def test_quantised(write_bin: Callable[..., Path]) -> None:
    with pytest.raises(VectorFileError, match="quantised"):
        open_vectors(write_bin([(b"a", 5, 0)], np.ones((5, 2)), quantised=True))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="nothing at '.*none.bin'.*fastText"):
        open_vectors(tmp_path / "none.bin")
    with pytest.raises(VectorFileError, match="holds nothing"):
        open_vectors(tmp_path)
    (tmp_path / "readme").touch()
    with pytest.raises(VectorFileError, match="holds readme"):
        open_vectors(tmp_path)


def test_importing_is_light() -> None:
    heavy = (
        "import sys, wechsel_core.vectors.open; print({'numba', 'gensim', 'safetensors', 'msgpack'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
