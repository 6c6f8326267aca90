"""Measure the training loop against a bare one: ``python -m benchmarks.training`` (part of ``make bench``).

Each run is a process of its own; the two loops take turns, and the page gives medians of their ratios.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import WORKERS
from benchmarks.measure import ROOT, watch, worker_environment
from benchmarks.run import machine

FAMILIES = ("gpt2", "roberta")
TARGET = 0.95


def main() -> int:
    """Measure, print, and write docs/training-speed.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=45)
    parser.add_argument("--warm-up", type=int, default=5, help="first steps that are not counted")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "training-speed.md")
    options = parser.parse_args()
    found = {family: _measure(family, options) for family in FAMILIES}
    page = _page(found, options)
    sys.stdout.write(page)
    options.report.write_text(page, "utf-8")
    return 0


def _measure(family: str, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"trainer": [], "bare": []}
    for turn in range(options.repeats):
        for engine in sorted(found, reverse=bool(turn % 2)):
            with tempfile.TemporaryDirectory() as folder:
                spec, record = Path(folder) / "spec.json", Path(folder) / "record.json"
                spec.write_text(
                    json.dumps({"family": family, "engine": engine, "steps": options.steps, "warm_up": options.warm_up})
                )
                environment = worker_environment(Path(folder)) | {"PYTHONPATH": str(ROOT)}
                watch([sys.executable, WORKERS / "training_loop.py", spec, record], environment, Path(folder) / "log")
                found[engine].append(json.loads(record.read_text()))
    return found


def _page(found: dict[str, dict[str, list[dict[str, Any]]]], options: argparse.Namespace) -> str:
    about = machine()
    lines = [
        "# Training speed",
        "",
        "<!-- Written by `python -m benchmarks.training`; do not edit. -->",
        "",
        f"Measured on {about['date']}: {about['cpu']}, {about['cores']} cores, {about['system']}. The loop of"
        " `wechsel_core.training` (transformers' Trainer, metrics, heartbeat, stop) beside a bare PyTorch loop over the"
        " same model, batches, optimiser and schedule, 2,048 tokens a step, float32, without scores and checkpoints."
        f" {options.repeats} runs of {options.steps} steps each, the loops taking turns, the first {options.warm_up}"
        " steps left out; medians, with the lowest and highest.",
        "",
        "| model | ours, tokens a second | bare, tokens a second | ours / bare | at least 0.95 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for family, engines in found.items():
        speeds = {name: [record["tokens_per_second"] for record in records] for name, records in engines.items()}
        ratios = [ours / bare for ours, bare in zip(speeds["trainer"], speeds["bare"], strict=True)]
        cells = [_spread(speeds["trainer"], 0), _spread(speeds["bare"], 0), _spread(ratios, 3)]
        met = "yes" if median(ratios) >= TARGET else "**no**"
        lines.append(f"| pocket-{family} | {' | '.join(cells)} | {met} |")

    return "\n".join([*lines, "", "`make bench` or `python -m benchmarks.training` repeats it.", ""])


def _spread(values: list[float], digits: int) -> str:
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
