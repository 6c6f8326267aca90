"""Effort ratio: how many times fewer steps an initialisation needs for the best loss that a random one reaches.

Everything is measured in the user's own runs, which differ in their initialisation alone. With L the best held-out loss
of the random arm, the ratio of a seed is ``steps(random first reaches L) / steps(arm first reaches L)``, linear between
scored steps. An arm that is below L before its first step, or that never gets there, has a bound in place of a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wechsel_core.errors import InputError
from wechsel_core.evaluation.curves import finite

RANDOM = "random"
Relation = Literal["=", ">=", "<=", "?"]

#: What each arm has of its own; everything else that a run records has to be equal in both.
OWN = ("arm", "initialisation", "frozen_steps", "frozen_share", "comparison_hash", "group_hash")


@dataclass(frozen=True)
class SeedCurve:
    """The held-out losses of one run.

    Attributes
    ----------
    run, arm : str
    seed : int
    steps, losses : ndarray of shape (n,), float64
        Scored steps, step 0 among them, and held-out loss in nats a token.
    budget : int
        Steps of the whole run.
    """

    run: str
    arm: str
    seed: int
    steps: np.ndarray
    losses: np.ndarray
    budget: int

    @property
    def finished(self) -> bool:
        """Whether the curve has got to the end of its budget."""
        return len(self.steps) > 0 and bool(self.steps.max() >= self.budget)


@dataclass(frozen=True)
class Bounded:
    """A number, or what bounds it: relation "=", ">=" (at least), "<=" (at most), "?" (bounded on neither side)."""

    value: float
    relation: Relation


@dataclass(frozen=True)
class SeedEffort:
    """The ratio of one seed.

    Attributes
    ----------
    level : float
        L, the best held-out loss of the random arm.
    random_steps : float
        Where the random arm first reaches L.
    arm_steps : float or None
        Where the other arm does; None if it does not within what was scored, 0 if it starts below.
    """

    seed: int
    run: str
    random_run: str
    level: float
    random_steps: float
    arm_steps: float | None
    ratio: Bounded


@dataclass(frozen=True)
class Effort:
    """The ratio of an arm over its seeds; ``preliminary`` where a run is short of its budget."""

    arm: str
    seeds: tuple[SeedEffort, ...]
    median: Bounded
    least: Bounded
    most: Bounded
    preliminary: bool


def first_reach(
    steps: Sequence[float] | np.ndarray, losses: Sequence[float] | np.ndarray, level: float
) -> float | None:
    """The step at which a curve first is at or below a level, linear between scored steps; None if it never is."""
    places, heights = finite(steps, losses)
    below = np.flatnonzero(heights <= level)
    if not len(below):
        return None
    place = int(below[0])
    if place == 0:
        return float(places[0])
    share = (heights[place - 1] - level) / (heights[place - 1] - heights[place])
    return float(places[place - 1] + share * (places[place] - places[place - 1]))


def seed_effort(random: SeedCurve, arm: SeedCurve) -> SeedEffort | None:
    """The ratio of one seed; None where the random arm never falls below its own start, so that there is no L."""
    steps, losses = finite(random.steps, random.losses)
    if not len(losses) or not losses.argmin():
        return None
    level, needed = float(losses.min()), float(steps[losses.argmin()])
    scored, heights = finite(arm.steps, arm.losses)
    if len(scored) < 2:
        return None
    reached = first_reach(scored, heights, level)
    if reached is None:
        ratio = Bounded(needed / float(scored[-1]), "<=")
    elif reached <= 0:
        # Below L before any training: it needs fewer steps than the first scored one, how many fewer nobody measured.
        ratio = Bounded(needed / float(scored[1]), ">=")
    else:
        ratio = Bounded(needed / reached, "=")
    return SeedEffort(arm.seed, arm.run, random.run, level, needed, reached, ratio)


def effort(random: Sequence[SeedCurve], arm: Sequence[SeedCurve]) -> Effort | None:
    """The ratio of an arm over the seeds that it shares with the random arm; None where there is none.

    Parameters
    ----------
    random, arm : sequence of SeedCurve
        Runs of one comparison, one a seed (see ``check_comparable``).
    """
    partners = {curve.seed: curve for curve in random}
    pairs = [(partners[curve.seed], curve) for curve in sorted(arm, key=lambda c: c.seed) if curve.seed in partners]
    seeds = [found for pair in pairs if (found := seed_effort(*pair))]
    if not seeds:
        return None
    ratios = [seed.ratio for seed in seeds]
    return Effort(
        arm=arm[0].arm,
        seeds=tuple(seeds),
        median=_over(ratios, lambda values: float(np.median(values))),
        least=_over(ratios, min),
        most=_over(ratios, max),
        preliminary=not all(curve.finished for pair in pairs for curve in pair),
    )


def _over(ratios: Sequence[Bounded], reduce: Callable[[list[float]], float]) -> Bounded:
    """A monotone summary of numbers that may be bounds: a bound itself if moving the bounded ones would move it."""
    value = reduce([ratio.value for ratio in ratios])
    lowest = reduce([0.0 if ratio.relation == "<=" else ratio.value for ratio in ratios])
    highest = reduce([math.inf if ratio.relation == ">=" else ratio.value for ratio in ratios])
    relation: Relation = "="
    if lowest < value and highest > value:
        relation = "?"
    elif lowest < value:
        relation = "<="
    elif highest > value:
        relation = ">="
    return Bounded(value, relation)


@dataclass(frozen=True)
class Recorded:
    """What a run has recorded about itself: the hash of all that has to be equal, and the fields behind it."""

    run: str
    digest: str
    fields: Mapping[str, Any]


def differing(a: Mapping[str, Any], b: Mapping[str, Any], allowed: Sequence[str] = OWN) -> list[str]:
    """Names of the recorded fields in which two runs differ, beyond those that arms differ in anyway."""
    names = [name for name in dict.fromkeys([*a, *b]) if name not in allowed]
    return [name for name in names if a.get(name) != b.get(name)]


def check_comparable(runs: Sequence[Recorded], allowed: Sequence[str] = OWN) -> None:
    """Refuse runs that differ in more than they may.

    Parameters
    ----------
    runs : sequence of Recorded
        With the hash of the comparison, or of the group where their seeds may differ.
    allowed : sequence of str
        Fields that the hash leaves out, which are therefore no reason.

    Raises
    ------
    InputError
        Two runs with unequal hashes, and the fields that differ.
    """
    for other in runs[1:]:
        first = runs[0]
        if first.digest == other.digest:
            continue
        names = differing(first.fields, other.fields, allowed)
        parts = [f"{name} ({_brief(first.fields.get(name))}, {_brief(other.fields.get(name))})" for name in names]
        raise InputError(
            f"{first.run} and {other.run} differ in {', '.join(parts) or 'more than their initialisation'}",
            "runs that differ in their initialisation alone",
            "choose runs of one comparison",
        )


def _brief(value: Any) -> str:
    words = str(value)
    return words if len(words) <= 24 else f"{words[:12]}…"
