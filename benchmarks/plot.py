"""Draw the report's figure; run in an environment that has matplotlib: ``plot.py POINTS.json PICTURE.svg``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

OURS, OTHER, FLOOR = "#0072b2", "#d55e00", "#6b6b6b"  # told apart by colour-blind readers too
COLOURS = {"ours": OURS, "other": OTHER, "floor": FLOOR}


def main() -> None:
    """Six panels: time and memory of the single call, of the whole job, and by vocabulary."""
    points = json.loads(Path(sys.argv[1]).read_text())
    plt.rcParams.update({"font.size": 10, "svg.hashsalt": "wechsel", "svg.fonttype": "none", "axes.axisbelow": True})
    figure, axes = plt.subplots(3, 2, figsize=(11, 12), layout="constrained")
    call = f"One call, {points['vocab']:,} x {points['vocab']:,}"
    _bars(axes[0, 0], points["call_seconds"], f"{call}: time", "seconds")
    _bars(axes[0, 1], points["call_memory"], f"{call}: memory", "peak of the process (GB)")
    _bars(axes[1, 0], points["job_seconds"], "Two .bin files to a saved model: time", "seconds")
    _bars(axes[1, 1], points["job_memory"], "Two .bin files to a saved model: memory", "peak of the process (GB)")
    sizes = [row["size"] for row in points["growth"]]
    _lines(axes[2, 0], sizes, [row["seconds"] for row in points["growth"]], "Time by vocabulary", "seconds")
    axes[2, 0].set_yscale("log")
    _guide(axes[2, 0], sizes, points["growth"][0]["seconds"][0])
    extra = [[value / 1e6 for value in row["extra"]] for row in points["growth"]]
    _lines(axes[2, 1], sizes, extra, "Memory beyond inputs and outputs", "MB")
    axes[2, 1].axhline(300, color=FLOOR, linestyle="--", linewidth=1)
    axes[2, 1].annotate("target: under 300 MB", (sizes[0], 300), xytext=(0, 4), textcoords="offset points", color=FLOOR)
    axes[2, 1].set_ylim(0, max(330, 1.1 * max(high for _, _, high in extra)))
    figure.savefig(sys.argv[2], metadata={"Date": None})


def _bars(axes: Any, bars: list[dict[str, Any]], title: str, unit: str) -> None:
    medians = [bar["median"] for bar in bars]
    errors = [[bar["median"] - bar["low"] for bar in bars], [bar["high"] - bar["median"] for bar in bars]]
    colours = [COLOURS[bar["kind"]] for bar in bars]
    drawn = axes.barh([bar["label"] for bar in bars], medians, xerr=errors, color=colours, capsize=3)
    axes.bar_label(drawn, labels=[f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in medians], padding=6)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title=title, xlabel=unit)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Any, sizes: list[int], spreads: list[list[float]], title: str, unit: str) -> None:
    medians = [value[0] for value in spreads]
    errors = [[value[0] - value[1] for value in spreads], [value[2] - value[0] for value in spreads]]
    axes.errorbar(sizes, medians, yerr=errors, marker="o", color=OURS, capsize=3, label="this project")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{size // 1024}k" for size in sizes])
    axes.minorticks_off()
    axes.set(title=title, xlabel="tokens of each vocabulary (1k is 1,024)", ylabel=unit)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _guide(axes: Any, sizes: list[int], first: float) -> None:
    guide = [first * (size / sizes[0]) ** 2 for size in sizes]
    axes.plot(sizes, guide, color=FLOOR, linestyle="--", linewidth=1, label="as the product of the vocabularies")
    axes.legend(frameon=False, loc="upper left")


if __name__ == "__main__":
    main()
