"""Figures out of raw records: medians, ratios, growth, and whether the targets are met. No input, no output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Records = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of a few measurements."""

    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Verdict:
    """One target: what was asked for, what was found, and whether it is met."""

    part: str
    target: str
    found: str
    met: bool


def spread(values: Sequence[float]) -> Spread:
    """Median and range."""
    return Spread(median(values), min(values), max(values), len(values))


def of_case(records: Records, part: str, case: str) -> list[dict[str, Any]]:
    """The records of a case, by turn."""
    return sorted((r for r in records if (r["part"], r["case"]) == (part, case)), key=lambda r: r["turn"])


def values(records: Records, part: str, case: str, *path: str) -> Spread | None:
    """A figure of a case over its turns, found by the keys that lead to it; None if it was not measured."""
    found = []
    for record in of_case(records, part, case):
        for key in path:
            record = record[key]
        found.append(float(record))  # type: ignore[arg-type]
    return spread(found) if found else None


def growth_exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """Slope of the least-squares line through the logarithms: p where figure ~ size ** p."""
    xs, ys = [math.log(size) for size in sizes], [math.log(figure) for figure in figures]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - mean_x) ** 2 for x in xs)


def growth(records: Records) -> list[tuple[int, Spread, Spread]]:
    """Vocabulary, seconds, and bytes beyond inputs and outputs, of part e by rising vocabulary."""
    sizes = sorted({int(r["case"].split()[1]) for r in records if r["part"] == "e"})
    table = []
    for size in sizes:
        seconds = values(records, "e", f"ours {size}", "inner", "seconds")
        extra = values(records, "e", f"ours {size}", "inner", "extra_bytes")
        if seconds and extra:
            table.append((size, seconds, extra))
    return table


def verdicts(records: Records) -> list[Verdict]:
    """Every target of the project's that the records can judge."""
    return [*_single_call(records), *_equality(records), *_whole_job(records), *_growth(records)]


def _single_call(records: Records) -> list[Verdict]:
    found = []
    shipped, shipped_peak, shipped_growth = (
        values(records, "a", "reference float64", "inner", figure)
        for figure in ("seconds", "peak_process", "peak_growth")
    )
    floor = values(records, "d", "numpy", "inner", "seconds")
    for case, name in (("ours as reference", "same output"), ("ours", "50 candidates kept")):
        ours, peak, grown = (
            values(records, "a", case, "inner", figure) for figure in ("seconds", "peak_process", "peak_growth")
        )
        if ours and peak and grown and shipped and shipped_peak and shipped_growth:
            faster = shipped.median / ours.median
            target = f"at least 2.5 times as fast as shipped ({name})"
            found.append(Verdict("a", target, f"{faster:.2f} times", faster >= 2.5))
            whole, call = peak.median / shipped_peak.median, grown.median / shipped_growth.median
            text = f"{whole:.2f} of it; of the growth in the call {call:.2f}"
            found.append(Verdict("a", f"peak memory at most half ({name})", text, max(whole, call) <= 0.5))
        if ours and floor:
            times = ours.median / floor.median
            target = f"at most 1.4 times the sgemm floor ({name})"
            found.append(Verdict("a", target, f"{times:.2f} times", times <= 1.4))
    return found


def _equality(records: Records) -> list[Verdict]:
    found = []
    for record in of_case(records, "a", "comparison"):
        inner = record["inner"]
        wrong = inner["wrong_neighbors"]
        found.append(
            Verdict(
                "a", "same neighbours where similarities differ by more than 1e-6", f"{wrong} tokens differ", wrong == 0
            )
        )
        worst = max(inner["matrix_difference"], inner["matrix_difference_at_ties"])
        found.append(Verdict("a", 'matrix within 1e-5 under `compat="reference"`', f"{worst:.1e}", worst <= 1e-5))
    return found


def _whole_job(records: Records) -> list[Verdict]:
    found = []
    for figure, target, limit in (
        ("seconds", "at least 3 times as fast", 3.0),
        ("peak", "at most a fifth of the peak resident memory", 5.0),
    ):
        ours = values(records, "b", "ours gpt2", "process", figure)
        reference = values(records, "b", "reference gpt2", "process", figure)
        if ours and reference:
            ratio = reference.median / ours.median
            text = f"{ratio:.2f} times" if figure == "seconds" else f"{1 / ratio:.2f} of it"
            found.append(Verdict("b", target, text, ratio >= limit))
    return found


def _growth(records: Records) -> list[Verdict]:
    table = growth(records)
    if len(table) < 3:
        return []
    exponent = growth_exponent([size * size for size, _, _ in table], [seconds.median for _, seconds, _ in table])
    most = max(extra.high for _, _, extra in table)
    return [
        Verdict(
            "e",
            "time grows no faster than the product of the vocabularies",
            f"product to the {exponent:.2f}",
            exponent <= 1.05,
        ),
        Verdict(
            "e", "memory beyond inputs and outputs stays under 300 MB", f"at most {most / 1e6:.0f} MB", most < 300e6
        ),
    ]
