from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.word2vec import read_word2vec

WORDS = ["the", "über", "猫", "😀", "a\u00a0b"]


def gensim_vectors(words: list[str] = WORDS, dim: int = 4):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(dim)
    vectors.add_vectors(words, np.random.default_rng(0).normal(size=(len(words), dim)).astype(np.float32))
    return vectors


@pytest.mark.parametrize("format", ["text", "binary"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_round_trip_with_gensim(tmp_path: Path, format: str, suffix: str) -> None:
    vectors = gensim_vectors()
    path = tmp_path / f"v.vec{suffix}"
    vectors.save_word2vec_format(str(path), binary=format == "binary")
    store = read_word2vec(path, format)  # type: ignore[arg-type]
    assert list(store.words) == WORDS and store.dim == 4 and not store.has_subwords
    np.testing.assert_allclose(store.word_vectors(WORDS), vectors.vectors, rtol=1e-6)
    np.testing.assert_array_equal(store.word_vectors(["unknown"]), np.zeros((1, 4)))
    assert store.frequency_source == "ranks" and store.frequencies[1] == 0.5


def test_trailing_spaces_and_empty_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "v.vec"
    path.write_bytes(b"2 2 \r\na 1 2 \r\nb 3 4 \r\n\r\n\n")
    np.testing.assert_array_equal(read_word2vec(path, "text").word_vectors(["a", "b"]), [[1, 2], [3, 4]])


def test_words_that_are_no_utf8_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "v.vec"
    path.write_bytes(b"2 1\n\xff 1\n\xfe 2\n")
    assert list(read_word2vec(path, "text").words) == ["\\xff", "\\xfe"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("the 0.1 0.2\n", "line 1 of .* is 'the 0.1 0.2'.*GloVe"),
        ("2\n", "line 1"),
        ("0 3\n", "line 1"),
        ("2 0\n", "line 1"),
        ("-2 2\na 1 2\n", "line 1"),
        ("99999999 300\na 1 2\n", "no more than its"),
        ("2 2\na 1 2\n", "ends after line 2"),
        ("2 2\n", "line 1 of .* no more than its"),
        ("1 2\na 1 2\nb 3 4\n", "line 3 .* one more than the header"),
        ("2 2\na 1 2\nb 3\n", "line 3 of .* has 1 values"),
        ("2 2\na 1 2\nb 3 4 5\n", "line 3 of .* has 3 values"),
        ("2 2\na 1 2\nb\n", "line 3 of .* has 0 values"),
        ("2 2\na 1 2\n\nb 3 4\n", "line 3 of .* has 0 values"),
        ("2 2\na 1 2\n 3 4\n", "line 3"),
        ("2 2\na 1 2\na 3 4\n", "lines 2 and 3 of .* same word 'a'"),
        ("2 2\na 1 2\nb 3 nan\n", r"line 3 of .* \('b'\) holds NaN"),
        ("2 2\na inf 2\nb 3 4\n", r"line 2 of .* \('a'\) holds NaN"),
        ("2 2\na 1 2\nb 3 x\n", "line 3 has the value 'x'"),
        ("2 2\na 1  2\nb 3 4\n", "line 2"),
    ],
)
def test_malformed_text(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "v.vec"
    path.write_text(content, encoding="utf-8", newline="")
    with pytest.raises(VectorFileError, match=message):
        read_word2vec(path, "text")


def test_cut_off_binary(tmp_path: Path) -> None:
    path = tmp_path / "v.bin"
    gensim_vectors().save_word2vec_format(str(path), binary=True)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(VectorFileError):
            read_word2vec(path, "binary")


def test_binary_with_a_wrong_number_of_words(tmp_path: Path) -> None:
    path = tmp_path / "v.bin"
    gensim_vectors().save_word2vec_format(str(path), binary=True)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"5 4\n", b"3 4\n", 1))
    with pytest.raises(VectorFileError, match="bytes"):
        read_word2vec(path, "binary")


def test_binary_with_newlines_between_vectors(tmp_path: Path) -> None:
    rows = np.arange(4, dtype="<f4").reshape(2, 2)
    path = tmp_path / "v.bin"
    path.write_bytes(b"2 2\na " + rows[0].tobytes() + b"\nb " + rows[1].tobytes() + b"\n")
    np.testing.assert_array_equal(read_word2vec(path, "binary").word_vectors(["a", "b"]), rows)


def test_binary_with_a_word_twice_and_nan(tmp_path: Path) -> None:
    path = tmp_path / "v.bin"
    path.write_bytes(b"2 1\na " + bytes(4) + b"a " + bytes(4))
    with pytest.raises(VectorFileError, match="2 words but has 1 different"):
        read_word2vec(path, "binary")
    path.write_bytes(b"2 1\na " + bytes(4) + b"b " + np.float32(np.nan).tobytes())
    with pytest.raises(VectorFileError, match="word 2"):
        read_word2vec(path, "binary")


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "v.vec.gz"
    packed = gzip.compress(b"200 1\n" + b"".join(b"w%d %d\n" % (i, i) for i in range(200)))
    for data in (packed[:-20], packed[:60] + b"\xff\xff\xff\xff" + packed[64:], b"no gzip"):
        path.write_bytes(data)
        with pytest.raises(VectorFileError, match="damaged|line"):
            read_word2vec(path, "text")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="does not exist"):
        read_word2vec(tmp_path / "none.vec", "text")
