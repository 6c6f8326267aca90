"""Seconds a step of one training loop over the pocket's GPT-2 or RoBERTa: the project's, or a bare one in PyTorch.

Both train the same model on the same batches with the same optimiser, schedule and clipping; the bare loop does nothing
else. It gets the masked model's head at the wanted positions alone as well, so that a trick is not taken for a loop.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from probe import libraries, read_spec, write_record

from wechsel_core.config import TrainConfig
from wechsel_core.evaluation.language_modeling import HeldOutText
from wechsel_core.evaluation.wanted_positions import output_at
from wechsel_core.models import load_model
from wechsel_core.paths import pocket_dir
from wechsel_core.runs import MetricsWriter
from wechsel_core.training import arms, data, loop
from wechsel_core.training.recipe import BETAS, EPSILON, Recipe, resolve


def main() -> None:
    """Train for the steps of the spec and write the seconds of each step after the warm-up."""
    import torch

    spec = read_spec()
    start = load_model(pocket_dir() / "models" / spec["family"])
    block = 256 if start.kind == "causal" else 128
    config = TrainConfig(
        result="pocket", text="generated", steps=spec["steps"], block_size=block, batch_size=2048 // block,
        eval_every=spec["steps"], save_every=10 * spec["steps"], device="cpu",
    )  # fmt: skip
    recipe = resolve(config, kind=start.kind, parameters=1, longest=block)
    blocks = np.random.default_rng(0).integers(10, 8192, (400, block))
    mask = data.masker(start.tokenizer, 8192, config.mask_share) if start.kind == "masked" else None
    examples = data.Examples(blocks, recipe.steps * recipe.batch_size, 0, mask)
    ends = (trainer if spec["engine"] == "trainer" else bare)(start, examples, recipe, config)
    seconds = np.diff(ends)[spec["warm_up"] :]
    tokens = recipe.tokens_per_step
    write_record(
        {
            "seconds_per_step": float(seconds.sum() / len(seconds)), "median": float(np.median(seconds)),
            "tokens_per_second": tokens * len(seconds) / float(seconds.sum()), "threads": torch.get_num_threads(),
            "libraries": libraries(),
        }
    )  # fmt: skip


def trainer(start: Any, examples: Any, recipe: Recipe, config: TrainConfig) -> list[float]:
    """The project's loop, with its metrics and its looks at the stop file; the ends of its steps."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        held_out = HeldOutText(
            start.tokenizer, ["a line of text"] * 200, block_size=recipe.block_size, masked=start.kind == "masked"
        )
        with MetricsWriter(Path(folder), 1) as metrics:
            stop = Path(folder) / "stop"
            watch = loop.Watch(lambda step: ends.append(time.perf_counter()), stop.exists, metrics, 4.0)
            loop.train(
                start, examples, held_out, recipe, config, Path(folder), watch,
                embeddings=arms.embedding_names(start.model), checkpoint=None, seconds=0.0,
            )  # fmt: skip
    return ends


def bare(start: Any, examples: Any, recipe: Recipe, config: TrainConfig) -> list[float]:
    """A loop in PyTorch and nothing else; the ends of its steps."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    model, masked = start.model.train(), start.kind == "masked"
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=config.weight_decay
    )
    schedule = get_linear_schedule_with_warmup(optimizer, recipe.warmup_steps, recipe.steps)
    ends, wanted = [], None
    for step in range(recipe.steps):
        places = range(step * recipe.batch_size, (step + 1) * recipe.batch_size)
        batch = loop.collate([examples[place] for place in places])
        wanted = batch["labels"] != -100
        if masked:
            with output_at(model, lambda wanted=wanted: wanted):
                logits = model(input_ids=batch["input_ids"]).logits
            loss = torch.nn.functional.cross_entropy(logits, batch["labels"][wanted])
        else:
            logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        ends.append(time.perf_counter())
    return ends


if __name__ == "__main__":
    main()
