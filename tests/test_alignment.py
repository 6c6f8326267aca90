"""From dictionary to rotation: planted truth, chance, and held-out pairs that were truly held out."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tests.memory_vectors import MemoryVectors, planted_languages
from wechsel_core import alignment
from wechsel_core.alignment import align
from wechsel_core.errors import DictionaryError
from wechsel_core.types import BilingualDictionary

Pairs = list[tuple[str, str]]


def held_out_precision(pairs: Pairs, source: MemoryVectors, target: MemoryVectors) -> dict[str, Any]:
    """The held-out part of ``align``."""
    return align(BilingualDictionary(tuple(pairs), "pairs", ""), source, target).held_out


def test_recovers_the_planted_rotation() -> None:
    source, target, dictionary, rotation = planted_languages(120, 8)
    found = align(dictionary, source, target)
    np.testing.assert_allclose(found.alignment.rotation, rotation, atol=1e-5)
    assert found.alignment.relative_residual < 1e-5 and found.alignment.n_pairs == 120
    assert len(found.coverage.usable) == 120


def test_planted_translations_give_precision_one() -> None:
    source, target, dictionary, _ = planted_languages(120, 8)
    held_out = align(dictionary, source, target).held_out
    assert held_out["folds"] == 10 and held_out["searched_words"] == 120
    for measure in ("cosine", "csls"):
        for words in ("all", "frequent"):
            shares = {f"p_at_{n}": 1.0 for n in (1, 5, 10)}
            interval = {name: [1.0, 1.0] for name in shares}
            assert held_out[measure][words] == {**shares, "n": 120, "interval": interval}


def test_shuffled_translations_give_chance() -> None:
    """Random pairs of 200 words: about 1/200, 5/200 and 10/200 would be hit blindly. A fit on the very pairs that
    are scored would lie far above.
    """
    source, target, dictionary, _ = planted_languages(200, 10)
    foreign = np.random.default_rng(5).permutation(200)
    pairs = [(pair[0], dictionary.pairs[i][1]) for pair, i in zip(dictionary.pairs, foreign, strict=True)]
    scores = held_out_precision(pairs, source, target)["cosine"]["all"]
    assert scores["n"] == 200 and scores["p_at_1"] <= 0.03 and scores["p_at_10"] <= 0.12


def test_noise_lowers_precision() -> None:
    scores = []
    for noise in (0.1, 1.0, 10.0):
        source, target, dictionary, _ = planted_languages(100, 8, noise=noise)
        scores.append(held_out_precision(list(dictionary.pairs), source, target)["cosine"]["all"]["p_at_1"])
    assert scores[0] > 0.95 and scores[0] > scores[1] > scores[2]


def test_fewer_pairs_than_dimensions() -> None:
    """Five pairs in 16 dimensions: orthogonal, exact on its pairs, and honest about unseen words."""
    source, target, dictionary, rotation = planted_languages(60, 16)
    few = BilingualDictionary(dictionary.pairs[:5], "few", "")
    found = align(few, source, target)
    turned = found.alignment.rotation
    np.testing.assert_allclose(turned @ turned.T, np.eye(16), atol=1e-9)
    np.testing.assert_allclose(source.matrix[:5] @ turned, target.matrix[:5], atol=1e-4)
    assert found.alignment.n_pairs == 5 and not np.allclose(turned, rotation, atol=0.1)
    assert found.held_out["folds"] == 5 and found.held_out["cosine"]["all"]["n"] == 5
    assert found.held_out["cosine"]["all"]["p_at_1"] < 1


def test_one_pair_cannot_be_held_out() -> None:
    """Nothing is left to fit on: no word is scored, and no share is made up."""
    source, target, dictionary, _ = planted_languages(10, 3)
    found = align(BilingualDictionary(dictionary.pairs[:1], "one", ""), source, target)
    assert found.alignment.n_pairs == 1
    none = {"p_at_1": None, "p_at_5": None, "p_at_10": None}
    assert found.held_out["cosine"]["all"] == {**none, "n": 0, "interval": none}


def test_one_source_word_for_all_cannot_be_held_out() -> None:
    """Every pair shares its English word: hiding it hides all pairs."""
    source, target, dictionary, _ = planted_languages(10, 3)
    pairs = [(dictionary.pairs[0][0], foreign) for _, foreign in dictionary.pairs]
    assert held_out_precision(pairs, source, target)["csls"]["all"]["n"] == 0


def test_no_common_word_is_refused() -> None:
    source, target, dictionary, _ = planted_languages(4, 2)
    swapped = BilingualDictionary(tuple((b, a) for a, b in dictionary.pairs), "swapped.txt", "")
    with pytest.raises(DictionaryError, match="none of the 4 pairs of swapped.txt"):
        align(swapped, source, target)


def test_unusable_pairs_are_left_out_of_the_fit() -> None:
    source, target, dictionary, _ = planted_languages(20, 4)
    extended = BilingualDictionary((("unknown", "inconnu"), *dictionary.pairs, ("ice cream", "glace")), "d", "")
    found = align(extended, source, target)
    assert (
        found.alignment.n_pairs == 20 and found.coverage.n_offered == 22 and found.held_out["cosine"]["all"]["n"] == 20
    )


def test_reference_case_variants_reach_the_fit() -> None:
    """A lower-case pair counts four times where no other variant is known: the sum of its 2 x 2 lookups."""
    source, target, dictionary, _ = planted_languages(20, 4)
    assert align(dictionary, source, target, case_variants="reference").alignment.n_pairs == 80


def test_seeds_repeat() -> None:
    """The same seed gives the same folds; the rotation does not depend on it."""
    source, target, dictionary, _ = planted_languages(60, 10, noise=1.0)
    runs = [align(dictionary, source, target, seed=seed) for seed in (1, 1, 2, 3, 4)]
    assert runs[0].held_out == runs[1].held_out
    assert any(run.held_out != runs[0].held_out for run in runs[2:])
    for run in runs[1:]:
        np.testing.assert_array_equal(run.alignment.rotation, runs[0].alignment.rotation)


# --- what is held out is held out --------------------------------------------------------------------------------


class Recorder:
    """Keeps, for every fold, the rows of both languages that it was fitted on, and the target rows scored with it.

    A fold is fitted on the products of all pairs less those of the pairs that it leaves out. The rotation is the
    identity here, so that scored rows are seen as they were looked up.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folds: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._all: Counter[tuple[bytes, bytes]] | None = None
        self._of_thread = threading.local()  # folds run side by side, a thread each
        self._normalize, self._products = alignment.normalize_rows, alignment.cross_products
        monkeypatch.setattr(alignment, "cross_products", self._cross_products)
        monkeypatch.setattr(alignment, "best_rotation", lambda products: np.eye(len(products)))
        monkeypatch.setattr(alignment, "normalize_rows", self._normalize_rows)

    def _cross_products(self, source_rows: np.ndarray, target_rows: np.ndarray) -> Any:
        given = Counter(zip(map(bytes, source_rows), map(bytes, target_rows), strict=True))
        if self._all is None:
            self._all = given
        else:
            assert not given - self._all, "what is taken out was not in"
            kept = list((self._all - given).elements())
            shape, dtype = (len(kept), source_rows.shape[1]), source_rows.dtype
            source, target = (np.frombuffer(b"".join(side), dtype).reshape(shape) for side in zip(*kept, strict=True))
            self._of_thread.fitted = source, target
        return self._products(source_rows, target_rows)

    def _normalize_rows(self, rows: np.ndarray) -> np.ndarray:
        if hasattr(self._of_thread, "fitted"):  # before the first fold these are the words that are searched
            self.folds.append((*self._of_thread.fitted, rows))
        return self._normalize(rows)


def check_held_out(recorder: Recorder, pairs: Pairs, source: MemoryVectors, target: MemoryVectors) -> int:
    """No vector of a scored word, nor of one of its translations, is among the rows of that fold's fit.

    Compared are the vectors themselves, so that a word seen in another case counts as seen. Returns the number of
    scored queries.
    """
    n_scored = 0
    for fit_source, fit_target, scored_rows in recorder.folds:
        n_scored += len(scored_rows)
        scored = bytes_of(scored_rows)
        assert not bytes_of(fit_target) & scored, "a scored target word was fitted on"
        gold = [a for a, b in pairs if bytes_of(variant_rows(b, target)) & scored]
        hidden = set().union(*(bytes_of(variant_rows(word, source)) for word in gold))
        assert not bytes_of(fit_source) & hidden, "a translation of a scored word was fitted on"
    return n_scored


def bytes_of(rows: np.ndarray) -> set[bytes]:
    return {row.astype(np.float32).tobytes() for row in rows}


def variant_rows(word: str, vectors: MemoryVectors) -> np.ndarray:
    known = [form for form in (word, word.lower(), word.title()) if form in vectors.words]
    return vectors.word_vectors(known)


def test_never_fits_on_a_scored_pairs_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Synonyms on both sides: a word's other translations, and their other pairs' words, tie pairs together."""
    source, target, dictionary, _ = planted_languages(80, 6)
    pairs = list(dictionary.pairs)
    rng = np.random.default_rng(0)
    pairs += [(pairs[i][0], pairs[j][1]) for i, j in rng.integers(0, 80, (40, 2))]
    recorder = Recorder(monkeypatch)
    result = held_out_precision(list(dict.fromkeys(pairs)), source, target)
    assert len(recorder.folds) == 10
    assert check_held_out(recorder, pairs, source, target) == 80 == result["cosine"]["all"]["n"]


def test_many_words_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 30 of 80 words, three a fold are drawn, none of them fitted on; fits still leave all of a fold out."""
    source, target, dictionary, _ = planted_languages(80, 6)
    monkeypatch.setattr(alignment, "SCORED_SIMILARITIES", 30 * len(source.words))
    recorder = Recorder(monkeypatch)
    result = held_out_precision(list(dictionary.pairs), source, target)
    assert check_held_out(recorder, list(dictionary.pairs), source, target) == 30 == result["cosine"]["all"]["n"]
    assert {len(fit_source) for fit_source, _, _ in recorder.folds} == {72}


def test_a_folds_rotation_is_that_of_its_own_pairs() -> None:
    """Taking the products of some pairs out of the whole is fitting on the others."""
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 500, 12)).astype(np.float32)
    out = rng.random(500) < 0.1
    others = alignment.cross_products(source, target) - alignment.cross_products(source[out], target[out])
    expected = alignment.fit_alignment(source[~out], target[~out]).rotation
    np.testing.assert_allclose(alignment.best_rotation(others), expected, atol=1e-12)


def test_case_variants_of_the_source_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words "May" and "may" are one English word to the alignment, which looks up both for either."""
    source, target, dictionary, _ = planted_languages(40, 6)
    titles = [word.title() for word in source.words]
    source = MemoryVectors([*source.words, *titles], np.vstack([source.matrix, -source.matrix]))
    pairs = list(dictionary.pairs) + [(titles[i], dictionary.pairs[(i + 7) % 40][1]) for i in range(40)]
    recorder = Recorder(monkeypatch)
    held_out_precision(pairs, source, target)
    assert check_held_out(recorder, pairs, source, target) == 40


def test_case_variants_of_the_target_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """German "Rot" (noun) and "rot" (adjective) look each other's vector up, so they must share a fold."""
    source, target, dictionary, _ = planted_languages(40, 6)
    foreign = [word for _, word in dictionary.pairs]
    target = MemoryVectors([*foreign, *[w.title() for w in foreign]], np.vstack([target.matrix, target.matrix + 0.1]))
    pairs = list(dictionary.pairs) + [(dictionary.pairs[(i + 1) % 40][0], foreign[i].title()) for i in range(40)]
    recorder = Recorder(monkeypatch)
    held_out_precision(pairs, source, target)
    assert check_held_out(recorder, pairs, source, target) > 0


# --- the words searched ------------------------------------------------------------------------------------------


def test_searched_words_are_the_frequent_ones_and_the_dictionarys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of "the", "The", "5", "of", "rare" with a limit of 2: "the" and "of", case folded, no numbers, and "rare",
    which is in the dictionary.
    """
    monkeypatch.setattr(alignment, "SEARCHED_WORDS", 2)
    source = MemoryVectors(["the", "The", "5", "of", "other", "rare"], np.eye(6))
    target = MemoryVectors(["le", "rar"], np.eye(6)[:2])
    assert held_out_precision([("The", "le"), ("rare", "rar")], source, target)["searched_words"] == 3


def test_frequent_counts_the_first_target_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "FREQUENT_WORDS", 15)
    source, target, dictionary, _ = planted_languages(40, 4)
    held_out = held_out_precision(list(dictionary.pairs), source, target)
    assert held_out["cosine"]["frequent"]["n"] == 15 and held_out["csls"]["all"]["n"] == 40


def test_any_right_translation_counts() -> None:
    """Two English words for each foreign one, the right one first: finding either is a hit."""
    source, target, dictionary, _ = planted_languages(60, 4)
    pairs = [pair for i, (a, b) in enumerate(dictionary.pairs) for pair in ((a, b), (source.words[(i + 5) % 60], b))]
    held_out = held_out_precision(pairs, source, target)
    assert held_out["cosine"]["all"]["n"] == 60 and held_out["cosine"]["all"]["p_at_1"] > 0.8


def test_english_word_known_only_through_title_case() -> None:
    """Word "ﬁsh" with a ligature is known as "Fish" (its title case): usable, so it must be scored, not crash."""
    source, target, dictionary, _ = planted_languages(12, 3)
    source = MemoryVectors(["Fish", *source.words], np.vstack([np.ones((1, 3)), source.matrix]))
    target = MemoryVectors(["poisson", *target.words], np.vstack([np.ones((1, 3)), target.matrix]))
    pairs = BilingualDictionary((("\ufb01sh", "poisson"), *dictionary.pairs), "d", "")
    assert align(pairs, source, target).held_out["cosine"]["all"]["n"] == 13


# --- what the health report reads --------------------------------------------------------------------------------


def test_pair_cosine_of_planted_and_of_random_pairs() -> None:
    """Planted pairs fit entirely, whatever the lengths; n random pairs in d dimensions about 8 / (3 pi) sqrt(d / n)."""
    source, target, dictionary, _ = planted_languages(400, 20)
    longer = MemoryVectors(target.words, 3 * target.matrix)
    assert align(dictionary, source, longer).pair_cosine == pytest.approx(1, abs=1e-6)
    foreign = MemoryVectors(target.words, np.random.default_rng(9).normal(size=(400, 20)))
    chance = 8 / (3 * np.pi) * np.sqrt(20 / 400)
    assert align(dictionary, source, foreign).pair_cosine == pytest.approx(chance, rel=0.1)


def test_covered_words_hand_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words by frequency: "," is no word; of "la", "Le", "le", "chat" pairs reach "Le" and "le" (case variants) and
    "chat": one of the first two, three of four.
    """
    monkeypatch.setattr(alignment, "BANDS", (2, 100))
    source = MemoryVectors(["the", "cat"], np.eye(2))
    target = MemoryVectors([",", "la", "Le", "le", "chat"], np.ones((5, 2)))
    found = align(BilingualDictionary((("the", "le"), ("cat", "chat")), "d", ""), source, target)
    assert found.covered_words == [{"most_frequent": 2, "share": 0.5}, {"most_frequent": 4, "share": 0.75}]


def test_intervals_surround_their_shares() -> None:
    source, target, dictionary, _ = planted_languages(100, 8, noise=1.0)
    part = align(dictionary, source, target).held_out["cosine"]["all"]
    for name, (low, high) in part["interval"].items():
        assert 0 <= low < part[name] < high <= 1
