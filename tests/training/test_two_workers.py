"""Two processes over gloo, half the batch each: the same run as one process makes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training import workers
from wechsel_core import runs

NewRun = Callable[..., Path]
pytestmark = pytest.mark.slow


def run_two(folder: Path) -> list[int | None]:
    """Both ranks as torchrun or ``accelerate launch`` start them; their exit codes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        workers.start(folder, RANK=str(rank), LOCAL_RANK=str(rank), ACCELERATE_USE_CPU="true", **common)
        for rank in (1, 0)  # the second waits for the first
    ]
    for process in ranks:
        process.join(180)
    return [process.exitcode for process in ranks]


@pytest.mark.parametrize("model,changes", [
    ("gpt2", {}),
    ("roberta", {}),
    ("gpt2", {"arm": "transinner", "frozen_share": 0.5, "accumulation": 2}),
])  # fmt: skip
def test_two_workers_give_the_losses_of_one(new_run: NewRun, model: str, changes: dict) -> None:
    single, double = new_run(model, **changes), new_run(model, **changes, save_every=6)
    assert workers.run(single) == 0
    assert run_two(double) == [0, 0], (double / "worker.log").read_text()
    one, two = (runs.read_metrics(folder).set_index(["kind", "step"]) for folder in (single, double))
    assert one.index.equals(two.index)
    np.testing.assert_allclose(two["loss"], one["loss"], atol=1e-4)
    np.testing.assert_allclose(two["grad_norm"], one["grad_norm"], rtol=1e-3)
    assert runs.read_run(single)["prepared"]["comparison_hash"] == runs.read_run(double)["prepared"]["comparison_hash"]
    assert runs.effective_status(double)["state"] == "finished" and (double / "model" / "config.json").is_file()
    # Rank 0 alone writes: one line a step, one attempt.
    assert set(runs.read_metrics(double)["attempt"]) == {1}


def test_two_workers_stop_together(new_run: NewRun) -> None:
    folder = new_run(steps=2000, save_every=2000, eval_every=2000)
    import threading
    import time

    codes: list[int | None] = []
    thread = threading.Thread(target=lambda: codes.extend(run_two(folder)))
    thread.start()
    while runs.read_status(folder)["step"] < 3:
        assert thread.is_alive(), (folder / "worker.log").read_text()
        time.sleep(0.05)
    runs.request_stop(folder)
    thread.join(120)
    assert codes == [0, 0] and runs.effective_status(folder)["state"] == "stopped"
    assert runs.whole_checkpoints(folder)
