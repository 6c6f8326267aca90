"""The Curves page: first visit, recorded runs, what is drawn, the address, alarms, live runs, downloads."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages.conftest import address, open_page
from tests.run_builders import add_scores, curve, write_group, write_run
from ui import curve_controls, curve_figures, effort_view, figures, run_services
from wechsel_core import paths, runs
from wechsel_core.evaluation.curves import smooth


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No runs that came with the lab, unless a test writes some."""
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path / "recorded"


def charts(app: Any) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def numbers(values: Any) -> np.ndarray:
    """An array of a figure, which plotly packs."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).astype(float)
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def lines(chart: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The curves that stand in the legend."""
    return {trace["name"]: trace for trace in chart["data"] if trace.get("showlegend") is not False and "name" in trace}


def said(app: Any) -> str:
    parts = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(part.value) for part in parts)


# --- first visit -------------------------------------------------------------------------------------------------


def test_without_any_run_there_is_a_calm_sentence_and_a_way_on() -> None:
    app = open_page("curves")
    assert "no runs yet" in app.info[0].value
    assert app.get("page_link")[0].proto.label == "Start a run"
    assert not app.get("plotly_chart")


def test_first_visit_shows_recorded_curves() -> None:
    write_group(recorded=True)
    own = write_run("wechsel", steps=50)
    app = open_page("curves")
    held_out, training = charts(app)
    assert list(lines(held_out)) == ["wechsel", "random", "transinner"] == list(lines(training))
    assert "came with the lab" in app.selectbox[0].options[-1]
    assert address(app)["run"] != own and not app.error


def test_first_visit_takes_the_first_model_and_language() -> None:
    write_run("wechsel", recorded=True, result={"source": "pocket-roberta", "target_language": "sw"}, result_id="a")
    first = write_run("wechsel", recorded=True, prepare={"tokenizer_sha256": "d"}, result_id="b")
    assert address(open_page("curves")) == {"run": first}


def test_own_runs_are_shown_where_none_are_recorded() -> None:
    ids = write_group(("wechsel", "random"), (0,))
    app = open_page("curves")
    assert address(app)["run"] in ids
    assert len(lines(charts(app)[0])) == 2


# --- what is drawn -----------------------------------------------------------------------------------------------


def test_held_out_curve_has_every_score_once_after_a_resume() -> None:
    run = write_run("wechsel", attempts=(1, 2))
    trace = lines(charts(open_page("curves", run=run))[0])["wechsel"]
    assert list(numbers(trace["x"])) == [step for step, _ in curve("wechsel", 0)]
    np.testing.assert_allclose(numbers(trace["y"]), [loss / math.log(2) / 4.2 for _, loss in curve("wechsel", 0)])


def test_seeds_are_a_band_around_their_mean() -> None:
    write_group(("wechsel",), (0, 1))
    app = open_page("curves")
    (chart, _) = charts(app)
    mean = lines(chart)["wechsel"]
    band = [trace for trace in chart["data"] if trace.get("fill") == "tonexty"]
    assert len(band) == 1 and "band" in said(app)
    middle = [(a + b) / 2 for (_, a), (_, b) in zip(curve("wechsel", 0), curve("wechsel", 1), strict=True)]
    np.testing.assert_allclose(numbers(mean["y"]), np.array(middle) / math.log(2) / 4.2)


def test_arms_differ_in_colour_dash_and_marker() -> None:
    write_group(("wechsel", "random", "transinner", "wechsel-frozen", "random-neighbors", "permuted"), (0,))
    traces = lines(charts(open_page("curves"))[0]).values()
    for look in (
        [trace["line"]["color"] for trace in traces],
        [trace["line"]["dash"] for trace in traces],
        [trace["marker"]["symbol"] for trace in traces],
    ):
        assert len(set(look)) == 6


@pytest.mark.parametrize(
    ("query", "x", "y"),
    [
        ({}, "Optimiser step", "Held-out bits per byte"),
        ({"measure": "loss", "x": "tokens"}, "Tokens seen", "Held-out loss (nats a token)"),
        ({"measure": "perplexity", "x": "seconds"}, "Training time (seconds)", "Held-out perplexity"),
    ],
)
def test_measure_and_axis_of_the_address_with_their_units(query: dict[str, str], x: str, y: str) -> None:
    write_run("wechsel")
    layout = charts(open_page("curves", **query))[0]["layout"]
    assert layout["xaxis"]["title"]["text"] == x and layout["yaxis"]["title"]["text"] == y


def test_tokens_and_seconds_are_those_of_the_run() -> None:
    run = write_run("wechsel")
    for along, factor in (("tokens", 2048), ("seconds", 0.5)):
        trace = lines(charts(open_page("curves", run=run, x=along))[0])["wechsel"]
        np.testing.assert_allclose(numbers(trace["x"]), [step * factor for step, _ in curve("wechsel", 0)])


def test_logarithmic_axes() -> None:
    write_run("wechsel")
    app = open_page("curves", logx="True", logy="True")
    layout = charts(app)[0]["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"
    assert "Step 0" in said(app)


def test_training_curve_is_smoothed_and_the_raw_one_stands_behind() -> None:
    run = write_run("wechsel")
    app = open_page("curves", smooth="0.9", measure="loss")
    chart = charts(app)[1]
    raw, smoothed = (trace for trace in chart["data"])
    given = runs.read_metrics(runs.run_folder(run)).query("kind == 'train'")["loss"].to_numpy()
    np.testing.assert_allclose(numbers(raw["y"]), given)
    np.testing.assert_allclose(numbers(smoothed["y"]), smooth(given, 0.9))
    assert raw["opacity"] < 0.5 and raw["showlegend"] is False
    held_out = lines(charts(app)[0])["wechsel"]
    np.testing.assert_allclose(numbers(held_out["y"]), [loss for _, loss in curve("wechsel", 0)])


def test_without_smoothing_there_is_one_line() -> None:
    write_run("wechsel")
    assert len(charts(open_page("curves", smooth="0"))[1]["data"]) == 1


def test_a_long_run_is_thinned_for_the_screen_but_not_for_the_download() -> None:
    many = [(step, 5.0) for step in range(0, 40_000, 10)]
    run = write_run("wechsel", losses=many)
    trace = lines(charts(open_page("curves", run=run))[0])["wechsel"]
    assert len(numbers(trace["x"])) <= curve_figures.MOST_POINTS + 1 and numbers(trace["x"])[-1] == 39_990
    assert len(run_services.curve_table([run])) == len(many) * 2 - 1


@pytest.mark.parametrize("logs", [{}, {"logx": "True", "logy": "True"}])
def test_the_best_of_random_is_marked(logs: dict[str, str]) -> None:
    write_group(("wechsel", "random"), (0,))
    chart = charts(open_page("curves", measure="loss", **logs))[0]
    (line,) = [trace for trace in chart["data"] if trace.get("name") == curve_figures.LEVEL]
    assert list(numbers(line["y"])) == [pytest.approx(min(loss for _, loss in curve("random", 0)))] * 2
    assert list(numbers(line["x"])) == [10 if logs else 0, 100]


def test_every_figure_has_a_sentence_and_a_name_for_its_picture() -> None:
    write_group(("wechsel", "random"), (0,))
    app = open_page("curves")
    assert "better" in said(app) and "own batch" in said(app)
    names = [json.loads(chart.proto.config)["toImageButtonOptions"]["filename"] for chart in app.get("plotly_chart")]
    assert names[0].endswith("held-out") and names[1].endswith("training")


def test_figure_goes_into_one_html_file() -> None:
    run = write_run("wechsel")
    look = curve_figures.Look("loss", "step", False, False, 0.0, "light")
    drawn = curve_figures.figure([("<b>name</b>", run_services.curves_of([run]))], "eval", look, None)
    page = figures.standalone_html(drawn, "light", "name").decode()
    assert "Held-out loss" in page and "<script src=" not in page


# --- the address -------------------------------------------------------------------------------------------------


def test_arms_and_seeds_of_the_address() -> None:
    write_group()
    app = open_page("curves", arms="wechsel,random", seeds="1")
    chart = charts(app)[0]
    assert list(lines(chart)) == ["wechsel", "random"]
    assert not [trace for trace in chart["data"] if trace.get("fill") == "tonexty"]


def test_choosing_arms_changes_the_address() -> None:
    write_group()
    app = open_page("curves")
    app.button_group(key="url:arms").set_value(["random"]).run()
    assert address(app)["arms"] == "random"
    assert list(lines(charts(app)[0])) == ["random"]
    app.button_group(key="url:arms").set_value([]).run()
    assert "arms" not in address(app) and len(lines(charts(app)[0])) == 3


def test_another_comparison_forgets_arms_and_seeds() -> None:
    first = write_group(("wechsel", "random"), (0,))[0]
    other = write_run("transinner", steps=50)
    app = open_page("curves", run=first, arms="wechsel")
    app.selectbox(key="url:run").set_value(other).run()
    assert address(app) == {"run": other}
    assert list(lines(charts(app)[0])) == ["transinner"]


def test_two_comparisons_in_one_figure() -> None:
    first = write_run("wechsel")
    other = write_run("wechsel", prepare={"steps": 50}, steps=50, result={"target_language": "sw"})
    app = open_page("curves", run=first, also=other)
    names = list(lines(charts(app)[0]))
    assert len(names) == 2 and any("Swahili" in name for name in names)


@pytest.mark.parametrize("name", ["gone", "../../etc", "<script>alert(1)</script>", "x" * 500])
def test_unknown_run_is_named_and_there_is_a_way_on(name: str) -> None:
    write_run("wechsel")
    app = open_page("curves", run=name)
    assert "no run" in app.error[0].value
    assert not app.get("plotly_chart") and "<script>" not in app.error[0].value


def test_unknown_run_without_any_other() -> None:
    assert "no run" in open_page("curves", run="gone").error[0].value


@pytest.mark.parametrize(
    "query",
    [{"measure": "<b>"}, {"x": "lines"}, {"smooth": "nan"}, {"smooth": "2"}, {"arms": "none"}, {"seeds": "x,9"}],
)
def test_bad_values_of_the_address_fall_back(query: dict[str, str]) -> None:
    write_group(("wechsel",), (0,))
    app = open_page("curves", **query)
    assert not app.error and list(lines(charts(app)[0])) == ["wechsel"]


# --- effort ratio ------------------------------------------------------------------------------------------------


def test_effort_ratio_with_its_band_and_what_it_does_not_say() -> None:
    random = [(0, 9.0), (50, 6.0), (100, 4.0)]
    for seed, reached in ((0, 50), (1, 25)):
        write_run("random", seed, losses=random)
        write_run("wechsel", seed, losses=[(0, 6.0), (reached, 4.0), (100, 3.0)])
    app = open_page("curves")
    (metric,) = [metric for metric in app.metric if metric.label == "Effort ratio, wechsel"]
    assert metric.value == "3.00×"
    words = said(app)
    assert "2.00× to 4.00× over 2 seeds" in words
    assert "64x less training effort" in words and "CamemBERT" in words and "What it does not say" in words
    assert "at step 100; wechsel passes it at step 50" in words


def test_effort_ratio_without_a_random_arm_says_what_is_missing() -> None:
    write_run("wechsel")
    app = open_page("curves")
    assert "random arm" in said(app) and not app.metric


def test_runs_that_differ_in_more_have_no_ratio_and_the_fields_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = write_run("wechsel"), write_run("random", prepare={"batch_size": 8})
    group = run_services.groups()[0] | {"runs": [one, other], "run_arms": ["wechsel", "random"], "run_seeds": [0, 0]}
    monkeypatch.setattr(run_services, "groups", lambda: [group | {"arms": ["wechsel", "random"], "seeds": [0]}])
    app = open_page("curves", run=one)
    assert r"batch\_size" in app.info[0].value and not app.metric


def test_regime_says_how_early_this_is() -> None:
    write_group(("wechsel", "random"), (0,))
    words = said(open_page("curves"))
    assert "early regime" in words and "65.5 billion" in words and "12 to 25%" in words


def test_shares_of_the_budget_as_a_table() -> None:
    write_group(("wechsel", "random"), (0, 1))
    table = next(frame.value for frame in open_page("curves").dataframe if "0%" in frame.value.columns)
    assert list(table["arm"]) == ["wechsel", "random"] and list(table.columns[1:]) == ["0%", "10%", "50%", "100%"]


@pytest.mark.parametrize(
    ("number", "words"), [(31_234, "31,000"), (320, "320"), (7, "7"), (1_250_000, "1,200,000")],
)  # fmt: skip
def test_numbers_are_rounded_to_two_digits(number: float, words: str) -> None:
    assert effort_view._round(number) == words


# --- alarms and live runs ----------------------------------------------------------------------------------------


def test_alarms_stand_above_the_curves() -> None:
    write_run("wechsel", losses=[(0, 6.0), (10, math.nan)])
    write_run("random", losses=[(0, 6.0), (10, 0.5)])
    app = open_page("curves")
    assert "no number from step 10" in app.error[0].value
    assert "Too good to be true" in app.warning[0].value


def test_a_live_run_is_followed_and_the_page_stops_when_it_ends() -> None:
    run = write_run("wechsel", state="running", losses=curve("wechsel", 0)[:4])
    app = open_page("curves", run=run)
    assert "every two seconds" in said(app)
    add_scores(run, curve("wechsel", 0)[4:], state="finished")
    app.run()
    assert "every two seconds" not in said(app)
    assert len(numbers(lines(charts(app)[0])["wechsel"]["x"])) == 11


def test_a_queued_run_has_no_curve_yet() -> None:
    app = open_page("curves", run=write_run("wechsel", state="queued", ready=False))
    assert "No score" in app.info[0].value and not app.get("plotly_chart")


def test_a_run_that_is_deleted_while_it_is_looked_at() -> None:
    run, other = write_run("wechsel"), write_run("random", steps=50)
    app = open_page("curves", run=run)
    runs.delete_run(runs.run_folder(run))
    app.run()
    assert "no run" in app.error[0].value
    app.selectbox(key="url:run").set_value(other).run()
    assert not app.error


def test_what_the_runs_share_is_shown_with_its_proof() -> None:
    write_group(("wechsel", "random"), (0,))
    app = open_page("curves")
    starts = next(frame.value for frame in app.dataframe if "start" in frame.value.columns)
    assert list(starts["start"]) == ["rows of wechsel", "rows of random"]
    assert "comparison hashes are equal" in said(app)


def test_titles_tell_comparisons_apart() -> None:
    write_group(("wechsel",), (0, 1))
    (group,) = run_services.groups()
    assert curve_controls.title(group) == "pocket-gpt2 → French · 100 steps · 1 arm, 2 seeds · pocket-gpt2-fr"
