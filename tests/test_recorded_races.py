"""The recorded races that come with the lab: whole seed by seed, under equal conditions, without a trace of the machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from wechsel_core import paths
from wechsel_core.config import METHODS, RaceConfig
from wechsel_core.pocket.build import races as build
from wechsel_core.pocket.build.races_page import PAIRS
from wechsel_core.services import race_tables, races
from wechsel_core.services.race_entries import entries, init_config

FILES = sorted(paths.recorded_races_dir().glob("*.json"))
RACES = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def named(config: RaceConfig) -> dict[str, Any]:
    """A configuration as it is recorded, with names for paths."""
    return config.to_dict() | {"text": Path(str(config.text)).name, "held_out": Path(str(config.held_out)).name}


def test_every_pair_has_a_race_and_an_ablation_and_the_real_model_its_start() -> None:
    names = {f"{kind}-{family}-{language}" for kind in ("race", "ablation") for family, language in PAIRS}
    names |= {f"start-{build.REAL_MODEL}-{build.REAL_LANGUAGE}"}
    assert {path.stem for path in FILES} == names
    assert {entry["id"] for entry in races.list_races() if entry["recorded"]} == {path.stem for path in FILES}


@RACES
def test_it_is_what_the_build_makes(path: Path) -> None:
    _, family, language = re.fullmatch(r"(\w+)-(.+)-(\w+)", path.stem).groups()
    wanted = build.race_configs(Path("corpora"), family, language)[path.stem]
    record = races.read_race(path)
    assert record["id"] == path.stem and record["config"] == named(wanted)
    assert [entry["name"] for entry in record["entries"]] == [entry.name for entry in entries(wanted)]


@RACES
def test_its_hashes_are_of_the_settings_that_it_names(path: Path) -> None:
    """Anyone who initialises with the recorded settings gets a result of the recorded hash."""
    record = races.read_race(path)
    config = RaceConfig.from_dict(record["config"])
    assert record["config_hash"] == config.hash
    contestants = {entry.name: entry for entry in entries(config)}
    for row in record["rows"]:
        settings = init_config(contestants[row["entry"]], config, row["seed"], text=record["text"], helper=None)
        assert row["init"]["config_hash"] == settings.hash


@RACES
def test_every_contestant_came_in_with_every_seed(path: Path) -> None:
    record = races.read_race(path)
    contestants = {entry["name"] for entry in record["entries"]}
    seeds = {row["seed"] for row in record["rows"]}
    assert seeds == set(RaceConfig.from_dict(record["config"]).seed_numbers)
    for seed in seeds:
        rows = [row for row in record["rows"] if row["seed"] == seed]
        assert {row["entry"] for row in rows} == contestants and len(rows) == len(contestants)
        assert not any(row.get("failed") for row in rows)
    if record["config"]["steps"]:
        assert {entry["method"] for entry in record["entries"]} == {*METHODS, "random"}


@RACES
def test_all_rows_have_the_same_conditions(path: Path) -> None:
    record = races.read_race(path)
    if not record["config"]["steps"]:
        return
    assert {row["group_hash"] for row in record["rows"]} == {record["conditions"]["group_hash"]}
    steps = [[point[0] for point in row["curve"]] for row in record["rows"]]
    assert all(places == steps[0] for places in steps) and steps[0][0] == 0
    assert steps[0][-1] == record["config"]["steps"]
    for row in record["rows"]:
        assert row["start"]["loss"] == pytest.approx(row["curve"][0][1], rel=1e-4)


@RACES
def test_nothing_of_the_machine_is_kept(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not any(word in text for word in ("/home/", "/tmp/", "/root/", '"pid"', '"host"', "boot_id"))
    assert "/" not in json.dumps(json.loads(text)["config"])


@RACES
def test_it_can_be_read_as_tables_and_sentences(path: Path) -> None:
    record = races.read_race(path)
    assert len(race_tables.table(record)) == len(record["entries"])
    assert race_tables.sentences(record)


def test_recording_goes_on_from_the_records(tmp_path: Path) -> None:
    """On another machine a race begins with the rows that were recorded, and never overwrites rows of its own."""
    path = FILES[-1]
    folder = tmp_path / "race"
    folder.mkdir()
    record = races.read_race(path)
    (folder / races.RACE).write_text(json.dumps(record | {"rows": []}), "utf-8")
    build.take_up(folder, path)
    assert races.read_race(folder)["rows"] == record["rows"]
    (folder / races.RACE).write_text(json.dumps(record | {"rows": record["rows"][:1]}), "utf-8")
    build.take_up(folder, path)
    assert races.read_race(folder)["rows"] == record["rows"][:1]
