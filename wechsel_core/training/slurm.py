"""Runs on a SLURM cluster, through the optional package submitit.

A job has one task a GPU. Each task starts the run's worker as a process of its own with torch's usual variables
(RANK, WORLD_SIZE, MASTER_ADDR...), so the worker is the same as anywhere. Near the end of its time, or when it is
preempted, a job stops the run, which writes a checkpoint, and goes back into the queue.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from wechsel_core import processes, runs
from wechsel_core.errors import RunError
from wechsel_core.training.launcher import worker_command, worker_environment

#: What submitit writes: the job's script and the output of its tasks.
SLURM = "slurm"
#: Seconds before the end of a job's time in which the run stops and writes its checkpoint.
NOTICE_SECONDS = 180
_MOST_REQUEUES = 1000
_DONE = ("stopped", "finished")


def submit(
    folder: Path,
    *,
    nodes: int = 1,
    processes_per_node: int = 1,
    gpus_per_node: int | None = None,
    minutes: int = 24 * 60,
    partition: str | None = None,
    extra: Mapping[str, Any] | None = None,
    cluster: str = "slurm",
    module: str | None = None,
) -> Any:
    """Put a run, in state queued and claimed by this process, into the cluster's queue.

    Parameters
    ----------
    folder : Path
        The run's folder, on a file system that all nodes see.
    nodes, processes_per_node : int
        Together the number of processes; one a GPU.
    gpus_per_node : int, optional
        Default: as many as processes; 0 for CPU nodes.
    minutes : int
        Time limit of one job. A run that needs longer goes on in the next job.
    partition : str, optional
    extra : mapping, optional
        Further sbatch parameters, such as ``{"account": "abc"}``.
    cluster : {"slurm", "local"}
        "local" runs the same job as processes of this machine.
    module : str, optional
        Another worker than the real one.

    Returns
    -------
    submitit.Job
        Its ``job_id`` is recorded in the run's status.

    Raises
    ------
    RunError
        If submitit is not installed, or this machine cannot submit jobs.
    """
    submitit = _submitit()
    environment = {name: worker_environment()[name] for name in ("PYTHONPATH", "PYTHONSAFEPATH", "WECHSEL_HOME")}
    try:
        executor = submitit.AutoExecutor(
            folder=str(folder.absolute() / SLURM), cluster=cluster, slurm_max_num_timeout=_MOST_REQUEUES
        )
        executor.update_parameters(
            name=folder.name, nodes=nodes, tasks_per_node=processes_per_node, timeout_min=minutes,
            gpus_per_node=processes_per_node if gpus_per_node is None else gpus_per_node,
            **_options(cluster, environment, partition, extra),
        )  # fmt: skip
        job = executor.submit(RunJob(str(folder.absolute()), module))
    except (RuntimeError, OSError, subprocess.SubprocessError, ValueError, NameError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"the job cannot be submitted ({reason})", "a machine of a SLURM cluster", "use resume"
        ) from error

    def waiting(status: dict[str, Any]) -> dict[str, Any]:
        named = {"scheduler_job": str(job.job_id), "launcher": None}
        # A quick job's worker has written its own identity by now.
        return named | _waiting(str(job.job_id)) if status.get("pid") == os.getpid() else named

    runs.change_status(folder, waiting)
    return job


class RunJob:
    """What a task of a job does; submitit calls ``checkpoint`` before it puts the job back into the queue."""

    def __init__(self, folder: str, module: str | None = None) -> None:
        self.folder, self.module = folder, module

    def __call__(self) -> int:
        """Run the worker as this task's rank and wait for it; raises if it failed, so that the job fails too."""
        import submitit

        place = submitit.helpers.TorchDistributedEnvironment()
        environment = worker_environment()
        if place.world_size > 1:
            one_node = place.world_size == place.local_world_size
            environment |= {
                "MASTER_ADDR": "127.0.0.1" if one_node else place.master_addr,
                "MASTER_PORT": str(place.master_port),
                "RANK": str(place.rank), "WORLD_SIZE": str(place.world_size),
                "LOCAL_RANK": str(place.local_rank), "LOCAL_WORLD_SIZE": str(place.local_world_size),
            }  # fmt: skip
        with contextlib.ExitStack() as stack:
            # The first rank writes the run's log; what the others print stays with the job's output.
            log = stack.enter_context((Path(self.folder) / runs.LOG).open("ab")) if place.rank == 0 else None
            process = subprocess.Popen(
                worker_command(Path(self.folder), self.module), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT if log else None, env=environment,
            )  # fmt: skip
        while process.poll() is None:  # no blocking wait: ``checkpoint`` interrupts it
            time.sleep(0.2)
        # A stop's signal may reach a worker that has noted its end and is about to leave.
        left = process.returncode == -signal.SIGTERM and runs.read_status(Path(self.folder))["state"] in _DONE
        if process.returncode and not left:
            raise RuntimeError(f"the worker ended with {process.returncode}; see {self.folder}/{runs.LOG}")
        return 0

    def checkpoint(self) -> Any:
        """Stop the run, wait for its checkpoint and give the job back; None, which ends it, if the run has ended."""
        import submitit

        folder = Path(self.folder)
        asked = runs.stop_requested(folder)  # by a person, who means it
        if not runs.effective_status(folder)["alive"] or asked:
            return None
        runs.request_stop(folder)
        end = time.monotonic() + NOTICE_SECONDS
        while runs.effective_status(folder)["alive"] and time.monotonic() < end:
            time.sleep(0.2)
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(folder / runs.LOCK, timeout=60):
            pass  # the worker has left: the next one would not get past it
        if runs.read_status(folder)["state"] == "finished":
            return None
        runs.clear_stop(folder)
        job = str(submitit.JobEnvironment().job_id)
        runs.write_status(folder, state="queued", reason=None, scheduler_job=job, **_waiting(job))
        return submitit.helpers.DelayedSubmission(self)


def cancel(job: str) -> None:
    """Take a job out of the cluster's queue, or end it; one that has ended already is left alone."""
    try:
        subprocess.run(["scancel", job], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (str(getattr(error, "stderr", None) or error).strip().splitlines() or [""])[0]
        raise RunError(
            f"job {job} cannot be cancelled ({reason})", "scancel of the cluster that runs it", "cancel it there"
        ) from error


def _waiting(job: str) -> dict[str, Any]:
    return {
        "phase": f"Waiting in the cluster's queue, job {job}", "waits_for": "slurm", "pid": None, "process_start": None,
        "host": processes.host(), "boot_id": processes.boot_id(),
    }  # fmt: skip


def _options(
    cluster: str, environment: Mapping[str, str], partition: str | None, extra: Mapping[str, Any] | None
) -> dict[str, Any]:
    import shlex

    setup = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    options: dict[str, Any] = {f"{cluster}_setup": setup}
    if cluster == "slurm":
        options["slurm_signal_delay_s"] = NOTICE_SECONDS
        options |= {"slurm_partition": partition} if partition else {}
        options |= {"slurm_additional_parameters": dict(extra)} if extra else {}
    return options


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise RunError(
            "the package submitit is not installed", "it, to submit SLURM jobs", "run pip install 'submitit>=1.5'"
        ) from error
    return submitit
