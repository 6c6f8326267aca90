"""P@n and CSLS: hand-computed angles and a plain-loop oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core.numerics.evaluation import csls_scores, translation_hits
from wechsel_core.numerics.rows import normalize_rows


def hits_of(
    queries: np.ndarray,
    sources: np.ndarray,
    gold: list[frozenset[int]],
    *,
    cutoffs: tuple[int, ...] = (1, 5, 10),
    csls: bool = False,
) -> np.ndarray:
    cosines = normalize_rows(queries) @ normalize_rows(sources).T
    return translation_hits(csls_scores(cosines) if csls else cosines, gold, cutoffs=cutoffs)


def at(*degrees: float) -> np.ndarray:
    """Unit rows of the plane at these angles."""
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_hand_computed() -> None:
    """Query at 0 degrees, sources at 10, 30 and 60: gold 1 is second, so it is missed at 1 and found at 2."""
    hits = hits_of(at(0, 0), at(10, 30, 60), [frozenset({1}), frozenset({0, 2})], cutoffs=(1, 2))
    assert hits.tolist() == [[False, True], [True, True]] and hits.dtype == np.bool_


def test_csls_hand_computed() -> None:
    """A hub between two queries: plain cosine takes it for both, CSLS their own words.

    Queries at 0 and 40 degrees, sources: hub at 20, own words at -21 and 61. For the first query cosines are 0.9397
    (hub) and 0.9336 (own); half the mean over both queries is 0.4698 for the hub and (0.9336 + 0.4848) / 4 = 0.3546
    for the own word; 0.5790 beats 0.4698.
    """
    queries, sources, gold = at(0, 40), at(20, -21, 61), [frozenset({1}), frozenset({2})]
    assert not hits_of(queries, sources, gold, cutoffs=(1,)).any()
    assert hits_of(queries, sources, gold, cutoffs=(1,), csls=True).all()


def test_csls_penalty_hand_computed() -> None:
    """Queries at 0, 60 and 180 degrees, one source at 0: half of the mean of 1, 0.5 and -1 is 1/12."""
    cosines = np.array([[1.0], [0.5], [-1.0]], dtype=np.float32)
    np.testing.assert_allclose(csls_scores(cosines), cosines - 1 / 12, atol=1e-6)


def test_csls_takes_ten_queries_and_more_sources_than_a_block() -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, (40, 1300)).astype(np.float32)
    penalty = np.sort(cosines, axis=0)[-10:].mean(axis=0) / 2
    np.testing.assert_allclose(csls_scores(cosines), cosines - penalty, atol=1e-6)


def test_ties_go_to_the_lower_row_and_cutoffs_may_exceed_the_rows() -> None:
    hits = hits_of(at(0), at(0, 0), [frozenset({1})], cutoffs=(1, 2, 10))
    assert hits.tolist() == [[False, True, True]]


def test_no_gold_is_no_hit() -> None:
    assert not hits_of(at(0), at(0, 90), [frozenset()], cutoffs=(1, 2)).any()


def test_no_gold_is_no_hit_at_a_cutoff_beyond_the_sources() -> None:
    assert not hits_of(at(0), at(0, 90), [frozenset()], cutoffs=(5,)).any()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), csls=st.booleans(), n_queries=st.integers(1, 14))
def test_equals_plain_loops(seed: int, csls: bool, n_queries: int) -> None:
    """CSLS(x, y) = 2 cos(x, y) - r(x) - r(y); r(x) is one for all candidates, so only r(y) may be left."""
    rng = np.random.default_rng(seed)
    queries, sources = rng.normal(size=(n_queries, 5)), rng.normal(size=(18, 5))
    gold = [frozenset(rng.integers(0, 18, 2).tolist()) for _ in queries]
    cosines = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        sources / np.linalg.norm(sources, axis=1, keepdims=True)
    ).T
    scores = 2 * cosines
    if csls:
        scores -= np.array([np.sort(column)[::-1][:10].mean() for column in cosines.T])
        scores -= np.array([np.sort(row)[::-1][:10].mean() for row in cosines])[:, None]
    expected = [
        [bool(g & set(np.argsort(-row)[:n].tolist())) for n in (1, 5, 10)] for row, g in zip(scores, gold, strict=True)
    ]
    assert hits_of(queries, sources, gold, csls=csls).tolist() == expected


@pytest.mark.parametrize("csls", [False, True])
def test_zero_query_scores_without_nan(csls: bool) -> None:
    """A query without direction ranks by id (cosine 0 everywhere); it must not turn into NaN."""
    hits = hits_of(np.vstack([np.zeros((1, 2)), at(0)]), at(90, 0), [frozenset({0}), frozenset({1})], csls=csls)
    assert hits[:, -1].all()
