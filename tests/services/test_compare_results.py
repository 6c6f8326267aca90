"""Comparing results: hand-computed movement, real rows as oracle, other tokenizers, other English models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pages.tiny_result import TARGET, write_tiny_result
from tests.services.tiny_files import PAIRS
from wechsel_core.config import InitConfig
from wechsel_core.errors import OutputError
from wechsel_core.results import read_manifest
from wechsel_core.services import reweight, rows
from wechsel_core.services.compare_results import (
    Side,
    compare,
    neighbor_lists,
    rows_comparable,
    same_source_tokens,
)
from wechsel_core.services.results import tokens_in


def side(folder: Path, neighbors: int | None = None, temperature: float | None = None) -> Side:
    stored = reweight.open_stored_in(folder)
    return Side(
        str(folder), read_manifest(folder), tokens_in(folder), stored,
        neighbors or stored.neighbors, temperature or stored.temperature,
    )  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path) -> Side:
    return side(write_tiny_result(tmp_path / "tiny", InitConfig(target_language="de", neighbors=3)))


def column(tokens: pd.DataFrame, name: str) -> np.ndarray:
    """By target id."""
    return tokens.sort_values("target_id")[name].to_numpy()


# --- one result under other dials -----------------------------------------------------------------------------------


def test_other_temperature_hand_computed(tiny: Side) -> None:
    """Similarities 0.82, 0.74, 0.51 with weights 0.66, 0.31, 0.03 against their softmax at tau 1: 0.374, 0.345, 0.281.

    The neighbours stay the same, so the overlap is 1 and what leaves the first two goes to the third... by weight.
    """
    other = replace(tiny, temperature=1.0)
    found = compare(tiny, other)
    raw = np.exp([0.82, 0.74, 0.51])
    moved = np.abs(raw / raw.sum() - [0.66, 0.31, 0.03]).sum() / 2
    mixed = tiny.stored.mixed
    np.testing.assert_allclose(column(found.tokens, "total_variation")[mixed], moved, atol=1e-6)
    np.testing.assert_allclose(column(found.tokens, "overlap")[mixed], 1)
    fallback = [place for place, (*_, kind) in enumerate(TARGET) if kind.name == "FALLBACK"]
    assert np.isnan(column(found.tokens, "total_variation")[fallback]).all()
    assert column(found.tokens, "total_variation")[0] == 0  # copied
    assert found.settings.to_dict("records") == [{"setting": "temperature", "a": "0.1", "b": "1"}]
    assert found.matched_by == "id" and found.moved_by == "total_variation"


def test_smaller_k_drops_neighbours(tiny: Side) -> None:
    """From three neighbours to one: one of three in common, and all but the first's 0.66 has moved."""
    found = compare(tiny, replace(tiny, neighbors=1))
    mixed = tiny.stored.mixed
    np.testing.assert_allclose(column(found.tokens, "overlap")[mixed], 1 / 3)
    np.testing.assert_allclose(column(found.tokens, "total_variation")[mixed], 0.34, atol=1e-6)
    np.testing.assert_allclose(column(found.tokens, "effective_b")[mixed], 1)
    lists = neighbor_lists(tiny, replace(tiny, neighbors=1), 1, 1)
    assert lists["source_text"].tolist() == [" house", "house", " home"]
    assert lists["weight_a"].tolist() == pytest.approx([0.66, 0.31, 0.03])
    assert lists["weight_b"].fillna(-1).tolist() == [1, -1, -1]
    assert lists["source_token"].tolist() == ["Ġhouse", "house", "Ġhome"]


def test_the_same_dials_move_nothing(tiny: Side) -> None:
    found = compare(tiny, tiny)
    assert found.settings.empty and np.nanmax(found.tokens["total_variation"]) == 0
    assert (found.figures["difference"].dropna() == 0).all()


def test_neighbours_of_a_token_without_any(tiny: Side) -> None:
    place = next(place for place, (*_, kind) in enumerate(TARGET) if kind.name == "FALLBACK")
    assert neighbor_lists(tiny, replace(tiny, neighbors=1), place, place).empty


def test_most_moved_comes_first_and_unknown_last(tiny: Side) -> None:
    moved = compare(tiny, replace(tiny, neighbors=1)).tokens["total_variation"]
    assert moved.dropna().is_monotonic_decreasing and moved.isna().to_numpy()[-2:].all()


# --- two initialisations --------------------------------------------------------------------------------------------


@pytest.fixture
def shuffled(made: Callable[..., Path], tmp_path: Path) -> Side:
    """The tiny French result with the dictionary turned by one."""
    foreign = [b for _, b in PAIRS]
    path = tmp_path / "turned.tsv"
    turned = [*foreign[1:], foreign[0]]
    path.write_text("".join(f"{a}\t{b}\n" for (a, _), b in zip(PAIRS, turned, strict=True)), "utf-8")
    return side(made(dictionary=str(path)))


def test_rows_move_as_the_rows_of_the_models_do(made: Callable[..., Path], shuffled: Side) -> None:
    """Cosine distance from the matrices that init put into the two models."""
    from safetensors.numpy import load_file

    a = side(made())
    folders = [made(), Path(made(dictionary=shuffled.manifest["config"]["dictionary"]))]
    loaded = [rows.model_rows_in(folder) for folder in folders]
    found = compare(a, shuffled, (loaded[0], loaded[1]))
    assert found.moved_by == "cosine_distance" and rows_comparable(a, shuffled)
    models = [load_file(folder / "model.safetensors") for folder in folders]
    first, second = (next(v for name, v in model.items() if name.endswith("wte.weight")) for model in models)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    expected = 1 - (first * second).sum(axis=1) / lengths
    np.testing.assert_allclose(column(found.tokens, "cosine_distance"), expected, atol=1e-5)
    apart = np.linalg.norm(first - second, axis=1)
    np.testing.assert_allclose(column(found.tokens, "difference_norm"), apart, atol=1e-5)
    assert found.tokens["cosine_distance"].is_monotonic_decreasing


def test_figures_hold_both_sides_and_their_difference(made: Callable[..., Path], shuffled: Side) -> None:
    found = compare(side(made()), shuffled)
    figures = found.figures.set_index("figure")
    first, second = read_manifest(made())["alignment"]["held_out"], shuffled.manifest["alignment"]["held_out"]
    row = figures.loc["Held-out P@1, cosine"]
    assert row["a"] == first["cosine"]["all"]["p_at_1"] and row["b"] == second["cosine"]["all"]["p_at_1"]
    assert [row["a_from"], row["a_to"]] == first["cosine"]["all"]["interval"]["p_at_1"]
    assert row["difference"] == pytest.approx(row["b"] - row["a"]) and row["difference"] < 0
    assert set(found.settings["setting"]) == {"dictionary", "dictionary (content)"}
    assert found.similarities[["a", "b"]].sum().tolist() == pytest.approx([1, 1])


def test_other_tokenizer_is_matched_by_text(made: Callable[..., Path], files: Any) -> None:
    """English tokens in place of French ones: only tokens of equal text are compared, each with its own ids."""
    a, b = side(made()), side(made(target_tokenizer=str(files.folder / "gpt2"), target_language="de"))
    found = compare(a, b)
    assert found.matched_by == "text" and 0 < len(found.tokens) < len(a.tokens)
    for row in found.tokens.itertuples():
        assert a.tokens["text"].iloc[row.target_id] == row.text == b.tokens["text"].iloc[row.target_id_b]
    assert found.tokens["text"].is_unique and not found.tokens["text"].str.contains("\ufffd").any()
    assert found.moved_by == "total_variation"


def test_other_english_model_compares_similarities_alone(made: Callable[..., Path]) -> None:
    a, b = side(made()), side(made("roberta"))
    assert not same_source_tokens(a, b) and not rows_comparable(a, b)
    found = compare(a, b)
    assert found.moved_by == "similarity_change" and found.tokens["total_variation"].isna().all()
    with pytest.raises(OutputError, match="different English models"):
        compare(a, b, (None, None))  # type: ignore[arg-type]


def test_results_that_do_not_say_their_model_have_no_common_rows(tiny: Side) -> None:
    other = replace(tiny, result_id="other")
    assert tiny.source_sha() is None and not rows_comparable(tiny, other) and same_source_tokens(tiny, other)
    assert rows_comparable(tiny, replace(tiny, neighbors=1))
