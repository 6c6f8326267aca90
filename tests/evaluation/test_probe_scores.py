"""Scores and baselines of the probes by hand."""

from __future__ import annotations

import pytest

from wechsel_core.evaluation.probe_data import Labelled
from wechsel_core.evaluation.probe_scores import counts_of, majority, score


def labelled(*examples: tuple[str, str]) -> Labelled:
    """Words and labels, parted by spaces."""
    texts, labels = zip(*((tuple(words.split()), tuple(tags.split())) for words, tags in examples), strict=True)
    return Labelled("set", "hash", texts, labels)


def test_accuracy() -> None:
    assert score("nli", [("a",), ("b",), ("a",), ("c",)], [("a",), ("a",), ("a",), ("c",)]) == {"score": 0.75}


def test_entities_by_hand() -> None:
    """Three entities: one found, one with a wrong end, one with a wrong type; and none is made up.

    Found 1 of the 3 that were said and 1 of the 3 that are there: precision, recall and F1 are 1/3.
    """
    right = [("B-PER", "I-PER", "O", "B-LOC"), ("B-ORG", "I-ORG")]
    guessed = [("B-PER", "O", "O", "B-LOC"), ("B-LOC", "I-LOC")]
    third = pytest.approx(1 / 3)
    assert score("ner", right, guessed) == {"score": third, "precision": third, "recall": third}


def test_precision_and_recall_differ() -> None:
    """One of two entities found and nothing else said: precision 1, recall 1/2, F1 2/3."""
    found = score("ner", [("B-PER", "O", "B-LOC")], [("B-PER", "O", "O")])
    assert found == {"score": pytest.approx(2 / 3), "precision": 1.0, "recall": 0.5}


def test_an_entity_may_begin_with_i() -> None:
    assert score("ner", [("B-PER", "I-PER", "O")], [("I-PER", "I-PER", "O")])["score"] == 1.0


def test_nothing_said_is_zero() -> None:
    assert score("ner", [("B-PER",)], [("O",)]) == {"score": 0.0, "precision": 0.0, "recall": 0.0}


def test_majority_of_pairs_goes_by_the_training_data() -> None:
    train, test = labelled(("x", "a"), ("x", "b"), ("x", "b")), labelled(("x", "a"), ("x", "b"), ("x", "a"))
    assert majority("nli", train, test) == pytest.approx(1 / 3)


def test_majority_of_tags_goes_word_by_word() -> None:
    """Lyon is LOC twice and O once, Paul was never seen; of the test's two entities Lyon alone is found."""
    train = labelled(("Lyon dort", "B-LOC O"), ("Lyon rit", "B-LOC O"), ("Lyon", "O"))
    test = labelled(("Paul dort", "B-PER O"), ("Lyon", "B-LOC"))
    assert majority("ner", train, test) == pytest.approx(2 / 3)


def test_counts() -> None:
    found = counts_of("ner", labelled(("Paul Roy dort", "B-PER I-PER O"), ("Lyon", "I-LOC")))
    assert found == {
        "name": "set", "sha256": "hash", "n": 2, "labels": {"B-PER": 1, "I-LOC": 1, "I-PER": 1, "O": 1}, "entities": 2,
    }  # fmt: skip
    assert counts_of("nli", labelled(("x", "a"))) == {"name": "set", "sha256": "hash", "n": 1, "labels": {"a": 1}}
