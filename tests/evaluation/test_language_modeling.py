"""Held-out scores of models whose loss is known by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.evaluation.letters import Letters
from wechsel_core.errors import TextError
from wechsel_core.evaluation.language_modeling import HELD_OUT_MASK_SHARE, HeldOutText, score_from_sum

VOCAB = 100
LINES = ["abc", "de", "é狗"]  # 4 + 3 + 6 = 13 bytes, 10 tokens with ends


def letters(masked: bool = False) -> Any:
    """Specials 0 to 3, mask 4."""
    tokenizer = Letters(bos=0, eos=1)
    tokenizer.mask_token_id, tokenizer.all_special_ids = 4, [0, 1, 2, 3, 4]  # type: ignore[attr-defined]
    return tokenizer


def model_of(logits_of: Any) -> Any:
    """A model of one function from ids to logits, which notes its mode while scoring."""
    import torch

    class Model(torch.nn.Module):
        device = torch.device("cpu")
        modes: list[bool] = []

        def forward(self, input_ids: Any) -> Any:
            self.modes.append(self.training)
            assert not torch.is_grad_enabled()
            return type("Output", (), {"logits": logits_of(input_ids)})()

    return Model()


def uniform(ids: Any) -> Any:
    import torch

    return torch.zeros((*ids.shape, VOCAB))


def test_score_from_sum_by_hand() -> None:
    """8 bits over 4 tokens and 2 bytes: 2 bits a token (perplexity 4), 4 bits a byte."""
    score = score_from_sum(8 * math.log(2), 4, 2)
    assert score.loss == pytest.approx(2 * math.log(2)) and score.perplexity == pytest.approx(4)
    assert score.bits_per_byte == pytest.approx(4) and (score.n_tokens, score.n_bytes) == (4, 2)


def test_perplexity_of_an_absurd_loss_is_infinite() -> None:
    """exp(800) overflows: infinity, not an exception."""
    assert score_from_sum(800.0, 1, 1).perplexity == math.inf


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_uniform_model_by_hand(batch_size: int) -> None:
    """A model that knows nothing spends log2(V) bits a token: bits per byte = log2(100) x tokens / bytes.

    Blocks of 1 + 3 hold 9 of 10 tokens, so round(13 x 9 / 10) = 12 bytes: 6.6439 x 9 / 12 = 4.9829.
    """
    held_out = HeldOutText(letters(), LINES, block_size=4, masked=False)
    score = held_out.score(model_of(uniform), batch_size=batch_size)
    assert (score.n_tokens, score.n_bytes) == (9, 12)
    assert score.loss == pytest.approx(math.log(VOCAB), rel=1e-6) and score.perplexity == pytest.approx(VOCAB, rel=1e-5)
    assert score.bits_per_byte == pytest.approx(math.log2(VOCAB) * 9 / 12, rel=1e-6) == pytest.approx(4.9829, abs=1e-4)


def test_uniform_masked_model_by_hand() -> None:
    """One token a byte but for line ends: 60 x "abcdefghi" is 540 letters and 60 ends in 600 bytes.

    Only letters are hidden; n of the 540 stand for 600 n / 540 bytes, so log2(100) x 540 / 600 bits a byte.
    """
    held_out = HeldOutText(letters(), ["abcdefghi"] * 60, block_size=11, masked=True)
    score = held_out.score(model_of(uniform))
    assert score.n_tokens == (held_out.labels != -100).sum() == (held_out.inputs == 4).sum()
    assert abs(score.n_tokens - 540 * HELD_OUT_MASK_SHARE) < 30 and score.loss == pytest.approx(
        math.log(VOCAB), rel=1e-6
    )
    assert score.bits_per_byte == pytest.approx(math.log2(VOCAB) * 540 / 600, rel=0.02)


def test_a_model_that_knows_the_next_token_scores_zero() -> None:
    """Logits at place i are judged by token i + 1: a shift by one either way would cost about 50 nats."""
    import torch

    held_out = HeldOutText(letters(), ["abcdefgh"], block_size=5, masked=False)

    def oracle(ids: Any) -> Any:
        following = torch.cat([ids[:, 1:], ids[:, :1]], dim=1)
        return 50.0 * torch.nn.functional.one_hot(following, VOCAB).float()

    assert held_out.score(model_of(oracle)).loss < 1e-6
    copycat = model_of(lambda ids: 50.0 * torch.nn.functional.one_hot(ids, VOCAB).float())
    assert held_out.score(copycat).loss > 40


def test_masked_model_is_judged_at_its_own_places() -> None:
    """Predicting the hidden token where the mask stands costs nothing, whatever it says elsewhere."""
    import torch

    held_out = HeldOutText(letters(), ["abcdefghi"] * 8, block_size=11, masked=True)
    truth = torch.from_numpy(np.where(held_out.labels == -100, 0, held_out.labels))
    model = model_of(lambda ids: 50.0 * torch.nn.functional.one_hot(truth, VOCAB).float())
    assert held_out.score(model, batch_size=100).loss < 1e-6


def always(token_id: int) -> Any:
    """A model that says one token everywhere."""
    import torch

    return model_of(lambda ids: torch.nn.functional.one_hot(torch.full_like(ids, token_id), VOCAB).float())


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_accuracy_by_hand(batch_size: int) -> None:
    """Stream a b c END d e END ? ? of 9 predicted tokens: two are the end (1), one is d (13), none is z (35)."""
    held_out = HeldOutText(letters(), LINES, block_size=4, masked=False)
    shares = [held_out.score(always(token_id), batch_size=batch_size).accuracy for token_id in (1, 13, 35)]
    assert shares == [pytest.approx(2 / 9), pytest.approx(1 / 9), 0.0]


def test_masked_accuracy_counts_the_hidden_tokens_alone() -> None:
    held_out = HeldOutText(letters(), ["abcdefghi"] * 60, block_size=11, masked=True)
    hidden = held_out.labels[held_out.labels != -100]
    assert held_out.score(always(12)).accuracy == pytest.approx((hidden == 12).mean()) != 0


def test_of_equally_likely_tokens_the_lowest_id_counts() -> None:
    """The uniform model says token 0, which is never predicted; among two likeliest, 1 and 13, it says 1."""
    import torch

    held_out = HeldOutText(letters(), LINES, block_size=4, masked=False)
    assert held_out.score(model_of(uniform)).accuracy == 0
    favourites = torch.zeros(VOCAB)
    favourites[[1, 13]] = 1.0
    score = held_out.score(model_of(lambda ids: favourites.expand(*ids.shape, VOCAB)))
    assert score.accuracy == pytest.approx(2 / 9)


@pytest.mark.parametrize("masked", [True, False])
def test_counting_changes_no_bit_of_the_loss(masked: bool) -> None:
    """What training records without accuracy equals what ``score`` gives, to the last bit, and one pass does both."""
    import torch

    table = torch.randn((VOCAB, VOCAB), generator=torch.Generator().manual_seed(0))
    model = model_of(lambda ids: table[ids])
    held_out = HeldOutText(letters(), ["abcdefghi"] * 60, block_size=11, masked=masked)
    n_passes = len(model.modes)
    score = held_out.score(model, batch_size=4)
    assert len(model.modes) - n_passes == -(-len(held_out.inputs) // 4)
    total = held_out.nll_sum(model, batch_size=4)
    assert score.loss == total / held_out.n_tokens
    assert score_from_sum(total, held_out.n_tokens, held_out.n_bytes).accuracy is None
    shares = [held_out.nll_sum(model, batch_size=4, part=part, parts=3) for part in range(3)]
    assert sum(shares) == pytest.approx(total)


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_restored(training: bool) -> None:
    """Dropout is off while scoring; a model in training goes on training."""
    model = model_of(uniform).train(training)
    HeldOutText(letters(), LINES, block_size=4, masked=False).score(model)
    assert model.training is training and not any(model.modes)


def test_first_token_is_context_alone() -> None:
    held_out = HeldOutText(letters(), LINES, block_size=4, masked=False)
    assert (held_out.labels[:, 0] == -100).all() and (held_out.labels[:, 1:] == held_out.inputs[:, 1:]).all()


def test_one_fixed_mask() -> None:
    """Two evaluations differ by the model alone; the start token and the ends are never hidden."""
    first, second = (HeldOutText(letters(), ["abcdefghi"] * 20, block_size=8, masked=True) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.inputs[:, 0] == 0).all() and (first.labels[:, 0] == -100).all() and not (first.labels == 1).any()


@pytest.mark.parametrize("masked", [True, False])
def test_too_short_a_text_is_refused(masked: bool) -> None:
    with pytest.raises(TextError, match="shorter than one block of 50 tokens"):
        HeldOutText(letters(), LINES, block_size=50, masked=masked)


def test_unigram_by_hand() -> None:
    """Training blocks (start apart) a a a END in a vocabulary of 12; add one: a (10) 4/16, END 2/16, b (11) 1/16.

    Held out "ab" as a b END: 2 + 4 + 3 = 9 bits, over 3 tokens and 3 bytes.
    """
    held_out = HeldOutText(letters(), ["ab"], block_size=4, masked=False)
    score = held_out.score_unigram(np.array([[0, 10, 10, 10, 1]]), vocab_size=12)
    assert score.loss == pytest.approx(3 * math.log(2)) and score.bits_per_byte == pytest.approx(3)
    assert score.perplexity == pytest.approx(8) and (score.n_tokens, score.n_bytes) == (3, 3)
    assert score.accuracy == pytest.approx(1 / 3), "the most frequent token is a, one of three"


def test_unigram_of_unseen_text_is_uniform() -> None:
    """Without training text add-one smoothing leaves every token alike: log2(V) bits a token."""
    held_out = HeldOutText(letters(), LINES, block_size=4, masked=False)
    score = held_out.score_unigram(np.empty((0, 4), dtype=np.int64), VOCAB)
    assert score.loss == pytest.approx(math.log(VOCAB))


def test_nothing_hidden_is_refused() -> None:
    """One ordinary token in the whole text and a mask of 15 percent: told in words, not by a division by zero."""
    with pytest.raises(TextError, match="the mask hides no token"):
        HeldOutText(letters(), ["a"], block_size=3, masked=True).score(model_of(uniform))
