"""What a run's state is told to be: by its status, its process, its heartbeat and the clocks."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.run_builders import RESULT
from wechsel_core import processes, runs
from wechsel_core.config import TrainConfig

pytestmark = pytest.mark.usefixtures("home")


def create() -> Path:
    return runs.create_run(TrainConfig(result="r", text="t"), RESULT, {})


def dead_identity() -> dict[str, Any]:
    """Of a process that has been, and is no more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        return processes.identity(child.pid)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"state": 3}', "\xff"])
def test_a_status_that_cannot_be_read(content: str | None) -> None:
    folder = create()
    (folder / runs.STATUS).unlink()
    if content is not None:
        (folder / runs.STATUS).write_text(content, "latin-1")
    status = runs.effective_status(folder)
    assert (status["state"], status["alive"]) == ("failed", False) and "malformed" in status["reason"]


@pytest.mark.parametrize("state", runs.LIVE_STATES)
def test_a_run_whose_process_is_gone_has_failed(state: str) -> None:
    folder = create()
    runs.write_status(folder, state=state, **dead_identity())
    status = runs.effective_status(folder)
    assert status["state"] == "failed" and not status["alive"]
    assert status["reason"] == "its process ended without a word (killed, or out of memory); resume it"
    assert runs.read_status(folder)["state"] == state, "looking changes nothing"


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_an_ended_run_is_what_it_says(state: str) -> None:
    folder = create()
    runs.write_status(folder, state=state, reason="why", **dead_identity())
    status = runs.effective_status(folder)
    assert (status["state"], status["reason"], status["alive"], status["stalled"]) == (state, "why", False, False)


def test_another_process_under_the_pid_is_not_the_run() -> None:
    folder = create()
    runs.write_status(folder, state="running", **processes.identity() | {"process_start": 1})
    assert runs.effective_status(folder)["state"] == "failed"


def test_a_restarted_machine() -> None:
    folder = create()
    runs.write_status(folder, state="running", boot_id="before")
    status = runs.effective_status(folder)
    assert status["state"] == "failed" and "restarted" in status["reason"]


def test_a_run_that_ends_while_it_is_looked_at_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read "running", then the worker writes "finished" and leaves, then its process is looked for."""
    folder = create()
    runs.write_status(folder, state="running")

    def just_gone(status: dict[str, Any]) -> bool:
        runs.write_status(folder, state="finished")
        return False

    monkeypatch.setattr(processes, "is_alive", just_gone)
    assert runs.effective_status(folder)["state"] == "finished"


def test_an_old_heartbeat_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create()
    runs.heartbeat(folder, state="running")
    now = processes.boot_seconds()
    for age, stalled in ((0, False), (runs.STALL_SECONDS - 5, False), (runs.STALL_SECONDS + 5, True)):
        monkeypatch.setattr(processes, "boot_seconds", lambda age=age: now + age)
        status = runs.effective_status(folder)
        assert (status["state"], status["alive"], status["stalled"]) == ("running", True, stalled)
    runs.write_status(folder, state="queued")
    assert not runs.effective_status(folder)["stalled"], "waiting is no stall"


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_jump_of_the_clock_is_no_stall(days: int) -> None:
    folder = create()
    runs.heartbeat(folder, state="running")
    runs.write_status(folder, heartbeat=(datetime.now(UTC) + timedelta(days=days)).isoformat())
    status = runs.effective_status(folder)
    assert (status["state"], status["stalled"]) == ("running", False)


@pytest.mark.parametrize(
    ("seconds", "state", "stalled"), [(1, "running", False), (200, "running", True), (700, "failed", False)]
)
def test_a_run_of_another_machine_lives_by_its_heartbeat(seconds: int, state: str, stalled: bool) -> None:
    folder = create()
    beat = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    runs.write_status(folder, state="running", host="node7", boot_id="its own", heartbeat=beat)
    status = runs.effective_status(folder)
    assert (status["state"], status["stalled"]) == (state, stalled)
    assert state == "running" or "node7" in status["reason"]


def test_a_stop_that_was_asked_for_shows_at_once() -> None:
    folder = create()
    assert not runs.stop_requested(folder)
    runs.request_stop(folder)
    assert runs.stop_requested(folder) and runs.effective_status(folder)["state"] == "stopping"
    runs.clear_stop(folder)
    runs.clear_stop(folder)
    assert runs.effective_status(folder)["state"] == "queued"
