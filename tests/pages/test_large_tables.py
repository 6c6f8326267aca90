"""A vocabulary of 160,000 tokens: Streamlit takes search, selection and export away from tables above 150,000 rows."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st

from tests.pages.big_result import write_big_result
from tests.pages.conftest import address, open_page
from ui import tables

pytestmark = pytest.mark.slow

N = 160_000


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield write_big_result(tmp_path_factory.mktemp("large") / "large", N, dim=4, stored=2, model_dim=0)


@pytest.fixture
def large(home: Path, kept: Path) -> str:
    (home / "results").mkdir()
    os.symlink(kept, home / "results" / "large")
    return "large"


def tables_of(app: Any) -> list[pd.DataFrame]:
    return [frame.value for frame in app.dataframe]


def test_every_token_can_be_found_selected_and_exported(large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: dict[str, Any] = {}
    real = st.download_button

    def keep(label: str, data: Any, *rest: Any, **options: Any) -> Any:
        saved[options.get("key", label)] = data
        return real(label, data, *rest, **options)

    monkeypatch.setattr(st, "download_button", keep)
    app = open_page("neighbours", result=large, token=str(N - 1))
    table = tables_of(app)[0]
    assert len(table) <= tables.ROWS_SHOWN and table["target_id"].iloc[-1] == N - 1
    assert app.number_input(key="url:page").value == -(-N // tables.ROWS_SHOWN)
    key = "tokens:large"
    assert app.session_state[key]["selection"]["rows"] == [len(table) - 1]
    text = app.code[0].value.replace("␣", " ")
    assert len(pd.read_csv(io.BytesIO(saved["tokens:csv"]()))) == N
    whole = pd.read_parquet(io.BytesIO(saved["tokens:parquet"]()))
    assert whole["text"].iloc[N - 1] == text
    app.text_input(key="url:q").set_value(text).run()
    assert tables_of(app)[0]["target_id"].tolist()[0] == N - 1
    app.selectbox(key="url:sort").set_value("-similarity").run()
    assert not app.error and address(app)["sort"] == "-similarity"


def test_no_page_hands_streamlit_a_table_that_it_would_cripple(large: str) -> None:
    for page, query in (
        ("map", {"result": large, "n": "1000"}),
        ("compare", {"a": large, "b": "reweighted", "tau": "1"}),
        ("health", {"result": large}),
    ):
        app = open_page(page, **query)
        assert not app.error, (page, app.error[0].value)
        assert max((len(table) for table in tables_of(app)), default=0) <= tables.ROWS_SHOWN
