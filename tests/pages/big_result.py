"""A result folder of GPT-2's size with planted truth: target token t means source token ``MEANING(t)``.

Words are made up, in three scripts; tokens come in clusters, and the stored neighbours are the nearest of the cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.memory_vectors import random_rotation
from tests.pages.tiny_result import _manifest
from wechsel_core.config import InitConfig
from wechsel_core.numerics.weighting import softmax_weights
from wechsel_core.results import (
    STATIC_SPACE,
    StaticSpace,
    write_manifest,
    write_neighbors,
    write_static_space,
    write_tokens,
)
from wechsel_core.transfer.result import TokenKind, TransferResult, new_rows
from wechsel_core.types import TokenTable

CLUSTER = 128
#: Every how many tokens one has no static vector, and one is a piece of a character.
FALLBACK_EVERY, BYTE_EVERY = 97, 211
LATIN, CYRILLIC, CJK = (
    "bdfgklmnprstvz aeiou",
    "бвгдклмнпрст аеиоу",
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年",
)
DICTIONARY_PAIRS = 3000


def write_big_result(
    folder: Path, n_tokens: int = 50_257, dim: int = 100, stored: int = 50, *, model_dim: int = 64
) -> Path:
    """Write the folder, and beside it ``.<name>-source``, a one-layer GPT-2 whose rows were mixed.

    Parameters
    ----------
    n_tokens
        Of either language.
    dim, stored
        Dimensions of the static space; candidates a token.
    model_dim
        Dimensions of the source model's embeddings; 0 writes no model.
    """
    rng = np.random.default_rng(0)
    source, target = _words(rng, n_tokens, LATIN), _target_words(rng, n_tokens)
    space = _space(rng, n_tokens, dim)
    kind = np.full(n_tokens, TokenKind.MIXED, dtype=np.uint8)
    kind[FALLBACK_EVERY::FALLBACK_EVERY], kind[BYTE_EVERY::BYTE_EVERY] = TokenKind.FALLBACK, TokenKind.BYTE_PIECE
    kind[0] = TokenKind.COPIED
    space.target[kind == TokenKind.FALLBACK] = 0
    ids, similarities = _candidates(space, stored)
    _single(ids, similarities, kind)
    weights = softmax_weights(similarities, ids, neighbors=10, temperature=0.1)
    rows = rng.normal(0, 0.05, (n_tokens, model_dim or 8)).astype(np.float32)
    result = TransferResult(new_rows(rows, ids, weights, kind, seed=0), ids, similarities, weights, kind)

    folder.mkdir(parents=True)
    home = folder.parent / f".{folder.name}-source"
    if model_dim:
        _write_model(home, source, rows)
    dictionary = folder / "dictionary.tsv"
    pairs = [(source[_meaning(t)].strip(), target[t].strip()) for t in range(1, min(DICTIONARY_PAIRS, n_tokens))]
    dictionary.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), "utf-8")
    write_neighbors(folder, result, _table(source), _table(target))
    write_tokens(folder, result, _table(source), _table(target), np.linalg.norm(result.matrix, axis=1))
    write_static_space(folder / STATIC_SPACE, space)
    config = InitConfig(source=str(home), target_language="de", dictionary=str(dictionary))
    write_manifest(folder, _manifest(config, result))
    return folder


def _meaning(target_id: int) -> int:
    """The source token that a target token means: its neighbour by id, so that frequent words mean frequent ones."""
    return target_id ^ 1


def _words(rng: np.random.Generator, n: int, alphabet: str) -> list[str]:
    """Distinct made-up words of consonant and vowel, the frequent short; two in three with a leading space."""
    consonants, vowels = alphabet.split()
    syllables = [a + b for a in consonants for b in vowels]
    order = rng.permutation(len(syllables))
    words = []
    for number in range(n):
        rest, word = number + len(syllables), ""
        while rest:
            rest, place = divmod(rest, len(syllables))
            word = syllables[order[place]] + word
        words.append(word if number % 3 == 2 else " " + word)
    return words


def _target_words(rng: np.random.Generator, n: int) -> list[str]:
    latin, cyrillic = _words(rng, n, LATIN), _words(rng, n, CYRILLIC)
    k = len(CJK)
    return [
        CJK[t // k**3] + CJK[t // k**2 % k] + CJK[t // k % k] + CJK[t % k] if t % 10 == 9
        else cyrillic[t] if t % 5 == 4
        else latin[t]
        for t in range(n)
    ]  # fmt: skip


def _space(rng: np.random.Generator, n: int, dim: int) -> StaticSpace:
    centres = rng.normal(size=(n // CLUSTER + 1, dim))
    source = (centres[np.arange(n) // CLUSTER] + 0.7 * rng.normal(size=(n, dim))).astype(np.float32)
    rotation = random_rotation(dim, 1).astype(np.float32)
    meant = np.minimum(np.arange(n) ^ 1, n - 1)
    target = source[meant] @ rotation + 0.3 * rng.normal(size=(n, dim)).astype(np.float32)
    return StaticSpace(source, target.astype(np.float32), rotation)


def _candidates(space: StaticSpace, stored: int) -> tuple[np.ndarray, np.ndarray]:
    def unit(rows: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1))

    source, target = unit(space.source @ space.rotation), unit(space.target)
    ids = np.full((len(target), stored), -1, np.int64)
    similarities = np.zeros((len(target), stored), np.float32)
    for start in range(0, len(target), CLUSTER):
        block = slice(start, start + CLUSTER)
        cosines = target[block] @ source[block].T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :stored]
        ids[block, : order.shape[1]] = order + start
        similarities[block, : order.shape[1]] = np.take_along_axis(cosines, order, axis=1)
    return ids, similarities


def _single(ids: np.ndarray, similarities: np.ndarray, kind: np.ndarray) -> None:
    """Copied tokens have their source token alone, fallback tokens none."""
    copied = (kind == TokenKind.COPIED) | (kind == TokenKind.BYTE_PIECE)
    ids[copied, 1:], similarities[copied, 0], similarities[copied, 1:] = -1, 1, 0
    none = kind == TokenKind.FALLBACK
    ids[none], similarities[none] = -1, 0


def _table(words: list[str]) -> TokenTable:
    tokens = tuple(word.replace(" ", "Ġ") for word in words)
    initial = np.array([word.startswith(" ") for word in words])
    return TokenTable(tokens, tuple(words), tuple(b"" for _ in words), initial, np.zeros(len(words), dtype=bool), {})


def _write_model(folder: Path, words: list[str], rows: np.ndarray) -> None:
    import torch
    from tokenizers import Tokenizer, models
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary: dict[str, Any] = {word.replace(" ", "Ġ"): place for place, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=next(iter(vocabulary))))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=next(iter(vocabulary))).save_pretrained(folder)
    config = GPT2Config(
        vocab_size=len(rows), n_embd=rows.shape[1], n_layer=1, n_head=2, n_positions=16,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    model.get_input_embeddings().weight.data = torch.from_numpy(rows)
    model.tie_weights()
    model.save_pretrained(folder)
