from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.gensim_native import read_gensim

WORDS = ["rare", "the", "猫"]


def gensim_vectors(counts: list[int] | None = None):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(2)
    vectors.add_vectors(WORDS, np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32))
    for word, count in zip(WORDS, counts or [], strict=False):
        vectors.set_vecattr(word, "count", count)
    return vectors


def test_round_trip_without_counts(tmp_path: Path) -> None:
    path = tmp_path / "v.kv"
    gensim_vectors().save(str(path))
    store = read_gensim(path)
    assert list(store.words) == WORDS and store.frequency_source == "ranks" and store.dim == 2
    np.testing.assert_array_equal(store.word_vectors(["猫", "x"]), [[5, 6], [0, 0]])


def test_counts_give_the_order(tmp_path: Path) -> None:
    path = tmp_path / "v.kv"
    gensim_vectors([1, 9, 4]).save(str(path))
    store = read_gensim(path)
    assert list(store.words) == ["the", "猫", "rare"] and store.frequencies.tolist() == [9, 4, 1]
    assert store.frequency_source == "counts"
    np.testing.assert_array_equal(store.word_vectors(["rare", "the"]), [[1, 2], [3, 4]])


def test_counts_made_up_by_gensim_are_not_believed(tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    gensim_vectors().save_word2vec_format(str(tmp_path / "v.vec"))
    KeyedVectors.load_word2vec_format(str(tmp_path / "v.vec")).save(str(tmp_path / "v.kv"))
    assert read_gensim(tmp_path / "v.kv").frequency_source == "ranks"


def test_matrix_in_a_second_file(tmp_path: Path) -> None:
    path = tmp_path / "v.kv"
    gensim_vectors().save(str(path), sep_limit=1)
    side = tmp_path / "v.kv.vectors.npy"
    store = read_gensim(path)
    np.testing.assert_array_equal(store.word_vectors(WORDS), [[1, 2], [3, 4], [5, 6]])
    hashed = store.sha256
    np.save(side, np.zeros((3, 2), dtype=np.float32))
    assert read_gensim(path).sha256 != hashed
    np.save(side, np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(VectorFileError, match="3 words but a matrix of the shape"):
        read_gensim(path)
    np.save(side, np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(VectorFileError, match="cannot be read"):
        read_gensim(path)
    side.unlink()
    with pytest.raises(VectorFileError, match="needs 'v.kv.vectors.npy'"):
        read_gensim(path)


class Hostile:
    """Pickled as a call."""

    def __init__(self, call: tuple) -> None:
        self.call = call

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nothing_named_in_the_file_is_run(tmp_path: Path, protocol: int) -> None:
    path, target = tmp_path / "v.kv", tmp_path / "made"
    for call in [(Path.touch, (target,)), (eval, (f"open({str(target)!r}, 'w')",)), (getattr, (1, "real"))]:
        path.write_bytes(pickle.dumps({"vectors": Hostile(call)}, protocol=protocol))
        with pytest.raises(VectorFileError, match="which is not loaded from a file.*save_word2vec_format"):
            read_gensim(path)
    assert not target.exists()


def test_other_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.kv"
    for found in [{"vectors": 1}, ["a"], None]:
        path.write_bytes(pickle.dumps(found))
        with pytest.raises(VectorFileError, match="no KeyedVectors"):
            read_gensim(path)
    path.write_bytes(pickle.dumps(np.float64(1)))
    with pytest.raises(VectorFileError):
        read_gensim(path)


def test_whole_model_is_refused(tmp_path: Path) -> None:
    from gensim.models import Word2Vec

    path = tmp_path / "model"
    Word2Vec([["a", "b"]] * 5, vector_size=4, min_count=1, epochs=1, workers=1).save(str(path))
    with pytest.raises(VectorFileError, match="gensim.models.word2vec"):
        read_gensim(path)


def test_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "v.kv"
    gensim_vectors([1, 9, 4]).save(str(path))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(VectorFileError):
            read_gensim(path)
