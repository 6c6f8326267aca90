"""What the Curves page and ``compare`` say about runs: arms over their seeds, effort ratio, regime, alarms."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.errors import InputError
from wechsel_core.evaluation import curves, effort
from wechsel_core.evaluation.curves import Alarm
from wechsel_core.evaluation.effort import Effort, Recorded, SeedCurve
from wechsel_core.services.run_curves import RunCurve, by_arm, load_all

#: Shares of the budget at which arms are set side by side.
SHARES = (0.0, 0.1, 0.5, 1.0)
#: Tokens that each model of the paper was trained on: 250,000 steps of 512 x 512, and of 256 x 1,024.
PAPER_TOKENS = 65_536_000_000
_CURVE = ("step", "tokens", *curves.MEASURES)


def smoothed(rows: pd.DataFrame, measure: str, weight: float) -> pd.DataFrame:
    """Rows of one kind with one of their measures smoothed (see ``evaluation.curves.smooth``)."""
    return rows.assign(**{measure: curves.smooth(rows[measure].to_numpy(dtype=np.float64), weight)}) if weight else rows


def over_seeds(rows: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Mean and band over seeds (see ``evaluation.curves.over_seeds``)."""
    return curves.over_seeds(rows, [name for name in columns if name != "step"])


def random_level(found: Sequence[RunCurve], measure: str) -> float | None:
    """The best held-out score of the random arm, as the mean over its seeds; None where nothing stands beside it."""
    if all(run.arm == effort.RANDOM for run in found):
        return None
    best = [
        float(rows[measure].min())
        for run in found
        if run.arm == effort.RANDOM and len(rows := run.rows("eval")) and math.isfinite(rows[measure].min())
    ]
    return sum(best) / len(best) if best else None


def alarms(found: Sequence[RunCurve]) -> list[tuple[RunCurve, Alarm]]:
    """What is wrong with the runs."""
    return [
        (run, alarm)
        for run in found
        for alarm in curves.alarms(run.metrics, run.prepared, run.status, masked=run.masked)
    ]


def effort_ratios(found: Sequence[RunCurve]) -> dict[str, Effort]:
    """The effort ratio of every arm beside the random one, over the seeds that both have.

    Raises
    ------
    InputError
        If the runs differ in more than arm and seed, with the fields that do.
    """
    scored = [run for run in found if run.prepared]
    effort.check_comparable([_recorded(run, "group_hash") for run in scored], (*effort.OWN, "seed"))
    for seed in sorted({run.seed for run in scored}):
        effort.check_comparable([_recorded(run, "comparison_hash") for run in scored if run.seed == seed])
    arms = {arm: [_seed_curve(arm, run) for run in runs] for arm, runs in by_arm(scored).items()}
    random = arms.pop(effort.RANDOM, [])
    ratios = {arm: effort.effort(random, runs) for arm, runs in arms.items()}
    return {arm: ratio for arm, ratio in ratios.items() if ratio}


def _recorded(run: RunCurve, digest: str) -> Recorded:
    fields = {"result": run.run.get("result", {}).get("name")} | run.prepared | {"seed": run.seed}
    return Recorded(run.id, str(run.prepared.get(digest)), fields)


def _seed_curve(arm: str, run: RunCurve) -> SeedCurve:
    rows = run.rows("eval")
    steps, losses = (rows[name].to_numpy(dtype=np.float64) for name in ("step", "loss"))
    return SeedCurve(run.id, arm, run.seed, steps, losses, run.budget)


def shares(found: Sequence[RunCurve], measure: str = "bits_per_byte") -> pd.DataFrame:
    """Held-out scores at shares of the budget: arm, share, step, value (mean over seeds), least, most, seeds.

    A run that is short of a share is left out of it; an arm without any has no row there.
    """
    rows = []
    for arm, runs in by_arm(found).items():
        for share in SHARES:
            values = [
                curves.at_share(scored["step"], scored[measure], share * run.budget)
                for run in runs
                if run.budget and len(scored := run.rows("eval"))
            ]
            values = [value for value in values if math.isfinite(value)]
            if values:
                step = round(share * max(run.budget for run in runs))
                mean, low, high = sum(values) / len(values), min(values), max(values)
                row = {"arm": arm, "share": share, "step": step, "value": mean, "least": low, "most": high}
                rows.append(row | {"seeds": len(values)})
    return pd.DataFrame(rows, columns=["arm", "share", "step", "value", "least", "most", "seeds"])


@dataclass(frozen=True)
class Regime:
    """Where on the way from nothing to a finished model the runs are.

    Attributes
    ----------
    tokens : int
        Of the whole budget of one run.
    paper_share : float
        Of what each model of the paper saw.
    epochs : float or None
        How often a run reads its training text.
    falling : float or None
        Share by which the random arm's held-out loss still fell over the last tenth; None before its end.
    gaps : dict
        Arm to its held-out perplexity at the end of the budget, relative to the random arm's (-0.2: a fifth lower).
    """

    tokens: int
    paper_share: float
    epochs: float | None
    falling: float | None
    gaps: dict[str, float]


def regime(found: Sequence[RunCurve]) -> Regime | None:
    """The regime of runs of one comparison; None while none has prepared its inputs."""
    ready = [run for run in found if run.prepared.get("tokens_per_step") and run.budget]
    if not ready:
        return None
    prepared = ready[0].prepared
    tokens = int(prepared["tokens_per_step"]) * ready[0].budget
    size = int(prepared.get("train_blocks") or 0) * int(prepared.get("block_size") or 0)
    falling = [
        fell
        for run in ready
        if run.arm == effort.RANDOM
        and len(rows := run.rows("eval"))
        and math.isfinite(fell := curves.still_falling(rows["step"], rows["loss"], run.budget))
    ]
    end = shares(ready, "perplexity").query("share == 1").set_index("arm")["value"].to_dict()
    random = end.pop(effort.RANDOM, None)
    gaps = {str(arm): value / random - 1 for arm, value in end.items()} if random else {}
    return Regime(
        tokens=tokens,
        paper_share=tokens / PAPER_TOKENS,
        epochs=tokens / size if size else None,
        falling=sum(falling) / len(falling) if falling else None,
        gaps=gaps,
    )


def compare(run_ids: Sequence[str]) -> dict[str, Any]:
    """Per arm the held-out curve (mean over its runs) and its effort ratio, as plain values fit for JSON.

    Returns
    -------
    dict
        ``arms``: arm to {runs, seeds, curve: [{step, tokens, loss, perplexity, bits_per_byte}], shares: [{share, step,
        value, least, most, seeds}] in bits per byte}; ``effort_ratio``: arm to {ratio (median), relation, least, most,
        ..., seeds}; ``alarms``. Numbers that are none are None.

    Raises
    ------
    InputError
        No run, one without numbers, or runs that differ in more than arm and seed.
    """
    found = load_all(run_ids)
    if not found:
        raise InputError("no run", "the ids of runs", "see `runs list`")
    empty = next((run for run in found if not run.prepared or run.rows("eval").empty), None)
    if empty:
        raise InputError(
            f"{empty.id} has no held-out score yet", "runs that have started to train", "wait for its first"
        )
    ratios, at = effort_ratios(found), shares(found)
    arms = {}
    for arm, runs in by_arm(found).items():
        mean = curves.over_seeds([run.rows("eval") for run in runs], _CURVE[1:])
        arms[arm] = {
            "runs": [run.id for run in runs],
            "seeds": [run.seed for run in runs],
            "curve": [_plain(row) for row in mean[list(_CURVE)].to_dict("records")],
            "shares": [_plain(row) for row in at[at["arm"] == arm].drop(columns="arm").to_dict("records")],
        }
    return {
        "arms": arms,
        "effort_ratio": {arm: _effort_record(ratio) for arm, ratio in ratios.items()},
        "alarms": [{"run": run.id, **dataclasses.asdict(alarm)} for run, alarm in alarms(found)],
    }


def _effort_record(found: Effort) -> dict[str, Any]:
    record = {"ratio": found.median.value, "relation": found.median.relation}
    for name, end in (("least", found.least), ("most", found.most)):
        record |= {name: end.value, f"{name}_relation": end.relation}
    seeds = [
        dataclasses.asdict(seed) | {"ratio": seed.ratio.value, "relation": seed.ratio.relation} for seed in found.seeds
    ]
    return record | {"preliminary": found.preliminary, "seeds": seeds}


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row without numpy numbers; what is not finite becomes None."""

    def value(name: str, given: Any) -> Any:
        if isinstance(given, str) or not math.isfinite(float(given)):
            return given if isinstance(given, str) else None
        return int(given) if name in ("step", "tokens", "seeds") else float(given)

    return {str(name): value(str(name), given) for name, given in row.items()}


def shown_bound(value: float, relation: str) -> str:
    """A ratio as people read it: 3.2×, ≥ 12×, ≤ 0.8×."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return {"=": "", ">=": "≥ ", "<=": "≤ ", "?": "about "}[relation] + f"{value:,.{digits}f}×"


def compare_text(found: dict[str, Any]) -> str:
    """``compare`` as a table for a terminal: bits per byte at shares of the budget, end scores, effort ratio."""
    head = ["arm", "runs", *(f"{share:.0%}" for share in SHARES), "loss", "perplexity", "effort ratio"]
    lines = [head]
    for arm, values in found["arms"].items():
        at = {row["share"]: f"{row['value']:.3f}" for row in values["shares"]}
        last = values["curve"][-1] if values["curve"] else {}
        ratio = found["effort_ratio"].get(arm)
        told = "(the measure)" if arm == effort.RANDOM else "-"
        if ratio:
            told = shown_bound(ratio["ratio"], ratio["relation"])
            if len(ratio["seeds"]) > 1:
                least, most = (shown_bound(ratio[end], ratio[f"{end}_relation"]) for end in ("least", "most"))
                told += f" ({least} to {most})"
            told += " so far" if ratio["preliminary"] else ""
        scores = [_number(last.get("loss"), 3), _number(last.get("perplexity"), 1)]
        lines.append([arm, str(len(values["runs"])), *(at.get(share, "-") for share in SHARES), *scores, told])
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    rows = ["  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    rows.append("")
    rows.append(
        "Held-out bits per byte at shares of the budget (mean over runs); loss and perplexity at the last step."
    )
    rows.append("Effort ratio: steps of the random arm to its best loss, divided by this arm's steps to the same loss.")
    rows += [f"warning: {alarm['run']}: {alarm['sentence']}" for alarm in found["alarms"]]
    return "\n".join(rows)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
