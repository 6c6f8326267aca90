"""Nearest rows against plain loops: ties, zero rows, duplicates, blocks and k at its edges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests.numerics.threads import threads
from wechsel_core.numerics import similarity
from wechsel_core.numerics.rows import normalize_rows
from wechsel_core.numerics.similarity import LANES, keep_best, nearest_rows

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


@st.composite
def lattice(draw: st.DrawFn, dim: int, least: int = 0, most: int = 9) -> np.ndarray:
    """Rows whose cosines are exact in float32 in whatever order they are summed, so that ties are true ties.

    A row is zero, has one entry, or has all entries alike up to sign (dim is a power of four); scales are powers
    of two, so that rows of different length share one direction.
    """
    rows = []
    for _ in range(draw(st.integers(least, most))):
        shape = draw(st.sampled_from(["zero", "one", "full", "full"]))
        row = np.zeros(dim)
        if shape == "one":
            row[draw(st.integers(0, dim - 1))] = draw(st.sampled_from([-1.0, 1.0]))
        elif shape == "full":
            row[:] = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=dim, max_size=dim))
        rows.append(row * draw(st.sampled_from([0.25, 1.0, 2.0])))
    return np.array(rows, dtype=np.float32).reshape(-1, dim)


def plain_nearest(
    target: np.ndarray, source: np.ndarray, k: int, candidates: np.ndarray, include_zero_rows: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The definition, in loops: cosines in float64, sorted by falling cosine, then by id."""
    ids, values = np.full((len(target), k), -1), np.zeros((len(target), k))
    for row, wanted in enumerate(target.astype(np.float64)):
        if not any(wanted):
            continue
        found = []
        for i, offered in enumerate(source.astype(np.float64)):
            if not candidates[i] or not (any(offered) or include_zero_rows):
                continue
            norms = math.sqrt(sum(wanted**2)) * math.sqrt(sum(offered**2))
            found.append((-sum(wanted * offered) / norms if norms else 0.0, i))
        for place, (negative, i) in enumerate(sorted(found)[:k]):
            ids[row, place], values[row, place] = i, -negative
    return ids, values


@contextmanager
def tiles(rows: int, columns: int) -> Iterator[None]:
    """Search in tiles of this size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "TILE_ROWS", rows)
        patch.setattr(similarity, "TILE_COLUMNS", columns)
        yield


SIDE = st.sampled_from([1, 2, 3, 1024])


@QUICK
@given(data=st.data(), dim=st.sampled_from([1, 4, 16]), zeros=st.booleans(), height=SIDE, width=SIDE)
def test_equals_plain_loops(data: st.DataObject, dim: int, zeros: bool, height: int, width: int) -> None:
    """Ids and cosines to the bit, ties to the lower id, however small the tiles and whatever k."""
    target, source = data.draw(lattice(dim)), data.draw(lattice(dim, least=1))
    k = data.draw(st.integers(1, len(source) + 2))
    candidates = np.array(data.draw(st.lists(st.booleans(), min_size=len(source), max_size=len(source))), dtype=bool)
    with tiles(height, width):
        found = nearest_rows(target, source, k, candidates=candidates, include_zero_rows=zeros)
    ids, values = plain_nearest(target, source, k, candidates, zeros)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.similarities, values)


@QUICK
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_permuting_source_ids_permutes_the_result(data: st.DataObject, seed: int) -> None:
    """Cosines stay; an id may change only for one of equal cosine."""
    target, source = data.draw(lattice(4, least=1)), data.draw(lattice(4, least=1))
    order = np.random.default_rng(seed).permutation(len(source))
    before = nearest_rows(target, source, 3)
    after = nearest_rows(target, source[order], 3)
    np.testing.assert_array_equal(before.similarities, after.similarities)
    np.testing.assert_array_equal(before.ids >= 0, after.ids >= 0)
    cosines = normalize_rows(target) @ normalize_rows(source).T
    rows, places = np.nonzero(after.ids >= 0)
    mapped = order[after.ids[rows, places]]
    np.testing.assert_array_equal(cosines[rows, mapped], after.similarities[rows, places])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_rows_equal_a_full_sort(dtype: type) -> None:
    """Without ties the ids are those of argsort; tiles of 3 by 10 rows, the last ones smaller."""
    rng = np.random.default_rng(3)
    target, source = rng.normal(size=(31, 12)).astype(dtype), rng.normal(size=(47, 12)).astype(dtype)
    with tiles(3, 10):
        found = nearest_rows(target, source, 10)
    unit = [matrix / np.linalg.norm(matrix, axis=1, keepdims=True) for matrix in (target, source)]
    cosines = unit[0] @ unit[1].T
    order = np.argsort(-cosines, axis=1)[:, :10]
    np.testing.assert_array_equal(found.ids, order)
    np.testing.assert_allclose(found.similarities, np.take_along_axis(cosines, order, axis=1), atol=1e-6)
    assert found.ids.dtype == np.int64 and found.similarities.dtype == np.float32


@pytest.mark.parametrize("columns", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
def test_the_best_are_kept_at_the_edges_of_lanes(columns: int) -> None:
    """Two tiles of few values, so of many ties, against a stable sort of both together."""
    tiles_of = np.random.default_rng(columns).integers(0, 9, size=(2, 5, columns)).astype(np.float32)
    numbers, similarities = np.full((5, 4), -1), np.full((5, 4), -np.inf, dtype=np.float32)
    for number, tile in enumerate(tiles_of):
        keep_best(tile, number * columns, numbers, similarities)
    both = np.hstack(list(tiles_of))
    order = np.argsort(-both, axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(numbers[:, : order.shape[1]], order)
    np.testing.assert_array_equal(similarities[:, : order.shape[1]], np.take_along_axis(both, order, axis=1))
    assert (numbers[:, order.shape[1] :] == -1).all()


def test_permutation_without_ties_is_exact() -> None:
    rng = np.random.default_rng(5)
    target, source, order = rng.normal(size=(9, 6)), rng.normal(size=(20, 6)), rng.permutation(20)
    before, after = nearest_rows(target, source, 5), nearest_rows(target, source[order], 5)
    np.testing.assert_array_equal(order[after.ids], before.ids)


@pytest.mark.parametrize("blas", [1, 2])
def test_threads_do_not_change_a_bit(blas: int) -> None:
    """Neither ours nor BLAS's: a tile is one thread's, and its size depends on the problem alone."""
    rng = np.random.default_rng(6)
    target, source = rng.normal(size=(300, 50)), np.repeat(rng.normal(size=(301, 50)), 3, axis=0)
    found = []
    for number in (1, 3):
        with threads(number), threadpool_limits(blas if number > 1 else 1, user_api="blas"), tiles(77, 101):
            found.append(nearest_rows(target, source, 20))
    np.testing.assert_array_equal(found[0].ids, found[1].ids)
    np.testing.assert_array_equal(found[0].similarities, found[1].similarities)


def test_chosen_rows_in_their_order() -> None:
    """Searching for some rows gives theirs, however often one is asked for; a zero row among them stays empty."""
    rng = np.random.default_rng(12)
    target, source = rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=(30, 6)).astype(np.float32)
    target[4], target[9] = 0, target[2]
    rows = np.array([9, 4, 2, 19, 9])
    some, alone = nearest_rows(target, source, 7, rows=rows), nearest_rows(target[rows], source, 7)
    np.testing.assert_array_equal(some.ids, alone.ids)
    np.testing.assert_array_equal(some.similarities, alone.similarities)
    assert (some.ids[1] == -1).all() and (some.ids[[2, 4]] == some.ids[0]).all()


def test_hand_computed() -> None:
    """Target (3, 4) against (1, 0), (0, 2), (3, 4), (-6, -8): cosines 0.6, 0.8, 1, -1; lengths do not count."""
    found = nearest_rows(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [-6.0, -8.0]]), 4)
    assert found.ids.tolist() == [[2, 1, 0, 3]]
    np.testing.assert_allclose(found.similarities, [[1.0, 0.8, 0.6, -1.0]], atol=1e-7)


def test_equal_targets_get_equal_bits_in_different_blocks() -> None:
    """Tokens " the" and "the" share a vector: a BLAS that rounds by place in the block must not tell them apart."""
    rng = np.random.default_rng(8)
    target = np.repeat(rng.normal(size=(1, 33)), 40, axis=0)
    source = np.concatenate([rng.normal(size=(60, 33)), np.repeat(rng.normal(size=(1, 33)), 30, axis=0)])
    with tiles(5, 7):
        found = nearest_rows(target, source, len(source))
    assert len(np.unique(found.ids, axis=0)) == 1 and len(np.unique(found.similarities, axis=0)) == 1
    place = {int(i): p for p, i in enumerate(found.ids[0])}
    assert [place[i] for i in range(60, 90)] == list(range(place[60], place[60] + 30))


def test_tie_behind_a_duplicate() -> None:
    """(1, 0) at 0 and 2 fills both places before (0, 1), of equal cosine to (1, 1), is seen at 1: 1 beats 2."""
    source = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest_rows(np.array([[1.0, 1.0]]), source, 2).ids.tolist() == [[0, 1]]


def test_negative_zero_is_zero() -> None:
    """-0.0 and 0.0 differ in bits alone: the two rows tie, and the lower id goes first."""
    source = np.array([[-0.0, 1.0], [0.0, 1.0], [1.0, -0.0]])
    assert nearest_rows(np.array([[0.0, 2.0]]), source, 2).ids.tolist() == [[0, 1]]
    assert nearest_rows(np.array([[-0.0, -0.0]]), source, 2).ids.tolist() == [[-1, -1]]


def test_nothing_to_find() -> None:
    """No candidate, only zero rows, no target: shapes stay, places are empty."""
    ones, zeros = np.ones((2, 3)), np.zeros((2, 3))
    for found in (nearest_rows(ones, ones, 2, candidates=np.zeros(2, bool)), nearest_rows(ones, zeros, 2)):
        assert found.ids.tolist() == [[-1, -1]] * 2 and not found.similarities.any()
    assert nearest_rows(np.zeros((0, 3)), ones, 2).ids.shape == (0, 2)
    assert nearest_rows(ones, zeros, 2, include_zero_rows=True).ids.tolist() == [[0, 1], [0, 1]]


def test_candidates_are_not_changed() -> None:
    """The mask belongs to the caller; zero rows are taken out of a copy."""
    candidates = np.ones(2, dtype=bool)
    nearest_rows(np.ones((1, 2)), np.array([[0.0, 0.0], [1.0, 0.0]]), 1, candidates=candidates)
    assert candidates.all()


@QUICK
@given(rows=lattice(4))
def test_normalized_rows_have_length_one_or_zero(rows: np.ndarray) -> None:
    lengths = np.linalg.norm(normalize_rows(rows), axis=1)
    np.testing.assert_array_equal(lengths, rows.any(axis=1).astype(float))


def test_tiny_and_huge_rows_are_normalized() -> None:
    """Squares of 1e-25 and 1e25 leave float32: norms are summed in float64."""
    rows = normalize_rows(np.array([[3e-25, 4e-25], [3e25, 4e25]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8]] * 2, rtol=1e-6)
    assert rows.dtype == np.float32
