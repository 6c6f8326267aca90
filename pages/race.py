"""Every method under the same conditions: choose a race or start one."""

import streamlit as st

from ui import race_form, race_services, race_view, run_services, state, text, widgets
from wechsel_core.errors import WechselError


def choose() -> str | None:
    """The race in the address, or the first that there is; "" opens the form."""
    races = race_services.list_races()
    names = {entry["id"]: race_view.name_of(entry) for entry in races}
    wanted = state.get("race")
    if wanted is None and names:
        wanted = next(iter(names))
        state.put(race=wanted)
    st.selectbox(
        "Race",
        list(names),
        format_func=names.__getitem__,
        placeholder="Choose a race" if names else "There is no race yet",
        help="Races of this machine, newest first; below them those that came with the lab.",
        **state.linked("race", wanted if wanted in names else None),
    )
    if wanted and wanted not in names:
        st.error(
            f"There is no race {text.escape_markdown(wanted)}; it may have been deleted or run on another machine. "
            "Choose one above, or start one below.",
            icon=":material/error:",
        )
        return None
    return wanted


def start() -> None:
    """The form of a new race, folded away where there is something to see."""
    with st.expander("Start a race of your own", icon=":material/flag:", expanded=state.get("race") is None):
        try:
            config = race_form.form()
            if config is None:
                return
            race_form.command(config)
            if st.button("Start the race", type="primary", icon=":material/play_arrow:", key="race:start"):
                state.put(race=race_services.start(config))
                st.rerun()
            st.caption("It goes on when this page is closed, and when the lab is. Come back any time.")
        except WechselError as error:
            widgets.show_error(error)


def page() -> None:
    """Pick, progress, figures; the form for another one."""
    widgets.header("Race", "WECHSEL against the other methods of its field: the same model, text, steps and seeds.")
    name = choose()
    try:
        entry = next((entry for entry in race_services.list_races() if entry["id"] == name), None)
        if entry is not None:
            if not entry["recorded"]:
                polled = entry["status"]["state"] in race_services.LIVE
                st.fragment(race_view.progress, run_every=run_services.EVERY if polled else None)(entry["id"], polled)
                race_view.controls(entry)
            race_view.show(entry)
    except WechselError as error:
        widgets.show_error(error)
    start()


state.enter("race")
page()
state.remember("race")
