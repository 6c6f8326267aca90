"""Choose a result, arms and text, see what training takes, start it, and watch it go on by itself."""

from typing import Any

import streamlit as st

from ui import run_services, run_view, services, state, text, train_form, train_view, widgets
from wechsel_core.config import TrainConfig
from wechsel_core.errors import WechselError

#: What was asked for (taken out as the start begins, so that an interrupted one does not begin again by itself), and
#: how the last one failed.
WANTED, FAILED = "pretraining:wanted", "pretraining:failed"


def ask(configs: list[TrainConfig]) -> None:
    """Remember what to start; the page then redraws itself with its form locked and starts."""
    st.session_state[WANTED] = [config.to_dict() for config in configs]
    st.session_state.pop(FAILED, None)


def form(result: str, *, disabled: bool) -> list[TrainConfig] | None:
    """The form; None while something is missing."""
    values, complaints = train_form.from_address()
    for complaint in complaints:
        st.warning(text.escape_markdown(complaint))
    language = str(services.summary(result)["config"]["target_language"])
    arms = train_form.arms(result, disabled=disabled)
    left, right = st.columns(2, gap="large")
    with left:
        source = train_form.text_source(language, disabled=disabled)
    with right:
        budget = train_form.budget(values, disabled=disabled)
        seeds = train_form.seeds(values["seed"], disabled=disabled)
    others = train_form.advanced(values, disabled=disabled)
    if not source:
        st.info("Choose a text to train on.")
        return None
    return train_form.plan(result, arms, seeds, source, others | budget)


def runs_of_plan(configs: list[TrainConfig], digest: str, found: dict[int, Any]) -> None:
    """The runs that this plan has, as they go on."""
    st.header("These runs", anchor=False)
    polled = any(entry["status"]["state"] in run_services.LIVE for entry in found.values())
    st.fragment(train_view.progress, run_every=run_services.EVERY if polled else None)(configs, digest, polled)
    with st.container(horizontal=True):
        first = next(iter(found.values()))["id"]
        st.page_link(
            run_view.CURVES, label="See their curves", icon=":material/show_chart:", query_params={"run": first}
        )
        st.page_link(run_view.RUNS, label="All runs", icon=":material/list_alt:")
    if polled:
        st.caption("They go on when this page is closed, and when the lab is. Come back any time.")


def page() -> None:
    """Result, form, cost, command, start, progress."""
    widgets.header("Pretraining", "Train a transferred model further, beside the same model with another start.")
    wanted = st.session_state.pop(WANTED, None)
    result = widgets.choose_result(services.list_results())
    try:
        configs = form(result, disabled=wanted is not None)
        if configs is None:
            return
        digest = train_form.result_hash(result)
        found = train_form.runs_of(configs, digest)
        left = [config for place, config in enumerate(configs) if place not in found]
        train_view.cost(run_services.plan_cost(configs[0]), len(configs))
        train_view.commands(configs)
    except WechselError as error:
        widgets.show_error(error)
        return
    number = f"{len(left)} runs" if len(left) != 1 else "the run" if len(configs) == 1 else "1 run"
    st.button(
        f"Start {number}" if left else "All of these runs are there",
        type="primary",
        icon=":material/play_arrow:",
        disabled=wanted is not None or not left,
        on_click=ask,
        args=(left,),
        key="pretraining:start",
    )
    if wanted is not None:
        plan = [TrainConfig.from_dict(values) for values in wanted]
        if failed := train_view.start(plan):
            st.session_state[FAILED] = (wanted, failed)
        st.rerun()
    failed_plan, complaints = st.session_state.get(FAILED, ([], []))
    if any(config.to_dict() in failed_plan for config in left):
        for complaint in complaints:
            widgets.show_error(complaint)
    if found:
        runs_of_plan(configs, digest, found)


state.enter("pretraining")
page()
state.remember("pretraining")
