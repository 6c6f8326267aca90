"""The inputs have the structure that the page says they have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.inputs import TWINS, ZEROS, static_vectors, word_list
from benchmarks.profiles import QUICK

SMALL = replace(QUICK, static_dim=8, vocab=2_000, sizes=(1_000, 2_000))


@pytest.mark.parametrize("rows", [1_000, 2_000])
def test_static_vectors_have_their_share_of_twins_and_zeros_at_every_size(rows: int) -> None:
    vectors = static_vectors(SMALL, side=0)[:rows]
    zero = ~vectors.any(axis=1)
    distinct = len(np.unique(vectors[~zero], axis=0))
    assert zero.mean() == pytest.approx(ZEROS, abs=0.01)
    assert 1 - distinct / (~zero).sum() == pytest.approx(TWINS, abs=0.02)
    assert vectors.dtype == np.float32 and np.array_equal(vectors, static_vectors(SMALL, side=0)[:rows])


def test_word_list_goes_on_beyond_the_known_words_without_repeats() -> None:
    words = word_list("fr", 15_000)
    assert len(words) == len(set(words)) == 15_000
    assert all(len(word) > 2 and word.isalpha() for word in words[14_000:])
    assert words == word_list("fr", 15_000)
