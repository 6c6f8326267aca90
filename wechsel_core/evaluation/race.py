"""What a race of initialisations says: means with intervals over seeds, paired differences, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from wechsel_core.evaluation.effort import RANDOM, Bounded, SeedCurve, effort

LEVEL = 0.95
#: Shares of the budget at which the curves are compared.
BUDGETS = (0.25, 0.5, 1.0)
#: Comparisons from which on the verdict says what so many of them do.
MANY = 5


@dataclass(frozen=True)
class Curve:
    """The held-out scores of one contestant under one seed.

    Attributes
    ----------
    entry : str
    seed : int
    steps : ndarray of float64, shape (n,)
        Scored steps, rising, step 0 first.
    losses, bits : ndarray of float64, shape (n,)
        Nats a token and bits a byte.
    """

    entry: str
    seed: int
    steps: np.ndarray
    losses: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95% t interval; without ends from a single seed."""

    mean: float
    low: float | None
    high: float | None
    n: int


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95% interval of a few values, by Student's t with n - 1 degrees of freedom.

    With three seeds the half width is 2.5 standard deviations: wide, because three runs say little.
    """
    numbers = np.asarray(values, dtype=np.float64)
    mean, n = float(numbers.mean()), len(numbers)
    if n < 2:
        return Interval(mean, None, None, n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * numbers.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def at_step(curve: Curve, step: float) -> float:
    """Bits per byte at a step, linear between scored ones."""
    return float(np.interp(step, curve.steps, curve.bits))


def area(curve: Curve) -> float:
    """Mean bits per byte over the whole budget: the area under the curve divided by its steps."""
    span = float(curve.steps[-1] - curve.steps[0])
    return float(np.trapezoid(curve.bits, curve.steps)) / span if span else float(curve.bits[0])


def summary(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """One record a contestant, the best at the end first.

    Returns
    -------
    list of dict
        entry, seeds, start, at (bits per byte by share of the budget), area (each an ``Interval``), effort (an
        ``Effort`` against the model from scratch, or None), and final, the bits per byte of each seed at the end.
    """
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(curve.entry, []).append(curve)
    scratch = [_seed_curve(curve) for curve in groups.get(RANDOM, [])]
    found = []
    for entry, runs in groups.items():
        budget = max(float(run.steps[-1]) for run in runs)
        whole = [run for run in runs if run.steps[-1] >= budget]
        trained = budget > 0
        ratio = (
            effort(scratch, [_seed_curve(run) for run in whole]) if trained and entry != RANDOM and scratch else None
        )
        found.append(
            {
                "entry": entry, "seeds": [run.seed for run in whole],
                "start": interval([float(run.bits[0]) for run in whole]),
                "at": {share: interval([at_step(run, share * budget) for run in whole]) for share in BUDGETS} if trained else {},
                "area": interval([area(run) for run in whole]) if trained else None,
                "effort": ratio,
                "final": {run.seed: float(run.bits[-1]) for run in whole},
            }
        )  # fmt: skip
    return sorted(found, key=lambda record: float(np.mean(list(record["final"].values()))))


def _seed_curve(curve: Curve) -> SeedCurve:
    return SeedCurve(
        f"{curve.entry}-s{curve.seed}", curve.entry, curve.seed, curve.steps, curve.losses, int(curve.steps[-1])
    )


@dataclass(frozen=True)
class Difference:
    """Bits per byte of one contestant less another's at the end, seed by seed; below 0 the first is better."""

    entry: str
    other: str
    by_seed: Mapping[int, float]
    interval: Interval

    @property
    def relation(self) -> str:
        """Word for it: better, worse, noise (the interval holds 0) or unknown (fewer than two seeds in common)."""
        low, high = self.interval.low, self.interval.high
        if low is None or high is None:
            return "unknown"
        return "better" if high < 0 else "worse" if low > 0 else "noise"


def difference(record: Mapping[str, Any], other: Mapping[str, Any]) -> Difference | None:
    """The paired difference of two records of ``summary``; None where they share no seed.

    Pairing takes out what a seed does to both: the order of the text and the masks.
    """
    seeds = [seed for seed in record["final"] if seed in other["final"]]
    if not seeds:
        return None
    by_seed = {seed: record["final"][seed] - other["final"][seed] for seed in seeds}
    return Difference(record["entry"], other["entry"], by_seed, interval(list(by_seed.values())))


def verdict(records: Sequence[Mapping[str, Any]], labels: Mapping[str, str], reference: str = "wechsel") -> list[str]:
    """Plain sentences: who is ahead, who is level with whom, and what no seed can tell.

    Parameters
    ----------
    records : sequence
        Of ``summary``, best first.
    labels : mapping of entry to title
    reference : str
        The contestant that the others are held against.
    """
    if len(records) < 2:
        return ["A race needs two contestants that came to their end."]
    first = records[0]
    best = float(np.mean(list(first["final"].values())))
    does = "ends" if first["at"] else "starts"  # without training there is a start alone
    leader = f"{labels[first['entry']]} {does} lowest, at {best:.3f} bits per byte"
    against_first = [(record, difference(record, first)) for record in records[1:]]
    if all(found is None or found.relation == "unknown" for _, found in against_first):
        return [f"{leader}. One seed cannot tell noise from a difference: run at least three."]
    level = [labels[record["entry"]] for record, found in against_first if found and found.relation != "worse"]
    if level:
        sentences = [f"{leader}; {', '.join(level)} cannot be told from it by these seeds."]
    else:
        sentences = [f"{leader}, ahead of every other beyond the noise of the seeds."]
    return sentences + _against(records, labels, reference)


def _against(records: Sequence[Mapping[str, Any]], labels: Mapping[str, str], reference: str) -> list[str]:
    """Who is better than the reference, level with it, or worse."""
    other = next((record for record in records if record["entry"] == reference), None)
    if other is None:
        return []
    groups: dict[str, list[str]] = {"better": [], "noise": [], "worse": []}
    for record in records:
        found = None if record is other else difference(record, other)
        if found is not None and found.relation in groups:
            groups[found.relation].append(f"{labels[record['entry']]} ({found.interval.mean:+.3f})")
    name = labels[reference]
    words = {
        "better": f"Better than {name} beyond the noise of the seeds",
        "noise": f"Within the noise of {name}",
        "worse": f"Worse than {name} beyond the noise",
    }
    sentences = [f"{words[key]}: {', '.join(found)} bits per byte." for key, found in groups.items() if found]
    if sum(map(len, groups.values())) > MANY:
        sentences.append("With so many comparisons at 95% one in twenty is called a difference by chance alone.")
    return sentences


def ratio_text(bounded: Bounded | None) -> str:
    """An effort ratio in few characters; a dash where there is none."""
    if bounded is None:
        return "–"
    sign = {"=": "", ">=": "≥ ", "<=": "≤ ", "?": "? "}[bounded.relation]
    return f"{sign}{bounded.value:.1f}"
