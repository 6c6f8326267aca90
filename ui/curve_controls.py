"""What the Curves page is asked: which comparison, arms and seeds, and how to draw them; all of it in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui import curve_figures, services, state, text

#: What a first visitor sees, where it is there.
FIRST = ("pocket-gpt2", "fr")
SMOOTHING, SMOOTHING_MOST = 0.6, 0.99
PRETRAINING = "pages/pretraining.py"


@dataclass(frozen=True)
class Chosen:
    """The comparison and, beside it, others; each as its name and the ids of its runs."""

    group: dict[str, Any]
    shown: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """Every run that is shown."""
        return tuple(run for _, runs in self.shown for run in runs)


def language_name(code: str) -> str:
    """The name of a language by its code; the code itself for one that the catalogue does not know."""
    return str({entry["code"]: entry["name"] for entry in services.languages()}.get(code, code))


def title(group: Mapping[str, Any]) -> str:
    """One line that tells a comparison from others."""
    arms, seeds = len(group["arms"]), len(group["seeds"])
    parts = [
        f"{group['source']} → {language_name(group['target_language'])}",
        f"{group['steps']:,} steps" if group["steps"] else "not started yet",
        f"{arms} arm{'s' * (arms > 1)}, {seeds} seed{'s' * (seeds > 1)}",
        "came with the lab" if group["recorded"] else group["result"],
    ]
    return " · ".join(parts)


def start(groups: Sequence[Mapping[str, Any]]) -> None:
    """Fill an address without a run: the recorded runs of the first model and language, else the newest."""
    if state.get("run") is None:
        recorded = [group for group in groups if group["recorded"]]
        first = [group for group in recorded if (group["source"], group["target_language"]) == FIRST]
        # Into the address at once: a bookmark must not follow runs made later.
        state.put(run=[*first, *recorded, *groups][0]["runs"][0])


def choose(groups: Sequence[dict[str, Any]]) -> Chosen:
    """The pickers; stops the page where the address names a run that is not there."""
    start(groups)
    by_first = {group["runs"][0]: group for group in groups}
    run = state.get("run") or ""
    group = next((group for group in groups if run in group["runs"]), None)
    st.selectbox(
        "Comparison",
        list(by_first),
        format_func=lambda name: title(by_first[name]),
        placeholder="Choose a comparison",
        help="Runs that differ in arm and seed alone: your own, newest first, then those that came with the lab.",
        **state.linked(
            "run",
            group["runs"][0] if group else None,
            after=lambda: state.put(arms=None, seeds=None, also=None),
        ),
    )
    if group is None:
        st.error(
            f"There is no run {text.escape_markdown(run)}; it may have been deleted or made on another machine. Choose "
            "a comparison above, or start one.",
            icon=":material/error:",
        )
        st.page_link(PRETRAINING, label="Start a run", icon=":material/model_training:")
        st.stop()
    left, middle, right = st.columns([3, 2, 4], vertical_alignment="top")
    with left:
        arms = _several("arms", "Arms", group["arms"], "What the runs start from; with none chosen, all are shown.")
    with middle:
        seeds = _several("seeds", "Seeds", [str(seed) for seed in group["seeds"]], "Several seeds are drawn as a band.")
    with right:
        others = _others(groups, group)
    shown = [(title(each), tuple(_runs(each, arms, seeds))) for each in (group, *others)]
    return Chosen(group, tuple((name, runs) for name, runs in shown if runs))


def _others(groups: Sequence[dict[str, Any]], group: Mapping[str, Any]) -> list[dict[str, Any]]:
    offered = {other["runs"][0]: other for other in groups if other is not group}
    given = [name for name in (state.get("also") or "").split(",") if name in offered]
    chosen = st.multiselect(
        "Beside it",
        list(offered),
        format_func=lambda name: title(offered[name]),
        placeholder="Another comparison",
        disabled=not offered,
        help="Other runs in the same figure. Compare languages in bits per byte alone, and with care: their texts differ.",
        **listed("also", given, []),
    )
    return [offered[name] for name in chosen]


def _runs(group: Mapping[str, Any], arms: Sequence[str], seeds: Sequence[str]) -> list[str]:
    return [
        run for run, arm, seed in zip(group["runs"], group["run_arms"], group["run_seeds"], strict=True)
        if arm in arms and str(seed) in seeds
    ]  # fmt: skip


def _several(name: str, label: str, offered: list[str], help_text: str) -> list[str]:
    given = [value for value in (state.get(name) or "").split(",") if value in offered]
    chosen = st.pills(
        label, offered, selection_mode="multi", help=help_text, **listed(name, given or offered, offered)
    )  # fmt: skip
    return list(chosen) or offered


def listed(name: str, values: list[str], default: list[str]) -> dict[str, Any]:
    """``state.linked`` for a widget of several values, which stand in the address with commas between them."""
    key = f"url:{name}"
    st.session_state[key] = values

    def write() -> None:
        chosen = list(st.session_state[key])
        state.put(**{name: None if sorted(chosen) == sorted(default) else ",".join(chosen)})

    return {"key": key, "on_change": write}


def look() -> curve_figures.Look:
    """How to draw."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = _one(
            "measure",
            "Measure",
            curve_figures.MEASURES,
            "Bits per byte stay comparable across tokenizers and languages; loss and perplexity count tokens, so they "
            "compare runs of one tokenizer only.",
        )
        along = _one("x", "Along", curve_figures.ALONG, "Seconds are training time, without evaluation and pauses.")
        with st.container(horizontal=True, width="content"):
            log_x, log_y = _toggle("logx", "Log x"), _toggle("logy", "Log y")
        smoothing = st.slider(
            "Smoothing",
            0.0,
            SMOOTHING_MOST,
            step=0.01,
            width=200,
            help="Of the training curves: a moving average without the pull to zero at its start, as TensorBoard's. "
            "The raw line stays behind it. Held-out scores are drawn as measured.",
            **state.linked("smooth", _share("smooth", SMOOTHING), default=SMOOTHING),
        )
    return curve_figures.Look(measure, along, log_x, log_y, float(smoothing), st.context.theme.type)


def _one(name: str, label: str, options: Mapping[str, str], help_text: str) -> str:
    given, first = state.get(name), next(iter(options))
    return str(
        st.segmented_control(
            label,
            list(options),
            required=True,
            format_func=options.__getitem__,
            help=help_text,
            **state.linked(name, given if given in options else first, default=first),
        )
    )


def _toggle(name: str, label: str) -> bool:
    return bool(st.toggle(label, **state.linked(name, state.get(name) == "True", default=False)))


def _share(name: str, default: float) -> float:
    try:
        value = float(state.get(name) or default)
    except ValueError:
        return default
    return value if 0 <= value <= SMOOTHING_MOST else default


def sentence(kind: str, look: curve_figures.Look, several: bool) -> str:
    """How to read a figure."""
    better = {"bits_per_byte": "fewer bits are", "loss": "a smaller loss is", "perplexity": "a lower perplexity is"}[
        look.measure
    ]
    parts = {
        "eval": f"Each point is a score of the whole held-out text, which no run was trained on: {better} better, and "
        "a curve further left has learned the same in less.",
        "train": "The loss of each step's own batch: it falls even where nothing general is learned, so arms are judged "
        "by the held-out curve above.",
    }
    band = " Lines are means over seeds, bands reach from the least to the most." if several else ""
    smooth = f" Smoothed with {look.smoothing:g}; the raw line is faint behind." if look.smoothing else ""
    zero = " Step 0, before any training, has no place on a logarithmic axis." if look.log_x and kind == "eval" else ""
    return parts[kind] + band + (smooth if kind == "train" else "") + zero
