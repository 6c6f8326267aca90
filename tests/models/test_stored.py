"""Rows read in place and values written in a file's type, against torch and the safetensors library."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import save_file

from wechsel_core.errors import ModelError
from wechsel_core.models.stored import StoredRows, as_stored, stored_tensors, weights_sha256

DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}


def every_float32(n: int = 200_000) -> np.ndarray:
    """Random bits, the edges of bfloat16's rounding among them, without NaN and infinity."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, n, dtype=np.uint32)
    bits[: n // 2] = (bits[: n // 2] & 0xFFFF0000) | np.resize([0x7FFF, 0x8000, 0x8001, 0, 1, 0xFFFF], n // 2)
    values = bits.view(np.float32)
    return values[np.isfinite(values) & (np.abs(values) < 3.3e38)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_those_of_the_file(dtype: str, tmp_path: Path) -> None:
    matrix = torch.randn(40, 3).to(DTYPES[dtype])
    save_file({"first": torch.ones(5, dtype=torch.uint8), "m": matrix}, tmp_path / "model.safetensors")
    rows = StoredRows(stored_tensors(tmp_path)["m"])
    expected = matrix.float().numpy()
    assert rows.shape == (40, 3) and len(rows) == 40
    for key in (slice(None), slice(7, 9), slice(40, 50), np.array([3, 3, 39, 0])):
        found = rows[key]
        assert found.dtype == np.float32 and np.array_equal(found, expected[key])
    few = rows.first(4)
    assert few.shape == (4, 3) and np.array_equal(few[:], expected[:4])
    with pytest.raises(IndexError):
        few[np.array([4])]


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system cannot hand pages back")
def test_released_rows_are_no_memory_of_the_process(tmp_path: Path) -> None:
    matrix = torch.randn(1 << 20, 8)  # 32 MB
    save_file({"m": matrix}, tmp_path / "model.safetensors")
    rows, process = StoredRows(stored_tensors(tmp_path)["m"]), psutil.Process()
    before = process.memory_info().rss
    expected = rows[:].sum()
    touched = process.memory_info().rss - before
    rows.first(10).release()
    assert touched > 30e6 and process.memory_info().rss - before < 2e6
    assert rows[:].sum() == expected


def test_a_vector_is_one_column(tmp_path: Path) -> None:
    save_file({"b": torch.arange(6.0)}, tmp_path / "model.safetensors")
    rows = StoredRows(stored_tensors(tmp_path)["b"])
    assert rows.shape == (6, 1) and rows[2:4].tolist() == [[2.0], [3.0]]


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    values = every_float32()
    stored = as_stored(values, "BF16")
    assert np.array_equal(stored, torch.from_numpy(values).to(torch.bfloat16).view(torch.uint16).numpy())


@pytest.mark.parametrize(("dtype", "value"), [("BF16", 3.4e38), ("F32", np.inf), ("F32", np.nan)])
def test_values_that_the_type_cannot_hold(dtype: str, value: float) -> None:
    with pytest.raises(ModelError, match="too large"):
        as_stored(np.array([[0.0, value]], dtype=np.float32), dtype)


def test_tensors_are_compared_by_their_bytes(tmp_path: Path) -> None:
    same, other = torch.arange(9.0), torch.arange(9.0)
    other[8] = 7
    save_file({"a": same, "b": same.clone(), "c": other, "d": same.clone().view(3, 3)}, tmp_path / "model.safetensors")
    found = stored_tensors(tmp_path)
    assert [found["a"].equals(found[name]) for name in "abcd"] == [True, True, False, False]


def test_hash_is_that_of_the_files_in_order(tmp_path: Path) -> None:
    for name, content in (("model-2.safetensors", b"b" * 9_000_000), ("model-1.safetensors", b"a"), ("x.bin", b"x")):
        (tmp_path / name).write_bytes(content)
    assert weights_sha256(tmp_path) == hashlib.sha256(b"a" + b"b" * 9_000_000).hexdigest()
