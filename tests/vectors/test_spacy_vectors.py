from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.murmur import murmur64a
from wechsel_core.vectors.spacy_vectors import read_spacy


def write_wheel(path: Path, files: dict[str, bytes], vocab: str = "xx_md/xx_md-1.0/vocab") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xx_md/__init__.py", "")
        for name, data in files.items():
            archive.writestr(f"{vocab}/{name}", data)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    (path / "inner" / "vocab").mkdir(parents=True)
    for name, data in files.items():
        (path / "inner" / "vocab" / name).write_bytes(data)
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def plain_murmur(data: bytes, seed: int) -> int:
    mask, m = 2**64 - 1, 0xC6A4A7935BD1E995
    value = seed ^ (len(data) * m & mask)
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        block = int.from_bytes(data[i : i + 8], "little") * m & mask
        block = (block ^ (block >> 47)) * m & mask
        value = (value ^ block) * m & mask
    if data[whole:]:
        value = (value ^ int.from_bytes(data[whole:], "little")) * m & mask
    value = (value ^ (value >> 47)) * m & mask
    return value ^ (value >> 47)


def test_hashes_that_spacy_documents() -> None:
    assert murmur64a([b"apple", b"coffee"]).tolist() == [8566208034543834098, 3197928453018144401]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=5), st.integers(0, 2**32))
def test_same_as_plain_murmur(texts: list[bytes], seed: int) -> None:
    assert murmur64a(texts, seed).tolist() == [plain_murmur(text, seed) for text in texts]


@pytest.mark.parametrize("kind", ["wheel", "folder", "vocab"])
def test_read(tmp_path: Path, spacy_parts: SimpleNamespace, kind: str) -> None:
    if kind == "wheel":
        path = write_wheel(tmp_path / "xx.whl", spacy_parts.files)
    else:
        path = write_folder(tmp_path / "xx", spacy_parts.files) / ("inner/vocab" if kind == "vocab" else "")
    store = read_spacy(path)
    assert list(store.words) == ["coffee", "apple"]  # the order of key2row
    assert store.unnamed_keys == 1  # "NOUN" goes by a number of spaCy's own
    assert store.frequency_source == "ranks" and store.dim == 4 and len(store.sha256) == 64
    np.testing.assert_array_equal(store.word_vectors(["apple", "NOUN"]), [[8, 9, 10, 11], [0, 0, 0, 0]])


def test_words_that_share_a_row(tmp_path: Path, spacy_parts: SimpleNamespace) -> None:
    files = spacy_parts.files | {"key2row": msgpack.packb({spacy_parts.coffee: 1, spacy_parts.apple: 1})}
    vectors = read_spacy(write_wheel(tmp_path / "xx.whl", files)).word_vectors(["apple", "coffee"])
    np.testing.assert_array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize("falling", [True, False])
def test_order_by_frequency_is_recognised_by_short_words_in_front(
    tmp_path: Path, spacy_parts: SimpleNamespace, falling: bool
) -> None:
    import json

    words = [f"{'x' * (1 + i // 100)}{i:03}" for i in range(900)]
    words = words if falling else words[::-1]
    keys = murmur64a([word.encode() for word in words]).tolist()
    files = spacy_parts.files | {
        "strings.json": json.dumps(sorted(words)).encode(),
        "key2row": msgpack.packb({key: 0 for key in keys}),
    }
    store = read_spacy(write_wheel(tmp_path / "xx.whl", files))
    assert list(store.words) == words and store.ordered_by_frequency is falling


@pytest.mark.parametrize(
    ("part", "data", "message"),
    [
        ("vectors", None, "vocab/vectors .* missing"),
        ("vectors", b"\x93NUMPY", "vocab/vectors"),
        ("vectors", b"", "vocab/vectors"),
        ("vectors", npy(np.zeros(3, np.float32)), "not a matrix"),
        ("vectors", npy(np.zeros((3, 2), np.int64)), "not a matrix"),
        ("vectors", npy(np.zeros((2, 2), np.float32)), "rows outside 0 to 1"),
        ("vectors", npy(np.array([[None]])), "vocab/vectors"),
        ("key2row", b"\xc1", "key2row"),
        ("key2row", b"", "key2row"),
        ("key2row", msgpack.packb([1]), "key2row"),
        ("key2row", msgpack.packb({}), "empty"),
        ("key2row", msgpack.packb({"a": 1}), "key2row"),
        ("key2row", msgpack.packb({5: -1}), "rows outside"),
        ("key2row", msgpack.packb({5: 0}), "no string .* has the hash"),
        ("strings.json", None, "strings.json .* missing"),
        ("strings.json", b"[1]", "list of strings"),
        ("strings.json", b"[", "strings.json"),
        ("strings.json", b"[]", "no string"),
        ("vectors.cfg", b'{"mode": "floret"}', "floret"),
        ("vectors.cfg", b"[]", "vectors.cfg"),
    ],
)
def test_damaged(tmp_path: Path, spacy_parts: SimpleNamespace, part: str, data: bytes | None, message: str) -> None:
    files = {name: content for name, content in (spacy_parts.files | {part: data}).items() if content is not None}
    for path in (write_wheel(tmp_path / "xx.whl", files), write_folder(tmp_path / "xx", files)):
        with pytest.raises(VectorFileError, match=message):
            read_spacy(path)


def test_cut_off_at_sampled_bytes(tmp_path: Path, spacy_parts: SimpleNamespace) -> None:
    for part in ("vectors", "key2row", "strings.json"):
        whole = spacy_parts.files[part]
        for length in range(0, len(whole), 3):
            files = spacy_parts.files | {part: whole[:length]}
            with pytest.raises(VectorFileError):
                read_spacy(write_wheel(tmp_path / "xx.whl", files))
    data = write_wheel(tmp_path / "xx.whl", spacy_parts.files).read_bytes()
    (tmp_path / "xx.whl").write_bytes(data[:-30])
    with pytest.raises(VectorFileError, match="cannot be read as a wheel"):
        read_spacy(tmp_path / "xx.whl")


def test_no_or_two_pipelines(tmp_path: Path, spacy_parts: SimpleNamespace) -> None:
    with pytest.raises(VectorFileError, match="no folders with a key2row"):
        read_spacy(write_wheel(tmp_path / "none.whl", {"vectors": b""}))
    path = write_wheel(tmp_path / "two.whl", spacy_parts.files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/vocab/key2row", b"")
    with pytest.raises(VectorFileError, match="2 folders"):
        read_spacy(path)
