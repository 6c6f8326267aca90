"""The initialisation methods, as pages and the command line show them, and what a result of each has to look at."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from wechsel_core.config import METHODS, InitConfig
from wechsel_core.transfer.method import VECTORS
from wechsel_core.transfer.registry import default_options, method

FIELDS = tuple(item.name for item in dataclasses.fields(InitConfig))


def methods(config: InitConfig | None = None) -> list[dict[str, Any]]:
    """Every method, WECHSEL first.

    Parameters
    ----------
    config : InitConfig, optional
        Its values decide what a method needs, whatever its own method is; by default the defaults do.

    Returns
    -------
    list of dict
        name, title, sentence, reference; options: the fields of ``InitConfig`` that it reads; needs: those of them
        (vectors, dictionary, helper, auxiliary_text) that it cannot do without under these values; missing: those of
        its needs that have no default and are not given; dials: whether k and tau make its weights.
    """
    given = config or InitConfig()
    return [described(dataclasses.replace(given, method=name)) for name in METHODS]


def described(config: InitConfig) -> dict[str, Any]:
    """The method of a configuration, as ``methods`` tells it."""
    known, read = method(config.method), default_options(config.method)
    needs = [field for field in FIELDS if field in known.needs(config)]
    return {
        "name": config.method, "title": known.title, "sentence": known.sentence, "reference": known.reference,
        "options": [field for field in FIELDS if field in read or field in needs],
        "needs": needs,
        # Vectors and dictionaries have a default in the catalogue, or the sentence that names what to give.
        "missing": [field for field in needs if field in ("helper", "auxiliary_text") and not getattr(config, field)],
        "dials": known.dials,
    }  # fmt: skip


def static_space_of(config: InitConfig) -> Literal["none", "as it is", "aligned"]:
    """Whether a configuration makes a static space of both languages, and whether a dictionary aligns it."""
    needs = method(config.method).needs(config)
    if not needs >= VECTORS:
        return "none"
    return "aligned" if "dictionary" in needs else "as it is"


def takes_dictionary(config: InitConfig) -> bool:
    """Whether a configuration reads a bilingual dictionary."""
    return "dictionary" in method(config.method).needs(config)


def mixes(config: InitConfig) -> bool:
    """Whether the rows of a result are its stored weights over English rows, with WECHSEL's draw for the others.

    Rows of other methods stand in the result's model alone.
    """
    return method(config.method).dials


def has_dials(config: InitConfig) -> bool:
    """Whether the weights of a result follow from its stored similarities by the softmax of k and tau."""
    return mixes(config) and config.weighting == "softmax"
