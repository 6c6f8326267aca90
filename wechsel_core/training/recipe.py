"""The figures of a run that its configuration leaves open: steps, batch, learning rate, how often to look."""

from __future__ import annotations

from dataclasses import dataclass

from wechsel_core.config import FROZEN_ARMS, TrainConfig
from wechsel_core.errors import ConfigError

#: AdamW as in the paper's training configurations.
BETAS, EPSILON = (0.9, 0.98), 1e-6
#: Models below this many parameters are of a classroom's size: small batches, a higher learning rate, a short run.
SMALL = 30_000_000
SMALL_TOKENS, SMALL_LEARNING_RATE, SMALL_STEPS = 2048, 1e-3, 300
#: At full size, from the authors' configurations: blocks a step, peak learning rate, steps.
FULL_BATCH = {"causal": 256, "masked": 512}
FULL_LEARNING_RATE = {"causal": 5e-4, "masked": 1e-4}
FULL_STEPS = 250_000
LONGEST_BLOCK = 1024
SCORES, CHECKPOINTS, LOGS = 20, 10, 100


@dataclass(frozen=True)
class Recipe:
    """A run's figures, none of them open."""

    steps: int
    batch_size: int  #: blocks a step, over all devices
    block_size: int
    tokens_per_step: int
    learning_rate: float
    warmup_steps: int
    frozen_steps: int  #: first steps in which the embeddings alone are trained
    eval_every: int
    save_every: int
    log_every: int


def resolve(config: TrainConfig, *, kind: str, parameters: int, longest: int) -> Recipe:
    """Fill in what a configuration leaves open.

    Parameters
    ----------
    config : TrainConfig
    kind : {"causal", "masked"}
    parameters : int
        Of the model.
    longest : int
        Positions that the model has.

    Raises
    ------
    ConfigError
        A block longer than the model takes, or a batch that cannot be cut into ``accumulation`` equal parts.
    """
    small = parameters < SMALL
    block = config.block_size or min(longest, LONGEST_BLOCK)
    if block > longest:
        raise ConfigError(f"block_size is {block}", f"at most the model's {longest} positions", "make it smaller")
    batch = config.batch_size or (max(1, SMALL_TOKENS // block) if small else FULL_BATCH[kind])
    if batch % config.accumulation:
        raise ConfigError(
            f"a batch of {batch} blocks and accumulation {config.accumulation}",
            "parts of equal size",
            "choose an accumulation that divides the batch",
        )
    tokens = batch * block
    steps = config.steps or (max(1, round(config.tokens / tokens)) if config.tokens else 0)
    steps = steps or (SMALL_STEPS if small else FULL_STEPS)
    log_every = max(1, steps // LOGS)
    return Recipe(
        steps=steps,
        batch_size=batch,
        block_size=block,
        tokens_per_step=tokens,
        learning_rate=config.learning_rate or (SMALL_LEARNING_RATE if small else FULL_LEARNING_RATE[kind]),
        warmup_steps=round(config.warmup_share * steps),
        frozen_steps=round(config.frozen_share * steps) if config.arm in FROZEN_ARMS else 0,
        eval_every=config.eval_every or max(1, steps // SCORES),
        save_every=config.save_every or max(1, steps // CHECKPOINTS),
        log_every=log_every,
    )
