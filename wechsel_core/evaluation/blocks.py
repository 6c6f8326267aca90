"""Text lines as packed blocks of token ids, the unit in which models are trained and scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wechsel_core.errors import TokenizerError

#: Tokenized lists of ids take ten times the room of the array that they become.
LINES_AT_ONCE = 20_000


def pack_blocks(tokenizer: Any, lines: Sequence[str], block_size: int) -> tuple[np.ndarray, int]:
    """Tokenize lines, end each with the separator token and cut the stream into equal blocks.

    Every block starts with the tokenizer's start token, which is context only: the first real token of a
    block is predicted too, so that a block's loss covers all its text.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        Needs an end role (eos or sep); the start role (bos or cls) falls back to the end's.
    lines : sequence of str
        One paragraph each.
    block_size : int
        Tokens a block, the start token included.

    Returns
    -------
    blocks : ndarray of int64, shape (n_blocks, block_size)
        The last incomplete block is dropped.
    n_bytes : int
        UTF-8 bytes of the text that the blocks cover, one a line for its end.
    """
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if end is None:
        raise TokenizerError("a tokenizer with neither eos nor sep token", "one of them to end a line", "add one")
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    start = end if start is None else start
    parts = [
        _token_ids(tokenizer, lines[first : first + LINES_AT_ONCE], end)
        for first in range(0, len(lines), LINES_AT_ONCE)
    ]
    stream = np.concatenate(parts) if parts else np.empty(0, np.int32)
    payload = block_size - 1
    n_blocks = len(stream) // payload
    blocks = np.full((n_blocks, block_size), start, dtype=np.int64)
    blocks[:, 1:] = stream[: n_blocks * payload].reshape(n_blocks, payload)
    total_bytes = sum(len(line.encode()) + 1 for line in lines)
    # The dropped tail is less than one block: its share of the bytes is taken from the share of tokens.
    return blocks, round(total_bytes * (n_blocks * payload) / max(len(stream), 1))


def _token_ids(tokenizer: Any, lines: Sequence[str], end: int) -> np.ndarray:
    encoded = tokenizer(list(lines), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    return np.fromiter((i for ids in encoded for i in (*ids, end)), dtype=np.int32)


def mask_blocks(
    blocks: np.ndarray, *, mask_id: int, special_ids: Sequence[int], share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Replace a random share of the ordinary tokens by the mask token.

    Returns
    -------
    inputs, labels : ndarray of int64, shape (n_blocks, block_size)
        ``labels`` holds the hidden token where ``inputs`` holds the mask, and -100 elsewhere.
    """
    hidden = (rng.random(blocks.shape) < share) & ~np.isin(blocks, list(special_ids))
    return np.where(hidden, mask_id, blocks), np.where(hidden, blocks, -100)
