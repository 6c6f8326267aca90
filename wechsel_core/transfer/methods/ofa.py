"""OFA: WECHSEL's mixture in the coordinates of a factorised source matrix, after copying shared tokens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from wechsel_core.errors import ConfigError
from wechsel_core.numerics.factors import singular_directions
from wechsel_core.numerics.rows import Rows
from wechsel_core.transfer.method import VECTORS, Initialisation, Materials, Method, always
from wechsel_core.transfer.result import TransferPlan, row_blocks
from wechsel_core.transfer.roles import neighbor_candidates, shared_tokens, special_copies
from wechsel_core.transfer.wechsel import plan_transfer


def check(materials: Materials) -> None:
    """Not more factors than the model has dimensions."""
    factors = materials.config.factors
    if factors is not None and factors > materials.dim:
        raise ConfigError(
            f"{factors} factors for embeddings of {materials.dim} dimensions",
            f"a number from 1 to {materials.dim}",
            "leave it out for a quarter of them",
        )


def initialise(materials: Materials) -> Initialisation:
    """Coordinates: shared tokens' copied, the softmax mean of the nearest, or drawn; then back to full width."""
    config, source, target = materials.config, materials.source, materials.target
    specials = special_copies(source, target)
    shared = shared_tokens(source, target)
    pieces = {target_id: source_id for target_id, source_id in shared.items() if target.byte_pieces[target_id]}
    plan = plan_transfer(
        materials.source_subwords, materials.target_subwords,  # type: ignore[arg-type]
        neighbors=config.neighbors, temperature=config.temperature, nearest=materials.nearest,
        candidates=neighbor_candidates(source), byte_copies=pieces,
        copies={target_id: source_id for target_id, source_id in shared.items() if target_id not in pieces} | specials,
    )  # fmt: skip
    n_factors = config.factors or max(1, materials.dim // 4)
    return Initialisation(plan, partial(_rows, plan, specials, n_factors))


def _rows(
    plan: TransferPlan, specials: dict[int, int], n_factors: int, matrix: Rows, seed: int
) -> Iterator[np.ndarray]:
    """New rows through a narrow view of the matrix; special tokens keep theirs whole."""
    directions = singular_directions(matrix, min(n_factors, matrix.shape[1])).astype(np.float32)
    whole = {target_id: matrix[np.array([source_id])][0] for target_id, source_id in specials.items()}
    start = 0
    for coordinates in row_blocks(_Coordinates(matrix, directions), plan, seed=seed):
        block = coordinates @ directions.T  # (n, dim)
        for target_id, row in whole.items():
            if start <= target_id < start + len(block):
                block[target_id - start] = row
        start += len(block)
        yield block


class _Coordinates:
    """A matrix as ``Rows`` of fewer dimensions: its rows' coordinates along some directions."""

    def __init__(self, matrix: Rows, directions: np.ndarray) -> None:
        self._matrix, self._directions = matrix, directions
        self.shape = (len(matrix), directions.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return np.asarray(self._matrix[rows].astype(np.float32, copy=False) @ self._directions)


METHOD = Method(
    title="OFA",
    sentence="As WECHSEL, but in the few coordinates of a factorised embedding matrix, and a token that English has too "
    "keeps its own coordinates.",
    reference="Liu et al. (2024), OFA: A Framework of Initializing Unseen Subword Embeddings for Efficient Large-scale "
    "Multilingual Continued Pretraining, Findings of NAACL, section 3.",
    initialise=initialise,
    needs=always(*VECTORS, "dictionary"),
    check=check,
    options=(
        "neighbors", "temperature", "mode", "source_vectors", "target_vectors", "dictionary", "reduce_dimension",
        "dictionary_size", "vector_words", "factors",
    ),
)  # fmt: skip
