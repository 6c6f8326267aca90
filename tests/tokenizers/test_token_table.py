"""The token table against the tokenizers' own decoders."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.builders import CORPUS, tiny_tokenizer
from wechsel_core.errors import TokenizerError
from wechsel_core.tokenizers.table import byte_alphabet, token_table

KINDS = ("bpe", "unigram", "wordpiece", "llama")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_agree_with_the_vocabulary(kind):
    tokenizer = tiny_tokenizer(kind)
    table = token_table(tokenizer)
    assert len(table) == max(tokenizer.get_vocab().values()) + 1
    assert all(table.tokens[token_id] == token for token, token_id in tokenizer.get_vocab().items())
    assert len(table.texts) == len(table.byte_pieces) == len(table)
    assert table.word_initial.shape == table.is_special.shape == (len(table),)
    assert table.word_initial.dtype == table.is_special.dtype == np.bool_
    assert set(np.flatnonzero(table.is_special)) == set(tokenizer.all_special_ids)
    for role, token_id in table.roles.items():
        assert getattr(tokenizer, f"{role}_token_id") == token_id
        assert table.texts[token_id] == getattr(tokenizer, f"{role}_token")


def test_byte_level_texts_equal_decode():
    tokenizer = tiny_tokenizer("bpe")
    table = token_table(tokenizer)
    decoded = [tokenizer.decode([token_id]) for token_id in range(len(table))]
    assert list(table.texts) == decoded
    assert any(table.byte_pieces) and any("\ufffd" in text for text in table.texts)


def test_byte_pieces_join_to_the_text():
    tokenizer = tiny_tokenizer("bpe")
    table = token_table(tokenizer)
    for text in CORPUS:
        ids = tokenizer(text)["input_ids"]
        raw = b"".join(table.byte_pieces[i] or table.texts[i].encode() for i in ids)
        assert raw.decode() == text


def test_byte_alphabet_is_the_librarys():
    from tokenizers import pre_tokenizers

    assert set(byte_alphabet()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(byte_alphabet().values()) == list(range(256))
    assert byte_alphabet()["Ġ"] == ord(" ") and byte_alphabet()["Ċ"] == ord("\n")


@pytest.mark.parametrize("kind", ["unigram", "llama"])
def test_marker_texts_equal_decode_behind_a_token(kind):
    """A decoder strips the first space of a text: put a token before, and take it off again."""
    tokenizer = tiny_tokenizer(kind)
    table = token_table(tokenizer)
    anchor = next(i for i, text in enumerate(table.texts) if text == "e")
    for token_id in np.flatnonzero(~table.is_special):
        if table.byte_pieces[token_id] == b"":
            assert "e" + table.texts[token_id] == tokenizer.decode([anchor, token_id])
            assert table.word_initial[token_id] == table.texts[token_id].startswith(" ")


def test_byte_fallback_tokens_are_byte_pieces():
    tokenizer = tiny_tokenizer("llama")
    table = token_table(tokenizer)
    token_id = tokenizer.get_vocab()["<0xE4>"]
    assert table.byte_pieces[token_id] == b"\xe4" and table.texts[token_id] == "\ufffd"
    newline = tokenizer.get_vocab()["<0x0A>"]
    assert table.byte_pieces[newline] == b"\n" and table.texts[newline] == "\n"
    assert not table.word_initial[token_id] and not table.is_special[token_id]
    assert sum(map(bool, table.byte_pieces)) == 256


def test_wordpiece_continuations():
    tokenizer = tiny_tokenizer("wordpiece")
    table = token_table(tokenizer)
    continuation = next(i for i, token in enumerate(table.tokens) if token.startswith("##"))
    assert table.texts[continuation] == table.tokens[continuation][2:]
    assert not table.word_initial[continuation]
    whole = tokenizer.get_vocab()["children"]
    assert table.texts[whole] == "children" and table.word_initial[whole]


def test_word_initial_tokens_of_byte_level():
    table = token_table(tiny_tokenizer("bpe"))
    the, inner = table.tokens.index("Ġthe"), table.tokens.index("he")
    assert table.texts[the] == " the" and table.word_initial[the]
    assert not table.word_initial[inner]
    assert not table.word_initial[table.is_special].any()


def test_added_tokens_and_reserved_places():
    tokenizer = tiny_tokenizer("bpe", vocab_size=280)
    tokenizer.add_tokens(["Gödel", " lead"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>"]})
    table = token_table(tokenizer)
    added = tokenizer.get_vocab()
    assert table.texts[added["Gödel"]] == "Gödel" and not table.is_special[added["Gödel"]]
    assert table.word_initial[added[" lead"]]
    assert table.is_special[added["<|user|>"]] and table.texts[added["<|user|>"]] == "<|user|>"


def test_vocabulary_holes_are_empty():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "cat": 2, "##s": 5, "[unused1]": 6}, unk_token="[UNK]"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    table = token_table(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))
    assert table.tokens == ("[UNK]", "", "cat", "", "", "##s", "[unused1]")
    assert table.texts == ("[UNK]", "", "cat", "", "", "s", "[unused1]")
    assert table.is_special.tolist() == [True, False, False, False, False, False, True]
    assert table.word_initial.tolist() == [False, False, True, False, False, False, False]


def test_another_decoder_is_asked():
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE({"a": 0, "b</w>": 1, "ab</w>": 2}, [("a", "b</w>")], end_of_word_suffix="</w>"))
    backend.decoder = decoders.BPEDecoder()
    table = token_table(PreTrainedTokenizerFast(tokenizer_object=backend))
    assert table.texts == ("a", "b", "ab")
    assert not table.word_initial.any()


def test_slow_and_empty_tokenizers_are_refused():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    with pytest.raises(TokenizerError, match="slow"):
        token_table(object())
    with pytest.raises(TokenizerError, match="empty"):
        token_table(PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE())))


def test_fifty_thousand_tokens_take_about_a_second():
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(byte_alphabet())
    vocabulary = {first + second: i for i, (first, second) in enumerate((a, b) for a in alphabet for b in alphabet)}
    backend = Tokenizer(models.BPE(dict(list(vocabulary.items())[:50_000]), []))
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    started = time.process_time()
    table = token_table(tokenizer)
    assert len(table) == 50_000
    assert time.process_time() - started < 3  # 0.3 s on an idle machine
