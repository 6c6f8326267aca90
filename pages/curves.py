"""Learning curves of runs beside each other, and what the initialisation is worth."""

import functools
from typing import Any

import streamlit as st

from ui import curve_controls, curve_figures, effort_view, figures, run_services, run_view, state, tables, widgets
from wechsel_core.errors import WechselError


def loaded(chosen: curve_controls.Chosen) -> list[tuple[str, list[Any]]]:
    """The runs of every comparison that is shown."""
    return [(name, run_services.curves_of(runs)) for name, runs in chosen.shown]


def drawn(chosen: curve_controls.Chosen, kind: str, look: curve_figures.Look) -> Any:
    """The figure of one kind of scores."""
    groups = loaded(chosen)
    level = run_services.random_level(groups[0][1], look.measure) if kind == "eval" else None
    return curve_figures.figure(groups, kind, look, level)


def held_out(chosen: curve_controls.Chosen, look: curve_figures.Look, name: str, polled: bool) -> None:
    """State of live runs, alarms, and the held-out curves."""
    try:
        runs = [run for _, members in loaded(chosen) for run in members]
        if polled and not any(run.live for run in runs):
            st.rerun()  # the page as a whole, so that it stops looking
        run_view.live_line(runs)
        run_view.alarms(runs)
        if not any(len(run.rows("eval")) for run in runs):
            st.info("No score of the held-out text yet. The first one comes once model and text are ready.")
            return
        st.plotly_chart(
            drawn(chosen, "eval", look),
            key="curves:eval",
            config=figures.plot_config(f"{name}-held-out"),
            alt="Held-out score of every arm over the training",
        )
        seeds = len({run.seed for run in runs}) > 1
        st.caption(curve_controls.sentence("eval", look, seeds))
    except WechselError as error:
        widgets.show_error(error)


def worth(chosen: curve_controls.Chosen, look: curve_figures.Look, name: str) -> None:
    """The effort ratio of the first comparison, and the training curves of all."""
    try:
        groups = loaded(chosen)
        effort_view.section(name, groups[0][1])
        st.header("Training text", anchor=False)
        if any(len(run.rows("train")) for _, runs in groups for run in runs):
            st.plotly_chart(
                drawn(chosen, "train", look),
                key="curves:train",
                config=figures.plot_config(f"{name}-training"),
                alt="Training score of every arm over the training",
            )
            seeds = len({run.seed for _, runs in groups for run in runs}) > 1
            st.caption(curve_controls.sentence("train", look, seeds))
        else:
            st.info("No step has been taken yet.")
    except WechselError as error:
        widgets.show_error(error)


def as_html(chosen: curve_controls.Chosen, kind: str, look: curve_figures.Look, name: str) -> bytes:
    """The figure of one kind of scores as an HTML file."""
    return figures.standalone_html(drawn(chosen, kind, look), look.theme, name)


def downloads(chosen: curve_controls.Chosen, look: curve_figures.Look, name: str) -> None:
    """Every number as CSV and Parquet, the figures as HTML; all made when a button is pressed."""
    rows = sum(len(run.metrics) for _, runs in loaded(chosen) for run in runs)
    with st.container(horizontal=True):
        for kind, label, suffix in (("eval", "Held-out HTML", "held-out"), ("train", "Training HTML", "training")):
            st.download_button(
                label,
                functools.partial(as_html, chosen, kind, look, f"{name}-{suffix}"),
                f"{name}-{suffix}.html",
                "text/html",
                key=f"curves:{kind}:html",
                icon=":material/download:",
                help="The figure as one HTML file that works without a network. The camera in it saves a PNG.",
                on_click="ignore",
            )
        tables.downloads(lambda: run_services.curve_table(chosen.runs), f"{name}-curves", key="curves", n_rows=rows)


def page() -> None:
    """Pickers, held-out curves, effort ratio, training curves."""
    widgets.header("Curves", "How fast does a transferred model learn, beside one that starts from nothing?")
    groups = run_services.groups()
    if not groups and state.get("run") is None:
        st.info("There are no runs yet. Start one, with a small text it takes minutes, and its curve grows here.")
        st.page_link(curve_controls.PRETRAINING, label="Start a run", icon=":material/model_training:")
        return
    try:
        chosen = curve_controls.choose(groups)
        look = curve_controls.look()
        polled = any(run.live for _, runs in loaded(chosen) for run in runs)
        every = run_services.EVERY if polled else None
        name = f"{chosen.group['result']}-{chosen.group['id'][:6]}"
        st.fragment(held_out, run_every=every)(chosen, look, name, polled)
        downloads(chosen, look, name)
        st.fragment(worth, run_every=every)(chosen, look, name)
        if polled:
            st.caption("Runs go on: this page looks at them every two seconds.")
        run_view.proof(chosen.group)
    except WechselError as error:
        widgets.show_error(error)


state.enter("curves")
page()
state.remember("curves")
