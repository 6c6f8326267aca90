"""PCA against scikit-learn, UMAP on planted clusters, and the rotation on its way."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import logm

from tests.memory_vectors import random_rotation
from wechsel_core.projection import PcaAxes, Turning, fit_pca, meeting_axes, place_among, umap_layout, unit_rows

PARTS = np.linspace(0, 1, 7)


def rotation(dim: int, sign: int, seed: int = 0) -> np.ndarray:
    """A random orthogonal matrix of determinant ``sign``."""
    found = random_rotation(dim, seed).astype(np.float64)
    if np.linalg.det(found) * sign < 0:
        found[0] *= -1
    return found


def test_pca_is_scikit_learns() -> None:
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).normal(size=(300, 7)) * np.array([5, 3, 1, 1, 0.5, 0.2, 0.1])
    ours, theirs = fit_pca(rows), PCA(2, svd_solver="full").fit(rows)
    assert ours.explained == pytest.approx(theirs.explained_variance_ratio_)
    signs = np.sign((ours.axes * theirs.components_.T).sum(axis=0))
    np.testing.assert_allclose(ours.project(rows), theirs.transform(rows) * signs, atol=1e-5)


def test_pca_finds_planted_axes_and_does_not_flip() -> None:
    rng = np.random.default_rng(0)
    turned = rotation(5, 1)
    rows = (rng.normal(size=(5000, 5)) * [10, 4, 0.1, 0.1, 0.1]) @ turned.T + 3
    found = fit_pca(rows)
    np.testing.assert_allclose(np.abs(found.axes.T @ turned[:, :2]), np.eye(2), atol=0.01)
    np.testing.assert_allclose(found.mean, rows.mean(axis=0))
    assert found.explained == pytest.approx((100 / 116.03, 16 / 116.03), abs=0.02)
    again = fit_pca(rows[::-1])
    np.testing.assert_allclose(again.axes, found.axes, atol=1e-9)


def test_pca_of_equal_rows_explains_nothing() -> None:
    found = fit_pca(np.ones((4, 3), np.float32))
    assert found.explained == (0.0, 0.0)
    np.testing.assert_allclose(found.project(np.ones((2, 3), np.float32)), 0, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 3)])
def test_pca_of_too_little_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="principal axes"):
        fit_pca(np.zeros(shape))


def test_meeting_axes_are_those_in_which_planted_pairs_meet() -> None:
    """Pairs are apart along two of six directions before, and along none after."""
    rng = np.random.default_rng(0)
    turned = rotation(6, 1, seed=2)
    apart = (rng.normal(size=(50, 6)) * [0.1, 5, 0.1, 0.1, 3, 0.1]) @ turned.T
    found = meeting_axes(apart, 0.1 * rng.normal(size=(50, 6)), rng.normal(size=(900, 6)))
    np.testing.assert_allclose(np.abs(found.axes.T @ turned[:, [1, 4]]), np.eye(2), atol=0.05)
    assert found.explained == pytest.approx((1 / 6, 1 / 6), abs=0.03)
    # No other plane brings them nearer.
    gain = np.linalg.norm(apart @ found.axes) ** 2
    others = (np.linalg.qr(rng.normal(size=(6, 2)))[0] for _ in range(50))
    assert all(np.linalg.norm(apart @ other) ** 2 <= gain * 1.001 for other in others)


def test_unit_rows() -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]], rtol=1e-6)


# --- UMAP --------------------------------------------------------------------------------------------------------


def clusters(n: int = 60, dim: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = np.arange(n) % 3
    return (5 * np.eye(dim)[label] + 0.3 * rng.normal(size=(n, dim))).astype(np.float32), label


def test_umap_parts_planted_clusters_and_repeats_itself() -> None:
    rows, label = clusters()
    told: list[tuple[float, str]] = []
    layout = umap_layout(rows, n_neighbors=8, seed=3, progress=lambda share, step: told.append((share, step)))
    assert layout.shape == (60, 2) and layout.dtype == np.float32
    centres = np.stack([layout[label == part].mean(axis=0) for part in range(3)])
    nearest = np.linalg.norm(layout[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, label)
    np.testing.assert_array_equal(umap_layout(rows, n_neighbors=8, seed=3), layout)
    assert [share for share, _ in told] == sorted(share for share, _ in told) and told[-1][0] == 1


@pytest.mark.parametrize("n", [0, 1, 3, 4, 12])
def test_umap_of_a_few_rows(n: int) -> None:
    layout = umap_layout(clusters()[0][:n])
    assert layout.shape == (n, 2) and np.isfinite(layout).all()


def test_umap_of_equal_rows() -> None:
    layout = umap_layout(np.repeat(clusters()[0][:3], 20, axis=0), n_neighbors=5)
    assert np.isfinite(layout).all()


#: Prints how many forms of each function were compiled for a few rows, and how many for a real layout after it.
COMPILED = """
import json
import numpy as np
from wechsel_core.projection import compile_ahead, umap_layout
compile_ahead()
import pynndescent, umap
modules = umap.umap_, umap.layouts, umap.sparse, umap.distances, pynndescent.utils, pynndescent.distances
def forms():
    return {f"{m.__name__}.{n}": len(f.signatures) for m in modules for n, f in vars(m).items() if hasattr(f, "signatures")}
few = forms()
umap_layout(np.random.default_rng(0).normal(size=(4500, 30)).astype(np.float32), n_neighbors=40, min_dist=0.5, seed=3)
print(json.dumps([few, forms()]))
"""


@pytest.mark.slow
def test_a_few_rows_compile_all_that_a_layout_needs() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=True)
    few, all_of_them = json.loads(done.stdout)
    assert few == all_of_them and few["umap.umap_.smooth_knn_dist"] == 1


def test_further_rows_lie_among_their_nearest() -> None:
    laid_out = np.eye(6, dtype=np.float32)
    layout = np.array([[0, 0], [10, 0], [0, 10], [-10, 0], [0, -10], [7, 7]], dtype=np.float32)
    new = np.array([[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
    placed = place_among(new, laid_out, layout)
    np.testing.assert_allclose(placed[0], [5, 5], atol=1e-3)
    np.testing.assert_allclose(placed[1], layout.mean(axis=0), atol=1e-6)
    assert place_among(new[:0], laid_out, layout).shape == (0, 2)


# --- the rotation on its way -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 8, 25])
@pytest.mark.parametrize("sign", [1, -1])
def test_turning_goes_from_nothing_to_all_of_the_rotation(dim: int, sign: int) -> None:
    whole = rotation(dim, sign)
    turning = Turning(whole)
    assert turning.mirrored == (sign < 0)
    np.testing.assert_allclose(turning.at(0), np.eye(dim), atol=1e-12)
    np.testing.assert_allclose(turning.at(1), whole, atol=1e-9)
    for part in PARTS:
        turn = turning.turn(part)
        np.testing.assert_allclose(turn @ turn.T, np.eye(len(turn)), atol=1e-9)
        assert np.linalg.det(turn) == pytest.approx(1)


def test_turning_is_the_power_of_the_matrix() -> None:
    """Oracle: exp(t log R) by scipy, where the logarithm is real."""
    from scipy.linalg import expm

    whole = rotation(6, 1, seed=4)
    turning = Turning(whole)
    for part in PARTS:
        np.testing.assert_allclose(turning.at(part), expm(part * logm(whole)).real, atol=1e-8)
    np.testing.assert_allclose(turning.at(0.5) @ turning.at(0.5), whole, atol=1e-9)


def test_turning_a_plane_by_a_known_angle() -> None:
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    c = np.sqrt(0.5)
    np.testing.assert_allclose(Turning(quarter).at(0.5), [[c, -c], [c, c]], atol=1e-12)


def test_a_mirror_is_squeezed_flat_and_opened_mirrored() -> None:
    mirror = np.diag([1.0, 1.0, -1.0])
    turning = Turning(mirror)
    for part in PARTS:
        np.testing.assert_allclose(turning.at(part), np.diag([1, 1, np.cos(np.pi * part)]), atol=1e-12)
    # Everywhere between, no direction grows and all but one keep their length.
    lengths = np.linalg.svd(Turning(rotation(9, -1)).at(0.3), compute_uv=False)
    np.testing.assert_allclose(lengths[:-1], 1, atol=1e-9)
    assert 0 <= lengths[-1] < 1


@pytest.mark.parametrize("signs", [[1, 1, 1], [-1, -1, 1], [-1, -1, -1], [-1, -1, -1, -1]])
def test_turning_of_half_turns(signs: list[float]) -> None:
    whole = np.diag(np.array(signs, dtype=float))
    turning = Turning(whole)
    np.testing.assert_allclose(turning.at(1), whole, atol=1e-12)
    turn = turning.turn(0.4)
    np.testing.assert_allclose(turn @ turn.T, np.eye(len(turn)), atol=1e-12)


def test_turning_of_single_precision() -> None:
    whole = rotation(50, 1).astype(np.float32)
    np.testing.assert_allclose(Turning(whole).at(1), whole, atol=1e-5)


def test_projection_of_turned_rows_needs_the_axes_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    whole = rotation(6, 1)
    axes: PcaAxes = fit_pca(rows)
    moved = PcaAxes(np.zeros(6), whole @ axes.axes, axes.explained)
    np.testing.assert_allclose(
        moved.project(rows) - axes.mean @ axes.axes, axes.project((rows @ whole).astype(np.float32)), atol=1e-5
    )
