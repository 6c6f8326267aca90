"""Whole runs in processes of their own: what they leave behind, however they end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.training import workers
from wechsel_core import runs
from wechsel_core.training.worker import hashes

NewRun = Callable[..., Path]
pytestmark = pytest.mark.slow


def log(folder: Path) -> str:
    return (folder / "worker.log").read_text(errors="replace")


def final_weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model" / "model.safetensors")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def last_step(folder: Path) -> int:
    metrics = runs.read_metrics(folder)
    return int(metrics["step"].max()) if len(metrics) else -1


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_a_run_from_start_to_end(new_run: NewRun, model: str) -> None:
    folder = new_run(model)
    assert workers.run(folder) == 0, log(folder)
    status, prepared, metrics = (
        runs.effective_status(folder),
        runs.read_run(folder)["prepared"],
        runs.read_metrics(folder),
    )
    assert (status["state"], status["step"], status["steps"]) == ("finished", 12, 12)
    scores = metrics[metrics["kind"] == "eval"].set_index("step")
    assert list(scores.index) == [0, 4, 8, 12] and list(scores["tokens"]) == [0, 256, 512, 768]
    assert scores["loss"].iloc[-1] < scores["loss"].iloc[0]
    np.testing.assert_allclose(scores["perplexity"], np.exp(scores["loss"]))
    bits = scores["loss"] / np.log(2) / prepared["bytes_per_token"]
    np.testing.assert_allclose(scores["bits_per_byte"], bits)
    assert scores["seconds"].is_monotonic_increasing
    train = metrics[metrics["kind"] == "train"]
    assert list(train["step"]) == list(range(1, 13)) and train[["loss", "learning_rate", "grad_norm"]].notna().all(None)
    assert prepared["parameters"] > 0 and prepared["train_sha256"] != prepared["held_out_sha256"]
    assert not (folder / "checkpoints").exists() and not list((folder / "model").glob("*.bin"))
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    loader: Any = AutoModelForCausalLM if model == "gpt2" else AutoModelForMaskedLM
    loaded = loader.from_pretrained(folder / "model")
    assert np.isfinite(loaded.get_input_embeddings().weight.detach().numpy()).all()


@pytest.mark.parametrize("model,changes,wanted", [
    ("gpt2", {"arm": "transinner", "frozen_share": 0.5}, 20),
    ("roberta", {}, 3),
    ("gpt2", {"accumulation": 2, "gradient_checkpointing": True}, 3),
])  # fmt: skip
def test_killed_at_any_moment_it_ends_at_the_same_weights(
    new_run: NewRun, model: str, changes: dict, wanted: int
) -> None:
    """kill -9 at random over the whole life of the worker; the weights agree bit for bit in the end.

    A run that gets through before it was killed often enough is compared, deleted and started anew.
    """
    changes = changes | {"steps": 30, "seed": 1, "eval_every": 10}
    whole = new_run(model, **changes)
    begun = time.monotonic()
    assert workers.run(whole) == 0, log(whole)
    life = time.monotonic() - begun
    every = {"save_every": 2}
    torn, chance, kills = new_run(model, **changes, **every), random.Random(f"{model}{changes}"), 0
    while kills < wanted:
        before = runs.whole_checkpoints(torn)
        process = workers.start(torn)
        process.join(chance.uniform(0.0, life))
        left = process.exitcode is not None
        process.kill()
        process.join()
        status = runs.effective_status(torn)
        if left or status["state"] == "finished":  # killed or not, it had noted its end
            same_run(whole, torn)
            runs.delete_run(torn)
            torn = new_run(model, **changes, **every)
            continue
        kills += 1
        # A worker that was killed before its first word leaves what this process wrote, which is alive itself.
        assert status["state"] == "failed" or status["pid"] == os.getpid(), status
        after = runs.whole_checkpoints(torn)
        # At most the steps since the last checkpoint are lost: no checkpoint that was whole is gone.
        assert saved_step(after) >= saved_step(before)
        assert last_step(torn) - saved_step(after) <= 2
    if runs.read_status(torn)["state"] != "finished":
        assert workers.run(torn) == 0, log(torn)
    same_run(whole, torn)


def saved_step(checkpoints: list[Path]) -> int:
    """The step of the newest checkpoint, 0 without one."""
    return int(checkpoints[-1].name.split("-")[1]) if checkpoints else 0


def same_run(whole: Path, torn: Path) -> None:
    """The same weights bit for bit, and the same losses, each step once."""
    assert runs.read_status(torn)["state"] == "finished", log(torn)
    expected, found = final_weights(whole), final_weights(torn)
    assert set(expected) == set(found)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    one, other = (runs.read_metrics(folder) for folder in (whole, torn))
    for kind in ("train", "eval"):
        losses = [frame[frame["kind"] == kind].set_index("step")["loss"] for frame in (one, other)]
        assert losses[0].equals(losses[1]), kind


def test_stop_ends_after_the_step_and_resume_goes_on(new_run: NewRun) -> None:
    whole, stopped = (
        new_run(seed=2, steps=200, save_every=200),
        new_run(seed=2, steps=200, save_every=200, eval_every=50),
    )
    assert workers.run(whole) == 0
    process = workers.start(stopped)
    wait_for(lambda: last_step(stopped) >= 3)
    runs.request_stop(stopped)
    process.join(60)
    status = runs.effective_status(stopped)
    assert (process.exitcode, status["state"]) == (0, "stopped"), log(stopped)
    checkpoint = runs.whole_checkpoints(stopped)[-1]
    assert 3 <= int(checkpoint.name.split("-")[1]) < 200 and not (stopped / "model").exists()
    runs.clear_stop(stopped)
    assert workers.run(stopped) == 0, log(stopped)
    assert all(np.array_equal(value, final_weights(stopped)[name]) for name, value in final_weights(whole).items())


def test_stop_while_the_model_loads(new_run: NewRun) -> None:
    folder = new_run()
    runs.request_stop(folder)  # there before the worker looks for the first time
    assert workers.run(folder) == 0
    assert runs.effective_status(folder)["state"] == "stopped" and last_step(folder) == -1
    process = workers.start(folder)  # and by a signal, with the request still there
    process.terminate()
    process.join(60)
    assert runs.effective_status(folder)["state"] == "stopped"


def test_a_second_worker_is_refused(new_run: NewRun) -> None:
    folder = new_run(steps=300)
    first = workers.start(folder)
    wait_for(lambda: runs.read_status(folder)["state"] == "running")
    assert workers.run(folder) == 2 and "another worker trains" in log(folder)
    assert runs.effective_status(folder)["alive"]
    runs.request_stop(folder)
    first.join(60)


def test_a_loss_that_is_no_number_fails_and_keeps_what_was(new_run: NewRun) -> None:
    """A checkpoint whose weights hold a NaN: the first loss after it is NaN, and the run says so."""
    from safetensors.numpy import save_file

    folder = new_run(steps=300, save_every=5, eval_every=300)
    process = workers.start(folder)
    wait_for(lambda: bool(runs.whole_checkpoints(folder)))
    runs.request_stop(folder)
    process.join(60)
    path = runs.whole_checkpoints(folder)[-1] / "model.safetensors"
    weights = load_file(path)
    weights["transformer.wpe.weight"][0] = np.nan
    save_file(weights, path, metadata={"format": "pt"})
    runs.clear_stop(folder)
    assert workers.run(folder) == 1
    status = runs.effective_status(folder)
    assert status["state"] == "failed" and "the training loss became nan at step" in status["reason"], log(folder)
    assert np.isnan(runs.read_metrics(folder)["loss"].iloc[-1]) and runs.whole_checkpoints(folder)


def test_bad_input_is_one_sentence(new_run: NewRun, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("one\ntwo\n")
    folder = new_run(text=str(tmp_path / "short.txt"))
    assert workers.run(folder) == 2
    status = runs.effective_status(folder)
    assert (
        status["state"] == "failed" and "shorter than one block" in status["reason"] and "Traceback" not in log(folder)
    )


def test_hashes_show_that_arms_differ_in_the_initialisation_alone(new_run: NewRun) -> None:
    found = {}
    for name, changes in {
        "wechsel": {}, "random": {"arm": "random"}, "frozen": {"arm": "transinner"}, "seed": {"seed": 1},
        "rate": {"learning_rate": 2e-3},
    }.items():  # fmt: skip
        folder = new_run(**{"steps": 2, "eval_every": 2} | changes)
        assert workers.run(folder) == 0, log(folder)
        found[name] = runs.read_run(folder)["prepared"]
    assert len({found[name]["comparison_hash"] for name in ("wechsel", "random", "frozen")}) == 1
    assert found["seed"]["comparison_hash"] != found["wechsel"]["comparison_hash"]
    assert found["seed"]["group_hash"] == found["wechsel"]["group_hash"] != found["rate"]["group_hash"]
    assert hashes.__doc__ and found["frozen"]["frozen_steps"] == 0  # a tenth of two steps
