"""How often the rows of an initialisation come from the right English token, judged by a bilingual dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wechsel_core.numerics.similarity import nearest_rows
from wechsel_core.tokenizers.segmentation import count_words
from wechsel_core.types import TokenTable

CUTOFFS = (1, 5, 10)
#: Nearest tokens that are looked through for the first ten texts: as many as a result stores.
SEARCHED = 50


@dataclass(frozen=True, eq=False)
class TranslationPairs:
    """Dictionary pairs of which both words are one token, one entry a target token.

    Attributes
    ----------
    target_ids : ndarray of int64, shape (n,)
        Rising.
    allowed : tuple of n sets of int
        Source tokens that are right, every one of the same text included.
    groups : ndarray of int64, shape (n_source_tokens,)
        A number for every source token; tokens of the same text have the same one.
    """

    target_ids: np.ndarray
    allowed: tuple[frozenset[int], ...]
    groups: np.ndarray


def single_token_pairs(pairs: Sequence[tuple[str, str]], source: TokenTable, target: TokenTable) -> TranslationPairs:
    """The pairs whose source word is one source token and whose target word is one target token.

    A word is one token if a token reads like it where it starts a word, in the case of the dictionary; a word of a
    script without spaces may be a token that starts none. Whether static vectors know the words is not asked: a pair
    that they lack is one that the initialisation misses.

    Right is every source token that reads like the source word once the white space around it and its case are
    ignored: " cat", "cat" and "Cat" have one static vector or nearly so, and which of them stands first says nothing.
    A target word with several translations is one entry, and any of them is right.

    Parameters
    ----------
    pairs : sequence of (source word, target word)
    source, target : TokenTable
    """
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(_plain(text), len(numbers)) for text in source.texts], dtype=np.int64)
    source_words, target_words = _whole_words(source), _whole_words(target)
    right: dict[int, set[int]] = {}
    for source_word, target_word in pairs:
        if source_word in source_words and target_word in target_words:
            right.setdefault(target_words[target_word], set()).add(int(groups[source_words[source_word]]))
    members: dict[int, list[int]] = {}
    for token_id in np.flatnonzero(~source.is_special).tolist():
        members.setdefault(int(groups[token_id]), []).append(token_id)
    target_ids = sorted(right)
    allowed = tuple(frozenset(i for group in right[target_id] for i in members[group]) for target_id in target_ids)
    return TranslationPairs(np.array(target_ids, dtype=np.int64), allowed, groups)


def precision(neighbors: np.ndarray, allowed: Sequence[frozenset[int]], groups: np.ndarray) -> dict[str, Any]:
    """P@1, P@5 and P@10: how often a right source token is among the first n texts.

    Neighbours of the same text count as one, at the place of the first: else " cat", "cat" and "Cat" would fill three
    places of ten.

    Parameters
    ----------
    neighbors : ndarray of int, shape (n_queries, n_neighbors)
        Source tokens of each query, nearest first; -1 is an empty place.
    allowed : sequence of n_queries sets of int
        Right source tokens.
    groups : ndarray of int, shape (n_source_tokens,)
        As in ``TranslationPairs``.

    Returns
    -------
    dict
        p_at_1, p_at_5, p_at_10 (0 to 1; None without a query) and n, the number of queries.

    References
    ----------
    Conneau et al. (2018), Word translation without parallel data (P@k).
    """
    hits = np.zeros((len(allowed), len(CUTOFFS)), dtype=bool)
    for row, (ids, right) in enumerate(zip(neighbors, allowed, strict=True)):
        texts = list(dict.fromkeys(groups[ids[ids >= 0]].tolist()))
        wanted = {int(groups[i]) for i in right}
        rank = next((place for place, text in enumerate(texts) if text in wanted), None)
        hits[row] = [rank is not None and rank < cutoff for cutoff in CUTOFFS]
    shares = hits.mean(axis=0).tolist() if len(hits) else [None] * len(CUTOFFS)
    return {**{f"p_at_{n}": share for n, share in zip(CUTOFFS, shares, strict=True)}, "n": len(allowed)}


def precision_of_stored(pairs: TranslationPairs, stored: np.ndarray) -> dict[str, Any] | None:
    """``precision`` of the neighbours that an initialisation stored; None for a method that stores none.

    The dictionary's pairs also made the alignment, so this is no held-out figure: it says how much of the dictionary
    arrived in the model. For pairs that the alignment has not seen, see ``alignment.held_out`` in ``wechsel.json``.

    Parameters
    ----------
    pairs : TranslationPairs
    stored : ndarray of int, shape (n_target_tokens, n_stored)
        Source tokens, nearest first; -1 is an empty place.
    """
    if not (stored >= 0).any():
        return None
    return precision(stored[pairs.target_ids], pairs.allowed, pairs.groups)


def precision_of_rows(
    pairs: TranslationPairs, source: np.ndarray, target: np.ndarray, candidates: np.ndarray
) -> dict[str, Any]:
    """``precision`` of the source rows nearest by cosine in the model's own embedding space, for any method.

    Like ``precision_of_stored`` no held-out figure. A row that was copied from one source token finds that token
    first, which is what a copy claims, so copied rows are judged like the others.

    Parameters
    ----------
    pairs : TranslationPairs
    source : ndarray of float32, shape (n_source_tokens, dim)
        Input embeddings of the source model.
    target : ndarray of float32, shape (n_target_tokens, dim)
        Input embeddings of the initialised model.
    candidates : ndarray of bool, shape (n_source_tokens,)
        Source rows that may be neighbours: all but special tokens.
    """
    k = min(SEARCHED, len(source))
    found = nearest_rows(target, source, k, rows=pairs.target_ids, candidates=candidates)
    return precision(found.ids, pairs.allowed, pairs.groups)


def _plain(text: str) -> str:
    return text.strip().lower()


def _whole_words(table: TokenTable) -> dict[str, int]:
    """Every word that is one token, and which; a token that starts a word goes before one that does not."""
    words: dict[str, int] = {}
    ordinary = np.flatnonzero(~table.is_special).tolist()
    for initial in (True, False):
        for token_id in ordinary:
            text = table.texts[token_id]
            if table.word_initial[token_id] == initial and (initial or _needs_no_space(text)):
                words.setdefault(text.strip(), token_id)
    return words


def _needs_no_space(text: str) -> bool:
    """Whether a text is of a script in which words follow each other without a space, by its first character."""
    return count_words(text[:1] * 2) == 2
