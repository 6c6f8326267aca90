"""CSLS against plain loops: ties, duplicates, zero rows, few rows, and a hub that loses its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.numerics.threads import threads
from wechsel_core.numerics import csls as module
from wechsel_core.numerics.csls import nearest_rows_csls
from wechsel_core.numerics.similarity import nearest_rows


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


def unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros(rows.shape), where=lengths > 0)


def distinct(rows: np.ndarray) -> list[np.ndarray]:
    """Directions that differ, zero rows left out."""
    kept: list[np.ndarray] = []
    for row in unit(rows):
        if row.any() and not any(np.allclose(row, other, atol=1e-6) for other in kept):
            kept.append(row)
    return kept


def hubness(row: np.ndarray, others: list[np.ndarray]) -> float:
    """Mean cosine to the 10 nearest directions of the other side."""
    return float(np.mean(sorted((float(row @ other) for other in others), reverse=True)[:10]))


def plain_csls(target: np.ndarray, source: np.ndarray, k: int, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ids, values = np.full((len(target), k), -1), np.zeros((len(target), k))
    mine, theirs = distinct(target), distinct(source[allowed])
    for place, row in enumerate(unit(target)):
        if not row.any():
            continue
        scored = []
        for number, other in enumerate(unit(source)):
            if allowed[number] and other.any():
                score = 2 * row @ other - hubness(row, theirs) - hubness(other, mine)
                scored.append((-round(score, 5), number, score))  # rounded: ties are decided by id
        for rank, (_, number, score) in enumerate(sorted(scored)[:k]):
            ids[place, rank], values[place, rank] = number, score
    return ids, values


@pytest.mark.parametrize("k", [1, 4, 30, 33])
@pytest.mark.parametrize("block", [1, 3, 256])
def test_equals_plain_loops(k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duplicates on both sides, zero rows, rows that may not be chosen, and k beyond what there is."""
    rng = np.random.default_rng(k)
    target, source = rng.normal(size=(12, 5)), rng.normal(size=(30, 5))
    target[[3, 7]], target[5] = target[0], 0
    source[[9, 20]], source[4], source[11] = source[2], 0, 4 * source[1]
    allowed = np.ones(30, dtype=bool)
    allowed[[6, 13]] = False
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    found = nearest_rows_csls(target, source, k, candidates=allowed)
    ids, values = plain_csls(target, source, k, allowed)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.similarities, values, atol=1e-5)
    assert found.ids.dtype == np.int64 and found.similarities.dtype == np.float32


def test_by_hand() -> None:
    """Target t = (1, 0), sources a = (1, 0) and b = (0, 1): r(t) = 0.5, r(a) = 1, r(b) = 0: 0.5 and -0.5."""
    found = nearest_rows_csls(np.array([[1.0, 0]]), np.array([[0, 1.0], [1, 0]]), 2)
    assert found.ids.tolist() == [[1, 0]]
    np.testing.assert_allclose(found.similarities, [[0.5, -0.5]])


def test_a_hub_loses_its_place() -> None:
    """One source row is near to every target row, and the nearest of this one by a hair: CSLS prefers the other."""
    rng = np.random.default_rng(1)
    centre = np.eye(1, 40)[0]
    target = centre + 0.4 * unit(rng.normal(size=(30, 40)))
    own = target[0] + 0.45 * unit(rng.normal(size=(1, 40)))[0]
    source = np.stack([centre, own])
    assert nearest_rows(target[:1], source, 1).ids.tolist() == [[0]]
    assert nearest_rows_csls(target, source, 1).ids[0].tolist() == [1]


def test_some_rows_in_their_order() -> None:
    """What is asked for is searched, each against the hubs among what is asked."""
    rng = np.random.default_rng(2)
    target, source = rng.normal(size=(9, 4)), rng.normal(size=(8, 4))
    rows = np.array([5, 2, 7])
    found, alone = nearest_rows_csls(target, source, 3, rows=rows), nearest_rows_csls(target[rows], source, 3)
    np.testing.assert_array_equal(found.ids, alone.ids)
    np.testing.assert_array_equal(found.similarities, alone.similarities)


@pytest.mark.parametrize("empty", ["target", "source", "candidates"])
def test_nothing_to_compare(empty: str) -> None:
    target, source = np.ones((2, 3)), np.ones((4, 3))
    if empty == "target":
        target[:] = 0
    if empty == "source":
        source[:] = 0
    found = nearest_rows_csls(target, source, 2, candidates=np.full(4, empty != "candidates"))
    assert (found.ids == -1).all() and not found.similarities.any()


def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    target, source = rng.normal(size=(40, 9)), rng.normal(size=(50, 9))
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    alone = nearest_rows_csls(target, source, 5)
    with threads(3):
        several = nearest_rows_csls(target, source, 5)
    np.testing.assert_array_equal(alone.ids, several.ids)
    np.testing.assert_array_equal(alone.similarities, several.similarities)
