"""How well an alignment translates word pairs it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Columns of a table of similarities that are sorted at once.
BLOCK = 512
CSLS_NEIGHBORS = 10


def csls_scores(similarities: np.ndarray, *, in_place: bool = False) -> np.ndarray:
    """Cosines less half of how near each source row is to its ten nearest target rows: hubs lose.

    Parameters
    ----------
    similarities : ndarray of float32, shape (n_target, n_source)
    in_place : bool
        Overwrite them.

    Returns
    -------
    ndarray of float32, shape (n_target, n_source)
        For ranking source rows of one target row; the term that is the same for all of them is left out.

    References
    ----------
    Conneau et al. (2018), Word translation without parallel data.
    """
    k = min(CSLS_NEIGHBORS, len(similarities))
    penalty = np.empty(similarities.shape[1], dtype=similarities.dtype)
    for start in range(0, len(penalty), BLOCK):
        columns = np.ascontiguousarray(similarities[:, start : start + BLOCK].T)
        columns.partition(columns.shape[1] - k, axis=1)
        penalty[start : start + BLOCK] = columns[:, -k:].mean(axis=1)
    out = similarities if in_place else similarities.copy()
    out -= penalty / 2
    return out


def translation_hits(
    scores: np.ndarray, gold: Sequence[frozenset[int]], *, cutoffs: Sequence[int] = (1, 5, 10)
) -> np.ndarray:
    """Whether a right translation is among the first n source rows, for every target row.

    Parameters
    ----------
    scores : ndarray, shape (n_queries, n_source)
        Cosines, or ``csls_scores``, of target rows to the rotated source vocabulary.
    gold : sequence of n_queries sets of int
        Right source rows of each query.
    cutoffs : sequence of int
        The n of P@n.

    Returns
    -------
    ndarray of bool, shape (n_queries, n_cutoffs)
        Column means are P@n.

    References
    ----------
    Conneau et al. (2018), Word translation without parallel data (P@k).
    """
    ranks = np.empty(len(scores), dtype=np.int64)
    for row, line in enumerate(scores):
        right = np.fromiter(gold[row], dtype=np.int64)
        if not len(right):
            ranks[row] = max(cutoffs)  # nothing would be right, so nothing is a hit
            continue
        best = line[right].max()
        first = right[line[right] == best].min()
        # Rank of the best right answer; among equal scores the lower row comes first.
        ranks[row] = (line > best).sum() + (line[:first] == best).sum()
    return ranks[:, None] < np.asarray(cutoffs)
