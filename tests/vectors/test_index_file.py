from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors import fasttext_format, index_file
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.index_file import side_file

ENTRIES = [("猫".encode(), 2, 0), (b"the", 9, 0), (b"\xff\xfe", 5, 0), (b"the", 4, 0), (b"rare", 1, 0)]
WORDS = ["the", "\\xff\\xfe", "the", "猫", "rare"]
MATRIX = np.arange(27.0).reshape(9, 3)  # five words, four buckets


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the index of small vocabularies too, below a home of the test's own; grows by one a scan."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(index_file, "SMALLEST", 1)
    scan, made = fasttext_format._scan_entries, []

    def counted(*arguments: object) -> object:
        made.append(1)
        return scan(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fasttext_format, "_scan_entries", counted)
    return made


@pytest.fixture
def path(write_bin: Callable[..., Path]) -> Path:
    return write_bin(ENTRIES, MATRIX)


def check(store: FastTextVectors) -> None:
    assert list(store.words) == WORDS and store.frequencies.tolist() == [9, 5, 4, 2, 1]
    assert store.index(["rare", "the", "\\xff\\xfe", "猫", "none"]).tolist() == [4, 0, 1, 3, -1]
    assert store.encode("\\xff\\xfe") == b"\xff\xfe"
    np.testing.assert_array_equal(store.matrix, MATRIX)


def left_over(path: Path) -> list[str]:
    folder = side_file(path).parent
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def test_made_once_and_used_again(scans: list[int], path: Path) -> None:
    first = FastTextVectors(path)
    check(first)
    assert left_over(path) == [side_file(path).name]
    made = side_file(path).stat().st_mtime_ns
    second = FastTextVectors(path)
    check(second)
    assert len(scans) == 1 and side_file(path).stat().st_mtime_ns == made
    texts = [*WORDS, "unbekannt", "</s>", ""]
    np.testing.assert_array_equal(first.subword_vectors(texts), second.subword_vectors(texts))
    np.testing.assert_array_equal(first.word_vectors(texts), second.word_vectors(texts))


def test_same_without_a_side_file(scans: list[int], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = FastTextVectors(path)
    monkeypatch.setattr(index_file, "SMALLEST", 50_000)
    side_file(path).unlink()
    plain = FastTextVectors(path)
    check(plain)
    assert left_over(path) == [] and len(scans) == 2  # too few words to be worth a file
    np.testing.assert_array_equal(kept.subword_vectors(WORDS), plain.subword_vectors(WORDS))


def test_two_files_of_one_name_do_not_meet(scans: list[int], path: Path, tmp_path: Path) -> None:
    other = tmp_path / "folder" / path.name
    other.parent.mkdir()
    other.write_bytes(path.read_bytes().replace(b"rare", b"good"))
    assert list(FastTextVectors(other).words)[-1] == "good"
    check(FastTextVectors(path))
    assert len(left_over(path)) == 2 and side_file(path) != side_file(other)


@pytest.mark.parametrize("changed", ["size", "time", "head"])
def test_changed_file_is_indexed_anew(scans: list[int], path: Path, changed: str) -> None:
    FastTextVectors(path)
    content, status = path.read_bytes(), path.stat()
    word = {"size": b"longer", "time": b"rare", "head": b"good"}[changed]
    path.write_bytes(content.replace(b"rare", word))
    stamp = status.st_mtime_ns + (1 if changed == "time" else 0)
    os.utime(path, ns=(stamp, stamp))
    for _ in range(2):  # the second time from the side file
        store = FastTextVectors(path)
        assert list(store.words) == [*WORDS[:-1], word.decode()] and store.index([word.decode()]).tolist() == [4]
        assert len(scans) == 2
    assert len(left_over(path)) == 1  # replaced, not added to


def test_changed_beyond_the_head_and_cut_off(scans: list[int], path: Path) -> None:
    FastTextVectors(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VectorFileError, match="cut off"):
        FastTextVectors(path)


def damages() -> dict[str, Callable[[bytes], bytes]]:
    def flip(place: int) -> Callable[[bytes], bytes]:
        return lambda data: (
            data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
            if place >= 0
            else flip(len(data) + place)(data)
        )

    cuts = {f"first {n} bytes": lambda data, n=n: data[:n] for n in (0, 1, 15, 63, 64, 95, 103, 104, 111, 112, 150)}
    flips = {f"byte {n}": flip(n) for n in (0, 16, 40, 64, 72, 79, 80, 88, 96, 104, 112, 150, -5, -1)}
    return {
        **cuts, **flips, "last byte gone": lambda data: data[:-1], "one more": lambda data: data + b"\0",
        "text": lambda data: b"something else\n" * 40, "zeros": lambda data: bytes(len(data)),
    }  # fmt: skip


@pytest.mark.parametrize("damage", damages())
def test_damaged_side_file_is_made_again(scans: list[int], path: Path, damage: str) -> None:
    FastTextVectors(path)
    good = side_file(path).read_bytes()
    side_file(path).write_bytes(damages()[damage](good))
    check(FastTextVectors(path))
    assert len(scans) == 2 and side_file(path).read_bytes() == good
    check(FastTextVectors(path))
    assert len(scans) == 2 and len(left_over(path)) == 1


def test_side_file_of_another_model(scans: list[int], path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(path.read_bytes().replace(b"rare", b"good"))
    FastTextVectors(other)
    os.replace(side_file(other), side_file(path))
    check(FastTextVectors(path))
    assert len(scans) == 2


def test_home_that_is_no_folder(scans: list[int], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "file"))
    check(FastTextVectors(path))
    check(FastTextVectors(path))
    assert len(scans) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_cache(scans: list[int], path: Path) -> None:
    side_file(path).parent.mkdir(parents=True)
    side_file(path).parent.chmod(0o500)
    check(FastTextVectors(path))
    check(FastTextVectors(path))
    assert len(scans) == 2 and left_over(path) == []


@pytest.mark.parametrize("step", ["tempfile.TemporaryDirectory", "os.replace"])
def test_disk_full(scans: list[int], path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(step, full)
        check(FastTextVectors(path))
    assert left_over(path) == []
    check(FastTextVectors(path))
    assert left_over(path) == [side_file(path).name] and len(scans) == 2


def test_write_that_fails_half_way(scans: list[int], path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))  # the system refuses to write any file beyond this length
    try:
        store = FastTextVectors(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check(store)
    assert left_over(path) == []
    check(FastTextVectors(path))
    assert left_over(path) == [side_file(path).name] and len(scans) == 2


def test_folder_in_the_side_files_place(scans: list[int], path: Path) -> None:
    side_file(path).mkdir(parents=True)
    check(FastTextVectors(path))
    assert left_over(path) == [side_file(path).name] and len(scans) == 1


def test_interrupt_leaves_nothing(scans: list[int], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            FastTextVectors(path)
    assert left_over(path) == []


def test_stale_parts_go_and_young_ones_stay(scans: list[int], path: Path) -> None:
    folder = side_file(path).parent
    folder.mkdir(parents=True)
    for name, age in [("old.part", 2 * 86_400), ("young.part", 60)]:
        (folder / name).mkdir()
        (folder / name / "half").write_bytes(b"half")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    check(FastTextVectors(path))
    assert left_over(path) == sorted(["young.part", side_file(path).name])


def test_file_replaced_while_it_is_indexed(scans: list[int], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, content, stamp = fasttext_format.build_index, path.read_bytes(), path.stat().st_mtime_ns

    def replaced(*arguments: object) -> object:
        other = path.with_name("other")
        other.write_bytes(content.replace(b"rare", b"good"))
        os.utime(other, ns=(stamp, stamp))
        os.replace(other, path)
        return build(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(fasttext_format, "build_index", replaced)
        check(FastTextVectors(path))
    assert list(FastTextVectors(path).words)[-1] == "good" and len(scans) == 2


def test_two_at_once(scans: list[int], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second opens, builds and writes the whole index while the first is still building its own.
    build, inner = fasttext_format.build_index, []

    def slow(*arguments: object) -> object:
        if not inner:
            inner.append(None)
            inner[0] = FastTextVectors(path)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fasttext_format, "build_index", slow)
    outer = FastTextVectors(path)
    check(outer)
    check(inner[0])  # its side file was replaced under it
    assert len(scans) == 2 and len(left_over(path)) == 1
    check(FastTextVectors(path))
    assert len(scans) == 2
