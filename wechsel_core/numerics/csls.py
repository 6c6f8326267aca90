"""Nearest rows by CSLS: cosine, less how near each side is to everything."""

from __future__ import annotations

import numpy as np

from wechsel_core.numerics.parallel import one_blas_thread, run_blocks
from wechsel_core.numerics.similarity import Neighbors, Search, keep_best, nearest_rows

#: Rows of the other side that say how near a row is to everything.
HUB_NEIGHBORS = 10
#: Target rows whose similarities to all source rows are held at once.
BLOCK_ROWS = 256


def nearest_rows_csls(
    target: np.ndarray,
    source: np.ndarray,
    k: int,
    *,
    rows: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
    include_zero_rows: bool = False,
) -> Neighbors:
    """Find the k source rows of highest CSLS for every target row.

    ``csls(t, s) = 2 cos(t, s) - r(t) - r(s)``, r being the mean cosine to the 10 nearest distinct rows of the other
    side. Parameters and the order of ties are those of ``nearest_rows``; the similarities are CSLS, which lies in -2 to
    2 and is lower for a row that is near to everything.

    References
    ----------
    Conneau et al. (2018), Word Translation Without Parallel Data, ICLR, section 2.3.
    """
    options = {"rows": rows, "candidates": candidates, "include_zero_rows": include_zero_rows}
    search = Search(target, source, k, **options)  # type: ignore[arg-type]
    queries = search.target.block(0, len(search.target))
    offered = search.source.block(0, len(search.source))
    if not len(queries) or not len(offered):
        return Neighbors(search.ids, search.similarities)
    query_hub, offered_hub = _hubness(queries, offered), _hubness(offered, queries)

    def find(start: int) -> None:
        scores = 2 * (queries[start : start + BLOCK_ROWS] @ offered.T)
        scores -= query_hub[start : start + BLOCK_ROWS, None]
        scores -= offered_hub
        numbers = np.full((len(scores), k), -1, dtype=np.int64)
        similarities = np.full((len(scores), k), -np.inf, dtype=np.float32)
        keep_best(scores, 0, numbers, similarities)
        search.place(start, numbers, similarities)

    with one_blas_thread():
        run_blocks(find, range(0, len(queries), BLOCK_ROWS))
    return Neighbors(search.ids, search.similarities)


def _hubness(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean cosine of each row to its nearest rows of the other side, float32, shape (n_rows,)."""
    k = min(HUB_NEIGHBORS, len(others))
    return np.asarray(nearest_rows(rows, others, k).similarities.mean(axis=1), dtype=np.float32)
