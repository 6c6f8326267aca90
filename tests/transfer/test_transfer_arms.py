"""The arms' mixtures: what each keeps of WECHSEL's and what it loses."""

from __future__ import annotations

import numpy as np

from wechsel_core.transfer.arms import drawn_plan, permuted_plan, random_neighbors_plan
from wechsel_core.transfer.result import TokenKind, TransferPlan, new_rows

MIXED, COPIED, FALLBACK = TokenKind.MIXED, TokenKind.COPIED, TokenKind.FALLBACK


def plan(n_target: int = 200, n_source: int = 50, k: int = 4) -> TransferPlan:
    rng = np.random.default_rng(0)
    kind = np.full(n_target, MIXED, np.uint8)
    kind[0], kind[1] = COPIED, FALLBACK
    ids = rng.integers(0, n_source, (n_target, k))
    weights = rng.dirichlet(np.ones(k), n_target)
    ids[0, 1:], weights[0] = -1, [1, 0, 0, 0]
    ids[1], weights[1] = -1, 0
    return TransferPlan(ids, rng.random((n_target, k)).astype(np.float32), weights, kind)


def rows_of(made: TransferPlan, source: np.ndarray) -> np.ndarray:
    return new_rows(source, made.neighbor_ids, made.weights, made.kind, seed=7)


def test_permuted_has_the_same_rows_at_other_places() -> None:
    own, source = plan(), np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    before, after = rows_of(own, source), rows_of(permuted_plan(own, np.random.default_rng(2)), source)
    np.testing.assert_array_equal(after[:2], before[:2])  # copied and fallback rows stay
    np.testing.assert_allclose(sorted(map(tuple, after[2:])), sorted(map(tuple, before[2:])))
    assert (after[2:] == before[2:]).all(1).mean() < 0.05


def test_random_neighbors_keep_the_weights() -> None:
    own = plan()
    made = random_neighbors_plan(own, 50, np.random.default_rng(2))
    np.testing.assert_array_equal(made.weights, own.weights)
    np.testing.assert_array_equal(made.neighbor_ids[:2], own.neighbor_ids[:2])
    changed = made.neighbor_ids[2:] != own.neighbor_ids[2:]
    assert changed.mean() > 0.9
    assert set(made.neighbor_ids[2:].ravel()) == set(range(50))  # every source token may be drawn


def test_drawn_rows_follow_the_source_matrix_and_owe_nothing_to_the_plan() -> None:
    source = np.random.default_rng(1).normal([1, -2, 0], [0.5, 1, 2], size=(5000, 3)).astype(np.float32)
    rows = rows_of(drawn_plan(20_000), source)
    np.testing.assert_allclose(rows.mean(0), source.mean(0), atol=0.05)
    np.testing.assert_allclose(rows.std(0), source.std(0), rtol=0.03)


def test_the_same_seed_gives_the_same_arm() -> None:
    own = plan()
    for make in (
        lambda rng: permuted_plan(own, rng),
        lambda rng: random_neighbors_plan(own, 50, rng),
    ):
        first, again, other = (make(np.random.default_rng(seed)).neighbor_ids for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
