"""The map page: every space, method and colour; the address, good and bad; what a gesture does to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st

from tests.pages.big_result import write_big_result
from tests.pages.conftest import address, open_page
from ui import map_data, map_figures, map_selection, services
from wechsel_core.services import maps

N = 400


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic result of a few hundred tokens, written once."""
    return write_big_result(tmp_path_factory.mktemp("kept") / "synthetic", N, dim=12, stored=12, model_dim=16)


@pytest.fixture
def result(home: Path, kept: Path) -> str:
    """The same in the home of the test; nothing cached by an earlier one."""
    st.cache_resource.clear()
    shutil.copytree(kept, home / "results" / "synthetic")
    return "synthetic"


def charts(app: Any) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def keys(chart: dict[str, Any]) -> set[str]:
    return {key for trace in chart["data"] for key in trace.get("customdata", [])}


def said(app: Any) -> str:
    return " ".join(part.value for part in [*app.caption, *app.markdown])


def test_opens_with_both_spaces_and_no_result_chosen(result: str) -> None:
    app = open_page("map")
    before, after = charts(app)
    assert (before["layout"]["title"]["text"], after["layout"]["title"]["text"]) == (
        "Before the alignment",
        "After the alignment",
    )
    assert keys(before) == keys(after) and len(keys(before)) > 700
    assert address(app) == {"result": result}
    for chart in (before, after):
        assert "% of the variance" in chart["layout"]["xaxis"]["title"]["text"]
        assert chart["layout"]["xaxis"]["range"] == before["layout"]["xaxis"]["range"]
    assert "no static vector" in said(app)


@pytest.mark.parametrize("colour", map_figures.COLOURS)
def test_every_colour_tells_languages_apart_by_shape(result: str, colour: str) -> None:
    app = open_page("map", result=result, colour=colour)
    for chart in charts(app):
        symbols = {key[0]: trace["marker"]["symbol"] for trace in chart["data"] for key in trace["customdata"]}
        assert symbols == {"s": "circle", "t": "square"}
        shown = [trace["name"] for trace in chart["data"] if trace.get("showlegend")]
        assert len(shown) == len(set(shown))


def test_model_space_draws_tokens_without_static_vector_too(result: str) -> None:
    app = open_page("map", result=result, space="model", colour="kind")
    (chart,) = charts(app)
    assert len(keys(chart)) == 2 * N
    assert {"English", "Mixed", "Fallback", "Copied", "Byte piece"} == {trace["name"] for trace in chart["data"]}


def test_dials_move_the_model_space(result: str) -> None:
    own, other = (charts(open_page("map", result=result, space="model", **more))[0] for more in ({}, {"k": "1"}))
    moved = [a["x"] != b["x"] for a, b in zip(own["data"], other["data"], strict=True)]
    assert moved == [False, True]  # English stays


def test_dials_change_the_open_token(result: str) -> None:
    """Weights, effective number of neighbours and length of the row, here as on the Neighbours page."""
    shown = {}
    for page in ("map", "neighbours"):
        app = open_page(page, result=result, token="5")
        before = {metric.label: metric for metric in app.metric}
        app.slider(key="url:k").set_value(1).run()
        after = {metric.label: metric for metric in app.metric}
        assert after["Effective neighbours"].value == "1.00"
        assert float(before["Effective neighbours"].value) > 1.5
        assert "by the dials" in after["Effective neighbours"].delta and not before["Effective neighbours"].delta
        assert after["Length of the row"].value != before["Length of the row"].value
        assert "x English median" in after["Length of the row"].delta
        weights = next(frame.value for frame in app.dataframe if "weight" in frame.value)["weight"]
        assert weights.iloc[0] == 1
        shown[page] = [m[name].value for m in (before, after) for name in ("Effective neighbours", "Length of the row")]
    assert shown["map"] == shown["neighbours"]


def test_english_token_has_no_new_row_to_measure(result: str) -> None:
    assert "Length of the row" not in [metric.label for metric in open_page("map", result=result, source="4").metric]


def test_rotation_is_an_animation(result: str) -> None:
    app = open_page("map", result=result, space="turning", method="umap")
    (chart,) = charts(app)
    assert len(chart["frames"]) == 21 and chart["layout"]["sliders"]
    assert chart["frames"][0]["data"] != chart["frames"][-1]["data"]
    assert "Press Play" in said(app) and "Mean cosine of pairs" in [metric.label for metric in app.metric]


def test_umap_says_its_parameters_and_is_computed_once(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def layout(vectors: np.ndarray, **given: Any) -> np.ndarray:
        calls.append(given["n_neighbors"])
        return vectors[:, :2].copy()

    monkeypatch.setattr(maps, "umap_layout", layout)
    app = open_page("map", result=result, method="umap", near="7", dist="0.3", seed="5")
    assert "n_neighbors 7, min_dist 0.3, metric cosine, seed 5" in said(app)
    assert calls == [7, 7]
    app.text_input(key="url:q").set_value("#5").run()
    assert calls == [7, 7]
    st.cache_resource.clear()  # another process
    open_page("map", result=result, method="umap", near="7", dist="0.3", seed="5")
    assert calls == [7, 7]
    open_page("map", result=result, method="umap", near="7", dist="0.3", seed="6")
    assert calls == [7, 7, 7, 7]


def test_search_marks_the_token_and_its_neighbours_from_the_original_space(result: str) -> None:
    app = open_page("map", result=result)
    app.text_input(key="url:q").set_value("#5").run()
    assert address(app) == {"result": result, "q": "#5", "token": "5"}
    neighbors = app.dataframe[0].value
    assert neighbors["id"].iloc[0] == 4  # 5 ^ 1, as planted
    assert neighbors["weight"].sum() == pytest.approx(1, abs=1e-5)
    labels = [note["text"] for note in charts(app)[1]["layout"]["annotations"]]
    assert len(labels) == 1 + map_figures.LABELLED


def test_sample_always_keeps_the_open_token_and_its_neighbours(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "sample_points", lambda n_target, n_source, size, seed: np.array([1, 2, N + 1, N + 2]))
    monkeypatch.setattr(map_data, "pairs", lambda view: {"source": np.array([N + 3]), "target": np.array([3])})
    app = open_page("map", result=result, token="50")
    sample = {"t1", "t2", "t3", "s1", "s2", "s3"}
    assert keys(charts(app)[0]) == sample | {"t50", *(f"s{number}" for number in app.dataframe[0].value["id"])}


def test_source_token_shows_what_it_goes_into(result: str) -> None:
    app = open_page("map", result=result, source="4")
    assert 5 in set(app.dataframe[0].value["id"])
    link = next(link.proto for link in app.get("page_link") if "Neighbours" in link.proto.label)
    assert "english=" in link.query_string


def test_pairs_are_drawn_and_measured(result: str) -> None:
    app = open_page("map", result=result, pairs="True")
    assert all(any(trace["name"] == "Dictionary pairs" for trace in chart["data"]) for chart in charts(app))
    before, after = (float(part) for part in app.metric[0].value.split(" → "))
    assert abs(before) < 0.5 and after > 0.9


def test_selection_of_the_address_is_listed_and_marked_in_both(result: str) -> None:
    app = open_page("map", result=result, sel="t5.s4.t9999.x.s")
    table = app.dataframe[0].value
    assert list(zip(table["language"], table["id"], strict=True)) == [("German", 5), ("English", 4)]
    for chart in charts(app):
        marked = {t["customdata"][place] for t in chart["data"] for place in t["selectedpoints"]}
        assert marked == {"t5", "s4"}
    app.button(key="map:clear").click().run()
    assert address(app) == {"result": result}


def test_gestures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a click, a small and a large box, and a double click do to address and session."""
    session: dict[str, Any] = {}
    written: dict[str, Any] = {}
    monkeypatch.setattr(map_selection.st, "session_state", session)
    monkeypatch.setattr(map_selection.state, "put", lambda **values: written.update(values))

    def gesture(points: list[Any], box: bool) -> None:
        session["chart"] = {"selection": {"points": points, "box": [{}] if box else [], "lasso": []}}
        map_selection.take("chart", N, N)

    gesture([{"customdata": "t12"}], box=False)
    assert written == {"token": "12", "source": None, "q": None}
    gesture([{"customdata": ["s3"]}], box=False)
    assert written["source"] == "3" and written["token"] is None
    gesture([{"customdata": "t1"}, {}, {"customdata": "s2"}, {"customdata": "t1"}], box=True)
    assert written["sel"] == "t1.s2"
    many = [{"customdata": f"t{number}"} for number in range(map_selection.IN_ADDRESS + 1)]
    gesture(many, box=True)
    assert map_selection.unpack(written["sel"], 2 * N).tolist() == list(range(len(many)))
    assert map_selection.KEPT not in session
    monkeypatch.setattr(map_selection, "LONGEST", 10)
    gesture(many, box=True)
    assert written["sel"] is None and len(session[map_selection.KEPT]) == len(many)
    gesture([], box=False)
    assert map_selection.KEPT not in session


BAD = {
    "space": "x", "method": "tsne", "colour": ":red[x]", "n": "7", "seed": "-1", "near": "1e9", "dist": "nan",
    "pairs": "maybe", "sel": "..t", "source": None, "k": "x", "tau": "0",
}  # fmt: skip


def test_wrong_values_fall_back(result: str) -> None:
    app = open_page("map", result=result, **{name: value for name, value in BAD.items() if value})
    assert len(charts(app)) == 2 and not app.error
    assert "seed 0" in said(app)


@pytest.mark.parametrize("name", ["token", "source"])
@pytest.mark.parametrize("bad", ["-1", "99999999", "x", "$x$", "٣"])
def test_bad_token_gives_a_way_on(result: str, name: str, bad: str) -> None:
    app = open_page("map", result=result, **{name: bad})
    assert "has no" in app.error[0].value and len(charts(app)) == 2
    app.text_input(key="url:q").set_value("#3").run()
    assert not app.error and address(app)["token"] == "3"


def test_deleted_result_gives_a_way_on(home: Path, result: str) -> None:
    app = open_page("map", result=result)
    shutil.rmtree(home / "results" / result)
    app.run()
    assert "There is no result" in app.error[0].value and not app.get("plotly_chart")


def test_missing_vectors_show_one_error(home: Path, result: str) -> None:
    (home / "results" / result / "static.safetensors").write_bytes(b"junk")
    app = open_page("map", result=result)
    assert len(app.error) == 1 and "cannot be read" in app.error[0].value


def test_cached_arrays_cannot_be_changed(result: str) -> None:
    view = map_data.View(result, services.digest_of(result), 1000, 0, "pca")
    for array in (map_data.layout(view, "after").places, map_data.rows(view, "after").source,
                  map_data.hovers(view, "after", 10, 0.1), map_data.layout(view, "after").points):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    for frame in (map_data.table, map_data.pairs):
        before = frame(view)
        mine = frame(view)
        mine.iloc[0, 0] = mine.iloc[1, 0]
        mine["more"] = 1
        assert frame(view).equals(before)


def test_hostile_tokens_stay_text_in_hover_and_labels(home: Path) -> None:
    from tests.pages.tiny_result import TARGET, write_tiny_result

    write_tiny_result(home / "results" / "tiny")
    st.cache_resource.clear()
    view = map_data.View("tiny", services.digest_of("tiny"), 1000, 0, "pca")
    texts = map_data.hover_texts(view, np.arange(len(TARGET)), 3, 0.1)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in texts[3]
    assert not any("<script" in told or "\n" in told for told in texts)
