"""Pretraining from the command line: train, runs, compare."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.cli.shared import Json, progress_line, show
from wechsel_core.config import TrainConfig, field_help

app = typer.Typer(no_args_is_help=True, help="Training runs: see them, stop, resume, delete.")

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run; runs list shows them.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")]
Processes = Annotated[int, typer.Option(min=1, help="Processes of this machine, one a GPU.")]
Sharded = Annotated[bool, typer.Option("--sharded", help="Several processes share one model (FSDP, not DDP).")]


def train_option(name: str, *flags: str) -> Any:
    """A flag of ``train`` with the help text of its config field."""
    return typer.Option(*flags, help=field_help(TrainConfig, name))


def train(
    result: Annotated[str, train_option("result")],
    text: Annotated[str, train_option("text")],
    arm: Annotated[str, train_option("arm")] = "wechsel",
    held_out: Annotated[str | None, train_option("held_out")] = None,
    held_out_share: Annotated[float, train_option("held_out_share")] = 0.05,
    max_megabytes: Annotated[float, train_option("max_megabytes")] = 1024.0,
    steps: Annotated[int | None, train_option("steps")] = None,
    tokens: Annotated[int | None, train_option("tokens")] = None,
    seed: Annotated[int, train_option("seed")] = 0,
    batch_size: Annotated[int | None, train_option("batch_size")] = None,
    block_size: Annotated[int | None, train_option("block_size")] = None,
    accumulation: Annotated[int, train_option("accumulation")] = 1,
    learning_rate: Annotated[float | None, train_option("learning_rate")] = None,
    warmup_share: Annotated[float, train_option("warmup_share")] = 0.1,
    weight_decay: Annotated[float, train_option("weight_decay")] = 0.01,
    mask_share: Annotated[float, train_option("mask_share")] = 0.15,
    frozen_share: Annotated[float, train_option("frozen_share")] = 0.1,
    eval_every: Annotated[int | None, train_option("eval_every")] = None,
    held_out_tokens: Annotated[int, train_option("held_out_tokens")] = 50000,
    save_every: Annotated[int | None, train_option("save_every")] = None,
    device: Annotated[str, train_option("device")] = "auto",
    precision: Annotated[str, train_option("precision")] = "auto",
    gradient_checkpointing: Annotated[bool, train_option("gradient_checkpointing", "--gradient-checkpointing")] = False,
    threads: Annotated[int | None, train_option("threads")] = None,
    processes: Processes = 1,
    sharded: Sharded = False,
    hold: Annotated[
        bool, typer.Option("--hold", help="Start nothing: the run waits for runs commands, runs slurm or runs resume.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Say what the run would take and start nothing.")] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> int:
    """Pretrain an initialised model in a process of its own, which goes on when this one ends."""
    given = locals()
    config = TrainConfig(**{field.name: given[field.name] for field in dataclasses.fields(TrainConfig)})
    from wechsel_core.services import training

    if plan:
        found = training.plan_cost(config)
        show(found, _plan_text(found), as_json)
        return 0
    with progress_line() as progress:
        run_id = training.launch(config, progress=progress, processes=processes, sharded=sharded, start=not hold)
    if wait and not hold:
        return _wait(run_id, as_json)
    follow = f"runs commands {run_id}" if hold else f"runs show {run_id}"
    show({"run": run_id}, f"Run {run_id} {'waits' if hold else 'started'}. Next: {follow}", as_json)
    return 0


def compare(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs that differ in arm and seed.")],
    as_json: Json = False,
) -> None:
    """Set the held-out curves of several runs side by side, with the effort ratio of every arm."""
    from wechsel_core.services import curves

    found = curves.compare(run_ids)
    show(found, curves.compare_text(found), as_json)


@app.command("list")
def list_runs(as_json: Json = False) -> None:
    """List all runs, newest first, then those that came with the lab."""
    from wechsel_core.services import training

    entries = training.list_runs()
    width = max((len(entry["id"]) for entry in entries), default=0)
    lines = [f"{entry['id']:<{width}}  {_state(entry['status'])}" for entry in entries]
    show({"runs": entries}, "\n".join(lines) or "No runs yet. Start one with: train", as_json)


@app.command("show")
def show_run(
    run_id: Run,
    lines: Annotated[int, typer.Option(min=0, help="Lines of the log to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Show a run: what it trains, how far it is, the end of its log."""
    from wechsel_core.services import training

    found = training.run(run_id)
    log = training.log_tail(run_id, lines) if lines else ""
    show({**found, "log": log}, _run_text(found, log), as_json)


@app.command()
def stop(run_id: Run, wait: Wait = False, as_json: Json = False) -> int:
    """Let a run finish its step, write a checkpoint and end."""
    from wechsel_core.services import training

    status = training.stop(run_id)
    if wait:
        return _wait(run_id, as_json)
    return _told(run_id, status, as_json)


@app.command()
def kill(run_id: Run, as_json: Json = False) -> int:
    """End a run at once; what it did since its last checkpoint is lost."""
    from wechsel_core.services import training

    return _told(run_id, training.kill(run_id), as_json)


@app.command()
def resume(
    run_id: Run, processes: Processes = 1, sharded: Sharded = False, wait: Wait = False, as_json: Json = False
) -> int:
    """Go on with a stopped or failed run from its last whole checkpoint."""
    from wechsel_core.services import training

    training.resume(run_id, processes=processes, sharded=sharded)
    if wait:
        return _wait(run_id, as_json)
    show({"run": run_id}, f"Run {run_id} goes on.", as_json)
    return 0


@app.command()
def delete(
    run_id: Run,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a run with its checkpoints and its model."""
    from wechsel_core.services import training

    training.run(run_id)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {run_id} with its checkpoints and its model?", abort=True, err=True)
    training.delete(run_id)
    show({"run": run_id, "deleted": True}, f"Deleted {run_id}.", as_json)


@app.command()
def tensorboard(
    run_id: Run,
    out: Annotated[Path, typer.Option(metavar="DIR", help="New or empty folder for the event files.")],
    as_json: Json = False,
) -> None:
    """Write a run's curves as TensorBoard event files."""
    from wechsel_core.services import training

    n_values = training.export_events(run_id, out)
    show({"run": run_id, "path": str(out), "values": n_values}, f"Wrote {n_values} values to {out}.", as_json)


@app.command()
def commands(
    run_id: Run,
    machines: Annotated[int, typer.Option(min=1, help="Machines that take part.")] = 2,
    processes: Processes = 1,
    address: Annotated[str, typer.Option(help="Of the first machine, as the others reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="A free port of the first machine.")] = 29500,
    sharded: Sharded = False,
    as_json: Json = False,
) -> None:
    """Print the command that each of several machines has to run, and let the run wait for them."""
    from wechsel_core.services import training

    found = training.node_commands(
        run_id, machines=machines, processes=processes, address=address, port=port, sharded=sharded, hold=True
    )
    show({"run": run_id, "commands": found}, "\n".join(found), as_json)


@app.command()
def slurm(
    run_id: Run,
    nodes: Annotated[int, typer.Option(min=1, help="Nodes of the cluster.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="Processes on each node, one a GPU.")] = 1,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs on each node; default: one a process.")] = None,
    minutes: Annotated[int, typer.Option(min=1, help="Time of one job; a longer run goes on in the next.")] = 1440,
    partition: Annotated[str | None, typer.Option(help="Partition of the cluster.")] = None,
    account: Annotated[str | None, typer.Option(help="Account to charge.")] = None,
    as_json: Json = False,
) -> None:
    """Put a run into the queue of a SLURM cluster (needs the package submitit)."""
    from wechsel_core.services import training

    job = training.submit(
        run_id, nodes=nodes, processes_per_node=processes, gpus_per_node=gpus, minutes=minutes, partition=partition,
        extra={"account": account} if account else None,
    )  # fmt: skip
    show({"run": run_id, "job": job}, f"Run {run_id} waits as job {job}.", as_json)


def _wait(run_id: str, as_json: bool) -> int:
    """Wait for the end of a run and tell of it; 1 if it failed."""
    from wechsel_core.services import training

    try:
        status = training.wait(run_id)
    except KeyboardInterrupt:
        sys.stderr.write(f"The run goes on; see it with: runs show {run_id}\n")
        raise
    return _told(run_id, status, as_json)


def _told(run_id: str, status: dict[str, Any], as_json: bool) -> int:
    show({"run": run_id, "status": status}, f"{run_id}: {_state(status)}", as_json)
    return 1 if status["state"] == "failed" else 0


def _state(status: dict[str, Any]) -> str:
    """A status in a few words."""
    steps = f", step {status['step']}" + (f" of {status['steps']}" if status.get("steps") else "")
    told = f"{status['state']}{steps if status.get('step') else ''}"
    if status.get("stalled"):
        told += ", no sign of life"
    return told + (f": {status['reason']}" if status.get("reason") else "")


def _run_text(found: dict[str, Any], log: str) -> str:
    run, status = found["run"], found["status"]
    lines = [
        f"{found['id']}: {_state(status)}",
        f"Folder: {found['folder']}",
        f"Result: {run['result'].get('name')}, arm {run['config'].get('arm')}, seed {run['config'].get('seed')}",
        f"Text: {run['config'].get('text')}",
    ]
    if status.get("alive") and status.get("phase"):
        lines.insert(1, f"Now: {status['phase']}")
    prepared = run.get("prepared")
    if prepared:
        lines.append(f"Starts from: {prepared.get('initialisation')}")
        lines.append(f"Comparison: {prepared.get('comparison_hash')}")
    if found["checkpoints"]:
        lines.append(f"Checkpoints: {', '.join(str(step) for step in found['checkpoints'])}")
    if found["model"]:
        lines.append(f"Model: {found['model']}")
    return "\n".join(lines) + (f"\n\n{log}" if log else "")


def _plan_text(plan: dict[str, Any]) -> str:
    epochs = "" if plan["epochs"] is None else f", {plan['epochs']:.2g} times the text"
    return "\n".join(
        [
            f"{plan['steps']:,} steps of {plan['tokens_per_step']:,} tokens: {plan['tokens']:,} tokens{epochs}.",
            f"{plan['parameters']:,} parameters ({plan['kind']}) on {plan['device']}.",
            f"About {_duration(plan['seconds'])}: {plan['seconds_basis']}.",
            f"Memory: about {plan['memory_bytes'] / 1e9:.1f} GB of {plan['memory_free'] / 1e9:.1f} GB free.",
            f"Disk: about {plan['disk_bytes'] / 1e9:.2f} GB of {plan['disk_free'] / 1e9:.1f} GB free.",
        ]
    )


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
