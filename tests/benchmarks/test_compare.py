"""The judge of equality is itself judged: ties are let through, wrong neighbours are not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import WORKERS


@pytest.fixture
def compare() -> Iterator[Any]:
    sys.path.insert(0, str(WORKERS))
    try:
        yield importlib.import_module("compare").compare
    finally:
        sys.path.remove(str(WORKERS))
        for name in ("compare", "probe"):
            sys.modules.pop(name, None)


def run(target: np.ndarray, source: np.ndarray, matrix: np.ndarray, ids: np.ndarray) -> dict[str, np.ndarray]:
    rows, similarities = np.zeros((len(target), matrix.shape[1])), np.zeros(ids.shape)
    for row in range(len(target)):
        near = source[ids[row]]
        similarities[row] = near @ target[row] / np.linalg.norm(near, axis=1) / np.linalg.norm(target[row])
        weights = np.exp(similarities[row] / 0.1)
        rows[row] = weights / weights.sum() @ matrix[ids[row]]
    return {"matrix": rows, "ids": ids, "similarities": similarities}


def test_twins_swap_and_strangers_do_not(compare: Any) -> None:
    rng = np.random.default_rng(0)
    source, target = rng.standard_normal((6, 4)), rng.standard_normal((4, 4))
    source[5] = source[4]  # twins in static space with rows of their own
    matrix = rng.standard_normal((6, 3))
    theirs = np.array([[0, 1], [0, 4], [2, 4], [3, 4]])
    mine = np.array([[0, 1], [0, 5], [4, 2], [3, 4]])
    reference = run(target, source, matrix, theirs)
    found = compare(source, target, matrix, run(target, source, matrix, mine), reference, tie=1e-6)
    assert found["rows_with_neighbors"] == 3  # token 0 is copied, not mixed
    assert (found["same_neighbors"], found["swapped_at_ties"], found["wrong_neighbors"]) == (2, 1, 0)
    assert found["matrix_difference"] < 1e-12 and found["matrix_difference_at_ties"] < 1e-12

    cosines = source @ target[3] / np.linalg.norm(source, axis=1)
    mine[3], theirs[3] = np.argsort(cosines)[:2], np.argsort(cosines)[-2:]
    found = compare(
        source, target, matrix, run(target, source, matrix, mine), run(target, source, matrix, theirs), tie=1e-6
    )
    assert found["wrong_neighbors"] == 1 and found["largest_gap"] > 0.1
