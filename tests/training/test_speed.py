"""The machine's speed: measured once, kept, and plausible."""

from __future__ import annotations

from pathlib import Path

import pytest

from wechsel_core import paths
from wechsel_core.training import speed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))


def test_measured_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[str, int | None]] = []

    def measure(device: str, threads: int | None) -> float:
        measured.append((device, threads))
        return 5e10

    monkeypatch.setattr(speed, "_measure", measure)
    assert speed.product_speed("cpu") == speed.product_speed("cpu") == 5e10
    speed.product_speed("cpu", 64)
    assert measured == [("cpu", None), ("cpu", 64)]
    (paths.cache_dir() / "product-speed.json").write_text("{")
    assert speed.product_speed("cpu") == 5e10 and len(measured) == 3


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed, "_measure", lambda device, threads: 5e10)
    (tmp_path / "cache").write_text("a file")
    assert speed.product_speed("cpu") == 5e10


def test_this_machine_is_plausible() -> None:
    import torch

    before = torch.get_num_threads()
    assert 1e8 < speed._measure("cpu", 1) < 1e14
    assert torch.get_num_threads() == before
