"""What an initialisation method is: what it needs, what it is made from, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.errors import ModelError, TokenizerError
from wechsel_core.numerics.rows import Rows
from wechsel_core.numerics.similarity import Neighbors, nearest_rows
from wechsel_core.transfer.draws import DrawRows, NormalDraw
from wechsel_core.transfer.result import TokenKind, TransferPlan, row_blocks
from wechsel_core.transfer.roles import shared_tokens, special_copies
from wechsel_core.types import TokenTable

#: What a method may ask for beyond both tokenizers and the source model; a name is that of the config's field.
Need = Literal["source_vectors", "target_vectors", "dictionary", "helper", "auxiliary_text"]
VECTORS: frozenset[Need] = frozenset({"source_vectors", "target_vectors"})


@dataclass(frozen=True, eq=False)
class Materials:
    """Everything that a method may work with; what it does not need is None.

    Attributes
    ----------
    config : InitConfig
    source, target : TokenTable
    dim : int
        Width of the source model's embeddings.
    initializer_std : float
        Deviation of the weights of a new model of the source's architecture (``initializer_range``).
    source_subwords : ndarray of float32, shape (n_source_tokens, static_dim), optional
        Static vectors of the source tokens, rotated onto the target space. A zero row says that there is none.
    target_subwords : ndarray of float32, shape (n_target_tokens, static_dim), optional
    token_vectors : ndarray of float32, shape (n_target_tokens, token_dim), optional
        Vectors of the target tokens trained on ``auxiliary_text``.
    helper_rows : ndarray of float32, shape (n_target_tokens, helper_dim), optional
        Input embeddings of the helper model, which has the target tokenizer.
    pieces : callable, optional
        Gives for every target token the source tokens that its text is cut into by the source tokenizer.
    nearest : callable
        Search with the signature and contract of ``nearest_rows``; another may run on a GPU.
    """

    config: InitConfig
    source: TokenTable
    target: TokenTable
    dim: int
    initializer_std: float = 0.02
    source_subwords: np.ndarray | None = None
    target_subwords: np.ndarray | None = None
    token_vectors: np.ndarray | None = None
    helper_rows: np.ndarray | None = None
    pieces: Callable[[], Sequence[Sequence[int]]] | None = None
    nearest: Callable[..., Neighbors] = nearest_rows


@dataclass(frozen=True, eq=False)
class Initialisation:
    """What a method gives.

    Attributes
    ----------
    plan : TransferPlan
        Which source rows go into which target row, for the eye and for the rows.
    rows : callable
        From a source matrix (``Rows``, shape (n_source_tokens, dim)) and a seed to blocks of new rows, float32, from
        the first target token on. Asked once for each part of the vocabulary: input embeddings, output embeddings,
        bias as one column. By default the plan's mixtures and draws.
    notes : tuple of str
        What a person should know about this result: sentences.
    """

    plan: TransferPlan
    rows: Callable[[Rows, int], Iterator[np.ndarray]]
    notes: tuple[str, ...] = ()


class Parts(NamedTuple):
    """What one mixed row is made of.

    Attributes
    ----------
    ids : sequence of int
        Source tokens.
    weights : sequence of float
    similarities : sequence of float, optional
        The weights stand for them in a method that has none.
    """

    ids: Sequence[int] | np.ndarray
    weights: Sequence[float] | np.ndarray
    similarities: Sequence[float] | np.ndarray | None = None


def planned(plan: TransferPlan, *, legacy: bool = False, notes: tuple[str, ...] = ()) -> Initialisation:
    """An initialisation that is its plan and nothing besides."""

    def rows(matrix: Rows, seed: int) -> Iterator[np.ndarray]:
        return row_blocks(matrix, plan, seed=seed, legacy=legacy)

    return Initialisation(plan, rows, notes)


def drawn_but_special(materials: Materials, draw: DrawRows = NormalDraw) -> TransferPlan:
    """A plan that copies special tokens by role and draws every other row."""
    return mixture(materials, {}, draw=draw)


def mixture(
    materials: Materials,
    mixed: Mapping[int, Parts],
    *,
    copied: Mapping[int, int] | None = None,
    draw: DrawRows = NormalDraw,
) -> TransferPlan:
    """A plan from what each token is made of; special tokens are copied by role, all others are drawn.

    Parameters
    ----------
    materials : Materials
    mixed : mapping of target id to Parts
        A token of no parts is drawn. Parts are stored by falling similarity.
    copied : mapping of target id to source id, optional
        Rows taken over as they are; they win over ``mixed``, special tokens over both.
    draw : callable
        Distribution of the other rows.
    """
    target = materials.target
    copies = {**(copied or {}), **special_copies(materials.source, target)}
    width = max([1, *(len(parts.ids) for parts in mixed.values())])
    ids = np.full((len(target), width), -1, dtype=np.int64)
    similarities = np.zeros((len(target), width), dtype=np.float32)
    weights = np.zeros((len(target), width))
    kind = np.full(len(target), TokenKind.FALLBACK, dtype=np.uint8)
    for target_id, parts in mixed.items():
        if len(parts.ids):
            shown = np.asarray(parts.weights if parts.similarities is None else parts.similarities, np.float32)
            order = np.argsort(-shown, kind="stable")
            ids[target_id, : len(order)] = np.asarray(parts.ids)[order]
            similarities[target_id, : len(order)] = shown[order]
            weights[target_id, : len(order)] = np.asarray(parts.weights, np.float64)[order]
            kind[target_id] = TokenKind.MIXED
    for target_id, source_id in copies.items():
        ids[target_id], similarities[target_id], weights[target_id] = -1, 0.0, 0.0
        ids[target_id, 0], similarities[target_id, 0], weights[target_id, 0] = source_id, 1.0, 1.0
        kind[target_id] = TokenKind.BYTE_PIECE if target.byte_pieces[target_id] else TokenKind.COPIED
    return TransferPlan(ids, similarities, weights, kind, draw)


def need_shared_tokens(materials: Materials) -> dict[int, int]:
    """The shared tokens (``roles.shared_tokens``) of a method that makes every other row of them.

    Raises
    ------
    TokenizerError
        If there are none.
    """
    shared = shared_tokens(materials.source, materials.target)
    if not shared:
        raise TokenizerError(
            f"no token of the target tokenizer is one of {materials.config.source} too",
            f"shared tokens, which method {materials.config.method} makes every row of",
            "choose another target tokenizer or another method",
        )
    return shared


def helper_anchors(materials: Materials) -> tuple[dict[int, int], np.ndarray, np.ndarray, np.ndarray]:
    """What a method works with that compares tokens by a helper model's embeddings.

    Returns
    -------
    shared : dict of target id to source id
    anchors : ndarray of int64, shape (n_anchors,)
        Shared target tokens whose embedding is not zero.
    source_ids : ndarray of int64, shape (n_anchors,)
        Their source tokens.
    asked : ndarray of int64, shape (n_asked,)
        Other tokens whose embedding is not zero, special ones left out.

    Raises
    ------
    TokenizerError
        If no token is shared.
    ModelError
        If the embeddings of all shared tokens are zero.
    """
    if materials.helper_rows is None:
        raise ValueError("no embeddings of a helper model")
    shared = need_shared_tokens(materials)
    filled = np.asarray(materials.helper_rows.any(axis=1))
    anchors = np.array([token for token in shared if filled[token]], dtype=np.int64)
    if not len(anchors):
        raise ModelError(
            f"the helper's embeddings of all {len(shared)} shared tokens are zero", "a trained model", "use another one"
        )
    filled &= ~materials.target.is_special & (np.array(materials.target.tokens, dtype=object) != "")
    filled[list(shared)] = False
    source_ids = np.array([shared[int(token)] for token in anchors], dtype=np.int64)
    return shared, anchors, source_ids, np.flatnonzero(filled)


def _no_needs(config: InitConfig) -> frozenset[Need]:
    return frozenset()


def _no_check(materials: Materials) -> None:
    pass


def always(*needs: Need) -> Callable[[InitConfig], frozenset[Need]]:
    """Needs that no option changes."""
    return partial(_same_needs, frozenset(needs))


def _same_needs(needs: frozenset[Need], config: InitConfig) -> frozenset[Need]:
    return needs


@dataclass(frozen=True)
class Method:
    """One method: a file of ``transfer/methods`` holds one as ``METHOD``, and its name is the file's.

    Attributes
    ----------
    title : str
        As the field calls it.
    sentence : str
        What makes a new row.
    reference : str
        Authors, year, title, venue; the section where there is one.
    initialise : callable
        From ``Materials`` to an ``Initialisation``; raises ``ConfigError`` for options that do not fit the model.
    needs : callable
        What it has to be given under a configuration, known before anything long starts.
    check : callable
        Raises an ``InputError`` for options or vocabularies that do not fit; called with what needs no vectors, helper
        or text, before anything long.
    options : tuple of str
        Fields of ``InitConfig`` that it reads beyond those that every method reads.
    dials : bool
        Whether k and tau change its weights by the stored similarities alone.
    """

    title: str
    sentence: str
    reference: str
    initialise: Callable[[Materials], Initialisation]
    needs: Callable[[InitConfig], frozenset[Need]] = field(default=_no_needs)
    check: Callable[[Materials], object] = field(default=_no_check)
    options: tuple[str, ...] = ()
    dials: bool = False
