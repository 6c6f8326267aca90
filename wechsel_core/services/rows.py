"""The model's embedding space after a transfer: the English rows and the rows mixed from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.errors import OutputError
from wechsel_core.result_source import open_own, open_source, source_changed
from wechsel_core.results import SOURCE_TOKENS, TOKENS, Candidates, read_candidates, read_manifest, read_table
from wechsel_core.services.methods import mixes
from wechsel_core.services.results import result_folder
from wechsel_core.transfer.result import new_rows
from wechsel_core.transfer.wechsel import REFERENCE_SEED
from wechsel_core.types import Progress


@dataclass(frozen=True, eq=False)
class ModelRows:
    """Both vocabularies in the embedding space of the model, as read-only arrays.

    Attributes
    ----------
    source : ndarray of float32, shape (n_source_tokens, dim)
        Input embeddings of the English model.
    target : ndarray of float32, shape (n_target_tokens, dim)
        The rows that the transfer made.
    """

    source: np.ndarray
    target: np.ndarray


def model_rows(result_id: str, progress: Progress | None = None) -> ModelRows:
    """Input embeddings of both vocabularies.

    Rows that are mixtures are worked out from the source model and the stored weights: examples, which come without
    a model of their own, have them too. Those of other methods are read from the result's model.

    Raises
    ------
    OutputError
        If there is no such result, its source model is gone or no longer what it was, or the result's own model is
        needed and it came without.
    """
    return model_rows_in(result_folder(result_id), progress)


def model_rows_in(folder: Path, progress: Progress | None = None) -> ModelRows:
    """``model_rows`` for any result folder."""
    tell = progress or (lambda share, step: None)
    manifest = read_manifest(folder)
    config = InitConfig.from_dict(manifest["config"])
    tell(0.0, f"Loading {config.source}")
    source = _source_matrix(manifest, tell)
    source = source[: len(read_table(folder, SOURCE_TOKENS, columns=["source_id"]))]
    if mixes(config):
        candidates = read_candidates(folder)
        if candidates.ids.size and candidates.ids.max() >= len(source):
            raise source_changed(config)
        tell(0.8, "Mixing the rows")
        target = mixed_rows(config, source, candidates, candidates.weights)
    else:
        tell(0.8, "Reading the rows of the new model")
        target = _own_matrix(Path(folder))
    source.flags.writeable = target.flags.writeable = False
    return ModelRows(source, target)


def mixed_rows(config: InitConfig, source: np.ndarray, candidates: Candidates, weights: np.ndarray) -> np.ndarray:
    """Target rows from stored candidates under any weights, with the fallback rows of the initialisation.

    Parameters
    ----------
    config
        The initialisation's: it seeds the fallback rows.
    source : ndarray of float32, shape (n_source_tokens, dim)
    candidates
    weights : ndarray, shape (n_target_tokens, n_stored)

    Returns
    -------
    ndarray of float32, shape (n_target_tokens, dim)
    """
    reference = config.compat == "reference"
    seed = REFERENCE_SEED if reference else config.seed
    return new_rows(source, candidates.ids, weights, candidates.kind, seed=seed, legacy=reference)


def open_source_model(manifest: dict[str, Any], progress: Progress | None = None) -> Any:
    """The source model of a result (``models.SourceModel``), checked against the hash in its ``wechsel.json``.

    Raises
    ------
    OutputError
        If it is gone or no longer what it was.
    """
    from wechsel_core.models import load_model

    return open_source(load_model, manifest, progress)


def _source_matrix(manifest: dict[str, Any], tell: Progress) -> np.ndarray:
    from wechsel_core.models.checkpoint import open_checkpoint

    matrix: np.ndarray = open_source(open_checkpoint, manifest, tell).skeleton.rows["input"][:]
    return matrix


def _own_matrix(folder: Path) -> np.ndarray:
    from wechsel_core.models.checkpoint import open_checkpoint

    n_target = len(read_table(folder, TOKENS, columns=["target_id"]))
    rows = open_own(open_checkpoint, folder).skeleton.rows["input"]
    if len(rows) < n_target:
        raise OutputError(
            f"the model in {folder} has {len(rows)} rows for {n_target} tokens",
            "the model that init wrote",
            "run init again with --force",
        )
    return np.asarray(rows.first(n_target)[:])
