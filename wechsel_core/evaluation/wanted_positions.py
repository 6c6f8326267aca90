"""Let a model work out its output layer at some positions only: for a masked model most of it is never looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

#: What the heads of masked language models are called: RoBERTa and its kin, BERT.
_HEADS = ("lm_head", "cls")


@contextlib.contextmanager
def output_at(model: Any, wanted: Callable[[], Any]) -> Iterator[bool]:
    """Inside the block ``model(...).logits`` has one row a wanted position, shape (n_wanted, n_tokens).

    The choice is made on the way into the head, so it holds for a model that is wrapped for several devices as well.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    wanted : callable
        Gives the bool tensor (n_blocks, block_size) of the batch at hand.

    Yields
    ------
    bool
        False for a model without such a head, whose logits stay whole.
    """
    head = next((getattr(model, name) for name in _HEADS if hasattr(model, name)), None)
    if head is None:
        yield False
        return
    handle = head.register_forward_pre_hook(lambda module, inputs: (inputs[0][wanted()], *inputs[1:]))
    try:
        yield True
    finally:
        handle.remove()
