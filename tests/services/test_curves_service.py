"""Runs on disk as curves: groups, tables, ``compare`` in both forms, refusals, unknown and broken runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.run_builders import STEPS, add_scores, write_group, write_run
from wechsel_core import paths, runs
from wechsel_core.errors import InputError, RunError
from wechsel_core.services import curves, run_curves


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and no recorded runs."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path


# --- groups ------------------------------------------------------------------------------------------------------


def test_no_runs_make_no_groups() -> None:
    assert run_curves.groups() == []


def test_arms_and_seeds_of_one_comparison_are_one_group() -> None:
    ids = write_group(("random", "wechsel"), (0, 1))
    (group,) = run_curves.groups()
    assert group["arms"] == ["wechsel", "random"] and group["seeds"] == [0, 1]
    assert sorted(group["runs"]) == sorted(ids) and group["steps"] == STEPS and not group["recorded"]


def test_other_settings_are_another_group() -> None:
    write_run("wechsel")
    write_run("wechsel", steps=50)
    assert len(run_curves.groups()) == 2


def test_recorded_groups_come_after_the_users_own() -> None:
    write_group(("wechsel", "random"), (0,), recorded=True)
    write_run("wechsel", steps=50)
    assert [group["recorded"] for group in run_curves.groups()] == [False, True]


def test_a_queued_run_stands_with_those_of_its_settings() -> None:
    write_run("wechsel", 0)
    write_run("random", 0, state="queued", ready=False)
    (group,) = run_curves.groups()
    assert group["arms"] == ["wechsel", "random"]


def test_runs_that_are_all_queued_are_a_group_too() -> None:
    write_run("wechsel", 0, state="queued", ready=False)
    write_run("random", 0, state="queued", ready=False)
    assert len(run_curves.groups()) == 1


# --- one run -----------------------------------------------------------------------------------------------------


def test_resumed_steps_are_there_once() -> None:
    run = run_curves.load(write_run("wechsel", attempts=(1, 2)))
    scored = run.rows("eval")
    assert scored["step"].is_unique and list(scored["step"]) == list(range(0, STEPS + 1, 10))
    assert set(scored.loc[scored["step"] >= 50, "attempt"]) == {2}


def test_training_rows_have_a_perplexity() -> None:
    rows = run_curves.load(write_run("wechsel")).rows("train")
    assert rows["perplexity"].iloc[0] == pytest.approx(math.exp(rows["loss"].iloc[0]))


def test_unknown_run_and_one_outside_of_the_store_are_refused() -> None:
    for name in ("gone", "../gone", "", "a" * 300):
        with pytest.raises(RunError):
            run_curves.load(name)


def test_table_holds_every_number_with_its_run() -> None:
    found = run_curves.load_all([write_run("wechsel"), write_run("random", losses=[(0, math.nan)])])
    table = run_curves.table(found)
    assert list(table.columns[:6]) == ["run", "arm", "seed", "kind", "attempt", "step"]
    assert len(table) == sum(len(run.metrics) for run in found) and table["loss"].isna().sum() == 1
    assert run_curves.table([]).empty


# --- compare -----------------------------------------------------------------------------------------------------


def test_compare_by_hand() -> None:
    random = [(0, 9.0), (50, 6.0), (100, 4.0)]
    ids = [write_run("random", 0, losses=random), write_run("wechsel", 0, losses=[(0, 6.0), (50, 4.0), (100, 3.0)])]
    found = curves.compare(ids)
    assert list(found["arms"]) == ["wechsel", "random"]
    assert [row["step"] for row in found["arms"]["random"]["curve"]] == [0, 50, 100]
    assert found["arms"]["random"]["curve"][2]["loss"] == 4.0
    assert found["effort_ratio"]["wechsel"]["ratio"] == 2.0 and found["effort_ratio"]["wechsel"]["relation"] == "="
    assert found["arms"]["random"]["shares"][2]["value"] == pytest.approx(6 / math.log(2) / 4.2)
    json.dumps(found, allow_nan=False)


def test_compare_takes_means_over_seeds() -> None:
    ids = [write_run("wechsel", seed, losses=[(0, 6.0), (100, 3.0 + seed)]) for seed in (0, 1)]
    found = curves.compare([*ids, ids[0]])
    assert found["arms"]["wechsel"]["runs"] == ids and found["arms"]["wechsel"]["seeds"] == [0, 1]
    assert found["arms"]["wechsel"]["curve"][-1]["loss"] == 3.5
    assert found["effort_ratio"] == {}


def test_compare_of_three_arms_and_two_seeds() -> None:
    found = curves.compare(write_group())
    assert list(found["arms"]) == ["wechsel", "random", "transinner"]
    assert set(found["effort_ratio"]) == {"wechsel", "transinner"}
    wechsel, inner = (found["effort_ratio"][arm] for arm in ("wechsel", "transinner"))
    assert wechsel["ratio"] > inner["ratio"] > 1 and len(wechsel["seeds"]) == 2
    assert wechsel["least"] <= wechsel["ratio"] <= wechsel["most"]
    json.dumps(found, allow_nan=False)


def test_compare_refuses_runs_that_differ_in_more() -> None:
    ids = [write_run("wechsel"), write_run("random", prepare={"batch_size": 8})]
    with pytest.raises(InputError, match=r"batch_size"):
        curves.compare(ids)


def test_compare_refuses_runs_without_scores() -> None:
    with pytest.raises(InputError, match="no held-out score yet"):
        curves.compare([write_run("wechsel"), write_run("random", state="queued", ready=False)])
    with pytest.raises(InputError, match="no run"):
        curves.compare([])


def test_compare_keeps_numbers_that_are_none_out_of_json() -> None:
    found = curves.compare([write_run("wechsel", losses=[(0, 6.0), (10, math.nan)])])
    assert found["arms"]["wechsel"]["curve"][-1]["loss"] is None
    assert found["alarms"][0]["kind"] == "nan"
    json.dumps(found, allow_nan=False)


def test_text_form_has_a_line_an_arm_and_the_ratio() -> None:
    lines = curves.compare_text(curves.compare(write_group())).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["arm", "wechsel", "random", "transinner"]
    assert "×" in lines[1] and "(the measure)" in lines[2]
    assert all(len(line) < 140 for line in lines)


def test_text_form_warns() -> None:
    text = curves.compare_text(curves.compare([write_run("wechsel", losses=[(0, 6.0), (10, 0.1)])]))
    assert "warning" in text and "Too good to be true" in text


@pytest.mark.parametrize(
    ("value", "relation", "shown"),
    [(3.2, "=", "3.20×"), (12.34, ">=", "≥ 12.3×"), (0.8, "<=", "≤ 0.80×"), (64, "?", "about 64.0×"), (640, "=", "640×")],
)  # fmt: skip
def test_bounds_are_shown_with_their_sign(value: float, relation: str, shown: str) -> None:
    assert curves.shown_bound(value, relation) == shown


# --- what is said about the runs ---------------------------------------------------------------------------------


def test_shares_leave_out_what_was_not_reached() -> None:
    run = run_curves.load(write_run("wechsel", state="stopped", losses=[(0, 6.0), (10, 5.0), (40, 4.0)]))
    assert list(curves.shares([run])["share"]) == [0.0, 0.1]


def test_regime_says_how_far_from_the_paper() -> None:
    found = curves.regime(run_curves.load_all(write_group(("wechsel", "random"), (0,))))
    assert found is not None
    assert found.tokens == STEPS * 2048 and found.paper_share == pytest.approx(found.tokens / 65.536e9)
    assert found.epochs == pytest.approx(found.tokens / (800 * 128))
    assert found.falling is not None and 0 < found.falling < 0.1
    assert found.gaps["wechsel"] < 0
    assert curves.regime([]) is None


def test_alarms_name_their_run() -> None:
    ids = [write_run("wechsel", losses=[(0, 6.0), (10, 0.5)]), write_run("random")]
    ((run, alarm),) = curves.alarms(run_curves.load_all(ids))
    assert run.arm == "wechsel" and alarm.kind == "leak"


def test_a_run_that_goes_on_is_live_and_its_ratio_preliminary() -> None:
    random = write_run("random", losses=[(0, 9.0), (50, 6.0), (100, 4.0)])
    running = write_run("wechsel", state="running", losses=[(0, 6.0), (40, 5.0)])
    found = run_curves.load_all([random, running])
    assert [run.live for run in found] == [True, False]
    ratio = curves.effort_ratios(found)["wechsel"]
    assert ratio.preliminary and ratio.median.relation == "<="
    add_scores(running, [(80, 4.0)], state="running")
    assert curves.effort_ratios(run_curves.load_all([random, running]))["wechsel"].median.value == 1.25


def test_recorded_runs_are_read_and_known_as_such() -> None:
    ids = write_group(("wechsel", "random"), (0,), recorded=True)
    assert all(run.recorded and not run.live for run in run_curves.load_all(ids))
    assert runs.run_folder(ids[0]).parent == paths.recorded_runs_dir()


def test_two_results_of_one_tokenizer_are_two_arms_of_one_comparison() -> None:
    """k 10 beside k 1: they differ in their initialisation alone, but are no two seeds of one arm."""
    one = write_run("wechsel", result={"name": "k1", "config_hash": "1" * 64}, result_id="k1")
    ten = write_run("wechsel", result={"name": "k10", "config_hash": "2" * 64}, result_id="k10")
    random = [write_run("random", result={"config_hash": name[-1] * 64}, result_id=name) for name in ("k1", "k2")]
    found = curves.compare([one, ten, *random])
    assert list(found["arms"]) == ["wechsel (k1)", "wechsel (k10)", "random"]
    assert found["arms"]["random"]["seeds"] == [0]
    assert set(found["effort_ratio"]) == {"wechsel (k1)", "wechsel (k10)"}


def test_level_of_random_needs_another_arm_beside_it() -> None:
    random = [write_run("random", seed, losses=[(0, 9.0), (100, 4.0 + seed)]) for seed in (0, 1)]
    assert curves.random_level(run_curves.load_all(random), "loss") is None
    assert curves.random_level(run_curves.load_all([*random, write_run("wechsel")]), "loss") == 4.5
    assert curves.random_level(run_curves.load_all([write_run("wechsel", 5)]), "loss") is None
