"""Which target tokens stand for the same text as a source token."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.builders import tiny_tokenizer
from tests.transfer.vocabularies import vocabulary
from wechsel_core.tokenizers.table import token_table
from wechsel_core.transfer.roles import shared_tokens


def test_by_text_place_and_case() -> None:
    """ " the" and "the" are two tokens, "The" is another; the order is the target's."""
    source = vocabulary("the", "_the", "_The", "ing")
    target = vocabulary("ing", "_the", "_THE", "The", "the")
    assert shared_tokens(source, target) == {0: 3, 1: 1, 4: 0}
    assert list(shared_tokens(source, target)) == [0, 1, 4]


def test_specials_and_unused_ids_are_left_out() -> None:
    """A special token goes by its role; an ordinary token of its string is another one."""
    source, target = vocabulary("<s>", "", "a"), vocabulary("", "a", "<s>")
    assert shared_tokens(source, target) == {1: 2}
    ordinary = dataclasses.replace(target, is_special=np.zeros(3, dtype=bool))
    assert shared_tokens(source, ordinary) == {1: 2}


def test_first_of_equal_source_tokens() -> None:
    assert shared_tokens(vocabulary("b", "a", "a"), vocabulary("a")) == {0: 1}


def test_byte_pieces_by_their_bytes() -> None:
    """Equal bytes at the same place of a word; the piece with a space before it is another one."""
    source = vocabulary(b"\xe2\x82", b"\xc3")
    assert shared_tokens(source, vocabulary(b"\xc3", b"\xe2", b"\xe2\x82")) == {0: 1, 2: 0}
    spaced = dataclasses.replace(vocabulary(b" \xc3"), word_initial=np.array([True]))
    assert shared_tokens(source, spaced) == {}
    assert shared_tokens(
        dataclasses.replace(vocabulary("x", b" \xc3"), word_initial=np.array([False, True])), spaced
    ) == {0: 1}


def test_a_byte_that_is_a_whole_character_meets_it() -> None:
    """Llama's "<0x0A>" is GPT-2's line break, either way round, but the token itself goes first."""
    letters, single = vocabulary("x", "\n"), vocabulary("x", b"\n")
    assert shared_tokens(letters, single) == {0: 0, 1: 1} == shared_tokens(single, letters)
    both = vocabulary(b"\n", "\n")
    assert shared_tokens(both, letters) == {1: 1}
    assert shared_tokens(both, single) == {1: 0}


def test_spaces() -> None:
    """A lone space mark is the same in both writings, and two spaces are not one."""
    assert shared_tokens(vocabulary("_", "__"), vocabulary("__", "_")) == {0: 1, 1: 0}


def test_families_meet() -> None:
    """Real tokenizers of four families: "Ġthe", "▁the" and "the" are one token, "ing" and "##ing" are one."""
    tables = {kind: token_table(tiny_tokenizer(kind)) for kind in ("bpe", "unigram", "wordpiece", "llama")}  # type: ignore[arg-type]
    strings = {kind: {token: i for i, token in enumerate(table.tokens)} for kind, table in tables.items()}
    the = {"bpe": "Ġthe", "unigram": "▁the", "wordpiece": "the", "llama": "▁the"}
    inner = {"bpe": "en", "unigram": "en", "wordpiece": "##en", "llama": "en"}
    for mine in tables:
        for other in tables:
            shared = shared_tokens(tables[mine], tables[other])
            for written in (the, inner):
                pair = strings[other].get(written[other]), strings[mine].get(written[mine])
                if None not in pair:
                    assert shared[pair[0]] == pair[1]
            if mine == other:
                ordinary = [
                    i for i, token in enumerate(tables[mine].tokens) if token and not tables[mine].is_special[i]
                ]
                assert sorted(shared) == ordinary and all(source == target for target, source in shared.items())
    assert all(the[kind] in strings[kind] for kind in tables), "the test compares something"
