"""Labelled sets of the hub, from a hub of the test's own on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.loopback import running
from tests.loopback_hub import COMMIT, Hub, _HubHandler

READ = """
import json, sys
from wechsel_core.errors import InputError
from wechsel_core.evaluation.probe_data import read_sides
try:
    train, test = read_sides(*sys.argv[1:])
    print(json.dumps([train.name, train.texts, train.labels, test.texts, test.labels, len(train.sha256)]))
except InputError as error:
    print(type(error).__name__, error)
"""


class DatasetHandler(_HubHandler):
    """The routes of data sets are those of models under another name, with folders."""

    state: Hub

    def do_GET(self) -> None:
        self.path = self.path.replace("/api/datasets/", "/api/models/").replace("/datasets/", "/")
        super().do_GET()

    def answer_api(self, rest: str) -> None:
        name, kind, _ = rest.partition("/tree/")
        name = name.partition("/revision/")[0]
        if not self.allowed(name):
            return
        root = self.state.repositories[name]
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        names = [path.relative_to(root).as_posix() for path in files]
        entries = [self.tree_entry(path) | {"path": path.relative_to(root).as_posix()} for path in files]
        siblings = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": path} for path in names], "private": False}
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(entries if kind else siblings).encode())


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    state = Hub()
    xnli, wikiann = tmp_path / "xnli" / "fr", tmp_path / "wikiann" / "fr"
    xnli.mkdir(parents=True)
    wikiann.mkdir(parents=True)
    pairs = [{"premise": "Il pleut.", "hypothesis": f"Phrase {i}.", "label": i % 3} for i in range(4)]
    pd.DataFrame(pairs[:2]).to_parquet(xnli / "train-00000-of-00002.parquet")
    pd.DataFrame(pairs[2:]).to_parquet(xnli / "train-00001-of-00002.parquet")
    pd.DataFrame(pairs[:1]).to_parquet(xnli / "test-00000-of-00001.parquet")
    tagged = pd.DataFrame({"tokens": [["Anna", "rit"], []], "ner_tags": [[1, 0], []], "langs": [["fr", "fr"], []]})
    for split in ("train", "test"):
        tagged.to_parquet(wikiann / f"{split}-00000-of-00001.parquet")
    state.repositories = {"facebook/xnli": xnli.parent, "unimelb-nlp/wikiann": wikiann.parent}
    with running(type("Handler", (DatasetHandler,), {"state": state})) as state.url:
        yield state


def read(hub: Hub, tmp_path: Path, task: str, name: str, **variables: str) -> str:
    (line,) = hub.run(READ, task, name, name, home=tmp_path / "hf", **variables)
    return line


def test_pairs_in_several_files(hub: Hub, tmp_path: Path) -> None:
    name, texts, labels, test_texts, test_labels, n_hash = json.loads(read(hub, tmp_path, "nli", "hub:xnli/fr"))
    assert name == "hub:xnli/fr (train)" and texts == [["Il pleut.", f"Phrase {i}."] for i in range(4)]
    assert labels == [["entailment"], ["neutral"], ["contradiction"], ["entailment"]]
    assert (test_texts, test_labels, n_hash) == ([["Il pleut.", "Phrase 0."]], [["entailment"]], 64)


def test_tags_and_a_sentence_without_words(hub: Hub, tmp_path: Path) -> None:
    _, texts, labels, *_ = json.loads(read(hub, tmp_path, "ner", "hub:wikiann/fr"))
    assert texts == [["Anna", "rit"]] and labels == [["B-PER", "O"]]


def test_what_is_fetched_serves_without_a_network(hub: Hub, tmp_path: Path) -> None:
    first = read(hub, tmp_path, "nli", "hub:xnli/fr")
    assert read(hub, tmp_path, "nli", "hub:xnli/fr", HF_HUB_OFFLINE="1") == first
    said = read(hub, tmp_path, "ner", "hub:wikiann/fr", HF_HUB_OFFLINE="1")
    assert said.startswith("AssetError") and "HF_HUB_OFFLINE" in said


def test_a_language_that_it_lacks(hub: Hub, tmp_path: Path) -> None:
    said = read(hub, tmp_path, "nli", "hub:xnli/eo")
    assert said.startswith("AssetError facebook/xnli has no train data for eo on the hub; expected")


def test_another_form(hub: Hub, tmp_path: Path) -> None:
    place = hub.repositories["facebook/xnli"] / "fr"
    pd.DataFrame({"premise": ["a"], "hypothesis": ["b"], "label": [-1]}).to_parquet(
        place / "test-00000-of-00001.parquet"
    )
    said = read(hub, tmp_path, "nli", "hub:xnli/fr")
    assert said.startswith("TextError hub:xnli/fr has another form than it had (KeyError)")
    (place / "test-00000-of-00001.parquet").write_bytes(b"no parquet")
    assert "has another form" in read(hub, tmp_path, "nli", "hub:xnli/fr", HF_HOME=str(tmp_path / "another"))
