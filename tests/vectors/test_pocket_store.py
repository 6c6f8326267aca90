from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import ConfigError, OutputError, VectorFileError
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.ngrams import ngram_ids
from wechsel_core.vectors.pocket_store import PocketVectors, prune_fasttext, write_pocket_store

TEXTS = ["the", "katze", "unbekannt", "猫猫", "😀😀", "", "</s>", " the", "x"]


@pytest.fixture
def model(bin_path: Path) -> FastTextVectors:
    return FastTextVectors(bin_path)


def write_small(folder: Path, **changes: object) -> None:
    values: dict = {
        "words": ["a", "b"],
        "vectors": np.ones((2, 3)),
        "counts": np.array([5, 2]),
        "ngrams": np.ones((4, 3)),
        "minn": 1,
        "maxn": 3,
        "bucket": 4,
    }
    write_pocket_store(folder, **(values | changes))


def test_nothing_pruned_is_exact(model: FastTextVectors, tmp_path: Path) -> None:
    store = prune_fasttext(model, tmp_path / "p", keep_words=10**6, dtype="float32")
    np.testing.assert_array_equal(store.subword_vectors(TEXTS), model.subword_vectors(TEXTS))
    np.testing.assert_array_equal(store.word_vectors(TEXTS), model.word_vectors(TEXTS))
    assert list(store.words) == list(model.words) and store.frequency_source == "counts"
    np.testing.assert_array_equal(store.frequencies, model.frequencies)
    assert (store.dim, store.minn, store.maxn, store.bucket) == (model.dim, model.minn, model.maxn, model.bucket)
    assert store.bucket_ids is None and store.has_subwords and store.name == "p"


def test_half_precision_keeps_within_its_bound(model: FastTextVectors, tmp_path: Path) -> None:
    store = prune_fasttext(model, tmp_path / "p", keep_words=10**6)
    expected = model.subword_vectors(TEXTS)
    assert store.subword_vectors(TEXTS).dtype == np.float32 and store.matrix.dtype == np.float16
    # Each stored value is off by 2**-11 of itself or, close to zero, by 2**-25; a mean by no more than the largest.
    bound = 2.0**-11 * np.abs(model.matrix).max() + 2.0**-25
    assert np.abs(store.subword_vectors(TEXTS) - expected).max() <= bound


def test_kept_words_do_not_depend_on_the_buckets(model: FastTextVectors, tmp_path: Path) -> None:
    words = list(model.words[:5])
    for n_buckets in (0, 3, 60):
        store = prune_fasttext(model, tmp_path / f"p{n_buckets}", keep_words=5, keep_buckets=n_buckets, dtype="float32")
        np.testing.assert_array_equal(store.word_vectors(words), model.word_vectors(words))
        assert list(store.words) == words and len(store.ngrams) == n_buckets
    assert not PocketVectors(tmp_path / "p0").has_subwords


def test_unknown_text_is_the_mean_of_the_kept_buckets(model: FastTextVectors, tmp_path: Path) -> None:
    store = prune_fasttext(model, tmp_path / "p", keep_words=3, keep_buckets=60, dtype="float32")
    assert store.bucket_ids is not None
    kept = set(store.bucket_ids.tolist())
    buckets = model.matrix[len(model.words) :]
    for text in ["katzen", "naïvement", "the猫", *model.words[3:]]:
        ids, _ = ngram_ids([text.encode()], minn=model.minn, maxn=model.maxn, bucket=model.bucket)
        rows = [buckets[i] for i in ids.tolist() if i in kept]
        expected = np.mean(rows, axis=0) if rows else np.zeros(model.dim)
        np.testing.assert_allclose(store.subword_vectors([text])[0], expected, atol=1e-7)


def test_choice_of_buckets(model: FastTextVectors, tmp_path: Path) -> None:
    def buckets(word: str) -> list[int]:
        return ngram_ids([word.encode()], minn=model.minn, maxn=model.maxn, bucket=model.bucket)[0].tolist()

    hits: Counter[int] = Counter()
    for word, count in zip(model.words, model.frequencies, strict=True):
        for bucket in buckets(word):
            hits[bucket] += int(count)
    by_hits = sorted(hits, key=lambda bucket: (-hits[bucket], bucket))
    first = {bucket for word in model.words[:4] for bucket in buckets(word)}
    roomy, tight = len(first) + 5, len(first) - 1
    expected = sorted([*first, *[bucket for bucket in by_hits if bucket not in first][:5]])
    store = prune_fasttext(model, tmp_path / "roomy", keep_words=4, keep_buckets=roomy)
    assert store.bucket_ids is not None and store.bucket_ids.tolist() == expected
    store = prune_fasttext(model, tmp_path / "tight", keep_words=4, keep_buckets=tight)
    assert store.bucket_ids is not None and store.bucket_ids.tolist() == sorted(by_hits[:tight])
    store = prune_fasttext(model, tmp_path / "all", keep_words=4, keep_buckets=10**6)
    assert store.bucket_ids is not None and store.bucket_ids.tolist() == sorted(hits)  # untrained ones left out


def test_model_without_ngrams(train, tmp_path: Path) -> None:
    model = FastTextVectors(train("words-only", maxn=0))
    store = prune_fasttext(model, tmp_path / "p", keep_words=4, keep_buckets=10)
    assert not store.has_subwords and len(store.words) == 4
    with pytest.raises(VectorFileError, match="n-grams"):
        store.subword_vectors(["the"])


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_small(tmp_path / name)
    for file in ("vectors.safetensors", "words.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert PocketVectors(tmp_path / "one").sha256 == PocketVectors(tmp_path / "two").sha256


def test_the_safetensors_library_reads_it(tmp_path: Path) -> None:
    from safetensors import safe_open

    write_small(tmp_path / "p", ngrams=np.ones((2, 3)), bucket_ids=np.array([1, 3]))
    with safe_open(tmp_path / "p" / "vectors.safetensors", framework="np") as file:
        assert set(file.keys()) == {"words", "ngrams", "counts", "bucket_ids"}
        assert file.metadata() == {"format": "wechsel-pocket-1", "minn": "1", "maxn": "3", "bucket": "4"}
        assert file.get_tensor("words").dtype == np.float16 and file.get_tensor("counts").tolist() == [5, 2]


def test_reads_what_the_safetensors_library_writes(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "words.txt").write_bytes("猫\nline\u2028end\n".encode())
    tensors = {
        "words": np.array([[1, 2], [3, 4]], dtype=np.float16),
        "ngrams": np.ones((4, 2), dtype=np.float16),
        "counts": np.array([3, 3]),
    }
    metadata = {"format": "wechsel-pocket-1", "minn": "1", "maxn": "3", "bucket": "4"}
    save_file(tensors, tmp_path / "vectors.safetensors", metadata=metadata)
    np.testing.assert_array_equal(PocketVectors(tmp_path).word_vectors(["line\u2028end", "猫"]), [[3, 4], [1, 2]])


@pytest.mark.parametrize(
    "changes",
    [
        {"words": ["a"]},
        {"words": ["a", "a"]},
        {"words": ["a", "b\nc"]},
        {"words": ["a", "b\r"]},
        {"words": [], "vectors": np.ones((0, 3)), "counts": np.array([], dtype=int)},
        {"vectors": np.ones((2, 4))},
        {"vectors": np.full((2, 3), 1e6)},  # above what half precision can hold
        {"vectors": np.full((2, 3), np.nan)},
        {"vectors": np.ones(2)},
        {"counts": np.array([2, 5])},
        {"counts": np.array([5, -2])},
        {"ngrams": np.ones((3, 3))},
        {"ngrams": np.ones((2, 3)), "bucket_ids": np.array([3, 1])},
        {"ngrams": np.ones((2, 3)), "bucket_ids": np.array([1, 1])},
        {"ngrams": np.ones((2, 3)), "bucket_ids": np.array([1, 4])},
        {"ngrams": np.ones((2, 3)), "bucket_ids": np.array([1])},
        {"ngrams": np.ones((0, 3)), "bucket": 0},
    ],
)
def test_what_cannot_be_written(tmp_path: Path, changes: dict) -> None:
    with pytest.raises(VectorFileError):
        write_small(tmp_path / "p", **changes)
    assert list(tmp_path.iterdir()) == []  # neither the folder nor a temporary one


def test_existing_folder_and_bad_parameters(model: FastTextVectors, tmp_path: Path) -> None:
    write_small(tmp_path / "p")
    with pytest.raises(OutputError, match="exists already"):
        write_small(tmp_path / "p")
    with pytest.raises(ConfigError):
        write_small(tmp_path / "q", dtype="int8")
    for keep_words, keep_buckets in ((0, 5), (5, -1)):
        with pytest.raises(ConfigError):
            prune_fasttext(model, tmp_path / "q", keep_words=keep_words, keep_buckets=keep_buckets)


def test_cut_off_at_any_byte(tmp_path: Path) -> None:
    write_small(tmp_path / "p")
    file = tmp_path / "p" / "vectors.safetensors"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(VectorFileError):
            PocketVectors(tmp_path / "p")
    file.write_bytes(whole + b"\0")
    with pytest.raises(VectorFileError, match="damaged"):
        PocketVectors(tmp_path / "p")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"wechsel-pocket-1"', b'"wechsel-pocket-2"'),
        (b'"bucket":"4"', b'"bucket":"x"'),
        (b'"bucket":"4"', b'"bucket":"5"'),
        (b'"maxn":"3"', b'"maXn":"3"'),
        (b'"dtype":"F16"', b'"dtype":"B16"'),
        (b'"shape":[2,3]', b'"shape":[3,3]'),
        (b'"shape":[2]', b'"shape":[-]'),
        (b'"counts"', b'"cOunts"'),
    ],
)
def test_damaged_head(tmp_path: Path, old: bytes, new: bytes) -> None:
    write_small(tmp_path / "p")
    file = tmp_path / "p" / "vectors.safetensors"
    assert old in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(VectorFileError):
        PocketVectors(tmp_path / "p")


@pytest.mark.parametrize("content", [b"a\n", b"a\nb", b"a\na\n", b"a\n\xff\n", b"", b"a\nb\nc\n"])
def test_damaged_words(tmp_path: Path, content: bytes) -> None:
    write_small(tmp_path / "p")
    (tmp_path / "p" / "words.txt").write_bytes(content)
    with pytest.raises(VectorFileError):
        PocketVectors(tmp_path / "p")


def test_missing_files(tmp_path: Path) -> None:
    write_small(tmp_path / "p")
    (tmp_path / "p" / "words.txt").unlink()
    with pytest.raises(VectorFileError, match="does not exist"):
        PocketVectors(tmp_path / "p")
