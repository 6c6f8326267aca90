"""Finding tokens of a result: by text or regular expression, kind and figures; order and pages of the table.

Regular expressions are RE2's, by way of Arrow: they take time in proportion to the text, whatever the pattern, so that
no pattern can hold up the server. They have neither look-around nor back-references.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import state, tables, text, widgets
from wechsel_core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALL_KINDS = "all"
LONGEST_PATTERN = 200
#: Filters by a figure: column, label, step, help.
RANGES = {
    "similarity": ("similarity", "Similarity", 0.01, "Cosine of the nearest English token."),
    "effective": (
        "effective_neighbors",
        "Effective",
        0.5,
        "Effective number of neighbours, under the dials as they stand.",
    ),
    "share": ("top_weight", "Top weight", 0.01, "Weight of the nearest English token, under the dials as they stand."),
}
#: Orders of the table: name in the address to label, column and whether it rises.
ORDERS: dict[str, tuple[str, str | None, bool]] = {
    "best": ("best match, then id", None, True),
    "similarity": ("lowest similarity first", "similarity", True),
    "-similarity": ("highest similarity first", "similarity", False),
    "effective": ("fewest effective neighbours first", "effective_neighbors", True),
    "-effective": ("most effective neighbours first", "effective_neighbors", False),
}


class PatternError(InputError):
    """A regular expression that cannot be used."""


@dataclass(frozen=True)
class Query:
    """What to look for; ``ranges`` maps a column to its least and greatest value."""

    words: str = ""
    regex: bool = False
    kind: str | None = None
    ranges: tuple[tuple[str, float, float], ...] = ()
    order: str = "best"


def positions(tokens: pd.DataFrame, query: Query) -> np.ndarray:
    """Rows of the token table that match, in the order to show.

    A plain search takes the text or the vocabulary string, upper and lower case alike, and shows whole matches first,
    then those that start with it. ``#42`` is the token with id 42.

    Raises
    ------
    PatternError
        If the words are no regular expression, though they are meant as one.
    """
    import numpy as np

    hit = np.ones(len(tokens), dtype=bool) if query.kind is None else (tokens["kind"] == query.kind).to_numpy()
    for column, low, high in query.ranges:
        hit = hit & tokens[column].between(low, high).to_numpy()
    rank = np.zeros(len(tokens), dtype=np.int8)
    words = query.words if query.regex else query.words.strip()
    if words.startswith("#") and words[1:].isdecimal() and words.isascii() and not query.regex:
        hit = hit & (tokens["target_id"] == int(words[1:])).to_numpy()
    elif words and query.regex:
        hit = hit & _pattern_hits(tokens, words)
    elif words:
        needle = words.lower()
        texts = tokens["text"].fillna("").str.strip().str.lower()
        found = texts.str.contains(needle, regex=False) | tokens["token"].str.lower().str.contains(needle, regex=False)
        hit = hit & found.to_numpy(dtype=bool)
        rank = 2 - (texts == needle).to_numpy(np.int8) - texts.str.startswith(needle).to_numpy(np.int8)
    rows = np.flatnonzero(hit)
    _, column, rising = ORDERS[query.order]
    values = rank[rows] if column is None else tokens[column].to_numpy()[rows] * (1 if rising else -1)
    return np.asarray(rows[np.argsort(values, kind="stable")])  # NaN comes last


def _pattern_hits(tokens: pd.DataFrame, pattern: str) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"a pattern of {len(pattern)} characters", f"at most {LONGEST_PATTERN}", "shorten it")
    try:
        either = [
            pc.match_substring_regex(pa.array(tokens[column].fillna("")), pattern, ignore_case=True)
            for column in ("text", "token")
        ]
    except pa.ArrowInvalid as error:
        reason = str(error).split(": ", 1)[-1]
        raise PatternError(
            f"no regular expression ({reason})", "one such as ^ge.*t$", "look-around and back-references are not known"
        ) from error
    hits: np.ndarray = pc.or_(*either).to_numpy(zero_copy_only=False)
    return hits


def fields(after: Any) -> tuple[str, bool]:
    """The search text and whether it is a regular expression; ``after`` is called when a person changes either."""
    words, regex = st.columns([3, 1], vertical_alignment="bottom")
    with regex:
        is_regex = st.toggle(
            "Regex",
            help="The search text is a regular expression, such as ^ge.*t$ or \\p{Han}: it may match anywhere in the "
            "decoded text or in the vocabulary string, upper and lower case alike.",
            **state.linked("regex", state.get("regex") == "True", default=False, after=lambda: _changed(after)),
        )
    with words:
        entered = st.text_input(
            "Search a token",
            type="search",
            placeholder="a regular expression" if is_regex else "a word or a part of one, or #id",
            help="Text of a token in the new language, upper and lower case alike; #42 is the token with id 42.",
            **state.linked("q", state.get("q") or "", default="", after=lambda: _changed(after)),
        )
    return entered or "", bool(is_regex)


def _changed(after: Any = None) -> None:
    state.put(page=None)
    if after:
        after()


#: Kind, ranges and order of a ``Query``.
Filters = tuple[str | None, tuple[tuple[str, float, float], ...], str]


def filters(k_most: int) -> Filters:
    """Kind, ranges and order, from widgets tied to the address."""
    kind, order = st.columns(2)
    with kind:
        kinds = [ALL_KINDS, *widgets.KINDS]
        given = state.get("kind")
        chosen = st.selectbox(
            "Kind",
            kinds,
            format_func=str.capitalize,
            help="Where the new rows come from.",
            **state.linked("kind", given if given in kinds else ALL_KINDS, default=ALL_KINDS, after=_changed),
        )
    with order:
        given = state.get("sort")
        sort = st.selectbox(
            "Order",
            list(ORDERS),
            format_func=lambda name: ORDERS[name][0].capitalize(),
            help="Of all matching tokens; a click on a column's head sorts this page of the table alone.",
            **state.linked("sort", given if given in ORDERS else "best", default="best", after=_changed),
        )
    ends = {"similarity": (0.0, 1.0), "effective": (0.0, float(k_most)), "share": (0.0, 1.0)}
    active = [name for name in RANGES if state.get(name)]
    title = "Filter by figures" + (f" ({len(active)} set)" if active else "")
    sliders = st.expander(
        title, icon=":material/filter_alt:", expanded=bool(active), key="filter:figures", on_change="rerun"
    )
    if sliders.open:  # closed, they need not be sent with every gesture
        for column, name in zip(sliders.columns(len(RANGES)), RANGES, strict=True):
            _range(column, name, *ends[name])
    ranges = [found for name in RANGES if (found := _chosen(name, *ends[name]))]
    return None if chosen == ALL_KINDS else chosen, tuple(ranges), str(sort)


def _range(place: Any, name: str, low: float, high: float) -> None:
    """One range slider."""
    _, label, step, help_text = RANGES[name]

    def write() -> None:
        first, last = st.session_state[f"url:{name}"]
        state.put(**{name: None if (first, last) == (low, high) else f"{first:g}-{last:g}"})
        _changed()

    linked = state.linked(name, _ends(state.get(name), low, high), after=write)
    place.slider(label, low, high, step=step, help=help_text, **linked)


def _chosen(name: str, low: float, high: float) -> tuple[str, float, float] | None:
    """The range in the address; None where it is wide open, which lets tokens without the figure in."""
    first, last = _ends(state.get(name), low, high)
    if (first, last) == (low, high):
        return None
    # An end of the slider stands for all beyond it: a cosine may be negative.
    return RANGES[name][0], -1e9 if first == low else first, 1e9 if last == high else last


def _ends(given: str | None, low: float, high: float) -> tuple[float, float]:
    """Two numbers such as ``0.2-0.8`` from the address; the whole range if they are none."""
    try:
        first, last = (float(part) for part in (given or "").split("-"))
    except ValueError:
        return low, high
    return (first, last) if low <= first <= last <= high else (low, high)


def page_of(found: np.ndarray, token: int | None) -> tuple[int, np.ndarray]:
    """The page of the table to show, from 1, and its rows: the one in the address, else the one with the token."""
    import numpy as np

    pages = max(1, -(-len(found) // tables.ROWS_SHOWN))
    place = np.flatnonzero(found == token) if token is not None else np.zeros(0, int)
    here = int(place[0]) // tables.ROWS_SHOWN + 1 if len(place) else 1
    page = state.whole_number("page", here, 1, pages)
    if pages > 1:
        st.number_input(
            f"Page of the table, 1 to {pages}",
            1,
            pages,
            step=1,
            width=220,
            help=f"{tables.ROWS_SHOWN:,} tokens a page.",
            **state.linked("page", page),
        )
    first = (page - 1) * tables.ROWS_SHOWN
    return page, found[first : first + tables.ROWS_SHOWN]


def show_pattern_error(error: PatternError) -> None:
    """What is wrong with the pattern, right below its field."""
    st.error(text.escape_markdown(f"This is {error.found}; expected {error.expected}; {error.remedy}."))
