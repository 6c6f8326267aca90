"""From a bilingual dictionary and two vector stores to a rotation, and to an honest figure of its quality."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from wechsel_core.dictionaries import CaseVariants, Coverage, Forms, coverage, forms_of, paired_rows
from wechsel_core.errors import DictionaryError
from wechsel_core.numerics.align import Alignment, best_rotation, cross_products, fit_alignment
from wechsel_core.numerics.evaluation import csls_scores, translation_hits
from wechsel_core.numerics.parallel import one_blas_thread, run_blocks, side_by_side
from wechsel_core.numerics.rows import normalize_rows
from wechsel_core.numerics.statistics import bootstrap_interval
from wechsel_core.types import BilingualDictionary
from wechsel_core.vectors.base import StaticVectors
from wechsel_core.vectors.remembered import RememberedVectors

FOLDS = 10
SEARCHED_WORDS = 20_000
FREQUENT_WORDS = 5_000
#: Held-out target words times English words searched, at most: with a dictionary of 60,000 pairs all of them would take
#: most of an initialisation. 1,700 scored words give an interval of 2.4 points to either side of 50 percent.
SCORED_SIMILARITIES = 100_000_000
CUTOFFS = (1, 5, 10)
#: How many of the most frequent target words the dictionary's reach is told for.
BANDS = (1_000, 5_000, 10_000, 20_000)


@dataclass(frozen=True, eq=False)
class DictionaryAlignment:
    """A fitted rotation, the coverage of its dictionary, and its held-out translation precision.

    Attributes
    ----------
    pair_cosine : float
        Mean cosine of the rotated source rows to their translations, each pair weighted by the product of its
        norms: 1 is a perfect fit, 0 none, whatever the lengths of the vectors.
    covered_words : list of dict
        ``most_frequent``, how many target words are looked at, and ``share`` of them that a usable pair translates.
    """

    alignment: Alignment
    coverage: Coverage
    held_out: dict[str, Any]
    pair_cosine: float
    covered_words: list[dict[str, float]]


def align(
    dictionary: BilingualDictionary,
    source: StaticVectors,
    target: StaticVectors,
    *,
    case_variants: CaseVariants = "unique",
    seed: int = 0,
) -> DictionaryAlignment:
    """Fit the rotation on every usable pair, and measure P@k on pairs held out fold by fold.

    Raises
    ------
    DictionaryError
        If no pair is known to both vocabularies.
    """
    source, target = RememberedVectors(source), RememberedVectors(target)
    source_forms = forms_of([pair[0] for pair in dictionary.pairs], source)
    target_forms = forms_of([pair[1] for pair in dictionary.pairs], target)
    known = coverage(dictionary, source_forms, target_forms)
    if not len(known.usable):
        raise DictionaryError(
            f"none of the {known.n_offered} pairs of {dictionary.name} is in both vocabularies",
            "pairs of an English word and a word of the target vectors",
            "check the languages and that English stands first",
        )
    source_forms, target_forms = source_forms.of(known.usable), target_forms.of(known.usable)
    # One BLAS thread: the products are small, and beside a training run two threads that wait for each other took
    # 26 s where one takes 2. The rotation is also the same to the bit then, however many cores there are.
    with one_blas_thread():
        source_rows, target_rows, pair_of_row = paired_rows(
            source_forms, target_forms, source, target, case_variants=case_variants
        )
        products = cross_products(source_rows, target_rows)
        rows = source_rows, target_rows, pair_of_row
        precision = _held_out_precision(source_forms, target_forms, *rows, products, source, target, seed=seed)
        fitted = fit_alignment(source_rows, target_rows, products=products)
    return DictionaryAlignment(
        fitted,
        known,
        precision,
        _pair_cosine(source_rows, target_rows, fitted.relative_residual),
        _covered_words(target_forms, target),
    )


def _pair_cosine(source_rows: np.ndarray, target_rows: np.ndarray, relative_residual: float) -> float:
    """Read off the residual, without the product: ||A R - B||² = ||A||² + ||B||² - 2 <A R, B>."""
    scale = float(np.linalg.norm(target_rows))
    ratio = float(np.linalg.norm(source_rows)) / scale if scale else 0.0
    return (ratio**2 + 1 - relative_residual**2) / (2 * ratio) if ratio else 0.0


def _covered_words(translated: Forms, target: StaticVectors) -> list[dict[str, float]]:
    """Of the most frequent target words with a letter in them, the share that some case variant of a pair is."""
    wanted = islice((i for i, word in enumerate(target.words) if any(map(str.isalpha, word))), BANDS[-1])
    words = np.fromiter(wanted, dtype=np.int64)
    covered = np.isin(words, translated.index)
    bands = dict.fromkeys(min(band, len(words)) for band in BANDS)
    return [{"most_frequent": n, "share": round(float(covered[:n].mean()), 4)} for n in bands if n]


def _held_out_precision(
    pairs_source: Forms,
    pairs_target: Forms,
    fit_source: np.ndarray,
    fit_target: np.ndarray,
    pair_of_row: np.ndarray,
    products: np.ndarray,
    source: RememberedVectors,
    target: RememberedVectors,
    *,
    seed: int,
) -> dict[str, Any]:
    """Share of target words whose right translation is among the first n English words.

    Ten folds of target words. A fold's rotation is fitted without any pair that holds one of its target words
    or one of their translations, so neither side of a scored pair was seen. Of many target words as many are
    scored, drawn by chance, as make 100 million similarities. Searched are the 20,000 most frequent English words, case folded, and every dictionary word.
    CSLS takes its hubness term over the fold's scored words.

    Parameters
    ----------
    pairs_source, pairs_target
        The words of the usable pairs.
    fit_source, fit_target, pair_of_row
        Their vectors, as ``paired_rows`` gives them.
    products
        The ``cross_products`` of all of them.

    Returns
    -------
    dict
        ``p_at_1``, ``p_at_5``, ``p_at_10`` and ``n`` by plain cosine, once for "all" words and once for
        "frequent" ones (the 5,000 most frequent of the target vectors), and the same under CSLS. ``interval``
        holds a 95% bootstrap interval over the words for each share.
    """
    source_forms, target_forms = pairs_source.most_frequent, pairs_target.most_frequent
    words = _searched_words(source_forms, source)
    row_of = {word.lower(): i for i, word in enumerate(words)}
    # "Rot" and "rot" are one query: the fit looks both up for either of them.
    queries = {form.lower(): form for form in reversed(target_forms)}
    position = {key: i for i, key in enumerate(queries)}
    query_forms = list(queries.values())
    source_directions, query_rows = side_by_side(
        lambda: normalize_rows(source.word_vectors(words)), lambda: target.word_vectors(query_forms)
    )
    for store in (source, target):
        store.forget_vectors()
    pair_source = np.array([row_of[form.lower()] for form in source_forms])
    pair_target = np.array([position[form.lower()] for form in target_forms])
    gold: list[set[int]] = [set() for _ in queries]
    for query, row in zip(pair_target, pair_source, strict=True):
        gold[query].add(int(row))
    order = np.random.default_rng(seed).permutation(len(queries))
    n_folds = min(FOLDS, len(queries))
    fold_of, most = order % n_folds, max(1, SCORED_SIMILARITIES // (n_folds * len(words)))
    hits = {False: np.zeros((len(queries), len(CUTOFFS)), bool), True: np.zeros((len(queries), len(CUTOFFS)), bool)}
    scored = np.zeros(len(queries), dtype=bool)

    def score(fold: int) -> None:
        held = np.flatnonzero(fold_of == fold)
        in_fold = fold_of[pair_target] == fold
        hidden = np.zeros(len(words), dtype=bool)
        hidden[pair_source[in_fold]] = True
        asked = held[order[held].argsort()[:most]]
        rows = (in_fold | hidden[pair_source])[pair_of_row]
        if rows.all():
            return
        others = products - cross_products(fit_source[rows], fit_target[rows]) if rows.any() else products
        # Turning the few queries back is the same as turning all English words.
        turned = query_rows[asked] @ best_rotation(others).T.astype(np.float32)
        similarities = normalize_rows(turned) @ source_directions.T
        right = [frozenset(gold[i]) for i in asked]
        hits[False][asked] = translation_hits(similarities, right, cutoffs=CUTOFFS)
        hits[True][asked] = translation_hits(csls_scores(similarities, in_place=True), right, cutoffs=CUTOFFS)
        scored[asked] = True

    run_blocks(score, range(int(fold_of.max()) + 1))
    frequent = (target.index(query_forms) < FREQUENT_WORDS) & scored
    return {
        "folds": int(fold_of.max()) + 1,
        "searched_words": len(words),
        "cosine": {"all": _shares(hits[False], scored), "frequent": _shares(hits[False], frequent)},
        "csls": {"all": _shares(hits[True], scored), "frequent": _shares(hits[True], frequent)},
    }


def _shares(hits: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    n, names = int(rows.sum()), [f"p_at_{cutoff}" for cutoff in CUTOFFS]
    if not n:
        return {**dict.fromkeys(names), "n": 0, "interval": dict.fromkeys(names)}
    found = dict(zip(names, hits[rows].sum(axis=0), strict=True))
    ends = {name: bootstrap_interval(int(hit), n) for name, hit in found.items()}
    return {
        **{name: round(float(hit) / n, 4) for name, hit in found.items()},
        "n": n,
        "interval": {name: [round(end, 4) for end in pair] for name, pair in ends.items()},
    }


def _searched_words(source_forms: list[str], source: StaticVectors) -> list[str]:
    """One word a lower-case form, the most frequent one, for the first 20,000 forms and every dictionary word."""
    chosen: dict[str, str] = {}
    for word in source.words:
        if len(chosen) == SEARCHED_WORDS:
            break
        if any(map(str.isalpha, word)):
            chosen.setdefault(word.lower(), word)
    for form in source_forms:
        chosen.setdefault(form.lower(), form)
    return list(chosen.values())
