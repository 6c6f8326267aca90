"""Services of races as the pages call them: imported late; what a race's file holds is read when it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from wechsel_core import paths
from wechsel_core.config import RaceConfig
from wechsel_core.paths import Stamp

if TYPE_CHECKING:
    import pandas as pd

LIVE = ("queued", "running", "stopping")


def list_races() -> list[dict[str, Any]]:
    """All races, newest first, then the recorded ones; never cached."""
    from wechsel_core.services import races

    return races.list_races()


def record(entry: dict[str, Any]) -> dict[str, Any]:
    """Everything that a race has noted; nobody changes it."""
    return _record(entry["path"], _stamp(entry))


def table(entry: dict[str, Any]) -> pd.DataFrame:
    """A row a contestant, the best first."""
    return _table(entry["path"], _stamp(entry)).copy()


def curves(entry: dict[str, Any]) -> pd.DataFrame:
    """Every score of every contestant and seed."""
    return _curves(entry["path"], _stamp(entry)).copy()


def sentences(entry: dict[str, Any]) -> list[str]:
    """The verdict in words."""
    return _sentences(entry["path"], _stamp(entry))


def groups() -> dict[str, list[tuple[str, str]]]:
    """Name and label of every contestant, by group."""
    from wechsel_core.services import race_entries

    return {
        group: [(entry.name, entry.label) for entry in map(race_entries.parse, names)]
        for group, names in race_entries.GROUPS.items()
    }


def needs(names: tuple[str, ...]) -> list[str]:
    """What the contestants need beyond both tokenizers and the source model, in words."""
    from wechsel_core.services import race_entries

    return race_entries.needs(names)


def start(config: RaceConfig) -> str:
    """Start a race in the background; returns its id."""
    from wechsel_core.services import races

    return races.start(config)


def act(action: str, name: str) -> None:
    """Stop, resume or delete a race."""
    from wechsel_core.services import races

    {"stop": races.stop, "resume": races.resume, "delete": races.delete}[action](name)


def command_line(config: RaceConfig) -> str:
    """The command that runs the same race."""
    from wechsel_core.services import races

    return races.command_line(config)


def ablation_settings(found: pd.DataFrame) -> pd.DataFrame:
    """The contestants' options as columns: neighbors, temperature, mode, alignment, dictionary_size, vector_words."""
    from wechsel_core.services import race_tables

    return race_tables.with_settings(found)


def _stamp(entry: dict[str, Any]) -> Stamp:
    path = Path(entry["path"])
    return paths.stamp(path if path.suffix == ".json" else path / "race.json")


@st.cache_resource(max_entries=20, show_spinner=False)
def _record(path: str, stamp: Stamp) -> dict[str, Any]:
    from wechsel_core.services import races

    return races.read_race(Path(path))


@st.cache_resource(max_entries=20, show_spinner=False)
def _table(path: str, stamp: Stamp) -> pd.DataFrame:
    from wechsel_core.services import race_tables

    return race_tables.table(_record(path, stamp))


@st.cache_resource(max_entries=20, show_spinner=False)
def _curves(path: str, stamp: Stamp) -> pd.DataFrame:
    from wechsel_core.services import race_tables

    return race_tables.curve_table(_record(path, stamp))


@st.cache_resource(max_entries=20, show_spinner=False)
def _sentences(path: str, stamp: Stamp) -> list[str]:
    from wechsel_core.services import race_tables

    return race_tables.sentences(_record(path, stamp))
