"""Reading results of the app: the list, the tables, neighbours, reverse lookup, ids that mean harm."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.tiny_files import TinyFiles
from wechsel_core import paths
from wechsel_core.errors import InputError, OutputError
from wechsel_core.services import results

Made = Callable[..., Path]
HOSTILE = ["../x", "..", ".", "", ".hidden", "a/../first", "first/", "/etc", "first\0", "nope", "~", "-"]


@pytest.fixture(scope="module")
def home(made: Made, files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two results, and folders that are none."""
    folder = tmp_path_factory.mktemp("home")
    root = folder / "results"
    root.mkdir()
    for name, changes in (("first", {}), ("second", {"neighbors": 3})):
        shutil.copytree(made(**changes), root / name)
        manifest = json.loads((root / name / "wechsel.json").read_text("utf-8"))
        manifest["created"] = {"first": "2026-01-01T00:00:00+00:00", "second": "2026-02-01T00:00:00+00:00"}[name]
        (root / name / "wechsel.json").write_text(json.dumps(manifest), "utf-8")
    shutil.copytree(root / "first", root / ".hidden")
    shutil.copytree(root / "first", folder / "x")
    (root / "empty").mkdir()
    (root / "file.txt").write_text("no folder")
    for name, content in (("newer", '{"schema_version": 99}'), ("broken", '{"schema_'), ("list", "[]")):
        (root / name).mkdir()
        (root / name / "wechsel.json").write_text(content)
    before = os.environ.get("WECHSEL_HOME")
    os.environ["WECHSEL_HOME"] = str(folder)
    yield folder
    os.environ.pop("WECHSEL_HOME")
    if before is not None:
        os.environ["WECHSEL_HOME"] = before


pytestmark = pytest.mark.usefixtures("home")


EXAMPLE = "pocket-gpt2-fr"


def own() -> list[dict[str, object]]:
    """The list without the example that comes with the lab."""
    *found, last = results.list_results()
    assert last["id"] == EXAMPLE and last["example"]
    return found


def test_list_is_newest_first_and_passes_over_the_rest(home: Path, files: TinyFiles) -> None:
    found = own()
    assert [entry["id"] for entry in found] == ["second", "first"]
    assert set(found[0]) == {
        "id", "path", "created", "counts", "source", "target_language", "method", "neighbors", "temperature",
        "example", "given", "options",
    }  # fmt: skip
    assert found[0]["neighbors"] == 3 and found[0]["path"] == str(home / "results" / "second")
    assert found[0]["source"] == str(files.folder / "gpt2") and found[0]["counts"]["copied"] == 1


def test_no_results_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "nowhere"))
    assert own() == [] and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_ids(hostile: str) -> None:
    for query in (
        lambda: results.summary(hostile),
        lambda: results.tokens(hostile),
        lambda: results.result_folder(hostile),
        lambda: results.find_token(hostile, "chat"),
    ):
        with pytest.raises(OutputError):
            query()


def test_endless_id() -> None:
    with pytest.raises(OutputError):
        results.summary("x" * 300)


@pytest.mark.parametrize(("name", "found"), [("newer", "schema version 99"), ("list", "None"), ("broken", "no result")])
def test_unknown_schema_version(name: str, found: str) -> None:
    for query in (results.summary, results.tokens, lambda i: results.find_token(i, "chat")):
        with pytest.raises(OutputError, match=found):
            query(name)


def test_neighbors_of_an_unknown_schema_version(home: Path) -> None:
    folder = home / "results" / "newer-whole"
    shutil.copytree(home / "results" / "first", folder)
    (folder / "wechsel.json").write_text('{"schema_version": 99}')
    try:
        with pytest.raises(OutputError, match="schema version 99"):
            results.neighbors_in(folder, 1)
    finally:
        shutil.rmtree(folder)


def test_list_with_an_incomplete_manifest(home: Path) -> None:
    folder = home / "results" / "incomplete"
    folder.mkdir()
    (folder / "wechsel.json").write_text('{"schema_version": 1}')
    try:
        assert [entry["id"] for entry in own()] == ["second", "first"]
    finally:
        shutil.rmtree(folder)


def test_summary() -> None:
    record = results.summary("second")
    assert record["config"]["neighbors"] == 3 and record["counts"]["mixed"] > 0


def test_tokens() -> None:
    frame = results.tokens("first")
    assert list(frame.columns) == [
        "target_id", "token", "text", "kind", "nearest", "similarity", "effective_neighbors", "norm",
    ]  # fmt: skip
    assert frame["target_id"].tolist() == list(range(len(frame)))
    assert set(frame["kind"]) == {"mixed", "copied", "fallback"}
    fallback = frame["kind"] == "fallback"
    assert frame.loc[fallback, "nearest"].isna().all() and frame.loc[fallback, "similarity"].isna().all()
    assert (frame.loc[fallback, "effective_neighbors"] == 0).all() and (frame["norm"] > 0).all()
    assert frame.loc[~fallback, "effective_neighbors"].between(1, 10.001).all()


def test_neighbors_of_a_token() -> None:
    target_id = results.find_token("first", " chat")
    frame = results.neighbors_in(results.result_folder("first"), target_id, 4)
    assert list(frame.columns) == ["rank", "source_id", "source_token", "source_text", "similarity", "weight"]
    assert frame["rank"].tolist() == [1, 2, 3, 4] and frame["source_text"].str.strip()[0] in ("cat", "Cat")
    assert (
        frame["weight"].is_monotonic_decreasing
        and len(results.neighbors_in(results.result_folder("first"), target_id, 50)) == 50
    )
    fallback = results.tokens("first").query("kind == 'fallback'")["target_id"].iloc[0]
    assert results.neighbors_in(results.result_folder("first"), fallback).empty
    copied = results.neighbors_in(results.result_folder("first"), 0)
    assert copied["weight"].tolist() == [1.0] and copied["source_token"].tolist() == ["<|endoftext|>"]


def test_find_token_prefers_the_word_by_itself() -> None:
    frame = results.tokens("first")
    by_token = dict(zip(frame["token"], frame["target_id"], strict=True))
    assert results.find_token("first", "Ġchat") == by_token["Ġchat"] == results.find_token("first", " chat")
    assert results.find_token("first", "CHAT") == min(by_token["Ġchat"], by_token["chat"])
    assert results.find_token("first", "#7") == 7 and results.find_token("first", "<|endoftext|>") == 0


def test_find_token_in_its_stated_order() -> None:
    """The vocabulary string itself goes before the text with a leading space."""
    frame = results.tokens("first")
    assert frame.loc[results.find_token("first", "chat"), "token"] == "chat"
    assert frame.loc[results.find_token("first", "est"), "text"].strip() == "est"


@pytest.mark.parametrize("query", ["", "   ", "#99999", "#-1", "#²", "no such word", "#1.5", "\0\0"])
def test_find_token_in_vain(query: str) -> None:
    with pytest.raises(InputError, match="#ID"):
        results.find_token("first", query)


def test_damaged_tables(home: Path) -> None:
    folder = home / "results" / "damaged"
    shutil.copytree(home / "results" / "first", folder)
    (folder / "neighbors.parquet").write_bytes(b"PAR1 no parquet")
    (folder / "tokens.parquet").unlink()
    try:
        for query in (lambda: results.neighbors_in(folder, 1), lambda: results.tokens("damaged")):
            with pytest.raises(OutputError, match="--force"):
                query()
    finally:
        shutil.rmtree(folder)


def test_example_opens_like_any_result_until_a_person_makes_one_of_that_name(home: Path) -> None:
    folder = results.result_folder(EXAMPLE)
    assert folder.parent == paths.examples_dir() and results.summary(EXAMPLE)["config"]["target_language"] == "fr"
    assert results.tokens(EXAMPLE)["text"].tolist()[results.find_token(EXAMPLE, "langue")] == " langue"
    shutil.copytree(home / "results" / "first", home / "results" / EXAMPLE)
    try:
        assert results.result_folder(EXAMPLE) == home / "results" / EXAMPLE
        assert [entry["id"] for entry in results.list_results()].count(EXAMPLE) == 1
    finally:
        shutil.rmtree(home / "results" / EXAMPLE)
