"""The weights that each arm starts from, on real (tiny) results of every family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services.tiny_files import TinyFiles
from wechsel_core.config import ARMS, InitConfig
from wechsel_core.errors import ConfigError, OutputError
from wechsel_core.models.embeddings import vocabulary_names
from wechsel_core.results import read_manifest
from wechsel_core.services.initialise import initialise
from wechsel_core.training.arms import arms_of, embedding_names, initialisation, start_model

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
    folder = result_of("gpt2")
    model = start_model(folder, "wechsel", 0).model
    sentences = {arm: initialisation(arm, model, folder) for arm in ARMS}
    assert len(set(sentences.values())) == len(ARMS)
    assert "Normal with mean 0 and standard deviation 0.02" in sentences["random"]
    assert "the result's method, WECHSEL," in sentences["wechsel"]


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


# --- results of other methods ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mean_result(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mean") / "result"
    initialise(
        files.config("gpt2", method="mean", source_vectors=None, target_vectors=None, dictionary=None), folder
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("arm", ["random-neighbors", "permuted"])
def test_a_control_needs_rows_that_are_mixtures(mean_result: Path, arm: str) -> None:
    with pytest.raises(ConfigError, match=f"arm {arm} for a result of method mean"):
        start_model(mean_result, arm, 0)


def test_other_arms_work_for_any_method(mean_result: Path) -> None:
    config = InitConfig.from_dict(read_manifest(mean_result)["config"])
    assert arms_of(config) == ("wechsel", "random", "transinner", "wechsel-frozen")
    own = weights(mean_result, "wechsel")
    rows = own["transformer.wte.weight"]
    assert np.ptp(rows, axis=0).max() > 0 and len(np.unique(rows, axis=0)) == 2, "the mean, and one special token"
    drawn = weights(mean_result, "transinner")["transformer.wte.weight"]
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    model = start_model(mean_result, "wechsel", 0).model
    assert "the result's method, Mean," in initialisation("wechsel", model, mean_result)
    assert "the result's method, Mean," in initialisation("wechsel-frozen", model, mean_result)
