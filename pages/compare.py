"""Two results side by side, or one under another k and tau: what differs, and which tokens moved."""

from typing import Any

import streamlit as st

from ui import compare_tokens, compare_view, dials, services, state, text, widgets
from wechsel_core.errors import WechselError

#: In place of a second result: A's own candidates under other dials.
REWEIGHTED = "reweighted"
#: A first visitor sees tau change tenfold.
FLAT, SHARP = 1.0, 0.1


def start(results: list[dict[str, Any]]) -> None:
    """Fill an address without A or B: the newest result, and the next one or the first under another tau."""
    if state.get("a") is None:
        state.put(a=results[0]["id"])
    if state.get("b") is None:
        others = [entry for entry in results if entry["id"] != state.get("a")]
        own = next((entry for entry in results if entry["id"] == state.get("a")), None)
        if own and not services.has_dials(own["id"]):
            mine = others  # the example is better than nothing
        else:
            mine = [entry for entry in others if not entry["example"]]
        if mine:
            state.put(b=mine[0]["id"])
        else:
            reweigh()


def reweigh() -> None:
    """Make B the result A under another tau."""
    own = next((entry for entry in services.list_results() if entry["id"] == state.get("a")), None)
    if own and not services.has_dials(own["id"]):
        state.put(b=REWEIGHTED, tau=None, token=None)
        return
    tau = SHARP if own and own["temperature"] > (FLAT + SHARP) / 2 else FLAT
    state.put(b=REWEIGHTED, tau=f"{tau:g}", token=None)


def choose(results: list[dict[str, Any]]) -> tuple[str, str]:
    """Both pickers; stops the page where the address names a result that is not there."""
    ids = {entry["id"]: entry for entry in results}

    def title(name: str) -> str:
        return "A with another k and tau" if name == REWEIGHTED else widgets.result_name(ids[name])

    def changed() -> None:
        state.put(token=None)
        if state.get("b") != REWEIGHTED:
            state.put(k=None, tau=None)
        elif state.get("k") is None and state.get("tau") is None:
            reweigh()

    for column, name, options in zip(st.columns(2), ("a", "b"), (list(ids), [REWEIGHTED, *ids]), strict=True):
        given = state.get(name)
        with column:
            st.selectbox(
                name.upper(),
                options,
                format_func=title,
                placeholder="Choose a result",
                help="Initialisations made on this machine, newest first, then the example.",
                **state.linked(name, given if given in options else None, after=changed),
            )
    missing = [given for name in "ab" if (given := state.get(name) or "") not in (REWEIGHTED, *ids)]
    if state.get("a") == REWEIGHTED:
        missing.append(REWEIGHTED)
    if missing:
        st.error(
            f"There is no result {text.escape_markdown(missing[0])}; it may have been deleted or made on another "
            "machine. Choose one above, or make a new one.",
            icon=":material/error:",
        )
        st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        st.stop()
    return state.get("a") or "", state.get("b") or ""


def dials_of(a: str, b: str, results: list[dict[str, Any]]) -> tuple[str, tuple[int, float] | None]:
    """The result behind B and the dials that it is looked at under; stops the page where there is nothing to see."""
    if b == REWEIGHTED and not services.has_dials(a):
        st.info(f"{widgets.no_dials(a)} Choose a second result for B.")
        st.stop()
    if b == REWEIGHTED:
        k, tau = dials.choose(a)
        if len(results) == 1:
            st.caption(
                "This compares the one result that there is with its own candidates under other dials. To compare two "
                "dictionaries, languages or sets of vectors, initialise a second one."
            )
            st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        if (k, tau) == dials.own(a):
            st.info("The dials stand at A's own values, so nothing differs. Move one of them.")
            st.stop()
        return a, (k, tau)
    if a == b:
        same = "A and B are the same result, so nothing differs. Choose another one"
        if services.has_dials(a):
            st.info(f"{same}, or look at A under other dials.")
            st.button("A with another k and tau", icon=":material/tune:", on_click=reweigh)
        else:
            st.info(f"{same}.")
        st.stop()
    return b, None


def page() -> None:
    """Pickers, differences, movement, one token."""
    widgets.header("Compare", "Two results side by side: what was set differently, and which tokens moved?")
    results = services.list_results()
    if not results and state.get("a") is None and state.get("b") is None:
        st.info("No results yet. Initialise a model first: with the pocket models it takes seconds.")
        st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        return
    if results:
        start(results)
    a, b = choose(results)
    try:
        b, chosen = dials_of(a, b, results)
        side_a, side_b = services.side(a), services.side(b, chosen)
        with_rows = measure(side_a, side_b)
        found = services.compare(a, b, chosen, with_rows=with_rows)
        name = f"{a}-and-{b}" if chosen is None else f"{a}-k{chosen[0]}-tau{chosen[1]:g}"
        compare_view.settings(found)
        st.header("Which tokens moved", anchor=False)
        compare_tokens.movement(found)
        left, right = st.columns(2, gap="large")
        with left:
            place = compare_tokens.token_table(found, name)
        with right:
            if place is not None:
                compare_tokens.detail(found, side_a, side_b, place)
        st.header("The results as a whole", anchor=False)
        compare_view.figures_table(found, name)
        compare_view.similarities(found)
        if chosen is None:
            compare_view.health(services.health_report(a), services.health_report(b))
    except WechselError as error:
        widgets.show_error(error)


def measure(side_a: Any, side_b: Any) -> bool:
    """Whether movement is measured on the embedding rows themselves."""
    possible = services.rows_comparable(side_a, side_b)
    return bool(
        st.toggle(
            "Measure on the embedding rows",
            disabled=not possible,
            help="Loads the English model once and compares the rows themselves, by cosine. Without it the mixtures "
            "are compared, which needs no model."
            if possible
            else "Only for two results of one English model: rows of different models lie in different spaces.",
            **state.linked("rows", possible and state.get("rows") == "True", default=False),
        )
    )


state.enter("compare")
page()
state.remember("compare")
