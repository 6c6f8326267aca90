"""Jobs through submitit's local executor, which runs what a cluster would run; scancel is a program of the test's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.stand_in_runs import MODULE, new_run, no_process_left, until
from wechsel_core import runs
from wechsel_core.errors import RunError
from wechsel_core.training import launcher, slurm

pytest.importorskip("submitit")


@pytest.fixture(autouse=True)
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with no_process_left():
        yield home


def submit(folder: Path, **options: Any) -> Any:
    given = {"cluster": "local", "module": MODULE, "minutes": 5, "gpus_per_node": 0}
    return slurm.submit(folder, **(given | options))


def state(folder: Path) -> str:
    return str(runs.effective_status(folder)["state"])


def test_a_job_runs_the_worker_to_its_end() -> None:
    folder = new_run(steps=5)
    job = submit(folder)
    assert runs.read_status(folder)["scheduler_job"] == job.job_id
    assert job.result() == 0
    assert state(folder) == "finished" and len(runs.read_metrics(folder)) == 5
    assert (folder / slurm.SLURM).is_dir()


def test_a_waiting_job_is_alive_without_a_process() -> None:
    folder = new_run(steps=1, loading=2.0)
    job = submit(folder)
    status = runs.effective_status(folder)
    assert (status["state"], status["alive"], status["pid"]) == ("queued", True, None)
    assert status["phase"] == f"Waiting in the cluster's queue, job {job.job_id}"
    with pytest.raises(RunError, match="queued; expected a run that has ended"):
        launcher.claim_run(folder)
    assert job.result() == 0


def test_a_job_that_is_preempted_writes_a_checkpoint_and_goes_on() -> None:
    folder = new_run(steps=60, seconds=0.05)
    job = submit(folder)
    until(lambda: runs.read_status(folder)["step"] >= 5)
    _interrupt(job)
    until(lambda: runs.read_status(folder)["attempt"] == 2, 60)
    assert job.result() == 0
    assert state(folder) == "finished" and not runs.stop_requested(folder)
    frame = runs.read_metrics(folder)
    assert frame["step"].tolist() == list(range(1, 61)) and frame["attempt"].max() == 2


def _interrupt(job: Any) -> None:
    """Send the signal of a cluster's preemption to the job's task, as its controller does near the end of its time."""
    import signal

    import psutil

    controller = psutil.Process(int(job.job_id))
    for process in [controller, *controller.children(recursive=True)]:
        if "submitit.core._submit" in " ".join(process.cmdline()):
            process.send_signal(signal.SIGUSR2)
            return
    raise AssertionError("the job has no task")


@pytest.mark.parametrize("late", [False, True])
def test_a_stop_by_a_person_ends_the_job(late: bool) -> None:
    folder = new_run(seconds=0.05, late=late)
    job = submit(folder)
    until(lambda: runs.read_status(folder)["step"] >= 2)
    assert launcher.stop_run(folder, wait=30)["state"] == "stopped"
    assert job.result() == 0, "stopped is no failure, and nothing is queued again"
    assert runs.read_status(folder)["attempt"] == 1


def test_a_failing_worker_fails_its_job() -> None:
    import submitit

    folder = new_run(exit=1)
    job = submit(folder)
    with pytest.raises(submitit.core.utils.FailedJobError, match="the worker ended with 1"):
        job.result()


@pytest.mark.slow
def test_two_tasks_are_two_ranks(tmp_path: Path) -> None:
    (tmp_path / "ranks.py").write_text(
        """
import os, sys
from pathlib import Path
import torch, torch.distributed as dist
from wechsel_core import runs
dist.init_process_group("gloo")
total = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(total)
print("from rank", dist.get_rank())
if dist.get_rank() == 0:
    runs.write_status(Path(sys.argv[1]), state="finished", total=float(total), local=os.environ["LOCAL_RANK"])
dist.destroy_process_group()
"""
    )
    folder = new_run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        job = submit(folder, processes_per_node=2, module="ranks")
    assert job.results() == [0, 0]
    assert runs.read_status(folder)["total"] == 3.0
    assert (folder / runs.LOG).read_text() == "from rank 0\n"


def test_without_a_cluster() -> None:
    folder = new_run()
    with pytest.raises(RunError, match="the job cannot be submitted .*srun.*expected a machine of a SLURM cluster"):
        slurm.submit(folder)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(RunError, match="submitit is not installed; .*; run pip install 'submitit>=1.5'"):
        slurm.submit(new_run())


def program(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """A program of a cluster, made up by the test."""
    place = folder / "bin" / name
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{lines}\n")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}:/usr/bin:/bin")


def scancel(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """A scancel that notes what it was told."""
    lines = f'echo "$@" >> {folder}/cancelled\necho "no such job" >&2\nexit {code}'
    program("scancel", folder, monkeypatch, lines)
    return folder / "cancelled"


@pytest.mark.parametrize("act", [launcher.stop_run, launcher.kill_run])
def test_taking_a_job_out_of_the_queue(act: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = scancel(tmp_path, monkeypatch)
    folder = new_run()
    runs.write_status(folder, scheduler_job="4711", **slurm._waiting("4711"))
    assert act(folder)["state"] == "stopped"
    assert cancelled.read_text() == "4711\n"


def test_a_job_that_cannot_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scancel(tmp_path, monkeypatch, code=1)
    folder = new_run()
    runs.write_status(folder, scheduler_job="4711", **slurm._waiting("4711"))
    with pytest.raises(RunError, match=r"job 4711 cannot be cancelled \(no such job\)"):
        launcher.stop_run(folder)
    assert runs.stop_requested(folder), "should it begin after all, it stops"


def test_parameters_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What sbatch is handed."""
    program("srun", tmp_path, monkeypatch, "exit 0")
    program("sbatch", tmp_path, monkeypatch, f'cp "$1" {tmp_path}/job.sh; echo "Submitted batch job 12"')
    folder = new_run()
    job = slurm.submit(folder, nodes=2, processes_per_node=4, minutes=90, partition="gpu", extra={"account": "abc"})
    assert job.job_id == "12" and runs.read_status(folder)["scheduler_job"] == "12"
    script = (tmp_path / "job.sh").read_text()
    for line in (
        "#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=4", "#SBATCH --gpus-per-node=4", "#SBATCH --time=90",
        "#SBATCH --partition=gpu", "#SBATCH --account=abc", f"#SBATCH --signal=USR2@{slurm.NOTICE_SECONDS}",
    ):  # fmt: skip
        assert line in script, script
    assert "export PYTHONPATH=" in script and "export WECHSEL_HOME=" in script


def test_a_cluster_that_refuses_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program("srun", tmp_path, monkeypatch, "exit 0")
    program("sbatch", tmp_path, monkeypatch, 'echo "sbatch: error: invalid partition" >&2; exit 1')
    with pytest.raises(RunError, match="the job cannot be submitted .*invalid partition"):
        slurm.submit(new_run(), partition="nope")
