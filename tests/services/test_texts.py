"""Uploaded text: same content, same place; hostile names; what is no text is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from wechsel_core.errors import InputError, OutputError
from wechsel_core.services import texts


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    return tmp_path


def test_same_content_goes_to_the_same_place(home: Path) -> None:
    first = texts.save([("a.txt", b"habari ya asubuhi")])
    assert first == texts.save([("a.txt", b"habari ya asubuhi")])
    assert first.read_bytes() == b"habari ya asubuhi" and first.parent.parent == home / "texts"
    assert first != texts.save([("a.txt", b"habari ya jioni")])
    assert len(list((home / "texts").iterdir())) == 2


def test_several_files_are_a_folder() -> None:
    folder = texts.save([("a.txt", b"moja"), ("a.txt", b"mbili"), ("b.txt", b"")])
    assert sorted(file.name for file in folder.iterdir()) == ["a-2.txt", "a.txt", "b.txt"]


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/passwd", "..\\x.txt", ".hidden", "", "a\0b.txt", "é ü.txt", "x" * 300]
)
def test_no_name_leads_out_of_the_folder(home: Path, name: str) -> None:
    file = texts.save([(name, b"neno")])
    assert file.resolve().parent.parent == (home / "texts").resolve()
    assert file.suffix == ".txt" and file.read_bytes() == b"neno"


def test_what_is_no_text_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="no UTF-8 text"):
        texts.save([("a.txt", b"\xff\xfe\x00")])
    for nothing in ([], [("a.txt", b" \n ")]):
        with pytest.raises(InputError, match="no text"):
            texts.save(nothing)
    assert not (home / "texts").exists()


def test_a_place_that_cannot_be_written_is_one_error(home: Path) -> None:
    (home / "texts").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        texts.save([("a.txt", b"neno")])
