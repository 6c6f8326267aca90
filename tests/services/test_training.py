"""Training runs as pages and command line see them; the worker is a stand-in that trains nothing."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.tiny_files import FRENCH, sentences
from tests.training.stand_in_runs import MODULE, no_process_left, until
from wechsel_core import paths, runs
from wechsel_core.config import TrainConfig
from wechsel_core.errors import ConfigError, InputError, OutputError, RunError
from wechsel_core.services import training, training_cost
from wechsel_core.training import launcher, speed

REAL = launcher.WORKER
Made = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(launcher, "WORKER", MODULE)
    with no_process_left():
        yield home


@pytest.fixture(autouse=True)
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "product_speed", lambda device, threads=None: 1e11)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(sentences(FRENCH, n=500)), "utf-8")
    return path


@pytest.fixture
def config(made: Made, text: Path) -> TrainConfig:
    return TrainConfig(result=str(made()), text=str(text), steps=40, block_size=16, batch_size=4, device="cpu")


@pytest.fixture
def example(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result without its model, among the examples."""
    folder = tmp_path / "examples" / "tiny-fr"
    shutil.copytree(made(), folder)
    for path in folder.iterdir():
        if path.suffix == ".safetensors" and path.name.startswith("model") or "config" in path.name:
            path.unlink()
    for path in folder.glob("tokenizer*"):
        path.unlink()
    monkeypatch.setattr(paths, "examples_dir", lambda: tmp_path / "examples")
    return folder


def parameters(folder: Path) -> int:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    kind = json.loads((folder / "config.json").read_text())["architectures"][0]
    loader: Any = AutoModelForMaskedLM if "Masked" in kind else AutoModelForCausalLM
    return sum(parameter.numel() for parameter in loader.from_pretrained(folder).parameters())


# --- cost --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt2", "gpt2-untied", "roberta", "llama"])
def test_shape_is_that_of_the_model(made: Made, model: str) -> None:
    folder = made(model)
    shape = training_cost.model_shape(folder)
    known = json.loads((folder / "config.json").read_text())
    assert shape.parameters == parameters(folder)
    assert shape.kind == ("masked" if model == "roberta" else "causal")
    assert shape.vocabulary == known["vocab_size"] and shape.layers >= 1
    untied = shape.vocabulary * shape.width if "untied" in model or not known.get("tie_word_embeddings", True) else 0
    assert shape.multiplied == shape.parameters - untied


@pytest.mark.parametrize("model", ["gpt2", "gpt2-untied", "roberta"])
def test_an_example_has_the_shape_of_what_it_will_become(made: Made, tmp_path: Path, model: str) -> None:
    whole = made(model)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("wechsel.json", "tokens.parquet"):
        shutil.copy(whole / name, bare)
    expected = dataclasses.replace(training_cost.model_shape(whole), tokenizer=None)
    assert training_cost.model_shape(bare) == expected


def test_cost_of_a_run_that_has_no_like(config: TrainConfig, text: Path) -> None:
    plan = training.plan_cost(config)
    assert (plan["steps"], plan["tokens_per_step"], plan["tokens"]) == (40, 64, 40 * 64)
    assert plan["parameters"] == parameters(Path(config.result)) and plan["kind"] == "causal"
    assert plan["text_bytes"] == text.stat().st_size
    read = plan["text_bytes"] * 0.95 / plan["bytes_per_token"]
    assert plan["epochs"] == pytest.approx(plan["tokens"] / read)
    assert plan["tokens_per_second"] == pytest.approx(0.3 * 1e11 / (6 * plan["parameters"]))
    assert "matrix product reaches 100 GFLOP/s" in plan["seconds_basis"] and "30%" in plan["seconds_basis"]
    assert plan["memory_bytes"] > 16 * plan["parameters"] and plan["disk_bytes"] > 40 * plan["parameters"]
    assert plan["memory_free"] > 0 and plan["disk_free"] > 0
    assert runs.list_runs() == [], "a plan starts nothing"


def test_cost_after_a_run_of_the_same_size_rests_on_it(config: TrainConfig) -> None:
    plan = training.plan_cost(config)
    folder = runs.create_run(dataclasses.replace(config, seed=9), {"kind": "causal"}, {})
    names = ("parameters", "block_size", "device")
    runs.update_run(folder, prepared={name: plan[name] for name in names})
    with runs.MetricsWriter(folder, 1) as metrics:
        for step, seconds in ((1, 50.0), (2, 90.0), (3, 92.0), (4, 94.0), (5, 96.0)):  # a slow beginning
            metrics.write("train", step=step, tokens=step * 64, loss=1.0, seconds=seconds)
    again = training.plan_cost(config)
    assert again["tokens_per_second"] == pytest.approx(32.0)
    assert folder.name in again["seconds_basis"] and again["seconds"] > again["tokens"] / 32
    larger = training.plan_cost(dataclasses.replace(config, block_size=32))
    assert "matrix product" in larger["seconds_basis"], "another block size is another speed"


def test_more_accumulation_and_forgetting_activations_need_less_memory(config: TrainConfig) -> None:
    usual = training.plan_cost(config)["memory_bytes"]
    for changes in ({"accumulation": 4}, {"gradient_checkpointing": True}, {"batch_size": 1}):
        assert training.plan_cost(dataclasses.replace(config, **changes))["memory_bytes"] < usual


def test_a_text_of_unknown_size(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    import wechsel_core.training.text

    monkeypatch.setattr(wechsel_core.training.text, "source_bytes", lambda text: None)
    plan = training.plan_cost(config)
    assert plan["epochs"] is None and plan["text_bytes"] is None and plan["seconds"] > 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"text": "/no/such/text.txt"}, InputError), ({"result": "no-such-result"}, OutputError),
     ({"result": "../.."}, OutputError), ({"block_size": 100_000}, ConfigError), ({"held_out": "/none"}, InputError),
     ({"batch_size": 3, "accumulation": 2}, ConfigError)],
)  # fmt: skip
def test_bad_input_is_told_before_anything_is_written(
    config: TrainConfig, changes: dict[str, Any], error: type[Exception]
) -> None:
    for act in (training.plan_cost, training.launch):
        with pytest.raises(error):
            act(dataclasses.replace(config, **changes))
    assert not paths.runs_dir().exists()


@pytest.mark.parametrize("what", ["disk", "memory"])
def test_too_little_room_is_told_before_anything_is_written(
    what: str, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "disk":
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
    else:
        monkeypatch.setattr(training_cost, "_free_memory", lambda: 1000)
    with pytest.raises(RunError, match=rf"0\.0 GB of {what} are free; expected about .* GB for this run"):
        training.launch(config)
    assert not paths.runs_dir().exists()


# --- launch ------------------------------------------------------------------------------------------------------


def test_launch_starts_a_worker_and_returns(config: TrainConfig, text: Path) -> None:
    told: list[float] = []
    run_id = training.launch(config, progress=lambda share, step: told.append(share))
    assert told[-1] == 1.0
    found = training.run(run_id)
    assert found["run"]["config"] == config.to_dict()
    assert found["run"]["result"]["name"] == Path(config.result).name and found["run"]["result"]["kind"] == "causal"
    assert set(found["run"]["versions"]) >= {"wechsel_core", "python", "torch", "transformers"}
    assert [entry["id"] for entry in training.list_runs()] == [run_id]
    json.dumps(training.list_runs())
    until(lambda: training.run(run_id)["status"]["state"] == "running")
    with pytest.raises(RunError, match="exists, state running; .*; resume or delete it"):
        training.launch(config)
    status = training.stop(run_id, wait=30)
    assert status["state"] == "stopped"
    assert training.run(run_id)["checkpoints"][-1] == status["step"]
    training.resume(run_id)
    until(lambda: training.run(run_id)["status"]["attempt"] == 2)
    assert training.kill(run_id)["state"] == "stopped"
    training.delete(run_id)
    assert training.list_runs() == []


def test_relative_paths_hold_from_any_folder(
    config: TrainConfig, text: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    Path("result").symlink_to(made())
    run_id = training.launch(dataclasses.replace(config, result="result", text="text.txt"), start=False)
    kept = training.run(run_id)["run"]["config"]
    assert kept["text"] == str(text) and kept["result"] == str(text.parent / "result")


def test_a_result_of_the_app_is_kept_by_its_id(config: TrainConfig, made: Made) -> None:
    own = paths.results_dir() / "mine"
    shutil.copytree(made(), own)
    for given in ("mine", str(own)):
        run_id = training.launch(dataclasses.replace(config, result=given, arm="random"), start=False)
        assert training.run(run_id)["run"]["config"]["result"] == "mine"
        training.stop(run_id)
        training.delete(run_id)


def test_an_example_gets_its_model_first(config: TrainConfig, example: Path) -> None:
    run_id = training.launch(dataclasses.replace(config, result="tiny-fr"), start=False)
    kept = training.run(run_id)["run"]["config"]["result"]
    assert (paths.results_dir() / kept / "config.json").is_file()
    assert run_id.startswith(f"{kept}-wechsel-s0-")
    before = (paths.results_dir() / kept / "model.safetensors").stat().st_mtime_ns
    training.launch(dataclasses.replace(config, result="tiny-fr", arm="random"), start=False)
    assert (paths.results_dir() / kept / "model.safetensors").stat().st_mtime_ns == before, "made once"
    assert not (example / "config.json").exists(), "examples are never written to"


@pytest.mark.slow
def test_the_real_worker_trains(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "WORKER", REAL)
    run_id = training.launch(dataclasses.replace(config, steps=4, held_out_tokens=200))
    status = training.wait(run_id)
    assert status["state"] == "finished", training.log_tail(run_id)
    model = training.run(run_id)["model"]
    assert model and parameters(Path(model)) == parameters(Path(config.result))
    assert "a second" in training.plan_cost(config)["seconds_basis"]
    assert training.export_events(run_id, paths.home() / "events") > 0


@pytest.mark.slow
def test_stop_while_the_real_worker_loads(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after the start, and once it has said that it loads."""
    monkeypatch.setattr(launcher, "WORKER", REAL)
    run_id = training.launch(config)
    assert training.stop(run_id, wait=60)["state"] == "stopped", training.log_tail(run_id)
    training.resume(run_id)
    until(lambda: training.run(run_id)["status"]["phase"] == "Loading the model", 60)
    assert training.stop(run_id, wait=60)["state"] == "stopped", training.log_tail(run_id)
    assert training.run(run_id)["checkpoints"] == [] and not training.run(run_id)["status"]["alive"]


# --- beyond one machine ------------------------------------------------------------------------------------------


def test_commands_for_the_nodes(config: TrainConfig, home: Path) -> None:
    run_id = training.launch(config, start=False)
    status = training.run(run_id)["status"]
    assert (status["state"], status["alive"]) == ("queued", True) and "Waiting for its commands" in status["phase"]
    commands = training.node_commands(run_id, machines=2, processes=4, address="10.0.0.1", hold=True)
    for rank, command in enumerate(commands):
        parts = shlex.split(command)
        assert f"WECHSEL_HOME={home}" in parts and parts[-1] == str(home / "runs" / run_id)
        assert parts[parts.index("--machine_rank") + 1] == str(rank)
        assert parts[parts.index("--num_processes") + 1] == "8"
    assert training.stop(run_id)["state"] == "stopped"
    training.node_commands(run_id, machines=2)
    assert training.run(run_id)["status"]["state"] == "stopped", "looking at commands changes nothing"
    training.node_commands(run_id, machines=2, hold=True)
    assert training.run(run_id)["status"]["state"] == "queued"
    training.resume(run_id)
    until(lambda: training.run(run_id)["status"]["state"] in ("running", "finished"))


def test_a_cluster(config: TrainConfig) -> None:
    pytest.importorskip("submitit")
    run_id = training.launch(config, start=False)
    with pytest.raises(RunError, match="the job cannot be submitted"):
        training.submit(run_id)
    status = training.run(run_id)["status"]
    assert status["state"] == "stopped" and "cannot be submitted" in status["reason"]


# --- log, choices ------------------------------------------------------------------------------------------------


def test_log_tail(config: TrainConfig) -> None:
    run_id = training.launch(config, start=False)
    log = paths.runs_dir() / run_id / runs.LOG
    assert training.log_tail(run_id) == ""
    log.write_bytes(b"first\n" + b"x" * 300_000 + b"\nbar 0%\rbar 100%\r\n\x1b[31mred\x1b[0m \xff\nlast\n")
    assert training.log_tail(run_id, 3) == "bar 100%\nred \ufffd\nlast"
    assert len(training.log_tail(run_id, 100)) < 70_000


@pytest.mark.parametrize(
    "act", [training.run, training.stop, training.kill, training.resume, training.delete, training.log_tail]
)
def test_unknown_runs(act: Callable[[str], Any]) -> None:
    with pytest.raises(RunError, match="no run '../x'"):
        act("../x")


def test_command_line_gives_the_same_configuration(config: TrainConfig, tmp_path: Path) -> None:
    given = dataclasses.replace(
        config, text=str(tmp_path / "my text's.txt"), arm="transinner", held_out_share=0.1, gradient_checkpointing=True,
        seed=3, learning_rate=1e-4,
    )  # fmt: skip
    parts = shlex.split(training.command_line(given))
    assert parts[:4] == ["python", "-m", "wechsel_core", "train"] and "--weight-decay" not in parts
    from typer.main import get_command

    from wechsel_core.cli import app

    command: Any = get_command(app)
    context = command.commands["train"].make_context("train", parts[4:])
    names = {item.name for item in dataclasses.fields(TrainConfig)}
    assert TrainConfig(**{name: value for name, value in context.params.items() if name in names}) == given


def test_text_sources() -> None:
    found = training.text_sources()
    assert {entry["tier"] for entry in found} >= {"pocket", "wheel"}
    for entry in found:
        assert (entry["needs"] == "") == entry["present"]
    wheel = next(entry for entry in found if entry["tier"] == "wheel" and not entry["present"])
    assert "MB from the Python package index" in wheel["needs"]


@pytest.mark.parametrize("arm", ["random-neighbors", "permuted"])
def test_a_control_of_a_result_that_has_none_is_refused_before_the_start(
    made_by: Made, config: TrainConfig, arm: str
) -> None:
    refused = dataclasses.replace(config, result=str(made_by("focus")), arm=arm)
    for ask in (training.plan_cost, training.launch):
        with pytest.raises(ConfigError, match="for a result of method focus"):
            ask(refused)
    assert runs.list_runs() == [] and arm not in training.arms_of(refused.result)
    assert training.plan_cost(dataclasses.replace(refused, arm="transinner"))["steps"] == 40
    assert arm in training.arms_of(config.result)
