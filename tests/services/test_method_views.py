"""A result of every method can be looked at: rows, weights, neighbours, sentences, comparison, map."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.services.method_results import NAMES, OTHERS
from tests.services.rows import input_rows
from tests.services.test_compare_results import side
from tests.services.test_sentences import SENTENCE, installed_surprisals, model_of
from wechsel_core.config import METHODS, InitConfig
from wechsel_core.errors import ConfigError, OutputError
from wechsel_core.results import Candidates, read_manifest, read_table
from wechsel_core.services import maps, methods, reweight, rows
from wechsel_core.services.compare_results import compare, neighbor_lists
from wechsel_core.services.results import list_results
from wechsel_core.services.reweight import StoredResult
from wechsel_core.transfer.result import TokenKind

MadeBy = Callable[..., Path]
NO_DIALS = [name for name in NAMES if name not in ("wechsel", "csls", "not aligned")]


def test_methods_as_they_are_shown() -> None:
    known = {entry["name"]: entry for entry in methods.methods()}
    assert list(known) == list(METHODS)
    assert all(entry["title"] and entry["sentence"].endswith(".") and entry["reference"] for entry in known.values())
    assert known["mean"]["needs"] == known["mean"]["missing"] == [] and "neighbors" not in known["mean"]["options"]
    assert known["wechsel"]["needs"] == ["source_vectors", "target_vectors", "dictionary"]
    assert known["clp"]["missing"] == ["helper"] and not known["clp"]["dials"]


def test_needs_are_those_under_the_values_given() -> None:
    given = InitConfig(alignment="none", helper="a/model")
    known = {entry["name"]: entry for entry in methods.methods(given)}
    assert known["wechsel"]["needs"] == ["source_vectors", "target_vectors"]
    assert known["clp"]["needs"] == ["helper"] and known["clp"]["missing"] == []


@pytest.mark.parametrize(
    ("values", "space", "dials"),
    [({}, "aligned", True), ({"alignment": "none"}, "as it is", True), ({"weighting": "sparsemax"}, "aligned", False),
     ({"method": "mean"}, "none", False), ({"method": "focus"}, "none", False), ({"method": "ofa"}, "aligned", False)],
)  # fmt: skip
def test_what_a_result_has_to_look_at(values: dict[str, str], space: str, dials: bool) -> None:
    config = InitConfig(**values)
    assert methods.static_space_of(config) == space and methods.has_dials(config) == dials
    assert methods.takes_dictionary(config) == (space == "aligned")


@pytest.mark.parametrize("model", ["gpt2", "roberta-untied"])
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_those_of_the_installed_model(made_by: MadeBy, name: str, model: str) -> None:
    folder = made_by(name, model)
    np.testing.assert_allclose(rows.model_rows_in(folder).target, input_rows(folder), atol=1e-6)


@pytest.mark.parametrize("model", ["gpt2", "roberta-untied"])
@pytest.mark.parametrize("name", OTHERS)
def test_loss_is_the_installed_models(made_by: MadeBy, name: str, model: str) -> None:
    folder = made_by(name, model)
    loss = model_of(folder).loss(SENTENCE, 10, 0.1)
    assert loss is not None
    np.testing.assert_allclose(loss.surprisals, installed_surprisals(folder, SENTENCE), atol=1e-5)


def test_what_stands_in_the_model_alone_is_missed(made_by: MadeBy, tmp_path: Path) -> None:
    """The same folder without its model: a mixture is worked out again, other rows are not to be had."""
    for name in ("wechsel", "focus"):
        shutil.copytree(made_by(name), tmp_path / name, ignore=shutil.ignore_patterns("config.json", "model*"))
    assert len(rows.model_rows_in(tmp_path / "wechsel").target)
    for ask in (rows.model_rows_in, model_of):
        with pytest.raises(OutputError, match="a result without its model"):
            ask(tmp_path / "focus")


@pytest.mark.parametrize("name", NAMES)
def test_own_dials_give_the_stored_weights(made_by: MadeBy, name: str) -> None:
    stored = reweight.open_stored_in(made_by(name))
    own = reweight.weights(stored, stored.neighbors, stored.temperature)
    assert own is stored.candidates.weights or np.array_equal(own, stored.candidates.weights)
    figures = reweight.token_weights(stored, stored.neighbors, stored.temperature)
    tokens = read_table(made_by(name), "tokens.parquet")
    np.testing.assert_allclose(figures.effective, tokens["effective_neighbors"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NO_DIALS)
def test_other_dials_are_refused_where_there_are_none(made_by: MadeBy, name: str) -> None:
    stored = reweight.open_stored_in(made_by(name))
    assert not stored.dials
    with pytest.raises(ConfigError, match="do not follow from them"):
        reweight.weights(stored, stored.neighbors + 1, stored.temperature)


@pytest.fixture
def signed() -> StoredResult:
    """No dials: " x" is made of more tokens than its k says, one of them taken away; "y" of the same alone."""
    candidates = Candidates(
        np.array([[2, 0, 1], [1, -1, -1]], np.int32),
        np.array([[1.2, 0.3, -0.5], [0.2, 0, 0]], np.float32),
        np.array([[1.2, 0.3, -0.5], [0.2, 0, 0]], np.float32),
        np.array([TokenKind.MIXED, TokenKind.MIXED], np.uint8),
    )
    source, target = np.array([" a", "b", " c"], object), np.array([" x", "y"], object)
    return StoredResult(candidates, source, source, target, target, 1, 0.1, dials=False)


def test_weights_below_zero_count(signed: StoredResult) -> None:
    """Shares 0.6, 0.15 and 0.25 of the sizes: exp of their entropy 0.9377 is 2.554."""
    assert reweight.token_weights(signed, 1, 0.1).effective[0] == pytest.approx(2.554, abs=1e-3)
    fed = reweight.fed_by(signed, "b", 1, 0.1, 10)
    assert fed["target_id"].tolist() == [0, 1] and fed["weight"].tolist() == pytest.approx([-0.5, 0.2])
    points, shares = maps.neighbors_of(0, signed, 1, 0.1, 10)
    assert (points - 2).tolist() == [2, 0, 1] and shares.tolist() == pytest.approx([1.2, 0.3, -0.5])
    points, shares = maps.neighbors_of(2 + 1, signed, 1, 0.1, 10)
    assert points.tolist() == [0, 1] and shares.tolist() == pytest.approx([-0.5, 0.2])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "wechsel"])
def test_compared_with_wechsel(made_by: MadeBy, name: str) -> None:
    a, b = side(made_by("wechsel")), side(made_by(name))
    found = compare(a, b, (rows.model_rows_in(made_by("wechsel")), rows.model_rows_in(made_by(name))))
    assert not found.figures[["a", "b"]].isna().all(axis=1).any(), "a figure that neither has"
    moved = np.linalg.norm(input_rows(made_by("wechsel")) - input_rows(made_by(name)), axis=1)
    by_id = found.tokens.sort_values("target_id")
    np.testing.assert_allclose(by_id["difference_norm"], moved, atol=1e-5)
    assert np.isfinite(found.similarities.to_numpy()).all()
    for token in range(0, len(by_id), 40):
        lists = neighbor_lists(a, b, token, token)
        given = b.stored.candidates.weights[token]
        assert np.nansum(lists["weight_b"]) == pytest.approx(given.sum(), abs=1e-5), "all that is mixed is listed"


def test_settings_that_one_method_does_not_read(made_by: MadeBy, made: MadeBy) -> None:
    """What was set is told; what stands at its default on one side alone is a matter of the method."""
    assert compare(side(made_by("mean")), side(made_by("normal"))).settings["setting"].tolist() == ["method"]
    settings = compare(side(made(neighbors=3)), side(made_by("mean"))).settings.set_index("setting")
    assert settings.loc["method"].tolist() == ["wechsel", "mean"]
    assert settings.loc["neighbors"].tolist() == ["3", "not read"] and "temperature" not in settings.index


@pytest.mark.parametrize("name", NAMES)
def test_vocabularies_of_the_map(made_by: MadeBy, name: str) -> None:
    stored = reweight.open_stored_in(made_by(name))
    table = maps.vocabularies(stored)
    mixed = np.flatnonzero(stored.candidates.ids[:, 0] >= 0) if stored.candidates.ids.size else np.array([], int)
    assert (table["nearest"].to_numpy()[: len(stored.target_texts)] >= 0).nonzero()[0].tolist() == mixed.tolist()


def test_list_tells_results_apart(made_by: MadeBy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    (tmp_path / "results").mkdir()
    for name in ("mean", "sparsemax"):
        (tmp_path / "results" / name).mkdir()
        shutil.copy(made_by(name) / "wechsel.json", tmp_path / "results" / name)
    found = {entry["id"]: entry for entry in list_results()}
    assert found["mean"]["neighbors"] is None and found["mean"]["temperature"] is None
    assert found["sparsemax"]["neighbors"] == 10 and found["sparsemax"]["options"] == {"weighting": "sparsemax"}
    assert read_manifest(made_by("mean"))["config"]["neighbors"] == 10, "the default stands in the file"
