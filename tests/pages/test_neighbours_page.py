"""The neighbours page: choosing, searching, deep links good and bad, hostile tokens."""

from __future__ import annotations

import base64
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import TARGET, write_tiny_result
from ui import services


def chart(app: Any) -> dict[str, Any]:
    """The plotly figure of the page."""
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def test_empty_home_leads_to_initialise() -> None:
    app = open_page("neighbours")
    assert "No results yet" in app.info[0].value
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
    assert app.session_state[f"tokens:{result}:None:None"]["selection"]["rows"] == [1]


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


@pytest.mark.parametrize("bad", ["-1", "13", "x", "9" * 40, "٣", "$x$"])
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


def test_unreadable_result_shows_one_error(home: Path, result: str) -> None:
    (home / "results" / result / "tokens.parquet").write_bytes(b"not parquet")
    app = open_page("neighbours", result=result)
    assert len(app.error) == 1
    assert "cannot be read" in app.error[0].value


@pytest.mark.parametrize("token", range(len(TARGET)))
def test_every_token_shows_as_text_only(result: str, token: int) -> None:
    app = open_page("neighbours", result=result, token=str(token))
    text, kind = TARGET[token][1], TARGET[token][2]
    interpreted = [part.value for part in [*app.markdown, *app.caption, *app.header, *app.info]]
    assert not any(text.strip() in part for part in interpreted if text.strip())
    assert app.markdown[0].value.lower().startswith(kind.name.lower().replace("_", " "))
    assert "\n" not in app.code[0].value


def test_chart_labels_are_escaped_and_weights_match(result: str) -> None:
    app = open_page("neighbours", result=result, token="3")
    spec = chart(app)
    assert "\u2068&lt;script&gt;\u2069" in spec["layout"]["yaxis"]["ticktext"]
    weights = spec["data"][0]["x"]
    if isinstance(weights, dict):
        data = base64.b64decode(weights["bdata"])
        weights = struct.unpack(f"<{len(data) // 4}f", data)
    assert list(weights) == pytest.approx([0.66, 0.31, 0.03, 0.0])


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
