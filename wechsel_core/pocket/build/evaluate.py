"""What the pocket's transfers are worth: held-out bits per byte at step 0 and after one short training budget."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.evaluation.blocks import pack_blocks
from wechsel_core.evaluation.language_modeling import HeldOutText
from wechsel_core.pocket.build.models import BLOCK_SIZE, new_model, train
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.services.initialise import initialise

#: Arms: WECHSEL; the trained inner layers under random embeddings; every weight new.
ARMS = ("wechsel", "random embeddings", "untrained")
LEARNING_RATE = 1e-3
HELD_OUT_LINES = 700
STEPS = 120


def _random_embeddings(model: Any, seed: int) -> None:
    """Draw new token rows from Normal(mean, std) of the trained ones, per dimension; biases start at zero."""
    import torch

    rows = model.get_input_embeddings().weight.data
    generator = torch.Generator().manual_seed(seed)
    rows.copy_(rows.mean(0) + rows.std(0) * torch.randn(rows.shape, generator=generator))
    if hasattr(model, "lm_head") and getattr(model.lm_head, "bias", None) is not None:
        model.lm_head.bias.data.zero_()


def evaluate(corpora: Path, language: str, family: str, *, steps: int, seed: int) -> dict[str, Any]:
    """Scores of the three arms of one language and family, on the same text, batches and held-out lines."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result"
        manifest = initialise(InitConfig(source=f"pocket-{family}", target_language=language), out)
        tokenizer = AutoTokenizer.from_pretrained(out)
        loader = AutoModelForCausalLM if family == "gpt2" else AutoModelForMaskedLM
        load: Callable[[], Any] = lambda: loader.from_pretrained(out, dtype=torch.float32)  # noqa: E731
        lines = (corpora / f"{language}.train.txt").read_text("utf-8").splitlines()
        # Spread over the whole corpus: its first megabytes come from one source.
        rng = np.random.default_rng(seed)
        lines = [lines[i] for i in rng.permutation(len(lines))[:30_000]]
        heldout_lines = (corpora / f"{language}.heldout.txt").read_text("utf-8").splitlines()
        stride = max(1, len(heldout_lines) // HELD_OUT_LINES)
        block = BLOCK_SIZE[family]
        heldout = HeldOutText(tokenizer, heldout_lines[::stride], block_size=block, masked=family == "roberta")
        blocks, _ = pack_blocks(tokenizer, lines, block)
        record: dict[str, Any] = {
            "language": language, "family": family, "seed": seed, "steps": steps,
            "held_out_precision": manifest["alignment"]["held_out"],
            "counts": manifest["counts"],
            "pairs_usable": manifest["alignment"]["pairs_usable"],
            "unigram": heldout.score_unigram(blocks, len(tokenizer)).bits_per_byte,
            "arms": {},
        }  # fmt: skip
        for arm in ARMS:
            model = new_model(family, tokenizer, seed) if arm == "untrained" else load()
            if arm == "random embeddings":
                _random_embeddings(model, seed)
            curve = {0: heldout.score(model).bits_per_byte}
            marks = {steps // 4, steps // 2, steps}

            def on_step(step: int, loss: float, curve: dict = curve, model: Any = model, marks: set = marks) -> None:
                if step in marks:
                    curve[step] = heldout.score(model).bits_per_byte

            train(
                model, family, tokenizer, blocks, steps=steps, learning_rate=LEARNING_RATE, seed=seed, on_step=on_step
            )
            record["arms"][arm] = curve
    return record


def main(folder: Path, *, steps: int, seeds: tuple[int, ...], only: str | None = None) -> None:
    """Evaluate every language and family that has no record in ``evaluation/`` yet; continues where it stopped."""
    for seed in seeds:
        for language in TARGET_LANGUAGES:
            for family in FAMILIES:
                path = folder / "evaluation" / f"{language}-{family}-{seed}.json"
                if path.exists() or (only and family != only):
                    continue
                record = evaluate(folder / "corpora", language, family, steps=steps, seed=seed)
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(record, indent=1))
                print(path.name, record["arms"], flush=True)
