"""WECHSEL, with its variants as options: the search by similarity lives in ``transfer/wechsel.py``."""

from __future__ import annotations

from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.numerics.csls import nearest_rows_csls
from wechsel_core.numerics.weighting import sparsemax_weights
from wechsel_core.transfer.method import VECTORS, Initialisation, Materials, Method, Need, planned
from wechsel_core.transfer.roles import byte_copies, equal_string_copies, neighbor_candidates, special_copies
from wechsel_core.transfer.wechsel import plan_transfer


def needs(config: InitConfig) -> frozenset[Need]:
    """Vectors of both languages, and a dictionary unless the spaces are left as they are."""
    return VECTORS if config.alignment == "none" else VECTORS | {"dictionary"}


def initialise(materials: Materials) -> Initialisation:
    """The nearest source tokens in static space, weighted by softmax (or sparsemax) of their similarity."""
    config, source, target = materials.config, materials.source, materials.target
    legacy = config.compat == "reference"
    options: dict[str, Any] = {"compat": config.compat, "nearest": materials.nearest}
    if legacy:
        options["copies"] = equal_string_copies(source, target)
    else:
        options["copies"] = special_copies(source, target)
        options["candidates"] = neighbor_candidates(source, distinct_texts=config.distinct_texts)
        if config.copy_byte_pieces:
            options["byte_copies"] = byte_copies(source, target)
        if config.prefer_word_initial:
            options["source_groups"] = source.word_initial.astype(np.int8)
            options["target_groups"] = target.word_initial.astype(np.int8)
        if config.similarity == "csls":
            options["nearest"] = nearest_rows_csls
        if config.weighting == "sparsemax":
            options["weigh"] = sparsemax_weights
    plan = plan_transfer(
        materials.source_subwords, materials.target_subwords,  # type: ignore[arg-type]
        neighbors=config.neighbors, temperature=config.temperature, **options,
    )  # fmt: skip
    return planned(plan, legacy=legacy)


METHOD = Method(
    title="WECHSEL",
    sentence="Every row is the softmax-weighted mean of the English tokens nearest to it in aligned static vectors.",
    reference="Minixhofer, Paischer, Rekabsaz (2022), WECHSEL, NAACL, section 3.",
    initialise=initialise,
    needs=needs,
    options=(
        "neighbors", "temperature", "mode", "source_vectors", "target_vectors", "dictionary", "reduce_dimension",
        "similarity", "weighting", "alignment", "dictionary_size", "vector_words", "copy_byte_pieces",
        "prefer_word_initial", "distinct_texts", "compat",
    ),
    dials=True,
)  # fmt: skip
