"""The form that starts a race: model, language, contestants, budget, seeds, text."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from ui import curve_controls, init_form, race_services, run_services, state, text
from wechsel_core.config import RaceConfig, field_help

FIELDS = {item.name: item for item in dataclasses.fields(RaceConfig)}
GROUPS = {"all": "Every method", "ablation": "Ablation of WECHSEL", "chosen": "My own choice"}
DEFAULT_CHOICE = ["wechsel", "overlap", "mean"]
NUMBERS = {"steps": (0, 100_000), "held_out_tokens": (100, 1_000_000)}


def form() -> RaceConfig | None:
    """Draw the form; None while something is missing. Raises ``ConfigError`` for what cannot be."""
    left, right = st.columns(2, gap="large")
    values: dict[str, Any] = {}
    with left:
        values["source"] = init_form.model(state.get("source") or FIELDS["source"].default, disabled=False)
    with right:
        default = FIELDS["target_language"].default
        values["target_language"] = init_form.language(state.get("target_language") or default, disabled=False)
    values["methods"] = _methods()
    columns = st.columns(3)
    for column, name in zip(columns, NUMBERS, strict=False):
        with column:
            values[name] = _number(name)
    with columns[2]:
        values["seeds"] = st.text_input(
            "Seeds", help=field_help(RaceConfig, "seeds"),
            **state.linked("seeds", state.get("seeds") or FIELDS["seeds"].default, default=FIELDS["seeds"].default),
        )  # fmt: skip
    values["text"] = _text(values["target_language"])
    if values["text"] is None:
        return None
    return RaceConfig(**values)


def _methods() -> str:
    group = st.segmented_control(
        "Contestants", list(GROUPS), format_func=GROUPS.__getitem__, required=True,
        help=field_help(RaceConfig, "methods"),
        **state.linked("group", state.get("group") if state.get("group") in GROUPS else "all", default="all"),
    )  # fmt: skip
    offered = dict(pair for pairs in race_services.groups().values() for pair in pairs)
    if group != "chosen":
        names = [name for name, _ in race_services.groups()[group or "all"]]
        st.caption(text.escape_markdown(", ".join(offered[name] for name in names) + ", and the model from scratch."))
        chosen = group or "all"
    else:
        given = [name for name in (state.get("methods") or "").split(",") if name in offered] or DEFAULT_CHOICE
        picked = st.multiselect(
            "Methods", list(offered), format_func=offered.__getitem__, placeholder="Choose methods",
            **curve_controls.listed("methods", given, DEFAULT_CHOICE),
        )  # fmt: skip
        names, chosen = list(picked), ",".join(picked)
        st.caption("The model from scratch always takes part: effort ratios are measured against it.")
    for sentence in race_services.needs(tuple(names)):
        st.caption(text.escape_markdown(sentence))
    return chosen


def _number(name: str) -> int:
    low, high = NUMBERS[name]
    default = FIELDS[name].default
    return int(
        st.number_input(
            name.replace("_", " ").capitalize(),
            low,
            high,
            step=1 if name == "steps" else 1000,
            help=field_help(RaceConfig, name),
            **state.linked(name, state.whole_number(name, default, low, high), default=default),
        )  # fmt: skip
    )


def _text(language: str) -> str | None:
    """A corpus of the catalogue in the language, or a path."""
    known = [source["name"] for source in run_services.text_sources() if source["language"] == language]
    given = state.get("text") or (known[0] if known else None)
    chosen = st.selectbox(
        "Text", list(dict.fromkeys([*known, *([given] if given else [])])), accept_new_options=True,
        placeholder="Choose a corpus or write a path", help=field_help(RaceConfig, "text"),
        **state.linked("text", given, default=known[0] if known else None),
    )  # fmt: skip
    if not chosen:
        st.info("Choose a text to train on.")
        return None
    return str(chosen)


def command(config: RaceConfig) -> None:
    """The same on the command line."""
    st.caption("The same on the command line:")
    st.code(race_services.command_line(config), language="bash", wrap_lines=True)
