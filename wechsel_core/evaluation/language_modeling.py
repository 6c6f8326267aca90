"""Loss, perplexity, bits per byte and token accuracy of causal and masked language models on held-out text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wechsel_core.errors import TextError
from wechsel_core.evaluation.blocks import mask_blocks, pack_blocks
from wechsel_core.evaluation.wanted_positions import output_at

HELD_OUT_MASK_SHARE = 0.15
HELD_OUT_MASK_SEED = 20220710


@dataclass(frozen=True)
class HeldOutScore:
    """Scores of one model on one text.

    ``loss`` is the mean negative log-likelihood in nats a predicted token; ``bits_per_byte`` the same in bits
    a UTF-8 byte of the predicted tokens, the figure that stays comparable across tokenizers. ``accuracy`` is the share
    of predicted tokens that the model ranks first (of equally likely ones, the token of the lowest id); None where that
    was not counted.
    """

    loss: float
    perplexity: float
    bits_per_byte: float
    n_tokens: int
    n_bytes: int
    accuracy: float | None = None


def score_from_sum(nll_sum: float, n_tokens: int, n_bytes: int, n_right: int | None = None) -> HeldOutScore:
    """Turn a summed negative log-likelihood (nats), and how many tokens were ranked first, into the scores."""
    loss = nll_sum / n_tokens
    perplexity = math.exp(loss) if loss < 700 else math.inf
    accuracy = None if n_right is None else n_right / n_tokens
    return HeldOutScore(loss, perplexity, nll_sum / math.log(2) / n_bytes, n_tokens, n_bytes, accuracy)


class HeldOutText:
    """A held-out text made ready once for many evaluations of models that share a tokenizer.

    Masked models see one fixed mask (15 percent of the tokens, fixed seed), so that two evaluations differ by
    the model alone; the bytes that count are then those of the hidden tokens.
    """

    def __init__(self, tokenizer: Any, lines: Sequence[str], *, block_size: int, masked: bool) -> None:
        self.block_size, self.masked = block_size, masked
        blocks, n_bytes = pack_blocks(tokenizer, lines, block_size)
        if not len(blocks):
            raise TextError(
                f"held-out text shorter than one block of {block_size} tokens", "more of it", "give more text"
            )
        if masked:
            special = tokenizer.all_special_ids
            self.inputs, self.labels = mask_blocks(
                blocks,
                mask_id=tokenizer.mask_token_id,
                special_ids=special,
                share=HELD_OUT_MASK_SHARE,
                rng=np.random.default_rng(HELD_OUT_MASK_SEED),
            )
            ordinary = int((~np.isin(blocks[:, 1:], special)).sum())
            self.n_tokens = int((self.labels != -100).sum())
            if not self.n_tokens:
                raise TextError("held-out text of which the mask hides no token", "more of it", "give more text")
            self.n_bytes = round(n_bytes * self.n_tokens / max(ordinary, 1))
        else:
            self.inputs, self.labels = blocks, blocks.copy()
            self.labels[:, 0] = -100
            self.n_tokens, self.n_bytes = int(blocks[:, 1:].size), n_bytes

    def score(self, model: Any, *, batch_size: int = 16) -> HeldOutScore:
        """Score a model (transformers causal or masked LM, in any device and mode; the mode is restored)."""
        n_right = 0

        def count(logits: Any, labels: Any) -> None:
            nonlocal n_right
            n_right += int((logits.argmax(-1) == labels).sum().item())

        nll_sum = self.nll_sum(model, batch_size=batch_size, look=count)
        return score_from_sum(nll_sum, self.n_tokens, self.n_bytes, n_right)

    def nll_sum(
        self,
        model: Any,
        *,
        batch_size: int = 16,
        part: int = 0,
        parts: int = 1,
        forward: Any | None = None,
        look: Callable[[Any, Any], None] | None = None,
    ) -> float:
        """Summed negative log-likelihood in nats of one of several equal shares of the text.

        Parameters
        ----------
        model : transformers.PreTrainedModel
        batch_size : int
            Blocks at once. More is faster up to a point and needs more memory.
        part, parts : int
            The share: batches ``part``, ``part + parts``, ... Every share makes as many forward passes (an idle one
            repeats the first batch and leaves it out), which models spread over devices need.
        forward : callable, optional
            What to call in place of ``model``: its wrapped form.
        look : callable, optional
            Given the logits (n_predicted, n_tokens) and the right tokens (n_predicted,) of every batch of the share.
        """
        import torch
        from torch.nn.functional import cross_entropy

        device, was_training = model.device, model.training
        model.eval()
        total = 0.0
        n_batches = -(-len(self.inputs) // batch_size)
        with torch.no_grad():
            for first in range(0, n_batches, parts):
                number = first + part
                start = (number if number < n_batches else 0) * batch_size
                inputs = torch.from_numpy(self.inputs[start : start + batch_size]).to(device)
                labels = torch.from_numpy(self.labels[start : start + batch_size]).to(device)
                logits, labels = self._predicted(model, forward or model, inputs, labels)
                if number < n_batches:
                    total += float(cross_entropy(logits.float(), labels, reduction="sum").item())
                    if look:
                        look(logits, labels)
        model.train(was_training)
        return total

    def _predicted(self, model: Any, forward: Any, inputs: Any, labels: Any) -> tuple[Any, Any]:
        """Logits (n_predicted, n_tokens) at the places that are judged, and the right tokens (n_predicted,)."""
        if self.masked:
            wanted = labels != -100
            with output_at(model, lambda: wanted) as chosen:
                logits = forward(input_ids=inputs).logits
            logits, labels = logits if chosen else logits[wanted], labels[wanted]
        else:
            logits, labels = forward(input_ids=inputs).logits[:, :-1], labels[:, 1:]
        return logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)

    def score_unigram(self, train_blocks: np.ndarray, vocab_size: int) -> HeldOutScore:
        """Score the unigram model of ``train_blocks`` (add-one smoothing): what token counts alone can say."""
        counts = np.bincount(train_blocks[:, 1:].ravel(), minlength=vocab_size) + 1.0
        log_probability = np.log(counts / counts.sum())
        wanted = self.labels[self.labels != -100]
        n_right = int((wanted == counts.argmax()).sum())
        return score_from_sum(float(-log_probability[wanted].sum()), self.n_tokens, self.n_bytes, n_right)
