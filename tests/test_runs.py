"""The run store under readers, writers and accidents."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import pytest

from tests.run_builders import RESULT
from wechsel_core import json_files, paths, runs
from wechsel_core.config import TrainConfig, config_hash
from wechsel_core.errors import InputError, RunError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def recorded() -> Path:
    return paths.recorded_runs_dir()


def config(**changes: Any) -> TrainConfig:
    return TrainConfig(**{"result": "pocket-gpt2-fr", "text": "text.txt", **changes})


def create(**changes: Any) -> Path:
    return runs.create_run(config(**changes), RESULT, {"torch": "2"})


def children(script: str, *arguments: str, n: int = 1) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, *arguments]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(n)]


# --- creation ----------------------------------------------------------------------------------------------------


def test_a_new_run_is_queued_and_whole(home: Path) -> None:
    folder = create(arm="random", seed=3)
    run = runs.read_run(folder)
    assert folder == home / "runs" / run["id"]
    assert run["config"] == config(arm="random", seed=3).to_dict()
    assert run["config_hash"] == config_hash(run["config"]) and run["schema_version"] == 1
    assert run["result"] == RESULT and run["versions"] == {"torch": "2"}
    status = runs.effective_status(folder)
    assert (status["state"], status["alive"], status["step"]) == ("queued", True, 0)
    assert [path.name for path in (home / "runs").iterdir()] == [folder.name], "no temporary folder stays"


@pytest.mark.parametrize(
    ("result", "name"),
    [("pocket-gpt2-fr", "pocket-gpt2-fr"), ("/a/b/My model (1)", "My-model-1"), ("../..", "result"), ("..", "result"),
     ("/x/ß", "result"), ("a" * 300, "a" * 100)],
)  # fmt: skip
def test_id(result: str, name: str) -> None:
    wanted = config(result=result, arm="permuted", seed=7)
    assert runs.new_id(wanted) == f"{name}-permuted-s7-{wanted.hash[:8]}"


def test_the_same_configuration_twice_is_refused() -> None:
    folder = create()
    with pytest.raises(RunError, match=f"the run {folder.name} exists, state queued; .*; resume or delete it"):
        create()
    assert create(seed=1) != folder


def test_two_starts_at_once_make_one_run(home: Path, tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from wechsel_core import runs
from wechsel_core.config import TrainConfig
from wechsel_core.errors import RunError
go = Path(sys.argv[1])
print("ready", flush=True)
while not go.exists(): time.sleep(0.001)
try:
    runs.create_run(TrainConfig(result="r", text="t"), {}, {})
    print("made")
except RunError:
    print("refused")
"""
    started = children(script, str(tmp_path / "go"), n=4)
    for child in started:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    assert sorted(child.communicate()[0] for child in started) == ["made\n", "refused\n", "refused\n", "refused\n"]
    assert len(list((home / "runs").iterdir())) == 1


def test_no_room_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files.json, "dump", full_disk)
    with pytest.raises(RunError, match="No space left on device.*; expected room for a run; free some"):
        create()
    assert list((home / "runs").iterdir()) == []


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


# --- finding and listing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", "../runs", "/etc", "a/b", ".new-x", "x" * 300, "nul\0", "no-such-run", "-"]
)
def test_ids_that_are_no_run(run_id: str) -> None:
    create()
    with pytest.raises(RunError, match="no run"):
        runs.run_folder(run_id)


def test_own_runs_stand_before_recorded_ones(recorded: Path) -> None:
    first, second = create(), create(seed=1)
    for name in ("old", first.name):
        (recorded / name).mkdir(parents=True)
        for file in (runs.RUN, runs.STATUS):
            (recorded / name / file).write_bytes((first / file).read_bytes())
    runs.update_run(first, created="2020-01-01T00:00:00+00:00")
    listed = runs.list_runs()
    assert [(entry["id"], entry["recorded"]) for entry in listed] == [
        (second.name, False), (first.name, False), ("old", True),
    ]  # fmt: skip
    assert runs.run_folder(first.name) == first and runs.run_folder("old") == recorded / "old"


def test_folders_that_are_no_runs_are_passed_over(home: Path) -> None:
    folder = create()
    for name, content in (("empty", None), ("torn", "{"), ("list", "[]"), ("other", '{"schema_version": 1}')):
        (home / "runs" / name).mkdir()
        if content is not None:
            (home / "runs" / name / runs.RUN).write_text(content)
    (home / "runs" / "file").write_text("x")
    assert [entry["id"] for entry in runs.list_runs()] == [folder.name]


def test_another_schema_version_is_refused() -> None:
    folder = create()
    runs.update_run(folder, schema_version=2)
    with pytest.raises(RunError, match="schema version 2"):
        runs.read_run(folder)
    assert runs.list_runs() == []


def test_a_recorded_run_is_never_written_to(recorded: Path) -> None:
    made = create()
    recorded.mkdir()
    folder = made.rename(recorded / made.name)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for act in (
        lambda: runs.write_status(folder, step=1), lambda: runs.update_run(folder, x=1),
        lambda: runs.request_stop(folder), lambda: runs.delete_run(folder),
    ):  # fmt: skip
        with pytest.raises(RunError, match="came with the lab"):
            act()
    runs.effective_status(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


# --- status ------------------------------------------------------------------------------------------------------


def test_status_merges() -> None:
    folder = create()
    runs.write_status(folder, state="running", steps=10)
    assert runs.write_status(folder, step=4)["steps"] == 10
    assert runs.read_status(folder)["step"] == 4 and runs.read_status(folder)["state"] == "running"


def test_writers_at_once_lose_nothing_and_readers_see_whole_files() -> None:
    folder = create()
    script = """
import sys
from pathlib import Path
from wechsel_core import runs
for i in range(150):
    runs.write_status(Path(sys.argv[1]), **{sys.argv[2]: i})
"""
    started = [*children(script, str(folder), "a"), *children(script, str(folder), "b")]
    reads = 0
    while any(child.poll() is None for child in started):
        assert runs.read_status(folder)["state"] == "queued"
        reads += 1
    assert [child.communicate() and child.returncode for child in started] == [0, 0]
    status = runs.read_status(folder)
    assert (status["a"], status["b"]) == (149, 149) and reads > 10


def test_a_full_disk_leaves_the_earlier_status(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create()
    runs.write_status(folder, state="running", step=5)
    with monkeypatch.context() as patch:
        patch.setattr(json_files.json, "dump", full_disk)
        with pytest.raises(OSError, match="No space left"):
            runs.write_status(folder, step=6)
        assert runs.heartbeat(folder, step=6) is False
    assert runs.read_status(folder)["step"] == 5
    assert runs.heartbeat(folder, step=7) is True and runs.read_status(folder)["step"] == 7
    assert not [path for path in folder.iterdir() if path.name.endswith(".part")]


# --- checkpoints and deletion ------------------------------------------------------------------------------------


def test_only_whole_checkpoints_count() -> None:
    folder = create()
    assert runs.whole_checkpoints(folder) == []
    for name, whole in (("checkpoint-9", 1), ("checkpoint-10", 1), ("checkpoint-20", 0), ("checkpoint-x", 1), ("y", 1)):
        place = folder / runs.CHECKPOINTS / name
        place.mkdir(parents=True)
        (place / "model.safetensors").write_bytes(b"half")
        if whole:
            (place / runs.COMPLETE).touch()
    (folder / runs.CHECKPOINTS / "checkpoint-30").write_text("a file")
    assert [path.name for path in runs.whole_checkpoints(folder)] == ["checkpoint-9", "checkpoint-10"]


def test_deleting(home: Path) -> None:
    folder = create()
    with pytest.raises(RunError, match="queued; expected a run that has ended"):
        runs.delete_run(folder)
    runs.write_status(folder, state="stopped")
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(b"x")
    runs.delete_run(folder)
    assert list((home / "runs").iterdir()) == []


def test_a_worker_that_holds_the_lock_is_not_deleted_whatever_the_status() -> None:
    folder = create()
    runs.write_status(folder, state="failed")
    script = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(folder / runs.LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="stop or kill it first"):
            runs.delete_run(folder)
        child.kill()
    runs.delete_run(folder)  # the system lets go of a dead process's lock
    assert not folder.exists()


def test_nothing_outside_is_deleted(home: Path, tmp_path: Path) -> None:
    folder = create()
    runs.write_status(folder, state="stopped")
    elsewhere = folder.rename(tmp_path / "elsewhere")
    link = home / "runs" / "link"
    link.symlink_to(elsewhere)
    for place in (elsewhere, link, home / "runs", home / "runs" / ".." / ".." / "elsewhere"):
        with pytest.raises(RunError, match="is no run of"):
            runs.delete_run(place)
    assert (elsewhere / runs.RUN).exists()


def test_errors_are_bad_input() -> None:
    assert issubclass(RunError, InputError) and RunError("a", "b", "c").exit_code == 2


def test_a_frozen_writer_does_not_hang_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is stopped while it writes keeps the lock; others give up in the end, heartbeats quietly."""
    folder = create()
    monkeypatch.setattr(runs, "_LOCK_SECONDS", 0.1)
    with filelock.FileLock(folder / "status.lock"):
        begun = time.monotonic()
        assert runs.heartbeat(folder, step=1) is False
        assert time.monotonic() - begun < 5


def test_files_are_plain_json_for_everybody() -> None:
    folder = create()
    assert json.loads((folder / runs.RUN).read_text())["id"] == folder.name
    assert folder.stat().st_mode & 0o777 == 0o755
