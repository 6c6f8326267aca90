"""Let a transferred model write or fill a gap, before and after training, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import services, state, text, try_services, try_view, widgets
from wechsel_core.config import field_help
from wechsel_core.errors import WechselError

if TYPE_CHECKING:
    from wechsel_core.services.try_it import ContinueConfig

LONGEST = 2000
PRETRAINING = "pages/pretraining.py"
TEMPERATURES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
HOW = {False: "The likeliest", True: "Drawn"}


def make_model(result: str) -> None:
    """A result that came without its model: a button that makes it."""
    st.info(
        "This result came without its model, to keep the lab small. Make it from the result's own settings; for the "
        "example this takes some seconds.",
        icon=":material/info:",
    )
    if not st.button("Make its model", type="primary", icon=":material/play_arrow:", key="try:make"):
        return
    st.button("Cancel", help="Stops at the next step; nothing half made is left.")
    bar = st.progress(0.0)
    try_services.make_model(
        result, lambda share, step: bar.progress(min(max(share, 0.0), 1.0), text=text.escape_markdown(step))
    )
    st.rerun()


def run_name(run: dict[str, Any]) -> str:
    """One line that tells a run from others."""
    return f"{run['arm']}, seed {run['seed']} · {run['step'] or 0:,} steps · {widgets.moment(run['created'])}"


def choose_run(kept: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The run in the address, or the newest; None if no run keeps its model."""
    if not kept:
        return None
    ids = {run["id"]: run for run in kept}
    wanted = state.get("run")
    if wanted is not None and wanted not in ids:
        st.warning(
            f"{text.escape_markdown(wanted)} is no run of this result that keeps its model; the newest is shown."
        )
    chosen = wanted if wanted in ids else kept[0]["id"]
    st.selectbox(
        "Trained model",
        list(ids),
        format_func=lambda name: run_name(ids[name]),
        help="Runs of this result that keep their model, newest first, by what they started from.",
        **state.linked("run", chosen),
    )
    return ids[chosen]


def words(kind: str, language: str) -> str:
    """The text in the address, typed; the language's own at first."""
    given = state.get("text")
    shown = (try_view.beginning(language, kind) if given is None else given)[:LONGEST]
    help_text = {
        "causal": "The model goes on from here. Best in the new language.",
        "masked": "Write <mask> where a word is missing, once.",
    }
    entered = st.text_input(
        {"causal": "Beginning", "masked": "Sentence with a gap"}[kind],
        max_chars=LONGEST,
        help=help_text[kind],
        # What cannot be encoded (half of a surrogate pair) is no text for a model either.
        **state.linked("text", shown.encode("utf-8", "replace").decode()),
    )
    return entered or ""


def choose_config() -> ContinueConfig:
    """How to write, from the address."""
    from wechsel_core.services.try_it import MOST_TOKENS, ContinueConfig

    usual = ContinueConfig()
    sampled = state.get("drawn") == "True"
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.segmented_control(
            "Next token",
            list(HOW),
            format_func=lambda drawn: HOW[drawn],
            required=True,
            help=field_help(ContinueConfig, "sampled"),
            **state.linked("drawn", sampled, default=False),
        )
        tokens = number("new_tokens", "Tokens", usual.new_tokens, 1, MOST_TOKENS)
        if not sampled:
            return ContinueConfig(new_tokens=tokens)
        given = state.get("temperature")
        temperature = next((value for value in TEMPERATURES if str(value) == given), usual.temperature)
        st.select_slider(
            "Temperature",
            TEMPERATURES,
            format_func=lambda value: f"{value:g}",
            width=180,
            help=field_help(ContinueConfig, "temperature"),
            **state.linked("temperature", temperature, default=usual.temperature),
        )
        top_k = number("top_k", "Top k", usual.top_k, 0, 100_000)
        seed = number("seed", "Seed", usual.seed, 0, 2**32 - 1)
    return ContinueConfig(tokens, sampled, temperature, top_k, seed)


def number(name: str, label: str, default: int, low: int, high: int) -> int:
    """A whole number of the configuration, tied to the address."""
    from wechsel_core.services.try_it import ContinueConfig

    value = state.whole_number(name, default, low, high)
    st.number_input(
        label, low, high, width=115, help=field_help(ContinueConfig, name), **state.linked(name, value, default=default)
    )
    return value


def outcome(folder: Path, kind: str, given: str, config: ContinueConfig | None, key: str) -> None:
    """What one of the models makes of the text."""
    if kind == "masked":
        try_view.filling(try_services.fill(folder, given), f"gap-{key}", key=f"try:{key}")
    elif config is not None:
        found = try_services.continue_text(folder, given, config)
        try_view.continuation(given, found, f"continuation-{key}", key=f"try:{key}")


def train_one(result: str, without: int) -> None:
    """In the place of a trained model: that there is none, and how to get one."""
    st.info(
        "No trained model of this result is kept on this machine."
        + (f" Its {without} runs have left their curves, not their weights." if without else ""),
        icon=":material/info:",
    )
    st.page_link(
        PRETRAINING, label="Train this result", icon=":material/model_training:", query_params={"result": result}
    )


def page() -> None:
    """Result, text, and what both models make of it."""
    widgets.header(
        "Try it", "Let the model go on with a text, or fill a gap: as it was initialised, and after its training."
    )
    result = widgets.choose_result(services.list_results())
    try:
        folder = try_services.result_model(result)
        if folder is None:
            make_model(result)
            return
        kept, without = try_services.trained_models(result)
        kind = try_services.kind(folder)
        trained = choose_run(kept)
        given = words(kind, str(services.summary(result)["config"]["target_language"]))
        config = choose_config() if kind == "causal" else None
        if not given.strip():
            st.info("Type a few words.")
            return
        before, after = st.columns(2, gap="large")
        with before:
            st.subheader("Before training", anchor=False)
            outcome(folder, kind, given, config, "before")
        with after:
            st.subheader("After training", anchor=False)
            if trained is None:
                train_one(result, without)
            else:
                outcome(trained["folder"], kind, given, config, "after")
    except WechselError as error:
        widgets.show_error(error)


state.enter("try_it")
page()
state.remember("try_it")
