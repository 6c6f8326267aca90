"""Vectors brought to fewer dimensions by principal components."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from wechsel_core.errors import ConfigError
from wechsel_core.vectors.base import StaticVectors


class ReducedVectors:
    """A store whose vectors are projected on the principal directions of its most frequent words.

    The directions are those of the *uncentred* vectors. With the mean taken off first, a zero row (no vector)
    would turn into minus the mean, and the mean of n-gram vectors would no longer be the projection of their
    mean; the method's cosines are about the origin too. Without centring the projection is linear: zero stays
    zero, known and composed vectors agree, and inner products are kept as well as so few dimensions can.

    Parameters
    ----------
    store : StaticVectors
        The vectors to reduce.
    dim : int
        New width, from 1 to ``store.dim``. Fewer dimensions are quicker and lose more.
    fit_words : int
        Most frequent words that the directions are found from; more of them weigh rare words higher.

    Attributes
    ----------
    components : ndarray of float32, shape (store.dim, dim)
        Orthonormal columns, the largest entry of each positive.
    kept_share : float
        Share of the squared length of the fitted vectors that is kept, 0 to 1.
    others
        As in ``StaticVectors``; ``sha256`` is that of the store's hash and the parameters.

    Raises
    ------
    ConfigError
        ``dim`` outside its range or above the number of fitted words.
    """

    def __init__(self, store: StaticVectors, dim: int, *, fit_words: int = 50_000) -> None:
        n_fit = min(fit_words, len(store.words))
        if not 1 <= dim <= min(store.dim, n_fit):
            raise ConfigError(
                f"a reduction to {dim} dimensions",
                f"1 to {min(store.dim, n_fit)} for '{store.name}' ({store.dim} dimensions, {n_fit} words to fit on)",
                "choose a dimension in that range",
            )
        self.store = store
        self.components, self.kept_share = principal_directions(store.word_vectors(list(store.words[:n_fit])), dim)
        self.name = f"{store.name} (PCA {dim})"
        self.sha256 = hashlib.sha256(f"{store.sha256} pca {dim} {n_fit}".encode()).hexdigest()
        self.dim = dim
        self.words = store.words
        self.frequencies = store.frequencies
        self.frequency_source = store.frequency_source
        self.has_subwords = store.has_subwords

    def index(self, words: Sequence[str]) -> np.ndarray:
        """Positions of the words, as in the store."""
        return self.store.index(words)

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Projected vectors of vocabulary words, float32, shape (n, dim); a zero row for every unknown word."""
        return np.asarray(self.store.word_vectors(words) @ self.components)

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Projected vectors of any texts, float32, shape (n, dim); see ``StaticVectors.subword_vectors``."""
        return np.asarray(self.store.subword_vectors(texts) @ self.components)


def principal_directions(vectors: np.ndarray, dim: int) -> tuple[np.ndarray, float]:
    """Leading right singular vectors, without centring.

    Parameters
    ----------
    vectors : ndarray, shape (n_words, width)
    dim : int

    Returns
    -------
    components : ndarray of float32, shape (width, dim)
        Orthonormal columns by falling singular value; each one's entry of largest size is positive, so that the
        same vectors always give the same columns.
    kept_share : float
        Share of the squared length kept; 1 where all vectors are zero.
    """
    # The singular vectors of R are those of the matrix itself, and R is only (width, width).
    triangle = np.linalg.qr(vectors.astype(np.float64), mode="r")
    _, singular, directions = np.linalg.svd(triangle, full_matrices=False)
    kept = directions[:dim]  # (dim, width)
    largest = np.take_along_axis(kept, np.abs(kept).argmax(axis=1)[:, None], axis=1)  # (dim, 1)
    power = singular**2
    share = float(power[:dim].sum() / power.sum()) if power.any() else 1.0
    return (kept * np.where(largest < 0, -1.0, 1.0)).T.astype(np.float32), share
