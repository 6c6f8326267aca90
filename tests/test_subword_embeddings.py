"""Static vectors for tokens, in both modes, with tokenizers whose every piece is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.memory_vectors import MemoryVectors
from wechsel_core.errors import VectorFileError
from wechsel_core.subword_embeddings import choose_mode, static_texts, subword_embeddings, word_incidence
from wechsel_core.tokenizers.table import token_table
from wechsel_core.types import TokenTable

WHOLE = MemoryVectors(["a"], [[1.0, 0.0]], name="whole")
GRAMS = MemoryVectors(["a"], [[1.0, 0.0]], ngrams={}, name="grams")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level BPE of ten tokens: 0 <|e|>, 1 a, 2 b, 3 Ġ, 4 ab, 5 Ġab, 6 c, 7 Ã, 8 Ġ Ġ merged, 9 unused letter z.

    "ab" is [4], " ab" [5], "abc" [4, 6], " abc" [5, 6], "ca" [6, 1], " ca" [3, 6, 1], "aa" [1, 1], " aa" [3, 1, 1].
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = ["<|e|>", "a", "b", "Ġ", "ab", "Ġab", "c", "Ã", "ĠĠ", "z"]
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, [("a", "b"), ("Ġ", "ab"), ("Ġ", "Ġ")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, eos_token="<|e|>")


@pytest.fixture(scope="module")
def table(tokenizer: Any) -> TokenTable:
    return token_table(tokenizer)


# --- choosing the mode -------------------------------------------------------------------------------------------


def test_choose_mode() -> None:
    """auto takes n-grams only where both files have them; word is always possible."""
    assert choose_mode("auto", GRAMS, GRAMS) == "subword" == choose_mode("subword", GRAMS, GRAMS)
    assert choose_mode("auto", WHOLE, GRAMS) == choose_mode("auto", GRAMS, WHOLE) == "word"
    assert choose_mode("word", GRAMS, GRAMS) == choose_mode("word", WHOLE, WHOLE) == "word"


@pytest.mark.parametrize(("source", "target"), [(WHOLE, GRAMS), (GRAMS, WHOLE), (WHOLE, WHOLE)])
def test_subword_mode_needs_ngrams(source: MemoryVectors, target: MemoryVectors) -> None:
    """No silent fallback to the other mode; the error names the file."""
    with pytest.raises(VectorFileError, match="whole has no character n-grams"):
        choose_mode("subword", source, target)


# --- texts -------------------------------------------------------------------------------------------------------


def test_static_texts(table: TokenTable) -> None:
    """Stripped; special tokens, byte pieces and white space have none."""
    assert static_texts(table) == ["", "a", "b", "", "ab", "ab", "c", "", "", "z"]


def test_static_texts_the_references_way(table: TokenTable) -> None:
    """Every token by its decoded string, special tokens and U+FFFD included."""
    assert static_texts(table, keep_byte_pieces=True) == ["<|e|>", "a", "b", "", "ab", "ab", "c", "\ufffd", "", "z"]


# --- mode subword ------------------------------------------------------------------------------------------------


def test_subword_mode_by_hand(table: TokenTable, tokenizer: Any) -> None:
    """Text "ab" is a word: its vector, with and without the space. "a": the mean of "<a" and "a>"; "b": of "b>" alone;
    "c", "z": no n-gram, zeros. Special tokens, byte pieces and white space: zeros.
    """
    vectors = MemoryVectors(["ab"], [[8.0, 0.0]], ngrams={"<a": [2.0, 0.0], "a>": [0.0, 4.0], "b>": [0.0, 6.0]})
    rows = subword_embeddings(table, tokenizer, vectors, mode="subword")
    nothing = [0.0, 0.0]
    assert rows.tolist() == [nothing, [1, 2], [0, 6], nothing, [8, 0], [8, 0], nothing, nothing, nothing, nothing]
    assert rows.dtype == np.float32


def test_subword_mode_the_references_way(table: TokenTable, tokenizer: Any) -> None:
    """The replacement character and special strings are looked up too: fault d of the reference, on request only."""
    vectors = MemoryVectors(["x"], [[0.0]], ngrams={"\ufffd": [3.0], "<|e|>": [5.0]})
    rows = subword_embeddings(table, tokenizer, vectors, mode="subword", keep_byte_pieces=True)
    assert rows[:, 0].tolist() == [5, 0, 0, 0, 0, 0, 0, 3, 0, 0]
    assert not subword_embeddings(table, tokenizer, vectors, mode="subword").any()


def test_no_token_has_a_text() -> None:
    """A table of special tokens alone gives zeros, and asks the store for nothing."""
    only = TokenTable(("<s>",), ("<s>",), (b"",), np.array([False]), np.array([True]), {"bos": 0})
    assert subword_embeddings(only, None, GRAMS, mode="subword").tolist() == [[0.0, 0.0]]


# --- mode word ---------------------------------------------------------------------------------------------------


def test_word_incidence_by_hand(tokenizer: Any) -> None:
    """Words ab, abc, aa. Bare: 4 | 4 6 | 1. Spaced: 5 | 5 6 | 1 3. "aa" holds "a" once a tokenization, not twice."""
    token_ids, word_ids = word_incidence(tokenizer, ["ab", "abc", "aa"])
    found = sorted(zip(token_ids.tolist(), word_ids.tolist(), strict=True))
    assert found == [(1, 2), (1, 2), (3, 2), (4, 0), (4, 1), (5, 0), (5, 1), (6, 1), (6, 1)]
    assert token_ids.dtype == word_ids.dtype == np.int64


def test_word_mode_by_hand(table: TokenTable, tokenizer: Any) -> None:
    """Words ab (frequency 3, (4, 0)), abc (1, (0, 8)), ca (2, (2, 2)).

    ab and Ġab, in ab and abc: (3 (4, 0) + (0, 8)) / 4 = (3, 2). c, twice in abc, twice in ca:
    (2 x 1 (0, 8) + 2 x 2 (2, 2)) / 6 = (8/6, 24/6). a, twice in ca: (2, 2). Ġ (no text), b, Ã, ĠĠ, z: zeros.
    """
    vectors = MemoryVectors(["ab", "ca", "abc"], [[4, 0], [2, 2], [0, 8]], counts=[3, 2, 1])
    rows = subword_embeddings(table, tokenizer, vectors, mode="word")
    expected = np.zeros((10, 2))
    expected[4] = expected[5] = [3, 2]
    expected[6], expected[1] = [8 / 6, 4], [2, 2]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert rows.dtype == np.float32 and rows.shape == (10, 2)


def test_word_mode_by_rank(table: TokenTable, tokenizer: Any) -> None:
    """Without counts word i weighs 1 / (i + 1): ab and abc at ranks 0 and 1 give (1 x 3 + 1/2 x 6) / 1.5 = 4."""
    rows = subword_embeddings(table, tokenizer, MemoryVectors(["ab", "abc"], [[3.0], [6.0]]), mode="word")
    np.testing.assert_allclose(rows[4], [4], rtol=1e-6)


def test_word_mode_equals_the_references_loops(tokenizer: Any) -> None:
    """``get_subword_embeddings_in_word_embedding_space`` of wechsel 0.0.4 with use_subword_info=False, in loops."""
    rng = np.random.default_rng(0)
    words = sorted({"".join(rng.choice(list("abcz"), rng.integers(1, 6))) for _ in range(40)})
    counts, matrix = rng.integers(1, 50, len(words)), rng.normal(size=(len(words), 3)).astype(np.float32)
    table = token_table(tokenizer)
    expected = np.zeros((len(table), 3))
    for token in range(len(table)):
        holding = [
            i
            for i, word in enumerate(words)
            for ids in (
                tokenizer.encode(word, add_special_tokens=False),
                tokenizer.encode(" " + word, add_special_tokens=False),
            )
            if token in ids
        ]
        total = sum(counts[i] for i in holding)
        for i in holding:
            expected[token] += matrix[i] * counts[i] / total
    vectors = MemoryVectors(words, matrix, counts=counts.tolist())
    rows = subword_embeddings(table, tokenizer, vectors, mode="word", keep_byte_pieces=True)
    spaces = [i for i, text in enumerate(table.texts) if not text.strip()]
    np.testing.assert_allclose(np.delete(rows, spaces, axis=0), np.delete(expected, spaces, axis=0), atol=1e-6)
    assert expected.any(axis=1).sum() >= 6
