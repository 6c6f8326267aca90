"""Packing and masking by hand, with a tokenizer of one token a letter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.letters import Letters
from wechsel_core.errors import TokenizerError
from wechsel_core.evaluation.blocks import mask_blocks, pack_blocks

START, END, SEP, CLS = 0, 1, 2, 3


def test_pack_by_hand() -> None:
    """Lines "abc" "de" as stream a b c END d e END (7 tokens); blocks of 1 + 3: two of them, the last END is dropped.

    Bytes: (3 + 1) + (2 + 1) = 7 for 7 tokens; 6 of 7 tokens are kept, so 6 bytes.
    """
    blocks, n_bytes = pack_blocks(Letters(bos=START, eos=END), ["abc", "de"], 4)
    assert blocks.tolist() == [[START, 10, 11, 12], [START, END, 13, 14]] and n_bytes == 6
    assert blocks.dtype == np.int64


def test_bytes_are_utf8() -> None:
    """Lines "é" and "狗" are 2 and 3 bytes, plus one a line: 7 bytes for the four tokens é END 狗 END."""
    blocks, n_bytes = pack_blocks(Letters(bos=START, eos=END), ["é", "狗"], 3)
    assert blocks.shape == (2, 3) and n_bytes == 7


def test_roles_fall_back() -> None:
    """BERT frames by cls and sep; GPT-2 starts with its one special token, the end."""
    assert pack_blocks(Letters(cls=CLS, sep=SEP), ["a"], 3)[0].tolist() == [[CLS, 10, SEP]]
    assert pack_blocks(Letters(eos=END), ["a"], 3)[0].tolist() == [[END, 10, END]]
    roberta = Letters(bos=START, eos=END, cls=CLS, sep=SEP)
    assert pack_blocks(roberta, ["a"], 3)[0].tolist() == [[START, 10, END]], "bos and eos go first"


def test_end_token_of_id_zero_is_a_token() -> None:
    assert pack_blocks(Letters(eos=0, sep=SEP), ["a"], 3)[0].tolist() == [[0, 10, 0]]


def test_too_short_and_empty_lines() -> None:
    blocks, n_bytes = pack_blocks(Letters(eos=END), ["ab"], 5)
    assert blocks.shape == (0, 5) and n_bytes == 0
    assert pack_blocks(Letters(eos=END), ["", ""], 3)[0].tolist() == [[END, END, END]]
    assert pack_blocks(Letters(eos=END), [], 4)[0].shape == (0, 4)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(lines=st.lists(st.text("abcé狗", max_size=9), max_size=6), block_size=st.integers(2, 9))
def test_blocks_join_to_the_stream(lines: list[str], block_size: int) -> None:
    """Nothing is lost but less than a block at the end, in tokens and in bytes."""
    blocks, n_bytes = pack_blocks(Letters(bos=START, eos=END), lines, block_size)
    stream = [i for line in lines for i in (*Letters()([line], add_special_tokens=False)["input_ids"][0], END)]
    kept = blocks[:, 1:].ravel()
    assert kept.tolist() == stream[: len(kept)] and 0 <= len(stream) - len(kept) < block_size - 1
    assert (blocks[:, 0] == START).all()
    total = sum(len(line.encode()) + 1 for line in lines)
    assert n_bytes == (round(total * len(kept) / len(stream)) if stream else 0) <= total


def test_tokenizer_without_an_end_is_refused() -> None:
    """The docstring asks for an end role; a tokenizer without one is bad input."""
    with pytest.raises(TokenizerError):
        pack_blocks(Letters(bos=START), ["ab"], 3)


BLOCKS = np.array([[0, 10, 11, 1], [0, 12, 1, 13]])


def test_mask_by_hand() -> None:
    """Draws below the share are hidden: 0.1 of 0.15 at places 1 (token 10) and, in row two, 0 (special) and 3."""
    draws = np.array([[0.9, 0.1, 0.5, 0.05], [0.0, 0.15, 0.9, 0.14]])
    rng: Any = SimpleNamespace(random=lambda shape: draws)
    inputs, labels = mask_blocks(BLOCKS, mask_id=7, special_ids=[0, 1, 7], share=0.15, rng=rng)
    assert inputs.tolist() == [[0, 7, 11, 1], [0, 12, 1, 7]]
    assert labels.tolist() == [[-100, 10, -100, -100], [-100, -100, -100, 13]]


def test_share_of_one_masks_all_but_specials() -> None:
    inputs, labels = mask_blocks(BLOCKS, mask_id=7, special_ids=[0, 1], share=1.0, rng=np.random.default_rng(0))
    assert inputs.tolist() == [[0, 7, 7, 1], [0, 7, 1, 7]] and (labels == -100).sum() == 4
    assert BLOCKS.tolist() == [[0, 10, 11, 1], [0, 12, 1, 13]], "the blocks are not changed"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1), special=st.sets(st.integers(0, 9)))
def test_never_masks_specials_and_repeats_by_seed(seed: int, share: float, special: set[int]) -> None:
    blocks = np.random.default_rng(seed).integers(0, 10, (4, 8))
    first, second = (
        mask_blocks(blocks, mask_id=50, special_ids=list(special), share=share, rng=np.random.default_rng(seed))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    inputs, labels = first
    hidden = inputs == 50
    assert not np.isin(blocks[hidden], list(special)).any()
    np.testing.assert_array_equal(labels, np.where(hidden, blocks, -100))
    np.testing.assert_array_equal(inputs[~hidden], blocks[~hidden])
    assert inputs.dtype == labels.dtype == np.int64


def test_share_is_met_on_the_average() -> None:
    blocks = np.full((200, 100), 5)
    _, labels = mask_blocks(blocks, mask_id=1, special_ids=[1], share=0.15, rng=np.random.default_rng(0))
    assert abs((labels != -100).mean() - 0.15) < 0.01
