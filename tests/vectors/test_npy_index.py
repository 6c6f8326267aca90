"""A npy matrix and its words in parquet: read as written, every damage told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.npy_index import read_npy_index
from wechsel_core.vectors.open import open_vectors

WORDS = ["the", "of", "über", "猫", "cat"]
MATRIX = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def write(folder: Path, matrix: np.ndarray = MATRIX, words: pa.Table | list | None = None, **options: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "emb.npy", matrix, **options)
    table = words if isinstance(words, pa.Table) else pa.table({"index": WORDS if words is None else words})
    parquet.write_table(table, folder / "index.parquet")
    return folder


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_read_as_written(dtype: str, order: str, tmp_path: Path) -> None:
    # A folder name that pyarrow's datasets would take for a column.
    store = open_vectors(write(tmp_path / "lang=en", np.asarray(MATRIX, dtype=dtype, order=order)))
    assert list(store.words) == WORDS and store.dim == 4 and store.name == "emb.npy"
    vectors = store.word_vectors(["猫", "nothing", "the"])
    assert vectors.dtype == np.float32
    expected = np.array([MATRIX[3], np.zeros(4), MATRIX[0]], dtype=dtype).astype(np.float32)
    np.testing.assert_array_equal(vectors, expected)


def test_ranks_by_file_order_and_no_subwords(tmp_path: Path) -> None:
    store = open_vectors(write(tmp_path))
    assert store.frequency_source == "ranks" and not store.has_subwords
    np.testing.assert_allclose(store.frequencies, 1 / np.arange(1, 6))
    with pytest.raises(VectorFileError, match="whole words only"):
        store.subword_vectors(["the"])


def test_memory_mapped(tmp_path: Path) -> None:
    store = read_npy_index(write(tmp_path))
    assert isinstance(store.matrix.base, np.memmap) or isinstance(store.matrix, np.memmap)


def test_hash_follows_both_files(tmp_path: Path) -> None:
    first = open_vectors(write(tmp_path / "a")).sha256
    assert open_vectors(write(tmp_path / "b")).sha256 == first
    assert open_vectors(write(tmp_path / "c", MATRIX + 1)).sha256 != first
    assert open_vectors(write(tmp_path / "d", words=WORDS[::-1])).sha256 != first


def bad_value(row: int, value: float) -> np.ndarray:
    matrix = MATRIX.copy()
    matrix[row, 2] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "words", "message"),
    [
        (MATRIX[:4], None, r"names 5 words and 'emb.npy' has 4 rows"),
        (MATRIX, WORDS[:3], r"names 3 words and 'emb.npy' has 5 rows"),
        (MATRIX[0], None, r"shape \(4,\)"),
        (MATRIX[None], None, r"shape \(1, 5, 4\)"),
        (MATRIX[:0], [], r"shape \(0, 4\)"),
        (MATRIX.astype(np.int64), None, "type int64"),
        (MATRIX.astype(np.complex64), None, "type complex64"),
        (bad_value(3, np.nan), None, "row 3 of 'emb.npy' holds NaN"),
        (bad_value(4, -np.inf), None, "row 4 of 'emb.npy' holds NaN or an infinite"),
        (MATRIX, ["the", "of", "the", "a", "b"], "has the word 'the' 2 times"),
        (MATRIX, ["the", None, "of", "a", "b"], "row 1 of 'index.parquet' has no word"),
        (MATRIX, [0, 1, 2, 3, 4], r"has the columns index \(int64\)"),
        (
            MATRIX,
            pa.table({"index": WORDS, "row": [0, 1, 2, 3, 9]}),
            r"has the columns index \(string\), row \(int64\)",
        ),
        (MATRIX, pa.table({"index": pa.array(WORDS).dictionary_encode()}), "has the columns index"),
    ],
)
def test_contradictions(matrix: np.ndarray, words: pa.Table | list | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match=message):
        open_vectors(write(tmp_path, matrix, words))


def test_pickled_matrix_is_not_loaded(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))

    write(tmp_path, np.array([[Harm()]], dtype=object), ["the"], allow_pickle=True)
    with pytest.raises(VectorFileError, match=r"emb.npy' cannot be read"):
        open_vectors(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["emb.npy", "index.parquet"])
def test_cut_off_anywhere(name: str, tmp_path: Path) -> None:
    content = (write(tmp_path) / name).read_bytes()
    for length in (*range(0, len(content), 37), len(content) - 1):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(VectorFileError, match=f"'{name}' cannot be read"):
            open_vectors(tmp_path)


def test_words_that_are_not_utf8(tmp_path: Path) -> None:
    offsets, data = pa.py_buffer(np.array([0, 1, 2], dtype=np.int32)), pa.py_buffer(b"a\xff")
    broken = pa.StringArray.from_buffers(2, offsets, data)
    with pytest.raises(VectorFileError, match="not UTF-8"):
        open_vectors(write(tmp_path, MATRIX[:2], pa.table({"index": broken})))


def test_which_of_several(tmp_path: Path) -> None:
    np.save(write(tmp_path) / "other.npy", MATRIX)
    with pytest.raises(VectorFileError, match=r"holds 2 \*.npy files \(emb.npy, other.npy\)"):
        open_vectors(tmp_path)
