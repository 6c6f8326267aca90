"""The recorded runs: both pocket models, four languages, three arms, three seeds, kept without their weights.

Every run is one worker process of its own on one thread, as ``train`` starts it; two run side by side, each in a home of
its own, since a home lets one job at a time onto a device. A run that is recorded is passed over, and one that was
interrupted resumes, so the same command goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from wechsel_core import runs
from wechsel_core.config import InitConfig, TrainConfig, flags
from wechsel_core.pocket.build.models import BLOCK_SIZE
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.services.initialise import initialise

ARMS = ("wechsel", "random", "transinner")
SEEDS = (0, 1, 2)
#: 1,024 tokens a step for both families: of small batches a small model learns more from the same text.
STEPS, TOKENS_PER_STEP = 160, 1024
EVAL_EVERY, HELD_OUT_TOKENS = 10, 6_000
PARALLEL = 2
#: The checkout, whose command line the runs go through.
ROOT = Path(__file__).resolve().parents[3]
#: Digits of a recorded number; more would say nothing and double the size.
DIGITS = 6
#: Steps that one recorded training loss is the mean of.
LOG_EVERY = 5


def grid(
    corpora: Path, results: Path, *, seeds: tuple[int, ...] = SEEDS, arms: tuple[str, ...] = ARMS
) -> Iterator[TrainConfig]:
    """Every run's configuration, seed by seed, so that a grid which is cut short is whole for some seeds."""
    for seed in seeds:
        for family in FAMILIES:
            for language in TARGET_LANGUAGES:
                for arm in arms:
                    yield TrainConfig(
                        result=str(results / f"pocket-{family}-{language}"), arm=arm, seed=seed,
                        text=str(corpora / f"{language}.train.txt"), held_out=str(corpora / f"{language}.heldout.txt"),
                        steps=STEPS, batch_size=TOKENS_PER_STEP // BLOCK_SIZE[family], eval_every=EVAL_EVERY,
                        held_out_tokens=HELD_OUT_TOKENS, save_every=STEPS // 2, device="cpu", threads=1,
                    )  # fmt: skip


def as_recorded(config: TrainConfig) -> TrainConfig:
    """The configuration without the folders of the machine that it ran on."""
    names = {name: Path(getattr(config, name)).name for name in ("result", "text", "held_out")}
    return dataclasses.replace(config, **names)


def record(folder: Path, config: TrainConfig, out: Path) -> None:
    """Keep a finished run: ``run.json`` under its recorded name, ``status.json`` and the metrics, rounded."""
    kept = as_recorded(config)
    target = out / runs.new_id(kept)
    partial = out / f".{target.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    run, status = runs.read_run(folder), runs.read_status(folder)
    run |= {"id": target.name, "config": kept.to_dict(), "config_hash": kept.hash}
    state = {name: status[name] for name in ("state", "phase", "step", "steps", "attempt", "reason")}
    for name, content in ((runs.RUN, run), (runs.STATUS, state)):
        (partial / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    with (partial / runs.METRICS).open("w", encoding="utf-8") as file:
        for line in _condensed(runs.read_metrics(folder)):
            file.write(json.dumps({"attempt": 1, **_rounded(line)}) + "\n")
    partial.rename(target)


def _condensed(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Every score, and of the training losses what a run that logs every ``LOG_EVERY`` steps writes: their means."""
    metrics = metrics.drop(columns=["attempt"])
    train = metrics[metrics["kind"] == "train"]
    groups = train.groupby((train["step"] - 1) // LOG_EVERY)
    means = groups.last().assign(**groups[["loss", "bits_per_byte"]].mean())
    lines = [*metrics[metrics["kind"] == "eval"].to_dict("records"), *means.to_dict("records")]
    return sorted(lines, key=lambda line: (line["step"], line["kind"]))


def _rounded(line: dict[str, Any]) -> dict[str, Any]:
    plain = {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in line.items()}
    return {name: value for name, value in plain.items() if value == value}  # NaN: a column of the other kind


def main(work: Path, out: Path, report: Callable[[str], object]) -> None:
    """Make every run that is not recorded yet."""
    corpora, results = work / "corpora", work / "recorded" / "results"
    for family in FAMILIES:
        for language in TARGET_LANGUAGES:
            place = results / f"pocket-{family}-{language}"
            if not place.exists():
                initialise(InitConfig(source=f"pocket-{family}", target_language=language), place)
    todo: queue.Queue[TrainConfig] = queue.Queue()
    for config in grid(corpora, results):
        if not (out / runs.new_id(as_recorded(config))).exists():
            todo.put(config)
    report(f"{todo.qsize()} runs to make")
    threads = [
        threading.Thread(target=_work_off, args=(todo, work / "recorded" / f"home-{number}", out, report))
        for number in range(PARALLEL)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work_off(todo: queue.Queue[TrainConfig], home: Path, out: Path, report: Callable[[str], object]) -> None:
    while True:
        try:
            config = todo.get_nowait()
        except queue.Empty:
            return
        folder = _run(config, home)
        if not folder.exists():
            report(f"{folder.name} did not start; see {home / 'commands.log'}")
            continue
        status = runs.read_status(folder)
        if status["state"] == "finished":
            record(folder, config, out)
            shutil.rmtree(folder / runs.MODEL, ignore_errors=True)
        report(f"{folder.name}: {status['state']} {status.get('reason') or ''}")


def _run(config: TrainConfig, home: Path) -> Path:
    """Train one run to its end through the command line, in a home of its own; the run's folder."""
    environment = os.environ | {"WECHSEL_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    folder = home / "runs" / runs.new_id(config)
    if folder.exists() and runs.effective_status(folder)["state"] == "finished":
        return folder  # it went on when an earlier start of this script ended
    arguments = ["runs", "resume", folder.name] if folder.exists() else ["train", *flags(config)]
    command = [sys.executable, "-m", "wechsel_core", *arguments, "--wait", "--json"]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "commands.log").open("ab") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=False)
    return folder
