"""Counts and distances that say how healthy a transfer is, and how far two of them are apart."""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr


def bootstrap_interval(n_hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the share of hits among n queries.

    A resample of n yes-or-no queries holds a binomial number of hits, so the distribution that the bootstrap
    estimates by drawing is known: this is its limit for endlessly many resamples, without a seed and in no time.

    Parameters
    ----------
    n_hits, n : int
        At least one query.
    level : float
        Raising it widens the interval.

    Returns
    -------
    (float, float)
        Both ends as shares. Where no query or every query was a hit, the resamples are all alike and so are the ends.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.
    """
    cumulative = bdtr(np.arange(n + 1, dtype=np.float64), n, n_hits / n)
    low, high = np.searchsorted(cumulative, [(1 - level) / 2, (1 + level) / 2])
    return float(low) / n, float(min(high, n)) / n


def row_norms(matrix: np.ndarray) -> np.ndarray:
    """Euclidean length of every row, float64, shape (n_rows,)."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64)))


def occurrences(ids: np.ndarray, n_source: int) -> np.ndarray:
    """N_k: in how many neighbour lists each source row stands, int64, shape (n_source,).

    Parameters
    ----------
    ids : ndarray of int, shape (n_target, k)
        Neighbours; -1 marks an empty place.
    n_source : int

    References
    ----------
    Radovanović et al. (2010), Hubs in space, section 2.
    """
    return np.bincount(ids[ids >= 0], minlength=n_source)


def skewness(values: np.ndarray) -> float:
    """Third standardised moment: 0 for a symmetric distribution, large where few values are far above the rest."""
    if not len(values):
        return 0.0
    centred = values - np.mean(values, dtype=np.float64)
    spread = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / spread**1.5 if spread else 0.0


def overlap(ids_a: np.ndarray, ids_b: np.ndarray) -> np.ndarray:
    """Jaccard index of two neighbour lists, row by row: 1 = the same source rows in any order, 0 = none in common.

    Parameters
    ----------
    ids_a, ids_b : ndarray of int, shapes (n_tokens, k_a) and (n_tokens, k_b)
        Distinct within a row; -1 marks an empty place.

    Returns
    -------
    ndarray of float64, shape (n_tokens,)
        NaN where both lists are empty.
    """
    both = np.sort(np.concatenate([ids_a, ids_b], axis=1), axis=1)
    common = ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum(axis=1)
    union = (both >= 0).sum(axis=1) - common
    return np.asarray(np.divide(common, union, out=np.full(len(both), np.nan), where=union > 0))


def total_variation(ids_a: np.ndarray, weights_a: np.ndarray, ids_b: np.ndarray, weights_b: np.ndarray) -> np.ndarray:
    """Share of the mixture that differs, row by row: half the sum of |weight in A - weight in B| over source rows.

    Parameters
    ----------
    ids_a, weights_a, ids_b, weights_b : ndarrays, shapes (n_tokens, n_a) twice and (n_tokens, n_b) twice
        Ids distinct within a row, -1 at empty places; weights sum to 1, or to 0 where there is no mixture.

    Returns
    -------
    ndarray of float64, shape (n_tokens,)
        0 = the same mixture, 1 = nothing in common, a row that is mixed on one side alone included. NaN where
        neither side is a mixture.
    """
    ids = np.concatenate([ids_a, ids_b], axis=1)
    signed = np.concatenate([weights_a, -weights_b.astype(np.float64)], axis=1)
    signed[ids < 0] = 0.0
    order = np.argsort(ids, axis=1, kind="stable")
    ids, signed = np.take_along_axis(ids, order, axis=1), np.take_along_axis(signed, order, axis=1)
    # A source row stands twice at most, once a side, and sorting has put the two places side by side.
    pairs = ids[:, 1:] == ids[:, :-1]
    first, second = signed[:, :-1], signed[:, 1:]
    saved = np.where(pairs, np.abs(first) + np.abs(second) - np.abs(first + second), 0.0).sum(axis=1)
    distance = (np.abs(signed).sum(axis=1) - saved) / 2
    has_a, has_b = (weights_a > 0).any(axis=1), (weights_b > 0).any(axis=1)
    return np.where(has_a & has_b, np.clip(distance, 0.0, 1.0), np.where(has_a | has_b, 1.0, np.nan))
