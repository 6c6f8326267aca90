"""Files of real size: 200,000 words and buckets of few dimensions, and (slow) 2,000,000 of 300."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.big_vectors import write_fasttext
from wechsel_core.vectors import fasttext_format
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.index_file import side_file

LETTERS = "abcdefghijklmnopqrstuvwxyzäßçéñø猫日本語да"


def made_words(n_words: int) -> list[str]:
    """Different words of one to six letters, of one to three bytes each."""
    words = []
    for number in range(n_words):
        word = ""
        while number >= 0:
            number, letter = divmod(number, len(LETTERS))
            word, number = word + LETTERS[letter], number - 1
        words.append(word)
    return words


def buckets_of(word: str, minn: int, maxn: int, bucket: int) -> list[int]:
    """The buckets of a word's n-grams by definition, for n-grams of two code points and more."""
    wrapped, found = f"<{word}>", []
    for start in range(len(wrapped)):
        for stop in range(start + minn, min(start + maxn, len(wrapped)) + 1):
            value = 2166136261
            for byte in wrapped[start:stop].encode():
                value = (value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619 % 2**32
            found.append(value % bucket)
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_200_000_words_against_planted_rows(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_words, bucket, dim = 200_000, 200_000, 4
    words = made_words(n_words)
    path = tmp_path / "big.bin"
    write_fasttext(path, words, range(n_words, 0, -1), dim, bucket, seed=0, minn=3, maxn=4)
    FastTextVectors(path)
    assert side_file(path).stat().st_size < 40 * n_words
    monkeypatch.setattr(fasttext_format, "_scan_entries", None)  # what follows comes from the side file
    store = FastTextVectors(path)
    assert len(store.words) == n_words and list(store.words) == words
    np.testing.assert_array_equal(store.index(words), np.arange(n_words))
    np.testing.assert_array_equal(store.frequencies, np.arange(n_words, 0, -1))

    # The rows as the file's end has them: matrix, head of the output matrix (17 bytes), its one row.
    rows = np.frombuffer(path.read_bytes()[: -17 - 4 * dim], dtype=np.uint8)[-4 * dim * (n_words + bucket) :]
    rows = rows.view("<f4").reshape(n_words + bucket, dim)
    picked = np.random.default_rng(1).choice(n_words, 500, replace=False).tolist()
    unknown = [words[i] + "xyz" + words[-i] for i in picked]
    assert (store.index(unknown) == -1).all()
    for text, position in [*((words[i], i) for i in picked), *((text, None) for text in unknown)]:
        used = [] if position is None else [position]
        used += [n_words + number for number in buckets_of(text, 3, 4, bucket)]
        np.testing.assert_allclose(store.subword_vectors([text])[0], rows[used].mean(axis=0), atol=1e-6)
    every = store.subword_vectors(words)  # in chunks
    np.testing.assert_array_equal(every[picked], store.subword_vectors([words[i] for i in picked]))


@pytest.mark.parametrize("options", [{}, {"minn": 2, "maxn": 4}, {"sparse": True}])
def test_generated_file_in_the_official_library(tmp_path: Path, options: dict) -> None:
    fasttext = pytest.importorskip("fasttext")
    words, counts = ["</s>", *made_words(300)], range(301, 0, -1)
    write_fasttext(tmp_path / "made.bin", words, counts, 7, 50, 3, **options)
    model, store = fasttext.load_model(str(tmp_path / "made.bin")), FastTextVectors(tmp_path / "made.bin")
    assert model.get_dimension() == 7 and model.get_words(include_freq=True)[0] == words == list(store.words)
    texts = [*words, "unbekannt", "", "猫猫猫"]
    expected = np.array([model.get_word_vector(text) for text in texts])
    np.testing.assert_allclose(store.subword_vectors(texts), expected, rtol=0, atol=1e-6)
    assert expected.any() != options.get("sparse", False)


def test_generated_file_depends_on_its_arguments_alone(tmp_path: Path) -> None:
    def made(name: str, seed: int) -> bytes:
        write_fasttext(tmp_path / name, ["a", "b"], [2, 1], 3, 5, seed)
        return (tmp_path / name).read_bytes()

    assert made("one", 0) == made("two", 0) != made("three", 1)
    with pytest.raises(ValueError, match="shorter"):  # one count too few
        write_fasttext(tmp_path / "four", ["a", "b"], [2], 3, 5, 0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one", "three", "two"]


MEASURE = """
import json, sys
import numpy as np
import psutil
from wechsel_core.vectors.fasttext_bin import FastTextVectors

path, first, words = sys.argv[1], sys.argv[2] == "first", json.loads(sys.argv[3])
if first:  # the compiler that builds the index is no part of it; the app has it loaded
    from wechsel_core.vectors.entries import join_words
    join_words(np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int64))
process = psutil.Process()
before = process.memory_full_info().uss
store = FastTextVectors(path)
opened = process.memory_full_info().uss - before
compiler = "numba" in sys.modules
found = store.index(words).tolist()
vectors = store.subword_vectors(words)
json.dump({"uss": opened, "compiler": compiler, "found": found, "vectors": bool(vectors.any()),
           "words": len(store.words), "last": store.words[-1]}, sys.stdout)
"""


def measured(path: Path, which: str, words: list[str]) -> dict:
    command = [sys.executable, "-c", MEASURE, str(path), which, json.dumps(words)]
    root = Path(__file__).parents[2]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


@pytest.mark.slow
def test_two_million_words_open_in_little_memory(tmp_path: Path, home: Path) -> None:
    n_words = 2_000_000
    words = made_words(n_words)
    path = tmp_path / "huge.bin"
    write_fasttext(path, words, range(n_words, 0, -1), 300, 2_000_000, seed=0, sparse=True)
    assert path.stat().st_size > 4.8e9
    sought = [0, 77, 1_234_567, n_words - 1]
    texts = [*(words[i] for i in sought), "unbekannt"]
    for which in ["first", "warm"]:
        result = measured(path, which, texts)
        assert result["uss"] < 150e6, (which, result)
        assert result["found"] == [*sought, -1] and not result["vectors"]
        assert result["words"] == n_words and result["last"] == words[-1]
        assert result["compiler"] == (which == "first")  # warm, nothing is scanned: not even numba is loaded


@pytest.mark.slow
def test_processes_that_open_at_once(tmp_path: Path, home: Path) -> None:
    words = made_words(200_000)
    path = tmp_path / "big.bin"
    write_fasttext(path, words, range(200_000, 0, -1), 4, 1000, seed=0)
    command = [sys.executable, "-c", MEASURE, str(path), "warm", json.dumps(words[:3])]
    root = Path(__file__).parents[2]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(3)]
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and json.loads(out)["found"] == [0, 1, 2]
    assert [file.name for file in side_file(path).parent.iterdir()] == [side_file(path).name]
