"""Is a result sound? Dictionary, alignment, rows, hubs, lengths and coverage, judged."""

import streamlit as st

from ui import health_view, services, state, widgets
from wechsel_core.errors import WechselError


def page() -> None:
    """Result, verdict, findings."""
    widgets.header("Health", "Is this initialisation sound, and if not, what is to blame?")
    result = widgets.choose_result(services.list_results())
    try:
        report = services.health_report(result)
    except WechselError as error:
        widgets.show_error(error)
        return
    health_view.verdict(report)
    with st.container(horizontal=True):
        health_view.downloads(report)
        widgets.neighbours_link(result, "Look at its tokens")
    health_view.sections(report)


state.enter("health")
page()
state.remember("health")
