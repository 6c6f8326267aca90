"""What a health report is made of: plain values, the same for the page, the JSON and the HTML."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["good", "fair", "poor", "unknown"]
#: How a value is written: a share as per cent, a count of things, a plain number, words, or a token's text.
Unit = Literal["share", "tokens", "pairs", "words", "number", "ratio", "text", "token"]
Cell = str | int | float | None

NOT_RECORDED = "Not recorded by the version that made this result; run init again with --force to have it."
#: Word and sign of each state; the sign says it without the colour.
STATES: dict[State, tuple[str, str]] = {
    "good": ("Good", "✓"),
    "fair": ("Fair", "!"),
    "poor": ("Poor", "✗"),
    "unknown": ("Not judged", "–"),
}


@dataclass(frozen=True)
class Details:
    """A small table below a finding; ``bar`` names the column drawn as bars, ``beside`` one to draw next to it."""

    id: str
    caption: str
    columns: dict[str, Unit]
    rows: tuple[tuple[Cell, ...], ...]
    bar: str | None = None
    beside: str | None = None


@dataclass(frozen=True)
class Finding:
    """One figure, judged.

    Attributes
    ----------
    value : float or int, optional
        None where it was not recorded or cannot be had.
    interval : (float, float), optional
        95% bootstrap interval.
    meaning, thresholds, advice : str
        What the figure is, what counts as good and poor, what to do about a bad one: a sentence each.
    """

    id: str
    title: str
    value: float | None
    unit: Unit
    state: State
    meaning: str
    thresholds: str
    advice: str
    interval: tuple[float, float] | None = None
    details: tuple[Details, ...] = ()


def unjudged(finding: Finding, reason: str) -> Finding:
    """The figure without a judgement, with the reason in the place of limits and advice."""
    return dataclasses.replace(finding, state="unknown", thresholds=reason, advice="")


@dataclass(frozen=True)
class Section:
    """Findings about one step of the method; ``note`` says why there are none where the step is not the method's."""

    id: str
    title: str
    findings: tuple[Finding, ...]
    note: str = ""


@dataclass(frozen=True)
class HealthReport:
    """The health of a result; ``verdict`` names the worst problems first."""

    result: str
    created: str
    config: dict[str, Any]
    verdict: str
    state: State
    sections: tuple[Section, ...]

    def findings(self) -> Iterator[Finding]:
        """All findings in the order of the report."""
        return (finding for section in self.sections for finding in section.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Scale:
    """Where good ends and where poor begins; ``good`` above ``fair`` says that more is better."""

    good: float
    fair: float

    def state(self, value: float | None) -> State:
        """The state of a value; None is not judged."""
        if value is None:
            return "unknown"
        sign = 1 if self.good >= self.fair else -1
        if sign * value >= sign * self.good:
            return "good"
        return "fair" if sign * value >= sign * self.fair else "poor"

    def words(self, unit: Unit) -> str:
        """Both limits in words."""
        good, fair = (_limit(limit, unit) for limit in (self.good, self.fair))
        if self.good >= self.fair:
            return f"Good from {good}, poor below {fair}."
        return f"Good up to {good}, poor above {fair}."


def _limit(value: float, unit: Unit) -> str:
    return (
        f"{value:.3g}" if unit in ("ratio", "number") else f"{value * 100:g}%" if unit == "share" else f"{value:,.0f}"
    )


def shown(value: Cell, unit: Unit) -> str:
    """A value as it is read."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, str):
        return value
    if unit == "share":
        return f"{value:.1%}"
    return f"{value:.2f}" if unit in ("ratio", "number") else f"{value:,.0f}"


def shown_interval(finding: Finding) -> str:
    """The interval of a finding in words, "" where there is none."""
    if finding.interval is None:
        return ""
    low, high = (shown(end, finding.unit) for end in finding.interval)
    return f"95% interval {low} to {high}"


def number(record: Any, *path: str) -> float | None:
    """A finite number deep in a manifest, None where an older version did not write it."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    if isinstance(record, bool) or not isinstance(record, int | float) or not math.isfinite(record):
        return None
    return record
