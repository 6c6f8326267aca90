"""The initialisation form: every widget, label, help text and flag comes from a field of ``InitConfig``."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import typing
from pathlib import Path
from typing import Any

import streamlit as st

from ui import services, state, text
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

DIALS = ("neighbors", "temperature", "seed")
FIELDS = {item.name: item for item in dataclasses.fields(InitConfig)}
TYPES = typing.get_type_hints(InitConfig)
#: Ends of the dials; the command line takes what lies beyond.
RANGES: dict[str, tuple[float, float]] = {"neighbors": (1, 50), "temperature": (0.01, 1.0), "seed": (0, 2**32 - 1)}
#: The command is broken between options; a browser would break it within one.
LINE_LENGTH = 72
NEEDS = {
    "source_vectors": "static vectors of English",
    "target_vectors": "static vectors of the new language",
    "dictionary": "a bilingual dictionary",
    "helper": "a helper model that has the target tokenizer",
    "auxiliary_text": "text of the new language",
}
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
    """The value of every field that the method reads, and a sentence for each parameter of the address that cannot be.

    What the method does not read is taken out of the address: it would seem to matter.
    """
    values: dict[str, Any] = {}
    complaints: list[str] = []
    # The method first: it decides what else counts.
    for name in sorted(FIELDS, key=lambda name: name != "method"):
        given = state.get(name)
        if name != "method" and name not in _read_by(values["method"]):
            if given is not None:
                complaints.append(f"The method {values['method']} does not read {name}, so {name}={given} is left out.")
                state.put(**{name: None})
            continue
        values[name] = FIELDS[name].default
        if given is None:
            continue
        try:
            values[name] = read(name, given)
        except ValueError:
            complaints.append(
                f"The address says {name}={given}, which this dial cannot show; it stands at {values[name]}."
            )
    return values, complaints


def _read_by(method: str) -> list[str]:
    return next(known["options"] for known in services.methods() if known["name"] == method)


def form(values: dict[str, Any], *, disabled: bool) -> dict[str, Any]:
    """Draw the form; returns the values chosen of the fields that the method reads, fit for ``InitConfig``."""
    chosen = {}
    left, right = st.columns(2)
    with left:
        chosen["source"] = model(values["source"], disabled)
    with right:
        chosen["target_language"] = language(values["target_language"], disabled)
    chosen["method"] = _method(values, disabled)
    # What has no default is asked for in the open, under these values or any others.
    needed = [name for name in services.method(InitConfig(method=chosen["method"]))["missing"] if name in values]
    for name in needed:
        chosen[name] = _widget(name, values[name], disabled, placeholder="needed")
    shown_dials = [name for name in DIALS if name in values]
    for column, name in zip(st.columns(len(DIALS)), shown_dials, strict=False):
        with column:
            chosen[name] = _widget(name, values[name], disabled)
    with st.expander("Advanced", icon=":material/tune:"):
        others = [name for name in FIELDS if name in values and name not in chosen]
        # In pairs, so that a narrow page, which stacks columns, keeps the order of the fields.
        for pair in (others[place : place + 2] for place in range(0, len(others), 2)):
            for column, name in zip(st.columns(2), pair, strict=False):
                with column:
                    chosen[name] = _widget(name, values[name], disabled)
    return chosen


def _method(values: dict[str, Any], disabled: bool) -> str:
    """The method, with what it does, where it comes from and what it needs under these values."""
    try:
        config = InitConfig(**values)
    except WechselError:  # the page says what is wrong with them
        config = InitConfig(method=values["method"])
    known = {method["name"]: method for method in services.methods(config)}

    def keep_what_applies() -> None:
        read = known[state.get("method") or FIELDS["method"].default]["options"]
        state.put(**{name: None for name in FIELDS if name not in read})

    picked = str(
        st.selectbox(
            label("method"),
            list(known),
            format_func=lambda name: known[name]["title"],
            help=help_text("method"),
            disabled=disabled,
            **state.linked("method", values["method"], default=FIELDS["method"].default, after=keep_what_applies),
        )
    )
    method = known[picked]
    st.write(text.escape_markdown(method["sentence"]))
    st.caption(text.escape_markdown(f"{_needs(method)} {method['reference']}"))
    return picked


def _needs(method: dict[str, Any]) -> str:
    """What a method has to be given, in a sentence."""
    words = [NEEDS[name] for name in method["needs"]]
    if not words:
        return "Needs the English model and a target tokenizer alone."
    return f"Needs {', '.join(words[:-1])}{' and ' if len(words) > 1 else ''}{words[-1]}."


def missing(config: InitConfig) -> str:
    """What has to be given before a configuration can be run, in a sentence; "" if nothing."""
    names = services.method(config)["missing"]
    return "".join(f"{label(name)} is needed: {help_text(name)} " for name in names).strip()


def model(value: str, disabled: bool) -> str:
    """Choose the English model: the catalogue's, or any by name or folder."""
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


def language(value: str, disabled: bool) -> str:
    """Choose the new language."""
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


def _widget(name: str, value: Any, disabled: bool, placeholder: str = "default") -> Any:
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
    entered = st.text_input(label(name), placeholder=placeholder, **common)
    return (entered or "").strip() or None


def command(config: InitConfig, out: Path, *, force: bool = False) -> str:
    """The command line that makes the same result; the main parameters always, others if not the default."""
    options = []
    always = {"source", "target_language", *DIALS} & set(_read_by(config.method))
    for name, field in FIELDS.items():
        value, flag = getattr(config, name), "--" + name.replace("_", "-")
        if name not in always and value == field.default:
            continue
        if isinstance(value, bool):
            options.append(flag)  # switches are off by default
        else:
            options.append(f"{flag} {shlex.quote(str(value))}")
    lines = ["python -m wechsel_core init"]
    for option in [*options, f"--out {_typed(out)}", *(["--force"] if force else [])]:
        if len(lines[-1]) + len(option) < LINE_LENGTH:
            lines[-1] += f" {option}"
        else:
            lines.append(f"  {option}")
    return " \\\n".join(lines)


def _typed(path: Path) -> str:
    """A path as one types it in a shell: shortened to ``~`` below the person's own folder."""
    own = Path(os.path.expanduser("~"))
    return f"~/{shlex.quote(str(path.relative_to(own)))}" if path.is_relative_to(own) else shlex.quote(str(path))
