"""Contestants of a race: a method with options, written ``wechsel+similarity=csls``."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wechsel_core.config import METHODS, InitConfig, RaceConfig
from wechsel_core.errors import ConfigError
from wechsel_core.evaluation.effort import RANDOM
from wechsel_core.transfer.registry import COMMON, check_options, method

#: Stand for what the race itself provides.
TEXT, HELPER = "@text", "@helper"

#: WECHSEL and its variants, then the others from the nearest relative on.
_ORDER = (
    "wechsel", "wechsel+mode=word", "wechsel+similarity=csls", "wechsel+weighting=sparsemax",
    "wechsel+copy_byte_pieces", "wechsel+prefer_word_initial", "focus", f"focus+auxiliary_text={TEXT}", "ofa", "clp",
    "omp", "overlap", "subword-mean", "mean", "normal", "multivariate", "hf-default",
)  # fmt: skip
#: Every method: one that is new races without being named here.
ALL = (*_ORDER, *(name for name in METHODS if name not in _ORDER))
#: k and tau as in the paper's code, in both modes, with and without the rotation.
DIALS = ((1, 1.0), (10, 0.1), (10, 1.0), (50, 0.1), (50, 1.0))
PAIRS = (100, 300, 1_000, 3_000)
WORDS = (1_000, 3_000, 10_000)
ABLATION = (
    *(
        f"wechsel+neighbors={k}+temperature={tau:g}+mode={mode}" + ("" if turned else "+alignment=none")
        for turned in (True, False) for mode in ("subword", "word") for k, tau in DIALS
    ),
    *(f"wechsel+dictionary_size={n}" for n in PAIRS),
    *(f"wechsel+vector_words={n}" for n in WORDS),
)  # fmt: skip
GROUPS = {"all": ALL, "ablation": ABLATION}

_TYPES = typing.get_type_hints(InitConfig)
_LABELS = {
    "mode=word": "word mode", "mode=subword": "subword mode", "similarity=csls": "CSLS", "weighting=sparsemax": "sparsemax",
    "alignment=none": "not aligned", "copy_byte_pieces=True": "byte pieces copied",
    "prefer_word_initial=True": "word-initial first", "distinct_texts=True": "distinct texts",
}  # fmt: skip
_PATTERNS = {
    "neighbors": "k = {}", "temperature": "tau = {:g}", "dictionary_size": "{:,} pairs", "vector_words": "{:,} words",
    "auxiliary_text": "vectors from the text", "factors": "{} factors", "anchors": "{} anchors",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One contestant.

    Attributes
    ----------
    name : str
        As it was asked for, options in canonical order.
    label : str
        For people: the method's title and what is unusual about it.
    method : str
        "random" is the whole model from scratch.
    options : dict
        Fields of ``InitConfig`` that differ from their defaults.
    """

    name: str
    label: str
    method: str
    options: dict[str, Any]


def entries(config: RaceConfig) -> tuple[Entry, ...]:
    """The contestants of a race in the order asked for, each once, the model from scratch last.

    Raises
    ------
    ConfigError
        For a method or option that is not there.
    """
    asked: list[str] = []
    for name in (part.strip() for part in config.methods.split(",")):
        asked += GROUPS.get(name, (name,)) if name else ()
    found = {entry.name: entry for entry in (parse(name) for name in asked)}
    scratch = parse(RANDOM)
    return (*(entry for name, entry in found.items() if name != RANDOM), scratch)


def parse(text: str) -> Entry:
    """Read one contestant; raises ``ConfigError`` with what can be written instead."""
    name, *parts = [part.strip() for part in text.split("+")]
    if name == RANDOM and not parts:
        return Entry(RANDOM, "From scratch", RANDOM, {})
    title = method(name).title
    options = dict(sorted(_option(text, part) for part in parts))
    check_options(InitConfig(method=name, **options))
    written = [
        f"{option}={value:g}" if isinstance(value, float) else f"{option}={value}" for option, value in options.items()
    ]
    label = ", ".join([title, *(_label(part, *pair) for part, pair in zip(written, options.items(), strict=True))])
    return Entry("+".join([name, *written]), label, name, options)


def init_config(entry: Entry, race: RaceConfig, seed: int, *, text: str, helper: str | None) -> InitConfig:
    """The initialisation of a contestant under a seed; what its method does not read is left at its default."""
    # From scratch needs a result for its tokenizer and architecture alone: the cheapest will do.
    name = "hf-default" if entry.method == RANDOM else entry.method
    chosen = method(name)
    read = COMMON | set(chosen.options)
    shared = {field: getattr(race, field) for field in (
        "source", "target_language", "target_tokenizer", "source_vectors", "target_vectors", "dictionary",
    ) if field in read}  # fmt: skip
    provided: dict[str, str | None] = {TEXT: text, HELPER: helper}
    values = {
        field: provided[value] if isinstance(value, str) and value in provided else value
        for field, value in entry.options.items()
    }
    settings: dict[str, Any] = shared | values | {"method": name, "seed": seed}
    config = InitConfig(**settings)
    if "helper" in chosen.needs(config) and config.helper is None:
        config = dataclasses.replace(config, helper=helper)
    return config


def needs_helper(entry: Entry) -> bool:
    """Whether a contestant needs a helper model that its options do not give."""
    if entry.method == RANDOM or "helper" in entry.options:
        return False
    return "helper" in method(entry.method).needs(InitConfig(method=entry.method, **entry.options))


def needs(names: Sequence[str]) -> list[str]:
    """What some contestants need beyond both tokenizers and the source model, a sentence each.

    Raises
    ------
    ConfigError
        For a method or option that is not there.
    """
    users: dict[str, list[str]] = {}
    for entry in map(parse, names):
        if entry.method == RANDOM:
            continue
        for need in method(entry.method).needs(InitConfig(method=entry.method, **entry.options)):
            users.setdefault(need, []).append(entry.label)
    sentences = {
        "helper": "a helper model of the target tokenizer, which the race trains from scratch first",
        "auxiliary_text": "vectors of the tokens, trained on the race's text first",
    }
    vectors = {*users.get("source_vectors", []), *users.get("target_vectors", [])}
    found = ["Static vectors of the catalogue are opened for some of them."] if vectors else []
    return found + [f"{', '.join(users[need])}: {words}." for need, words in sentences.items() if need in users]


def _option(text: str, part: str) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    kind = _TYPES.get(name)
    if kind is None or name in ("method", "seed", "source", "target_language"):
        raise ConfigError(f"contestant {text!r}", "method+option=value with options of init", "see init --help")
    if kind is bool:
        value = value if equals else "True"
        if value in ("True", "true", "False", "false"):
            return name, value.lower() == "true"
    try:
        if kind in (int, int | None):
            return name, int(value)
        if kind is float:
            return name, float(value)
    except ValueError:
        value = ""
    if kind is bool or not value:
        raise ConfigError(f"contestant {text!r}", f"a value for {name}", f"write {name}=VALUE")
    return name, value


def _label(written: str, name: str, value: Any) -> str:
    if written in _LABELS:
        return _LABELS[written]
    return _PATTERNS[name].format(value) if name in _PATTERNS else written
