"""The weights that each arm starts from, on real (tiny) results of every family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wechsel_core.config import ARMS
from wechsel_core.errors import OutputError
from wechsel_core.models.embeddings import vocabulary_names
from wechsel_core.training.arms import embedding_names, initialisation, start_model

MODELS = pytest.mark.parametrize("model", ["gpt2", "gpt2-untied", "roberta", "llama-untied"])
ResultOf = Callable[[str], Path]


def weights(folder: Path, arm: str, seed: int = 0) -> dict[str, np.ndarray]:
    model = start_model(folder, arm, seed).model
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def vocabulary(folder: Path) -> set[str]:
    names = vocabulary_names(start_model(folder, "wechsel", 0).model)
    return {name for part in names.values() for name in part}


@MODELS
@pytest.mark.parametrize("arm", ["transinner", "random-neighbors", "permuted"])
def test_inner_layers_are_copied_and_rows_are_not(result_of: ResultOf, model: str, arm: str) -> None:
    folder = result_of(model)
    own, made, per_token = weights(folder, "wechsel"), weights(folder, arm), vocabulary(folder)
    for name in own:
        same = np.array_equal(own[name], made[name])
        assert same != (name in per_token), name
        assert np.isfinite(made[name]).all()
    again = weights(folder, arm)
    assert all(np.array_equal(made[name], again[name]) for name in made)
    other = weights(folder, arm, seed=1)
    assert any(not np.array_equal(made[name], other[name]) for name in per_token)


@MODELS
def test_random_keeps_nothing(result_of: ResultOf, model: str) -> None:
    folder = result_of(model)
    own, made = weights(folder, "wechsel"), weights(folder, "random", seed=3)
    matrices = [name for name in own if own[name].ndim == 2 and own[name].std() > 0]
    assert matrices and all(not np.array_equal(own[name], made[name]) for name in matrices)
    assert all(np.array_equal(made[name], value) for name, value in weights(folder, "random", seed=3).items())


def test_tied_embeddings_stay_tied(result_of: ResultOf) -> None:
    for arm in ARMS:
        model = start_model(result_of("gpt2"), arm, 0).model
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("model,names", [
    ("gpt2", {"transformer.wte.weight"}),
    ("gpt2-untied", {"transformer.wte.weight", "lm_head.weight"}),
    ("roberta", {"roberta.embeddings.word_embeddings.weight", "lm_head.bias"}),
])  # fmt: skip
def test_what_is_trained_alone_at_first(result_of: ResultOf, model: str, names: set[str]) -> None:
    assert embedding_names(start_model(result_of(model), "wechsel", 0).model) == names


def test_every_arm_says_where_its_weights_come_from(result_of: ResultOf) -> None:
    model = start_model(result_of("gpt2"), "wechsel", 0).model
    sentences = {arm: initialisation(arm, model) for arm in ARMS}
    assert len(set(sentences.values())) == len(ARMS)
    assert "Normal with mean 0 and standard deviation 0.02" in sentences["random"]


def test_a_result_without_its_model(result_of: ResultOf, tmp_path: Path) -> None:
    shutil.copytree(result_of("gpt2"), tmp_path / "result", ignore=shutil.ignore_patterns("config.json"))
    with pytest.raises(OutputError, match="a result without its model"):
        start_model(tmp_path / "result", "wechsel", 0)


def test_an_english_model_that_changed(result_of: ResultOf, tmp_path: Path) -> None:
    shutil.copytree(result_of("gpt2"), tmp_path / "result")
    path = tmp_path / "result" / "wechsel.json"
    manifest: dict[str, Any] = json.loads(path.read_text())
    manifest["inputs"]["source_model"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    assert start_model(tmp_path / "result", "wechsel", 0)  # needs the result alone
    with pytest.raises(OutputError, match="has changed since this result was made"):
        start_model(tmp_path / "result", "permuted", 0)
