"""Whether both sides found the same: neighbours up to ties, and the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from probe import read_spec, write_record

TEMPERATURE = 0.1


def main() -> None:
    """Compare the saved outputs of a run of each side on the same inputs."""
    spec = read_spec()
    arrays = [
        np.array(np.load(Path(spec["inputs"]) / f"{name}.npy", mmap_mode="r", allow_pickle=False)[: spec["rows"]])
        for name in ("source", "target", "matrix")
    ]
    with np.load(spec["ours"], allow_pickle=False) as ours, np.load(spec["reference"], allow_pickle=False) as reference:
        write_record(compare(*arrays, dict(ours), dict(reference), tie=spec["tie"]))


def compare(
    source: np.ndarray,
    target: np.ndarray,
    matrix: np.ndarray,
    ours: dict[str, np.ndarray],
    reference: dict[str, np.ndarray],
    *,
    tie: float,
) -> dict[str, Any]:
    """Count rows with the same neighbours, with others at a tie, and with wrong ones; the matrix's differences.

    A row's neighbours differ "at a tie" if each that only the reference has is at most ``tie`` more similar, in
    float64, than each that only ours has. The new rows of such a token differ for that reason, so ours is held
    against the formula at its own neighbours instead.
    """
    found = np.flatnonzero((reference["ids"][:, 0] >= 0) & target.any(axis=1) & (np.arange(len(target)) > 0))
    same = np.zeros(len(target), dtype=bool)
    same[found] = (np.sort(ours["ids"][found], axis=1) == np.sort(reference["ids"][found], axis=1)).all(axis=1)
    swapped = found[~same[found]]
    gaps, errors = [], []
    for row in swapped:
        mine, theirs = ours["ids"][row], reference["ids"][row]
        gaps.append(_cosines(source, target[row], np.setdiff1d(theirs, mine)).max()
                    - _cosines(source, target[row], np.setdiff1d(mine, theirs)).min())  # fmt: skip
        cosines = _cosines(source, target[row], mine)
        weights = np.exp((cosines - cosines.max()) / TEMPERATURE)
        errors.append(np.abs(weights / weights.sum() @ matrix[mine].astype(np.float64) - ours["matrix"][row]).max())
    comparable = np.setdiff1d(np.arange(len(target)), swapped)
    return {
        "rows": len(target),
        "rows_with_neighbors": len(found),
        "same_neighbors": int(same.sum()),
        "swapped_at_ties": int(np.sum(np.array(gaps) <= tie)) if gaps else 0,
        "wrong_neighbors": int(np.sum(np.array(gaps) > tie)) if gaps else 0,
        "largest_gap": float(max(gaps, default=0.0)),
        "matrix_difference": float(np.abs(ours["matrix"][comparable] - reference["matrix"][comparable]).max()),
        "matrix_difference_at_ties": float(max(errors, default=0.0)),
        "similarity_difference": float(
            np.abs(np.sort(ours["similarities"][found]) - np.sort(reference["similarities"][found])).max()
        ),
    }


def _cosines(source: np.ndarray, row: np.ndarray, ids: np.ndarray) -> np.ndarray:
    near, row = source[ids].astype(np.float64), row.astype(np.float64)
    lengths = np.linalg.norm(near, axis=1)
    return near @ row / np.linalg.norm(row) / np.where(lengths == 0, 1, lengths)


if __name__ == "__main__":
    main()
