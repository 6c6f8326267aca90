"""Which English tokens made each new token, and the other way round."""

from typing import Any

import streamlit as st

from ui import figures, services, state, tables, text, widgets
from wechsel_core.errors import WechselError

TOP, TOP_MOST = 10, 50
FED_SHOWN = 50
ALL_KINDS = "all"


def choose_result(results: list[dict[str, Any]]) -> str:
    """The result in the address, or the newest; stops the page where the address names one that is not there."""
    ids = {entry["id"]: entry for entry in results}
    wanted = state.get("result")
    if wanted is None:
        wanted = results[0]["id"]
        # Into the address at once: a bookmark must not follow results made later.
        state.put(result=wanted)
    known = wanted in ids
    st.selectbox(
        "Result",
        list(ids),
        format_func=lambda name: widgets.result_name(ids[name]),
        placeholder="Choose a result",
        help="Initialisations made on this machine, newest first.",
        **state.linked("result", wanted if known else None, after=lambda: state.put(token=None)),
    )
    if not known:
        st.error(
            f"There is no result {text.escape_markdown(wanted)}; it may have been deleted or made on another machine. "
            "Choose one above, or make a new one.",
            icon=":material/error:",
        )
        st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        st.stop()
    return wanted


def find(result: str) -> None:
    """After a search: open the token that the text means, if there is one."""
    try:
        state.put(token=services.find_token(result, state.get("q") or ""))
    except WechselError:
        # The table then says that nothing matches, or shows tokens that only contain the text.
        state.put(token=None)


def search(result: str) -> tuple[str, str | None]:
    """The search text and the kind of tokens to show."""
    query, kind = st.columns([2, 1])
    with query:
        words = st.text_input(
            "Search a token",
            type="search",
            placeholder="a word or a part of one, or #id",
            help="Text of a token in the new language, upper and lower case alike; #42 is the token with id 42.",
            **state.linked("q", state.get("q") or "", default="", after=lambda: find(result)),
        )
    with kind:
        kinds = [ALL_KINDS, *widgets.KINDS]
        given = state.get("kind")
        chosen = st.selectbox(
            "Kind",
            kinds,
            format_func=str.capitalize,
            help="Where the new rows come from.",
            **state.linked("kind", given if given in kinds else ALL_KINDS, default=ALL_KINDS),
        )
    return words or "", None if chosen == ALL_KINDS else chosen


def choose_token(result: str, tokens: Any, found: Any) -> int | None:
    """The token in the address, else the first mixed one of the table; None where there is none."""
    given = state.get("token")
    if given is None:
        first = found[found["kind"] == "mixed"] if (found["kind"] == "mixed").any() else found
        return None if first.empty else int(first["target_id"].iloc[0])
    token = state.whole_number("token", -1, 0, len(tokens) - 1)
    if token < 0:
        st.error(
            f"This result has no token {text.escape_markdown(given)}; its ids go from 0 to {len(tokens) - 1}. "
            "Choose a row of the table or search for a word.",
            icon=":material/error:",
        )
        return None
    return token


def token_table(result: str, found: Any, token: int | None) -> None:
    """The tokens that match, one of them selected."""
    if found.empty:
        st.info("No token matches. Try a shorter or more frequent word: a rare one is split into several tokens.")
        return
    ids = found["target_id"].head(tables.ROWS_SHOWN).tolist()
    # Selections are row numbers, so another search or kind needs another table.
    key = f"tokens:{result}:{state.get('q')}:{state.get('kind')}"
    rows = [ids.index(token)] if token in ids else []
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    def selected() -> None:
        # An empty selection (a row ticked off, a table redrawn by the browser) leaves the token open.
        if chosen := st.session_state[key]["selection"]["rows"]:
            state.put(token=ids[chosen[0]])

    columns = tables.token_columns()
    st.dataframe(
        tables.shown_tokens(found),
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        key=key,
        on_select=selected,
        selection_mode="single-row",
        alt="Tokens of the new tokenizer with their nearest English token",
    )
    count = "1 token" if len(found) == 1 else f"{len(found):,} tokens"
    cut = f"The first {len(ids):,} of {count}" if len(found) > len(ids) else count
    st.caption(f"{cut}. Tick a row on its left to open it; the downloads hold all of them.")
    tables.downloads(found, f"{result}-tokens", key="tokens")


def detail(result: str, tokens: Any, token: int, k: Any) -> Any:
    """One token and the chart of its weights; returns its neighbours."""
    row = next(tokens[tokens["target_id"] == token].itertuples())
    widgets.token_card(row, k)
    top = st.slider(
        "Neighbours shown",
        1,
        TOP_MOST,
        help="How many of the stored candidates to show; those beyond k have weight 0.",
        **state.linked("top", state.whole_number("top", TOP, 1, TOP_MOST), default=TOP),
    )
    neighbors = services.neighbors(result, token, top)
    if neighbors.empty:
        st.info("This token has no English neighbours.")
        return neighbors
    figure = figures.weights_chart(neighbors, st.context.theme.type)
    st.plotly_chart(
        figure, key="weights", config={"displaylogo": False}, alt="Bars: share of each English row in the new row"
    )
    st.caption("A bar is the share of that English row in the new one; the nearest is on top, all shares make 100%.")
    st.download_button(
        "Figure",
        lambda: figures.standalone_html(figure),
        f"{result}-{token}-weights.html",
        "text/html",
        icon=":material/download:",
        help="The chart as one HTML file that works without a network.",
        on_click="ignore",
    )
    return neighbors


def neighbor_table(result: str, token: int, neighbors: Any) -> None:
    """The neighbours of a token as numbers."""
    if neighbors.empty:
        return
    st.header(f"Neighbours of token {token}", anchor=False)
    widgets.token_table(
        neighbors,
        tables.shown_neighbors(neighbors),
        tables.neighbor_columns(),
        f"{result}-{token}-neighbours",
        "Nearest English tokens with similarity and weight",
    )


def reverse(result: str) -> None:
    """From an English token to the target tokens that it feeds."""
    st.header("The other way round", anchor=False)
    st.caption("Which new tokens is an English token part of?")
    query = st.text_input(
        "English token",
        type="search",
        placeholder="such as language",
        help="The whole text of one English token; spaces at its ends do not matter, upper and lower case do.",
        **state.linked("english", state.get("english") or "", default=""),
    )
    if not (query or "").strip():
        return
    fed = services.fed_by(result, query, FED_SHOWN)
    if fed.empty:
        st.info("No new token has this English token in its mixture, or it is not one token of the English tokenizer.")
        return
    widgets.token_table(
        fed,
        tables.shown_fed(fed),
        tables.fed_columns(),
        f"{result}-fed",
        "New tokens that the English token goes into, by falling weight",
    )
    st.caption(f"At most {FED_SHOWN} tokens, the largest share first. A token that feeds very many is called a hub.")


def page() -> None:
    """Result, search, table and detail; below them the reverse lookup."""
    widgets.header(
        "Neighbours", "Every new token is a mixture of English ones. Pick a token and see which, and how much of each."
    )
    results = services.list_results()
    if not results and state.get("result") is None:
        st.info("No results yet. Initialise a model first: with the pocket models it takes seconds.")
        st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        return
    result = choose_result(results)
    try:
        tokens = services.tokens(result)
        k = services.summary(result)["config"].get("neighbors", "k")
        words, kind = search(result)
        if words and state.get("token") is None:
            find(result)
        found = tables.matching(tokens, words, kind)
        left, right = st.columns([5, 4], gap="large")
        with left:
            token = choose_token(result, tokens, found)
            token_table(result, found, token)
        with right:
            neighbors = None if token is None else detail(result, tokens, token, k)
        if token is not None:
            neighbor_table(result, token, neighbors)
        reverse(result)
    except WechselError as error:
        widgets.show_error(error)


state.enter("neighbours")
page()
state.remember("neighbours")
