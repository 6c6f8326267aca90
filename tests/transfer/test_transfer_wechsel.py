"""WECHSEL over arrays: hand-computed, planted translations, properties, edges and refusals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.threads import threads
from tests.transfer.cases import random_case, same
from wechsel_core.numerics.weighting import effective_neighbors
from wechsel_core.transfer.result import TokenKind
from wechsel_core.transfer.wechsel import transfer_embeddings

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


# --- hand-computed -----------------------------------------------------------------------------------------------


def test_hand_computed() -> None:
    """Target (1, 0); sources (1, 0), (0, 1), (-1, 0) with cosines 1, 0, -1; k = 2, tau = 1.

    Weights e / (e + 1) = 0.7310586 and 0.2689414; rows (10, 0), (0, 10): (7.310586, 2.689414).
    """
    result = transfer_embeddings(
        np.array([[1.0, 0], [0, 1], [-1, 0]]), np.array([[1.0, 0]]), np.array([[10.0, 0], [0, 10], [5, 5]]),
        neighbors=2, temperature=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(result.matrix, [[7.310586, 2.689414]], rtol=1e-6)
    assert result.neighbor_ids.tolist() == [[0, 1, 2]] and result.similarities.tolist() == [[1, 0, -1]]
    np.testing.assert_allclose(result.weights, [[0.7310586, 0.2689414, 0]], atol=1e-7)


def test_planted_translations_take_their_own_row() -> None:
    """Target token i has the vector of source token p(i): nearest neighbour p(i), and at low tau its very row."""
    source, _, matrix = random_case(17, n_source=60, static=12)
    permutation = np.random.default_rng(0).permutation(60)
    result = transfer_embeddings(source, source[permutation] * 3, matrix, temperature=1e-3)
    assert (result.neighbor_ids[:, 0] == permutation).all()
    np.testing.assert_allclose(result.similarities[:, 0], 1, atol=1e-6)
    np.testing.assert_allclose(result.matrix, matrix[permutation], atol=1e-4)


# --- the result's form -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(dtype: type) -> None:
    source, target, matrix = (array.astype(dtype) for array in random_case(19))
    result = transfer_embeddings(source, target, matrix, neighbors=4, stored_neighbors=7)
    assert result.matrix.shape == (12, 5) and result.matrix.dtype == np.float32
    assert result.neighbor_ids.shape == (12, 7) and result.neighbor_ids.dtype == np.int64
    assert result.similarities.shape == (12, 7) and result.similarities.dtype == np.float32
    assert result.weights.shape == (12, 7) and result.weights.dtype == np.float64
    assert result.kind.shape == (12,) and result.kind.dtype == np.uint8
    assert (np.diff(result.similarities, axis=1) <= 0).all() and not result.weights[:, 4:].any()


@pytest.mark.parametrize(("neighbors", "stored", "width"), [(3, 1, 3), (3, 50, 25), (25, 1, 25), (1, 1, 1), (2, 6, 6)])
def test_stored_width(neighbors: int, stored: int, width: int) -> None:
    """At least k, at most the source vocabulary; what is stored beyond k does not touch the matrix."""
    source, target, matrix = random_case(23)
    result = transfer_embeddings(source, target, matrix, neighbors=neighbors, stored_neighbors=stored)
    assert result.neighbor_ids.shape[1] == width
    again = transfer_embeddings(source, target, matrix, neighbors=neighbors)
    np.testing.assert_array_equal(result.matrix, again.matrix)


def test_inputs_are_not_changed() -> None:
    source, target, matrix = random_case(29)
    before = [array.copy() for array in (source, target, matrix)]
    candidates, kept = np.ones(25, bool), {0: 3}
    transfer_embeddings(source, target, matrix, candidates=candidates, copies=kept)
    assert all(np.array_equal(a, b) for a, b in zip(before, (source, target, matrix), strict=True))
    assert candidates.all() and kept == {0: 3}


@QUICK
@given(
    seed=st.integers(0, 2**32 - 1), n_source=st.integers(1, 12), n_target=st.integers(0, 8),
    temperature=st.floats(1e-3, 10), data=st.data(),
)  # fmt: skip
def test_every_row_has_its_kind(
    seed: int, n_source: int, n_target: int, temperature: float, data: st.DataObject
) -> None:
    """Zero rows, duplicates, a mask of candidates: finite rows; weights sum to 1, or to 0 with a fallback row."""
    source, target, matrix = random_case(seed, n_source, n_target, static=3)
    rng = np.random.default_rng(seed)
    source[rng.random(n_source) < 0.3] = 0
    target[rng.random(n_target) < 0.3] = 0
    source[rng.random(n_source) < 0.3] = source[0]
    candidates, k = rng.random(n_source) < 0.7, data.draw(st.integers(1, n_source))
    result = transfer_embeddings(source, target, matrix, neighbors=k, temperature=temperature, candidates=candidates)
    usable = np.flatnonzero(candidates & source.any(axis=1))
    mixed = target.any(axis=1) & (len(usable) > 0)
    np.testing.assert_array_equal(result.kind == TokenKind.MIXED, mixed)
    np.testing.assert_array_equal(result.kind == TokenKind.FALLBACK, ~mixed)
    np.testing.assert_allclose(result.weights.sum(axis=1), mixed.astype(float), atol=1e-9)
    assert np.isfinite(result.matrix).all() and np.isin(result.neighbor_ids, [-1, *usable]).all()
    assert ((result.neighbor_ids >= 0).sum(axis=1) == mixed * min(len(usable), result.neighbor_ids.shape[1])).all()
    effective = effective_neighbors(result.weights)[mixed]
    assert ((effective >= 1 - 1e-9) & (effective <= k + 1e-9)).all()


# --- edges of the data -------------------------------------------------------------------------------------------


def test_fewer_candidates_than_k() -> None:
    """Two candidates for k = 10: both take part, the weights still sum to 1, the other places are empty."""
    source, target, matrix = random_case(31)
    candidates = np.zeros(25, dtype=bool)
    candidates[[4, 20]] = True
    result = transfer_embeddings(source, target, matrix, candidates=candidates)
    assert (np.sort(result.neighbor_ids[:, :2], axis=1) == [4, 20]).all() and (result.neighbor_ids[:, 2:] == -1).all()
    np.testing.assert_allclose(result.weights.sum(axis=1), 1)
    assert not result.similarities[:, 2:].any() and (result.kind == TokenKind.MIXED).all()


@pytest.mark.parametrize("compat", [None, "reference"])
def test_all_zero_target(compat: str | None) -> None:
    source, target, matrix = random_case(37)
    result = transfer_embeddings(source, np.zeros_like(target), matrix, compat=compat)
    assert (result.kind == TokenKind.FALLBACK).all() and (result.neighbor_ids == -1).all()
    assert not result.weights.any() and np.isfinite(result.matrix).all()


def test_all_zero_source_has_no_neighbor() -> None:
    source, target, matrix = random_case(41)
    assert (transfer_embeddings(np.zeros_like(source), target, matrix).kind == TokenKind.FALLBACK).all()


def test_equal_target_rows_get_equal_new_rows() -> None:
    """Tokens that differ in a leading space share one row, to the bit."""
    source, target, matrix = random_case(43)
    target[[2, 7, 11]] = target[0]
    result = transfer_embeddings(source, target, matrix)
    assert (result.matrix[[2, 7, 11]] == result.matrix[0]).all()


def test_temperature_near_zero_takes_the_nearest_row() -> None:
    source, target, matrix = random_case(47)
    cold = transfer_embeddings(source, target, matrix, temperature=1e-6)
    np.testing.assert_allclose(cold.matrix, matrix[cold.neighbor_ids[:, 0]], atol=1e-4)
    hot = transfer_embeddings(source, target, matrix, neighbors=25, temperature=1e9)
    np.testing.assert_allclose(hot.matrix, np.repeat(matrix.mean(axis=0)[None], 12, axis=0), atol=1e-5)


def test_one_neighbor_copies_the_nearest_row() -> None:
    source, target, matrix = random_case(53)
    result = transfer_embeddings(source, target, matrix, neighbors=1)
    np.testing.assert_array_equal(result.matrix, matrix[result.neighbor_ids[:, 0]])
    assert (result.weights[:, 0] == 1).all()


def test_permuting_source_ids_permutes_neighbors() -> None:
    source, target, matrix = random_case(59)
    order = np.random.default_rng(0).permutation(25)
    before, after = (
        transfer_embeddings(source, target, matrix),
        transfer_embeddings(source[order], target, matrix[order]),
    )
    np.testing.assert_array_equal(order[after.neighbor_ids], before.neighbor_ids)
    np.testing.assert_allclose(after.matrix, before.matrix, atol=1e-5)


def test_a_shared_rotation_changes_nothing() -> None:
    """Cosines do not know about axes."""
    source, target, matrix = random_case(61)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0]
    before, after = (
        transfer_embeddings(source, target, matrix),
        transfer_embeddings(source @ turn, target @ turn, matrix),
    )
    np.testing.assert_allclose(after.matrix, before.matrix, atol=1e-4)


def test_same_seed_same_bytes() -> None:
    source, target, matrix = random_case(67)
    target[::3] = 0
    assert same(
        transfer_embeddings(source, target, matrix, seed=5), transfer_embeddings(source, target, matrix, seed=5)
    )
    other = transfer_embeddings(source, target, matrix, seed=6)
    changed = (other.matrix != transfer_embeddings(source, target, matrix, seed=5).matrix).any(axis=1)
    np.testing.assert_array_equal(changed, ~target.any(axis=1))


# --- groups and copies -------------------------------------------------------------------------------------------


def test_groups_are_respected() -> None:
    """A target token takes neighbours of its own group alone; one whose group has no source token falls back."""
    source, target, matrix = random_case(71)
    source_groups, target_groups = np.arange(25) % 2, np.arange(12) % 3
    candidates = np.arange(25) > 4
    result = transfer_embeddings(
        source, target, matrix, candidates=candidates, source_groups=source_groups, target_groups=target_groups
    )
    for token in range(12):
        found = result.neighbor_ids[token][result.neighbor_ids[token] >= 0]
        assert (source_groups[found] == target_groups[token]).all() and (found > 4).all()
        alone = transfer_embeddings(
            source, target[token : token + 1], matrix, candidates=candidates & (source_groups == target_groups[token])
        )
        assert result.kind[token] == alone.kind[0]
        np.testing.assert_array_equal(result.neighbor_ids[token], alone.neighbor_ids[0])
    assert (result.kind[target_groups == 2] == TokenKind.FALLBACK).all()


def test_one_group_equals_no_groups() -> None:
    source, target, matrix = random_case(73)
    grouped = transfer_embeddings(source, target, matrix, source_groups=np.ones(25), target_groups=np.ones(12))
    assert same(grouped, transfer_embeddings(source, target, matrix))


def test_special_and_byte_copies() -> None:
    """A copied row is the source row to the bit, alone at weight 1, whatever its vector says, zero included.

    A token in both maps is a special token; a source token outside the candidates may well be copied.
    """
    source, target, matrix = random_case(79)
    target[3] = 0
    result = transfer_embeddings(
        source, target, matrix, candidates=np.arange(25) < 20, copies={3: 24, 5: 0}, byte_copies={5: 7, 6: 21}
    )
    for token, source_id, kind in [(3, 24, TokenKind.COPIED), (5, 0, TokenKind.COPIED), (6, 21, TokenKind.BYTE_PIECE)]:
        np.testing.assert_array_equal(result.matrix[token], matrix[source_id])
        assert result.kind[token] == kind and result.neighbor_ids[token].tolist() == [source_id] + [-1] * 24
        assert result.weights[token].tolist() == [1.0] + [0.0] * 24 == result.similarities[token].tolist()
    untouched = np.setdiff1d(np.arange(12), [3, 5, 6])
    plain = transfer_embeddings(source, target, matrix, candidates=np.arange(25) < 20)
    np.testing.assert_array_equal(result.matrix[untouched], plain.matrix[untouched])


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"source_subwords": np.ones((24, 6))},
        {"target_subwords": np.ones((12, 5))},
        {"neighbors": 0},
        {"neighbors": -1},
        {"neighbors": 26},
        {"temperature": 0.0},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
    ],
    ids=lambda changes: "-".join(map(str, changes)) + str(next(iter(changes.values())))[:4],
)
def test_refused(changes: dict[str, Any]) -> None:
    source, target, matrix = random_case(83)
    arguments = {"source_subwords": source, "target_subwords": target, "source_matrix": matrix} | changes
    with pytest.raises(ValueError):
        transfer_embeddings(**arguments)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_static_vectors_must_be_finite(side: str, value: float) -> None:
    """One NaN would win or lose every comparison, silently."""
    source, target, matrix = random_case(89)
    (source if side == "source" else target)[2, 1] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
        transfer_embeddings(source, target, matrix)


@pytest.mark.parametrize(
    "options",
    [
        {"copies": {0: 25}},
        {"copies": {0: -1}},
        {"copies": {-1: 0}},
        {"copies": {12: 0}},
        {"byte_copies": {0: 25}},
        {"source_groups": np.zeros(25)},
        {"target_groups": np.zeros(12)},
        {"source_groups": np.zeros(25), "target_groups": np.zeros(3)},
        {"candidates": np.ones(1, dtype=bool), "compat": "reference"},
        {"compat": "refrence"},
    ],
    ids=["copy-past-source", "copy-source-negative", "copy-target-negative", "copy-past-target", "byte-past-source",
         "source-groups-alone", "target-groups-alone", "few-target-groups", "one-candidate-flag", "compat-misspelt"],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    """The docstring promises ValueError for shapes that do not fit each other; ids beyond a matrix are read by
    compiled code without a check.
    """
    with pytest.raises(ValueError):
        transfer_embeddings(*random_case(84), **options)
