"""A matrix of rows that may lie in a file, as factors: products and singular directions, made block by block."""

from __future__ import annotations

import numpy as np

from wechsel_core.numerics.rows import Rows, blocks_of


def cross_products(left: np.ndarray, matrix: Rows, rows: np.ndarray) -> np.ndarray:
    """``left.T @ matrix[rows]``, read in blocks.

    Parameters
    ----------
    left : ndarray, shape (n, left_dim)
    matrix : Rows, shape (n_rows, dim)
    rows : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of float64, shape (left_dim, dim)
    """
    total = np.zeros((left.shape[1], matrix.shape[1]))
    for block in blocks_of(len(left), max(total.shape)):
        total += left[block].astype(np.float64).T @ matrix[rows[block]].astype(np.float64)
    return total


def singular_directions(matrix: Rows, n_directions: int) -> np.ndarray:
    """Leading right singular vectors, without centring: the directions along which the rows are longest.

    Parameters
    ----------
    matrix : Rows, shape (n_rows, dim)
    n_directions : int
        From 1 to ``dim``; fewer lose more of the rows.

    Returns
    -------
    ndarray of float64, shape (dim, n_directions)
        Orthonormal columns by falling singular value; each one's entry of largest size is positive, so that the same
        matrix always gives the same columns.
    """
    # The triangle of a QR decomposition has the singular vectors of the matrix, and can be carried from block to block.
    dim = matrix.shape[1]
    triangle = np.zeros((0, dim))
    for block in blocks_of(len(matrix), dim):
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, matrix[block].astype(np.float64)]), mode="r"))
    kept = np.linalg.svd(triangle, full_matrices=True)[2][:n_directions]  # (n_directions, dim)
    largest = np.take_along_axis(kept, np.abs(kept).argmax(axis=1)[:, None], axis=1)  # (n_directions, 1)
    return np.asarray((kept * np.where(largest < 0, -1.0, 1.0)).T)
