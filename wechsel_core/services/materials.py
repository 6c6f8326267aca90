"""From opened inputs to what a method works with: arrays and token tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.alignment import DictionaryAlignment
from wechsel_core.config import InitConfig
from wechsel_core.errors import ModelError
from wechsel_core.numerics.align import rotate
from wechsel_core.results import StaticSpace
from wechsel_core.services.inputs import TransferInputs, corpus_lines
from wechsel_core.services.static_space import make_static_space
from wechsel_core.subword_embeddings import choose_mode, subword_embeddings
from wechsel_core.transfer.method import VECTORS, Materials
from wechsel_core.transfer.registry import method
from wechsel_core.types import Progress, TokenTable

#: Token vectors are an input like static vectors, which the seed does not change either: it draws rows and pairs.
TOKEN_VECTORS_SEED = 0


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a method is given, and how its static space came about; None where it has none.

    Attributes
    ----------
    materials : Materials
    aligned : DictionaryAlignment, optional
        The fitted rotation with its quality.
    mode : {"subword", "word"}, optional
        How tokens got their static vectors.
    space : StaticSpace, optional
        Both vocabularies before the rotation, and the rotation.
    """

    materials: Materials
    aligned: DictionaryAlignment | None = None
    mode: str | None = None
    space: StaticSpace | None = None


def prepare(
    inputs: TransferInputs, source: TokenTable, target: TokenTable, config: InitConfig, tell: Progress
) -> Prepared:
    """Make what the method of a configuration needs, and nothing else."""
    from wechsel_core.tokenizers.pieces import source_pieces
    from wechsel_core.torch_similarity import best_nearest_rows

    chosen = method(config.method)
    needs = chosen.needs(config)
    common: dict[str, Any] = {
        "config": config, "source": source, "target": target, "dim": inputs.source.skeleton.rows["input"].shape[1],
        "initializer_std": _initializer_std(inputs.source.skeleton.model), "nearest": best_nearest_rows(),
        "pieces": partial(source_pieces, inputs.source.tokenizer, target),
    }  # fmt: skip
    chosen.check(Materials(**common))
    if "auxiliary_text" in needs:
        from wechsel_core.vectors.token_vectors import train_token_vectors

        tell(0.4, "Training token vectors on the text")
        lines = corpus_lines(Path(str(config.auxiliary_text)))
        common["token_vectors"] = train_token_vectors(inputs.target_tokenizer, lines, seed=TOKEN_VECTORS_SEED)
    if "helper" in needs:
        common["helper_rows"] = _helper_rows(inputs.helper, len(target))
    if needs >= VECTORS:
        aligned, mode, space = make_static_space(inputs, config, source, target, tell)
        materials = Materials(
            **common, source_subwords=rotate(space.source, space.rotation), target_subwords=space.target
        )
        return Prepared(materials, aligned, mode, space)
    if "target_vectors" in needs and inputs.target_vectors is not None:
        tell(0.5, "Building subword embeddings")
        vectors = inputs.target_vectors
        mode = choose_mode(config.mode, vectors, vectors)
        rows = subword_embeddings(target, inputs.target_tokenizer, vectors, mode=mode)
        return Prepared(Materials(**common, target_subwords=rows), mode=mode)
    return Prepared(Materials(**common))


def _initializer_std(model: Any) -> float:
    spread = getattr(model.config.get_text_config(), "initializer_range", None)
    return 0.02 if spread is None else float(spread)


def _helper_rows(helper: Any, n_target: int) -> np.ndarray:
    held = helper.skeleton.rows["input"]
    if len(held) < n_target:
        raise ModelError(
            f"the helper {helper.name} has {len(held)} embedding rows and a tokenizer of {n_target} tokens",
            "a row for every token",
            "use another model",
        )
    rows = held.first(n_target)[:]
    if not np.isfinite(rows).all():
        raise ModelError(
            f"the input embeddings of the helper {helper.name} hold NaN or infinity",
            "finite weights",
            "use another model",
        )
    return np.asarray(rows, dtype=np.float32)
