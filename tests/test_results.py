"""A result's files: columns, types and values as written, and what reading refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wechsel_core.errors import OutputError
from wechsel_core.results import (
    SCHEMA_VERSION,
    StaticSpace,
    read_candidates,
    read_manifest,
    read_static_space,
    read_table,
    write_manifest,
    write_neighbors,
    write_static_space,
    write_tokens,
)
from wechsel_core.transfer.result import TokenKind, TransferResult
from wechsel_core.types import TokenTable


def table(*texts: str) -> TokenTable:
    flags = np.zeros(len(texts), dtype=bool)
    return TokenTable(tuple(t.replace(" ", "Ġ") for t in texts), texts, tuple(b"" for _ in texts), flags, flags, {})


SOURCE = table(" cat", " dog", "\u2028", "")
TARGET = table("<s>", " chat", "zzz", "\ufffd", " neko猫")


@pytest.fixture
def result() -> TransferResult:
    """A copied, a mixed, a fallback and a byte token, and one that mixes three."""
    ids = np.array([[2, -1, -1], [0, 1, 2], [-1, -1, -1], [3, -1, -1], [1, 0, 2]])
    similarities = np.array([[1, 0, 0], [0.9, 0.5, -0.2], [0, 0, 0], [1, 0, 0], [0.8, 0.8, 0.8]], dtype=np.float32)
    weights = np.array([[1, 0, 0], [0.75, 0.25, 0], [0, 0, 0], [1, 0, 0], [1 / 3] * 3])
    kind = np.array([TokenKind.COPIED, TokenKind.MIXED, TokenKind.FALLBACK, TokenKind.BYTE_PIECE, TokenKind.MIXED])
    matrix = np.array([[3, 4], [0, 0], [1, 0], [0, 2], [0, 1]], dtype=np.float32)
    return TransferResult(matrix, ids, similarities, weights, kind.astype(np.uint8))


def test_neighbors_file(tmp_path: Path, result: TransferResult) -> None:
    write_neighbors(tmp_path, result, SOURCE, TARGET)
    schema = pq.read_schema(tmp_path / "neighbors.parquet")
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "target_id": "int32",
        "target_token": "dictionary<values=string, indices=int32, ordered=0>",
        "rank": "int16",
        "source_id": "int32",
        "source_token": "dictionary<values=string, indices=int32, ordered=0>",
        "similarity": "float",
        "weight": "float",
    }
    frame = read_table(tmp_path, "neighbors.parquet")
    assert frame.astype({"target_token": str, "source_token": str}).to_numpy().tolist() == [
        [0, "<s>", 1, 2, "\u2028", 1.0, 1.0],
        [1, "Ġchat", 1, 0, "Ġcat", np.float32(0.9), 0.75],
        [1, "Ġchat", 2, 1, "Ġdog", 0.5, 0.25],
        [1, "Ġchat", 3, 2, "\u2028", np.float32(-0.2), 0.0],
        [3, "\ufffd", 1, 3, "", 1.0, 1.0],
        [4, "Ġneko猫", 1, 1, "Ġdog", np.float32(0.8), np.float32(1 / 3)],
        [4, "Ġneko猫", 2, 0, "Ġcat", np.float32(0.8), np.float32(1 / 3)],
        [4, "Ġneko猫", 3, 2, "\u2028", np.float32(0.8), np.float32(1 / 3)],
    ]


def test_tokens_file(tmp_path: Path, result: TransferResult) -> None:
    write_tokens(tmp_path, result, SOURCE, TARGET, np.linalg.norm(result.matrix, axis=1))
    frame = read_table(tmp_path, "tokens.parquet")
    assert frame["kind"].tolist() == ["copied", "mixed", "fallback", "byte piece", "mixed"]
    assert frame["nearest"].fillna("none").tolist() == ["\u2028", " cat", "none", "", " dog"]
    assert frame["text"].tolist() == list(TARGET.texts) and frame["token"].tolist() == list(TARGET.tokens)
    np.testing.assert_allclose(frame["similarity"], [1, 0.9, np.nan, 1, 0.8], atol=1e-6)
    # exp(entropy): 0.75 and 0.25 count as 1.75 neighbours, three equal ones as three.
    np.testing.assert_allclose(frame["effective_neighbors"], [1, 4 / 3**0.75, 0, 1, 3], atol=1e-5)
    np.testing.assert_allclose(frame["norm"], [5, 0, 1, 2, 1])
    sources = read_table(tmp_path, "source_tokens.parquet")
    assert sources["text"].tolist() == list(SOURCE.texts) and sources["source_id"].tolist() == [0, 1, 2, 3]


def test_candidates_are_what_was_written(tmp_path: Path, result: TransferResult) -> None:
    write_neighbors(tmp_path, result, SOURCE, TARGET)
    write_tokens(tmp_path, result, SOURCE, TARGET, np.linalg.norm(result.matrix, axis=1))
    found = read_candidates(tmp_path)
    np.testing.assert_array_equal(found.ids, result.neighbor_ids)
    np.testing.assert_array_equal(found.similarities, result.similarities)
    np.testing.assert_array_equal(found.weights, result.weights.astype(np.float32))
    np.testing.assert_array_equal(found.kind, result.kind)
    assert not any(part.flags.writeable for part in (found.ids, found.similarities, found.weights, found.kind))


def test_candidates_where_no_token_has_any(tmp_path: Path, result: TransferResult) -> None:
    kind = np.full(5, TokenKind.FALLBACK, dtype=np.uint8)
    none = np.full((5, 3), -1)
    empty = TransferResult(result.matrix, none, np.zeros((5, 3), np.float32), np.zeros((5, 3)), kind)
    write_neighbors(tmp_path, empty, SOURCE, TARGET)
    write_tokens(tmp_path, empty, SOURCE, TARGET, np.linalg.norm(empty.matrix, axis=1))
    assert read_candidates(tmp_path).ids.shape == (5, 0)


def test_static_space_round_trip_in_half_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    space = StaticSpace(rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0])
    write_static_space(tmp_path / "static.safetensors", space)
    found = read_static_space(tmp_path / "static.safetensors")
    np.testing.assert_allclose(found.source, space.source, rtol=2**-10)
    np.testing.assert_allclose(found.target, space.target, rtol=2**-10)
    np.testing.assert_allclose(found.rotation, space.rotation, rtol=1e-6)
    assert {part.dtype for part in (found.source, found.target, found.rotation)} == {np.dtype(np.float32)}


def test_static_space_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "static.safetensors"
    write_static_space(path, StaticSpace(np.ones((4, 3)), np.ones((5, 2)), np.eye(3)))
    whole = path.read_bytes()
    for content in (whole, whole[:40], b"", b"no tensors"):
        path.write_bytes(content)
        with pytest.raises(OutputError, match=r"static\.safetensors cannot be read"):
            read_static_space(path)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path, result: TransferResult) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_neighbors(tmp_path / name, result, SOURCE, TARGET)
        write_tokens(tmp_path / name, result, SOURCE, TARGET, np.linalg.norm(result.matrix, axis=1))
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_manifest_round_trip(tmp_path: Path) -> None:
    manifest = {"schema_version": SCHEMA_VERSION, "text": "ĠHäuser 猫 \u2028", "numbers": [1, 0.5, None]}
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    content = (tmp_path / "wechsel.json").read_text("utf-8")
    assert content.endswith("}\n") and "猫" in content


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_manifest_holds_no_nan(value: float, tmp_path: Path) -> None:
    """NaN is no JSON: other readers would refuse the file."""
    with pytest.raises(ValueError):
        write_manifest(tmp_path, {"schema_version": SCHEMA_VERSION, "loss": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no result at"),
        (b"", "no result at"),
        (b"{", "no result at"),
        (b"\xff\xfe", "no result at"),
        (b"[]", "schema version None"),
        (b"{}", "schema version None"),
        (b'{"schema_version": 2}', "schema version 2"),
        (b'{"schema_version": "1"}', "schema version 1"),
    ],
    ids=["missing", "empty", "cut", "binary", "list", "no-version", "newer", "text-version"],
)
def test_unreadable_manifest(content: bytes | None, found: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "wechsel.json").write_bytes(content)
    with pytest.raises(OutputError, match=found) as raised:
        read_manifest(tmp_path)
    assert raised.value.exit_code == 2


def test_manifest_of_endless_depth(tmp_path: Path) -> None:
    (tmp_path / "wechsel.json").write_text("[" * 100_000)
    with pytest.raises(OutputError):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"PAR1", json.dumps({}).encode()])
def test_unreadable_table(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokens.parquet").write_bytes(content)
    with pytest.raises(OutputError, match=r"tokens\.parquet .* cannot be read"):
        read_table(tmp_path, "tokens.parquet")


def test_cut_off_table(tmp_path: Path, result: TransferResult) -> None:
    write_neighbors(tmp_path, result, SOURCE, TARGET)
    path = tmp_path / "neighbors.parquet"
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(OutputError):
            read_table(tmp_path, "neighbors.parquet")


def written(folder: Path, result: TransferResult) -> Path:
    """All three tables of a result."""
    write_neighbors(folder, result, SOURCE, TARGET)
    write_tokens(folder, result, SOURCE, TARGET, np.linalg.norm(result.matrix, axis=1))
    return folder


TABLES = ("neighbors.parquet", "tokens.parquet", "source_tokens.parquet")


@pytest.mark.parametrize("name", TABLES)
def test_tables_say_their_schema_version(name: str, tmp_path: Path, result: TransferResult) -> None:
    path = written(tmp_path, result) / name
    table = pq.read_table(path)
    assert table.schema.metadata[b"wechsel_schema_version"] == b"1"
    pq.write_table(table.replace_schema_metadata({b"wechsel_schema_version": b"2"}), path)
    with pytest.raises(OutputError, match=rf"{name} has schema version 2; expected version 1; run init again"):
        read_table(tmp_path, name)
    pq.write_table(table.replace_schema_metadata(None), path)  # as written before versions were recorded
    assert len(read_table(tmp_path, name)) == len(table)


@pytest.mark.parametrize("name", TABLES)
def test_table_that_lacks_a_column_or_holds_something_else_there(
    name: str, tmp_path: Path, result: TransferResult
) -> None:
    path = written(tmp_path, result) / name
    table = pq.read_table(path).replace_schema_metadata(None)
    for place, column in enumerate(table.column_names):
        pq.write_table(table.drop_columns([column]), path)
        with pytest.raises(OutputError, match=f"has no column {column}"):
            read_table(tmp_path, name)
        pq.write_table(table.set_column(place, column, pa.array([b"\0"] * len(table))), path)
        with pytest.raises(OutputError, match=f"column {column} of .* holds"):
            read_table(tmp_path, name)
    pq.write_table(table.append_column("more", pa.array([1] * len(table))), path)
    assert "more" in read_table(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [("neighbors", "target_id", 5), ("neighbors", "target_id", -1), ("neighbors", "source_id", 4),
     ("neighbors", "rank", 0), ("neighbors", "rank", 30_000), ("tokens", "kind", "guessed")],
)  # fmt: skip
def test_tables_that_do_not_fit_each_other(
    name: str, column: str, value: int | str, tmp_path: Path, result: TransferResult
) -> None:
    path = written(tmp_path, result) / f"{name}.parquet"
    table = pq.read_table(path)
    values = [value, *table[column].to_pylist()[1:]]
    changed = pa.array(values, table.schema.field(column).type)
    pq.write_table(table.set_column(table.column_names.index(column), column, changed), path)
    with pytest.raises(OutputError, match="do not fit each other"):
        read_candidates(tmp_path)
