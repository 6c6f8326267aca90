"""FOCUS: every row is a combination of the rows of shared tokens that are near to it in an auxiliary space."""

from __future__ import annotations

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError, TextError
from wechsel_core.numerics.anchors import sparsemax_combinations
from wechsel_core.transfer.method import (
    Initialisation,
    Materials,
    Method,
    Need,
    Parts,
    mixture,
    need_shared_tokens,
    planned,
)


def needs(config: InitConfig) -> frozenset[Need]:
    """Text to train token vectors on where it is given, else static vectors of the target language."""
    return frozenset({"target_vectors" if config.auxiliary_text is None else "auxiliary_text"})


def check(materials: Materials) -> None:
    """One auxiliary space, and shared tokens to combine."""
    if materials.config.auxiliary_text is not None and materials.config.target_vectors is not None:
        raise ConfigError("both an auxiliary text and target vectors", "one of the two", "leave one of them out")
    need_shared_tokens(materials)


def initialise(materials: Materials) -> Initialisation:
    """Shared tokens as they are; sparsemax of the cosine to all of them; a draw without a vector."""
    shared = need_shared_tokens(materials)
    vectors = materials.token_vectors if materials.token_vectors is not None else materials.target_subwords
    if vectors is None:
        raise ValueError("FOCUS needs token vectors or static vectors of the target tokens")
    has_vector = np.asarray(vectors.any(axis=1))
    anchors = np.array([token for token in shared if has_vector[token]], dtype=np.int64)
    if not len(anchors):
        raise TextError("no shared token has a vector", "vectors of some of them", "give more text or other vectors")
    asked = has_vector & ~materials.target.is_special
    asked[list(shared)] = False
    wanted = np.flatnonzero(asked)
    source_ids = np.array([shared[int(token)] for token in anchors], dtype=np.int64)
    mixed = {
        int(token): Parts(source_ids[places], weights, cosines)
        for token, (places, weights, cosines) in zip(
            wanted, sparsemax_combinations(vectors[wanted], vectors[anchors]), strict=True
        )
    }
    return planned(mixture(materials, mixed, copied=shared))


METHOD = Method(
    title="FOCUS",
    sentence="A token that English has too keeps its row; every other row combines the rows of such tokens, weighted by "
    "sparsemax of their similarity in vectors of the new language alone.",
    reference="Dobler & de Melo (2023), FOCUS: Effective Embedding Initialization for Monolingual Specialization of "
    "Multilingual Models, EMNLP, section 3.",
    initialise=initialise,
    needs=needs,
    check=check,
    options=("auxiliary_text", "target_vectors", "mode", "vector_words"),
)
