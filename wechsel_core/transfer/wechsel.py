"""WECHSEL: every target row is the softmax-weighted mean of its nearest source rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from wechsel_core.numerics.rows import all_finite
from wechsel_core.numerics.similarity import Neighbors, nearest_rows
from wechsel_core.numerics.weighting import softmax_weights
from wechsel_core.transfer.result import TokenKind, TransferPlan, TransferResult, new_rows

#: Seed of the reference package's fallback rows.
REFERENCE_SEED = 1234


def transfer_embeddings(
    source_subwords: np.ndarray,
    target_subwords: np.ndarray,
    source_matrix: np.ndarray,
    *,
    neighbors: int = 10,
    temperature: float = 0.1,
    stored_neighbors: int = 50,
    candidates: np.ndarray | None = None,
    source_groups: np.ndarray | None = None,
    target_groups: np.ndarray | None = None,
    copies: Mapping[int, int] | None = None,
    byte_copies: Mapping[int, int] | None = None,
    seed: int = 0,
    compat: str | None = None,
    nearest: Callable[..., Neighbors] = nearest_rows,
) -> TransferResult:
    """Initialise target embeddings from source embeddings in a shared static space.

    Parameters
    ----------
    source_subwords : ndarray, shape (n_source_tokens, static_dim)
        Static vectors of the source tokens, already rotated onto the target space.
    target_subwords : ndarray, shape (n_target_tokens, static_dim)
        Static vectors of the target tokens; a zero row says that the token has none.
    source_matrix : ndarray, shape (n_source_tokens, dim)
        The model's embedding matrix.
    neighbors : int
        k, how many source tokens make a row; raising it brings in less similar ones.
    temperature : float
        Above 0; raising it evens the weights out.
    stored_neighbors : int
        Candidates kept a token (at least k), so that k and temperature can change later.
    candidates : ndarray of bool, shape (n_source_tokens,), optional
        Source tokens that may be neighbours (the callers leave special tokens out).
    source_groups, target_groups : ndarray of int, shapes (n_source_tokens,) and (n_target_tokens,), optional
        Given together: a target token takes neighbours from the group of its own number only (word-initial
        tokens from word-initial ones, say).
    copies, byte_copies : mapping of target id to source id, optional
        Rows taken over as they are: special tokens, and byte pieces.
    seed : int
        Of the fallback rows.
    compat : {None, "reference"}
        "reference" repeats the package ``wechsel`` 0.0.4: zero source rows are candidates at cosine 0 and the
        fallback is drawn from ``RandomState(1234)``, whatever ``seed``.
    nearest : callable
        Search with the signature and contract of ``nearest_rows``; another may run on a GPU.

    Returns
    -------
    TransferResult

    Raises
    ------
    ValueError
        If the shapes do not fit each other, ``neighbors`` is not in 1..n_source_tokens, ``temperature`` is not
        a number above 0, a value is not finite, a copy names a row that is not there, or ``compat`` is unknown.

    References
    ----------
    Minixhofer, Paischer, Rekabsaz (2022), WECHSEL, NAACL, section 3, equations 1-4.
    """
    if len(source_subwords) != len(source_matrix):
        raise ValueError(f"{len(source_subwords)} source subwords but {len(source_matrix)} source rows")
    if not all_finite(source_matrix):
        raise ValueError("the embedding matrix holds NaN or infinity")
    plan = plan_transfer(
        source_subwords, target_subwords, neighbors=neighbors, temperature=temperature,
        stored_neighbors=stored_neighbors, candidates=candidates, source_groups=source_groups,
        target_groups=target_groups, copies=copies, byte_copies=byte_copies, compat=compat, nearest=nearest,
    )  # fmt: skip
    legacy = compat == "reference"
    seed = REFERENCE_SEED if legacy else seed
    matrix = new_rows(source_matrix, plan.neighbor_ids, plan.weights, plan.kind, seed=seed, legacy=legacy)
    return TransferResult(matrix, plan.neighbor_ids, plan.similarities, plan.weights, plan.kind)


def plan_transfer(
    source_subwords: np.ndarray,
    target_subwords: np.ndarray,
    *,
    neighbors: int = 10,
    temperature: float = 0.1,
    stored_neighbors: int = 50,
    candidates: np.ndarray | None = None,
    source_groups: np.ndarray | None = None,
    target_groups: np.ndarray | None = None,
    copies: Mapping[int, int] | None = None,
    byte_copies: Mapping[int, int] | None = None,
    compat: str | None = None,
    nearest: Callable[..., Neighbors] = nearest_rows,
    weigh: Callable[..., np.ndarray] = softmax_weights,
) -> TransferPlan:
    """``transfer_embeddings`` without its last step: neighbours and weights, which serve every matrix of the model.

    Parameters and errors are those of ``transfer_embeddings``, and ``weigh``: from similarities to weights, with the
    signature and contract of ``softmax_weights``. ``row_blocks`` makes the rows.
    """
    n_source = len(source_subwords)
    _check(source_subwords, target_subwords, neighbors, temperature)
    _check_options(n_source, len(target_subwords), candidates, source_groups, target_groups, compat)
    for asked in (copies or {}, byte_copies or {}):
        _check_copies(asked, n_source, len(target_subwords))
    legacy = compat == "reference"
    width = min(max(neighbors, stored_neighbors), n_source)

    def search(rows: np.ndarray | None, allowed: np.ndarray | None) -> Neighbors:
        return nearest(target_subwords, source_subwords, width, rows=rows, candidates=allowed, include_zero_rows=legacy)

    if source_groups is None or target_groups is None:
        found = search(None, candidates)
    else:
        found = _search_groups(search, width, candidates, source_groups, target_groups)
    ids, similarities = found.ids, found.similarities
    weights = weigh(similarities, ids, neighbors=neighbors, temperature=temperature)
    kind = np.where(ids[:, 0] >= 0, TokenKind.MIXED, TokenKind.FALLBACK).astype(np.uint8)
    for mapping, name in ((byte_copies, TokenKind.BYTE_PIECE), (copies, TokenKind.COPIED)):
        for target_id, source_id in (mapping or {}).items():
            ids[target_id], similarities[target_id], weights[target_id] = -1, 0.0, 0.0
            ids[target_id, 0], similarities[target_id, 0], weights[target_id, 0] = source_id, 1.0, 1.0
            kind[target_id] = name
    return TransferPlan(ids, similarities, weights, kind)


def _search_groups(
    search: Callable[[np.ndarray, np.ndarray], Neighbors],
    width: int,
    candidates: np.ndarray | None,
    source_groups: np.ndarray,
    target_groups: np.ndarray,
) -> Neighbors:
    ids = np.full((len(target_groups), width), -1, dtype=np.int64)
    similarities = np.zeros((len(target_groups), width), dtype=np.float32)
    for group in np.unique(target_groups):
        rows = np.flatnonzero(target_groups == group)
        allowed = source_groups == group
        if candidates is not None:
            allowed &= candidates
        found = search(rows, allowed)
        ids[rows], similarities[rows] = found.ids, found.similarities
    return Neighbors(ids, similarities)


def _check(
    source_subwords: np.ndarray,
    target_subwords: np.ndarray,
    neighbors: int,
    temperature: float,
) -> None:
    if source_subwords.shape[1] != target_subwords.shape[1]:
        raise ValueError(f"static vectors of {source_subwords.shape[1]} and {target_subwords.shape[1]} dimensions")
    if not 1 <= neighbors <= len(source_subwords):
        raise ValueError(f"neighbors is {neighbors}, not in 1..{len(source_subwords)}")
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}, not above 0")
    if not (all_finite(source_subwords) and all_finite(target_subwords)):
        raise ValueError("a static vector holds NaN or infinity")


def _check_options(
    n_source: int,
    n_target: int,
    candidates: np.ndarray | None,
    source_groups: np.ndarray | None,
    target_groups: np.ndarray | None,
    compat: str | None,
) -> None:
    if compat not in (None, "reference"):
        raise ValueError(f"compat is {compat!r}, neither None nor 'reference'")
    if (source_groups is None) != (target_groups is None):
        raise ValueError("source_groups and target_groups go together")
    for name, values, n_rows in (
        ("candidates", candidates, n_source),
        ("source_groups", source_groups, n_source),
        ("target_groups", target_groups, n_target),
    ):
        if values is not None and values.shape != (n_rows,):
            raise ValueError(f"{name} has shape {values.shape}, not ({n_rows},)")


def _check_copies(copies: Mapping[int, int], n_source: int, n_target: int) -> None:
    for target_id, source_id in copies.items():
        if not (0 <= target_id < n_target and 0 <= source_id < n_source):
            raise ValueError(f"copy of source row {source_id} to target row {target_id}: no such row")
