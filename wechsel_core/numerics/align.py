"""Orthogonal alignment of two vector spaces from paired rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.linalg import svd

from wechsel_core.numerics.parallel import run_blocks
from wechsel_core.numerics.rows import distinct_rows

#: Rows that are widened to float64 at once.
BLOCK = 8192

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Alignment:
    """A rotation of the source space onto the target space.

    Attributes
    ----------
    rotation : ndarray of float64, shape (dim, dim)
        Orthogonal; ``source @ rotation`` lies in the target space.
    relative_residual : float
        ||A R - B|| / ||B|| in the Frobenius norm, over the pairs it was fitted on: 0 is a perfect fit,
        sqrt(2) and above says that the pairs carry no common structure (for rows of equal norms).
    n_pairs : int
        Rows it was fitted on. Below ``dim`` the rotation is not determined in every direction.
    """

    rotation: np.ndarray
    relative_residual: float
    n_pairs: int


def fit_alignment(source_rows: np.ndarray, target_rows: np.ndarray, *, products: np.ndarray | None = None) -> Alignment:
    """Solve the orthogonal Procrustes problem argmin ||source_rows R - target_rows||.

    Neither centred nor normalised, as in the paper's code.

    Parameters
    ----------
    source_rows, target_rows : ndarray, shape (n_pairs, dim)
        Vectors of the two words of each pair; a pair that stands twice counts twice.
    products : ndarray of float64, shape (dim, dim), optional
        Their ``cross_products``, where they are known already.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If the shapes differ, there is no pair, or a value is not finite.

    References
    ----------
    Schönemann (1966), A generalized solution of the orthogonal Procrustes problem; Minixhofer et al. (2022),
    section 3.1.
    """
    rotation = best_rotation(cross_products(source_rows, target_rows) if products is None else products)

    def squares(source: np.ndarray, target: np.ndarray) -> tuple[float, float]:
        return float(np.vdot(target, target)), float(np.square(source @ rotation - target).sum())

    scale = squared = 0.0
    for of_target, of_residual in _by_block(squares, source_rows, target_rows):
        scale += of_target
        squared += of_residual
    return Alignment(rotation, float(np.sqrt(squared / scale)) if scale else 0.0, len(source_rows))


def cross_products(source_rows: np.ndarray, target_rows: np.ndarray) -> np.ndarray:
    """``source_rows.T @ target_rows`` in float64, shape (dim, dim): all that the rotation depends on.

    Sums over parts of the pairs add up, so what some pairs contribute can be taken out again.

    Raises
    ------
    ValueError
        If the shapes differ, there is no pair, or a value is not finite.
    """
    if source_rows.shape != target_rows.shape or source_rows.ndim != 2 or not len(source_rows):
        raise ValueError(f"paired rows of shapes {source_rows.shape} and {target_rows.shape} cannot be aligned")
    total = np.zeros((source_rows.shape[1],) * 2)
    for part in _by_block(lambda source, target: source.T @ target, source_rows, target_rows):
        total += part
    if not np.isfinite(total).all():
        raise ValueError("a paired row holds NaN or infinity")
    return total


def best_rotation(products: np.ndarray) -> np.ndarray:
    """The orthogonal matrix for ``cross_products``, float64, shape (dim, dim)."""
    left, _, right = svd(products)
    return np.asarray(left @ right)


def _by_block(
    work: Callable[[np.ndarray, np.ndarray], _T], source_rows: np.ndarray, target_rows: np.ndarray
) -> list[_T]:
    """What comes out for each block of pairs in float64, in their order whichever is done first."""
    starts = range(0, len(source_rows), BLOCK)
    found: dict[int, _T] = {}

    def on_block(start: int) -> None:
        part = slice(start, start + BLOCK)
        found[start] = work(source_rows[part].astype(np.float64), target_rows[part].astype(np.float64))

    run_blocks(on_block, starts)
    return [found[start] for start in starts]


def rotate(source_rows: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Lay source rows over the target space, float32, shape (n_rows, dim).

    Equal rows stay equal to the bit: each distinct row goes through the product once. In a plain product the last
    digits depend on a row's place, and noise would decide between tokens that share a static vector.
    """
    distinct, number = distinct_rows(source_rows)
    return np.asarray((distinct @ rotation.astype(np.float32))[number], dtype=np.float32)
