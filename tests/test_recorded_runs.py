"""The recorded runs that come with the lab: whole, comparable, and without a trace of the machine they were made on."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.run_builders import write_run
from wechsel_core import paths, runs
from wechsel_core.config import TrainConfig
from wechsel_core.pocket.build import recorded
from wechsel_core.pocket.build.recorded import ARMS, SEEDS, STEPS
from wechsel_core.services.curves import compare

FAMILIES, LANGUAGES = ("gpt2", "roberta"), ("fr", "de", "zh", "sw")
GROUPS = pytest.mark.parametrize("family,language", list(itertools.product(FAMILIES, LANGUAGES)))


def of_group(family: str, language: str) -> list[dict]:
    found = [entry for entry in runs.list_runs() if entry["recorded"]]
    return [entry for entry in found if entry["run"]["result"]["name"] == f"pocket-{family}-{language}"]


@GROUPS
def test_every_arm_and_seed_is_there_and_finished(family: str, language: str) -> None:
    entries = of_group(family, language)
    made = {(entry["run"]["config"]["arm"], entry["run"]["config"]["seed"]) for entry in entries}
    assert made == set(itertools.product(ARMS, SEEDS)) and len(entries) == len(made)
    for entry in entries:
        assert entry["status"]["state"] == "finished" and not entry["status"]["alive"]
        scores = runs.read_metrics(entry["folder"]).query("kind == 'eval'")
        assert scores["step"].iloc[0] == 0 and scores["step"].iloc[-1] == STEPS == entry["status"]["step"]
        assert np.isfinite(scores[["loss", "perplexity", "bits_per_byte"]].to_numpy()).all()


@GROUPS
def test_arms_differ_in_the_initialisation_alone(family: str, language: str) -> None:
    prepared = {
        (e["run"]["config"]["arm"], e["run"]["config"]["seed"]): e["run"]["prepared"]
        for e in of_group(family, language)
    }
    for seed in SEEDS:
        assert len({prepared[arm, seed]["comparison_hash"] for arm in ARMS}) == 1
        assert len({prepared[arm, seed]["initialisation"] for arm in ARMS}) == len(ARMS)
    assert len({one["group_hash"] for one in prepared.values()}) == 1
    assert len({one["comparison_hash"] for one in prepared.values()}) == len(SEEDS)
    assert all(one["train_sha256"] != one["held_out_sha256"] for one in prepared.values())


@GROUPS
def test_they_compare(family: str, language: str) -> None:
    found = compare([entry["id"] for entry in of_group(family, language)])
    assert set(found["arms"]) == set(ARMS) and not found["alarms"]
    assert set(found["effort_ratio"]) == set(ARMS) - {"random"}
    for arm in ARMS:
        assert [point["share"] for point in found["arms"][arm]["shares"]] == [0.0, 0.1, 0.5, 1.0]


def test_ids_and_hashes_are_those_of_their_configurations() -> None:
    for entry in runs.list_runs():
        if entry["recorded"]:
            config = TrainConfig.from_dict(entry["run"]["config"])
            assert entry["id"] == runs.new_id(config) == entry["run"]["id"]
            assert entry["run"]["config_hash"] == config.hash


def test_nothing_of_the_machine_is_kept() -> None:
    for path in paths.recorded_runs_dir().rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert "/" not in json.dumps(json.loads(text)["config"]) if path.name == runs.RUN else True
            assert not any(word in text for word in ("/home/", "/tmp/", "/root/", '"pid"', '"host"', "boot_id"))
            assert path.name in (runs.RUN, runs.STATUS, runs.METRICS)


def test_recording_keeps_the_numbers_and_drops_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was resumed reads the same from its record, to six digits, under the id of its plain settings."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    places = {
        "result_id": str(tmp_path / "pocket-gpt2-fr"),
        "text": str(tmp_path / "fr.txt"),
        "held_out": "/x/fr.h.txt",
    }
    folder = runs.run_folder(write_run("wechsel", attempts=(1, 2), **places))
    config = TrainConfig.from_dict(runs.read_run(folder)["config"])
    recorded.record(folder, config, tmp_path / "out")
    (kept,) = (tmp_path / "out").iterdir()
    assert kept.name == runs.new_id(recorded.as_recorded(config)) and str(tmp_path) not in (kept / runs.RUN).read_text()
    before, after = (runs.read_metrics(place).drop(columns="attempt") for place in (folder, kept))
    scores = [frame[frame["kind"] == "eval"].reset_index(drop=True) for frame in (before, after)]
    pd.testing.assert_frame_equal(*scores, rtol=1e-5)
    losses = [frame[frame["kind"] == "train"].set_index("step")["loss"] for frame in (before, after)]
    for step, loss in losses[1].items():  # the mean of the lines up to it that stand in no earlier one
        group = losses[0][(losses[0].index - 1) // recorded.LOG_EVERY == (step - 1) // recorded.LOG_EVERY]
        assert loss == pytest.approx(group.mean(), rel=1e-5) and step == group.index.max()
    assert 0 < len(losses[1]) <= len(losses[0])
    assert runs.read_status(kept)["state"] == "finished" and "pid" not in runs.read_status(kept)
    again = TrainConfig.from_dict(runs.read_run(kept)["config"])
    assert (again.text, again.held_out, again.result) == ("fr.txt", "fr.h.txt", "pocket-gpt2-fr")


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in paths.recorded_runs_dir().rglob("*") if path.is_file()) < 1e6
