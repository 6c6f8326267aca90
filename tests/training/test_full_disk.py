"""A disk that fills up in the middle of a checkpoint, and a checkpoint that was left half-written."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.training import workers
from wechsel_core import runs

NewRun = Callable[..., Path]
pytestmark = pytest.mark.slow


def log(folder: Path) -> str:
    return (folder / "worker.log").read_text(errors="replace")


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def small_disk(place: Path, n_bytes: int) -> Iterator[None]:
    """A file system of that size at a folder; needs root."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a disk of a given size needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_the_older_checkpoint_survives_a_full_disk_and_the_run_goes_on_from_it(new_run: NewRun) -> None:
    whole, folder = new_run(seed=4), new_run(seed=4, save_every=2)
    assert workers.run(whole) == 0, log(whole)
    process = workers.start(folder)
    while not runs.whole_checkpoints(folder):
        assert process.is_alive() or runs.whole_checkpoints(folder), log(folder)
    runs.request_stop(folder)
    process.join(60)
    runs.clear_stop(folder)
    one = size_of(runs.whole_checkpoints(folder)[-1])
    shutil.rmtree(folder / "checkpoints")
    with small_disk(folder / "checkpoints", 2 * one + one // 2 + 64 * 1024):
        # Two fit; the third finds no room before the oldest goes.
        assert workers.run(folder) == 1, log(folder)
        status, kept = runs.effective_status(folder), runs.whole_checkpoints(folder)
        assert status["state"] == "failed" and "the disk is full" in status["reason"]
        assert [path.name for path in kept] == ["checkpoint-2", "checkpoint-4"]
        assert {path.name for path in (folder / "checkpoints").iterdir()} == {path.name for path in kept}
        rescued = folder.parent / "rescued"
        shutil.copytree(folder / "checkpoints", rescued)
    shutil.rmtree(folder / "checkpoints")
    rescued.rename(folder / "checkpoints")  # the same folder on a disk with room
    assert workers.run(folder) == 0, log(folder)
    expected, found = (load_file(path / "model" / "model.safetensors") for path in (whole, folder))
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_a_half_written_checkpoint_is_passed_over(new_run: NewRun) -> None:
    whole, folder = new_run(seed=5), new_run(seed=5, save_every=2)
    assert workers.run(whole) == 0, log(whole)
    torn = folder / "checkpoints" / "checkpoint-8"
    torn.mkdir(parents=True)
    (torn / "model.safetensors").write_bytes(b"half")
    (torn / "trainer_state.json").write_text('{"global_step": 8')
    assert workers.run(folder) == 0, log(folder)
    expected, found = (load_file(path / "model" / "model.safetensors") for path in (whole, folder))
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
