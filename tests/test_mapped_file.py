from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import psutil
import pytest

from wechsel_core.mapped_file import MappedFile

SIZE = 32 * 2**20


def test_bytes_of_the_file_read_only(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    mapped = MappedFile(tmp_path / "f")
    assert mapped.data.dtype == np.uint8 and mapped.data.tobytes() == b"abc"
    with pytest.raises(ValueError, match="read-only"):
        mapped.data[0] = 1
    mapped.release()
    assert mapped.data.tobytes() == b"abc"


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system cannot hand pages back")
def test_pages_are_handed_back(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * SIZE)
    mapped, process = MappedFile(tmp_path / "f"), psutil.Process()
    before = process.memory_info().rss
    assert mapped.data.max() == ord("x")
    touched = process.memory_info().rss - before
    mapped.release()
    released = process.memory_info().rss - before
    assert touched > 0.9 * SIZE and released < 0.1 * SIZE
    assert mapped.data.max() == ord("x")


def test_systems_that_cannot_hand_pages_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    monkeypatch.delattr(mmap, "MADV_DONTNEED", raising=False)
    mapped = MappedFile(tmp_path / "f")
    mapped.release()
    assert mapped.data.tobytes() == b"abc"


def test_rows_are_copied_without_touching_pages(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = np.random.default_rng(0).integers(0, 256, 3 + 5 * 7, dtype=np.uint8)
    path.write_bytes(content.tobytes())
    mapped = MappedFile(path)
    np.testing.assert_array_equal(mapped.rows(3, 7, np.array([0, 4, 2])), content[3:].reshape(5, 7)[[0, 4, 2]])
    assert mapped.rows(3, 7, np.array([], int)).shape == (0, 7)
    with pytest.raises(OSError, match="row 5 lies beyond the end"):
        mapped.rows(3, 7, np.array([5]))
