"""Dials on a finished result: by hand, and against a fresh initialisation with those values."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.services.rows import input_rows, kinds
from wechsel_core.errors import ConfigError
from wechsel_core.results import Candidates
from wechsel_core.services import reweight
from wechsel_core.services.reweight import StoredResult, open_stored_in
from wechsel_core.services.rows import ModelRows, model_rows_in
from wechsel_core.transfer.result import TokenKind

Made = Callable[..., Path]


@pytest.fixture
def stored() -> StoredResult:
    """Three tokens: mixed from two candidates, copied, fallback; the result's own dials are k 1, tau 1."""
    candidates = Candidates(
        np.array([[2, 0], [1, -1], [-1, -1]], np.int32),
        np.array([[0.9, 0.9 - math.log(3) / 10], [1, 0], [0, 0]], np.float32),
        np.array([[1, 0], [1, 0], [0, 0]], np.float32),
        np.array([TokenKind.MIXED, TokenKind.COPIED, TokenKind.FALLBACK], np.uint8),
    )
    source, target = np.array([" a", "b", " c"], object), np.array([" x", "y", "z"], object)
    return StoredResult(candidates, source, source, target, target, 1, 1.0)


@pytest.fixture
def rows() -> ModelRows:
    return ModelRows(np.array([[4, 0], [0, 2], [0, 8]], np.float32), np.array([[0, 8], [0, 2], [3, 4]], np.float32))


def test_weights_by_hand(stored: StoredResult) -> None:
    """The similarities differ by tau times log 3: weights 3/4 and 1/4."""
    expected = [[0.75, 0.25], [1, 0], [0, 0]]
    np.testing.assert_allclose(reweight.weights(stored, 2, 0.1), expected, atol=1e-6)
    np.testing.assert_allclose(reweight.weights(stored, 2, 0.1, np.array([0])), expected[:1], atol=1e-6)
    one = reweight.token_weights(stored, 2, 0.1)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    np.testing.assert_allclose(one.effective, [math.exp(entropy), 1, 0], rtol=1e-5)
    np.testing.assert_allclose(one.top, [0.75, 1, 0], rtol=1e-5)


def test_own_dials_give_the_stored_weights(stored: StoredResult) -> None:
    np.testing.assert_array_equal(reweight.weights(stored, 1, 1.0), stored.candidates.weights)


def test_more_neighbours_than_stored_takes_them_all(stored: StoredResult) -> None:
    np.testing.assert_array_equal(reweight.weights(stored, 50, 0.1), reweight.weights(stored, 2, 0.1))


@pytest.mark.parametrize(("k", "tau"), [(0, 0.1), (-1, 0.1), (1, 0.0), (1, -1.0), (1, math.nan), (1, math.inf)])
def test_dials_out_of_range(stored: StoredResult, k: int, tau: float) -> None:
    with pytest.raises(ConfigError):
        reweight.weights(stored, k, tau)


def test_neighbours_of_a_token(stored: StoredResult) -> None:
    frame = reweight.token_neighbors(stored, 0, 2, 0.1, 10)
    assert list(frame["source_text"]) == [" c", " a"]
    assert list(frame["rank"]) == [1, 2]
    np.testing.assert_allclose(frame["weight"], [0.75, 0.25], atol=1e-6)
    np.testing.assert_array_equal(frame["own_weight"], [1, 0])
    assert len(reweight.token_neighbors(stored, 0, 2, 0.1, 1)) == 1
    assert reweight.token_neighbors(stored, 2, 2, 0.1, 10).empty


def test_fed_by_follows_the_dials(stored: StoredResult) -> None:
    assert reweight.fed_by(stored, "a", 1, 0.1, 10).empty
    fed = reweight.fed_by(stored, " a ", 2, 0.1, 10)
    assert list(fed["target_text"]) == [" x"]
    assert fed["weight"].iloc[0] == pytest.approx(0.25)
    for nothing in ("", " ", "nowhere", "A"):
        assert reweight.fed_by(stored, nothing, 2, 0.1, 10).empty


def test_row_and_norm_by_hand(stored: StoredResult, rows: ModelRows) -> None:
    """3/4 of (0, 8) and 1/4 of (4, 0) is (1, 6); the fallback row stays as drawn."""
    np.testing.assert_allclose(reweight.reweighted_rows(rows, stored, 2, 0.1), [[1, 6], [0, 2], [3, 4]], atol=1e-5)
    norms = np.sort(np.linalg.norm(rows.source, axis=1))
    norm = reweight.row_norm(rows, norms, stored, 0, 2, 0.1)
    assert norm.norm == pytest.approx(math.sqrt(37))
    assert (norm.source_median, norm.percentile) == (4, pytest.approx(200 / 3))
    assert reweight.row_norm(rows, norms, stored, 2, 2, 0.1).norm == pytest.approx(5)


@pytest.mark.parametrize("model", ["gpt2", "roberta-untied"])
@pytest.mark.parametrize("dials", [(3, 0.1), (10, 0.02), (25, 3.0)])
def test_equals_a_fresh_initialisation(made: Made, model: str, dials: tuple[int, float]) -> None:
    k, tau = dials
    fresh = made(model, neighbors=k, temperature=tau)
    stored = open_stored_in(made(model))
    rows = reweight.reweighted_rows(model_rows_in(made(model)), stored, k, tau)
    np.testing.assert_allclose(rows, input_rows(fresh), atol=1e-6)
    tokens = pd.read_parquet(fresh / "tokens.parquet")
    np.testing.assert_allclose(
        reweight.token_weights(stored, k, tau).effective, tokens["effective_neighbors"], rtol=1e-4
    )
    assert {"mixed", "copied", "fallback"} <= set(kinds(fresh))


def test_fed_by_equals_the_parquet_file(made: Made) -> None:
    """The reverse lookup of the library reads the file; on the result's own dials both say the same."""
    from wechsel_core.services.results import neighbors_in

    stored = open_stored_in(made())
    config_k, config_tau = stored.neighbors, stored.temperature
    token = int(np.flatnonzero(stored.candidates.kind == TokenKind.MIXED)[0])
    expected = neighbors_in(made(), token, 10)
    frame = reweight.token_neighbors(stored, token, config_k, config_tau, 10)
    for column in expected.columns:
        assert list(frame[column]) == list(expected[column]), column


def test_arrays_are_read_only(made: Made) -> None:
    stored = open_stored_in(made())
    figures = reweight.token_weights(stored, 2, 0.3)
    for array in (stored.source_texts, stored.source_tokens, stored.target_texts, stored.target_tokens,
                  stored.candidates.weights, figures.effective, figures.top):  # fmt: skip
        assert not array.flags.writeable
