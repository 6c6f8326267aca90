"""Rows read from a file by the compiled reader: the same bytes as slicing gives, and a file that ends too early."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wechsel_core.mapped_file import MappedFile
from wechsel_core.row_reader import read_rows

pytestmark = pytest.mark.skipif(not hasattr(os, "pread"), reason="no pread on this system")
HEAD, ROW = 5, 12


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = np.arange(10 * ROW, dtype=np.uint8).reshape(10, ROW)
    file = tmp_path / "rows.bin"
    file.write_bytes(b"x" * HEAD + rows.tobytes())
    return file


def test_rows_in_any_order_and_repeated(path: Path) -> None:
    rows = np.arange(10 * ROW, dtype=np.uint8).reshape(10, ROW)
    numbers = np.array([7, 0, 9, 7])
    np.testing.assert_array_equal(MappedFile(path).rows(HEAD, ROW, numbers), rows[numbers])
    np.testing.assert_array_equal(MappedFile(path).rows(HEAD, ROW, numbers[::-1].astype(np.int32)), rows[numbers[::-1]])
    assert MappedFile(path).rows(HEAD, ROW, numbers[:0]).shape == (0, ROW)


def test_counts_what_it_could_read(path: Path) -> None:
    out = np.zeros((3, ROW), dtype=np.uint8)
    with path.open("rb") as stream:
        assert read_rows(stream.fileno(), HEAD, np.array([1, 10, 2]), out) == 1
    assert out[0, 0] == ROW and not out[2].any()
    assert read_rows(-1, HEAD, np.array([1]), out[:1]) == 0


def test_a_file_that_was_cut(path: Path) -> None:
    file = MappedFile(path)
    os.truncate(path, HEAD + 9 * ROW + 3)
    with pytest.raises(OSError, match="row 9 lies beyond"):
        file.rows(HEAD, ROW, np.array([3, 9]))
