"""Labelled files: what is read, and one sentence for everything that is wrong with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from wechsel_core.errors import TextError
from wechsel_core.evaluation.probe_data import Task, read_sides

DATA = Path(__file__).parent / "data"
ENTAILED = {"premise": "Il pleut.", "hypothesis": "L'eau tombe.", "label": "entailment"}
OPPOSITE = {"premise": "Il pleut.", "hypothesis": "Il fait sec.", "label": "contradiction"}
TAGGED = "Anna B-PER\nrit O\n"


@pytest.mark.parametrize("language,n", [("fr", 24), ("de", 6)])
def test_the_sets_of_this_project(language: str, n: int) -> None:
    path = str(DATA / f"nli-{language}.jsonl")
    train, test = read_sides("nli", path, path)
    assert (
        len(train.texts) == n and train == test and train.sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    )
    assert train.counts() == dict.fromkeys(("contradiction", "entailment", "neutral"), n // 3)
    path = str(DATA / f"ner-{language}.conll")
    tagged, _ = read_sides("ner", path, path)
    assert len(tagged.texts) == n and {"B-LOC", "B-PER", "B-ORG", "I-ORG", "I-PER", "O"} <= set(tagged.counts())
    assert all(len(words) == len(tags) for words, tags in zip(tagged.texts, tagged.labels, strict=True))


def sides(task: Task, tmp_path: Path, train: str | bytes, test: str | bytes | None = None) -> tuple:
    places = []
    for name, content in (("train", train), ("test", train if test is None else test)):
        places.append(tmp_path / name)
        places[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sides(task, str(places[0]), str(places[1]))


def lines(*records: dict) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def test_pairs(tmp_path: Path) -> None:
    """Blank lines are passed over, further fields are ignored, labels may be whole numbers, a mark at the start is none
    of the text, and a line separator inside a string cuts nothing."""
    odd = {"premise": "a\u2028b", "hypothesis": "c", "label": 1, "id": 7}
    found, _ = sides("nli", tmp_path, "\ufeff" + lines(ENTAILED) + "\r\n\n" + lines(odd).rstrip())
    assert found.texts == (("Il pleut.", "L'eau tombe."), ("a\u2028b", "c"))
    assert found.labels == (("entailment",), ("1",))


def test_sentences(tmp_path: Path) -> None:
    """Space or tab, several empty lines, no empty line at the end; a word may hold a no-break space."""
    text = "Anna B-PER\nrit\tO\n\n \n\n10\u00a0000 I-NUM\r\nfrancs  O"
    found, _ = sides("ner", tmp_path, text)
    assert found.texts == (("Anna", "rit"), ("10\u00a0000", "francs"))
    assert found.labels == (("B-PER", "O"), ("I-NUM", "O"))
    assert found.counts() == {"B-PER": 1, "I-NUM": 1, "O": 2}


@pytest.mark.parametrize(
    "content,message",
    [
        ("", "train is empty"),
        ("\n\n", "train is empty"),
        (b"\xff\xfe\x00", "train is not UTF-8 .byte 0.; expected UTF-8 text; convert it"),
        (lines({"premise": "a", "hypothesis": "b"}), "line 1 of .*train has no label"),
        (lines(ENTAILED, {"premise": "a", "label": "b"}), "line 2 of .*train has no hypothesis"),
        ("premise,hypothesis,label\n", "line 1 of .*train is no JSON object"),
        ("[1, 2]\n", "line 1 of .*train is no JSON object"),
        ("[" * 100_000, "line 1 of .*train is no JSON object"),
        (lines(ENTAILED | {"premise": " "}), "line 1 of .*train has an empty field"),
        (lines(ENTAILED | {"hypothesis": None}), "line 1 of .*train has an empty field"),
        (lines(ENTAILED | {"label": None}), "line 1 of .*train has an empty field or one of another kind"),
        (lines(ENTAILED | {"label": 0.5}), "one of another kind"),
        (lines(ENTAILED | {"label": True}), "one of another kind"),
        (lines(ENTAILED, ENTAILED), "train has the single label entailment"),
    ],
)  # fmt: skip
def test_bad_pairs(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TextError, match=message):
        sides("nli", tmp_path, content)


@pytest.mark.parametrize(
    "content,message",
    [
        ("", "train is empty"),
        (b"Z\xfcrich B-LOC\n", "train is not UTF-8 .byte 1."),
        (TAGGED + "Anna NNP B-PER\n", "line 3 of .*train has 3 columns; expected a word and its tag"),
        (TAGGED + "\nAnna\n", "line 4 of .*train has 1 columns"),
        ("Anna PER\n", "line 1 of .*train has the tag 'PER'; expected BIO tags"),
        ("Anna S-PER\n", "the tag 'S-PER'"),
        ("Anna B-\n", "the tag 'B-'"),
        ("Anna o\n", "the tag 'o'"),
        ("Anna O\nrit O\n", "train has the single label O"),
    ],
)
def test_bad_tags(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TextError, match=message):
        sides("ner", tmp_path, content)


def test_labels_that_the_training_data_lacks(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="the label neutral of .*test does not occur in .*train"):
        sides("nli", tmp_path, lines(ENTAILED, OPPOSITE), lines(ENTAILED | {"label": "neutral"}))
    with pytest.raises(TextError, match="the label B-LOC of .*test does not occur in .*train"):
        sides("ner", tmp_path, TAGGED, "Lyon B-LOC\n")


def test_a_test_without_entities_has_no_f1(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="test has no entity"):
        sides("ner", tmp_path, TAGGED, "rit O\n")
    one_label = sides("nli", tmp_path, lines(ENTAILED, OPPOSITE), lines(ENTAILED))[1]
    assert one_label.counts() == {"entailment": 1}, "accuracy needs no second label in the test"


@pytest.mark.parametrize("task", ["nli", "ner"])
def test_no_such_file(tmp_path: Path, task: Task) -> None:
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(TextError, match="no readable file"):
            read_sides(task, str(place), str(place))


@pytest.mark.parametrize(
    "task,name", [("nli", "hub:wikiann/fr"), ("ner", "hub:xnli/fr"), ("nli", "hub:snli/fr"), ("nli", "hub:xnli"),
                  ("nli", "hub:xnli/*"), ("ner", "hub:wikiann/../x")],
)  # fmt: skip
def test_hub_names_are_checked_before_anything_is_asked(task: Task, name: str) -> None:
    with pytest.raises(TextError, match="expected hub:(xnli|wikiann)/fr"):
        read_sides(task, name, name)
