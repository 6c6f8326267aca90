"""Runs for the stand-in worker, and waiting with an end."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wechsel_core import runs
from wechsel_core.config import TrainConfig
from wechsel_core.training import launcher

MODULE = "tests.training.stand_in_worker"
RESULT = {
    "name": "r",
    "source": "s",
    "target_language": "fr",
    "method": "wechsel",
    "kind": "causal",
    "config_hash": "0",
}


@contextlib.contextmanager
def no_process_left() -> Iterator[None]:
    """At the end no process of a run of this home lives on."""
    yield
    for entry in runs.list_runs():
        for process in launcher._family(entry["status"]):
            process.kill()


def new_run(seed: int = 0, **given: Any) -> Path:
    """A queued run; ``given`` tells the stand-in what to do."""
    folder = runs.create_run(TrainConfig(result="r", text="t", seed=seed), RESULT, {})
    (folder / "stand-in.json").write_text(json.dumps(given))
    return folder


def started(seed: int = 0, **given: Any) -> Path:
    """A run whose stand-in trains."""
    folder = new_run(seed, **given)
    launcher.start_worker(folder, module=MODULE)
    until(lambda: runs.read_status(folder)["state"] == "running")
    return folder


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


resume = functools.partial(launcher.resume_run, module=MODULE)
