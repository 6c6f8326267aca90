"""Findings about the dictionary and the rotation fitted on it, read from ``wechsel.json``."""

from __future__ import annotations

import math
from typing import Any

from wechsel_core.reports.record import NOT_RECORDED, Cell, Details, Finding, Scale, Section, number

#: P@n of held-out pairs by plain cosine, which is how neighbours are chosen. Conneau et al. (2018, table 1) report
#: supervised P@1 of 25 to 45% for English with Esperanto and Chinese and of 70 to 85% with near languages, from
#: vectors of whole Wikipedias: 30% is where a distant pair with good data stands. Below 10% nine neighbours of ten
#: come first for another reason than meaning. A shuffled dictionary scores below 1%. P@5 and P@10 follow from the
#: same curves; with k = 10, P@10 is the share of words whose translation gets into the mixture.
PRECISION = {1: Scale(0.30, 0.10), 5: Scale(0.45, 0.15), 10: Scale(0.50, 0.20)}
#: Below this P@1 it is no matter of quality any more: 2% is what unrelated spaces reach with generous luck.
WRONG_PAIRS = 0.02
#: What CSLS adds to P@1 in points. It corrects for hubs alone, and in a healthy space it adds one or two points.
CSLS_GAIN = Scale(0.03, 0.08)
#: Fit of the pairs against that of random ones. For n pairs of random rows in d dimensions the best rotation still
#: reaches a mean cosine of about 8 / (3 pi) sqrt(d / n) (the nuclear norm of a random d x d matrix). The pocket's
#: dictionaries reach 2 to 3.5 times that, a shuffled one 0.9 times.
FIT = Scale(3.0, 1.5)
#: Usable pairs for each dimension of the vectors. With fewer pairs than dimensions the rotation is not determined;
#: five times as many even out wrong pairs.
PAIRS_PER_DIMENSION = Scale(5.0, 1.0)
#: Share of the offered pairs that both vocabularies know. Wiktionary dictionaries lose about half to entries of
#: several words and to rare ones; losing four of five points to the wrong language or another spelling.
USABLE = Scale(0.5, 0.2)
#: Share of the 5,000 most frequent target words that a usable pair translates: the words that most text is made of.
REACH = Scale(0.4, 0.15)
REACH_WORDS = 5000

REASONS = {
    "multiword": ("more than one word", "A static vocabulary holds single words; nothing is lost but the pair."),
    "source_unknown": ("English word unknown", "Check that English stands first, or take larger English vectors."),
    "target_unknown": ("target word unknown", "Check language and spelling, or take larger target vectors."),
}


def dictionary_section(manifest: dict[str, Any]) -> Section:
    """Pairs offered, usable, used, dropped; which frequent words they reach."""
    alignment = manifest.get("alignment") or {}
    offered, usable = number(alignment, "pairs_offered"), number(alignment, "pairs_usable")
    return Section(
        "dictionary",
        "Dictionary",
        (_usable_pairs(manifest, usable), _usable_share(alignment, offered, usable), _reach(alignment)),
    )


def _usable_pairs(manifest: dict[str, Any], usable: float | None) -> Finding:
    dim = number(manifest, "inputs", "target_vectors", "dim")
    used = number(manifest, "alignment", "rows")
    counts: list[tuple[Cell, ...]] = [
        ("offered", number(manifest, "alignment", "pairs_offered")),
        ("usable", usable),
        ("used, with case variants", used),
        ("dimensions of the vectors", dim),
    ]
    return Finding(
        "usable_pairs",
        "Usable pairs",
        usable,
        "pairs",
        PAIRS_PER_DIMENSION.state(usable / dim if usable is not None and dim else None),
        "Pairs of which both words have a static vector; the rotation is fitted on all of them.",
        f"Good from {5 * dim:,.0f}, poor below {dim:,.0f}: five pairs, and one, for each dimension of the vectors."
        if dim
        else "Good from five pairs, poor below one, for each dimension of the vectors.",
        "Use a larger dictionary, or static vectors of fewer dimensions.",
        details=(
            Details(
                "pairs",
                "A usable pair is used in every spelling (lower case, capitalised) that both vocabularies know.",
                {"Pairs": "text", "Number": "pairs"},
                tuple(row for row in counts if row[1] is not None),
            ),
        ),
    )


def _usable_share(alignment: dict[str, Any], offered: float | None, usable: float | None) -> Finding:
    share = usable / offered if usable is not None and offered else None
    rows: list[tuple[Cell, ...]] = []
    for reason, (name, remedy) in REASONS.items():
        count = number(alignment, f"pairs_{reason}")
        if count is not None and offered:
            rows.append((name, count, count / offered, remedy))
    columns: Any = {"Reason": "text", "Pairs": "pairs", "Share": "share", "What to do": "text"}
    details = [
        Details(
            "dropped",
            "Pairs that the rotation could not use, by the reason that they dropped out.",
            columns,
            tuple(rows),
            "Share",
        )
    ]
    examples = alignment.get("dropped_examples")
    if isinstance(examples, dict):
        pairs = [
            (str(pair[0]), str(pair[1]), name)
            for reason, (name, _) in REASONS.items()
            for pair in examples.get(reason) or ()
        ]
        caption = "Examples, spread over the dictionary, at most 20 of each reason."
        words: Any = {"English": "token", "Target": "token", "Reason": "text"}
        details.append(Details("dropped_examples", caption, words, tuple(pairs)))
    return Finding(
        "usable_share",
        "Pairs known to both",
        share,
        "share",
        USABLE.state(share),
        "Of all pairs that the dictionary offers, those whose words both vocabularies know.",
        USABLE.words("share"),
        "Look at the reasons and examples below: they tell a wrong language, a wrong column and rare words apart.",
        details=tuple(table for table in details if table.rows),
    )


def _reach(alignment: dict[str, Any]) -> Finding:
    bands = [band for band in alignment.get("covered_words") or () if number(band, "share") is not None]
    # The band of 5,000; vectors of fewer words have one of their own size.
    judged = min(bands, key=lambda band: abs(band.get("most_frequent", 0) - REACH_WORDS), default=None)
    n = judged["most_frequent"] if judged else REACH_WORDS
    value = number(judged, "share")
    table = Details(
        "covered_words",
        "Of so many most frequent words of the target vectors, those that a usable pair translates.",
        {"Words": "words", "With a usable pair": "share"},
        tuple((band["most_frequent"], band["share"]) for band in bands),
        "With a usable pair",
    )
    return Finding(
        "dictionary_reach",
        "Frequent words with a pair",
        value,
        "share",
        REACH.state(value),
        f"Of the {n:,} most frequent target words, those that a usable pair translates; pairs of frequent words "
        "have the best vectors and fix the rotation best.",
        REACH.words("share"),
        "Add frequent words to the dictionary first." if judged else NOT_RECORDED,
        details=(table,) if bands else (),
    )


def alignment_section(manifest: dict[str, Any]) -> Section:
    """Held-out translation precision, what CSLS adds, and the residual."""
    held_out = (manifest.get("alignment") or {}).get("held_out") or {}
    findings = [_precision(held_out, n) for n in PRECISION]
    return Section("alignment", "Alignment", (*findings, _csls_gain(held_out, manifest), _residual(manifest)))


def _precision(held_out: dict[str, Any], n: int) -> Finding:
    part = (held_out.get("cosine") or {}).get("all") or {}
    name = f"p_at_{n}"
    value, tried = number(part, name), number(part, "n")
    scale = PRECISION[n]
    places = "nearest English word" if n == 1 else f"{n} nearest English words"
    return Finding(
        name,
        f"Held-out P@{n}",
        value,
        "share",
        scale.state(value),
        f"Words kept from the fit whose translation is {'the' if n == 1 else 'among the'} {places} by plain cosine"
        + (f", of {tried:,.0f} tried." if tried else "."),
        scale.words("share"),
        _precision_advice(value) if n == 1 else "The causes are those of a low P@1: dictionary first, then vectors.",
        interval=_interval(part, name),
        details=_precision_table(held_out) if n == 1 else (),
    )


def _precision_advice(value: float | None) -> str:
    if value is None:
        return "Nothing could be held out: the dictionary has too few usable pairs. Use a larger one."
    if value < WRONG_PAIRS:
        return (
            "Almost no word finds its translation: the pairs look wrong (shuffled, columns swapped, another language) "
            "or are far too few. Read the dictionary; then check that the vectors are those of the two languages."
        )
    return (
        "Check the dictionary (right language, frequent words, one meaning a pair), then the vectors: both trained "
        "alike, on enough text. Open a frequent token on the page Neighbours: do its neighbours mean the same?"
    )


def _interval(part: dict[str, Any], name: str) -> tuple[float, float] | None:
    ends = (part.get("interval") or {}).get(name)
    return (float(ends[0]), float(ends[1])) if ends else None


def _precision_table(held_out: dict[str, Any]) -> tuple[Details, ...]:
    rows: list[tuple[Cell, ...]] = []
    for by, by_name in (("cosine", "plain cosine"), ("csls", "CSLS")):
        for words in ("all", "frequent"):
            part = (held_out.get(by) or {}).get(words) or {}
            for n in PRECISION:
                value = number(part, f"p_at_{n}")
                if value is not None:
                    low, high = _interval(part, f"p_at_{n}") or (None, None)
                    rows.append((by_name, words, f"P@{n}", value, low, high, number(part, "n")))
    if not rows:
        return ()
    caption = (
        "Share of held-out words whose translation is among the first n, with its 95% bootstrap interval over the "
        "words (From, To). CSLS corrects for hubs; frequent: the 5,000 most frequent target words."
    )
    columns: Any = {
        "Search by": "text", "Words": "text", "Figure": "text", "Share": "share", "From": "share", "To": "share",
        "Tried": "words",
    }  # fmt: skip
    return (Details("precision", caption, columns, tuple(rows), "Share"),)


def _csls_gain(held_out: dict[str, Any], manifest: dict[str, Any]) -> Finding:
    plain, csls = (number(held_out, by, "all", "p_at_1") for by in ("cosine", "csls"))
    gain = csls - plain if plain is not None and csls is not None else None
    search = "CSLS" if (manifest.get("config") or {}).get("similarity") == "csls" else "plain cosine"
    # Where next to nothing is found there is nothing to gain, and no gain would look like health.
    works = plain is not None and plain >= PRECISION[1].fair
    return Finding(
        "csls_gain",
        "P@1 gained by CSLS",
        gain,
        "share",
        CSLS_GAIN.state(gain if works else None),
        f"How much P@1 rises where hubs are corrected for; the transfer itself uses {search}. "
        "Not judged where P@1 is poor.",
        CSLS_GAIN.words("share"),
        "Much to gain says that hubs take the place of right neighbours: see Hubs below, and try other vectors.",
    )


def _residual(manifest: dict[str, Any]) -> Finding:
    alignment = manifest.get("alignment") or {}
    residual, fit = number(alignment, "relative_residual"), number(alignment, "pair_cosine")
    pairs, dim = number(alignment, "pairs_usable"), number(manifest, "inputs", "target_vectors", "dim")
    chance = min(1.0, 8 / (3 * math.pi) * math.sqrt(dim / pairs)) if pairs and dim else None
    times = fit / chance if fit is not None and chance else None
    compared = f"mean cosine of the pairs {fit:.2f}, of random pairs about {chance:.2f}" if times is not None else ""
    return Finding(
        "residual",
        "Procrustes residual",
        residual,
        "ratio",
        FIT.state(times),
        "What the best rotation leaves over, relative to the target rows; it depends on the lengths of the vectors, "
        "so the cosine that it leaves the pairs with is judged" + (f" ({compared})." if compared else "."),
        f"Good from {FIT.good:g} times the cosine of random pairs, poor below {FIT.fair:g} times.",
        (
            "A fit no better than that of random pairs says that pairs are wrong or too few, or that the two sets of "
            "vectors have little in common."
        )
        if times is not None
        else NOT_RECORDED,
    )
