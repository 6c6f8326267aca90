"""What a row holds that no source row makes: draws from a distribution, one block of rows after the other.

A row is drawn for every token from the first on, used or not, so that a token's row depends on its id and the seed
alone. Every draw sees one matrix at a time: input embeddings, output embeddings, or a bias as one column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from wechsel_core.numerics.rows import Rows, blocks_of
from wechsel_core.numerics.weighting import column_moments


class Draw(Protocol):
    """Rows of one matrix, given out in order of token id."""

    def next_rows(self, out: np.ndarray, used: np.ndarray) -> None:
        """Draw as many rows as ``out`` (float32, shape (n, dim)) has, and put those at ``used`` into it."""


#: Makes the draw of a source matrix from the matrix and a seed.
DrawRows = Callable[[Rows, int], Draw]


class NormalDraw:
    """Normal with the source matrix's mean and standard deviation per dimension.

    Parameters
    ----------
    source_matrix : Rows, shape (n_source_tokens, dim)
    seed : int
    legacy : bool
        Draw from ``RandomState`` in place of the generator, the reference's way.
    """

    def __init__(self, source_matrix: Rows, seed: int, *, legacy: bool = False) -> None:
        self._mean, std = column_moments(source_matrix)
        self._std = std.astype(np.float64)
        self._rng = np.random.RandomState(seed) if legacy else np.random.default_rng(seed)  # noqa: NPY002

    def next_rows(self, out: np.ndarray, used: np.ndarray) -> None:
        """See ``Draw``."""
        drawn = self._rng.standard_normal(out.shape)
        out[used] = self._mean + self._std * drawn[used]


class MultivariateDraw:
    """Normal with the source matrix's mean and covariance: unlike ``NormalDraw`` it keeps how dimensions go together.

    Parameters
    ----------
    source_matrix : Rows, shape (n_source_tokens, dim)
        Covariance in float64: (dim, dim) values beside one block of rows.
    seed : int
    """

    def __init__(self, source_matrix: Rows, seed: int) -> None:
        n_rows, dim = source_matrix.shape
        self._mean = column_moments(source_matrix)[0].astype(np.float64)
        covariance = np.zeros((dim, dim))
        for block in blocks_of(n_rows, dim):
            centred = source_matrix[block].astype(np.float64) - self._mean
            covariance += centred.T @ centred
        variances, directions = np.linalg.eigh(covariance / n_rows)  # fewer rows than dimensions: some are 0
        self._factor = directions * np.sqrt(np.maximum(variances, 0.0))  # (dim, dim)
        self._rng = np.random.default_rng(seed)

    def next_rows(self, out: np.ndarray, used: np.ndarray) -> None:
        """See ``Draw``."""
        drawn = self._rng.standard_normal(out.shape)
        out[used] = self._mean + drawn[used] @ self._factor.T


class MeanDraw:
    """No chance at all: every row is the mean of the source matrix."""

    def __init__(self, source_matrix: Rows, seed: int) -> None:
        self._mean = column_moments(source_matrix)[0]

    def next_rows(self, out: np.ndarray, used: np.ndarray) -> None:
        """See ``Draw``."""
        out[used] = self._mean


class InitializerDraw:
    """What transformers gives a new model: Normal with mean 0 and one deviation; a bias starts at 0.

    Parameters
    ----------
    source_matrix : Rows, shape (n_source_tokens, dim)
        Tells a bias (one column) from embeddings.
    seed : int
    std : float
        The model's ``initializer_range``.
    """

    def __init__(self, source_matrix: Rows, seed: int, *, std: float) -> None:
        self._std = 0.0 if source_matrix.shape[1] == 1 else std
        self._rng = np.random.default_rng(seed)

    def next_rows(self, out: np.ndarray, used: np.ndarray) -> None:
        """See ``Draw``."""
        out[used] = self._std * self._rng.standard_normal(out.shape)[used]
