"""Services of training runs as the pages call them: imported late; what a run's files hold is read when they change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from wechsel_core.config import TrainConfig
from wechsel_core.paths import Stamp

if TYPE_CHECKING:
    import pandas as pd

    from wechsel_core.services.run_curves import RunCurve

#: How often a page looks at runs that go on.
EVERY = "2s"
LIVE = ("queued", "running", "stopping")


# --- curves ------------------------------------------------------------------------------------------------------


def groups() -> list[dict[str, Any]]:
    """Comparisons on disk; never cached, another window may have started one."""
    from wechsel_core.services import run_curves

    return run_curves.groups()


def curves_of(run_ids: Sequence[str]) -> list[RunCurve]:
    """Runs with their numbers, by arm and seed; their status as it is now."""
    from wechsel_core.services import run_curves

    found = [run_curves.load(name, _metrics(name, run_curves.stamp(name))) for name in dict.fromkeys(run_ids)]
    return sorted(found, key=lambda run: (run_curves.arm_order(run.arm), run.seed, run.id))


def curve_table(run_ids: Sequence[str]) -> pd.DataFrame:
    """Every number of the runs as one table."""
    from wechsel_core.services import run_curves

    return run_curves.table(curves_of(run_ids))


def random_level(runs: Sequence[RunCurve], measure: str) -> float | None:
    """The best held-out score of the random arm."""
    from wechsel_core.services import curves

    return curves.random_level(runs, measure)


@st.cache_resource(max_entries=200, show_spinner=False)
def _metrics(run_id: str, stamp: Stamp) -> pd.DataFrame:
    """One table for all sessions, which nobody changes: whoever adds a column makes a new one."""
    from wechsel_core.services import run_curves

    return run_curves.read_metrics(run_id)


# --- runs --------------------------------------------------------------------------------------------------------


def list_runs() -> list[dict[str, Any]]:
    """All runs, newest first, then the recorded ones; never cached."""
    from wechsel_core.services import training

    return training.list_runs()


def run(run_id: str) -> dict[str, Any]:
    """One run as it is now."""
    from wechsel_core.services import training

    return training.run(run_id)


def log_tail(run_id: str, lines: int = 40) -> str:
    """The end of a run's log."""
    from wechsel_core.services import training

    return training.log_tail(run_id, lines=lines)


def stop(run_id: str) -> None:
    """Ask a run to finish its step, write a checkpoint and end."""
    from wechsel_core.services import training

    training.stop(run_id)


def kill(run_id: str) -> None:
    """End a run at once."""
    from wechsel_core.services import training

    training.kill(run_id)


def resume(run_id: str) -> None:
    """Go on from the last whole checkpoint."""
    from wechsel_core.services import training

    training.resume(run_id)


def delete(run_id: str) -> None:
    """Delete a run with its checkpoints and model."""
    from wechsel_core.services import training

    training.delete(run_id)


def node_commands(run_id: str, **options: Any) -> list[str]:
    """The command for each machine of a run, the first machine's first."""
    from wechsel_core.services import training

    return training.node_commands(run_id, **options)


# --- pretraining -------------------------------------------------------------------------------------------------


def launch(config: TrainConfig, progress: Any = None) -> str:
    """Start a run; returns its id."""
    from wechsel_core.services import training

    return training.launch(config, progress=progress)


def arms_of(result_id: str) -> list[str]:
    """The arms that a result can be trained in."""
    from wechsel_core.services import training

    return training.arms_of(result_id)


def plan_cost(config: TrainConfig) -> dict[str, Any]:
    """Steps, tokens, time, memory and disk of a run before it starts."""
    return _plan_cost(config.to_dict(), config.hash)


@st.cache_data(ttl="5m", max_entries=50, show_spinner="Reading the text and working out the cost")
def _plan_cost(_values: dict[str, Any], digest: str) -> dict[str, Any]:
    from wechsel_core.services import training

    return training.plan_cost(TrainConfig.from_dict(_values))


def command_line(config: TrainConfig) -> str:
    """The command that starts the same run."""
    from wechsel_core.services import training

    return training.command_line(config)


@st.cache_data(ttl="1m", max_entries=1, show_spinner=False)
def text_sources() -> list[dict[str, Any]]:
    """Corpora of the catalogue."""
    from wechsel_core.services import training

    return training.text_sources()


def save_texts(files: Sequence[tuple[str, bytes]]) -> Path:
    """Keep uploaded text; the same text goes to the same place."""
    from wechsel_core.services import texts

    return texts.save(files)
