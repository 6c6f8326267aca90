"""How well an alignment translates word pairs it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wechsel_core.numerics.rows import normalize_rows


#: Rows whose similarities are held at once.
BLOCK = 512


def mean_top_similarities(rows: np.ndarray, others: np.ndarray, k: int = 10) -> np.ndarray:
    """Mean cosine of each row to its k nearest other rows, shape (n_rows,): the hubness term of CSLS."""
    k = min(k, len(others))
    rows, others = normalize_rows(rows), normalize_rows(others)
    means = np.empty(len(rows), dtype=rows.dtype)
    for start in range(0, len(rows), BLOCK):
        similarities = rows[start : start + BLOCK] @ others.T
        similarities.partition(len(others) - k, axis=1)
        means[start : start + BLOCK] = similarities[:, -k:].mean(axis=1)
    return means


def translation_hits(
    target_rows: np.ndarray,
    source_rows: np.ndarray,
    gold: Sequence[frozenset[int]],
    *,
    cutoffs: Sequence[int] = (1, 5, 10),
    csls: bool = False,
) -> np.ndarray:
    """Whether a right translation is among the first n source rows, for every target row.

    Parameters
    ----------
    target_rows : ndarray, shape (n_queries, dim)
    source_rows : ndarray, shape (n_source, dim)
        The rotated source vocabulary to search.
    gold : sequence of n_queries sets of int
        Right source rows of each query.
    cutoffs : sequence of int
        The n of P@n.
    csls : bool
        Rank by cross-domain similarity local scaling (k = 10) instead of plain cosine.

    Returns
    -------
    ndarray of bool, shape (n_queries, n_cutoffs)
        Column means are P@n.

    References
    ----------
    Conneau et al. (2018), Word translation without parallel data (CSLS, P@k).
    """
    target, source = normalize_rows(target_rows), normalize_rows(source_rows)
    penalty = mean_top_similarities(source, target) / 2 if csls else np.zeros(len(source), dtype=np.float32)
    ranks = np.empty(len(target), dtype=np.int64)
    for start in range(0, len(target), BLOCK):
        scores = target[start : start + BLOCK] @ source.T - penalty
        for row, line in enumerate(scores, start):
            right = np.fromiter(gold[row], dtype=np.int64)
            if not len(right):
                ranks[row] = max(cutoffs)  # nothing would be right, so nothing is a hit
                continue
            best = line[right].max()
            first = right[line[right] == best].min()
            # Rank of the best right answer; among equal scores the lower row comes first.
            ranks[row] = (line > best).sum() + (line[:first] == best).sum()
    return ranks[:, None] < np.asarray(cutoffs)
