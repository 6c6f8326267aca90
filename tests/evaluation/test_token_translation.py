"""Token translation by hand: vocabularies of a few tokens whose right answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from wechsel_core.evaluation.token_translation import (
    precision,
    precision_of_rows,
    precision_of_stored,
    single_token_pairs,
)
from wechsel_core.types import TokenTable

SOURCE = ("<s>", " cat", "cat", " Cat", " dog", " house", "ing", " hound", " chat")
TARGET = ("<s>", " chat", "chat", " chien", " maison", "ment", " Chat", "狗", "好")


def table(texts: Sequence[str]) -> TokenTable:
    """A leading space starts a word; the first token is special."""
    initial = np.array([text.startswith(" ") for text in texts])
    special = np.arange(len(texts)) == 0
    return TokenTable(tuple(texts), tuple(texts), (b"",) * len(texts), initial, special, {"bos": 0})


def pairs(*given: tuple[str, str]) -> dict[int, set[int]]:
    found = single_token_pairs(given, table(SOURCE), table(TARGET))
    return {i: set(allowed) for i, allowed in zip(found.target_ids.tolist(), found.allowed, strict=True)}


def test_both_words_have_to_be_one_token() -> None:
    """chat is token 1; cat is right as " cat", "cat" and " Cat". "mouse" and "souris" are no token."""
    assert pairs(("cat", "chat"), ("mouse", "chat"), ("cat", "souris"), ("big cat", "chat")) == {1: {1, 2, 3}}


def test_a_word_is_the_token_that_starts_it() -> None:
    """ "ing" and "ment" start no word; "chat" is token 1 and not the piece of token 2."""
    assert pairs(("ing", "chat"), ("house", "ment")) == {}
    assert pairs(("ing", "ment"), ("house", "maison")) == {4: {5}}


def test_the_case_of_the_dictionary_tells_which_token_but_not_what_is_right() -> None:
    assert pairs(("cat", "Chat")) == {6: {1, 2, 3}}
    assert pairs(("CAT", "chat")) == {}, "no source token reads CAT"


def test_translations_of_one_word_are_one_entry() -> None:
    assert pairs(("dog", "chien"), ("hound", "chien"), ("dog", "chien")) == {3: {4, 7}}


def test_words_of_a_script_without_spaces_need_no_mark() -> None:
    assert pairs(("dog", "狗")) == {7: {4}}


def test_special_tokens_are_no_words() -> None:
    assert pairs(("<s>", "chat"), ("cat", "<s>")) == {}


def test_precision_by_hand() -> None:
    """Ranks of the right text: 1, 2 (a text of two tokens before it counts once), 6, none."""
    groups = np.array([0, 1, 1, 2, 3, 4, 5, 6])
    neighbors = np.array(
        [
            [0, 1, 3, 4, 5, 6, 7, -1],
            [1, 2, 3, 0, 4, 5, 6, 7],
            [0, 1, 2, 3, 4, 5, 6, 7],
            [0, 1, 3, 4, -1, -1, -1, -1],
        ]
    )
    allowed = [frozenset({0, 7}), frozenset({3}), frozenset({6}), frozenset({7})]
    found = precision(neighbors, allowed, groups)
    assert found == {"p_at_1": 0.25, "p_at_5": 0.5, "p_at_10": 0.75, "n": 4}


def test_nothing_to_translate_has_no_share() -> None:
    found = precision(np.empty((0, 10), np.int64), [], np.arange(5))
    assert found == {"p_at_1": None, "p_at_5": None, "p_at_10": None, "n": 0}


def test_stored_neighbours() -> None:
    """chat finds " Cat" first, chien finds the dog third of three texts, maison has no neighbour (a random row)."""
    found = single_token_pairs([("cat", "chat"), ("dog", "chien"), ("house", "maison")], table(SOURCE), table(TARGET))
    stored = np.full((len(TARGET), 4), -1)
    stored[1, :2], stored[3] = [3, 4], [1, 2, 5, 4]
    assert precision_of_stored(found, stored) == {
        "p_at_1": pytest.approx(1 / 3), "p_at_5": pytest.approx(2 / 3), "p_at_10": pytest.approx(2 / 3), "n": 3,
    }  # fmt: skip
    assert precision_of_stored(found, np.full((len(TARGET), 4), -1)) is None
    assert precision_of_stored(found, np.empty((len(TARGET), 0), np.int64)) is None


def test_new_rows_planted() -> None:
    """Rows that are their translation's plus noise find it; the same rows shuffled do not, nor do special tokens."""
    rng = np.random.default_rng(0)
    words = [f" w{i}" for i in range(300)]
    source, target = table(["<s>", *words]), table(["<s>", *words[::-1]])
    found = single_token_pairs([(word.strip(), word.strip()) for word in words], source, target)
    rows = rng.normal(size=(301, 16)).astype(np.float32)
    new = np.concatenate([rows[:1], rows[:0:-1]]) + 0.1 * rng.normal(size=rows.shape).astype(np.float32)
    candidates = ~source.is_special
    right = precision_of_rows(found, rows, new, candidates)
    assert right == {"p_at_1": 1.0, "p_at_5": 1.0, "p_at_10": 1.0, "n": 300}
    wrong = precision_of_rows(found, rows, rng.permutation(new), candidates)
    assert wrong["p_at_10"] < 0.1
    likes_special = precision_of_rows(found, rows, np.repeat(rows[:1], 301, axis=0), candidates)
    assert likes_special["p_at_1"] == pytest.approx(1 / 300), "all rows have the one nearest ordinary token"
