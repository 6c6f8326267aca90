"""One job a device: real processes that wait, hold, stop and are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.training.stand_in_runs import new_run, until
from wechsel_core import paths, runs
from wechsel_core.json_files import replace_json
from wechsel_core.training import queue

HOLD = """
import sys, time
from pathlib import Path
from wechsel_core import processes, runs
from wechsel_core.training import queue
queue.LOOK_SECONDS = 0.02
folder = Path(sys.argv[1])
runs.write_status(folder, state="queued", phase="", **processes.identity())
with queue.wait_for_turn(folder, sys.argv[2], lambda: runs.stop_requested(folder)) as turn:
    runs.write_status(folder, state="running" if turn else "stopped", phase="")
    while turn and not (folder / "go").exists():
        time.sleep(0.02)
if turn:
    runs.write_status(folder, state="finished")
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "home"


@pytest.fixture
def worker() -> Iterator[Callable[..., tuple[Path, subprocess.Popen[bytes]]]]:
    """``worker(seed, device)``: a run and the process that waits for its turn."""
    started: list[subprocess.Popen[bytes]] = []

    def start(seed: int, device: str = "cpu") -> tuple[Path, subprocess.Popen[bytes]]:
        folder = new_run(seed)
        started.append(subprocess.Popen([sys.executable, "-c", HOLD, str(folder), device]))
        until(lambda: state(folder) == "running" or "Waiting" in str(runs.read_status(folder)["phase"]))
        return folder, started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def state(folder: Path) -> str:
    return str(runs.read_status(folder)["state"])


def test_one_job_at_a_time_the_longest_wait_first(worker: Callable[..., tuple[Path, subprocess.Popen[bytes]]]) -> None:
    folders = [worker(seed)[0] for seed in (5, 1, 3)]
    assert [state(folder) for folder in folders] == ["running", "queued", "queued"]
    assert runs.read_status(folders[1])["phase"] == f"Waiting for cpu: {folders[0].name} is ahead"
    assert runs.read_status(folders[2])["phase"] == f"Waiting for cpu: {folders[1].name} is ahead"
    for done, following in zip(folders, folders[1:], strict=False):
        (done / "go").touch()
        until(lambda following=following: state(following) == "running")  # type: ignore[misc]
    assert [state(folder) for folder in folders] == ["finished", "finished", "running"]


def test_another_device_does_not_wait(worker: Callable[..., tuple[Path, subprocess.Popen[bytes]]]) -> None:
    assert [state(worker(seed, device)[0]) for seed, device in ((0, "cuda:0"), (1, "cuda:1"), (2, "cpu"))] == [
        "running", "running", "running",
    ]  # fmt: skip


def test_a_killed_holder_makes_way(worker: Callable[..., tuple[Path, subprocess.Popen[bytes]]]) -> None:
    _, holder = worker(0)
    second, _ = worker(1)
    holder.send_signal(signal.SIGKILL)  # stays a zombie: nobody waits for it yet
    until(lambda: state(second) == "running")


def test_a_killed_waiter_holds_nobody_up(worker: Callable[..., tuple[Path, subprocess.Popen[bytes]]]) -> None:
    first, _ = worker(0)
    _, waiter = worker(1)
    third, _ = worker(2)
    waiter.send_signal(signal.SIGKILL)
    (first / "go").touch()
    until(lambda: state(third) == "running")
    assert list((paths.home() / "locks").rglob("*.queue/*.json")) == []


def test_a_stop_ends_the_wait(worker: Callable[..., tuple[Path, subprocess.Popen[bytes]]]) -> None:
    first, _ = worker(0)
    second, process = worker(1)
    runs.request_stop(second)
    until(lambda: state(second) == "stopped")
    assert process.wait(10) == 0 and state(first) == "running"


def test_a_turn_ends_with_its_block_also_by_an_error(tmp_path: Path) -> None:
    folder = new_run()
    with pytest.raises(ValueError, match="boom"), queue.wait_for_turn(folder, "cpu", lambda: False) as turn:
        assert turn
        raise ValueError("boom")
    with queue.wait_for_turn(folder, "cpu", lambda: False) as turn:
        assert turn
    assert sorted(path.suffix for path in (paths.home() / "locks").iterdir()) in ([".lock", ".queue"], [".queue"])


def test_tickets_of_earlier_boots_and_torn_ones_do_not_count() -> None:
    place = paths.home() / "locks" / f"{queue.lock_name('cpu')}.queue"
    place.mkdir(parents=True)
    replace_json(place / "0000000000001.000000-1.json", {"run": "old", "pid": os.getpid(), "process_start": 1})
    (place / "0000000000002.000000-1.json").write_text("{")
    (place / ".0000000000003.000000-1.json.part").write_text("{")
    with queue.wait_for_turn(new_run(), "cpu", lambda: False) as turn:
        assert turn


def test_names_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue.processes, "host", lambda: "node/7")
    assert queue.lock_name("cpu") == "node-7-cpu" and queue.lock_name("mps") == "node-7-mps"
    assert queue.lock_name("cuda") == queue.lock_name("cuda:0") == "node-7-cuda-0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert [queue.lock_name(f"cuda:{i}") for i in (0, 1, 2)] == ["node-7-cuda-2", "node-7-cuda-5", "node-7-cuda-2"]
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert queue.lock_name("cpu") == "node-7-cpu-slurm-17"


def test_a_waiting_run_keeps_its_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run()
    monkeypatch.setattr(queue, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(queue, "BEAT_SECONDS", 0.01)
    beats = []
    monkeypatch.setattr(queue.runs, "heartbeat", lambda folder, **changes: beats.append(changes) or True)
    looks = iter(range(100))
    with (
        queue.wait_for_turn(new_run(1), "cpu", lambda: False),
        queue.wait_for_turn(folder, "cpu", lambda: next(looks) > 50) as turn,
    ):
        assert not turn
    assert len(beats) > 3 and "is ahead" in beats[0]["phase"]
