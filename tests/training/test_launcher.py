"""Real worker processes (a stand-in that trains nothing): started, stopped, killed, resumed, and in hostile moments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.training.stand_in_runs import MODULE, new_run, no_process_left, resume, started, until
from wechsel_core import processes, runs
from wechsel_core.errors import RunError
from wechsel_core.training import launcher

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(home: Path) -> Iterator[Path]:
    with no_process_left():
        yield home


def state(folder: Path) -> str:
    return str(runs.effective_status(folder)["state"])


# --- start -------------------------------------------------------------------------------------------------------


def test_a_worker_runs_to_its_end_in_a_session_of_its_own() -> None:
    folder = new_run(steps=20)
    pid = launcher.start_worker(folder, module=MODULE)
    assert os.getsid(pid) == pid != os.getsid(0)
    assert launcher.wait_for_end(folder, 30)["state"] == "finished"
    status = runs.read_status(folder)
    assert (status["pid"], status["attempt"], status["step"]) == (pid, 1, 20)
    assert status["launcher"]["pid"] == pid and len(runs.read_metrics(folder)) == 20
    until(lambda: not psutil.pid_exists(pid))  # it was waited for: no zombie stays


def test_it_finds_its_code_and_its_home_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WECHSEL_HOME", "home")
    folder = new_run(steps=1)
    (folder / "filelock.py").write_text("raise SystemExit('imported from the working folder')")
    launcher.start_worker(folder, module=MODULE)
    assert launcher.wait_for_end(folder, 30)["state"] == "finished"
    assert runs.read_status(folder)["cwd"] == str(folder.absolute())


def test_a_worker_that_prints_a_megabyte_goes_on() -> None:
    folder = new_run(steps=3, printed=1 << 20)
    launcher.start_worker(folder, module=MODULE)
    assert launcher.wait_for_end(folder, 30)["state"] == "finished"
    assert (folder / runs.LOG).stat().st_size > 1 << 20


def test_a_worker_that_cannot_be_started_has_failed() -> None:
    folder = new_run()
    with pytest.raises(RunError, match="the worker cannot be started"):
        launcher.start_worker(folder, command=["/no/such/program"])
    assert state(folder) == "failed" and "cannot be started" in str(runs.read_status(folder)["reason"])


def test_a_worker_that_dies_before_its_first_word_has_failed() -> None:
    folder = new_run(exit=1)
    launcher.start_worker(folder, module=MODULE)
    status = launcher.wait_for_end(folder, 30)
    assert status["state"] == "failed" and "without a word" in status["reason"]


def test_a_second_worker_of_a_run_ends_at_once() -> None:
    folder = started()
    first = runs.read_status(folder)["pid"]
    done = subprocess.run(
        launcher.worker_command(folder, MODULE), env=launcher.worker_environment(), capture_output=True, cwd=folder
    )
    assert done.returncode == 2
    status = runs.effective_status(folder)
    assert (status["pid"], status["state"], status["attempt"]) == (first, "running", 1)


def test_the_worker_outlives_whoever_started_it() -> None:
    """The app is killed with signal 9, and its terminal's group with it; the job goes on and is found again."""
    script = """
import sys, time
from tests.training.stand_in_runs import started
print(started(seconds=0.02), flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as app:
        assert app.stdout is not None
        folder = Path(app.stdout.readline().strip())
        os.killpg(app.pid, signal.SIGINT)
        time.sleep(0.1)
        os.killpg(app.pid, signal.SIGKILL)
    step = runs.read_status(folder)["step"]
    until(lambda: runs.read_status(folder)["step"] > step + 3)
    assert [(entry["folder"], entry["status"]["state"]) for entry in runs.list_runs()] == [(folder, "running")]
    assert launcher.stop_run(folder, wait=30)["state"] == "stopped"


def test_an_app_that_dies_before_it_has_started_a_worker() -> None:
    script = "from tests.training.stand_in_runs import new_run; print(new_run())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    folder = Path(done.stdout.strip())
    assert state(folder) == "failed"
    resume(folder)
    until(lambda: state(folder) == "running")


# --- stop --------------------------------------------------------------------------------------------------------


def test_stop_writes_a_checkpoint_and_resume_goes_on_from_it() -> None:
    folder = started(steps=60, seconds=0.02)
    until(lambda: runs.read_status(folder)["step"] >= 3)
    status = launcher.stop_run(folder, wait=30)
    assert status["state"] == "stopped" and not status["alive"]
    at = status["step"]
    assert [path.name for path in runs.whole_checkpoints(folder)][-1] == f"checkpoint-{at}"
    resume(folder)
    assert not runs.stop_requested(folder)
    assert launcher.wait_for_end(folder, 30)["state"] == "finished"
    frame = runs.read_metrics(folder)
    assert frame["step"].tolist() == list(range(1, 61)) and frame["attempt"].tolist() == [1] * at + [2] * (60 - at)


def test_stop_without_waiting_shows_stopping() -> None:
    folder = started(seconds=1)
    assert launcher.stop_run(folder)["state"] == "stopping"
    assert launcher.wait_for_end(folder, 30)["state"] == "stopped"


def test_stop_while_the_worker_does_not_listen_yet() -> None:
    """No signal is sent to a bare interpreter, which would die of it: the worker finds the request when it is ready."""
    folder = new_run(loading=1.0)
    launcher.start_worker(folder, module=MODULE)
    assert launcher.stop_run(folder)["state"] == "stopping"
    time.sleep(0.3)
    assert state(folder) == "stopping"
    status = launcher.wait_for_end(folder, 30)
    assert (status["state"], status["step"]) == ("stopped", 0)


def test_stop_of_a_deaf_worker_stays_stopping_until_it_is_killed() -> None:
    folder = started(deaf=1)
    status = launcher.stop_run(folder, wait=0.5)
    assert (status["state"], status["alive"]) == ("stopping", True)
    assert launcher.kill_run(folder)["state"] == "stopped"


@pytest.mark.parametrize("act", [launcher.stop_run, launcher.kill_run])
def test_an_ended_run_is_neither_stopped_nor_killed(act: object) -> None:
    folder = new_run(steps=1)
    launcher.start_worker(folder, module=MODULE)
    launcher.wait_for_end(folder, 30)
    with pytest.raises(RunError, match="finished; expected a run that is alive"):
        act(folder)  # type: ignore[operator]
    assert not runs.stop_requested(folder)


# --- kill --------------------------------------------------------------------------------------------------------


def test_kill_ends_the_worker_and_all_of_its_children() -> None:
    folder = started(children=2, deaf=1)
    status = runs.read_status(folder)
    until(lambda: len(launcher._family(status)) == 3)
    family = launcher._family(status)
    assert launcher.kill_run(folder)["reason"] == "killed; what it did since its last checkpoint is lost"
    assert state(folder) == "stopped" and not processes.is_alive(status)
    assert all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in family)
    resume(folder)
    until(lambda: state(folder) == "running")


def test_kill_reaches_a_grandchild_whose_parent_has_died() -> None:
    folder = started(orphan=1)
    leader = runs.read_status(folder)["pid"]
    until(lambda: len(launcher._session(leader)) == 2)
    orphan = next(process for process in launcher._session(leader) if process.pid != leader)
    assert orphan.ppid() != leader
    launcher.kill_run(folder)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_kill_never_hits_a_stranger_under_the_same_pid() -> None:
    folder = new_run()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as stranger:
        was = processes.identity(stranger.pid)
        changed = was | {"process_start": was["process_start"] - 1}
        runs.write_status(folder, state="running", phase="Training", launcher=changed, **changed)
        with pytest.raises(RunError, match="failed; expected a run that is alive"):
            launcher.kill_run(folder)
        # Even if somebody skips the first look:
        assert launcher._family(runs.read_status(folder)) == []
        assert stranger.poll() is None
        stranger.kill()


def test_kill_does_not_take_the_app_for_the_worker() -> None:
    """Until a worker is there, the run is alive through the process that is about to start it."""
    folder = new_run()
    with pytest.raises(RunError, match="is being started"):
        launcher.kill_run(folder)
    script = f"""
from pathlib import Path
from wechsel_core.training import launcher
launcher.kill_run(Path({str(folder)!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert "is being started" in done.stderr


def test_a_run_of_another_machine_is_not_killed_from_here() -> None:
    folder = new_run()
    runs.heartbeat(folder, state="running", phase="Training", host="node7")
    with pytest.raises(RunError, match="runs on node7"):
        launcher.kill_run(folder)
    assert launcher.stop_run(folder)["state"] == "stopping", "it finds the request in the shared folder"


def test_a_killed_worker_has_failed_and_goes_on_from_its_last_whole_checkpoint() -> None:
    folder = started(steps=40, seconds=0.02)
    until(lambda: runs.read_status(folder)["step"] >= 13)
    os.kill(runs.read_status(folder)["pid"], signal.SIGKILL)
    status = launcher.wait_for_end(folder, 30)
    assert status["state"] == "failed" and "killed, or out of memory" in status["reason"]
    half = folder / runs.CHECKPOINTS / "checkpoint-999"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    last = int(runs.whole_checkpoints(folder)[-1].name.rsplit("-")[-1])
    resume(folder)
    assert launcher.wait_for_end(folder, 30)["state"] == "finished"
    frame = runs.read_metrics(folder)
    assert frame["step"].tolist() == list(range(1, 41))
    assert frame[frame["attempt"] == 2]["step"].min() == last + 1


# --- resume ------------------------------------------------------------------------------------------------------


def test_a_live_or_finished_run_is_not_resumed() -> None:
    folder = started(steps=5, seconds=0.1)
    with pytest.raises(RunError, match="running; expected a run that has ended"):
        resume(folder)
    launcher.wait_for_end(folder, 30)
    with pytest.raises(RunError, match="has finished"):
        resume(folder)


def test_two_resumes_at_once_start_one_worker() -> None:
    folder = started()
    launcher.stop_run(folder, wait=30)
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            resume(folder)
            outcomes.append("started")
        except RunError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "started"]
    until(lambda: state(folder) == "running")
    assert runs.read_status(folder)["attempt"] == 2


def test_a_worker_that_is_still_leaving_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = started(deaf=1)
    monkeypatch.setattr(launcher, "_LOCK_SECONDS", 0.2)
    worker = runs.read_status(folder)["pid"]
    runs.write_status(folder, state="stopped")  # its last word, but the process is there
    with pytest.raises(RunError, match="a worker still holds"):
        resume(folder)
    os.kill(worker, signal.SIGKILL)
    until(lambda: processes.process_start(worker) is None)
    runs.write_status(folder, state="stopped")
    resume(folder)
    until(lambda: state(folder) == "running")
