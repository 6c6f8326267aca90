"""What is noted of rows that pass by: lengths and repeats, as if they had been in memory together."""

from __future__ import annotations

import numpy as np

from wechsel_core.services.row_notes import RowNotes, norms_of
from wechsel_core.transfer.result import TokenKind


def noted(rows: np.ndarray, kind: np.ndarray, size: int) -> RowNotes:
    notes = RowNotes(kind)
    passed = list(notes.taking(rows[start : start + size] for start in range(0, len(rows), size)))
    np.testing.assert_array_equal(np.concatenate(passed), rows)
    return notes


def test_notes_are_those_of_the_whole_matrix() -> None:
    """Repeats within a block, between blocks, of 0.0 by -0.0, and of rows that are not mixed."""
    rng = np.random.default_rng(0)
    rows = rng.integers(-1, 2, (200, 3)).astype(np.float32)
    rows[rng.random((200, 3)) < 0.2] = -0.0
    kind = rng.choice([TokenKind.MIXED, TokenKind.COPIED, TokenKind.FALLBACK], 200).astype(np.uint8)
    mixed = rows[kind == TokenKind.MIXED]
    for size in (1, 7, 200):
        notes = noted(rows, kind, size)
        assert notes.duplicates == len(mixed) - len(np.unique(mixed, axis=0)) > 20
        np.testing.assert_allclose(notes.norms, np.linalg.norm(rows, axis=1), rtol=1e-6)
        np.testing.assert_allclose(notes.mixed_norms, np.linalg.norm(mixed, axis=1), rtol=1e-6)


def test_no_mixed_row_at_all() -> None:
    notes = noted(np.ones((4, 2), np.float32), np.full(4, TokenKind.FALLBACK, np.uint8), 3)
    assert notes.duplicates == 0 and len(notes.mixed_norms) == 0


def test_norms_tell_rows_that_are_not_finite() -> None:
    matrix = np.ones((5, 4), dtype=np.float32)
    matrix[1, 2], matrix[3, 0], matrix[4] = np.nan, -np.inf, 3e38
    norms = norms_of(matrix)
    assert np.isfinite(norms).tolist() == [True, False, True, False, True]
