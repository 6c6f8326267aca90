from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.vectors import vocabulary_index
from wechsel_core.vectors.vocabulary_index import IndexedWords, VocabularyIndex, build_index


def indexed(entries: list[tuple[bytes, int]], before: bytes = b"head") -> tuple[IndexedWords, VocabularyIndex]:
    """Words and index over the bytes that a ``.bin`` file has for these entries, with more behind them."""
    data, starts = before, []
    for word, count in entries:
        starts.append(len(data))
        data += word + b"\0" + struct.pack("<qb", count, 0)
    end = len(data)
    array = np.frombuffer(data + b"matrix", dtype=np.uint8)
    counts = np.array([count for _, count in entries], dtype=np.int64)
    index = build_index(array, end, np.array(starts, dtype=np.int64), counts)
    return IndexedWords(array, index), index


raw_words = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=4).map(str.encode),
    st.binary(max_size=3).map(lambda raw: raw.replace(b"\0", b"")),
    st.sampled_from([b"\xff", b"\\xff", b"\xff\xfe", b"\\xff\xfe", "é".encode(), b"\xed\xa0\x80"]),
)


@settings(max_examples=200, deadline=None)
@given(
    entries=st.lists(st.tuples(raw_words, st.integers(0, 3)), min_size=1, max_size=30),
    texts=st.lists(st.text(max_size=4), max_size=10),
)
def test_same_as_a_list_and_a_dict(entries: list[tuple[bytes, int]], texts: list[str]) -> None:
    words, index = indexed(entries)
    order = sorted(range(len(entries)), key=lambda i: -entries[i][1])  # stable, as Python sorts
    expected = [entries[i][0].decode("utf-8", "backslashreplace") for i in order]
    assert list(words) == expected and len(words) == len(expected)
    assert index.rows.tolist() == order and index.counts.tolist() == [entries[i][1] for i in order]
    first = {word: i for i, word in reversed(list(enumerate(expected)))}
    sought = [*expected, *texts, "\ud800", "\0"]
    assert words.find(sought).tolist() == [first.get(text, -1) for text in sought]
    for text, position in first.items():
        raw = words.raw(text)
        assert (text.encode() if raw is None else raw) == entries[order[position]][0]


def test_many_words_share_slots() -> None:
    entries = [(f"w{i}".encode(), 1) for i in range(5000)]
    words, index = indexed(entries)
    assert len(index.table) == 16_384 and (index.table >= 0).sum() == 5000
    np.testing.assert_array_equal(words.find([f"w{i}" for i in range(-5, 5010)])[5:5005], np.arange(5000))
    assert (words.find([f"w{i}" for i in range(5000, 6000)]) == -1).all()


def test_the_count_behind_a_word_is_not_part_of_it() -> None:
    count = int.from_bytes(b"bc\0zzzzz", "little")
    words, _ = indexed([(b"a", count), (b"b", 1)])
    assert words.find(["a", "a\0", "a\0bc", "a\0b", "\0", ""]).tolist() == [0, -1, -1, -1, -1, -1]


def test_text_longer_than_the_rest_of_the_file() -> None:
    words, _ = indexed([(b"a" * 40, 1)])
    assert words.find(["a" * 40, "a" * 39, "a" * 41, "a" * 4000]).tolist() == [0, -1, -1, -1]


def test_empty_word() -> None:
    words, _ = indexed([(b"", 2), (b"a", 1)])
    assert list(words) == ["", "a"] and words.find(["", "a"]).tolist() == [0, 1]


@pytest.mark.parametrize("bad", [(), (3,)])
def test_reads_like_a_list(monkeypatch: pytest.MonkeyPatch, bad: tuple[int, ...]) -> None:
    monkeypatch.setattr(vocabulary_index, "_BLOCK", 3)
    raw = [b"\xff" if i in bad else f"ü{i}".encode() for i in range(8)]
    words, index = indexed([(word, 9 - i) for i, word in enumerate(raw)])
    expected = [word.decode("utf-8", "backslashreplace") for word in raw]
    assert list(words) == expected and list(reversed(words)) == expected[::-1]
    assert index.undecodable.tolist() == list(bad)
    for key in [slice(None), slice(2, 5), slice(None, None, -2), slice(9, 20), slice(-2, None)]:
        assert words[key] == expected[key]
    assert words[0] == expected[0] and words[-1] == expected[-1] and words[np.int64(4)] == expected[4]
    assert words.find(expected).tolist() == list(range(8)) and words.find([]).tolist() == []
    assert "ü7" in words and "ü8" not in words
    with pytest.raises(IndexError):
        words[8]
