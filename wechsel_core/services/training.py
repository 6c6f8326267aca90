"""Training runs for pages and command line: plan, launch, watch, stop, kill, resume, delete."""

from __future__ import annotations

import dataclasses
import platform
import re
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wechsel_core import __version__, assets, catalogue, paths, runs
from wechsel_core.config import InitConfig, TrainConfig, flags
from wechsel_core.errors import OutputError, RunError
from wechsel_core.results import read_manifest
from wechsel_core.services.results import result_folder
from wechsel_core.services.training_cost import cost
from wechsel_core.training import arms, launcher
from wechsel_core.training.text import HUB, check_source
from wechsel_core.types import Progress

_LIBRARIES = ("torch", "transformers", "accelerate", "tokenizers", "numpy", "safetensors")
_TAIL_BYTES = 1 << 16
#: Colours and cursor movements of terminals.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def plan_cost(config: TrainConfig) -> dict[str, Any]:
    """What a run will take, before it starts.

    Returns
    -------
    dict
        steps, tokens, epochs (None for a text of unknown size), parameters, kind, device, batch_size, block_size,
        tokens_per_step, learning_rate, warmup_steps, frozen_steps, eval_every, save_every, text_bytes,
        bytes_per_token, tokens_per_second, seconds and seconds_basis (a sentence: what the time rests on),
        memory_bytes, memory_free, disk_bytes, disk_free.

    Raises
    ------
    InputError
        If the result, the text or a figure cannot be used.
    """
    settled = _settled(config)
    return cost(settled, training_folder(settled.result))


def launch(
    config: TrainConfig, *, progress: Progress | None = None, processes: int = 1, sharded: bool = False,
    start: bool = True,
) -> str:  # fmt: skip
    """Check everything, write the run and start its worker; the run goes on whatever becomes of the caller.

    Parameters
    ----------
    config : TrainConfig
        An example result, which comes without its model, is initialised anew from its own settings first.
    progress : callable, optional
    processes : int
        One a GPU of this machine.
    sharded : bool
        FSDP instead of DDP for several processes.
    start : bool
        False leaves the run queued, for ``node_commands`` on its machines or ``submit``.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    InputError
        A result, text or figure that cannot be used, too little room or memory, or a run that is there already.
    """
    tell = progress or (lambda share, step: None)
    tell(0.0, "Checking result and text")
    config = _settled(config)
    plan = cost(config, training_folder(config.result))
    _check_room(plan)
    config = _with_model(config, progress)
    tell(0.98, "Starting the worker")
    folder = runs.create_run(config, result_record(training_folder(config.result), plan["kind"]), versions())
    if start:
        launcher.start_worker(folder, command=_command(folder, processes, sharded))
    else:
        launcher.wait_for_nodes(folder)
    tell(1.0, "Started")
    return folder.name


def training_folder(result: str) -> Path:
    """The folder of a result by its id or path; ``OutputError`` if there is none."""
    try:
        return result_folder(result)
    except OutputError:
        folder = Path(result).expanduser()
        read_manifest(folder)
        return folder


def arms_of(result: str) -> list[str]:
    """The arms that a result, by its id or path, can be trained in; its method decides."""
    return list(arms.arms_of(InitConfig.from_dict(read_manifest(training_folder(result))["config"])))


def _settled(config: TrainConfig) -> TrainConfig:
    """The same run, told so that a worker in any folder understands it; text that cannot be had is refused."""
    folder = training_folder(config.result).absolute()
    arms.check_arm(config.arm, InitConfig.from_dict(read_manifest(folder)["config"]))
    # An id stays one, and a folder among the app's results becomes one: the home may move.
    own = folder.parent in (paths.results_dir().absolute(), paths.examples_dir().absolute())
    texts = {name: text for name in ("text", "held_out") if (text := getattr(config, name))}
    for name, text in texts.items():
        check_source(text)
        if not text.startswith(HUB) and not catalogue.load_catalogue().named(text, "corpus"):
            texts[name] = str(Path(text).expanduser().absolute())
    return dataclasses.replace(config, result=folder.name if own else str(folder), **texts)


def _with_model(config: TrainConfig, progress: Progress | None) -> TrainConfig:
    """The config with a result that has its model: an example's is made, at most once."""
    from wechsel_core.services.initialise import default_out, initialise

    folder = training_folder(config.result)
    if (folder / "config.json").is_file():
        return config
    made_from = InitConfig.from_dict(read_manifest(folder)["config"])
    out = default_out(made_from)
    if not (out / "config.json").is_file():
        initialise(made_from, out, progress=progress)
    return dataclasses.replace(config, result=out.name)


def result_record(folder: Path, kind: str) -> dict[str, Any]:
    """What a run notes of the result that it starts from (see ``runs.create_run``)."""
    manifest = read_manifest(folder)
    given = manifest["config"]
    return {
        "name": folder.name, "source": given["source"], "target_language": given["target_language"],
        "method": given["method"], "kind": kind,
        "config_hash": manifest["config_hash"],
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Library to version, of everything that shapes a run."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"wechsel_core": __version__, "python": platform.python_version(), **libraries}


def _check_room(plan: dict[str, Any]) -> None:
    for what, remedy in (
        ("disk", "free some, or set WECHSEL_HOME to another disk"),
        ("memory", "give a smaller batch, more accumulation or gradient checkpointing, or wait for other runs"),
    ):
        needed, free = plan[f"{what}_bytes"], plan[f"{what}_free"]
        if what == "memory" and plan["device"] == "cuda":
            continue  # the GPU's own counts; it says so itself
        if free < needed:
            raise RunError(
                f"{free / 1e9:.1f} GB of {what} are free", f"about {needed / 1e9:.1f} GB for this run", remedy
            )


def _command(folder: Path, processes: int, sharded: bool) -> list[str] | None:
    return launcher.accelerate_command(folder, processes, sharded=sharded) if processes > 1 else None


# --- runs that are there -----------------------------------------------------------------------------------------


def list_runs() -> list[dict[str, Any]]:
    """All runs of this machine, newest first, then the recorded ones: id, folder, recorded, run, status."""
    return [entry | {"folder": str(entry["folder"])} for entry in runs.list_runs()]


def run(run_id: str) -> dict[str, Any]:
    """One run as it is now: id, folder, recorded, run, status, checkpoints (their steps), model (its folder or None)."""
    folder = runs.run_folder(run_id)
    model = folder / runs.MODEL
    return {
        "id": run_id, "folder": str(folder), "recorded": runs.is_recorded(folder), "run": runs.read_run(folder),
        "status": runs.effective_status(folder),
        "checkpoints": [int(path.name.rsplit("-", 1)[1]) for path in runs.whole_checkpoints(folder)],
        "model": str(model) if model.is_dir() else None,
    }  # fmt: skip


def log_tail(run_id: str, lines: int = 40) -> str:
    """The last lines of a run's ``worker.log``, "" if there is none; a log of any size is read from its end."""
    try:
        with (runs.run_folder(run_id) / runs.LOG).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    # A progress bar writes its line anew many times: its last state counts.
    shown = [_ESCAPES.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in text.rstrip("\n").split("\n")]
    return "\n".join(shown[-lines:])


def stop(run_id: str, wait: float | None = None) -> dict[str, Any]:
    """Ask a run to finish its step, write a checkpoint and end; returns its status (after ``wait`` seconds at most)."""
    return launcher.stop_run(runs.run_folder(run_id), wait)


def kill(run_id: str) -> dict[str, Any]:
    """End a run's processes at once and see that they are gone; what followed the last checkpoint is lost."""
    return launcher.kill_run(runs.run_folder(run_id))


def resume(run_id: str, *, processes: int = 1, sharded: bool = False) -> int:
    """Go on from the last whole checkpoint; returns the worker's process id."""
    folder = runs.run_folder(run_id)
    return launcher.resume_run(folder, command=_command(folder, processes, sharded))


def delete(run_id: str) -> None:
    """Delete a run with its checkpoints and model; a live or recorded one is refused."""
    runs.delete_run(runs.run_folder(run_id))


def wait(run_id: str) -> dict[str, Any]:
    """Wait until a run has ended; its status."""
    return launcher.wait_for_end(runs.run_folder(run_id))


# --- beyond one machine ------------------------------------------------------------------------------------------


def node_commands(
    run_id: str, *, machines: int, processes: int = 1, address: str = "127.0.0.1", port: int = 29500,
    sharded: bool = False, hold: bool = False,
) -> list[str]:  # fmt: skip
    """The command for each machine that takes part in a run, the first machine's first.

    Parameters
    ----------
    run_id : str
    machines, processes : int
        How many machines, and processes on each.
    address, port
        Of the first machine, as the others reach it.
    sharded : bool
        FSDP instead of DDP.
    hold : bool
        Put a stopped or failed run into state queued, to wait for the commands.
    """
    folder = runs.run_folder(run_id)
    runs.refuse_recorded(folder)
    if hold:
        launcher.claim_run(folder)
        launcher.wait_for_nodes(folder)
    prefix = {name: launcher.worker_environment()[name] for name in ("PYTHONPATH", "PYTHONSAFEPATH", "WECHSEL_HOME")}
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in prefix.items())
    return [
        f"{exports} "
        + shlex.join(launcher.accelerate_command(folder, processes, machines, rank, address, port, sharded=sharded))
        for rank in range(machines)
    ]


def submit(run_id: str, *, cluster: str = "slurm", **options: Any) -> str:
    """Put a stopped, failed or waiting run into a SLURM cluster's queue; returns the job's number.

    ``options`` are those of ``training.slurm.submit``: nodes, processes_per_node, gpus_per_node, minutes, partition,
    extra.
    """
    from wechsel_core.training import slurm

    folder = runs.run_folder(run_id)
    launcher.claim_run(folder)
    try:
        return str(slurm.submit(folder, cluster=cluster, **options).job_id)
    except RunError as error:
        runs.write_status(folder, state="stopped", reason=str(error), pid=None)
        raise


def export_events(run_id: str, out: Path) -> int:
    """Write a run's metrics as TensorBoard event files into a new folder; returns the number of values."""
    from wechsel_core.training.tensorboard import write_events

    folder = runs.run_folder(run_id)
    return write_events(runs.read_metrics(folder), runs.read_run(folder), out)


# --- choices -----------------------------------------------------------------------------------------------------


def command_line(config: TrainConfig) -> str:
    """The command that starts the same run: what differs from the defaults, quoted for a shell."""
    return shlex.join(["python", "-m", "wechsel_core", "train", *flags(config)])


def text_sources() -> list[dict[str, Any]]:
    """Corpora of the catalogue: name, title, language, tier, licence, bytes, present, needs (a sentence, "" if none)."""
    return [
        {
            "name": entry.name, "title": entry.summary or entry.name, "language": entry.language, "tier": entry.tier,
            "licence": entry.licence, "bytes": entry.n_bytes, "present": (present := assets.is_present(entry)),
            "needs": "" if present else _needs(entry),
        }
        for entry in catalogue.load_catalogue().find("corpus")
    ]  # fmt: skip


def _needs(entry: Any) -> str:
    where = {"wheel": "the Python package index", "hub": "the internet"}.get(entry.tier, "its place")
    size: Mapping[bool, str] = {True: f" of {(entry.n_bytes or 0) / 1e6:.0f} MB", False: ""}
    return f"a download{size[bool(entry.n_bytes)]} from {where}"
