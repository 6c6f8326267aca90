"""What a run will take before it starts: steps, tokens, time, memory and disk, and what each figure rests on."""

from __future__ import annotations

import shutil
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wechsel_core import paths, processes, runs
from wechsel_core.config import InitConfig, TrainConfig
from wechsel_core.results import TOKENS, read_manifest, read_table
from wechsel_core.training.recipe import Recipe, resolve

#: Bytes a parameter in training: weights, gradients and AdamW's two moments, float32.
STATE_BYTES = 16
#: Bytes a parameter in a checkpoint (weights and moments); two are kept while a third is written.
CHECKPOINT_BYTES, CHECKPOINTS = 12, 3
#: What the process takes without any model: interpreter, torch, transformers, the text.
_BASE_BYTES = 700_000_000
#: Bytes a token, hidden value and layer that the backward pass waits for, and a token and vocabulary entry.
_LAYER_BYTES, _LOGIT_BYTES = 70, 12
_SAMPLE_BYTES = 200_000
#: Until the first step: interpreter, libraries, model, text.
_START_SECONDS = 10.0
#: UTF-8 bytes a token where there is no text to measure it on.
_USUAL_BYTES_PER_TOKEN = 4.0


@dataclass(frozen=True)
class ModelShape:
    """What the cost of training a model depends on.

    Attributes
    ----------
    kind : {"causal", "masked"}
    parameters : int
    multiplied : int
        Parameters that a token is multiplied with: without the input embeddings, unless the output shares them.
    longest : int
        Tokens that it takes at once.
    layers, width, vocabulary : int
    tokenizer : PreTrainedTokenizerFast or None
    """

    kind: str
    parameters: int
    multiplied: int
    longest: int
    layers: int
    width: int
    vocabulary: int
    tokenizer: Any


def model_shape(folder: Path) -> ModelShape:
    """The shape of a result's model, off its config and the headers of its weights.

    A result without its model (an example) has the shape of its source model with its own number of tokens.
    """
    from wechsel_core.models import open_checkpoint
    from wechsel_core.training.worker import longest_block

    whole = (folder / "config.json").is_file()
    checkpoint: Any = open_checkpoint(folder) if whole else _source_of(folder)
    model = checkpoint.skeleton.model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    vocabulary, width = checkpoint.skeleton.rows["input"].shape
    if not whole:
        target = len(read_table(folder, TOKENS, columns=["target_id"]))
        parameters += sum((target - rows.shape[0]) * rows.shape[1] for rows in checkpoint.skeleton.rows.values())
        vocabulary = target
    untied = "output" in checkpoint.skeleton.rows
    text = model.config.get_text_config()
    return ModelShape(
        kind=checkpoint.kind,
        parameters=parameters,
        multiplied=parameters - (vocabulary * width if untied else 0),
        longest=longest_block(types.SimpleNamespace(model=model)),
        layers=int(getattr(text, "num_hidden_layers", 1)),
        width=int(getattr(text, "hidden_size", width)),
        vocabulary=vocabulary,
        tokenizer=checkpoint.tokenizer if whole else None,
    )


def _source_of(folder: Path) -> Any:
    from wechsel_core.assets import resolve as resolve_asset
    from wechsel_core.models import open_checkpoint

    return open_checkpoint(resolve_asset("model", InitConfig.from_dict(read_manifest(folder)["config"]).source))


def cost(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """The figures of ``services.training.plan_cost``."""
    from wechsel_core.training.text import source_bytes
    from wechsel_core.training.worker import device_of

    shape = model_shape(folder)
    recipe = resolve(config, kind=shape.kind, parameters=shape.parameters, longest=shape.longest)
    device = device_of(config).partition(":")[0]
    tokens = recipe.steps * recipe.tokens_per_step
    n_bytes = source_bytes(config.text)
    per_token = _bytes_per_token(config, shape)
    epochs = None
    if n_bytes is not None:
        read = min(n_bytes, config.max_megabytes * 1e6) * (1 if config.held_out else 1 - config.held_out_share)
        epochs = tokens * per_token / read if read else None
    speed, basis = _tokens_per_second(config, shape, recipe, device)
    # A score of the held-out text is a forward pass, a third of a training step's work.
    scored = (recipe.steps // recipe.eval_every + 1) * _held_out_tokens(config, n_bytes, per_token)
    seconds = _START_SECONDS + (tokens + scored / 3) / speed
    place = next(place for place in (paths.runs_dir(), *paths.runs_dir().parents) if place.exists())
    return {
        "kind": shape.kind, "parameters": shape.parameters, "device": device, "steps": recipe.steps, "tokens": tokens,
        "batch_size": recipe.batch_size, "block_size": recipe.block_size, "tokens_per_step": recipe.tokens_per_step,
        "learning_rate": recipe.learning_rate, "warmup_steps": recipe.warmup_steps,
        "frozen_steps": recipe.frozen_steps, "eval_every": recipe.eval_every, "save_every": recipe.save_every,
        "text_bytes": n_bytes, "bytes_per_token": per_token, "epochs": epochs, "tokens_per_second": speed,
        "seconds": seconds, "seconds_basis": basis,
        "memory_bytes": _memory(config, shape, recipe), "memory_free": _free_memory(),
        "disk_bytes": _disk(shape, tokens, n_bytes, per_token), "disk_free": shutil.disk_usage(place).free,
    }  # fmt: skip


def _held_out_tokens(config: TrainConfig, n_bytes: int | None, per_token: float) -> float:
    if config.held_out or n_bytes is None:
        return config.held_out_tokens
    return min(config.held_out_tokens, n_bytes * config.held_out_share / per_token)


def _bytes_per_token(config: TrainConfig, shape: ModelShape) -> float:
    """Measured on the beginning of a text that is here, with the result's tokenizer; else the usual figure."""
    from wechsel_core.training.text import HUB, documents, source_bytes

    if shape.tokenizer is None or config.text.startswith(HUB) or source_bytes(config.text) is None:
        return _USUAL_BYTES_PER_TOKEN
    lines = [line for document in documents(config.text, limit=_SAMPLE_BYTES) for line in document]
    n_bytes = sum(len(line.encode()) + 1 for line in lines)
    n_tokens = sum(len(ids) for ids in shape.tokenizer(lines)["input_ids"]) if lines else 0
    return n_bytes / n_tokens if n_tokens else _USUAL_BYTES_PER_TOKEN


def _tokens_per_second(config: TrainConfig, shape: ModelShape, recipe: Recipe, device: str) -> tuple[float, str]:
    measured = _measured(shape, recipe, device)
    if measured:
        speed, run_id = measured
        return speed, f"the run {run_id} of a model of this size on this machine made {speed:,.0f} tokens a second"
    from wechsel_core.training.speed import STEP_SHARE, product_speed

    product = product_speed(device, config.threads)
    # Forward pass 2, backward pass 4 operations a parameter and token (Kaplan et al. 2020, section 2.1).
    speed = STEP_SHARE * product / (6 * shape.multiplied)
    return speed, (
        f"a matrix product reaches {product / 1e9:,.0f} GFLOP/s on this machine; of it, training is taken to use "
        f"{STEP_SHARE:.0%}, at 6 operations a parameter and token; no run of this size has been measured here yet"
    )


def _measured(shape: ModelShape, recipe: Recipe, device: str) -> tuple[float, str] | None:
    """Tokens a second of the newest run of this machine that trained as many parameters in the same way."""
    wanted = {"parameters": shape.parameters, "block_size": recipe.block_size}
    for entry in runs.list_runs():
        prepared = entry["run"].get("prepared") or {}
        here = not entry["recorded"] and entry["status"].get("host") == processes.host()
        if not here or any(prepared.get(name) != value for name, value in wanted.items()):
            continue
        if entry["run"]["result"].get("kind") != shape.kind or str(prepared.get("device")).split(":")[0] != device:
            continue
        rows = runs.read_metrics(entry["folder"])
        rows = rows[rows["kind"] == "train"]
        between = rows[["tokens", "seconds"]].diff()
        between = between[(between["seconds"] > 0) & (between["tokens"] > 0)]
        if len(between):  # the median: first steps are slow, and other programs come and go
            return float((between["tokens"] / between["seconds"]).median()), entry["id"]
    return None


def _memory(config: TrainConfig, shape: ModelShape, recipe: Recipe) -> int:
    tokens = recipe.tokens_per_step // config.accumulation
    held = shape.layers * shape.width * _LAYER_BYTES
    if config.gradient_checkpointing:
        held = shape.layers * shape.width * 4 + shape.width * _LAYER_BYTES
    wanted = shape.vocabulary * _LOGIT_BYTES * (config.mask_share if shape.kind == "masked" else 1)
    return int(STATE_BYTES * shape.parameters + tokens * (held + wanted) + _BASE_BYTES)


def _disk(shape: ModelShape, tokens: int, n_bytes: int | None, per_token: float) -> int:
    model = 4 * shape.parameters
    text = tokens if n_bytes is None else min(tokens, n_bytes / per_token)
    return int(CHECKPOINTS * CHECKPOINT_BYTES * shape.parameters + model + 4 * text)


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)
