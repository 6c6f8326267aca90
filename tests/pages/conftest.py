"""Every page test gets an empty home of its own and the app in Streamlit's test runner."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.tiny_result import write_tiny_result

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``WECHSEL_HOME``; nothing cached by an earlier test."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    st.cache_data.clear()
    st.cache_resource.clear()
    return tmp_path


@pytest.fixture
def result(home: Path) -> str:
    """The id of a tiny result in the home."""
    return write_tiny_result(home / "results" / "tiny").name


def open_page(name: str, **query: str) -> AppTest:
    """The app on one page, with the query of its address."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    app.switch_page(f"pages/{name}.py")
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def address(app: AppTest) -> dict[str, str]:
    """The query of the page's address; the test runner holds a value as text or as a list of one."""
    values = {name: app.query_params[name] for name in app.query_params}
    return {name: value if isinstance(value, str) else value[0] for name, value in values.items()}
