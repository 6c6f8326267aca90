"""Two results side by side: what was set differently, how good each is, and how far every row moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.config import InitConfig
from wechsel_core.errors import OutputError
from wechsel_core.numerics.statistics import overlap, row_norms, total_variation
from wechsel_core.numerics.weighting import effective_neighbors
from wechsel_core.services import reweight
from wechsel_core.services.reweight import StoredResult
from wechsel_core.services.rows import ModelRows
from wechsel_core.transfer.registry import default_options

#: What stands for a setting that one side's method does not read.
NOT_READ = "not read"
KINDS = ("mixed", "copied", "fallback", "byte piece")
SIMILARITY_BINS = 40


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two: a result as it was made, or under other dials.

    ``manifest`` is its ``wechsel.json``, ``tokens`` its token table, ``neighbors`` and ``temperature`` the dials that
    it is looked at under.
    """

    result_id: str
    manifest: dict[str, Any]
    tokens: pd.DataFrame
    stored: StoredResult
    neighbors: int
    temperature: float

    @property
    def reweighted(self) -> bool:
        """Whether the dials are not those that the result was made with."""
        return (self.neighbors, self.temperature) != (self.stored.neighbors, self.stored.temperature)

    @property
    def config(self) -> dict[str, Any]:
        """Its configuration, dials included."""
        return dict(self.manifest["config"]) | {"neighbors": self.neighbors, "temperature": self.temperature}

    def source_sha(self) -> str | None:
        """Hash of the English model's weights; None in results that do not say."""
        return ((self.manifest.get("inputs") or {}).get("source_model") or {}).get("sha256")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that the page and an export show.

    Attributes
    ----------
    settings : DataFrame
        setting, a, b: configuration and inputs that differ, nothing else.
    figures : DataFrame
        figure, unit, a, a_from, a_to, b, b_from, b_to, difference.
    similarities : DataFrame
        from, to, a, b: share of the mixed tokens by similarity to their nearest neighbour; 0 throughout for a side
        without mixed tokens.
    tokens : DataFrame
        One row a token that both have, the furthest moved first. total_variation (share of the mixture that
        differs), overlap (Jaccard index of the k neighbours) and, with rows, cosine_distance and difference_norm
        are NaN where they cannot be had.
    matched_by : {"id", "text"}
        Same target tokenizer, or tokens of equal text.
    moved_by : {"cosine_distance", "total_variation", "similarity_change"}
        The column that ``tokens`` is sorted by.
    """

    settings: pd.DataFrame
    figures: pd.DataFrame
    similarities: pd.DataFrame
    tokens: pd.DataFrame
    matched_by: str
    moved_by: str
    n_a: int
    n_b: int


def same_source_tokens(a: Side, b: Side) -> bool:
    """Whether English token ids mean the same in both, so that neighbours and weights can be compared."""
    return np.array_equal(a.stored.source_texts, b.stored.source_texts)


def rows_comparable(a: Side, b: Side) -> bool:
    """Whether both were mixed from one English model, so that their rows lie in one space."""
    if a.result_id == b.result_id:
        return True
    return a.source_sha() is not None and a.source_sha() == b.source_sha() and same_source_tokens(a, b)


def compare(a: Side, b: Side, rows: tuple[ModelRows, ModelRows] | None = None) -> Comparison:
    """Compare two results, token by token where they share tokens.

    Parameters
    ----------
    a, b : Side
    rows : pair of ModelRows, optional
        Their embedding rows; without them movement is measured on the mixtures.

    Raises
    ------
    OutputError
        If a result's tables do not fit each other, or rows are given whose spaces differ.
    """
    if rows is not None and not rows_comparable(a, b):
        raise OutputError(
            "these results were mixed from different English models",
            "two results of one English model",
            "compare their mixtures instead",
        )
    places_a, places_b, matched_by = _matched(a, b)
    weights_a, weights_b = _weights(a), _weights(b)
    tokens = _token_columns(a, b, places_a, places_b, weights_a, weights_b)
    comparable = same_source_tokens(a, b)
    ids_a, ids_b = _ids(a), _ids(b)
    if comparable:
        tokens["total_variation"] = total_variation(
            ids_a[places_a], weights_a[places_a], ids_b[places_b], weights_b[places_b]
        )
        tokens["overlap"] = overlap(ids_a[places_a], ids_b[places_b])
    else:
        tokens["total_variation"] = tokens["overlap"] = np.nan
    tokens["similarity_change"] = tokens["similarity_b"] - tokens["similarity_a"]
    if rows is not None:
        _add_rows(tokens, _rows(a, rows[0])[places_a], _rows(b, rows[1])[places_b])
    moved_by = "cosine_distance" if rows is not None else "total_variation" if comparable else "similarity_change"
    order = np.argsort(-tokens[moved_by].abs().fillna(-1).to_numpy(), kind="stable")
    return Comparison(
        _settings(a, b),
        _figures(a, b, weights_a, weights_b),
        _similarity_shares(a, b),
        tokens.iloc[order].reset_index(drop=True),
        matched_by,
        moved_by,
        len(a.tokens),
        len(b.tokens),
    )


def neighbor_lists(a: Side, b: Side, target_a: int, target_b: int) -> pd.DataFrame:
    """The neighbours that one token has in either: source_id, source_text, and rank, similarity, weight of each side.

    By falling weight in A, then those of B alone by theirs. Ranks and weights are missing where a source token is
    not among that side's k. Only for results of one English tokenizer (see ``same_source_tokens``).
    """
    columns = ["source_id", "source_text", "source_token", "rank", "similarity", "weight"]
    lists = [
        reweight.token_neighbors(
            side.stored, target, side.neighbors, side.temperature, side.stored.reach(side.neighbors)
        )[columns]
        for side, target in ((a, target_a), (b, target_b))
    ]
    names = ["source_id", "source_text", "source_token"]
    # One English tokenizer, but a vocabulary string is known only to the side that has the token as a candidate.
    strings = pd.concat(lists).drop_duplicates("source_id").set_index("source_id")["source_token"]
    merged = lists[0].merge(lists[1], on=names[:2], how="outer", suffixes=("_a", "_b"))
    merged["source_token"] = merged["source_id"].map(strings)
    merged = merged.sort_values(["rank_a", "rank_b"], na_position="last").reset_index(drop=True)
    parts = [f"{name}_{side}" for side in "ab" for name in ("rank", "similarity", "weight")]
    return merged[[*names, *parts]]


def _weights(side: Side) -> np.ndarray:
    weights = reweight.weights(side.stored, side.neighbors, side.temperature)
    return weights[:, : side.stored.reach(side.neighbors)]


def _ids(side: Side) -> np.ndarray:
    return side.stored.candidates.ids[:, : side.stored.reach(side.neighbors)]


def _matched(a: Side, b: Side) -> tuple[np.ndarray, np.ndarray, str]:
    """Rows of both token tables that mean one token: equal vocabularies by id, others by equal text."""
    if a.tokens["token"].equals(b.tokens["token"]):
        ids = np.arange(len(a.tokens))
        return ids, ids, "id"
    texts = []
    for side in (a, b):
        frame = side.tokens.reset_index(drop=True)
        # A lone byte reads U+FFFD in both, whichever byte it is.
        text = frame.loc[frame["text"].fillna("").ne("") & ~frame["text"].str.contains("\ufffd", regex=False), "text"]
        texts.append(pd.Series(text.index, index=text)[~text.duplicated().to_numpy()])
    common = texts[0].index.intersection(texts[1].index, sort=False)
    return texts[0][common].to_numpy(np.int64), texts[1][common].to_numpy(np.int64), "text"


def _token_columns(
    a: Side, b: Side, places_a: np.ndarray, places_b: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray
) -> pd.DataFrame:
    first, second = a.tokens.iloc[places_a], b.tokens.iloc[places_b]
    columns: dict[str, Any] = {
        "target_id": places_a,
        "target_id_b": places_b,
        "token": first["token"].to_numpy(),
        "text": first["text"].to_numpy(),
    }
    for name in ("kind", "nearest", "similarity"):
        columns |= {f"{name}_a": first[name].to_numpy(), f"{name}_b": second[name].to_numpy()}
    columns["effective_a"] = effective_neighbors(weights_a.astype(np.float64))[places_a]
    columns["effective_b"] = effective_neighbors(weights_b.astype(np.float64))[places_b]
    return pd.DataFrame(columns)


def _rows(side: Side, rows: ModelRows) -> np.ndarray:
    if not side.reweighted:
        return rows.target
    return reweight.reweighted_rows(rows, side.stored, side.neighbors, side.temperature)


def _add_rows(tokens: pd.DataFrame, rows_a: np.ndarray, rows_b: np.ndarray) -> None:
    norms_a, norms_b = row_norms(rows_a), row_norms(rows_b)
    products = np.einsum("ij,ij->i", rows_a, rows_b, dtype=np.float64)
    lengths = norms_a * norms_b
    cosines = np.divide(products, lengths, out=np.full(len(lengths), np.nan), where=lengths > 0)
    tokens["cosine_distance"] = np.clip(1 - cosines, 0.0, 2.0)
    tokens["difference_norm"] = row_norms(rows_a - rows_b)
    tokens["norm_a"], tokens["norm_b"] = norms_a, norms_b


def _settings(a: Side, b: Side) -> pd.DataFrame:
    left, right = _set(a), _set(b)
    usual = InitConfig().to_dict()
    rows = []
    for name in dict.fromkeys([*left, *right]):
        if name in left and name in right:
            differs = left[name] != right[name]
        else:  # that one method reads more is what the methods are about; what was set for it is told
            differs = name in usual and (left | right)[name] != usual[name]
        if differs:
            rows.append((name, *(_plain(side.get(name, NOT_READ)) for side in (left, right))))
    return pd.DataFrame(rows, columns=["setting", "a", "b"])


def _set(side: Side) -> dict[str, Any]:
    """The configuration as far as its method reads it, and what the inputs were: a path may hold another file today."""
    inputs = {
        f"{name.replace('_', ' ')} (content)": str(record["sha256"])[:12]
        for name, record in (side.manifest.get("inputs") or {}).items()
        if isinstance(record, dict) and record.get("sha256")
    }
    config = InitConfig.from_dict(side.config)  # an older one lacks fields
    read = default_options(config.method)
    return {name: value for name, value in config.to_dict().items() if name in read} | inputs


def _plain(value: Any) -> str:
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _figures(a: Side, b: Side, weights_a: np.ndarray, weights_b: np.ndarray) -> pd.DataFrame:
    left, right = _figures_of(a, weights_a), _figures_of(b, weights_b)
    rows = []
    for name, (unit, value, low, high) in left.items():
        _, other, other_low, other_high = right[name]
        if value is None and other is None:
            continue
        difference = other - value if value is not None and other is not None else None
        rows.append((name, unit, value, low, high, other, other_low, other_high, difference))
    columns = ["figure", "unit", "a", "a_from", "a_to", "b", "b_from", "b_to", "difference"]
    return pd.DataFrame(rows, columns=columns).astype({name: "float64" for name in columns[2:]})


def _figures_of(side: Side, weights: np.ndarray) -> dict[str, tuple[str, Any, Any, Any]]:
    """Figure to (unit, value, interval); what other dials do not change is the result's own."""
    counts, alignment = side.manifest.get("counts") or {}, side.manifest.get("alignment") or {}
    mixed = side.stored.mixed
    total = len(side.tokens)
    shares = side.tokens["kind"].value_counts()
    figures: dict[str, tuple[str, Any, Any, Any]] = {"Tokens": ("tokens", total, None, None)}
    for kind in KINDS:
        figures[f"{kind.capitalize()} rows"] = ("share", int(shares.get(kind, 0)) / max(total, 1), None, None)
    duplicates = counts.get("duplicate_rows")
    figures["Duplicate rows"] = (
        "share",
        None if duplicates is None or not mixed.any() else duplicates / int(mixed.sum()),
        None,
        None,
    )
    for n in (1, 5, 10):
        for by, name in (("cosine", "cosine"), ("csls", "CSLS")):
            part = ((alignment.get("held_out") or {}).get(by) or {}).get("all") or {}
            ends = (part.get("interval") or {}).get(f"p_at_{n}") or (None, None)
            figures[f"Held-out P@{n}, {name}"] = ("share", part.get(f"p_at_{n}"), *ends)
    figures["Usable pairs"] = ("pairs", alignment.get("pairs_usable"), None, None)
    figures["Procrustes residual"] = ("ratio", alignment.get("relative_residual"), None, None)
    similarity = side.tokens.loc[mixed, "similarity"]
    effective = effective_neighbors(weights[mixed].astype(np.float64))
    figures["Mean similarity of the nearest neighbour"] = ("ratio", _mean(similarity.to_numpy()), None, None)
    figures["Mean effective neighbours"] = ("number", _mean(effective), None, None)
    return figures


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values, dtype=np.float64)) if len(values) else None


def _similarity_shares(a: Side, b: Side) -> pd.DataFrame:
    nearest = [side.tokens.loc[side.stored.mixed, "similarity"].to_numpy() for side in (a, b)]
    # Cosines lie in 0 to 1 nearly always; CSLS and the weights of some methods go beyond.
    low, high = (
        float(end) for end in (min(v.min(initial=0.0) for v in nearest), max(v.max(initial=1.0) for v in nearest))
    )
    edges = np.linspace(low, high, SIMILARITY_BINS + 1)
    shares = [np.histogram(values, edges)[0] / max(len(values), 1) for values in nearest]
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "a": shares[0], "b": shares[1]})
