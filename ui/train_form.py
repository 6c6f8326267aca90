"""The pretraining form: arms, seeds, text, budget and every other field of ``TrainConfig``, all of it in the address."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ui import curve_controls, run_services, services, state, text
from wechsel_core.config import ARMS, TrainConfig
from wechsel_core.errors import WechselError

FIELDS = {item.name: item for item in dataclasses.fields(TrainConfig)}
TYPES = typing.get_type_hints(TrainConfig)
#: Fields that are chosen in the open; the others stand under Advanced, in groups.
OPEN = ("result", "arm", "text", "steps", "tokens", "seed")
GROUPS = {
    "Batch and schedule": (
        "batch_size", "block_size", "accumulation", "learning_rate", "warmup_share", "weight_decay", "frozen_share",
        "mask_share",
    ),
    "Text and scores": ("held_out", "held_out_share", "held_out_tokens", "eval_every", "max_megabytes"),
    "Machine": ("device", "precision", "threads", "gradient_checkpointing", "save_every"),
}  # fmt: skip
ARM_WORDS = {
    "wechsel": "the result's method: its new rows, all other weights copied from the English model",
    "random": "every weight new, as transformers initialises this architecture (GPT-2 and RoBERTa: a Normal of mean 0 and "
    "standard deviation 0.02): what the others are measured against",
    "transinner": "new embeddings, inner layers copied; the embeddings alone are trained at first",
    "wechsel-frozen": "like wechsel, but the embeddings alone are trained at first",
    "random-neighbors": "a control: neighbours drawn by chance, with WECHSEL's weights",
    "permuted": "a control: WECHSEL's rows dealt to the wrong tokens",
}
DEFAULT_ARMS = ["wechsel", "random"]
SEEDS_MOST = 10
PLACES = {"catalogue": "Catalogue", "path": "Path or dataset", "upload": "Upload"}
BUDGETS = {"steps": "Steps", "tokens": "Tokens"}
LARGEST = 10**12
#: What a press on + or - adds, where a hundredth is no good.
STEPS = {"learning_rate": 1e-4, "max_megabytes": 1.0}


def label(name: str) -> str:
    """A field's name as a label."""
    return name.replace("_", " ").capitalize()


def read(name: str, value: str) -> Any:
    """A field's value from its text in the address; raises ``ValueError`` if it is none."""
    field, kind = FIELDS[name], TYPES[name]
    if choices := field.metadata.get("choices"):
        return value if value in choices else _refuse()
    if kind is bool:
        return {"True": True, "False": False}[value] if value in ("True", "False") else _refuse()
    if kind in (int, int | None):
        number = int(value)
        return number if 0 <= number <= LARGEST else _refuse()
    if kind in (float, float | None):
        share = float(value)
        return share if math.isfinite(share) and share >= 0 else _refuse()
    return value


def _refuse() -> Any:
    raise ValueError


def from_address() -> tuple[dict[str, Any], list[str]]:
    """The fields' values, and a sentence for each parameter of the address that cannot be one."""
    values, complaints = {}, []
    for name, field in FIELDS.items():
        if name in ("result", "arm", "text"):
            continue
        values[name] = field.default
        if (given := state.get(name)) is None:
            continue
        try:
            values[name] = read(name, given)
        except ValueError:
            complaints.append(f"The address says {name}={given}, which cannot be; it stands at {field.default}.")
    return values, complaints


# --- what is chosen in the open ----------------------------------------------------------------------------------


def arms(result: str, *, disabled: bool) -> list[str]:
    """The arms that the result can be trained in; at least one, or the usual two."""
    offered = run_services.arms_of(result)
    given = [arm for arm in (state.get("arms") or "").split(",") if arm in offered]
    chosen = st.pills(
        "Arms",
        offered,
        selection_mode="multi",
        disabled=disabled,
        help="What the runs start from. One run an arm and seed; everything else is the same in all of them.",
        **curve_controls.listed("arms", given or DEFAULT_ARMS, DEFAULT_ARMS),
    )
    kept = [arm for arm in offered if arm in chosen]
    words = [f"**{arm}**: {ARM_WORDS[arm]}" for arm in kept]
    if len(offered) < len(ARMS):
        left_out = " and ".join(arm for arm in ARMS if arm not in offered)
        words.append(f"Not offered: {left_out}, which need rows that are the mixtures that the result stores.")
    st.caption("  \n".join(words))
    return kept


def seeds(first: int, *, disabled: bool) -> list[int]:
    """The seeds, counted from the first."""
    left, right = st.columns(2)
    with left:
        number = st.number_input(
            "Number of seeds",
            1,
            SEEDS_MOST,
            step=1,
            disabled=disabled,
            help="Runs an arm. With three or more the curves have a band, and the effort ratio a spread.",
            **state.linked("seeds", state.whole_number("seeds", 1, 1, SEEDS_MOST), default=1),
        )
    with right:
        start = st.number_input(
            "First seed",
            0,
            2**32 - 1,
            step=1,
            disabled=disabled,
            help=FIELDS["seed"].metadata["help"],
            **state.linked("seed", first, default=FIELDS["seed"].default),
        )
    return [int(start) + place for place in range(int(number))]


def text_source(language: str, *, disabled: bool) -> str:
    """The text: from the catalogue, by path or dataset, or uploaded; "" while none is chosen."""
    sources = {source["name"]: source for source in run_services.text_sources()}
    given, place = state.get("text") or "", state.get("from")
    if place not in PLACES:
        place = "path" if given and given not in sources else "catalogue"
    place = st.segmented_control(
        "Text",
        list(PLACES),
        required=True,
        format_func=PLACES.__getitem__,
        disabled=disabled,
        help=FIELDS["text"].metadata["help"],
        **state.linked("from", place, after=lambda: state.put(text=None)),
    )
    if place == "catalogue":
        return _from_catalogue(sources, given, language, disabled)
    if place == "upload":
        return _uploaded(given, disabled)
    entered = st.text_input(
        "Path or dataset",
        placeholder="/path/to/texts  or  hub:wikimedia/wikipedia/20231101.sw",
        disabled=disabled,
        help="A file or folder on the machine that the lab runs on, or a dataset of the Hugging Face hub.",
        **state.linked("text", given, default=""),
    )
    return (entered or "").strip()


def _from_catalogue(sources: Mapping[str, dict[str, Any]], given: str, language: str, disabled: bool) -> str:
    """Corpora of the result's language first, those that are here before those that are to be fetched."""

    def order(name: str) -> tuple[bool, bool, int]:
        source = sources[name]
        return source["language"] != language, not source["present"], source["bytes"] or 0

    def title(name: str) -> str:
        return f"{sources[name]['title']} ({sources[name]['language']})"

    offered = sorted(sources, key=order)
    if not offered:
        st.info("The catalogue holds no text. Give a path, or upload one.")
        return ""
    chosen = given if given in sources else offered[0]
    picked = st.selectbox(
        "Corpus",
        offered,
        format_func=title,
        disabled=disabled,
        help="Texts that the lab knows by name, those in the result's language first.",
        **state.linked("text", chosen),
    )
    if picked and (needs := sources[picked]["needs"]):
        st.caption(text.escape_markdown(f"Not here yet: the run begins with {needs}."))
    if picked and sources[picked]["language"] != language:
        st.caption("This text is in another language than the result's tokenizer.")
    return str(picked or "")


def _uploaded(given: str, disabled: bool) -> str:
    files = st.file_uploader(
        "Text files",
        type=["txt"],
        accept_multiple_files=True,
        key="train:upload",
        disabled=disabled,
        help="Kept below the lab's own folder, under the hash of their content. They do not leave this machine.",
    )
    if files:
        try:
            given = str(run_services.save_texts([(file.name, file.getvalue()) for file in files]))
        except WechselError as error:
            st.error(text.escape_markdown(str(error)), icon=":material/error:")
            return ""
        if given != state.get("text"):
            state.put(text=given)
    if given:
        st.caption("Kept as:")
        st.code(given, language=None, wrap_lines=True)
    return given


def budget(values: Mapping[str, Any], *, disabled: bool) -> dict[str, int | None]:
    """Steps or tokens; None leaves it to the recipe."""
    kind = "tokens" if values["tokens"] is not None or state.get("budget") == "tokens" else "steps"
    left, right = st.columns(2)
    with left:
        kind = st.segmented_control(
            "Budget in",
            list(BUDGETS),
            required=True,
            format_func=BUDGETS.__getitem__,
            disabled=disabled,
            help="The learning rate rises over the first tenth of it and then falls to zero at its end.",
            **state.linked("budget", kind, default="steps", after=lambda: state.put(steps=None, tokens=None)),
        )
    with right:
        number = st.number_input(
            BUDGETS[kind],
            1,
            LARGEST,
            step=1,
            placeholder="default",
            disabled=disabled,
            help=FIELDS[kind].metadata["help"],
            **state.linked(kind, values[kind] or None),
        )
    return {"steps": None, "tokens": None} | {kind: None if number is None else int(number)}


# --- everything else ---------------------------------------------------------------------------------------------


def advanced(values: Mapping[str, Any], *, disabled: bool) -> dict[str, Any]:
    """All other fields, in groups."""
    chosen = {}
    with st.expander("Advanced", icon=":material/tune:"):
        for title, names in GROUPS.items():
            st.subheader(title, anchor=False)
            for pair in (names[place : place + 2] for place in range(0, len(names), 2)):
                for column, name in zip(st.columns(2), pair, strict=False):
                    with column:
                        chosen[name] = _widget(name, values[name], disabled)
    return chosen


def _widget(name: str, value: Any, disabled: bool) -> Any:
    """The widget of one field, by its type."""
    field, kind = FIELDS[name], TYPES[name]
    common: dict[str, Any] = {"help": field.metadata["help"], "disabled": disabled}
    common |= state.linked(name, value, default=field.default)
    if choices := field.metadata.get("choices"):
        return st.selectbox(label(name), list(choices), **common)
    if kind is bool:
        return st.toggle(label(name), **common)
    if kind in (int, int | None):
        number = st.number_input(label(name), 0, LARGEST, step=1, placeholder="default", **common)
        return None if number is None else int(number)
    if kind in (float, float | None):
        step = STEPS.get(name, 0.01)
        return st.number_input(label(name), 0.0, None, step=step, format="%g", placeholder="default", **common)
    entered = st.text_input(label(name), placeholder="default", **common)
    return (entered or "").strip() or None


# --- from the form to runs ---------------------------------------------------------------------------------------


def plan(
    result: str, chosen_arms: Sequence[str], chosen_seeds: Sequence[int], source: str, others: Mapping[str, Any]
) -> list[TrainConfig]:
    """A configuration an arm and seed; ``ConfigError`` where a field cannot be."""
    return [
        TrainConfig(result=result, arm=arm, text=source, seed=seed, **others)
        for arm in chosen_arms
        for seed in chosen_seeds
    ]


def runs_of(configs: Sequence[TrainConfig], result_hash: str) -> dict[int, dict[str, Any]]:
    """The runs that are there already, by the place of their configuration in the plan.

    A run's own configuration names its text by an absolute path, and the result of an example by the copy that was made
    of it; both are the same run.
    """
    found = {}
    listed = [entry for entry in run_services.list_runs() if entry["run"]["result"].get("config_hash") == result_hash]
    for place, config in enumerate(configs):
        wanted = _told(config.to_dict())
        entry = next((entry for entry in listed if _told(entry["run"]["config"]) == wanted), None)
        if entry:
            found[place] = entry
    return found


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    known = {source["name"] for source in run_services.text_sources()}
    told = {name: value for name, value in values.items() if name != "result"}
    for name in ("text", "held_out"):
        given = told.get(name)
        if given and given not in known and not given.startswith("hub:"):
            told[name] = str(Path(given).expanduser().absolute())
    return told


def result_hash(result: str) -> str:
    """The hash of a result's settings, which its runs record."""
    return str(services.summary(result).get("config_hash", ""))
