"""Identity of processes: real children, also dead ones, zombies and strangers under the same pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from wechsel_core import processes
from wechsel_core.processes import identity, is_alive

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


def until_zombie(pid: int) -> None:
    end = time.monotonic() + 10
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_own_process_and_a_child_are_alive(child: subprocess.Popen[bytes]) -> None:
    assert identity()["pid"] == os.getpid()
    assert is_alive(identity()) and is_alive(identity(child.pid))


def test_a_dead_child_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    was = identity(child.pid)
    child.kill()
    child.wait()
    assert not is_alive(was)
    assert identity(child.pid)["process_start"] is None and not is_alive(identity(child.pid))


def test_a_zombie_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    was = identity(child.pid)
    child.kill()
    until_zombie(child.pid)  # nobody has waited for it
    os.kill(child.pid, 0)  # the pid is still taken
    assert psutil.pid_exists(child.pid)
    assert not is_alive(was)


def test_another_process_under_the_same_pid_is_not_it(child: subprocess.Popen[bytes]) -> None:
    was = identity(child.pid)
    assert not is_alive(was | {"process_start": was["process_start"] - 1})
    assert not is_alive({**identity(), "process_start": was["process_start"]})


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="only root may choose the next pid")
def test_a_pid_that_the_system_has_given_to_a_stranger(child: subprocess.Popen[bytes]) -> None:
    was = identity(child.pid)
    child.kill()
    child.wait()
    time.sleep(0.05)  # the start is told in ticks of 10 ms
    for _ in range(50):  # another process of this machine may be quicker
        LAST_PID.write_text(str(was["pid"] - 1))
        with subprocess.Popen(SLEEP) as stranger:
            same = stranger.pid == was["pid"]
            alive = is_alive(was), is_alive(identity(stranger.pid))
            stranger.kill()
        if same:
            assert alive == (False, True)
            return
    pytest.skip("the pid was taken by others")


def test_a_jumping_clock_changes_nothing(child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    was = identity(child.pid)
    now, boot = time.time(), psutil.boot_time()
    for jump in (-86400.0, 3600.0, 1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        monkeypatch.setattr(psutil, "boot_time", lambda jump=jump: boot + jump)
        assert identity(child.pid) == was and is_alive(was)


@pytest.mark.parametrize("name", ["a) R 1 (b", "sp ace", ")"])
def test_a_program_with_an_odd_name(name: str, tmp_path: Path) -> None:
    """The name stands in brackets in the line that the start is read from."""
    program = tmp_path / name
    program.symlink_to(shutil.which("sleep") or "/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        try:
            was = identity(process.pid)
            assert is_alive(was)
            assert is_alive({**was, "process_start": processes.process_start(process.pid)})
        finally:
            process.kill()


@pytest.mark.parametrize(
    "changes",
    [{"host": "elsewhere"}, {"boot_id": "another boot"}, {"pid": None}, {"pid": "12"}, {"pid": 0}, {"pid": -1},
     {"process_start": None}, {"process_start": "12"}],
)  # fmt: skip
def test_what_is_not_known_to_be_this_process_is_not_alive(changes: dict[str, object]) -> None:
    assert not is_alive({**identity(), **changes})


def test_an_empty_status_is_not_alive() -> None:
    assert not is_alive({})


def test_the_other_way_of_systems_without_proc(child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    was = identity(child.pid)
    assert isinstance(was["process_start"], float) and is_alive(was)
    child.kill()
    until_zombie(child.pid)
    assert not is_alive(was)
    child.wait()
    assert not is_alive(was)


def test_the_boot_clock_goes_forward_and_is_shared() -> None:
    before = processes.boot_seconds()
    script = "from wechsel_core.processes import boot_seconds; print(boot_seconds())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert before < float(done.stdout) < processes.boot_seconds()
