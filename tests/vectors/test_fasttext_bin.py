from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.fasttext_bin import FastTextVectors

WORDS = "the cat katze über naïve straße 猫 中文词 学习 😀 a e i 1 , . ñ ça Привет don't é".split()
TEXTS = [
    *WORDS,
    "</s>",
    "",
    " ",
    " the",
    "two words",
    "x",
    "zzz",
    "猫猫",
    "👩‍🚀",
    "ﬁ",
    "日",
    "\n",
    "\0",
    "<",
    "unbekannt",
    "é" * 40,
]


def parity(path: Path, texts: list[str]) -> None:
    import fasttext

    model, store = fasttext.load_model(str(path)), FastTextVectors(path)
    expected = np.array([model.get_word_vector(text) for text in texts])
    np.testing.assert_allclose(store.subword_vectors(texts), expected, rtol=0, atol=1e-6)
    known = np.array([model.get_word_id(text) >= 0 for text in texts])
    np.testing.assert_allclose(store.word_vectors(texts), expected * known[:, None], rtol=0, atol=1e-6)


def test_same_vectors_as_the_official_library(bin_path: Path) -> None:
    parity(bin_path, TEXTS)


@pytest.mark.parametrize("options", [{"minn": 1, "maxn": 3}, {"minn": 3, "maxn": 6, "model": "cbow", "bucket": 7}])
def test_same_vectors_with_other_settings(train: Callable[..., Path], options: dict) -> None:
    parity(train("-".join(map(str, options.values())), **options), TEXTS)


def test_same_vocabulary_as_the_official_library(bin_path: Path, official) -> None:
    store = FastTextVectors(bin_path)
    words, counts = official.get_words(include_freq=True)
    assert list(store.words) == words
    np.testing.assert_array_equal(store.frequencies, counts)
    assert store.frequencies.dtype == np.float64 and store.frequency_source == "counts"
    assert (np.diff(store.frequencies) <= 0).all()
    assert (store.dim, store.minn, store.maxn, store.bucket) == (10, 2, 5, 500)
    assert store.index(["nope", *words]).tolist() == [-1, *range(len(words))]
    assert store.has_subwords and store.name == "plain.bin"
    assert store.sha256 == hashlib.sha256(bin_path.read_bytes()).hexdigest()


def test_model_without_ngrams(train: Callable[..., Path]) -> None:
    import fasttext

    path = train("words-only", maxn=0)
    store = FastTextVectors(path)
    assert not store.has_subwords
    expected = fasttext.load_model(str(path)).get_word_vector("katze")
    np.testing.assert_allclose(store.word_vectors(["katze"])[0], expected, atol=1e-6)
    with pytest.raises(VectorFileError, match="n-grams"):
        store.subword_vectors(["katze"])


def test_labels_are_no_words(tmp_path: Path, quiet: dict) -> None:
    import fasttext

    text = tmp_path / "labelled.txt"
    text.write_text("__label__x the cat\n__label__y a dog\n" * 20)
    model = fasttext.train_supervised(str(text), bucket=50, minn=2, maxn=3, **quiet)
    model.save_model(str(tmp_path / "s.bin"))
    store = FastTextVectors(tmp_path / "s.bin")
    assert list(store.words) == model.get_words()
    assert store.index(["__label__x"])[0] == -1
    for text in ["cat", "cats", "</s>"]:
        np.testing.assert_allclose(store.subword_vectors([text])[0], model.get_word_vector(text), atol=1e-6)


def test_by_hand(write_bin: Callable[..., Path]) -> None:
    # "<a>" is the one n-gram: FNV-1a 0x811C9DC5 -> "<" -> "a" -> ">", modulo 2 buckets.
    value = 2166136261
    for byte in b"<a>":
        value = (value ^ byte) * 16777619 % 2**32
    matrix = np.array([[9.0, 9.0], [8, 8], [2, 0], [0, 4]])
    store = FastTextVectors(write_bin([(b"a", 5, 0), (b"</s>", 3, 0)], matrix, bucket=2))
    ngram = matrix[2 + value % 2]
    np.testing.assert_array_equal(store.word_vectors(["a"])[0], (matrix[0] + ngram) / 2)
    np.testing.assert_array_equal(store.subword_vectors(["</s>", ""]), [[8, 8], [0, 0]])


def test_made_file_loads_in_the_official_library_too(write_bin: Callable[..., Path]) -> None:
    matrix = np.random.default_rng(0).normal(size=(23, 5))
    entries = [("猫".encode(), 5, 0), (b"</s>", 4, 0), ("über".encode(), 3, 0)]
    parity(write_bin(entries, matrix, bucket=20, minn=1, maxn=6), TEXTS)


def test_end_of_sentence_out_of_vocabulary_is_zero(write_bin: Callable[..., Path]) -> None:
    store = FastTextVectors(write_bin([(b"a", 5, 0)], np.ones((5, 2))))
    np.testing.assert_array_equal(store.subword_vectors(["</s>"]), [[0, 0]])


def test_words_are_sorted_by_count(write_bin: Callable[..., Path]) -> None:
    matrix = np.array([[1.0], [2], [3]])
    store = FastTextVectors(write_bin([(b"r", 1, 0), (b"f", 9, 0), (b"m", 4, 0)], matrix, bucket=0, minn=0, maxn=0))
    assert list(store.words) == ["f", "m", "r"] and store.frequencies.tolist() == [9, 4, 1]
    assert store.word_vectors(["r", "f", "m"]).ravel().tolist() == [1, 2, 3]


def test_word_that_is_no_utf8_keeps_its_vector(write_bin: Callable[..., Path]) -> None:
    entries = [(b"\xff\xfe", 5, 0), (b"ok", 3, 0)]
    store = FastTextVectors(write_bin(entries, np.arange(12.0).reshape(6, 2)))
    assert list(store.words) == ["\\xff\\xfe", "ok"]
    # Hashed as the two bytes in the file, not as the eight characters that are shown: one word, at most 2 n-grams.
    assert store.encode(store.words[0]) == b"\xff\xfe"
    assert np.isfinite(store.word_vectors(store.words)).all()


def test_lone_surrogate_and_no_texts(bin_path: Path) -> None:
    store = FastTextVectors(bin_path)
    assert np.isfinite(store.subword_vectors(["\ud800"])).all()
    assert store.subword_vectors([]).shape == store.word_vectors([]).shape == (0, 10)


def test_many_texts_go_in_chunks(bin_path: Path) -> None:
    store = FastTextVectors(bin_path)
    texts = [f"w{i}" for i in range(20_000)]
    picked = [0, 8191, 8192, 16384, 19_999]
    np.testing.assert_array_equal(
        store.subword_vectors(texts)[picked], store.subword_vectors([texts[i] for i in picked])
    )


def test_nan_is_told(write_bin: Callable[..., Path]) -> None:
    matrix = np.ones((6, 2))
    matrix[1, 0] = np.nan
    store = FastTextVectors(write_bin([(b"a", 5, 0), (b"b", 3, 0)], matrix))
    assert np.isfinite(store.word_vectors(["a"])).all()
    with pytest.raises(VectorFileError, match="NaN"):
        store.word_vectors(["b"])


def test_cut_off_at_any_byte(bin_path: Path, tmp_path: Path) -> None:
    whole = bin_path.read_bytes()
    head = 8 + 56 + 28  # magic and version, arguments, dictionary head
    dictionary = sum(len(word.encode()) + 10 for word in FastTextVectors(bin_path).words)
    matrix = head + dictionary
    lengths = {*range(matrix + 40), *range(matrix + 40, len(whole), 997), *range(len(whole) - 200, len(whole))}
    path = tmp_path / "cut.bin"
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        with pytest.raises(VectorFileError, match="cut off|is empty"):
            FastTextVectors(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"magic": 1}, "starts with the number 1"),
        ({"version": 11}, "version 11"),
        ({"pruned": 0}, "pruned dictionary"),
        ({"quantised": True}, "quantised input matrix"),
        ({"tail": b"x"}, "goes on for 1 bytes"),
        ({"maxn": -1}, "maxn -1"),
        ({"bucket": 0}, "bucket 0"),
        ({"bucket": -5}, "bucket -5"),
        ({"bucket": 3}, "input matrix of 'made.bin' is 5 x 2; expected 4 rows"),
    ],
)
def test_wrong_heads(write_bin: Callable[..., Path], options: dict, message: str) -> None:
    with pytest.raises(VectorFileError, match=message):
        FastTextVectors(write_bin([(b"a", 5, 0)], np.ones((5, 2)), **options))


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [
        (8, "<i", 0),  # dim
        (8, "<i", 7),  # dim that the matrix does not have
        (64, "<i", 2**31 - 1),  # entries
        (64, "<i", -1),
        (68, "<i", 0),  # words
        (72, "<i", 1),  # labels
        (76, "<q", -1),  # tokens
        (94, "<q", -5),  # count of the first word
        (102, "<b", 1),  # its type
        (104, "<q", 2**60),  # rows of the input matrix
        (104, "<q", -1),
        (112, "<q", 3),  # its columns
    ],
)
def test_damaged_numbers(write_bin: Callable[..., Path], offset: int, layout: str, value: int) -> None:
    path = write_bin([(b"a", 5, 0)], np.ones((5, 2)))
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, offset, value)
    path.write_bytes(data)
    with pytest.raises(VectorFileError):
        FastTextVectors(path)


def test_quantised_file_of_the_official_library(tmp_path: Path, quiet: dict) -> None:
    import fasttext

    text = tmp_path / "labelled.txt"
    text.write_text("".join(f"__label__{i % 2} word{i} other{i % 7}\n" for i in range(400)))
    model = fasttext.train_supervised(str(text), bucket=1000, minn=2, maxn=3, **quiet)
    model.quantize(cutoff=300)  # the library wants 256 rows at least
    model.save_model(str(tmp_path / "s.ftz"))
    with pytest.raises(VectorFileError, match="quantised|pruned"):
        FastTextVectors(tmp_path / "s.ftz")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="does not exist"):
        FastTextVectors(tmp_path / "none.bin")
