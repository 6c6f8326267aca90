"""Learning curves: smoothed, averaged over seeds, read off at shares of a budget, watched for what cannot be right.

Frames are those of ``runs.read_metrics``: columns kind, step, tokens, seconds, loss, perplexity, bits_per_byte; one row
a step and kind. Nothing here reads a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

MEASURES = ("loss", "perplexity", "bits_per_byte")
#: What a curve may be drawn along.
PLACES = ("step", "tokens", "seconds")

#: Below this many bits a character a held-out score cannot be trusted. People who predict printed English letter by
#: letter need 0.6 to 1.3 bits a character (Shannon 1951), about 1.3 when they bet on it (Cover and King 1978): a model
#: far below that has seen the text, or sees the very token that it has to predict.
LEAST_BITS_PER_CHARACTER = 0.4
#: Half of it for masked models. They see both sides of a hidden token, so the bound above does not hold for them:
#: RoBERTa reaches a held-out perplexity of 3.7 (Liu et al. 2019, table 3), 0.4 bits a byte at 4.5 bytes a token.
LEAST_BITS_MASKED = 0.2

AlarmKind = Literal["nan", "stall", "leak"]


@dataclass(frozen=True)
class Alarm:
    """Something about a run that a person should look at.

    Attributes
    ----------
    kind : {"nan", "stall", "leak"}
    step : int or None
        Where it was first seen; None where it has no step.
    sentence : str
        What was seen and what it may mean.
    """

    kind: AlarmKind
    step: int | None
    sentence: str


def smooth(values: Sequence[float] | np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average without the pull towards zero at its start, as TensorBoard draws it.

    ``last = last * weight + (1 - weight) * value``, divided by ``1 - weight ** n`` after n values.

    Parameters
    ----------
    values : array_like of shape (n,)
        Values in order of their steps; those that are not finite are stepped over.
    weight : float
        From 0 (the values themselves) to below 1; higher follows later and shakes less.

    Returns
    -------
    ndarray of shape (n,), float64
        Values that are not finite stay as they are.

    Raises
    ------
    ValueError
        If the weight is out of range.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight is {weight}; expected a number from 0 to below 1")
    given = np.asarray(values, dtype=np.float64)
    smoothed, last = given.copy(), 0.0
    for seen, place in enumerate(np.flatnonzero(np.isfinite(given)).tolist(), start=1):
        last = last * weight + (1 - weight) * float(given[place])
        smoothed[place] = last / (1 - weight**seen)
    return smoothed


def over_seeds(curves: Sequence[pd.DataFrame], columns: Iterable[str] = (*PLACES[1:], *MEASURES)) -> pd.DataFrame:
    """Mean and band of several runs that differ in their seed.

    Only steps that every run with any row has reached are kept: a mean over fewer seeds would jump where one of them
    ends, and the jump would look like learning.

    Parameters
    ----------
    curves : sequence of DataFrame
        One kind of rows (train or eval) of one run each; empty ones are left out.
    columns : iterable of str
        Columns to average.

    Returns
    -------
    DataFrame
        step, then the mean of each column under its own name, and ``<column>_least`` and ``<column>_most``; ``seeds``
        is the number of runs. A value that is not finite in one run is NaN in the mean.
    """
    kept = [curve.drop_duplicates("step", keep="last").set_index("step") for curve in curves if len(curve)]
    names = list(columns)
    if not kept:
        return pd.DataFrame(
            columns=["step", *names, *(f"{n}_{end}" for n in names for end in ("least", "most")), "seeds"]
        )
    steps = kept[0].index
    for curve in kept[1:]:
        steps = steps.intersection(curve.index)
    steps = steps.sort_values()
    found: dict[str, Any] = {"step": steps.to_numpy(dtype=np.int64)}
    for name in names:
        values = np.array([curve.loc[steps, name].to_numpy(dtype=np.float64) for curve in kept])
        values[~np.isfinite(values)] = np.nan
        found[name] = values.mean(axis=0)
        found[f"{name}_least"], found[f"{name}_most"] = values.min(axis=0), values.max(axis=0)
    return pd.DataFrame(found | {"seeds": len(kept)})


def at_share(steps: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, step: float) -> float:
    """The value of a curve at a step, linear between scored ones; NaN outside of what was scored."""
    places, heights = finite(steps, values)
    if not len(places) or not places[0] <= step <= places[-1]:
        return math.nan
    return float(np.interp(step, places, heights))


def finite(steps: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values where both are finite, by rising step."""
    places, heights = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    good = np.isfinite(places) & np.isfinite(heights)
    order = np.argsort(places[good], kind="stable")
    return places[good][order], heights[good][order]


def still_falling(steps: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, budget: float) -> float:
    """Share by which a curve fell over the last tenth of its budget; NaN where it has not got there.

    Small means flat; but the learning rate falls to zero by then, which flattens any curve.
    """
    before, end = at_share(steps, values, 0.9 * budget), at_share(steps, values, budget)
    return (before - end) / before if before > 0 else math.nan


def alarms(
    metrics: pd.DataFrame, prepared: Mapping[str, Any], status: Mapping[str, Any], *, masked: bool
) -> list[Alarm]:
    """What is wrong with a run, as far as its numbers tell.

    Parameters
    ----------
    metrics : DataFrame
        All rows of the run.
    prepared : mapping
        What the worker has recorded about text and budget; may be empty.
    status : mapping
        The run's effective status (``stalled`` is read).
    masked : bool
        Whether the model predicts hidden tokens from both sides.
    """
    found = []
    losses = metrics["loss"].to_numpy(dtype=np.float64)
    bad = metrics.loc[~np.isfinite(losses)]
    if len(bad):
        step = int(bad["step"].min())
        found.append(
            Alarm(
                "nan",
                step,
                f"The loss is no number from step {step:,} on: the training has diverged. A lower learning rate or "
                "float32 in place of bf16 helps most often.",
            )
        )
    if status.get("stalled"):
        step = int(status.get("step") or 0)
        found.append(
            Alarm(
                "stall",
                step,
                f"No sign of life since step {step:,}, though its process is there. Look at the log; stop or kill it "
                "and resume.",
            )
        )
    leak = _leak(metrics[metrics["kind"] == "eval"], prepared, masked)
    return [*found, *([leak] if leak else [])]


def least_bits_per_byte(prepared: Mapping[str, Any], *, masked: bool) -> float:
    """The held-out score that a run should not fall below.

    The bound is one of characters; where the worker has counted those of the held-out text, a script of two or three
    bytes a character gets a lower bound a byte.
    """
    least = LEAST_BITS_MASKED if masked else LEAST_BITS_PER_CHARACTER
    characters, size = prepared.get("held_out_characters"), prepared.get("held_out_bytes")
    return least * characters / size if characters and size else least


def _leak(held_out: pd.DataFrame, prepared: Mapping[str, Any], masked: bool) -> Alarm | None:
    same = prepared.get("held_out_sha256")
    if same and same == prepared.get("train_sha256"):
        return Alarm("leak", None, "The held-out text is the training text: its scores measure memory, not skill.")
    least = least_bits_per_byte(prepared, masked=masked)
    low = held_out.loc[held_out["bits_per_byte"].to_numpy(dtype=np.float64) < least]
    if low.empty:
        return None
    first = low.sort_values("step").iloc[0]
    return Alarm(
        "leak",
        int(first["step"]),
        f"Too good to be true: {first['bits_per_byte']:.3f} bits a byte at step {int(first['step']):,}, below the "
        f"{least:.2g} that natural text allows. The held-out text probably stands in the training text too, or the "
        "model sees what it has to predict.",
    )
