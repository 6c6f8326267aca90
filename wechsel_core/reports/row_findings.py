"""Findings about the new rows: where they come from, their hubs, their lengths, and which tokens have a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.config import InitConfig
from wechsel_core.numerics.statistics import occurrences, skewness
from wechsel_core.reports.record import (
    NOT_RECORDED,
    Cell,
    Details,
    Finding,
    Scale,
    Section,
    State,
    Unit,
    number,
    unjudged,
)
from wechsel_core.results import Candidates
from wechsel_core.transfer.registry import method
from wechsel_core.transfer.result import TokenKind

#: Special tokens, byte pieces and tokens without a vector are a few per cent of any vocabulary.
MIXED = Scale(0.90, 0.75)
#: The byte alphabet and pieces of rare characters, 1 to 2% of a byte-level vocabulary, have no vector by nature.
#: Above 10% a model speaks through random rows; init warns from there too.
FALLBACK = Scale(0.03, 0.10)
#: A byte-level vocabulary has up to 256 single bytes; Chinese ones of 8,000 tokens have 5% pieces, and more than 15%
#: says that the tokenizer was trained on too little text of the language.
BYTE_PIECES = Scale(0.06, 0.15)
#: " the" and "the" share one static vector: in byte-level vocabularies of 50,000 tokens for German and Arabic 9 to 12%
#: of the rows repeat another, 11 to 15% in the pocket's.
DUPLICATES = Scale(0.20, 0.35)
#: Skewness of N_k. Radovanović et al. (2010) call a space hubby from about 1.4 and find 1 to 16 in real data; the
#: pocket's alignments lie between 2 and 5.
SKEWNESS = Scale(5.0, 10.0)
#: Tokens whose first neighbour is one of the ten largest hubs: 2 to 4% in the pocket's alignments.
FIRST_HUBS = Scale(0.05, 0.15)
#: A mean of k rows is shorter than the rows, the more the less they agree: ten rows at cosine 0.5 give a factor of
#: 0.74, at cosine 0.1 one of 0.44. Either way from 1.
LENGTHS = Scale(1.45, 2.5)
#: Frequent tokens without a vector cost most: their random rows are met in every sentence.
COVERED = Scale(0.98, 0.90)
HUBS, FIRST_OF = 20, 10
#: What the limits above were found with.
WECHSEL = InitConfig()
ID_BANDS = (1_000, 5_000, 10_000, 20_000)
COVERED_IDS = 5_000


def _looks_for_neighbours(config: InitConfig) -> bool:
    """Whether a method mixes the k nearest tokens of static space."""
    return "neighbors" in method(config.method).options


def _not_judged(config: InitConfig) -> str:
    return f"Not judged for {method(config.method).title}: the limits are those of WECHSEL."


def rows_section(manifest: dict[str, Any], config: InitConfig = WECHSEL) -> Section:
    """Shares of rows mixed, copied, fallback, byte pieces, duplicates."""
    counts = manifest.get("counts") or {}
    total = number(counts, "tokens") or 0

    def share(name: str, of: float | None = None) -> float | None:
        part, whole = number(counts, name), total if of is None else of
        return part / whole if part is not None and whole else None

    copied = number(counts, "copied")
    like_wechsel = method(config.method).dials
    findings: tuple[Finding, ...] = (
        _share("mixed", "Mixed rows", share("mixed"), MIXED, "Rows that are a weighted sum of English rows.",
               "See fallback and byte pieces: they take the place of mixed rows."),
        Finding("copied", "Copied rows", copied, "tokens", _copied_state(copied),
                "Special tokens that took over the English row of the same role (beginning, end, padding, mask)"
                + ("." if like_wechsel else ", and other tokens where the method copies those that English has too."),
                "Good from 1, fair at 0.",
                "Give the target tokenizer the special tokens of the English one, under the same roles."),
        _share("fallback", "Fallback rows", share("fallback"), FALLBACK,
               "Rows drawn at random, because the token has no static vector."
               if _looks_for_neighbours(config)
               else "Rows that no English row is mixed into.",
               "Use vectors with character n-grams, or with more words; --copy-byte-pieces spares the byte pieces."),
        _share("byte_pieces", "Byte pieces", share("byte_pieces"), BYTE_PIECES,
               "Tokens that are part of a character; "
               f"{number(counts, 'byte_pieces_copied') or 0:,.0f} of them were copied from the same English piece.",
               "Train the tokenizer on more text, or with a larger vocabulary; --copy-byte-pieces copies their rows."),
        _share("duplicates", "Duplicate rows", share("duplicate_rows", number(counts, "mixed")), DUPLICATES,
               "Mixed rows equal to another one, mostly a word with and without its leading space.",
               "--prefer-word-initial tells \"the\" and \" the\" apart."),
    )  # fmt: skip
    if not like_wechsel:
        # How many rows are mixed is then the method's own choice.
        free = ("mixed", "fallback", "duplicates")
        findings = tuple(unjudged(f, _not_judged(config)) if f.id in free else f for f in findings)
    return Section("rows", "Where the rows come from", findings)


def _share(name: str, title: str, value: float | None, scale: Scale, meaning: str, advice: str) -> Finding:
    return Finding(name, title, value, "share", scale.state(value), meaning, scale.words("share"), advice)


def _copied_state(copied: float | None) -> State:
    if copied is None:
        return "unknown"
    return "good" if copied else "fair"


def hubs_section(candidates: Candidates, source_texts: list[str], config: InitConfig = WECHSEL) -> Section:
    """Which English tokens are most tokens' neighbour, and how uneven that is."""
    is_mixed = candidates.kind == TokenKind.MIXED
    k, by_rank = config.neighbors, _looks_for_neighbours(config)
    mixed = candidates.ids[is_mixed, :k] if by_rank else candidates.ids[is_mixed]
    if not by_rank:  # no k: what has a weight is in the mixture
        mixed = np.where(candidates.weights[is_mixed] != 0, mixed, -1)
    lists, nearest = (f"lists of k = {k} neighbours", f"the {k} nearest") if by_rank else ("mixtures", "the parts")
    counts = occurrences(mixed, len(source_texts))
    order = np.argsort(-counts, kind="stable")[:HUBS]
    order = order[counts[order] > 0]
    first = np.isin(mixed[:, 0], order[:FIRST_OF]).mean() if mixed.size else None
    skew = skewness(counts) if mixed.size else None
    rows: list[tuple[Cell, ...]] = [
        (source_texts[i], str(i), int(counts[i]), float(counts[i]) / len(mixed)) for i in order
    ]
    columns: dict[str, Unit] = {"English token": "token", "Id": "text", "Tokens": "tokens", "Share": "share"}
    caption = f"The {len(rows)} largest hubs: of how many new tokens each is among {nearest}."
    table = (Details("hubs", caption, columns, tuple(rows), "Tokens"),) if rows else ()
    findings = (
        Finding(
            "hub_skewness",
            "Skewness of neighbour counts",
            skew,
            "number",
            SKEWNESS.state(skew),
            f"In how many {lists} each English token stands, and how uneven that is: 0 is even, a large value says "
            "that a few tokens are everybody's neighbour.",
            SKEWNESS.words("number"),
            "Open the largest hubs below: odd strings (names, pieces of code) point to English vectors with too little "
            "text; compare with --prefer-word-initial and --distinct-texts.",
            details=table,
        ),
        Finding(
            "first_neighbour_hubs",
            "First neighbour is a hub",
            None if first is None else float(first),
            "share",
            FIRST_HUBS.state(None if first is None else float(first)),
            f"New tokens whose nearest neighbour is one of the {FIRST_OF} largest hubs: their rows look alike whatever "
            "they mean.",
            FIRST_HUBS.words("share"),
            "Check P@1 and the dictionary: where the alignment fails, the same few words come first everywhere.",
        ),
    )
    if not by_rank:
        findings = (unjudged(findings[0], _not_judged(config)), unjudged(findings[1], _not_judged(config)))
    return Section("hubs", "Hubs", findings)


def norms_section(manifest: dict[str, Any], tokens: pd.DataFrame, config: InitConfig = WECHSEL) -> Section:
    """Lengths of the new rows against the English ones: the mixed rows, or all that are not copied where none is."""
    recorded = manifest.get("norms") or {}
    quantiles, source = recorded.get("quantiles") or [], recorded.get("source") or []
    middle = source[quantiles.index(0.5)] if 0.5 in quantiles and len(source) == len(quantiles) else None
    kind = "mixed" if (tokens["kind"] == "mixed").any() else "fallback"
    lengths = tokens.loc[tokens["kind"] == kind, "norm"].dropna().to_numpy(np.float64)
    ratio = float(np.median(lengths)) / middle if middle and len(lengths) else None
    rows: tuple[tuple[Cell, ...], ...] = ()
    if middle and len(lengths):
        mixed = np.quantile(lengths, quantiles)
        rows = tuple(
            (_quantile(q), float(english) / middle, float(new) / middle)
            for q, english, new in zip(quantiles, source, mixed, strict=True)
        )
    columns: dict[str, Unit] = {"Quantile": "text", "English rows": "ratio", "New rows": "ratio"}
    caption = "Lengths in units of the median English row; the bars of a pair should be alike."
    return Section(
        "norms",
        "Lengths of the rows",
        (
            Finding(
                "norm_ratio",
                "Median length (English = 1)",
                ratio,
                "ratio",
                LENGTHS.state(None if not ratio else max(ratio, 1 / ratio)),
                f"Length of the {'mixed' if kind == 'mixed' else 'new'} rows against the English ones. A mean of several "
                "rows is shorter than they are; rows far from the model's own lengths give too flat or too sharp "
                "predictions at first.",
                f"Good from {1 / LENGTHS.good:.2f} to {LENGTHS.good:g}, "
                f"poor below {1 / LENGTHS.fair:.1f} or above {LENGTHS.fair:g}.",
                _length_advice(config) if ratio else NOT_RECORDED,
                details=(Details("norms", caption, columns, rows, "New rows", "English rows"),) if rows else (),
            ),
        ),
    )


def _length_advice(config: InitConfig) -> str:
    if _looks_for_neighbours(config):
        return "Lower k or tau: fewer, more similar neighbours shorten the mean less."
    return (
        f"{method(config.method).title} makes rows of this length; training has to mend it, or choose another method."
    )


def _quantile(q: float) -> str:
    return {0.0: "shortest", 0.5: "median", 1.0: "longest"}.get(q, f"longer than {q:.0%}")


def coverage_section(tokens: pd.DataFrame, config: InitConfig = WECHSEL) -> Section:
    """Tokens with a static vector and their nearest similarity, by band of token id."""
    # Special tokens and pieces of a character have no vector whatever the file; they would hide what is missing.
    text = tokens["text"].fillna("")
    judged = tokens[tokens["kind"].isin(["mixed", "fallback"]) & ~text.str.contains("\ufffd", regex=False)]
    judged = judged[text.loc[judged.index].str.strip() != ""]
    has_vector = (judged["kind"] == "mixed").to_numpy()
    ids = judged["target_id"].to_numpy()
    early = has_vector[ids < COVERED_IDS]
    value = float(early.mean()) if len(early) else None
    rows: list[tuple[Cell, ...]] = []
    similarity, effective = judged["similarity"].to_numpy(), judged["effective_neighbors"].to_numpy()
    ends = [0, *ID_BANDS, max(len(tokens), ID_BANDS[-1] + 1)]
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        band = (ids >= low) & (ids < high)
        if band.any():
            mixed = band & has_vector
            near = (float(similarity[mixed].mean()), float(effective[mixed].mean())) if mixed.any() else (None, None)
            share = float(has_vector[band].mean())
            rows.append((f"{low:,} to {min(high, len(tokens)) - 1:,}", int(band.sum()), share, *near))
    columns: dict[str, Unit] = {
        "Token ids": "text", "Tokens": "tokens", "With a vector": "share", "Nearest similarity": "ratio",
        "Effective neighbours": "ratio",
    }  # fmt: skip
    caption = (
        "A trained tokenizer numbers frequent tokens first, so a band of ids is a band of frequency. Pieces of a "
        f"character and special tokens are left out. Similarity: mean {'CSLS' if config.similarity == 'csls' else 'cosine'} "
        "to the nearest English token."
    )
    return Section(
        "coverage",
        "Coverage by frequency",
        (
            Finding(
                "covered_tokens",
                "Frequent tokens with a vector",
                value,
                "share",
                COVERED.state(value),
                f"Of the tokens with ids below {COVERED_IDS:,}, the most frequent ones, those that have a static vector and so "
                "could look for neighbours at all.",
                COVERED.words("share"),
                "Use vectors with character n-grams (fastText .bin), or a vocabulary of more words.",
                details=(Details("id_bands", caption, columns, tuple(rows), "Nearest similarity"),) if rows else (),
            ),
        ),
    )
