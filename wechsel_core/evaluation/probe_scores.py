"""Scores of the probes, and what the labels alone are worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from wechsel_core.evaluation.probe_data import Labelled, Task

MEASURES: dict[Task, str] = {"nli": "accuracy", "ner": "entity F1"}


def score(task: Task, right: Sequence[Sequence[str]], guessed: Sequence[Sequence[str]]) -> dict[str, float]:
    """Accuracy of pairs; or precision, recall and F1 of entities over all types, ``score`` being the F1.

    An entity counts if its type and both its ends are right. Tags are read as the CoNLL script reads them: an I- that
    follows no tag of its type begins an entity.

    Parameters
    ----------
    task : {"nli", "ner"}
    right, guessed : sequence of sequence of str
        Labels of each example: one of a pair, one a word of a sentence.

    References
    ----------
    Tjong Kim Sang and De Meulder (2003), Introduction to the CoNLL-2003 shared task.
    """
    if task == "nli":
        from sklearn.metrics import accuracy_score

        return {"score": float(accuracy_score([label for (label,) in right], [label for (label,) in guessed]))}
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    lists = [[list(tags) for tags in side] for side in (right, guessed)]
    precision, recall, f1, _ = precision_recall_fscore_support(*lists, average="micro", zero_division=0)
    return {"score": float(f1), "precision": float(precision), "recall": float(recall)}


def majority(task: Task, train: Labelled, test: Labelled) -> float:
    """The score of a baseline that looks at no text: the most frequent label.

    Of tags the most frequent one is O everywhere, which finds no entity; so each word gets the tag that it had most often
    in training, and O if it did not occur there. Ties go to the label that occurs first.
    """
    if task == "nli":
        label = Counter(label for (label,) in train.labels).most_common(1)[0][0]
        return score(task, test.labels, [(label,)] * len(test.labels))["score"]
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in zip(train.texts, train.labels, strict=True):
        for word, tag in zip(words, tags, strict=True):
            seen[word][tag] += 1
    usual = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    return score(task, test.labels, [[usual.get(word, "O") for word in words] for words in test.texts])["score"]


def counts_of(task: Task, data: Labelled) -> dict[str, Any]:
    """What one side of the data holds: n, labels, and for sentences the number of entities."""
    found: dict[str, Any] = {"name": data.name, "sha256": data.sha256, "n": len(data.texts), "labels": data.counts()}
    if task == "ner":
        from seqeval.metrics.sequence_labeling import get_entities

        found["entities"] = len(get_entities([list(tags) for tags in data.labels]))
    return found
