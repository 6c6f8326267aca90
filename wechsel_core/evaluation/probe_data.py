"""Labelled data of the probes: sentence pairs as JSON lines, tagged sentences as CoNLL columns, two sets of the hub."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wechsel_core.errors import AssetError, TextError

Task = Literal["nli", "ner"]
Split = Literal["train", "test"]

HUB = "hub:"
_HUB_SHAPE = re.compile(r"hub:([a-z]+)/([a-z]{2,3}(?:-[a-z0-9]+)*)")
PAIR_FIELDS = ("premise", "hypothesis", "label")
_PAIRS = "a JSON object with premise, hypothesis and label on each line"
_COLUMNS = "a word and its tag on each line, with an empty line between sentences"
#: Tags in the BIO scheme; an entity may begin with I-, as in the older IOB1.
_TAG = re.compile(r"O|[BI]-.+")

#: Texts or words, and their labels.
_Example = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Labelled:
    """One side of a labelled set.

    Attributes
    ----------
    name : str
        As it was given.
    sha256 : str
        Of the file, or of the hub's files one after the other.
    texts : tuple of tuple of str
        (premise, hypothesis) of each pair, or the words of each sentence.
    labels : tuple of tuple of str
        One label a pair, or one tag a word.
    """

    name: str
    sha256: str
    texts: tuple[tuple[str, ...], ...]
    labels: tuple[tuple[str, ...], ...]

    def counts(self) -> dict[str, int]:
        """How often each label occurs, by label."""
        return dict(sorted(Counter(label for labels in self.labels for label in labels).items()))


@dataclass(frozen=True)
class _HubSet:
    """A labelled set of the hub that stores numbers in place of labels."""

    task: Task
    repository: str
    fields: tuple[str, ...]
    labels: tuple[str, ...]


_HUB_SETS = {
    "xnli": _HubSet("nli", "facebook/xnli", PAIR_FIELDS, ("entailment", "neutral", "contradiction")),
    "wikiann": _HubSet(
        "ner", "unimelb-nlp/wikiann", ("tokens", "ner_tags"),
        ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    ),
}  # fmt: skip


def read_sides(task: Task, train: str, test: str) -> tuple[Labelled, Labelled]:
    """Read what to train and what to test a probe on.

    Parameters
    ----------
    task : {"nli", "ner"}
    train, test : str
        A file, or ``hub:xnli/LANGUAGE`` or ``hub:wikiann/LANGUAGE``, whose own split is then taken.

    Raises
    ------
    TextError
        One sentence: no such file, not UTF-8, empty, a line of another form, a tag of another scheme, a single label
        to learn, nothing to find in the test, or a label in the test that the training data lacks.
    AssetError
        If a set of the hub cannot be had.
    """
    sides = _read(task, train, "train"), _read(task, test, "test")
    learnt, tested = (side.counts() for side in sides)
    if len(learnt) < 2:
        raise TextError(f"{train} has the single label {next(iter(learnt))}", "two at least", "give more of the data")
    unseen = next((label for label in tested if label not in learnt), None)
    if unseen is not None:
        raise TextError(
            f"the label {unseen} of {test} does not occur in {train}",
            "every label of the test in the training data",
            "split the data anew",
        )
    if task == "ner" and set(tested) == {"O"}:
        raise TextError(f"{test} has no entity", "tags to find", "give more of the data")
    return sides


def _read(task: Task, source: str, split: Split) -> Labelled:
    if source.startswith(HUB):
        return _from_hub(task, source, split)
    path = Path(source).expanduser()
    expected = _PAIRS if task == "nli" else _COLUMNS
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise TextError(f"no readable file at {source}", expected, "check the path") from error
    except UnicodeDecodeError as error:
        raise TextError(
            f"{source} is not UTF-8 (byte {error.start})", "UTF-8 text", "convert it with iconv -t utf-8"
        ) from error
    # Not splitlines: that would also cut at marks which JSON allows inside a string.
    lines = [(f"line {number} of {source}", line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1)]
    found = list(_pairs(lines) if task == "nli" else _sentences(lines))
    return _labelled(source, hashlib.sha256(content).hexdigest(), found, expected)


def _labelled(name: str, sha256: str, found: list[_Example], expected: str) -> Labelled:
    if not found:
        raise TextError(f"{name} is empty", expected, "give a file with labelled examples")
    texts, labels = zip(*found, strict=True)
    return Labelled(name, sha256, texts, labels)


def _pairs(lines: list[tuple[str, str]]) -> Iterator[_Example]:
    for place, line in lines:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise TextError(f"{place} is no JSON object", _PAIRS, "write one object a line")
        missing = next((name for name in PAIR_FIELDS if name not in record), None)
        if missing:
            raise TextError(f"{place} has no {missing}", _PAIRS, "name the fields like that")
        premise, hypothesis, label = (record[name] for name in PAIR_FIELDS)
        whole = isinstance(label, int) and not isinstance(label, bool)
        texts = all(isinstance(part, str) and part.strip() for part in (premise, hypothesis))
        if not texts or not (whole or (isinstance(label, str) and label.strip())):
            raise TextError(f"{place} has an empty field or one of another kind", "two texts and a label", "correct it")
        yield (premise, hypothesis), (str(label).strip(),)


def _sentences(lines: list[tuple[str, str]]) -> Iterator[_Example]:
    words: list[str] = []
    tags: list[str] = []
    for place, line in [*lines, ("the end", "")]:
        columns = [part for part in line.strip(" \t").split("\t" if "\t" in line else " ") if part]
        if columns:
            if len(columns) != 2:
                raise TextError(f"{place} has {len(columns)} columns", _COLUMNS, "keep the word and the tag alone")
            _check_tag(place, columns[1])
            words.append(columns[0])
            tags.append(columns[1])
        elif words:
            yield tuple(words), tuple(tags)
            words, tags = [], []


def _check_tag(place: str, tag: str) -> None:
    if not _TAG.fullmatch(tag):
        raise TextError(
            f"{place} has the tag {tag[:40]!r}", "BIO tags: O, B-TYPE and I-TYPE", "convert the tags to that scheme"
        )


def _from_hub(task: Task, source: str, split: Split) -> Labelled:
    """A split of a hub's set, from its parquet files, which the hub's own cache keeps."""
    shape = _HUB_SHAPE.fullmatch(source)
    known = _HUB_SETS.get(shape.group(1)) if shape else None
    if shape is None or known is None or known.task != task:
        names = " or ".join(f"{HUB}{name}/fr" for name, entry in _HUB_SETS.items() if entry.task == task)
        raise TextError(f"{source!r} as data for {task}", names, "write the set and the language like that")
    paths = _fetch(known.repository, shape.group(2), split)
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    import pyarrow.parquet as pq

    label_of = dict(enumerate(known.labels))
    found: list[_Example] = []
    try:
        for path in paths:
            for row in pq.read_table(path, columns=list(known.fields)).to_pylist():
                *texts, label = (row[field] for field in known.fields)
                if task == "nli":
                    found.append((tuple(texts), (label_of[label],)))
                else:
                    found.append((tuple(texts[0]), tuple(label_of[tag] for tag in label)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TextError(
            f"{source} has another form than it had ({type(error).__name__})",
            ", ".join(known.fields),
            "use local files",
        ) from error
    return _labelled(
        f"{source} ({split})", digest.hexdigest(), [pair for pair in found if pair[0]], "labelled examples"
    )


def _fetch(repository: str, language: str, split: Split) -> list[Path]:
    from huggingface_hub import snapshot_download

    from wechsel_core.assets.hub import hub_reachable
    from wechsel_core.assets.hub_errors import hub_errors
    from wechsel_core.models.quiet import quiet

    pattern = f"{language}/{split}-*.parquet"
    with hub_errors(repository, AssetError), quiet():
        folder = snapshot_download(
            repository, repo_type="dataset", allow_patterns=[pattern], local_files_only=not hub_reachable()
        )
    paths = sorted(Path(folder).glob(pattern))
    if not paths:
        where = "on the hub" if hub_reachable() else "in the hub's cache, and the hub cannot be reached"
        raise AssetError(
            f"{repository} has no {split} data for {language} {where}", "a language that it has", "use local files"
        )
    return paths
