"""A race on a page: how far it is, the verdict, figures, table, conditions."""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from ui import curve_controls, figures, race_figures, race_services, run_view, state, tables, text, widgets
from wechsel_core.errors import WechselError

FAILED = "race:failed"
#: Methods that stand in a race's name; of more their number does.
MOST_LISTED = 4
DEFAULT_PICKED = ("wechsel", "random")


def name_of(entry: dict[str, Any]) -> str:
    """One line that tells a race from others."""
    config = entry["config"]
    made = "came with the lab" if entry["recorded"] else widgets.moment(entry["created"])
    asked = config["methods"].split(",")
    listed = config["methods"] if len(asked) <= MOST_LISTED else f"{len(asked)} contestants"
    what = {"all": "every method", "ablation": "ablation"}.get(config["methods"], listed)
    seeds = len(config["seeds"].split(","))
    done = entry["rows"] * seeds // max(entry["expected"], 1)
    of = f"{done} of " if entry["recorded"] and done < seeds else ""  # what is not recorded goes on here
    budget = f"{config['steps']:,} steps" if config["steps"] else "before training"
    return f"{config['source']} → {config['target_language']} · {what} · {budget} · {of}{seeds} seed{'s' * (seeds > 1)} · {made}"


def progress(name: str, polled: bool) -> None:
    """State and bar of a race; the page as a whole is drawn again when it gets further or ends."""
    entry = next((entry for entry in race_services.list_races() if entry["id"] == name), None)
    if entry is None:
        st.rerun()
    status = entry["status"]
    seen = (entry["rows"], status["state"])
    if polled and st.session_state.setdefault(f"race:seen:{name}", seen) != seen:
        st.session_state[f"race:seen:{name}"] = seen
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        run_view.badge(status)
        st.caption(
            text.escape_markdown(f"{entry['rows']:,} of {entry['expected']:,} done. {status.get('phase') or ''}")
        )
    st.progress(min(entry["rows"] / max(entry["expected"], 1), 1.0))
    if reason := status.get("reason"):
        st.error(text.escape_markdown(str(reason)), icon=":material/error:")


def controls(entry: dict[str, Any]) -> None:
    """Stop, go on, delete: what the state allows."""
    state_now, name = entry["status"]["state"], entry["id"]
    with st.container(horizontal=True):
        if state_now in race_services.LIVE:
            st.button("Stop", icon=":material/stop:", on_click=_act, args=("stop", name), disabled=state_now == "stopping",
                      help="Ends at the next step; what is done is kept.")  # fmt: skip
            return
        if entry["rows"] < entry["expected"]:
            st.button("Go on", icon=":material/play_arrow:", on_click=_act, args=("resume", name), type="primary")
        with st.popover("Delete", icon=":material/delete:"):
            st.caption("The race, its tables and its curves are deleted for good.")
            st.button("Delete this race", on_click=_act, args=("delete", name), key="race:delete")
    if (failed := st.session_state.pop(FAILED, None)) is not None:
        widgets.show_error(failed)


def _act(action: str, name: str) -> None:
    try:
        race_services.act(action, name)
        if action == "delete":
            state.put(race=None)
    except WechselError as error:
        st.session_state[FAILED] = error


def show(entry: dict[str, Any]) -> None:
    """Everything that a race has to say so far."""
    record = race_services.record(entry)
    if not any(not row.get("failed") for row in record["rows"]):
        st.info("Nobody has come in yet. The first contestant takes longest: model, vectors and text are opened.")
        return
    found = race_services.table(entry)
    st.header("Verdict", anchor=False)
    for sentence in race_services.sentences(entry):
        st.markdown(text.escape_markdown(sentence))
    theme, name = st.context.theme.type, entry["id"]
    _ablation(found, theme, name)
    st.header("Where each of them ends" if "bits_100" in found else "Before any training", anchor=False)
    figure = race_figures.ends(found, theme)
    st.plotly_chart(
        figure, key="race:ends", config=figures.plot_config(f"{name}-ends"), alt="Score of every contestant"
    )
    st.caption(
        "Held-out bits per byte, lower is better: a dot is the mean over the seeds, its bar the 95% interval (Student's t; "
        "without a bar there is one seed). A short upright line is the score before any training. Bars that overlap may "
        "still differ: the verdict compares seed by seed."
    )
    _html(figure, theme, f"{name}-ends")
    if "bits_100" in found:
        _curves(entry, found, theme, name)
    _table(found, name)
    _conditions(record)


def _html(figure: Any, theme: str | None, name: str) -> None:
    st.download_button(
        "Figure", functools.partial(figures.standalone_html, figure, theme, name), f"{name}.html", "text/html",
        key=f"{name}:html", icon=":material/download:", on_click="ignore",
        help="The figure as one HTML file that works without a network. The camera in it saves a PNG.",
    )  # fmt: skip


def _curves(entry: dict[str, Any], found: Any, theme: str | None, name: str) -> None:
    st.header("Learning curves", anchor=False)
    labels = dict(zip(found["entry"], found["label"], strict=True))
    usual = list(dict.fromkeys([found["entry"].iloc[0], *(part for part in DEFAULT_PICKED if part in labels)]))
    given = [part for part in (state.get("picked") or "").split(",") if part in labels]
    picked = st.multiselect(
        "In colour", list(labels), format_func=labels.__getitem__, max_selections=race_figures.PICKED_MOST,
        help="The others are drawn in grey; hover over a line to see whose it is.",
        **curve_controls.listed("picked", given or usual, usual),
    )  # fmt: skip
    scores = race_services.curves(entry)
    figure = race_figures.curves(scores, picked, theme)
    st.plotly_chart(
        figure, key="race:curves", config=figures.plot_config(f"{name}-curves"), alt="Curves of the contestants"
    )
    st.caption(
        "Held-out score over the training, the mean of the seeds; the band reaches from the best to the worst seed. A curve "
        "that starts lower began closer to the language; where two meet, training has made up for the start."
    )
    with st.container(horizontal=True):
        _html(figure, theme, f"{name}-curves")
        tables.downloads(scores, f"{name}-curves", key="race:curves:table")


def _ablation(found: Any, theme: str | None, name: str) -> None:
    settings = race_services.ablation_settings(found)
    value = "bits_100" if "bits_100" in found else "start"
    figure = race_figures.heat_map(settings, value)
    if figure is None:
        return
    when = "at the end of the budget" if value == "bits_100" else "before any training"
    st.header("Neighbours, temperature, mode, alignment", anchor=False)
    st.plotly_chart(figure, key="race:heat", config=figures.plot_config(f"{name}-heat"), alt="Score by options")
    st.caption(
        f"Held-out bits per byte {when}; dark is low, and low is good. The paper's choice is k = 10 and tau = 0.1 in "
        "subword mode, aligned. Not aligned leaves both spaces as they are, so neighbours are found by chance."
    )
    _html(figure, theme, f"{name}-heat")
    paper = settings[
        (settings["neighbors"] == 10) & (settings["temperature"] == 0.1) & (settings["mode"] == "subword")
        & (settings["alignment"] == "procrustes") & settings["dictionary_size"].isna() & settings["vector_words"].isna()
    ]  # fmt: skip
    everything = float(paper[value].iloc[0]) if len(paper) else None
    columns = st.columns(2, gap="large")
    for column, option, title, sentence in (
        (columns[0], "dictionary_size", "Dictionary pairs (log scale)", "How many pairs the rotation is fitted on."),
        (columns[1], "vector_words", "Words kept in each vector file (log scale)", "How good the static vectors are."),
    ):
        part = race_figures.growth(settings, option, value, everything, title, theme)
        if part is not None:
            with column:
                st.plotly_chart(part, key=f"race:{option}", config=figures.plot_config(f"{name}-{option}"), alt=title)
                st.caption(f"{sentence} The dotted line is the score with all of them.")


def _table(found: Any, name: str) -> None:
    st.header("All figures", anchor=False)
    columns = {
        "label": st.column_config.TextColumn("Contestant", width="medium"),
        "start": _bits("Start", "Held-out bits per byte before any training."),
        "bits_25": _bits("25%", "At a quarter of the budget."),
        "bits_50": _bits("50%", "At half of the budget."),
        "bits_100": _bits("End", "At the end of the budget."),
        "area": _bits("Area", "Mean over the whole budget: the area under the curve divided by its steps."),
        "effort_text": st.column_config.TextColumn(
            "Effort ratio", help="How many times fewer steps than the model from scratch for the best loss that this reaches: "
            "median over the seeds, and from the least to the most."),
        "translation": st.column_config.NumberColumn(
            "Translated", format="percent", help="How many dictionary words have the English translation as the nearest row "
            "in the model's own embedding space. These pairs also made the alignment."),
        "accuracy": st.column_config.NumberColumn(
            "Guessed", format="percent", help="Share of the next (or masked) tokens guessed right before any training."),
        "init_seconds": st.column_config.NumberColumn(
            "Seconds", format="%.2f", help="Of the initialisation itself: vectors aligned, rows planned and written. Opening "
            "files, and the training of a helper model, are not in it."),
        "init_megabytes": st.column_config.NumberColumn(
            "MB", format="%.0f", help="Peak memory of the initialisation beyond what the process held."),
        "mixed": st.column_config.NumberColumn("Mixed", format="localized", help="Rows put together from English ones."),
        "copied": st.column_config.NumberColumn("Copied", format="localized", help="Rows taken over from one English token."),
        "drawn": st.column_config.NumberColumn("Drawn", format="localized", help="Rows made without English tokens."),
        "seeds": st.column_config.NumberColumn("Seeds", format="%d"),
    }  # fmt: skip
    shown = {key: value for key, value in columns.items() if key in found}
    st.dataframe(
        found, hide_index=True, height="content", column_order=list(shown), column_config=shown,
        alt="Figures of every contestant",
    )  # fmt: skip
    st.caption("Click a column's head to sort. The downloads hold the ends of every interval, too.")
    tables.downloads(found, f"{name}-race", key="race:table")


def _bits(label: str, help_text: str) -> Any:
    return st.column_config.NumberColumn(label, help=help_text, format="%.3f")


def _conditions(record: dict[str, Any]) -> None:
    with st.expander("Conditions, equal for all", icon=":material/fact_check:"):
        values = {**(record.get("conditions") or {}), "text": record["text"]}
        rows = [{"condition": key.replace("_", " "), "value": str(value)} for key, value in values.items()]
        st.dataframe(rows, hide_index=True, height="content", column_config={
            "condition": st.column_config.TextColumn("Condition"), "value": st.column_config.TextColumn("Value"),
        })  # fmt: skip
        if helper := record.get("helper"):
            st.caption(
                f"CLP and OMP were given a helper: the same architecture trained from scratch for {helper['steps']:,} steps "
                f"on the same text ({helper['seconds']:,.0f} s, {helper['bits_per_byte']:.3f} bits per byte). Its training is "
                "not in their budget."
            )
