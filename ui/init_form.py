"""The initialisation form: every widget, label, help text and flag comes from a field of ``InitConfig``."""

from __future__ import annotations

import dataclasses
import math
import shlex
import typing
from pathlib import Path
from typing import Any

import streamlit as st

from ui import services, state, text
from wechsel_core.config import InitConfig

DIALS = ("neighbors", "temperature", "seed")
FIELDS = {item.name: item for item in dataclasses.fields(InitConfig)}
TYPES = typing.get_type_hints(InitConfig)
#: Ends of the dials; the command line takes what lies beyond.
RANGES: dict[str, tuple[float, float]] = {"neighbors": (1, 50), "temperature": (0.01, 1.0), "seed": (0, 2**32 - 1)}
#: The command is broken between options; a browser would break it within one.
LINE_LENGTH = 72
TIERS = {"pocket": "in this repository", "wheel": "from the Python package index", "hub": "from the Hugging Face hub"}


def label(name: str) -> str:
    """A field's name as a label."""
    return str(FIELDS[name].metadata.get("label", name.replace("_", " ").capitalize()))


def help_text(name: str) -> str:
    """A field's help text."""
    return str(FIELDS[name].metadata["help"])


def read(name: str, value: str) -> Any:
    """A field's value from its text in the address; raises ``ValueError`` if it is none."""
    field, kind = FIELDS[name], TYPES[name]
    if choices := field.metadata.get("choices"):
        return next(choice for choice in choices if str(choice) == value) if value in map(str, choices) else _refuse()
    if kind is bool:
        return {"True": True, "False": False}[value] if value in ("True", "False") else _refuse()
    if kind in (int, int | None):
        number: float = int(value)
    elif kind is float:
        number = float(value)
    else:
        return value
    low, high = RANGES.get(name, (1, 10**7))
    return number if math.isfinite(number) and low <= number <= high else _refuse()


def _refuse() -> Any:
    raise ValueError


def values_from_address() -> tuple[dict[str, Any], list[str]]:
    """Every field's value, and a sentence for each parameter of the address that cannot be one."""
    values, complaints = {}, []
    for name, field in FIELDS.items():
        values[name] = field.default
        given = state.get(name)
        if given is None:
            continue
        try:
            values[name] = read(name, given)
        except ValueError:
            complaints.append(
                f"The address says {name}={given}, which this dial cannot show; it stands at {field.default}."
            )
    return values, complaints


def form(values: dict[str, Any], *, disabled: bool) -> dict[str, Any]:
    """Draw the form; returns the values chosen, fit for ``InitConfig``."""
    chosen = {}
    left, right = st.columns(2)
    with left:
        chosen["source"] = _model(values["source"], disabled)
    with right:
        chosen["target_language"] = _language(values["target_language"], disabled)
    for column, name in zip(st.columns(len(DIALS)), DIALS, strict=True):
        with column:
            chosen[name] = _widget(name, values[name], disabled)
    with st.expander("Advanced", icon=":material/tune:"):
        others = [name for name in FIELDS if name not in chosen]
        # In pairs, so that a narrow page, which stacks columns, keeps the order of the fields.
        for pair in (others[place : place + 2] for place in range(0, len(others), 2)):
            for column, name in zip(st.columns(2), pair, strict=False):
                with column:
                    chosen[name] = _widget(name, values[name], disabled)
    return chosen


def _model(value: str, disabled: bool) -> str:
    known = {model["name"]: model for model in services.models()}

    def title(name: str) -> str:
        model = known.get(name)
        if model is None:
            return name
        parts = [model["title"], TIERS.get(model["tier"], model["tier"]), "" if model["available"] else "not here yet"]
        return " · ".join(part for part in parts if part)

    chosen = st.selectbox(
        label("source"),
        list(dict.fromkeys([*known, value])),
        format_func=title,
        accept_new_options=True,
        help=help_text("source"),
        disabled=disabled,
        **state.linked("source", value, default=FIELDS["source"].default),
    )
    if note := known.get(chosen, {}).get("note"):
        st.caption(text.escape_markdown(note))
    return str(chosen)


def _language(value: str, disabled: bool) -> str:
    known = {language["code"]: language for language in services.languages()}

    def title(code: str) -> str:
        language = known.get(code)
        if language is None:
            return code
        native = language["native_name"]
        return f"{language['name']} ({code})" + (f" · {native}" if native != language["name"] else "")

    # Free text would put "German" as a code before the language of that name; other codes come by the address.
    return str(
        st.selectbox(
            label("target_language"),
            list(dict.fromkeys([*known, value])),
            format_func=title,
            help=help_text("target_language"),
            disabled=disabled,
            **state.linked("target_language", value, default=FIELDS["target_language"].default),
        )
    )


def _widget(name: str, value: Any, disabled: bool) -> Any:
    """The widget of one field, by its type."""
    field, kind = FIELDS[name], TYPES[name]
    common: dict[str, Any] = {"help": help_text(name), "disabled": disabled}
    if choices := field.metadata.get("choices"):
        # A selectbox takes None for "nothing chosen", so the choice None goes by its name.
        linked = state.linked(name, str(value), default=str(field.default))
        picked = st.selectbox(
            label(name),
            [str(c) for c in choices],
            format_func=lambda c: "none" if c == "None" else c,
            **common,
            **linked,
        )
        return read(name, str(picked))
    common |= state.linked(name, value, default=field.default)
    if kind is bool:
        return st.toggle(label(name), **common)
    if name == "neighbors":
        return st.slider(label(name), *(int(end) for end in RANGES[name]), **common)
    if name == "temperature":
        return st.slider(label(name), *RANGES[name], step=0.01, **common)
    if kind in (int, int | None):
        low, high = RANGES.get(name, (1, 10**7))
        return st.number_input(label(name), int(low), int(high), step=1, placeholder="default", **common)
    entered = st.text_input(label(name), placeholder="default", **common)
    return (entered or "").strip() or None


def command(config: InitConfig, out: Path, *, force: bool = False) -> str:
    """The command line that makes the same result; the main parameters always, others if not the default."""
    options = []
    always = ("source", "target_language", *DIALS)
    for name, field in FIELDS.items():
        value, flag = getattr(config, name), "--" + name.replace("_", "-")
        if name not in always and value == field.default:
            continue
        if isinstance(value, bool):
            options.append(flag)  # switches are off by default
        else:
            options.append(f"{flag} {shlex.quote(str(value))}")
    lines = ["python -m wechsel_core init"]
    for option in [*options, f"--out {shlex.quote(str(out))}", *(["--force"] if force else [])]:
        if len(lines[-1]) + len(option) < LINE_LENGTH:
            lines[-1] += f" {option}"
        else:
            lines.append(f"  {option}")
    return " \\\n".join(lines)
