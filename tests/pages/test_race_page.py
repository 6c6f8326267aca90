"""The Race page: first visit, verdict, figures, ablation, the form, wrong links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import address, open_page
from tests.pages.race_records import race_record, write_recorded
from ui.race_view import name_of
from wechsel_core import paths
from wechsel_core.services import races
from wechsel_core.services.race_entries import ABLATION, parse

ENDS = {"wechsel": 2.0, "mean": 2.5, "normal": 2.4, "random": 3.0}


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "recorded_races_dir", lambda: tmp_path / "recorded")
    return tmp_path / "recorded"


def charts(app: Any) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def plain(names: list[str]) -> list[str]:
    """Labels without the signs that keep right-to-left text in its place."""
    return [name.strip("\u2068\u2069") for name in names]


def coloured(chart: dict[str, Any]) -> list[str]:
    """Names of the curves that stand in the legend."""
    return sorted(plain([t["name"] for t in chart["data"] if t.get("showlegend") is not False and "name" in t]))


def said(app: Any) -> str:
    """Everything in words, without the signs that keep markdown from reading them."""
    parts = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(part.value) for part in parts).replace("\\", "")


def entry(methods: str, rows: int, **changes: Any) -> dict[str, Any]:
    """A race of two seeds as it is listed, of three contestants each."""
    config = {"source": "gpt2", "target_language": "fr", "methods": methods, "steps": 30, "seeds": "0,1"}
    return {"config": config, "recorded": True, "created": "", "rows": rows, "expected": 6} | changes


@pytest.mark.parametrize(
    ("listed", "name"),
    [(entry("all", 6), "gpt2 → fr · every method · 30 steps · 2 seeds · came with the lab"),
     (entry("all", 5), "gpt2 → fr · every method · 30 steps · 1 of 2 seeds · came with the lab"),
     (entry("wechsel,mean", 6), "gpt2 → fr · wechsel,mean · 30 steps · 2 seeds · came with the lab"),
     (entry("a,b,c,d,e", 6), "gpt2 → fr · 5 contestants · 30 steps · 2 seeds · came with the lab")],
)  # fmt: skip
def test_the_name_of_a_race(listed: dict[str, Any], name: str) -> None:
    assert name_of(listed) == name


def test_without_any_race_the_form_is_open() -> None:
    app = open_page("race")
    assert not app.exception and not app.error
    assert any("python -m wechsel_core race" in block.value for block in app.code)
    assert app.button(key="race:start").label == "Start the race"


def test_a_race_shows_verdict_curves_and_table() -> None:
    write_recorded("race-a", race_record(ENDS))
    app = open_page("race")
    assert not app.exception and address(app)["race"] == "race-a"
    assert "WECHSEL ends lowest, at 2.010 bits per byte" in said(app)
    assert "Worse than WECHSEL beyond the noise" in said(app)
    ends, curves = charts(app)
    assert plain(ends["data"][1]["y"]) == ["WECHSEL", "Normal", "Mean", "From scratch"]
    assert coloured(curves) == ["From scratch", "WECHSEL"]
    table = app.dataframe[0].value
    assert list(table["label"]) == ["WECHSEL", "Normal", "Mean", "From scratch"]


def test_contestants_in_colour_stand_in_the_address() -> None:
    write_recorded("race-a", race_record(ENDS))
    app = open_page("race")
    app.multiselect(key="url:picked").set_value(["mean", "wechsel"]).run()
    assert address(app)["picked"] == "mean,wechsel"
    assert coloured(charts(app)[1]) == ["Mean", "WECHSEL"]


def test_an_ablation_shows_its_heat_map_and_growth() -> None:
    names = dict.fromkeys([*(parse(name).name for name in ABLATION), "random"], 2.5)
    write_recorded("ablation-a", race_record(names, steps=0, seeds="0"))
    app = open_page("race")
    assert not app.exception
    heat = charts(app)[0]["data"][0]
    assert heat["type"] == "heatmap" and len(heat["x"]) == 5 and len(heat["y"]) == 4
    assert len(charts(app)) == 4  # heat map, dictionary, words, where each ends
    assert "before any training" in said(app)


def test_what_failed_is_told_as_text() -> None:
    write_recorded("race-a", race_record(ENDS, failed="normal"))
    app = open_page("race")
    assert not app.exception
    assert any(
        "Normal did not run: no" in block.value and "<b>" not in block.value.replace("\\<b", "")
        for block in app.markdown
    )


def test_a_wrong_link_and_a_broken_file_get_a_sentence_and_a_way_on(recorded: Path) -> None:
    write_recorded("race-a", race_record(ENDS))
    app = open_page("race", race="gone")
    assert "There is no race gone" in app.error[0].value and not app.exception
    (recorded / "race-b.json").write_text(json.dumps(race_record(ENDS) | {"schema_version": 7}), "utf-8")
    assert not open_page("race").exception


def test_the_form_says_what_is_needed_and_refuses_nonsense() -> None:
    app = open_page("race", group="chosen", methods="clp,mean", text="t.txt")
    assert "helper model of the target tokenizer" in said(app)
    assert any("--methods clp,mean" in block.value for block in app.code)
    app.text_input(key="url:seeds").set_value("one").run()
    assert "Seeds are" in app.error[0].value and not app.exception


def test_an_own_race_can_be_stopped_gone_on_with_and_deleted(tmp_path: Path) -> None:
    folder = paths.races_dir() / "mine"
    folder.mkdir(parents=True)
    record = race_record(ENDS)
    record["rows"] = record["rows"][:5]
    (folder / races.RACE).write_text(json.dumps(record), "utf-8")
    (folder / "status.json").write_text(json.dumps({"state": "stopped", "phase": "", "step": 5}), "utf-8")
    app = open_page("race")
    assert "5 of 12 done" in said(app)
    labels = [button.label for button in app.button]
    assert "Go on" in labels and "Stop" not in labels
    app.button(key="race:delete").click().run()
    assert not folder.exists() and not app.exception
