"""Several processes by ``accelerate launch``: its flags, and two real ones that find each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.stand_in_runs import new_run, no_process_left, until
from wechsel_core import runs
from wechsel_core.training import launcher


@pytest.fixture(autouse=True)
def home(home: Path) -> Iterator[Path]:
    with no_process_left():
        yield home


def state(folder: Path) -> str:
    return str(runs.effective_status(folder)["state"])


def test_accelerate_commands(tmp_path: Path) -> None:
    assert launcher.accelerate_command(tmp_path, 1) == launcher.worker_command(tmp_path)
    command = launcher.accelerate_command(tmp_path, 4, 2, 1, "10.0.0.1", 29501)
    text = " ".join(command)
    for part in (
        "--multi_gpu", "--num_processes 8", "--num_machines 2", "--machine_rank 1", "--main_process_ip 10.0.0.1",
        "--main_process_port 29501", f"--module {launcher.WORKER} {tmp_path}",
    ):  # fmt: skip
        assert part in text
    sharded = launcher.accelerate_command(tmp_path, 2, sharded=True)
    assert "--use_fsdp" in sharded and "--multi_gpu" not in sharded


def test_accelerate_knows_every_flag(tmp_path: Path) -> None:
    from accelerate.commands.launch import launch_command_parser

    for sharded in (False, True):
        command = launcher.accelerate_command(tmp_path, 2, 2, sharded=sharded)
        given = launch_command_parser().parse_args(command[command.index("launch") + 1 :])
        assert (given.num_processes, given.module, given.training_script) == (4, True, launcher.WORKER)
        assert (given.use_fsdp, given.multi_gpu) == (sharded, not sharded)


@pytest.mark.slow
def test_two_processes_over_gloo(tmp_path: Path) -> None:
    """The launcher's command really starts two that find each other; killing the run ends both and their parent."""
    package = tmp_path / "ranks.py"
    package.write_text(
        """
import os, sys, time
from pathlib import Path
import torch, torch.distributed as dist
from wechsel_core import processes, runs
folder = Path(sys.argv[1])
dist.init_process_group("gloo")
total = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(total)
if dist.get_rank() == 0:
    runs.write_status(folder, state="running", phase="Training", attempt=1, total=float(total), **processes.identity())
time.sleep(120)
"""
    )
    folder = new_run()
    environment = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment}" if environment else str(tmp_path)
    try:
        command = launcher.accelerate_command(folder, 2, port=0, module="ranks")
        launcher.start_worker(folder, command=command)
    finally:
        os.environ["PYTHONPATH"] = environment
    until(lambda: state(folder) != "queued", 120)
    status = runs.effective_status(folder)
    assert (status["state"], status["total"]) == ("running", 3.0), (folder / runs.LOG).read_text()
    assert status["pid"] != status["launcher"]["pid"]
    family = launcher._family(status)
    assert len(family) >= 3
    assert launcher.kill_run(folder)["state"] == "stopped"
    assert not any(launcher._runs(process) for process in family)
