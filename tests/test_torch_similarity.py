"""The torch search against the numpy one: ties, zero rows, duplicates, tiles and k at its edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.test_similarity import lattice, tiles
from tests.numerics.threads import threads
from tests.transfer.cases import random_case
from wechsel_core import torch_similarity
from wechsel_core.numerics.similarity import nearest_rows
from wechsel_core.torch_similarity import best_nearest_rows, nearest_rows_torch
from wechsel_core.transfer.wechsel import transfer_embeddings

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("side", [1, 3, 8192])
def test_equals_numpy_to_the_bit_where_sums_are_exact(device: str, side: int) -> None:
    @QUICK
    @given(data=st.data(), dim=st.sampled_from([1, 4, 16]), zeros=st.booleans())
    def check(data: st.DataObject, dim: int, zeros: bool) -> None:
        target, source = data.draw(lattice(dim)), data.draw(lattice(dim, least=1))
        k = data.draw(st.integers(1, len(source) + 2))
        allowed = np.array(data.draw(st.lists(st.booleans(), min_size=len(source), max_size=len(source))), dtype=bool)
        rows = np.array(data.draw(st.lists(st.integers(0, len(target) - 1), max_size=5)), int) if len(target) else None
        found, expected = (
            search(target, source, k, rows=rows, candidates=allowed, include_zero_rows=zeros, **options)
            for search, options in ((nearest_rows_torch, {"device": device}), (nearest_rows, {}))
        )
        np.testing.assert_array_equal(found.ids, expected.ids)
        np.testing.assert_array_equal(found.similarities, expected.similarities)

    with pytest.MonkeyPatch.context() as patch, tiles(2, 3):
        patch.setattr(torch_similarity, "TILE_BYTES", torch_similarity.BYTES_A_VALUE * side**2)
        check()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_random_rows_agree(device: str, precision: str) -> None:
    """To 1e-5 and with ids to match, at 300 dimensions, though the process lets products be rounded elsewhere."""
    rng = np.random.default_rng(0)
    target, source = (rng.normal(size=(n, 300)).astype(np.float32) for n in (700, 900))
    target[5], source[7], source[100:150] = 0, 0, source[50:100]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = nearest_rows_torch(target, source, 10, device=device)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    expected = nearest_rows(target, source, 10)
    np.testing.assert_allclose(found.similarities, expected.similarities, atol=1e-5)
    gaps = -np.diff(expected.similarities, axis=1)
    clear = np.minimum(np.pad(gaps, ((0, 0), (1, 0)), constant_values=1), np.pad(gaps, ((0, 0), (0, 1)))) > 1e-5
    np.testing.assert_array_equal(found.ids[clear], expected.ids[clear])
    assert clear[:, :-1].mean() > 0.8


@pytest.mark.parametrize("device", DEVICES)
def test_transfer_with_it(device: str) -> None:
    """Rows to 1e-5, in groups and for the reference too."""
    source, target, matrix = random_case(5, 60, 40)
    target[3], source[8] = 0, 0
    groups = {"source_groups": np.arange(60) % 2, "target_groups": np.arange(40) % 3}
    for options in ({}, groups, {"compat": "reference"}):
        ours, theirs = (
            transfer_embeddings(source, target, matrix, nearest=nearest, **options)  # type: ignore[arg-type]
            for nearest in (nearest_rows, lambda *a, **named: nearest_rows_torch(*a, **named, device=device))
        )
        np.testing.assert_allclose(theirs.matrix, ours.matrix, atol=1e-5)
        np.testing.assert_array_equal(theirs.kind, ours.kind)


@pytest.mark.parametrize("has_gpu", [False, True])
def test_the_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    chosen = best_nearest_rows()
    if has_gpu:
        assert chosen.func is nearest_rows_torch and chosen.keywords == {"device": "cuda"}  # type: ignore[attr-defined]
    else:
        assert chosen is nearest_rows
