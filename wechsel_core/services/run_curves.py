"""Runs as curves: their numbers, the comparisons that they belong to, one table of everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core import paths
from wechsel_core.config import ARMS, config_hash
from wechsel_core.evaluation.curves import MEASURES
from wechsel_core.evaluation.effort import RANDOM
from wechsel_core.paths import Stamp

#: States of a run that may still write numbers.
LIVE = ("queued", "running", "stopping")
_TABLE = (
    "run", "arm", "seed", "kind", "attempt", "step", "tokens", "seconds", *MEASURES, "learning_rate", "grad_norm",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RunCurve:
    """A run with its numbers.

    Attributes
    ----------
    id, arm : str
    seed : int
    run, status : dict
        ``run.json`` and the effective status.
    metrics : DataFrame
        Training and held-out rows, resumed steps once.
    recorded : bool
        Whether it came with the lab.
    """

    id: str
    arm: str
    seed: int
    run: dict[str, Any]
    status: dict[str, Any]
    metrics: pd.DataFrame
    recorded: bool

    @property
    def prepared(self) -> dict[str, Any]:
        """What the worker has recorded once its inputs were ready; empty before."""
        return self.run.get("prepared") or {}

    @property
    def masked(self) -> bool:
        """Whether the model predicts hidden tokens."""
        return str(self.run["result"].get("kind")) == "masked"

    @property
    def budget(self) -> int:
        """Steps of the whole run; 0 while nobody knows."""
        return int(self.prepared.get("steps") or self.status.get("steps") or 0)

    @property
    def live(self) -> bool:
        """Whether more numbers may come."""
        return self.status.get("state") in LIVE

    @property
    def group(self) -> str:
        """Hash that the arms and seeds of one comparison share; "" before the run has prepared its inputs."""
        return str(self.prepared.get("group_hash", ""))

    def rows(self, kind: str) -> pd.DataFrame:
        """The rows of one kind, train or eval, by rising step; training rows with their perplexity."""
        found = self.metrics[self.metrics["kind"] == kind].sort_values("step").reset_index(drop=True)
        if kind == "train" and len(found):
            losses = found["loss"].to_numpy(dtype=np.float64)
            found["perplexity"] = np.exp(np.minimum(losses, 700))
        return found


def load(run_id: str, metrics: pd.DataFrame | None = None) -> RunCurve:
    """A run by its id; ``RunError`` for one that is not there.

    ``metrics`` are its numbers where somebody has read them before (see ``stamp``).
    """
    from wechsel_core import runs

    folder = runs.run_folder(run_id)
    run = runs.read_run(folder)
    return RunCurve(
        id=run_id,
        arm=str(run["config"].get("arm", "?")),
        seed=int(run["config"].get("seed", 0)),
        run=run,
        status=runs.effective_status(folder),
        metrics=runs.read_metrics(folder) if metrics is None else metrics,
        recorded=runs.is_recorded(folder),
    )


def stamp(run_id: str) -> Stamp:
    """What changes with a run's numbers."""
    from wechsel_core import runs

    return paths.stamp(runs.run_folder(run_id) / runs.METRICS)


def read_metrics(run_id: str) -> pd.DataFrame:
    """The numbers of a run, resumed steps once."""
    from wechsel_core import runs

    return runs.read_metrics(runs.run_folder(run_id))


def load_all(run_ids: Sequence[str]) -> list[RunCurve]:
    """Several runs, each once, by arm and seed."""
    found = [load(run_id) for run_id in dict.fromkeys(run_ids)]
    return sorted(found, key=lambda run: (arm_order(run.arm), run.seed, run.id))


def arm_order(arm: str) -> int:
    """Place of an arm in tables and legends."""
    return ARMS.index(arm) if arm in ARMS else len(ARMS)


def groups() -> list[dict[str, Any]]:
    """Comparisons: runs that differ in arm and seed alone; the user's own first, newest first, then the recorded ones.

    Each holds id, result, source, target_language, kind, recorded, steps, arms, seeds, runs (ids by arm and seed)
    with run_arms and run_seeds beside them, live, created. A run that has not prepared its inputs stands with those of the same settings.
    """
    from wechsel_core import runs

    listed = runs.list_runs()
    known = {_settings(entry["run"]): digest for entry in listed if (digest := _digest(entry["run"]))}
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in listed:
        settings = _settings(entry["run"])
        found.setdefault(_digest(entry["run"]) or known.get(settings, settings), []).append(entry)
    described = [_group(digest, entries) for digest, entries in found.items()]
    mine = sorted((g for g in described if not g["recorded"]), key=lambda g: str(g["created"]), reverse=True)
    theirs = sorted((g for g in described if g["recorded"]), key=lambda g: (g["source"], g["target_language"], g["id"]))
    return mine + theirs


def _digest(run: dict[str, Any]) -> str:
    return str((run.get("prepared") or {}).get("group_hash") or "")


def _settings(run: dict[str, Any]) -> str:
    return config_hash({k: v for k, v in run["config"].items() if k not in ("arm", "seed")})


def _group(digest: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    def arm(entry: dict[str, Any]) -> str:
        return str(entry["run"]["config"].get("arm", "?"))

    def seed(entry: dict[str, Any]) -> int:
        return int(entry["run"]["config"].get("seed", 0))

    entries = sorted(entries, key=lambda entry: (arm_order(arm(entry)), seed(entry), entry["id"]))
    result = entries[0]["run"].get("result", {})
    prepared: dict[str, Any] = next((p for e in entries if (p := e["run"].get("prepared"))), {})
    return {
        "id": digest[:12],
        "recorded": all(entry["recorded"] for entry in entries),
        "result": str(result.get("name", "")),
        "source": str(result.get("source", "")),
        "target_language": str(result.get("target_language", "")),
        "kind": str(result.get("kind", "")),
        "steps": prepared.get("steps") or entries[0]["status"].get("steps"),
        "arms": list(dict.fromkeys(arm(e) for e in entries)),
        "seeds": sorted({seed(e) for e in entries}),
        "runs": [e["id"] for e in entries],
        "run_arms": [arm(e) for e in entries],
        "run_seeds": [seed(e) for e in entries],
        "live": any(e["status"]["state"] in LIVE for e in entries),
        "created": max(str(e["run"].get("created", "")) for e in entries),
    }


def by_arm(found: Sequence[RunCurve]) -> dict[str, list[RunCurve]]:
    """Runs under their arms, in the order of the legend, one run a seed.

    Two results of one tokenizer may stand in one comparison (k 10 beside k 1): an arm that starts from both is two, each
    with the name of its result. ``random`` takes nothing from a result and stays one.
    """
    results = {arm: {_start(run) for run in found if run.arm == arm} for arm in {run.arm for run in found}}
    arms: dict[str, dict[int, RunCurve]] = {}
    for run in sorted(
        found, key=lambda run: (arm_order(run.arm), run.arm, str(run.run["result"].get("name")), run.seed)
    ):
        several = run.arm != RANDOM and len(results[run.arm]) > 1
        seeds = arms.setdefault(f"{run.arm} ({run.run['result'].get('name')})" if several else run.arm, {})
        # The same arm and seed twice, scored at other steps: the one that has come further.
        if run.seed not in seeds or len(run.metrics) > len(seeds[run.seed].metrics):
            seeds[run.seed] = run
    return {arm: list(seeds.values()) for arm, seeds in arms.items()}


def _start(run: RunCurve) -> str:
    return str(run.run["result"].get("config_hash"))


def table(found: Sequence[RunCurve]) -> pd.DataFrame:
    """Every number of the runs, one row a run, kind and step, for CSV and Parquet."""
    frames = [run.metrics.assign(run=run.id, arm=run.arm, seed=run.seed) for run in found if len(run.metrics)]
    if not frames:
        return pd.DataFrame(columns=list(_TABLE))
    rows = pd.concat(frames, ignore_index=True)
    return rows[[name for name in _TABLE if name in rows]]
