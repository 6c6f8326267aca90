"""Deduplication, the split, blocks, and what stands at a position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import ROBERTA_SPECIALS, tiny_tokenizer
from wechsel_core.errors import TextError
from wechsel_core.training.data import Examples, lines_sha256, masker, packed, split_text, thinned

LINES = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), min_size=30, max_size=60)


def test_split_by_hand() -> None:
    """A repeated line stays where it came first, held-out text before all."""
    split = split_text([["a", "b"], ["c", "a"], ["d"]], [["b", "x"], ["x"]], 0.5)
    assert split.held_out == ("b", "x") and split.train == ("a", "c", "d")
    assert (split.train_documents, split.held_out_documents) == (3, 1)


@given(documents=st.lists(st.lists(st.text("abcdef", min_size=1), min_size=1, max_size=4), min_size=1, max_size=80))
@settings(deadline=None)
def test_no_line_on_both_sides(documents: list[list[str]]) -> None:
    try:
        split = split_text(documents, None, 0.3)
    except TextError:
        return
    both = [*split.train, *split.held_out]
    assert len(set(both)) == len(both)
    assert set(both) == {line for document in documents for line in document}


def test_the_side_of_a_document_depends_on_it_alone() -> None:
    documents = [[f"line {number}"] for number in range(2000)]
    first = set(split_text(documents, None, 0.1).held_out)
    other = set(split_text(documents[::-1][:1000], None, 0.1).held_out)
    assert other == first & {line for document in documents[1000:] for line in document}
    assert 150 < len(first) < 250  # 0.1 of 2,000, five standard deviations to either side


def test_of_few_documents_one_goes_out() -> None:
    documents = [[f"line {number}"] for number in range(5)]
    split = split_text(documents, None, 1e-9)
    assert split.held_out_documents == 1 and split.train_documents == 4
    assert split_text(documents[::-1], None, 1e-9).held_out == split.held_out


@pytest.mark.parametrize("share,side", [(0.0, "hold out"), (0.5, "train on")])
def test_an_empty_side_is_refused(share: float, side: str) -> None:
    held_out = None if side == "hold out" else [["a"]]
    with pytest.raises(TextError, match=f"nothing to {side}"):
        split_text([["a"]], held_out, share)


def test_packed_comes_from_the_cache_the_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    tokenizer, lines = tiny_tokenizer(), ["the cat sat on the mat"] * 9
    made = packed(tokenizer, "t", lines, lines_sha256(lines), 8)
    again = packed(None, "t", [], lines_sha256(lines), 8)
    np.testing.assert_array_equal(made, again)
    assert made.dtype == np.int32 and made.shape[1] == 8
    with pytest.raises(TextError, match="shorter than one block"):
        packed(tokenizer, "t", lines[:1], "other", 512)
    assert len(list((tmp_path / "cache" / "blocks").iterdir())) == 1


def test_thinned_lines_are_spread_evenly() -> None:
    tokenizer, lines = tiny_tokenizer(), ["the cat sat"] * 100
    total = sum(len(ids) for ids in tokenizer(lines)["input_ids"])
    numbered = [f"{number}" for number in range(100)]
    assert thinned(tokenizer, lines, 10 * total) == lines and len(thinned(tokenizer, lines, total // 2)) == 50
    kept = [int(line) for line in thinned(_OneToken(), numbered, 30)]
    assert len(kept) == 30 and kept[0] == 0 and set(np.diff(kept)) <= {3, 4}


class _OneToken:
    """A tokenizer that makes one token of every text."""

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
        return {"input_ids": [[0]] * len(texts)}


def test_every_block_once_a_round_in_a_new_order() -> None:
    blocks = np.arange(7)[:, None] + np.zeros((1, 3), int)
    examples = Examples(blocks, 21, seed=3)
    rounds = [
        [int(examples[position]["input_ids"][0]) for position in range(7 * turn, 7 * turn + 7)] for turn in range(3)
    ]
    assert all(sorted(order) == list(range(7)) for order in rounds) and rounds[0] != rounds[1]


def test_a_position_gives_the_same_whatever_was_asked_before() -> None:
    tokenizer = tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    blocks = np.random.default_rng(0).integers(7, len(tokenizer), (11, 32))
    mask = masker(tokenizer, len(tokenizer), 0.3)
    forwards, backwards = (Examples(blocks, 40, seed=1, mask=mask) for _ in range(2))
    expected = [forwards[position] for position in range(40)]
    for position in reversed(range(40)):
        for name, values in backwards[position].items():
            np.testing.assert_array_equal(values, expected[position][name])
    assert any((Examples(blocks, 40, seed=2, mask=mask)[0]["input_ids"] != expected[0]["input_ids"]).tolist())


def test_causal_labels_leave_the_start_token_out() -> None:
    example = Examples(np.array([[5, 6, 7]]), 1, seed=0)[0]
    assert example["labels"].tolist() == [-100, 6, 7] and example["input_ids"].tolist() == [5, 6, 7]


def test_roberta_masking_in_the_long_run() -> None:
    tokenizer = tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    rng = np.random.default_rng(0)
    block = rng.integers(7, len(tokenizer), 200_000)
    block[::50] = tokenizer.eos_token_id
    inputs, labels = masker(tokenizer, len(tokenizer), 0.2)(block, rng)
    chosen = labels != -100
    assert not chosen[block == tokenizer.eos_token_id].any()
    np.testing.assert_array_equal(labels[chosen], block[chosen])
    np.testing.assert_array_equal(inputs[~chosen], block[~chosen])
    shown = np.where(inputs[chosen] == tokenizer.mask_token_id, 0, np.where(inputs[chosen] == block[chosen], 1, 2))
    shares = np.bincount(shown, minlength=3) / chosen.sum()
    np.testing.assert_allclose(chosen.mean(), 0.2 * 0.98, atol=0.005)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.01)
