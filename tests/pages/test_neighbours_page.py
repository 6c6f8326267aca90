"""The neighbours page: choosing, searching, deep links good and bad, hostile tokens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import SOURCE, TARGET, write_tiny_result
from ui import figures, services, tables
from wechsel_core.errors import OutputError
from wechsel_core.services import rows as rows_service
from wechsel_core.services.rows import ModelRows

EXAMPLE = "pocket-gpt2-fr"


def chart(app: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """Description and data of the figure of a token's weights, below that of all tokens."""
    proto = app.get("vega_lite_chart")[-1].proto
    return json.loads(proto.spec), pa.ipc.open_stream(proto.data.data).read_pandas()


@pytest.fixture(autouse=True)
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModelRows:
    """Rows of a source model whose lengths are 3 and 5, in place of a model that takes seconds to load."""
    source = np.zeros((len(SOURCE), 2), np.float32)
    source[:, 0], source[3:, 1] = 3, 4
    made = ModelRows(source, np.ones((len(TARGET), 2), np.float32))
    if "slow" not in request.keywords:
        real = rows_service.model_rows
        monkeypatch.setattr(rows_service, "model_rows", lambda name: real(name) if name == EXAMPLE else made)
    return made


def metrics(app: Any) -> dict[str, Any]:
    """The metrics of the page by their label."""
    return {metric.label: metric for metric in app.metric}


def test_empty_home_opens_the_example() -> None:
    app = open_page("neighbours")
    assert address(app) == {"result": EXAMPLE}
    assert len(app.dataframe[0].value) == tables.ROWS_SHOWN
    assert app.code


def test_without_even_the_example_there_is_a_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "list_results", list)
    app = open_page("neighbours")
    assert "no result" in app.error[0].value
    assert app.get("page_link")[0].proto.label == "Initialise a model"
    assert not app.dataframe


def test_first_visit_opens_the_newest_result(home: Path) -> None:
    write_tiny_result(home / "results" / "older", created="2026-01-01T00:00:00+00:00")
    write_tiny_result(home / "results" / "newer")
    app = open_page("neighbours")
    assert address(app) == {"result": "newer"}
    assert len(app.dataframe[0].value) == len(TARGET)
    assert app.code[0].value == "␣Haus"


def test_search_opens_the_token_it_means(result: str) -> None:
    app = open_page("neighbours")
    app.text_input(key="url:q").set_value("garten").run()
    assert address(app) == {"result": result, "q": "garten", "token": "2"}
    assert list(app.dataframe[0].value["target_id"]) == [2]
    assert app.code[0].value == "␣Garten"


def test_token_of_the_address_is_selected_in_the_table(result: str) -> None:
    """The way back, from a click to the address, needs a browser: see tests/e2e."""
    app = open_page("neighbours", result=result, token="1")
    assert app.session_state[f"tokens:{result}"]["selection"]["rows"] == [1]
    app.text_input(key="url:q").set_value("garten").run()
    assert app.session_state[f"tokens:{result}"]["selection"]["rows"] == [0]


def test_deep_link_restores_everything(result: str) -> None:
    app = open_page("neighbours", result=result, token="1", q="a", top="2", english="house")
    assert app.text_input(key="url:q").value == "a"
    assert app.slider(key="url:top").value == 2
    neighbors = app.dataframe[1].value
    assert list(neighbors["source_text"]) == ["␣house", "house"]
    assert neighbors["weight"].sum() == pytest.approx(0.97)
    fed = app.dataframe[2].value
    assert fed.set_index("target_id").loc[1, "weight"] == pytest.approx(0.97)
    assert address(app) == {"result": result, "token": "1", "q": "a", "top": "2", "english": "house"}


def test_deep_link_with_a_search_alone_opens_its_token(result: str) -> None:
    app = open_page("neighbours", result=result, q="#2")
    assert app.code[0].value == "␣Garten"


@pytest.mark.parametrize("bad", ["gone", "../tiny", "/etc", "<script>", ":red[x]"])
def test_bad_result_in_the_address_gives_a_way_on(result: str, bad: str) -> None:
    app = open_page("neighbours", result=bad)
    assert "There is no result" in app.error[0].value
    assert ":red[" not in app.error[0].value
    assert app.get("page_link")
    app.selectbox(key="url:result").set_value(result).run()
    assert not app.error
    assert address(app) == {"result": result}


@pytest.mark.parametrize("bad", ["-1", "13", "x", "9" * 40, "0" * 12 + "99", "٣", "$x$"])
def test_bad_token_in_the_address_gives_a_way_on(result: str, bad: str) -> None:
    app = open_page("neighbours", result=result, token=bad)
    assert "has no token" in app.error[0].value
    assert len(app.dataframe) == 1
    app.text_input(key="url:q").set_value("Haus").run()
    assert not app.error
    assert address(app)["token"] == "1"


def test_search_without_a_match_says_so(result: str) -> None:
    app = open_page("neighbours", result=result, q="zzzzz")
    assert "No token matches" in app.info[0].value
    assert not app.error


def test_dials_change_what_a_token_is_made_of(result: str) -> None:
    """Similarities .82, .74, .51 and .30: with k 2 and tau 0.1 the weights are 1/(1+exp(-.8)) and the rest."""
    app = open_page("neighbours", result=result, token="1")
    assert metrics(app)["Effective neighbours"].delta == ""
    app.slider(key="url:k").set_value(2).run()
    assert address(app) == {"result": result, "token": "1", "k": "2"}
    weights = app.dataframe[1].value["weight"]
    assert list(weights) == pytest.approx([0.68997, 0.31003, 0, 0], abs=1e-4)
    row = app.dataframe[0].value.set_index("target_id").loc[1]
    assert row["top_weight"] == pytest.approx(0.68997, abs=1e-4)
    assert row["effective_neighbors"] == pytest.approx(1.8576, abs=1e-3)
    # Both rows that are left are (3, 0).
    assert metrics(app)["Length of the row"].value == "3.000"
    spec, drawn = chart(app)
    own, now = spec["layer"]
    assert own["mark"]["height"]["band"] > now["mark"]["height"]["band"]
    assert drawn[own["encoding"]["x"]["field"]].iloc[2] == pytest.approx(0.03)
    assert drawn[now["encoding"]["x"]["field"]].iloc[2] == 0
    app.select_slider(key="url:tau").set_value(10.0).run()
    assert list(app.dataframe[1].value["weight"][:2]) == pytest.approx([0.502, 0.498], abs=1e-3)
    app.session_state["dials:command"] = True
    app.run()
    assert "--neighbors 2" in app.code[0].value
    assert "--temperature 10.0" in app.code[0].value


def test_histogram_counts_every_mixed_token(result: str) -> None:
    """All mixed tokens have weights .66, .31 and .03, so e to the entropy is 2.10; with k 1 one neighbour takes all."""
    app = open_page("neighbours", result=result, token="1", k="1")
    proto = app.get("vega_lite_chart")[0].proto
    bins = pa.ipc.open_stream(proto.data.data).read_pandas()
    assert bins["now"].iloc[0] == bins["now"].sum() == 1
    own = bins.iloc[:-1].query("own > 0")
    assert list(own["own"]) == [1]
    assert own["from"].item() <= 2.101 <= own["to"].item()


def test_reset_takes_the_results_own_values(result: str) -> None:
    app = open_page("neighbours", result=result, token="1", k="2", tau="0.5")
    app.button(key="dials:reset").click().run()
    assert address(app) == {"result": result, "token": "1"}
    assert app.slider(key="url:k").value == 10
    assert app.dataframe[1].value["weight"].iloc[0] == pytest.approx(0.66)
    assert app.button(key="dials:reset").disabled


def test_a_value_between_the_steps_is_kept(result: str) -> None:
    app = open_page("neighbours", result=result, tau="0.123")
    assert app.select_slider(key="url:tau").value == 0.123
    assert not app.warning


@pytest.mark.parametrize(
    ("name", "bad"),
    [("k", "0"), ("k", "51"), ("k", "2.5"), ("k", "$x$"), ("tau", "0"), ("tau", "nan"), ("tau", "1e9"), ("tau", "<b>")],
)
def test_bad_dial_in_the_address_is_named(result: str, name: str, bad: str) -> None:
    app = open_page("neighbours", result=result, **{name: bad})
    assert "cannot show" in app.warning[0].value
    assert "$x$" not in app.warning[0].value
    assert app.slider(key="url:k").value == 10
    assert app.select_slider(key="url:tau").value == 0.1


def test_regular_expression(result: str) -> None:
    app = open_page("neighbours", result=result)
    app.toggle(key="url:regex").set_value(True).run()
    app.text_input(key="url:q").set_value("^ (haus|g.*n)$").run()
    assert address(app) == {"result": result, "regex": "True", "q": "^ (haus|g.*n)$"}
    assert list(app.dataframe[0].value["target_id"]) == [1, 2]
    assert app.code[0].value == "␣Haus"
    app.text_input(key="url:q").set_value("(<b>").run()
    assert "no regular expression" in app.error[0].value
    assert "<b>" not in app.error[0].value.replace(r"\<b\>", "")
    assert not app.info


@pytest.mark.parametrize("bad", ["x", "0.9-0.1", "-1-2", "0.2", "nan-nan", "<b>-1"])
def test_bad_filter_in_the_address_is_left_out(result: str, bad: str) -> None:
    app = open_page("neighbours", result=result, similarity=bad, effective=bad, share=bad, sort=bad, page=bad)
    assert len(app.dataframe[0].value) == len(TARGET)


def test_filters_follow_the_dials(result: str) -> None:
    app = open_page("neighbours", result=result, share="0.6-0.99")
    assert len(app.dataframe[0].value) == 9
    app.select_slider(key="url:tau").set_value(5.0).run()
    assert "No token matches" in app.info[0].value
    app.slider(key="url:share").set_value((0.0, 1.0)).run()
    assert "share" not in address(app)
    assert len(app.dataframe[0].value) == len(TARGET)


def test_filters_hold_when_they_are_folded_away(result: str) -> None:
    app = open_page("neighbours", result=result, share="0.6-0.99")
    app.session_state["filter:figures"] = False
    app.run()
    assert not [slider for slider in app.slider if slider.key == "url:share"]
    assert len(app.dataframe[0].value) == 9


def test_pages_keep_selection_and_export(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of many rows is cut into pages; the page with the open token shows by itself."""
    monkeypatch.setattr(tables, "ROWS_SHOWN", 5)
    app = open_page("neighbours", result=result, token="7")
    assert app.number_input(key="url:page").value == 2
    assert list(app.dataframe[0].value["target_id"]) == [5, 6, 7, 8, 9]
    app.number_input(key="url:page").set_value(3).run()
    assert address(app) == {"result": result, "token": "7", "page": "3"}
    assert list(app.dataframe[0].value["target_id"]) == [10, 11, 12]
    assert "11 to 13 of 13 tokens" in " ".join(caption.value for caption in app.caption)
    assert "All 13 rows" in app.get("download_button")[0].proto.help
    app.text_input(key="url:q").set_value("haus").run()
    assert "page" not in address(app)


def test_reverse_lookup_follows_the_dials(result: str) -> None:
    app = open_page("neighbours", result=result, english="garden", k="1")
    shown = {frame.value.columns[0]: frame.value for frame in app.dataframe}
    assert all(shown[name]["weight"].eq(1).all() for name in shown if name == "target_text")
    assert app.dataframe[-1].value["weight"].max() == 1


def test_model_that_is_gone_costs_the_length_alone(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> ModelRows:
        raise OutputError("the source model is gone :red[x]", "the model", "put it back")

    monkeypatch.setattr(rows_service, "model_rows", gone)
    app = open_page("neighbours", result=result, token="1")
    assert not app.error
    assert any("Length of the row" in caption.value and ":red[" not in caption.value for caption in app.caption)
    assert len(app.dataframe) == 2


@pytest.mark.slow
def test_length_of_a_row_of_the_example() -> None:
    """The example's own dials give the length that the initialisation wrote down."""
    app = open_page("neighbours", result="pocket-gpt2-fr", token="392")
    expected = services.tokens("pocket-gpt2-fr")["norm"].iloc[392]
    assert float(metrics(app)["Length of the row"].value) == pytest.approx(expected, abs=5e-4)


def test_unreadable_result_shows_one_error(home: Path, result: str) -> None:
    (home / "results" / result / "tokens.parquet").write_bytes(b"not parquet")
    app = open_page("neighbours", result=result)
    assert len(app.error) == 1
    assert "cannot be read" in app.error[0].value


@pytest.mark.parametrize("page", ["neighbours", "map", "health", "compare"])
@pytest.mark.parametrize("change", ["version", "column"])
def test_tables_of_another_schema_version_show_one_error(home: Path, result: str, page: str, change: str) -> None:
    """On every page that reads the tables first: what is wrong, what to do, and another result to choose."""
    for name in ("tokens.parquet", "neighbors.parquet"):
        path = home / "results" / result / name
        table = pq.read_table(path)
        column = "token" if name == "tokens.parquet" else "rank"
        changed = (
            table.replace_schema_metadata({b"wechsel_schema_version": b"99"})
            if change == "version"
            else table.drop_columns([column])
        )
        pq.write_table(changed, path)
    app = open_page(page, **({"a": result, "b": "reweighted", "tau": "1"} if page == "compare" else {"result": result}))
    assert len(app.error) == 1
    assert "run init again" in app.error[0].value
    assert "schema version 99" in app.error[0].value if change == "version" else "no column" in app.error[0].value
    chooser = app.selectbox(key="url:a" if page == "compare" else "url:result")
    chooser.set_value(EXAMPLE).run()
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("token", range(len(TARGET)))
def test_every_token_shows_as_text_only(result: str, token: int) -> None:
    app = open_page("neighbours", result=result, token=str(token))
    text, kind = TARGET[token][1], TARGET[token][2]
    interpreted = [part.value for part in [*app.markdown, *app.caption, *app.header, *app.info]]
    assert not any(text.strip() in part for part in interpreted if text.strip())
    assert app.markdown[0].value.lower().startswith(kind.name.lower().replace("_", " "))
    assert "\n" not in app.code[0].value


def test_chart_shows_texts_as_they_are_and_weights_match(result: str) -> None:
    """Vega draws a text as it is; plotly, which makes the file to take home, would interpret it."""
    _, drawn = chart(open_page("neighbours", result=result, token="3"))
    assert "<script>" in set(drawn["token"])
    assert list(drawn["weight"]) == pytest.approx([0.66, 0.31, 0.03, 0.0])
    assert list(drawn["rank"]) == [1, 2, 3, 4]
    saved = figures.weights_chart(services.neighbors(result, 3, 10, 10, 0.1), "light")
    assert "\u2068&lt;script&gt;\u2069" in saved.layout.yaxis.ticktext
    assert list(saved.data[0].x) == pytest.approx([0.66, 0.31, 0.03, 0.0])


def test_remade_result_is_read_again(home: Path, result: str) -> None:
    """Results are cached by what ``wechsel.json`` says, not by their id alone."""
    folder = home / "results" / result
    assert services.tokens(result)["text"].iloc[1] == " Haus"
    shutil.rmtree(folder)
    write_tiny_result(folder, created="2026-11-23T00:00:00+00:00")
    frame = pd.read_parquet(folder / "tokens.parquet")
    frame.loc[1, "text"] = " Garten"
    frame.to_parquet(folder / "tokens.parquet")
    frame = services.tokens(result)
    assert frame["text"].iloc[1] == " Garten"
    frame["text"] = "changed by one session"
    assert services.tokens(result)["text"].iloc[1] == " Garten"
