"""What a configuration leaves open."""

from __future__ import annotations

import pytest

from wechsel_core.config import TrainConfig
from wechsel_core.errors import ConfigError
from wechsel_core.training.recipe import resolve


def config(**values: object) -> TrainConfig:
    return TrainConfig(**({"result": "r", "text": "t"} | values))  # type: ignore[arg-type]


def test_the_papers_figures_at_full_size() -> None:
    causal = resolve(config(), kind="causal", parameters=124_000_000, longest=1024)
    masked = resolve(config(), kind="masked", parameters=125_000_000, longest=512)
    assert (causal.steps, causal.batch_size, causal.block_size, causal.learning_rate) == (250_000, 256, 1024, 5e-4)
    assert (masked.steps, masked.batch_size, masked.block_size, masked.learning_rate) == (250_000, 512, 512, 1e-4)
    assert causal.warmup_steps == masked.warmup_steps == 25_000 and causal.frozen_steps == 0
    assert causal.tokens_per_step * causal.steps == 65_536_000_000  # field: 65.5 billion tokens


def test_a_small_model_and_a_budget_in_tokens() -> None:
    recipe = resolve(config(tokens=100_000), kind="causal", parameters=3_400_000, longest=256)
    assert (recipe.batch_size, recipe.tokens_per_step, recipe.steps) == (8, 2048, 49)
    assert recipe.log_every == 1 and recipe.eval_every == 2 and recipe.save_every == 4


def test_frozen_steps_for_the_arms_that_have_them() -> None:
    given = {"steps": 40, "frozen_share": 0.25}
    rests = {
        arm: resolve(config(arm=arm, **given), kind="causal", parameters=1, longest=8).frozen_steps
        for arm in ("wechsel", "random", "transinner", "wechsel-frozen", "random-neighbors", "permuted")
    }
    assert {arm for arm, steps in rests.items() if steps} == {"transinner", "wechsel-frozen"}
    assert rests["transinner"] == 10


def test_figures_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match="at most the model's 256 positions"):
        resolve(config(block_size=512), kind="causal", parameters=1, longest=256)
    with pytest.raises(ConfigError, match="a batch of 8 blocks and accumulation 3"):
        resolve(config(batch_size=8, accumulation=3), kind="causal", parameters=1, longest=256)
