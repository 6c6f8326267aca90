"""The catalogue's https entries, fetched by name from a mirror of the test's own: fastText vectors and dictionaries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.assets.conftest import Server, names
from wechsel_core.cli import main
from wechsel_core.dictionaries import read_dictionary
from wechsel_core.services.inputs import resolve

VECTORS = b"\xba\x16\x4f\x2f" + bytes(range(250)) * 8000


@pytest.fixture
def mirror(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("WECHSEL_MIRROR", server.url.removesuffix("/data.bin"))
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    return server


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["assets", *arguments])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_fasttext_vectors(mirror: Server, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.content = gzip.compress(VECTORS, 1)
    mirror.cuts = [len(mirror.content) // 2]
    code, out, err = command(capsys, "fetch", "cc.sw.300", "--json")
    path = Path(json.loads(out)["path"])
    assert code == 0 and err == "" and path.name == "cc.sw.300.bin" and path.read_bytes() == VECTORS
    host = "/dl.fbaipublicfiles.com/fasttext/vectors-crawl/"
    assert mirror.paths == [host + "cc.sw.300.bin.gz"] * 2 and mirror.ranges[1] is not None
    assert names(path.parent) == ["cc.sw.300.bin", "manifest.json"]
    assert command(capsys, "verify", "cc.sw.300", "--json")[:2] == (0, '{"name": "cc.sw.300", "verified": true}\n')
    path.write_bytes(VECTORS[:-1] + b"x")
    code, _, err = command(capsys, "verify", "cc.sw.300")
    assert code == 2 and "has changed since it was fetched" in err


def test_truncated_archive_is_refused_and_fetched_anew(mirror: Server, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(VECTORS, 1)
    mirror.content = whole[:-9]
    code, out, err = command(capsys, "fetch", "cc.sw.300")
    assert (code, out) == (2, "") and "is no complete gzip file" in err and err.count("\n") == 1
    mirror.content = whole
    code, out, _ = command(capsys, "fetch", "cc.sw.300")
    assert code == 0 and Path(out.strip()).read_bytes() == VECTORS


@pytest.mark.parametrize("done", ["cc.sw.300.bin.gz", "cc.sw.300.bin"])
def test_what_an_earlier_run_finished_is_not_fetched_again(
    done: str, mirror: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after the download, or after unpacking: hours of transfer are not repeated."""
    folder = tmp_path / "home" / "cache" / "assets" / "cc.sw.300"
    folder.mkdir(parents=True)
    (folder / done).write_bytes(gzip.compress(VECTORS, 1) if done.endswith(".gz") else VECTORS)
    (folder / "cc.sw.300.bin.unpacking").write_bytes(VECTORS[:100])
    code, out, _ = command(capsys, "fetch", "cc.sw.300")
    assert code == 0 and Path(out.strip()).read_bytes() == VECTORS and mirror.paths == []


@pytest.mark.parametrize("name", ["wiktionary-gd", "wiktionary-Scottish Gaelic", "wiktionary-scottish-gaelic"])
def test_dictionary_by_code_and_by_language_name(name: str, mirror: Server) -> None:
    mirror.content = "cat\tcat\ndog\tcù\n".encode()
    path = resolve("dictionary", name)
    assert mirror.paths == ["/raw.githubusercontent.com/CPJKU/wechsel/main/dicts/data/scottish%20gaelic.txt"]
    assert read_dictionary(Path(path)).pairs == (("cat", "cat"), ("dog", "cù"))


def test_missing_file_and_unknown_name(mirror: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.status = 404
    code, out, err = command(capsys, "fetch", "wiktionary-french", "--json")
    assert (code, out) == (2, "") and "does not exist (404)" in err
    assert not list((tmp_path / "home").rglob("*french*"))
    code, _, err = command(capsys, "fetch", "wiktionary-klingon", "--json")
    assert code == 2 and "unknown asset 'wiktionary-klingon'" in err and "perhaps wiktionary-" in err


class Terminal:
    """A stderr that says it is one."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal(
    mirror: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.content = gzip.compress(VECTORS, 1)
    for arguments in (("fetch", "cc.sw.300", "--json"), ("verify", "cc.sw.300", "--json")):
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", terminal)
            capsys.readouterr()
            assert main(["assets", *arguments]) == 0
        assert json.loads(capsys.readouterr().out)["name"] == "cc.sw.300", "the result alone on stdout"
        assert "100% checking cc.sw.300.bin" in terminal.text
        if arguments[0] == "fetch":
            assert "100% fetching cc.sw.300.bin.gz" in terminal.text and "100% unpacking" in terminal.text
    mirror.cuts = [100, *[0] * 9]
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert main(["assets", "fetch", "cc.gd.300"]) == 2
    assert "\r\x1b[Kerror: the connection" in terminal.text, "the error has a line of its own"
