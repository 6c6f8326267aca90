"""compat="reference" against the formula of the package ``wechsel`` 0.0.4 in plain loops."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.threads import threads
from tests.transfer.cases import random_case, same
from wechsel_core.transfer.wechsel import transfer_embeddings

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


def reference_rows(
    source_subwords: np.ndarray, target_subwords: np.ndarray, matrix: np.ndarray, k: int, temperature: float
) -> np.ndarray:
    """``create_target_embeddings`` of the package ``wechsel`` 0.0.4, rewritten in float64 loops.

    Rows normalised with 1e-8, top k by argpartition, softmax in its plain form, one addition a neighbour, and
    ``RandomState(1234)`` for zero target rows. A zero source row is a neighbour like any other, at cosine 0.
    """
    unit = [
        rows.astype(np.float64) / (np.linalg.norm(rows.astype(np.float64), axis=1)[:, None] + 1e-8)
        for rows in (source_subwords, target_subwords)
    ]
    fallback = np.random.RandomState(1234).normal(  # noqa: NPY002
        matrix.mean(0), matrix.std(0), (len(target_subwords), matrix.shape[1])
    )
    out = np.zeros((len(target_subwords), matrix.shape[1]))
    for token, row in enumerate(unit[1]):
        if (row == 0).all():
            out[token] = fallback[token]
            continue
        # sklearn's cosine_similarity normalises once more; a zero row keeps its zeros.
        cosines = np.array([sum(row * other) / (math.sqrt(sum(row**2) * sum(other**2)) or 1.0) for other in unit[0]])
        best = np.argpartition(cosines, -k)[-k:]
        raw = np.exp(cosines[best] / temperature)
        for source_id, weight in zip(best, raw / raw.sum(), strict=True):
            out[token] += matrix[source_id] * weight
    return out


@QUICK
@given(
    seed=st.integers(0, 2**32 - 1), n_source=st.integers(1, 30), n_target=st.integers(1, 8),
    temperature=st.sampled_from([0.05, 0.1, 1.0]), data=st.data(),
)  # fmt: skip
def test_reference_on_random_rows(
    seed: int, n_source: int, n_target: int, temperature: float, data: st.DataObject
) -> None:
    """Any k from 1 to all; a zero target row falls back; one zero source row takes part at cosine 0."""
    source, target, matrix = random_case(seed, n_source, n_target)
    k = data.draw(st.integers(1, n_source))
    if data.draw(st.booleans()):
        source[data.draw(st.integers(0, n_source - 1))] = 0
    if data.draw(st.booleans()):
        target[data.draw(st.integers(0, n_target - 1))] = 0
    result = transfer_embeddings(source, target, matrix, neighbors=k, temperature=temperature, compat="reference")
    np.testing.assert_allclose(result.matrix, reference_rows(source, target, matrix, k, temperature), atol=1e-5)


@QUICK
@given(seed=st.integers(0, 2**32 - 1), pairs=st.integers(1, 6))
def test_reference_on_ties(seed: int, pairs: int) -> None:
    """Every source vector stands twice, as " the" and "the" do; an even k never parts two of them."""
    source, target, matrix = random_case(seed, 24)
    source[1::2] = source[::2]
    target[1::2] = target[::2]
    result = transfer_embeddings(source, target, matrix, neighbors=2 * pairs, compat="reference")
    np.testing.assert_allclose(result.matrix, reference_rows(source, target, matrix, 2 * pairs, 0.1), atol=1e-5)
    np.testing.assert_array_equal(result.matrix[1::2], result.matrix[::2])
    assert (result.neighbor_ids[:, 0] % 2 == 0).all(), "of two equal cosines the lower id goes first"


def test_reference_zero_source_rows_take_part() -> None:
    """Three zero rows and k = all: they weigh exp(0), so leaving them out would change every row."""
    source, target, matrix = random_case(7)
    source[[0, 9, 24]] = 0
    legacy = transfer_embeddings(source, target, matrix, neighbors=25, temperature=1.0, compat="reference")
    np.testing.assert_allclose(legacy.matrix, reference_rows(source, target, matrix, 25, 1.0), atol=1e-5)
    ours = transfer_embeddings(source, target, matrix, neighbors=25, temperature=1.0)
    assert not np.isin(ours.neighbor_ids, [0, 9, 24]).any() and not np.allclose(ours.matrix, legacy.matrix, atol=1e-3)


def test_reference_fallback_ignores_the_seed() -> None:
    source, target, matrix = random_case(11)
    target[[0, 5]] = 0
    first, second = (transfer_embeddings(source, target, matrix, seed=s, compat="reference") for s in (0, 99))
    assert same(first, second)
    np.testing.assert_allclose(first.matrix, reference_rows(source, target, matrix, 10, 0.1), atol=1e-5)
    assert not np.array_equal(transfer_embeddings(source, target, matrix, seed=99).matrix[0], first.matrix[0])


def test_without_zero_rows_the_default_equals_the_reference() -> None:
    """compat touches zero rows alone."""
    source, target, matrix = random_case(13)
    np.testing.assert_allclose(
        transfer_embeddings(source, target, matrix).matrix, reference_rows(source, target, matrix, 10, 0.1), atol=1e-5
    )


def test_reference_at_300_dimensions() -> None:
    """Thousands of rows in several tiles, duplicates and zero rows among them: the same neighbours as float64 wherever
    the cosines at the border differ by more than 1e-6, and there the same rows to 1e-5.
    """
    rng = np.random.default_rng(14)
    source, target = (rng.normal(size=(n, 300)).astype(np.float32) for n in (2500, 1200))
    matrix = rng.normal(0.0, 0.2, (2500, 16)).astype(np.float32)
    source[100:200], source[40], target[7] = source[:100], 0, 0
    target[300:600] += 12 * source[300:600]  # near their translations, as the aligned vectors of words are
    result = transfer_embeddings(source, target, matrix, stored_neighbors=10, compat="reference")
    unit = [rows / (np.linalg.norm(rows, axis=1)[:, None] + 1e-8) for rows in (np.float64(source), np.float64(target))]
    cosines = unit[1] @ unit[0].T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :11]
    best = np.take_along_axis(cosines, order, axis=1)
    clear = (best[:, 9] - best[:, 10] > 1e-6) & target.any(axis=1)
    assert clear.sum() > 1000
    np.testing.assert_array_equal(np.sort(result.neighbor_ids[clear]), np.sort(order[clear, :10]))
    np.testing.assert_allclose(result.similarities[clear], best[clear, :10], atol=1e-6)
    raw = np.exp(best[:, :10] / 0.1)
    rows = np.einsum("tj,tjd->td", raw / raw.sum(axis=1, keepdims=True), matrix.astype(np.float64)[order[:, :10]])
    np.testing.assert_allclose(result.matrix[clear], rows[clear], atol=1e-5)
