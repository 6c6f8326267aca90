"""What the source tokenizer reads in a target token's place: by hand, for every kind of tokenizer on either side."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.builders import tiny_tokenizer
from tests.transfer.vocabularies import vocabulary
from wechsel_core.tokenizers.pieces import source_pieces
from wechsel_core.tokenizers.table import token_table
from wechsel_core.types import TokenTable

#: " thing", "thing", "ing", a name, a special token, an unused id, and a text that few tokenizers know.
TARGET = vocabulary("_thing", "thing", "ing", "<s>", "", "猫")


def wrapped(backend: Any, unk: str | None = "<unk>") -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=unk, clean_up_tokenization_spaces=False)


def words(tokenizer: Any, target: TokenTable = TARGET) -> list[list[str]]:
    """Pieces as the source vocabulary writes them."""
    return [tokenizer.convert_ids_to_tokens(list(ids)) for ids in source_pieces(tokenizer, target)]


def unigram(*, split: bool, scheme: str = "always") -> Any:
    """Metaspace Unigram; with ``split`` white space is cut off first, as XLM-R does."""
    entries = [("<unk>", 0.0), *((piece, -1.0) for piece in ("▁th", "th", "▁ing", "ing", "▁"))]
    backend = Tokenizer(models.Unigram(entries, unk_id=0, byte_fallback=False))
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    parts = [pre_tokenizers.WhitespaceSplit(), metaspace] if split else [metaspace]
    backend.pre_tokenizer = pre_tokenizers.Sequence(parts)
    backend.decoder = decoders.Metaspace()
    return wrapped(backend)


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
@pytest.mark.parametrize("split", [False, True])
def test_unigram(split: bool, scheme: str) -> None:
    """The middle of a word gets no "▁"; the start of one gets one, once; what is unknown is left out."""
    if split and scheme == "never":
        pytest.skip("white space cut off and never put back: such a tokenizer has no starts of words")
    found = words(unigram(split=split, scheme=scheme))
    assert found == [["▁th", "ing"], ["th", "ing"], ["ing"], [], [], []]


def test_llama_puts_its_space_before_no_inner_piece() -> None:
    """A normaliser that puts "▁" before every text: left out, and no second one before a token that has one."""
    backend = Tokenizer(
        models.BPE(
            {"<unk>": 0, "▁": 1, "t": 2, "h": 3, "▁t": 4, "▁th": 5, "th": 6},
            [("▁", "t"), ("▁t", "h"), ("t", "h")],
            unk_token="<unk>",
        )
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    assert words(wrapped(backend), vocabulary("_th", "th", "_")) == [["▁th"], ["th"], ["▁"]]


def test_prefix_space_of_byte_level_text() -> None:
    backend = Tokenizer(
        models.BPE({"Ġ": 0, "t": 1, "h": 2, "Ġt": 3, "Ġth": 4, "th": 5}, [("Ġ", "t"), ("Ġt", "h"), ("t", "h")])
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    assert words(wrapped(backend, None), vocabulary("_th", "th")) == [["Ġth"], ["th"]]


def wordpiece(**options: Any) -> Any:
    pieces = ["[UNK]", "th", "##th", "##ing", "ing", "thing", "##x", "don", "'", "t"]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(**options)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    return wrapped(backend, "[UNK]")


def test_wordpiece_goes_on_in_the_middle_of_a_word() -> None:
    """ "thing" at the start of a word is a piece of its own, inside one it is "##th" "##ing"."""
    target = vocabulary("_thing", "thing", "ing", "_thx", "_don't", "_THING", "_qx", "y")
    found = words(wordpiece(lowercase=True), target)
    assert found == [
        ["thing"], ["##th", "##ing"], ["##ing"], ["th", "##x"], ["don", "'", "t"], ["thing"], [], [],
    ]  # fmt: skip
    assert words(wordpiece(lowercase=False), vocabulary("_THING")) == [[]]


def test_special_tokens_are_no_pieces() -> None:
    """An ordinary target token whose text is a special token of the source."""
    tokenizer = tiny_tokenizer("bpe")
    target = dataclasses.replace(vocabulary("<s>", "</s>"), is_special=np.array([False, False]), roles={})
    assert "<|endoftext|>" not in words(tokenizer, target)[0] and words(tokenizer, target)[0]
    assert words(tokenizer, vocabulary("<|endoftext|>")) == [[]]


def test_byte_pieces() -> None:
    """Byte-level text by its own merges, byte fallback byte by byte, others not at all."""
    target = vocabulary(b"\xe7\x8c", b" \xe7")
    byte_level, fallback = tiny_tokenizer("bpe"), tiny_tokenizer("llama")
    assert "".join(words(byte_level, target)[0]) == "çĮ" and "".join(words(byte_level, target)[1]) == "Ġç"
    assert words(fallback, target) == [["<0xE7>", "<0x8C>"], ["<0x20>", "<0xE7>"]]
    assert words(tiny_tokenizer("unigram"), target) == [[], []]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "llama"])
def test_a_tokens_own_text_is_cut_into_itself(kind: Any) -> None:
    """Source and target tokenizer alike. Unigram may know a better cut than one of its own tokens, never another text."""
    tokenizer = tiny_tokenizer(kind)
    table = token_table(tokenizer)
    itself = 0
    for token_id, pieces in enumerate(source_pieces(tokenizer, table)):
        if table.is_special[token_id] or not table.tokens[token_id]:
            assert not pieces
            continue
        itself += list(pieces) == [token_id]
        if not table.byte_pieces[token_id]:
            assert "".join(table.texts[piece] for piece in pieces) == table.texts[token_id]
    assert itself > 0.9 * (~table.is_special).sum()


@pytest.mark.parametrize("source", ["bpe", "unigram", "wordpiece", "llama"])
@pytest.mark.parametrize("target", ["bpe", "unigram", "wordpiece", "llama"])
def test_pieces_spell_the_token(source: Any, target: Any) -> None:
    """Without unknown characters the pieces' texts are the token's, white space aside; same number of lists as tokens."""
    tokenizer, table = tiny_tokenizer(source), token_table(tiny_tokenizer(target))
    theirs = token_table(tokenizer)
    found = source_pieces(tokenizer, table)
    assert len(found) == len(table)
    spelt = 0
    for token_id, pieces in enumerate(found):
        text = "".join(theirs.texts[piece] for piece in pieces).strip()
        if table.texts[token_id].isascii() and text:
            assert text.replace(" ", "") == table.texts[token_id].strip().replace(" ", "")
            spelt += 1
            if source != "wordpiece" and table.texts[token_id].strip().isalpha():
                assert bool(theirs.word_initial[pieces[0]]) == bool(table.word_initial[token_id])
    assert spelt > 50
