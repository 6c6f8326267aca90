"""Static vectors for every token of a tokenizer, in either mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.numerics.subwords import subwords_from_words
from wechsel_core.types import TokenTable
from wechsel_core.vectors.base import StaticVectors

#: Weight of an uncounted word, as a share of the most frequent word's.
SMALLEST_WEIGHT = 1e-9


def choose_mode(mode: str, source: StaticVectors, target: StaticVectors) -> str:
    """``subword`` or ``word``: ``auto`` takes n-grams where both files have them.

    Raises
    ------
    VectorFileError
        If ``subword`` is asked for and a file has no n-grams.
    """
    lacking = [vectors.name for vectors in (source, target) if not vectors.has_subwords]
    if mode == "auto":
        return "word" if lacking else "subword"
    if mode == "subword" and lacking:
        raise VectorFileError(
            f"{lacking[0]} has no character n-grams", "fastText vectors for mode subword", "choose mode word or auto"
        )
    return mode


def static_texts(table: TokenTable, *, keep_byte_pieces: bool = False) -> list[str]:
    """The text under which each token is looked up: decoded and stripped; "" for tokens that mean no text.

    Special tokens and incomplete byte pieces have no static vector, unless ``keep_byte_pieces`` asks for the
    reference's way: every token by its decoded string, U+FFFD included.
    """
    if keep_byte_pieces:
        return [text.strip() for text in table.texts]
    return [
        "" if special or piece else text.strip()
        for text, special, piece in zip(table.texts, table.is_special, table.byte_pieces, strict=True)
    ]


def subword_embeddings(
    table: TokenTable, tokenizer: Any, vectors: StaticVectors, *, mode: str, keep_byte_pieces: bool = False
) -> np.ndarray:
    """Static vectors of all tokens, float32, shape (n_tokens, static_dim); zero rows for tokens without one.

    Parameters
    ----------
    tokenizer : transformers fast tokenizer
        Used in mode ``word`` alone, to find the tokens of every word.
    mode : {"subword", "word"}
    keep_byte_pieces : bool
        See ``static_texts``.
    """
    texts = static_texts(table, keep_byte_pieces=keep_byte_pieces)
    if mode == "word":
        matrix = _from_words(len(table), tokenizer, vectors)
        if not keep_byte_pieces:
            matrix[np.array([not text for text in texts], dtype=bool)] = 0.0
        return matrix
    filled = [i for i, text in enumerate(texts) if text]
    matrix = np.zeros((len(table), vectors.dim), dtype=np.float32)
    matrix[filled] = vectors.subword_vectors([texts[i] for i in filled])
    return matrix


def _from_words(n_tokens: int, tokenizer: Any, vectors: StaticVectors) -> np.ndarray:
    words = list(vectors.words)
    token_ids, word_ids = word_incidence(tokenizer, words)
    # A word of count 0 still speaks for a token that no counted word contains.
    weights = np.maximum(vectors.frequencies, SMALLEST_WEIGHT * vectors.frequencies.max(initial=0.0))
    return subwords_from_words(token_ids, word_ids, weights, vectors.word_vectors(words), n_tokens)


def word_incidence(tokenizer: Any, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which tokens occur in which words, tokenized with and without a leading space.

    Returns
    -------
    token_ids, word_ids : ndarray of int64, shape (n_occurrences,)
        A token counts once for each of the two tokenizations of a word that contain it.
    """
    token_ids: list[int] = []
    word_ids: list[int] = []
    for spaced in (False, True):
        texts = [f" {word}" for word in words] if spaced else list(words)
        encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        for word_id, ids in enumerate(encoded):
            distinct = set(ids)
            token_ids += sorted(distinct)
            word_ids += [word_id] * len(distinct)
    return np.array(token_ids, dtype=np.int64), np.array(word_ids, dtype=np.int64)
