"""Where text comes from."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pandas as pd
import pytest

from wechsel_core.errors import TextError
from wechsel_core.training.text import check_source, documents, source_bytes, text_files


def read(path: Path | str, limit: int = 10**9) -> list[list[str]]:
    return list(documents(str(path), limit=limit))


def test_empty_lines_part_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\n two \n\n\nthree\n", "utf-8")
    assert read(path) == [["one", "two"], ["three"]]


def test_without_empty_lines_every_line_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\nthree", "utf-8")
    assert read(path) == [["one"], ["two"], ["three"]]


def test_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "one\ntwo"}) + "\n\n" + json.dumps({"text": " "}) + "\n")
    (tmp_path / "b.json").write_text(json.dumps({"key": "three", "number": 4}))
    pd.DataFrame({"text": ["five", None], "other": [1, 2]}).to_parquet(tmp_path / "c.parquet")
    (tmp_path / "d.mo").write_bytes(mo_file({"": "Content-Type: text/plain; charset=UTF-8\n", "Hello": "Bonjour"}))
    (tmp_path / "e.md").write_text("six")
    (tmp_path / "f.png").write_bytes(b"\x89PNG")
    assert read(tmp_path) == [["one", "two"], ["three"], ["five"], ["Bonjour"], ["six"]]
    assert [path.name for path in text_files(tmp_path)] == ["a.jsonl", "b.json", "c.parquet", "d.mo", "e.md"]


def mo_file(entries: dict[str, str]) -> bytes:
    """A gettext catalogue as msgfmt writes it: header, two tables of lengths and offsets, the strings."""
    keys, values = ([text.encode() for text in texts] for texts in (entries.keys(), entries.values()))
    start = 28 + 16 * len(entries)
    tables, data = b"", b""
    for column in (keys, values):
        for text in column:
            tables += struct.pack("<II", len(text), start + len(data))
            data += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0) + tables + data


def test_limit_is_in_bytes_and_cuts_no_document(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("éé\nbb\ncc\n", "utf-8")  # 5, 3 and 3 bytes with their line ends
    assert read(path, 8) == [["éé"], ["bb"]]
    assert read(path, 7) == [["éé"]]
    assert source_bytes(str(path)) == 11


def test_a_corpus_of_the_catalogue() -> None:
    found = read("pocket-sw-text", limit=20_000)
    assert len(found) > 5 and all(line == line.strip() for document in found for line in document)
    assert (source_bytes("pocket-sw-text") or 0) > 400_000


def test_a_corpus_that_is_not_fetched_has_no_size_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    check_source("kolibri-messages-fr")
    assert source_bytes("kolibri-messages-fr") is None


@pytest.mark.parametrize(
    "text,message",
    [
        ("/no/such/file", "does not exist"),
        ("hub:wikipedia", "hub:OWNER/DATASET/CONFIG"),
        ("{folder}/empty", "holds no text"),
        ("{folder}/picture.png", "holds no text"),
    ],
)
def test_refused_before_it_is_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(TextError, match=message):
        check_source(text.format(folder=tmp_path))


@pytest.mark.parametrize(
    "name,content",
    [("a.txt", b"\xff\xfe\xfa"), ("a.jsonl", b'{"txt": 1}\n'), ("a.jsonl", b"{\n"), ("a.mo", b"no catalogue"),
     ("a.parquet", b"PAR1")],
)  # fmt: skip
def test_unreadable_files_get_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TextError, match=f"{name} cannot be read as text"):
        read(tmp_path / name)
