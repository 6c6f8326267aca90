"""The model that an arm starts from. Every arm has the result's tokenizer and architecture; its weights differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.config import ARMS, InitConfig
from wechsel_core.errors import ConfigError, ModelError
from wechsel_core.models import load_model, open_checkpoint
from wechsel_core.models.embeddings import vocabulary_names
from wechsel_core.models.quiet import quiet
from wechsel_core.result_source import open_own, open_source
from wechsel_core.results import Candidates, read_candidates, read_manifest
from wechsel_core.transfer.arms import drawn_plan, permuted_plan, random_neighbors_plan
from wechsel_core.transfer.registry import method
from wechsel_core.transfer.result import TransferPlan, row_blocks
from wechsel_core.types import Progress

_KEPT = "the English model's inner layers"
#: Controls that turn the result's own mixtures: where rows are something else, there is nothing to turn.
_CONTROLS = ("random-neighbors", "permuted")


def arms_of(config: InitConfig) -> tuple[str, ...]:
    """The arms that a result of a configuration can be trained in."""
    return ARMS if method(config.method).dials else tuple(arm for arm in ARMS if arm not in _CONTROLS)


def check_arm(arm: str, config: InitConfig) -> None:
    """Refuse an arm that a result of a configuration cannot be trained in.

    Raises
    ------
    ConfigError
    """
    if arm not in arms_of(config):
        raise ConfigError(
            f"arm {arm} for a result of method {config.method}, whose rows are not the mixtures that it stores",
            f"one of {', '.join(arms_of(config))}",
            "choose one of them, or a result of method wechsel",
        )


def start_model(folder: Path, arm: str, seed: int, progress: Progress | None = None) -> Any:
    """The model of an arm, float32, on the CPU, with the tokenizer beside it.

    Parameters
    ----------
    folder : Path
        A result with its model, as ``init`` wrote it.
    arm : str
        One of ``config.ARMS``.
    seed : int
        Of every weight that is drawn.
    progress : callable, optional

    Returns
    -------
    models.SourceModel

    Raises
    ------
    ConfigError
        If a result of this method has no such arm.
    OutputError
        If the folder holds no result, or the arm needs the English model and it is gone or changed.
    ModelError
        If the model cannot be loaded.
    """
    manifest = read_manifest(folder)
    config = InitConfig.from_dict(manifest["config"])
    check_arm(arm, config)
    loaded = open_own(load_model, folder, progress)
    if arm == "random":
        _draw_everything(loaded.model, seed)
    elif arm not in ("wechsel", "wechsel-frozen"):
        source = open_source(open_checkpoint, manifest, progress)
        _install(loaded.model, source, _plan(arm, read_candidates(folder), len(source.tokenizer), seed), seed, config)
    return loaded


def initialisation(arm: str, model: Any, folder: Path) -> str:
    """One sentence: where the arm's weights come from, with the distribution of what is drawn.

    Parameters
    ----------
    arm : str
    model : PreTrainedModel
    folder : Path
        Of the result, which says by which method it was made.
    """
    made_by = method(InitConfig.from_dict(read_manifest(folder)["config"]).method).title
    spread = getattr(model.config, "initializer_range", None)
    wechsel = f"embeddings by the result's method, {made_by}, {_KEPT}"
    sentences = {
        "wechsel": wechsel,
        "random": f"every weight new, from transformers' own initialisation of {type(model).__name__}"
        + (f" (Normal with mean 0 and standard deviation {spread:g})" if spread is not None else ""),
        "transinner": f"embeddings from a Normal with the source matrix's mean and deviation per dimension, {_KEPT};"
        " the embeddings alone are trained at first",
        "wechsel-frozen": f"{wechsel}; the embeddings alone are trained at first",
        "random-neighbors": f"WECHSEL's weights over neighbours drawn by chance, {_KEPT}",
        "permuted": f"WECHSEL's rows dealt to the wrong tokens, {_KEPT}",
    }
    return sentences[arm]


def embedding_names(model: Any) -> set[str]:
    """Names of the parameters that have a value or row per token: what is trained alone at first."""
    names = {name for part in vocabulary_names(model).values() for name in part}
    return {name for name, _ in model.named_parameters() if name in names}


def _draw_everything(model: Any, seed: int) -> None:
    """Replace all weights by those of a fresh model of the same config."""
    import torch

    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        fresh = type(model)(model.config)
    fresh.to(model.dtype).tie_weights()
    model.load_state_dict(fresh.state_dict())


def _plan(arm: str, candidates: Candidates, n_source: int, seed: int) -> TransferPlan:
    rng = np.random.default_rng(seed)
    own = TransferPlan(
        candidates.ids.astype(np.int64), candidates.similarities, candidates.weights.astype(np.float64), candidates.kind
    )
    if arm == "transinner":
        return drawn_plan(len(own.kind))
    return random_neighbors_plan(own, n_source, rng) if arm == "random-neighbors" else permuted_plan(own, rng)


def _install(model: Any, source: Any, plan: TransferPlan, seed: int, config: InitConfig) -> None:
    """Lay a plan over the source model's input rows, output rows and bias, and write the outcome into the model."""
    import torch

    state = model.state_dict()
    names = vocabulary_names(model)
    n_source = len(source.tokenizer)
    for part, rows in source.skeleton.rows.items():
        if part not in names or len(state[names[part][0]]) != len(plan.kind):
            raise ModelError(
                f"{config.source} and the result differ in their {part} embeddings",
                "a result of this model",
                "run init again",
            )
        # One seed a part: an output matrix must not be drawn like the input matrix.
        blocks = row_blocks(rows.first(n_source), plan, seed=seed + list(names).index(part))
        matrix = torch.from_numpy(np.concatenate(list(blocks)))
        for name in names[part]:
            state[name].copy_(matrix.reshape(state[name].shape))
