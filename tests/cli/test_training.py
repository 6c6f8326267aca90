"""The training commands: what they print, their exit codes, and that a run outlives the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.outcome import Outcome, check_sentence
from tests.run_builders import write_run
from tests.services.tiny_files import FRENCH, build_tiny_files, sentences
from tests.training.stand_in_runs import MODULE, no_process_left, until
from wechsel_core import paths, runs
from wechsel_core.cli import main
from wechsel_core.training import launcher, speed

REAL = launcher.WORKER
Command = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(launcher, "WORKER", MODULE)
    monkeypatch.setattr(speed, "product_speed", lambda device, threads=None: 1e11)
    with no_process_left():
        yield home


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags of ``train`` for a tiny result and text."""
    place = tmp_path_factory.mktemp("train")
    assert main(["init", "--out", str(place / "tiny-fr"), *build_tiny_files(place).flags()]) == 0
    (place / "text.txt").write_text("\n".join(sentences(FRENCH, n=300)), "utf-8")
    return [
        "--result", str(place / "tiny-fr"), "--text", str(place / "text.txt"), "--steps", "30", "--block-size", "16",
        "--batch-size", "4", "--device", "cpu",
    ]  # fmt: skip


def state(run_id: str) -> str:
    return str(runs.effective_status(runs.run_folder(run_id))["state"])


def test_train_prints_the_run_at_once_and_the_run_goes_on(run: Command, inputs: list[str]) -> None:
    outcome = run("train", *inputs, "--arm", "random", "--seed", "2", "--json")
    assert outcome.code == 0 and outcome.err == ""
    run_id = outcome.json()["run"]
    assert list(outcome.json()) == ["run"] and run_id.startswith("tiny-fr-random-s2-")
    until(lambda: state(run_id) == "finished")


def test_train_that_waits_prints_when_the_run_has_ended(run: Command, inputs: list[str]) -> None:
    record = run("train", *inputs, "--wait", "--json").json()
    assert record["status"]["state"] == "finished" == state(record["run"])


def test_a_run_that_fails_is_exit_code_one(run: Command, inputs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "WORKER", "no.such.module")
    outcome = run("train", *inputs, "--wait")
    assert outcome.code == 1 and "failed" in outcome.out


def test_plan_starts_nothing(run: Command, inputs: list[str]) -> None:
    outcome = run("train", *inputs, "--plan")
    assert outcome.code == 0 and not paths.runs_dir().exists()
    for text in ("30 steps of 64 tokens: 1,920 tokens", "parameters (causal) on cpu", "About", "Memory", "Disk"):
        assert text in outcome.out
    assert run("train", *inputs, "--plan", "--json").json()["tokens"] == 1920


def test_stop_resume_delete(run: Command, inputs: list[str]) -> None:
    run_id = run("train", *inputs, "--steps", "2000", "--json").json()["run"]
    until(lambda: runs.read_status(runs.run_folder(run_id))["step"] > 2)
    assert run_id in run("runs", "list").out
    assert run("runs", "list", "--json").json()["runs"][0]["status"]["state"] == "running"
    check_sentence(run("runs", "delete", run_id))
    assert run("runs", "stop", run_id, "--wait", "--json").json()["status"]["state"] == "stopped"
    check_sentence(run("runs", "stop", run_id))
    assert run("runs", "resume", run_id, "--json").json() == {"run": run_id}
    until(lambda: state(run_id) == "running")
    check_sentence(run("runs", "resume", run_id))
    assert run("runs", "kill", run_id, "--json").json()["status"]["state"] == "stopped"
    shown = run("runs", "show", run_id)
    assert "stopped" in shown.out and "Checkpoints: " in shown.out and "worker starts" in shown.out
    assert run("runs", "delete", run_id, "--json").json() == {"run": run_id, "deleted": True}
    check_sentence(run("runs", "show", run_id))
    assert run("runs", "list").out == "No runs yet. Start one with: train\n"


def test_delete_asks_a_person(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = write_run()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **options: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run("runs", "delete", run_id).code == 130 and state(run_id) == "finished"
    assert run("runs", "delete", run_id, "--yes").code == 0


@pytest.mark.parametrize("command", ["show", "stop", "resume", "kill", "delete", "slurm", "commands"])
@pytest.mark.parametrize("name", ["no-such-run", "../x", "/etc"])
def test_unknown_runs(run: Command, command: str, name: str) -> None:
    check_sentence(run("runs", command, name))


@pytest.mark.parametrize(
    "flags",
    [["--steps", "5", "--tokens", "5"], ["--arm", "none"], ["--text", "/no/such/text"], ["--result", "/no/such"],
     ["--steps", "0"], ["--learning-rate", "-1"], ["--steps", "many"]],
)  # fmt: skip
def test_bad_input(run: Command, inputs: list[str], flags: list[str]) -> None:
    check_sentence(run("train", *inputs, *flags))
    assert not paths.runs_dir().exists()


def test_the_same_run_twice(run: Command, inputs: list[str]) -> None:
    assert run("train", *inputs).code == 0
    outcome = run("train", *inputs)
    check_sentence(outcome)
    assert "exists, state" in outcome.err


def test_a_held_run_and_its_commands(run: Command, inputs: list[str]) -> None:
    run_id = run("train", *inputs, "--hold", "--json").json()["run"]
    assert state(run_id) == "queued"
    outcome = run("runs", "commands", run_id, "--machines", "3", "--processes", "2", "--address", "10.0.0.1")
    assert outcome.out.count("accelerate_cli launch") == 3 and "--num_processes 6" in outcome.out
    assert len(run("runs", "commands", run_id, "--json").json()["commands"]) == 2
    assert run("runs", "stop", run_id, "--json").json()["status"]["state"] == "stopped"


def test_tensorboard(run: Command, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run_id = write_run()
    record = run("runs", "tensorboard", run_id, "--out", tmp_path / "events", "--json").json()
    assert record["values"] > 0 and list((tmp_path / "events").iterdir())
    check_sentence(run("runs", "tensorboard", run_id, "--out", tmp_path / "events"))


def test_compare(run: Command) -> None:
    ids = [write_run("wechsel"), write_run("random")]
    record = run("compare", *ids, "--json").json()
    assert set(record["arms"]) == {"wechsel", "random"} and "wechsel" in record["effort_ratio"]
    assert {"step", "tokens", "loss", "perplexity", "bits_per_byte"} <= set(record["arms"]["random"]["curve"][0])
    assert "effort ratio" in run("compare", *ids).out.lower()
    check_sentence(run("compare", "no-such-run"))


def test_help_names_every_command(run: Command) -> None:
    for name in ("list", "show", "stop", "kill", "resume", "delete", "tensorboard", "commands", "slurm"):
        assert name in run("runs", "--help").out


@pytest.mark.slow
def test_contract_with_the_real_worker(
    run: Command, inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design, section 5: train --wait, then compare of two arms."""
    monkeypatch.setattr(launcher, "WORKER", REAL)
    ids: list[Any] = []
    for arm in ("wechsel", "random"):
        flags = ["--arm", arm, "--held-out-tokens", "300", "--eval-every", "15", "--wait", "--json"]
        record = run("train", *inputs, *flags).json()
        assert record["status"]["state"] == "finished", json.dumps(record)
        ids.append(record["run"])
    found = run("compare", *ids, "--json").json()
    assert [row["step"] for row in found["arms"]["wechsel"]["curve"]] == [0, 15, 30]
    assert list(found["effort_ratio"]) == ["wechsel"]
