"""Which English tokens made each new token, and the other way round; k and tau as live dials."""

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from ui import dials, figures, search, services, state, tables, text, widgets
from wechsel_core.errors import WechselError

TOP, TOP_MOST = 10, 50
FED_SHOWN = 50
#: Widths of what one looks for and what one sees.
COLUMNS = (5, 4)


def part(draw: Callable[..., None]) -> Callable[..., None]:
    """A part of the page that answers its own widgets without the rest of the page: a gesture resends that part alone.

    It shows its own errors, and what it has put to the address is kept for the next visit.
    """

    @st.fragment
    @functools.wraps(draw)
    def run(*given: Any) -> None:
        try:
            draw(*given)
        except WechselError as error:
            widgets.show_error(error)
        state.remember("neighbours")

    return run


def find(result: str) -> None:
    """After a search: open the token that the text means, if there is one."""
    # A pattern means no token by itself: the first that matches is shown.
    words = "" if state.get("regex") == "True" else state.get("q") or ""
    try:
        state.put(token=services.find_token(result, words))
    except WechselError:
        # The table then says that nothing matches, or shows tokens that only contain the text.
        state.put(token=None)


def choose_token(tokens: Any, found: Any) -> int | None:
    """The token in the address, else the first mixed one of the table; None where there is none."""
    given = state.get("token")
    if given is None:
        if found is None or not len(found):
            return None
        mixed = (tokens["kind"].iloc[found] == "mixed").to_numpy()
        return int(found[mixed.argmax()])
    token = state.whole_number("token", -1, 0, len(tokens) - 1)
    if token < 0:
        st.error(
            f"This result has no token {text.escape_markdown(given)}; its ids go from 0 to {len(tokens) - 1}. "
            "Choose a row of the table or search for a word.",
            icon=":material/error:",
        )
        return None
    return token


def token_table(result: str, tokens: Any, found: Any, token: int | None) -> None:
    """The tokens that match, one of them selected."""
    if not len(found):
        st.info("No token matches. Try a shorter or more frequent word: a rare one is split into several tokens.")
        return
    page, shown = search.page_of(found, token)
    ids = shown.tolist()
    rows = [ids.index(token)] if token in ids else []
    key = f"tokens:{result}"
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    def selected() -> None:
        # An empty selection (a row ticked off, a table redrawn by the browser) leaves the token open.
        if chosen := st.session_state[key]["selection"]["rows"]:
            state.put(token=ids[chosen[0]])

    columns = tables.token_columns()
    st.dataframe(
        tables.shown_tokens(tokens.iloc[shown]),
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        key=key,
        on_select=selected,
        selection_mode="single-row",
        alt="Tokens of the new tokenizer with their nearest English token",
    )
    count = "1 token" if len(found) == 1 else f"{len(found):,} tokens"
    first = (page - 1) * tables.ROWS_SHOWN
    cut = f"{first + 1:,} to {first + len(ids):,} of {count}" if len(found) > len(ids) else count
    st.caption(f"{cut}. Tick a row on its left to open it; the downloads hold all of them.")
    tables.downloads(lambda: tokens.iloc[found], f"{result}-tokens", key="tokens", n_rows=len(found))


def detail(result: str, tokens: Any, token: int, k: int, tau: float) -> tuple[Any, Any]:
    """One token and the chart of its weights; returns its neighbours and the place for the length of its row."""
    row = next(tokens[tokens["target_id"] == token].itertuples())
    widgets.token_card(row, k, services.summary(result)["config"])
    effective, norm = st.columns(2)
    dials.effective_metric(effective, result, token, k, tau)
    top = st.slider(
        "Neighbours shown",
        1,
        TOP_MOST,
        help="How many of the stored candidates to show; those beyond k have weight 0.",
        **state.linked("top", state.whole_number("top", TOP, 1, TOP_MOST), default=TOP),
    )
    neighbors = services.neighbors(result, token, top, k, tau)
    if neighbors.empty:
        st.info("This token has no English neighbours.")
        return neighbors, norm
    theme, name = st.context.theme.type, f"{result}-{token}-weights"
    st.vega_lite_chart(
        figures.weights_data(neighbors),
        figures.weights_spec(theme, len(neighbors)),
        key="weights",
        alt="Bars: share of each English row in the new row",
    )
    told = (
        "A bar is the share of that English row in the new one; the nearest is on top, all shares make 100%. "
        "Wide grey bars are the result's own weights, where the dials changed them."
    )
    if row.kind == "mixed" and services.has_dials(result):
        nearest = neighbors.iloc[0]
        told += (
            f"\n\nWeight of the nearest: exp({nearest['similarity']:.3f} / {tau:g}) divided by the sum of "
            f"exp(similarity / {tau:g}) over the {k} nearest = {nearest['weight']:.1%}."
        )
    st.caption(told)
    st.download_button(
        "Figure",
        lambda: figures.standalone_html(figures.weights_chart(neighbors, theme), theme, name),
        f"{name}.html",
        "text/html",
        icon=":material/download:",
        help="The chart as one HTML file that works without a network.",
        on_click="ignore",
    )
    return neighbors, norm


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


@part
def reverse(result: str, k: int, tau: float) -> None:
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
    fed = services.fed_by(result, query, FED_SHOWN, k, tau)
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


@part
def look_up(result: str, tokens: Any, k: int, tau: float, filters: search.Filters) -> None:
    """The search with its table, and the token that is open."""
    left, right = st.columns(COLUMNS, gap="large")
    found = None
    with left:
        words, is_regex = search.fields(after=lambda: find(result))
        if words and not is_regex and state.get("token") is None:
            find(result)
        try:
            found = search.positions(tokens, search.Query(words, is_regex, *filters))
        except search.PatternError as error:
            search.show_pattern_error(error)
        token = choose_token(tokens, found)
        if found is not None:
            token_table(result, tokens, found, token)
    if token is None:
        return
    with right:
        neighbors, norm = detail(result, tokens, token, k, tau)
    neighbor_table(result, token, neighbors)
    dials.norm_metric(norm, result, token, k, tau)


@part
def everything(result: str) -> None:
    """All that the dials change: the figure of all tokens, filters, search and detail, reverse lookup."""
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        k, tau = widgets.choose_dials(result)
        dials.command(result, k, tau)
        filters = search.filters(max(k, dials.K_MOST))
    if services.has_dials(result):
        with right:
            dials.histogram(result, k, tau)
    tokens, figures_now = services.tokens(result), services.token_weights(result, k, tau)
    tokens["effective_neighbors"], tokens["top_weight"] = figures_now.effective, figures_now.top
    place, below = st.container(), st.container()
    with below:
        reverse(result, k, tau)
    with place:  # last, as the length of a row loads the model the first time
        look_up(result, tokens, k, tau, filters)


def page() -> None:
    """Result and dials; search, table and detail; below them the reverse lookup."""
    widgets.header(
        "Neighbours", "Every new token is a mixture of English ones. Pick a token and see which, and how much of each."
    )
    everything(widgets.choose_result(services.list_results()))


state.enter("neighbours")
page()
