"""Vectors that are looked up once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.memory_vectors import MemoryVectors
from wechsel_core.vectors.remembered import RememberedVectors


def test_the_same_vectors_and_no_word_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    store = MemoryVectors(list("abcd"), rows)
    asked: list[str] = []
    plain = store.word_vectors

    def word_vectors(words: Sequence[str]) -> np.ndarray:
        asked.extend(words)
        return plain(words)

    monkeypatch.setattr(store, "word_vectors", word_vectors)
    remembered = RememberedVectors(store)
    for words in (["b", "a", "b"], ["a"], ["d", "unknown", "b"], []):
        np.testing.assert_array_equal(remembered.word_vectors(words), plain(words).reshape(len(words), 3))
    assert asked == ["b", "a", "d", "unknown"]
    assert list(remembered.index(["c", "x", "c"])) == [2, -1, 2] and list(remembered.words) == list("abcd")
    assert list(remembered.index(["x", "a"])) == [-1, 0] and list(remembered.index([])) == []
    remembered.forget_vectors()
    np.testing.assert_array_equal(remembered.word_vectors(["a"]), plain(["a"]))
    assert asked == ["b", "a", "d", "unknown", "a"]
