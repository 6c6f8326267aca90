"""A race over tiny files, for real: rows, equal conditions, going on, stopping, failing contestants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.services.tiny_files import FRENCH, TinyFiles, sentences
from wechsel_core import paths, runs
from wechsel_core.config import RaceConfig
from wechsel_core.errors import InputError, RunError
from wechsel_core.services import race_tables, race_worker, races
from wechsel_core.services.race import RaceStopped


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "recorded_races_dir", lambda: tmp_path / "recorded")
    return tmp_path / "home"


@pytest.fixture
def race(files: TinyFiles, tmp_path: Path) -> Any:
    """``race(model, **changes)``: the configuration of a race of seconds."""
    text = tmp_path / "text.txt"
    text.write_text("\n".join(sentences(FRENCH, n=400)), "utf-8")

    def make(model: str = "gpt2", **changes: Any) -> RaceConfig:
        config = files.config(model)
        given = {name: getattr(config, name) for name in (
            "source", "target_language", "source_vectors", "target_vectors", "dictionary", "target_tokenizer",
        )}  # fmt: skip
        usual = {"methods": "wechsel,mean", "seeds": "0,1", "text": str(text), "steps": 4, "eval_every": 2,
                 "batch_size": 2, "block_size": 16, "held_out_tokens": 300, "device": "cpu"}  # fmt: skip
        return RaceConfig(**(given | usual | changes))

    return make


def without_times(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows without what depends on the clock, or on who was prepared before."""
    kept = json.loads(json.dumps(record["rows"]))
    for row in kept:
        row.pop("train_seconds", None)
        row.get("init", {}).update(seconds=0, bytes=0, shared=False, held_out_p_at_1=0)
    return kept


def test_every_contestant_runs_under_the_same_conditions(race: Any) -> None:
    config = race(methods="wechsel,mean,overlap,wechsel+similarity=csls")
    folder = races.create(config)
    record = race_worker.work(folder)
    assert [(row["entry"], row["seed"]) for row in record["rows"]] == [
        (name, seed) for seed in (0, 1) for name in ("wechsel", "mean", "overlap", "wechsel+similarity=csls", "random")
    ]
    assert len({row["group_hash"] for row in record["rows"]}) == 1
    assert all([point[0] for point in row["curve"]] == [0, 2, 4] for row in record["rows"])
    for row in record["rows"]:  # two ways to the same number: the race's own score, and the trainer's at step 0
        assert row["start"]["loss"] == pytest.approx(row["curve"][0][1], rel=1e-5)
        assert 0 <= row["start"]["accuracy"] <= 1
    by_name = {row["entry"]: row for row in record["rows"]}
    assert by_name["wechsel"]["start"]["translation_of_rows"]["n"] > 0
    assert by_name["mean"]["init"]["counts"]["mixed"] == 0 < by_name["wechsel"]["init"]["counts"]["mixed"]
    assert runs.effective_status(folder)["state"] == "finished"
    assert not list(folder.rglob("model.safetensors"))  # a race makes many models and keeps their tables
    assert len(list(folder.rglob("neighbors.parquet"))) == len(record["rows"])
    table = race_tables.table(record)
    assert set(table["entry"]) == {row["entry"] for row in record["rows"]} and (table["seeds"] == 2).all()
    assert race_tables.sentences(record) and "contestant" in race_tables.text(record)


def test_same_configuration_same_figures_and_a_cut_race_goes_on(race: Any, tmp_path: Path) -> None:
    whole = race_worker.work(races.create(race(), tmp_path / "whole"))
    folder = races.create(race(), tmp_path / "cut")

    def stop_early(share: float, sentence: str) -> None:
        if "Mean, seed 0" in sentence:
            runs.request_stop(folder)

    with pytest.raises(RaceStopped):
        race_worker.work(folder, stop_early)
    assert runs.effective_status(folder)["state"] == "stopped"
    done = races.read_race(folder)["rows"]
    assert 0 < len(done) < len(whole["rows"])
    runs.clear_stop(folder)
    assert without_times(race_worker.work(folder)) == without_times(whole)
    assert races.read_race(folder)["rows"][: len(done)] == done  # what was noted is not done again


def test_before_training_alone(race: Any) -> None:
    record = race_worker.work(races.create(race(steps=0, methods="wechsel,normal", seeds="0")))
    assert all("curve" not in row for row in record["rows"])
    assert "bits_100" not in race_tables.table(record)


def test_helper_is_trained_for_those_who_need_one(race: Any) -> None:
    folder = races.create(race("roberta", methods="clp,omp", seeds="0", helper_steps=3, steps=2))
    record = race_worker.work(folder)
    assert record["helper"]["steps"] == 3 and (folder / "helper" / "model").is_dir()
    assert {row["entry"] for row in record["rows"]} == {"clp", "omp", "random"}
    assert all("curve" in row for row in record["rows"])


def test_a_contestant_that_fails_does_not_stop_the_others(race: Any) -> None:
    record = race_worker.work(races.create(race(methods="mean,wechsel+neighbors=5000", seeds="0", steps=0)))
    failed = {row["entry"]: row.get("failed") for row in record["rows"]}
    assert "neighbors is 5000" in failed["wechsel+neighbors=5000"]
    assert failed["mean"] is None and failed["random"] is None
    assert any("did not run" in sentence for sentence in race_tables.sentences(record))


def test_what_nobody_could_run_on_fails_the_race_at_once(race: Any) -> None:
    folder = races.create(race(dictionary="nowhere.tsv", methods="wechsel"))
    with pytest.raises(InputError, match=r"nowhere\.tsv"):
        race_worker.work(folder)
    status = runs.effective_status(folder)
    assert status["state"] == "failed" and "nowhere.tsv" in status["reason"]


def test_ablations_share_similarities_and_come_to_the_same(race: Any) -> None:
    """One by one and in one race the same contestants score the same: what is kept between them changes nothing."""
    names = ["wechsel+neighbors=1+temperature=1", "wechsel+neighbors=5+temperature=0.1", "wechsel+dictionary_size=12",
             "wechsel+alignment=none"]  # fmt: skip
    together = race_worker.work(races.create(race(methods=",".join(names), seeds="0", steps=0)))
    for name in names:
        alone = race_worker.work(races.create(race(methods=name, seeds="0", steps=0)))
        assert alone["rows"][0]["start"] == next(
            row["start"] for row in together["rows"] if row["entry"] == alone["rows"][0]["entry"]
        )


# --- the store ---------------------------------------------------------------------------------------------------


def test_bad_races_leave_nothing_behind(race: Any, tmp_path: Path) -> None:
    for changes in ({"methods": "nobody"}, {"text": str(tmp_path / "missing.txt")}):
        with pytest.raises(InputError):
            races.create(race(**changes))
    assert races.list_races() == []


def test_a_folder_of_another_race_is_left_alone(race: Any, tmp_path: Path) -> None:
    races.create(race(), tmp_path / "race")
    assert races.create(race(), tmp_path / "race") == tmp_path / "race"
    with pytest.raises(RunError, match="another race"):
        races.create(race(steps=8), tmp_path / "race")


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "../race", "\0", "x" * 300, "nobody"])
def test_ids_stay_inside_the_folder(name: str) -> None:
    with pytest.raises(RunError):
        races.race_folder(name)


def test_listed_recorded_and_deleted(race: Any, tmp_path: Path) -> None:
    folder = races.create(race(steps=0, methods="mean", seeds="0"))
    race_worker.work(folder)
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "kept.json").write_text((folder / races.RACE).read_text("utf-8"), "utf-8")
    listed = races.list_races()
    assert [(entry["id"], entry["recorded"]) for entry in listed] == [(folder.name, False), ("kept", True)]
    assert listed[0]["rows"] == listed[0]["expected"] == 2
    with pytest.raises(RunError, match="came with the lab"):
        races.delete("kept")
    races.delete(folder.name)
    assert [entry["id"] for entry in races.list_races()] == ["kept"]


def test_another_schema_version_is_told(race: Any) -> None:
    folder = races.create(race())
    record = json.loads((folder / races.RACE).read_text("utf-8"))
    (folder / races.RACE).write_text(json.dumps(record | {"schema_version": 9}), "utf-8")
    with pytest.raises(RunError, match="schema version 9"):
        races.read_race(folder)
    assert races.list_races() == []
