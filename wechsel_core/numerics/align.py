"""Orthogonal alignment of two vector spaces from paired rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import orthogonal_procrustes

from wechsel_core.numerics.rows import distinct_rows


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


def fit_alignment(source_rows: np.ndarray, target_rows: np.ndarray) -> Alignment:
    """Solve the orthogonal Procrustes problem argmin ||source_rows R - target_rows||.

    Neither centred nor normalised, as in the paper's code.

    Parameters
    ----------
    source_rows, target_rows : ndarray, shape (n_pairs, dim)
        Vectors of the two words of each pair; a pair that stands twice counts twice.

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
    if source_rows.shape != target_rows.shape or source_rows.ndim != 2 or not len(source_rows):
        raise ValueError(f"paired rows of shapes {source_rows.shape} and {target_rows.shape} cannot be aligned")
    source = source_rows.astype(np.float64, copy=False)
    target = target_rows.astype(np.float64, copy=False)
    rotation, _ = orthogonal_procrustes(source, target)  # raises ValueError on NaN and infinity
    scale = float(np.linalg.norm(target))
    residual = float(np.linalg.norm(source @ rotation - target)) / scale if scale else 0.0
    return Alignment(rotation, residual, len(source))


def rotate(source_rows: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Lay source rows over the target space, float32, shape (n_rows, dim).

    Equal rows stay equal to the bit: each distinct row goes through the product once. In a plain product the last
    digits depend on a row's place, and noise would decide between tokens that share a static vector.
    """
    distinct, number = distinct_rows(source_rows)
    return np.asarray((distinct @ rotation.astype(np.float32))[number], dtype=np.float32)
