"""Run folders with made-up numbers, written through the run store itself."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wechsel_core import paths, processes, runs
from wechsel_core.config import TrainConfig, config_hash

STEPS, TOKENS_PER_STEP, EVERY = 100, 2048, 10
#: Held-out losses by step that halve the distance to 4: the random arm from 9, the others from lower.
STARTS = {"wechsel": 6.5, "random": 9.0, "transinner": 8.0}
RESULT = {
    "name": "pocket-gpt2-fr", "source": "pocket-gpt2", "target_language": "fr", "method": "wechsel", "kind": "causal",
    "config_hash": "0" * 64,
}  # fmt: skip


def prepared(config: TrainConfig, **changes: Any) -> dict[str, Any]:
    """What a worker records, with hashes of it as the specification asks."""
    steps = config.steps or STEPS
    values: dict[str, Any] = {
        "train_sha256": "a" * 64, "held_out_sha256": "b" * 64, "tokenizer_sha256": "c" * 64, "train_bytes": 900_000,
        "train_lines": 9000, "train_documents": 90, "held_out_documents": 10, "held_out_bytes": 50_000,
        "held_out_tokens": 12_000, "bytes_per_token": 4.2, "train_blocks": 800, "unigram_bits_per_byte": 2.6,
        "parameters": 2_000_000, "device": "cpu", "precision": "float32", "threads": 2, "steps": steps, "batch_size": 16,
        "block_size": 128, "tokens_per_step": TOKENS_PER_STEP, "learning_rate": 5e-4, "warmup_steps": steps // 10,
        "weight_decay": 0.01, "betas": [0.9, 0.98], "epsilon": 1e-6,
        "frozen_steps": steps // 10 if config.arm in ("transinner", "wechsel-frozen") else 0, "eval_every": EVERY,
        "save_every": EVERY, "log_every": 5, "optimizer": "AdamW", "initialisation": f"rows of {config.arm}",
    } | changes  # fmt: skip
    equal = {name: value for name, value in values.items() if name not in ("initialisation", "frozen_steps")}
    return values | {"comparison_hash": config_hash(equal | {"seed": config.seed}), "group_hash": config_hash(equal)}


def curve(arm: str, seed: int, steps: int = STEPS) -> list[tuple[int, float]]:
    """Held-out losses that fall towards 4, a little apart from seed to seed."""
    start = STARTS.get(arm, 8.5) + 0.02 * seed
    return [(step, 4 + (start - 4) * 0.5 ** (step / 25)) for step in range(0, steps + 1, EVERY)]


def write_run(
    arm: str = "wechsel",
    seed: int = 0,
    *,
    state: str = "finished",
    losses: Sequence[tuple[int, float]] | None = None,
    attempts: Sequence[int] = (1,),
    recorded: bool = False,
    result: dict[str, Any] | None = None,
    prepare: dict[str, Any] | None = None,
    ready: bool = True,
    status: dict[str, Any] | None = None,
    log: str | None = None,
    result_id: str = "pocket-gpt2-fr",
    **config: Any,
) -> str:
    """Write a run; returns its id.

    ``attempts`` repeats the second half of the curve, as a run does that was killed and resumed. ``recorded`` writes
    the three files of a run that came with the lab.
    """
    settings = TrainConfig(**{"result": result_id, "arm": arm, "seed": seed, "text": "corpus.txt"} | config)
    made = RESULT | (result or {})
    folder = _recorded(settings, made) if recorded else runs.create_run(settings, made, {"wechsel_lab": "0"})
    extra = {"prepared": prepared(settings, **(prepare or {}))} if ready else {}
    if not recorded:
        if ready:
            runs.update_run(folder, **extra)
    else:
        run = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(run | extra))
    losses = curve(arm, seed) if losses is None else losses
    _write_metrics(folder, losses if ready else [], attempts)
    last = losses[-1][0] if losses and ready else 0
    values = {"state": state, "phase": "", "step": last, "steps": STEPS if ready else None, "attempt": len(attempts)}
    if state in runs.LIVE_STATES:
        values |= {**processes.identity(), "heartbeat_boot_seconds": processes.boot_seconds(), "phase": "Training"}
    _write_status(folder, values | (status or {}), recorded=recorded)
    if log is not None:
        (folder / "worker.log").write_text(log, encoding="utf-8")
    return folder.name


def write_group(arms: Sequence[str] = tuple(STARTS), seeds: Sequence[int] = (0, 1), **options: Any) -> list[str]:
    """Runs of one comparison."""
    return [write_run(arm, seed, **options) for arm in arms for seed in seeds]


def add_scores(run_id: str, losses: Sequence[tuple[int, float]], attempt: int = 1, **status: Any) -> None:
    """More scores of a run that goes on."""
    folder = runs.run_folder(run_id)
    _write_metrics(folder, losses, (attempt,))
    runs.write_status(folder, step=losses[-1][0], **status)


def _write_metrics(folder: Path, losses: Sequence[tuple[int, float]], attempts: Sequence[int]) -> None:
    lines = []
    for place, attempt in enumerate(attempts):
        for step, loss in losses[len(losses) // 2 if place else 0 :]:
            common = {"attempt": attempt, "step": step, "tokens": step * TOKENS_PER_STEP, "seconds": step * 0.5}
            lines.append({"kind": "eval", **common, **_scores(loss)})
            if step:
                shaken = loss + 0.3 * math.sin(step)
                more = {"learning_rate": 5e-4 * (1 - step / 200), "grad_norm": 1.0}
                lines.append({"kind": "train", **common, **_scores(shaken), **more})
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        for line in lines:
            plain = {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in line.items()}
            file.write(json.dumps(plain) + "\n")


def _scores(loss: float) -> dict[str, float]:
    perplexity = math.exp(loss) if loss < 700 else math.inf
    return {"loss": loss, "perplexity": perplexity, "bits_per_byte": loss / math.log(2) / 4.2}


def _recorded(config: TrainConfig, result: dict[str, Any]) -> Path:
    folder = paths.recorded_runs_dir() / runs.new_id(config)
    folder.mkdir(parents=True)
    values = config.to_dict()
    run = {
        "schema_version": runs.SCHEMA_VERSION, "id": folder.name, "created": "2026-11-27T01:00:00+00:00",
        "config": values, "config_hash": config_hash(values), "result": result, "versions": {},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def _write_status(folder: Path, values: dict[str, Any], *, recorded: bool) -> None:
    if recorded:
        (folder / "status.json").write_text(json.dumps(values))
    else:
        runs.write_status(folder, **values)
