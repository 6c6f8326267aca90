"""Rows as combinations of anchor rows: all that are near (sparsemax), or few by matching pursuit."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np

from wechsel_core.numerics.parallel import one_blas_thread, run_blocks
from wechsel_core.numerics.rows import BLOCK_VALUES, blocks_of, distinct_rows, normalize_rows
from wechsel_core.numerics.weighting import sparsemax

#: Rows that one thread pursues together, if their bases take no more values than this.
PURSUED_ROWS, PURSUED_VALUES = 256, 4 * BLOCK_VALUES
#: Share of a row's length that must be left for the pursuit to go on, and of an anchor's length that must be new.
SMALLEST_REST = 1e-6


def sparsemax_combinations(
    rows: np.ndarray, anchors: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each row the anchors that sparsemax of the cosine gives a weight, the weights and the cosines.

    Anchors of equal direction get equal weights, to the bit. A few blocks of ``BLOCK_VALUES`` cosines are held at once.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_rows, dim)
        Without zero rows.
    anchors : ndarray of float32, shape (n_anchors, dim)
        Without zero rows.

    Yields
    ------
    places : ndarray of int64, shape (n,)
        Into ``anchors``, rising.
    weights : ndarray of float64, shape (n,)
        Above 0; they sum to 1.
    cosines : ndarray of float32, shape (n,)

    References
    ----------
    Martins & Astudillo (2016), From Softmax to Sparsemax, ICML.
    """
    directions, number = distinct_rows(normalize_rows(anchors))
    wanted = normalize_rows(rows)
    with one_blas_thread():
        for block in blocks_of(len(wanted), len(anchors)):
            cosines = (wanted[block] @ directions.T)[:, number]  # (n, n_anchors)
            weights = sparsemax(cosines.astype(np.float64))
            for place in range(len(cosines)):
                kept = np.flatnonzero(weights[place])
                yield kept, weights[place, kept], cosines[place, kept]


def matching_pursuit(rows: np.ndarray, anchors: np.ndarray, n_chosen: int) -> tuple[np.ndarray, np.ndarray]:
    """Write each row as a combination of few anchors, found by orthogonal matching pursuit.

    One anchor after the other is chosen, each time the one of largest inner product with what is left of the row,
    sign aside; what is left is then that of the least-squares fit by all chosen so far.

    Parameters
    ----------
    rows : ndarray, shape (n_rows, dim)
    anchors : ndarray, shape (n_anchors, dim)
        Of any length: a longer anchor is chosen more readily.
    n_chosen : int
        Anchors a row at most; more of them fit closer. Fewer are taken where the row is met exactly, or where the
        next anchor is a combination of those before.

    Returns
    -------
    places : ndarray of int64, shape (n_rows, n_chosen)
        Into ``anchors``, in order of choice; -1 beyond the last. Of equal anchors the first.
    coefficients : ndarray of float64, shape (n_rows, n_chosen)
        Of either sign; 0 beyond the last.

    References
    ----------
    Pati, Rezaiifar & Krishnaprasad (1993), Orthogonal Matching Pursuit, Asilomar Conference on Signals.
    """
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    # A second equal anchor never adds anything, and equal ones must not differ by how a product is rounded.
    offered, number = distinct_rows(np.ascontiguousarray(anchors, dtype=np.float64))
    first_of = np.full(len(offered), -1, dtype=np.int64)
    first_of[number[::-1]] = np.arange(len(number))[::-1]
    searched = offered.astype(np.float32)
    places = np.full((len(rows), n_chosen), -1, dtype=np.int64)
    coefficients = np.zeros((len(rows), n_chosen))

    together = max(1, min(PURSUED_ROWS, PURSUED_VALUES // (n_chosen * (rows.shape[1] + n_chosen))))

    def pursue(start: int) -> None:
        block = slice(start, min(start + together, len(rows)))
        chosen, out = places[block], coefficients[block]
        left = rows[block].copy()  # (n, dim)
        basis = np.zeros((len(left), n_chosen, rows.shape[1]))
        triangle = np.zeros((len(left), n_chosen, n_chosen))
        going = np.ones(len(left), dtype=np.bool_)
        for step in range(min(n_chosen, len(offered))):
            products = left.astype(np.float32) @ searched.T  # (n, n_offered)
            _choose(step, products, rows[block], offered, left, basis, triangle, chosen, going)
            if not going.any():
                break
        _solve(rows[block], basis, triangle, chosen, out)

    with one_blas_thread():
        run_blocks(pursue, range(0, len(rows), together))
    return np.where(places >= 0, first_of[places], -1), coefficients


@numba.njit(cache=True, nogil=True)
def _choose(
    step: int,
    products: np.ndarray,
    rows: np.ndarray,
    anchors: np.ndarray,
    left: np.ndarray,
    basis: np.ndarray,
    triangle: np.ndarray,
    chosen: np.ndarray,
    going: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Add one anchor to each row's orthonormal basis and take its share off what is left of the row."""
    for row in range(len(rows)):
        if not going[row]:
            continue
        best, size = -1, np.float32(0.0)
        for anchor in range(products.shape[1]):
            product = abs(products[row, anchor])
            if product > size:
                best, size = anchor, product
        going[row] = False
        if best < 0:
            continue
        direction = anchors[best].copy()
        length = np.sqrt(np.dot(direction, direction))
        for _ in range(2):  # once more, against what rounding left over
            for earlier in range(step):
                share = np.dot(basis[row, earlier], direction)
                triangle[row, earlier, step] += share
                direction -= share * basis[row, earlier]
        rest = np.sqrt(np.dot(direction, direction))
        if rest <= SMALLEST_REST * length:
            continue
        chosen[row, step] = best
        triangle[row, step, step] = rest
        basis[row, step] = direction / rest
        left[row] -= np.dot(basis[row, step], left[row]) * basis[row, step]
        going[row] = np.dot(left[row], left[row]) > SMALLEST_REST**2 * np.dot(rows[row], rows[row])


@numba.njit(cache=True, nogil=True)
def _solve(
    rows: np.ndarray, basis: np.ndarray, triangle: np.ndarray, chosen: np.ndarray, out: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Coefficients of the chosen anchors: the triangular system of each row, from the last to the first."""
    for row in range(len(rows)):
        count = 0
        while count < chosen.shape[1] and chosen[row, count] >= 0:
            count += 1
        for step in range(count - 1, -1, -1):
            value = np.dot(basis[row, step], rows[row])
            for later in range(step + 1, count):
                value -= triangle[row, step, later] * out[row, later]
            out[row, step] = value / triangle[row, step, step]
