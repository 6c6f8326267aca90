"""Worker processes as quickly as a test can have them: forked from a server that has imported torch once."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any


@functools.cache
def _server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wechsel_core.training.loop", "wechsel_core.training.arms"])
    return context


def start(folder: Path, **variables: str) -> BaseProcess:
    """A real process that works on a run, with this process's WECHSEL_HOME; ``exitcode`` is the worker's."""
    variables = {"WECHSEL_HOME": os.environ["WECHSEL_HOME"]} | variables
    process: BaseProcess = _server().Process(target=work, args=(str(folder), variables))
    process.start()
    return process


def run(folder: Path, seconds: float = 300) -> int | None:
    """Let a worker come to its end; its exit code."""
    process = start(folder)
    process.join(seconds)
    return process.exitcode


def work(folder: str, variables: dict[str, str]) -> None:
    """In the child: what ``python -m wechsel_core.training.worker`` does, printing to the run's log."""
    os.environ.update(variables)
    log = os.open(Path(folder) / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from wechsel_core.training.worker import Worker

    sys.exit(Worker(Path(folder)).main())
