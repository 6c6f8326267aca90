"""Every training run: how far it is, its log, and what can be done with it."""

from typing import Any

import pandas as pd
import streamlit as st

from ui import run_machines, run_services, run_view, state, text, widgets
from wechsel_core.errors import WechselError

ROW, HEAD, TALLEST = 35, 38, 8


def going_on(before: dict[str, str]) -> None:
    """The runs that go on, each with its bar; the page as a whole is drawn again when a state changes."""
    entries = run_services.list_runs()
    if {entry["id"]: entry["status"]["state"] for entry in entries} != before:
        st.rerun()
    for entry in entries:
        if entry["status"]["state"] in run_services.LIVE:
            run_view.progress(entry["id"], entry["status"])


def row(entry: dict[str, Any]) -> dict[str, Any]:
    """A run as a row of the list."""
    run, status = entry["run"], entry["status"]
    return {
        "state": run_view.state_word(status),
        "run": entry["id"],
        "arm": run["config"].get("arm"),
        "seed": run["config"].get("seed"),
        "result": run["result"].get("name"),
        "done": run_view.share_done(status),
        "step": status.get("step") or 0,
        "created": "came with the lab" if entry["recorded"] else widgets.moment(str(run["created"])),
    }


def choose(entries: list[dict[str, Any]]) -> str | None:
    """The list; returns the run in the address, or the first."""
    ids = [entry["id"] for entry in entries]
    if state.get("run") is None and ids:
        state.put(run=ids[0])
    chosen = state.get("run")
    rows = [ids.index(chosen)] if chosen in ids else []
    key = run_view.table_key(ids)
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    def selected() -> None:
        if picked := st.session_state[key]["selection"]["rows"]:
            state.put(run=ids[picked[0]])

    columns: dict[str, Any] = {
        "state": st.column_config.TextColumn("State", width=80),
        "run": st.column_config.TextColumn("Run", width=270, help="Result, arm, seed, and the start of a hash."),
        "arm": st.column_config.TextColumn("Arm", width=120, help="What the run starts from."),
        "seed": st.column_config.NumberColumn("Seed", format="%d", width=55),
        "done": st.column_config.ProgressColumn("Done", format="percent", min_value=0, max_value=1, width=90),
        "step": st.column_config.NumberColumn("Step", format="localized", width=70),
        "created": st.column_config.TextColumn("Started", width=140),
    }
    st.dataframe(
        pd.DataFrame([row(entry) for entry in entries]),
        hide_index=True,
        height=HEAD + ROW * min(len(entries), TALLEST),
        column_order=list(columns),
        column_config=columns,
        key=key,
        on_select=selected,
        selection_mode="single-row",
        alt="Training runs with their state",
    )
    st.caption("Tick a row on its left to open the run.")
    return chosen


def listed() -> list[dict[str, Any]]:
    """The runs of this machine, and those that came with the lab if they are wanted, or all that there is."""
    entries = run_services.list_runs()
    own = [entry for entry in entries if not entry["recorded"]]
    recorded = len(entries) - len(own)
    if not own or not recorded:
        return entries
    asked = state.get("recorded") == "True" or state.get("run") in {e["id"] for e in entries if e["recorded"]}
    shown = st.toggle(
        f"Also the {recorded:,} runs that came with the lab",
        help="Their numbers can be looked at, nothing else.",
        **state.linked("recorded", asked, default=False),
    )
    return entries if shown else own


def detail(run_id: str) -> None:
    """One run: controls, progress, curve, log, settings, commands."""
    entry = run_services.run(run_id)
    status = entry["status"]
    st.header(text.escape_markdown(run_id), anchor=False)
    run_view.controls(run_id, status, recorded=entry["recorded"])
    st.page_link(
        run_view.CURVES,
        label="Compare with its other arms",
        icon=":material/show_chart:",
        query_params={"run": run_id},
    )
    polled = status["state"] in run_services.LIVE
    st.fragment(run_view.follow, run_every=run_services.EVERY if polled else None)(run_id, polled)
    if entry["model"]:
        st.caption("The trained model, an ordinary Hugging Face folder:")
        st.code(entry["model"], language=None, wrap_lines=True)
    run_view.settings(entry["run"])
    if not entry["recorded"]:
        run_machines.show(run_id, status)


def page() -> None:
    """Live runs, list, detail."""
    widgets.header("Runs", "Training goes on by itself, whether this page is open or not.")
    entries = listed()
    if not entries and state.get("run") is None:
        st.info("There are no runs yet.")
        st.page_link("pages/pretraining.py", label="Start a run", icon=":material/model_training:")
        return
    try:
        now = {entry["id"]: entry["status"]["state"] for entry in run_services.list_runs()}
        if any(value in run_services.LIVE for value in now.values()):
            st.fragment(going_on, run_every=run_services.EVERY)(now)
        chosen = choose(entries) if entries else state.get("run")
        if chosen is None:
            return
        if chosen not in now:
            st.error(
                f"There is no run {text.escape_markdown(chosen)}; it may have been deleted or made on another machine."
                + (" Choose one above." if entries else ""),
                icon=":material/error:",
            )
            st.page_link("pages/pretraining.py", label="Start a run", icon=":material/model_training:")
            return
        detail(chosen)
    except WechselError as error:
        widgets.show_error(error)


state.enter("runs")
page()
state.remember("runs")
