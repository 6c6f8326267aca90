"""Two dimensions to look at: PCA, UMAP, and a rotation that can be stopped on its way.

A picture of two dimensions distorts. Neighbours are always those of the original space, never of the picture.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass

import numpy as np

from wechsel_core.numerics.similarity import nearest_rows
from wechsel_core.types import Progress

#: UMAP's loops are compiled for threads and must not be entered twice at a time; its caller waits for its turn.
_UMAP_TURN = threading.Lock()
#: Points that a placed row leans on (see ``place_among``).
PLACED_BY = 5


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32; a zero row stays zero. Distances between them then say what cosines say."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class PcaAxes:
    """Two directions to draw rows along; from ``fit_pca`` those in which they vary most.

    Attributes
    ----------
    mean : ndarray of float64, shape (dim,)
    axes : ndarray of float64, shape (dim, 2)
        Orthonormal columns; the largest entry of each is positive, so that a picture does not flip between runs.
    explained : tuple of two floats
        Share of the total variance along each axis.
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: tuple[float, float]

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Coordinates of rows along the axes, float32, shape (n_rows, 2)."""
        # The product first: a centred copy of all rows would double the memory.
        return np.asarray(rows @ self.axes.astype(rows.dtype) - self.mean @ self.axes, dtype=np.float32)


def fit_pca(rows: np.ndarray) -> PcaAxes:
    """Principal axes of rows by the eigenvectors of their covariance.

    Parameters
    ----------
    rows : ndarray, shape (n_rows, dim)
        At least two of each; rows that are all the same give a variance, and so shares, of 0.

    Raises
    ------
    ValueError
        If there are fewer than two rows or dimensions.
    """
    if rows.ndim != 2 or min(rows.shape) < 2:
        raise ValueError(f"rows of shape {rows.shape} have no two principal axes")
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = _covariance(rows, mean)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, [-1, -2]]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    total = float(np.trace(covariance))
    first, second = (float(max(value, 0.0)) / total if total > 0 else 0.0 for value in values[[-1, -2]])
    return PcaAxes(mean, axes, (first, second))


def meeting_axes(before: np.ndarray, after: np.ndarray, rows: np.ndarray) -> PcaAxes:
    """The two directions in which pairs come together most: the plane to look at while one side turns.

    The leading principal axes need not show it: of many dimensions they hold little, and in them two clouds may lie
    over each other before and after.

    Parameters
    ----------
    before, after : ndarray, shape (n_pairs, dim)
        Difference of the two words of each pair, before and after the turn.
    rows : ndarray, shape (n_rows, dim)
        What is drawn: gives the mean and the shares of variance.
    """
    gain = before.T.astype(np.float64) @ before - after.T.astype(np.float64) @ after
    _, vectors = np.linalg.eigh(gain)
    axes = vectors[:, [-1, -2]]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = _covariance(rows, mean)
    first, second = np.diag(axes.T @ covariance @ axes) / max(float(np.trace(covariance)), 1e-12)
    return PcaAxes(mean, axes, (float(first), float(second)))


def _covariance(rows: np.ndarray, mean: np.ndarray, block: int = 8192) -> np.ndarray:
    """In float64, a block of rows at a time: half of a large matrix more would be too much to hold."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), block):
        centred = rows[start : start + block].astype(np.float64) - mean
        total += centred.T @ centred
    return total / (len(rows) - 1)


def umap_layout(
    rows: np.ndarray,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> np.ndarray:
    """Lay rows out by UMAP under cosine distance.

    The neighbours that it starts from are exact, found as everywhere in the library: on a few thousand rows that is
    faster than UMAP's own approximate search, which is compiled anew in each process.

    Parameters
    ----------
    rows : ndarray, shape (n_rows, dim)
        None of them zero: a zero row has no direction.
    n_neighbors
        How many neighbours are kept together, at least 2. Raising it shows more of the whole and less of the detail;
        more than there are rows counts as all.
    min_dist
        How near to each other points may lie, 0 to 1. Raising it loosens clusters.
    seed
        The same rows, parameters and seed give the same picture.
    progress
        Told the share done and the step.

    Returns
    -------
    ndarray of float32, shape (n_rows, 2)

    References
    ----------
    McInnes, Healy & Melville (2018), UMAP: Uniform Manifold Approximation and Projection.
    """
    tell = progress or (lambda share, step: None)
    if len(rows) < 4:  # nothing to lay out, and UMAP refuses it
        return np.zeros((len(rows), 2), dtype=np.float32)
    k = max(2, min(n_neighbors, len(rows) - 1))
    with _UMAP_TURN:
        tell(0.0, "Loading UMAP")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Tensorflow not installed")
            import umap
        # UMAP compiles these two anew in each process, which takes longer than its layout of a few thousand rows.
        for compiled in (umap.umap_.smooth_knn_dist, umap.umap_.compute_membership_strengths):
            compiled.enable_caching()
        tell(0.2, f"Finding {k} nearest neighbours of {len(rows):,} tokens")
        ids, distances = _neighbors_of_each(rows, k)
        tell(0.3, "Laying out the picture")
        with warnings.catch_warnings():
            # It says that new points cannot be laid out later; ``place_among`` does that.
            warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")
            warnings.filterwarnings("ignore", message="Graph is not fully connected|.*Spectral initiali[sz]ation")
            reducer = umap.UMAP(
                n_neighbors=k,
                min_dist=min_dist,
                metric="cosine",
                random_state=seed,
                n_jobs=1,
                # Under about 40 rows there are not enough eigenvectors to start from.
                init="spectral" if len(rows) >= 40 else "random",
                precomputed_knn=(ids, distances),
            )
            layout = reducer.fit_transform(rows)
    tell(1.0, "Done")
    return np.asarray(layout, dtype=np.float32)


def compile_ahead() -> None:
    """Have everything compiled that a layout needs, and kept on disk: half a minute, once an installation.

    ``make install`` ends with it, so that the first map of a new installation takes no longer than any other.
    """
    umap_layout(np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32))


def _neighbors_of_each(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and cosine distances of the k nearest rows of each, itself first, as UMAP wants them."""
    found = nearest_rows(rows, rows, k)
    ids, distances = found.ids.copy(), np.clip(1 - found.similarities, 0, None)
    own = np.arange(len(rows))
    # Of equal rows any may come first, and of many none need be the row itself.
    place = np.where((ids == own[:, None]).any(axis=1), (ids == own[:, None]).argmax(axis=1), k - 1)
    ids[own, place], distances[own, place] = ids[:, 0], distances[:, 0]
    ids[:, 0], distances[:, 0] = own, 0
    return ids.astype(np.int32), distances.astype(np.float32)


def place_among(rows: np.ndarray, laid_out: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Put further rows into a finished picture: at the mean of their nearest rows' places, weighted by cosine.

    Parameters
    ----------
    rows : ndarray, shape (n_new, dim)
    laid_out : ndarray, shape (n_rows, dim)
        The rows of the picture.
    layout : ndarray, shape (n_rows, 2)

    Returns
    -------
    ndarray of float32, shape (n_new, 2)
        A row without a neighbour lies at the middle of the picture.
    """
    if not len(rows) or not len(laid_out):
        return np.zeros((len(rows), 2), dtype=np.float32)
    found = nearest_rows(rows, laid_out, min(PLACED_BY, len(laid_out)))
    weights = np.where(found.ids >= 0, np.clip(found.similarities, 1e-6, None), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    places = np.einsum("nk,nkd->nd", weights / np.where(total > 0, total, 1), layout[found.ids].astype(np.float64))
    return np.asarray(np.where(total > 0, places, layout.mean(axis=0)), dtype=np.float32)


class Turning:
    """A rotation that can be stopped at any part of its way.

    An orthogonal matrix of determinant 1 turns its planes, each by an angle of its own; a part of the way turns each
    by that part of its angle, so every matrix on the way is orthogonal too. With determinant -1 there is a mirror
    besides, and no way through orthogonal matrices leads to it. As turning over a page mirrors what is drawn on it, a
    mirror of dim dimensions is half a turn through one dimension more: the matrices on the way are then the shadow of
    such a turn, ``turn(t)[:dim, :dim]``, which squeezes one direction to nothing at half of the way and opens it
    mirrored.

    Parameters
    ----------
    rotation : ndarray, shape (dim, dim)
        Orthogonal.
    """

    def __init__(self, rotation: np.ndarray) -> None:
        from scipy.linalg import schur

        self.dim = len(rotation)
        self.mirrored = bool(np.linalg.det(rotation.astype(np.float64)) < 0)
        whole = np.eye(self.dim + self.mirrored)
        whole[: self.dim, : self.dim] = rotation
        if self.mirrored:
            whole[-1, -1] = -1
        blocks, self._basis = schur(whole, output="real")
        self._planes, self._angles = _planes(blocks)

    def turn(self, part: float) -> np.ndarray:
        """The turn at a part of the way (0 to 1), float64; one dimension more than the rotation if it mirrors."""
        turned = np.eye(len(self._basis))
        first, second = self._planes[:, 0], self._planes[:, 1]
        turned[first, first] = turned[second, second] = np.cos(part * self._angles)
        turned[first, second] = -np.sin(part * self._angles)
        turned[second, first] = np.sin(part * self._angles)
        return np.asarray(self._basis @ turned @ self._basis.T)

    def at(self, part: float) -> np.ndarray:
        """The matrix at a part of the way: the identity at 0, the rotation at 1; float64, shape (dim, dim)."""
        return self.turn(part)[: self.dim, : self.dim]


def _planes(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Planes (pairs of columns) and angles of a real Schur form of determinant 1."""
    planes, angles, halves = [], [], []
    place = 0
    while place < len(blocks):
        sine = blocks[place + 1, place] if place + 1 < len(blocks) else 0.0
        if abs(sine) > 1e-9:
            planes.append((place, place + 1))
            angles.append(np.arctan2(sine, (blocks[place, place] + blocks[place + 1, place + 1]) / 2))
            place += 2
        else:
            if blocks[place, place] < 0:
                halves.append(place)
            place += 1
    # Two directions that turn round are a plane that makes half a turn; the determinant says that their number is even.
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        planes.append((first, second))
        angles.append(np.pi)
    return np.array(planes, dtype=np.int64).reshape(-1, 2), np.array(angles, dtype=np.float64)
