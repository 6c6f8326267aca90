from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.vectors import ngrams
from wechsel_core.vectors.ngrams import mean_of_rows, ngram_ids

NO_BUCKETS = 2**32  # hashes as they are


def reference(word: str, minn: int, maxn: int, bucket: int) -> list[int]:
    """The definition, over characters: every n-gram of the wrapped word, FNV-1a with signed bytes."""
    if word == "</s>":
        return []
    wrapped = f"<{word}>"
    result = []
    for start in range(len(wrapped)):
        for n in range(1, maxn + 1):
            if start + n > len(wrapped):
                break
            if n < minn or (n == 1 and start in (0, len(wrapped) - 1)):
                continue
            value = 2166136261
            for byte in wrapped[start : start + n].encode("utf-8"):
                signed = byte - 256 if byte >= 128 else byte
                value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
            result.append(value % bucket)
    return result


def test_published_fnv_value() -> None:
    # FNV-1a, 32 bits, of "foobar" in Noll's table of test vectors; it is the middle one of the three 6-grams.
    ids, offsets = ngram_ids([b"foobar"], minn=6, maxn=6, bucket=NO_BUCKETS)
    assert len(ids) == 3 and ids[1] == 0xBF9CF968
    assert offsets.tolist() == [0, 3]


def test_bytes_above_127_are_signed() -> None:
    # "é" is C3 A9, read as FFFFFFC3 and FFFFFFA9. Step by step, modulo 2**32:
    # 811C9DC5 ^ FFFFFFC3 = 7EE36206; * 01000193 = C5F34F72; ^ FFFFFFA9 = 3A0CB0DB; * 01000193 = 3CFA68C1.
    ids, _ = ngram_ids(["é".encode()], minn=1, maxn=1, bucket=NO_BUCKETS)
    assert ids.tolist() == [0x3CFA68C1]
    unsigned = ((((0x811C9DC5 ^ 0xC3) * 0x01000193) % 2**32 ^ 0xA9) * 0x01000193) % 2**32
    assert ids[0] != unsigned


@pytest.mark.parametrize(
    ("word", "minn", "maxn", "count"),
    [
        ("", 3, 6, 0),  # "<>" has two characters
        ("", 2, 6, 1),
        ("a", 3, 6, 1),
        ("a", 1, 1, 1),  # "<" and ">" alone do not count
        ("猫", 3, 6, 1),
        ("</s>", 3, 6, 0),
        ("abc", 0, 0, 0),
        ("abc", 4, 3, 0),
    ],
)
def test_number_of_ngrams(word: str, minn: int, maxn: int, count: int) -> None:
    ids, offsets = ngram_ids([word.encode()], minn=minn, maxn=maxn, bucket=100)
    assert len(ids) == count and offsets.tolist() == [0, count]


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=12), max_size=4),
    minn=st.integers(0, 4),
    maxn=st.integers(0, 6),
    bucket=st.integers(1, 2**31 - 1),
)
def test_same_as_the_definition(words: list[str], minn: int, maxn: int, bucket: int) -> None:
    ids, offsets = ngram_ids([word.encode() for word in words], minn=minn, maxn=maxn, bucket=bucket)
    for i, word in enumerate(words):
        assert ids[offsets[i] : offsets[i + 1]].tolist() == reference(word, minn, maxn, bucket)


def test_word_rows_come_first_and_buckets_are_shifted() -> None:
    plain, _ = ngram_ids([b"ab", b"cd"], minn=3, maxn=3, bucket=50)
    ids, offsets = ngram_ids([b"ab", b"cd"], minn=3, maxn=3, bucket=50, word_rows=np.array([7, -1]), base=100)
    assert offsets.tolist() == [0, 3, 5]
    assert ids.tolist() == [7, *(plain[:2] + 100), *(plain[2:] + 100)]


def test_no_words() -> None:
    ids, offsets = ngram_ids([], minn=3, maxn=6, bucket=10)
    assert ids.shape == (0,) and offsets.tolist() == [0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_means_by_hand(dtype: str) -> None:
    matrix = np.array([[1, 2], [3, 6], [5, 10]], dtype=dtype)
    result = mean_of_rows(matrix, np.array([0, 1, 2, 2]), np.array([0, 2, 2, 4]))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[2, 4], [0, 0], [5, 10]])


def test_only_needed_rows_are_read_once_in_file_order() -> None:
    matrix = np.random.default_rng(1).normal(size=(10_000, 2)).astype(np.float32)
    ids, offsets = np.random.default_rng(0).integers(0, 10_000, size=700), np.array([0, 300, 700])
    read: list[int] = []

    def gather(rows: np.ndarray) -> np.ndarray:
        read.extend(rows.tolist())
        return matrix[rows]

    result = mean_of_rows(matrix, ids, offsets, gather=gather)
    assert read == sorted(set(ids.tolist()))
    np.testing.assert_array_equal(result, mean_of_rows(matrix, ids, offsets))


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 7), max_size=8), block=st.integers(1, 9), seed=st.integers(0, 99))
def test_blocks_change_no_bit(sizes: list[int], block: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(6, 3)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    ids = generator.integers(0, 6, size=offsets[-1])
    expected = np.zeros((len(sizes), 3), dtype=np.float32)
    for i, size in enumerate(sizes):
        for row in ids[offsets[i] : offsets[i + 1]]:
            expected[i] += matrix[row]
        if size:
            expected[i] *= np.float32(1 / size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_GATHERED_VALUES", 3 * block)  # so many rows at a time, wherever groups begin and end
        np.testing.assert_array_equal(mean_of_rows(matrix, ids, offsets), expected)
