from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.store import MatrixVectors, content_hash, with_counts


def test_matrix_vectors(plain_store: Callable[..., MatrixVectors]) -> None:
    store = plain_store(["a", "b", "c"], [[1, 2], [3, 4], [5, 6]])
    assert store.index(["c", "x", "a"]).tolist() == [2, -1, 0] and store.index(["a"]).dtype == np.int64
    np.testing.assert_array_equal(store.word_vectors(["c", "x", "c"]), [[5, 6], [0, 0], [5, 6]])
    assert store.word_vectors(["a"]).dtype == np.float32 and store.word_vectors([]).shape == (0, 2)
    np.testing.assert_allclose(store.frequencies, [1, 1 / 2, 1 / 3])
    assert store.frequency_source == "ranks" and not store.has_subwords
    with pytest.raises(VectorFileError, match="mode 'word'"):
        store.subword_vectors(["a"])


def test_first_of_equal_words_is_found(plain_store: Callable[..., MatrixVectors]) -> None:
    store = plain_store(["a", "b", "a"], [[1], [2], [3]])
    assert store.index(["a", "b"]).tolist() == [0, 1]


def test_not_finite(plain_store: Callable[..., MatrixVectors]) -> None:
    store = plain_store(["a", "b"], [[1], [np.inf]])
    with pytest.raises(VectorFileError, match="infinite"):
        store.word_vectors(["b"])


def test_with_counts(plain_store: Callable[..., MatrixVectors]) -> None:
    store = plain_store(["rare", "the", "none", "of"], [[1], [2], [3], [4]])
    counted = with_counts(store, {"the": 9, "of": 5, "rare": 1, "absent": 100})
    assert counted.words == ["the", "of", "rare", "none"]
    assert counted.frequencies.tolist() == [9, 5, 1, 0] and counted.frequency_source == "counts"
    np.testing.assert_array_equal(counted.word_vectors(store.words), store.word_vectors(store.words))
    assert with_counts(counted, {"none": 1}).word_vectors(["none", "the"]).ravel().tolist() == [3, 2]
    assert counted.sha256 != store.sha256


def test_content_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert content_hash([tmp_path / "a"]) == hashlib.sha256(b"one").hexdigest()
    assert content_hash([tmp_path / "a", tmp_path / "b"]) != content_hash([tmp_path / "b", tmp_path / "a"])


def test_large_file_is_hashed_by_its_ends(tmp_path: Path) -> None:
    size = 64 * 2**20 + 1
    path = tmp_path / "large"
    with path.open("wb") as stream:  # sparse: takes no room
        stream.truncate(size)
    expected = hashlib.sha256(f"{size}\nlarge\n".encode() + bytes(2 * 2**20)).hexdigest()
    assert content_hash([path]) == expected
