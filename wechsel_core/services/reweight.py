"""Other k and tau for a finished result: weights, neighbours and rows from its stored candidates alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError
from wechsel_core.numerics.weighting import effective_neighbors, mix_rows, softmax_weights
from wechsel_core.results import (
    NEIGHBORS,
    SOURCE_TOKENS,
    TOKENS,
    Candidates,
    read_candidates,
    read_manifest,
    read_table,
)
from wechsel_core.services import methods
from wechsel_core.services.results import result_folder
from wechsel_core.services.rows import ModelRows
from wechsel_core.transfer.result import TokenKind


@dataclass(frozen=True, eq=False)
class StoredResult:
    """What a result keeps of every token's neighbours, as read-only arrays: enough for any k and tau.

    Attributes
    ----------
    candidates : Candidates
    source_texts, source_tokens : ndarray of str, shape (n_source_tokens,)
        Decoded texts, and vocabulary strings of the tokens that are a candidate of any ("" for others).
    target_texts, target_tokens : ndarray of str, shape (n_target_tokens,)
    neighbors : int
        The result's own k.
    temperature : float
        The result's own tau.
    dials : bool
        Whether k and tau make its weights; without, it is only looked at under its own, which say nothing then.
    """

    candidates: Candidates
    source_texts: np.ndarray
    source_tokens: np.ndarray
    target_texts: np.ndarray
    target_tokens: np.ndarray
    neighbors: int
    temperature: float
    dials: bool = True

    def reach(self, neighbors: int) -> int:
        """How many of the stored candidates may have a weight: k, or all where no k was chosen."""
        return neighbors if self.dials else self.candidates.ids.shape[1]

    @property
    def mixed(self) -> np.ndarray:
        """Which target tokens are mixtures, the only ones that dials change; bool, shape (n_target_tokens,)."""
        return np.asarray(self.candidates.kind == TokenKind.MIXED)


@dataclass(frozen=True, eq=False)
class TokenWeights:
    """Two figures of every target token under one k and tau, read-only.

    Attributes
    ----------
    effective : ndarray of float32, shape (n_target_tokens,)
        exp(entropy) of the weights; 0 for a fallback token.
    top : ndarray of float32, shape (n_target_tokens,)
        Weight of the nearest neighbour; 0 for a fallback token. Below 0 where a method takes rows away.
    """

    effective: np.ndarray
    top: np.ndarray


@dataclass(frozen=True)
class RowNorm:
    """Length of a new row beside the lengths of the source model's rows."""

    norm: float
    source_median: float
    percentile: float  #: share of source rows that are shorter, 0 to 100


def has_dials(result_id: str) -> bool:
    """Whether k and tau make the weights of a result, so that others can be looked at.

    Raises
    ------
    OutputError
        If there is no such result.
    """
    return methods.has_dials(InitConfig.from_dict(read_manifest(result_folder(result_id))["config"]))


def open_stored(result_id: str) -> StoredResult:
    """Read the stored candidates of a result.

    Raises
    ------
    OutputError
        If there is no such result, or a table of it cannot be read.
    """
    return open_stored_in(result_folder(result_id))


def open_stored_in(folder: Path) -> StoredResult:
    """``open_stored`` for any result folder."""
    config = read_manifest(folder)["config"]
    source_texts = _words(read_table(folder, SOURCE_TOKENS, columns=["text"])["text"])
    pairs = read_table(folder, NEIGHBORS, columns=["source_id", "source_token"])
    source_tokens = np.full(len(source_texts), "", dtype=object)
    codes, names = pairs["source_token"].factorize()
    source_tokens[pairs["source_id"].to_numpy()] = names.to_numpy(dtype=object)[codes]
    source_tokens.flags.writeable = False
    target = read_table(folder, TOKENS, columns=["token", "text"])
    return StoredResult(
        read_candidates(folder),
        source_texts,
        source_tokens,
        _words(target["text"]),
        _words(target["token"]),
        int(config["neighbors"]),
        float(config["temperature"]),
        methods.has_dials(InitConfig.from_dict(config)),
    )


def _words(column: pd.Series) -> np.ndarray:
    words: np.ndarray = column.fillna("").to_numpy(dtype=object, copy=True)
    words.flags.writeable = False
    return words


def weights(
    stored: StoredResult, neighbors: int, temperature: float, rows: np.ndarray | slice = slice(None)
) -> np.ndarray:
    """Weights of the stored candidates under other dials; the result's own dials give its own weights.

    Parameters
    ----------
    stored : StoredResult
    neighbors : int
        k, at least 1; beyond the number stored, all stored candidates take part.
    temperature : float
        tau, above 0.
    rows : slice or ndarray of int
        Target tokens wanted; all by default.

    Returns
    -------
    ndarray, shape (n_rows, n_stored)

    Raises
    ------
    ConfigError
        If a dial is out of range, or the result has none.
    """
    if neighbors < 1 or not (np.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"k {neighbors} and tau {temperature:g}", "k from 1 and tau above 0", "try 10 and 0.1")
    candidates = stored.candidates
    if (neighbors, temperature) == (stored.neighbors, stored.temperature):
        return candidates.weights[rows]
    if not stored.dials:
        raise ConfigError(
            f"k {neighbors} and tau {temperature:g} for a result whose weights do not follow from them",
            "a result of method wechsel with softmax weights",
            "look at it as it was made",
        )
    # Copied tokens and byte pieces have one candidate, which keeps weight 1 whatever the dials.
    return softmax_weights(
        candidates.similarities[rows], candidates.ids[rows], neighbors=neighbors, temperature=temperature
    )


def token_weights(stored: StoredResult, neighbors: int, temperature: float) -> TokenWeights:
    """Effective number of neighbours and top weight of every token."""
    values = weights(stored, neighbors, temperature)[:, : stored.reach(neighbors)]
    effective = effective_neighbors(values).astype(np.float32)
    top = values[:, 0].astype(np.float32) if values.shape[1] else np.zeros(len(values), np.float32)
    effective.flags.writeable = top.flags.writeable = False
    return TokenWeights(effective, top)


def token_neighbors(stored: StoredResult, target_id: int, neighbors: int, temperature: float, top: int) -> pd.DataFrame:
    """The nearest source tokens of one token.

    Returns
    -------
    DataFrame
        rank, source_id, source_token, source_text, similarity, weight, own_weight (that of the result's own dials);
        empty for a fallback token.
    """
    row = np.array([target_id])
    ids = stored.candidates.ids[target_id]
    places = np.flatnonzero(ids >= 0)[:top]
    return pd.DataFrame(
        {
            "rank": places + 1,
            "source_id": ids[places],
            "source_token": stored.source_tokens[ids[places]],
            "source_text": stored.source_texts[ids[places]],
            "similarity": stored.candidates.similarities[target_id, places],
            "weight": weights(stored, neighbors, temperature, row)[0, places].astype(np.float32),
            "own_weight": stored.candidates.weights[target_id, places],
        }
    )


def fed_by(stored: StoredResult, source_query: str, neighbors: int, temperature: float, top: int) -> pd.DataFrame:
    """The target tokens that a source token goes into, by falling size of its weight, which may be below 0.

    ``source_query`` is the text of a source token, white space at its ends ignored, or its vocabulary string.
    Columns: target_id, target_token, target_text, similarity, weight.
    """
    wanted = source_query.strip()
    ids = [i for i, text in enumerate(stored.source_texts) if wanted and text.strip() == wanted]
    ids = ids or np.flatnonzero(stored.source_tokens == source_query).tolist()
    tokens, places = np.nonzero(np.isin(stored.candidates.ids[:, : stored.reach(neighbors)], ids))
    # Both " the" and "the" may feed one target token: their weights add up.
    fed, group = np.unique(tokens, return_inverse=True)
    similarity = np.full(len(fed), -np.inf, dtype=np.float32)
    np.maximum.at(similarity, group, stored.candidates.similarities[tokens, places])
    shares = weights(stored, neighbors, temperature, fed)[group, places]
    weight = np.bincount(group, shares, minlength=len(fed)).astype(np.float32)
    order = np.argsort(-np.abs(weight), kind="stable")
    order = order[weight[order] != 0][:top]
    return pd.DataFrame(
        {
            "target_id": fed[order],
            "target_token": stored.target_tokens[fed[order]],
            "target_text": stored.target_texts[fed[order]],
            "similarity": similarity[order],
            "weight": weight[order],
        }
    )


def reweighted_rows(rows: ModelRows, stored: StoredResult, neighbors: int, temperature: float) -> np.ndarray:
    """All new rows under other dials, float32, shape (n_target_tokens, dim); fallback rows stay as they were drawn."""
    out = mix_rows(rows.source, stored.candidates.ids, weights(stored, neighbors, temperature))
    fallback = stored.candidates.kind == TokenKind.FALLBACK
    out[fallback] = rows.target[fallback]
    return out


def row_norm(
    rows: ModelRows, source_norms: np.ndarray, stored: StoredResult, target_id: int, neighbors: int, temperature: float
) -> RowNorm:
    """Length of one token's row under other dials; ``source_norms`` are the lengths of ``rows.source``, sorted."""
    row = rows.target[target_id]
    if stored.dials and stored.candidates.kind[target_id] != TokenKind.FALLBACK:
        one = np.array([target_id])
        row = mix_rows(rows.source, stored.candidates.ids[one], weights(stored, neighbors, temperature, one))[0]
    norm = float(np.linalg.norm(row))
    shorter = np.searchsorted(source_norms, norm) / max(len(source_norms), 1)
    return RowNorm(norm, float(np.median(source_norms)), 100 * float(shorter))
