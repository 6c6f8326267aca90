"""Choose a model and a language, and make a result."""

import re
from pathlib import Path
from typing import Any

import streamlit as st

from ui import init_form, services, state, text, widgets
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

#: What was asked for (taken out as the work starts, so that an interrupted run does not start again by itself), and
#: how the last run failed.
WANTED, FAILED = "initialise:wanted", "initialise:failed"


def ask(config: InitConfig) -> None:
    """Remember what to make; the page then redraws itself with its dials locked and starts."""
    st.session_state[WANTED] = config.to_dict()
    st.session_state.pop(FAILED, None)


def make(config: InitConfig, out: Path, *, force: bool) -> None:
    """Run the initialisation with its steps on show; how it fails is kept for the redrawn page."""
    with st.status("Initialising", expanded=True) as status:
        st.button("Cancel", help="Stops at the next step; nothing half made is left.")
        bar = st.progress(0.0)
        seen: list[str] = []

        def progress(share: float, sentence: str) -> None:
            bar.progress(min(max(share, 0.0), 1.0), text=text.escape_markdown(sentence))
            # "row 1000 of 9000" is one step, however often its numbers change.
            step = re.sub(r"[\d,.]+", "", sentence)
            if step not in seen:
                seen.append(step)
                st.text(sentence)

        try:
            services.initialise(config, out, force=force, progress=progress)
        except WechselError as error:
            st.session_state[FAILED] = (config.to_dict(), error)
            status.update(label="Failed", state="error")
    st.rerun()


def finished(entry: dict[str, Any]) -> None:
    """The summary of the result that these settings have given."""
    st.divider()
    st.header("Result", anchor=False)
    st.caption(f"Made {text.escape_markdown(widgets.moment(entry['created']))}. The folder:")
    st.code(entry["path"], language=None, wrap_lines=True)
    widgets.neighbours_link(entry["id"], "See which English tokens made each new token")
    widgets.summary(services.summary(entry["id"]))


def page() -> None:
    """The form, the command, the button, and below them what came of it."""
    widgets.header(
        "Initialise", "Give an English model the tokens of another language. The settings stand in the address."
    )
    wanted = st.session_state.pop(WANTED, None)
    values, complaints = init_form.values_from_address()
    for complaint in complaints:
        st.warning(text.escape_markdown(complaint))
    chosen = init_form.form(values, disabled=wanted is not None)
    try:
        config = InitConfig(**chosen)
        out = services.default_out(config)
    except WechselError as error:
        widgets.show_error(error)
        return
    entry = next((result for result in services.list_results() if Path(result["path"]) == out), None)
    st.caption("The same on the command line:")
    st.code(init_form.command(config, out, force=entry is not None), language="bash", wrap_lines=True)
    missing = init_form.missing(config)
    if missing:
        st.info(text.escape_markdown(missing), icon=":material/info:")
    st.button(
        "Initialise again" if entry else "Initialise",
        type="secondary" if entry else "primary",
        icon=":material/play_arrow:",
        disabled=wanted is not None or bool(missing),
        on_click=ask,
        args=(config,),
        key="initialise:run",
    )
    if wanted is not None:
        make(InitConfig.from_dict(wanted), out, force=entry is not None)
    failed_config, error = st.session_state.get(FAILED, (None, None))
    if failed_config == config.to_dict():
        widgets.show_error(error)
    elif entry:
        try:
            finished(entry)
        except WechselError as gone:  # deleted since the list was read
            widgets.show_error(gone)


state.enter("initialise")
page()
state.remember("initialise")
