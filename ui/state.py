"""What a page shows lives in its address.

One way round: before a widget is drawn its value is taken from the address, and its callback writes the new value back
there. So a reload, a bookmark, the browser's back button and a link from another page all show the same. Leaving a page
by the side bar empties the address; ``enter`` puts back what the page showed last in this browser tab.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import streamlit as st

#: Set by app.py in every session.
FRAME = "frame"
HOME = "overview"
#: What a callback has put to the address so far, None outside of one.
_gathered: ContextVar[dict[str, str] | None] = ContextVar("gathered", default=None)


def frame() -> None:
    """Call in app.py before a page runs: the page stands in the app's navigation."""
    st.session_state[FRAME] = True


def enter(page: str) -> None:
    """Call first on a page: an empty address becomes the last one of this page."""
    if FRAME not in st.session_state:
        # A new server whose first visitor comes by a deep link takes pages/ for an app of the old kind and runs the
        # page without app.py, until st.navigation is called once. It has to know this page, or the browser leaves it.
        st.session_state[FRAME] = False
        others = [] if page == HOME else [st.Page(f"pages/{page}.py", url_path=page)]
        st.navigation([st.Page(f"pages/{HOME}.py", url_path=HOME, default=True), *others], position="hidden")
        st.rerun()
    last = st.session_state.get(f"last:{page}")
    if last and not st.query_params:
        st.query_params.from_dict(last)
    remember(page)


def remember(page: str) -> None:
    """Keep the address for the next ``enter``; again at the end of a page that writes to it.

    A stop of the guided tour is left behind: it belongs to the way through the pages, not to the page.
    """
    st.session_state[f"last:{page}"] = {name: value for name, value in st.query_params.items() if name != "tour"}


def get(name: str) -> str | None:
    """A parameter of the address, None if it is not there."""
    gathered = _gathered.get()
    return st.query_params.get(name) if gathered is None else gathered.get(name)


def put(**values: Any) -> None:
    """Write parameters to the address; None or "" takes one out."""
    with _at_once() as query:
        for name, value in values.items():
            if value is None or value == "":
                query.pop(name, None)
            else:
                query[name] = str(value)


@contextlib.contextmanager
def _at_once() -> Iterator[dict[str, str]]:
    """Gather what is put to the address and write it at the end: each write is a step of the browser's back button."""
    outer = _gathered.get()
    if outer is not None:
        yield outer
        return
    before = st.query_params.to_dict()
    query = dict(before)
    token = _gathered.set(query)
    try:
        yield query
    finally:
        _gathered.reset(token)
    if query != before:
        st.query_params.from_dict(query)


def linked(name: str, value: Any, *, default: Any = None, after: Callable[[], None] | None = None) -> dict[str, Any]:
    """Arguments (``key``, ``on_change``) that tie a widget to a parameter of the address.

    Parameters
    ----------
    name
        Parameter of the address.
    value
        What the widget shows now, as read from the address.
    default
        A value that need not stand in the address.
    after
        Called when a person has changed the widget, after the address has the new value.
    """
    key = f"url:{name}"
    st.session_state[key] = value

    def write() -> None:
        chosen = st.session_state[key]
        with _at_once():
            put(**{name: None if chosen == default else chosen})
            if after:
                after()

    return {"key": key, "on_change": write}


def whole_number(name: str, default: int, low: int, high: int) -> int:
    """A whole number from the address; the default if it is none or out of range."""
    text = get(name) or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 and low <= int(text) <= high else default
