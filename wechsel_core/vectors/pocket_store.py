"""The project's own small store: finished word vectors and a choice of n-gram rows, in half precision.

A folder with ``vectors.safetensors`` and ``words.txt``; ``docs/formats.md`` describes the layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from wechsel_core.errors import ConfigError, VectorFileError
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.pocket_files import FORMAT, TENSORS, WORDS, read_safetensors, read_words, write_folder
from wechsel_core.vectors.store import Vocabulary, check_finite, content_hash

__all__ = ["TENSORS", "PocketVectors", "prune_fasttext", "write_pocket_store"]

_DTYPES = ("float16", "float32")
_REBUILD = "build or fetch the folder again"


class PocketVectors(Vocabulary):
    """Vectors of a pocket folder; results are float32 whatever the folder holds.

    A known word has its stored vector. Any other text has the mean of the rows of its n-grams, of those buckets
    that were kept; a text without one has a zero row, as has ``</s>``.

    Parameters
    ----------
    folder : path
        Holds ``vectors.safetensors`` and ``words.txt``. The matrices stay on disk, memory-mapped.

    Attributes
    ----------
    minn, maxn, bucket : int
        As in the fastText model that the n-grams come from.
    bucket_ids : ndarray of int64, shape (n_kept,), or None
        Buckets that were kept, rising; None if all were.

    Raises
    ------
    VectorFileError
        A file is missing or damaged, or the two do not fit together.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        tensors, metadata = read_safetensors(folder / TENSORS)
        words = read_words(folder / WORDS)
        _check_tensors(folder.name, tensors, metadata, len(words))
        counts = np.array(tensors["counts"])
        super().__init__(
            folder.name, content_hash([folder / TENSORS, folder / WORDS]), tensors["words"].shape[1], words, counts
        )
        self.matrix = tensors["words"]
        self.ngrams = tensors["ngrams"]
        self.bucket_ids = np.array(tensors["bucket_ids"]) if "bucket_ids" in tensors else None
        self.minn, self.maxn, self.bucket = (int(metadata[key]) for key in ("minn", "maxn", "bucket"))
        self.has_subwords = self.maxn > 0 and len(self.ngrams) > 0

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of vocabulary words, float32, shape (n, dim); a zero row for every unknown word."""
        positions = self.index(words)
        known = positions >= 0
        result = np.zeros((len(words), self.dim), dtype=np.float32)
        result[known] = self.matrix[positions[known]]
        return check_finite(result, self.name)

    def subword_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of any texts, float32, shape (n, dim): stored for known words, composed for the others.

        Raises
        ------
        VectorFileError
            The folder holds no n-grams.
        """
        if not self.has_subwords:
            return super().subword_vectors(texts)
        from wechsel_core.vectors.ngrams import CHUNK, encode, mean_of_rows, ngram_ids

        result = self.word_vectors(texts)
        unknown = np.flatnonzero(self.index(texts) < 0)
        for start in range(0, len(unknown), CHUNK):
            chunk = unknown[start : start + CHUNK]
            ids, offsets = ngram_ids(
                [encode(texts[i]) for i in chunk], minn=self.minn, maxn=self.maxn, bucket=self.bucket
            )
            if self.bucket_ids is not None:
                ids, offsets = _only_kept(ids, offsets, self.bucket_ids)
            result[chunk] = mean_of_rows(self.ngrams, ids, offsets)
        return check_finite(result, self.name)


def write_pocket_store(
    folder: str | Path,
    words: Sequence[str],
    vectors: np.ndarray,
    counts: np.ndarray,
    ngrams: np.ndarray,
    *,
    minn: int,
    maxn: int,
    bucket: int,
    bucket_ids: np.ndarray | None = None,
    dtype: Literal["float16", "float32"] = "float16",
) -> None:
    """Write a pocket folder; the same input gives the same bytes.

    Parameters
    ----------
    folder : path
        Must not exist yet; appears whole or not at all.
    words : sequence of str, length n_words
        By falling count; no line breaks, none twice.
    vectors : ndarray, shape (n_words, dim)
        Finished word vectors, what ``get_word_vector`` gives.
    counts : ndarray of int, shape (n_words,)
    ngrams : ndarray, shape (bucket, dim), or (n_kept, dim) with ``bucket_ids``
        Rows of the n-gram buckets; (0, dim) for vectors without n-grams.
    minn, maxn, bucket : int
        As in the fastText model.
    bucket_ids : ndarray of int64, shape (n_kept,), optional
        Buckets that the rows of ``ngrams`` belong to, strictly rising. Default: all.
    dtype : {"float16", "float32"}
        Precision on disk. Half precision rounds each value by at most 1 part in 2048.

    Raises
    ------
    VectorFileError
        Arrays that do not fit together, words that cannot be written, values that ``dtype`` cannot hold.
    OutputError
        The folder exists already.
    """
    folder = Path(folder)
    if dtype not in _DTYPES:
        raise ConfigError(f"the number type '{dtype}'", " or ".join(_DTYPES), "choose one of these")
    tensors = {
        "words": _cast(folder.name, vectors, dtype),
        "ngrams": _cast(folder.name, ngrams, dtype),
        "counts": np.ascontiguousarray(counts, dtype=np.int64),
    }
    if bucket_ids is not None:
        tensors["bucket_ids"] = np.ascontiguousarray(bucket_ids, dtype=np.int64)
    metadata = {"format": FORMAT, "minn": str(minn), "maxn": str(maxn), "bucket": str(bucket)}
    _check_tensors(folder.name, tensors, metadata, len(words))
    write_folder(folder, words, tensors, metadata)


def prune_fasttext(
    store: FastTextVectors,
    folder: str | Path,
    *,
    keep_words: int,
    keep_buckets: int | None = None,
    dtype: Literal["float16", "float32"] = "float16",
) -> PocketVectors:
    """Turn an opened fastText model into a pocket folder and open that.

    Parameters
    ----------
    store : FastTextVectors
    folder : path
        Must not exist yet.
    keep_words : int
        Most frequent words to keep. They keep their full vector whatever happens to the buckets; a word left
        out becomes an unknown text, composed from its n-grams alone.
    keep_buckets : int, optional
        Buckets to keep at most. First come those that n-grams of kept words hit, if all of these fit, then those
        that n-grams of the whole vocabulary hit most often, each word weighted by its count. A bucket that no
        word hits was never trained and is left out. Default: all buckets, trained or not.
    dtype : {"float16", "float32"}
        Precision on disk.

    Raises
    ------
    ConfigError
        ``keep_words`` below 1 or ``keep_buckets`` below 0.
    """
    if keep_words < 1 or (keep_buckets is not None and keep_buckets < 0):
        raise ConfigError(
            f"{keep_words} words and {keep_buckets} buckets to keep",
            "at least one word, and 0 buckets or more",
            "raise the number",
        )
    words = list(dict.fromkeys(store.words[:keep_words]))
    n_words = len(store.words)
    bucket_ids = None if keep_buckets is None else _choose_buckets(store, len(words), keep_buckets)
    rows = slice(n_words, None) if bucket_ids is None else n_words + bucket_ids
    write_pocket_store(
        folder,
        words,
        store.word_vectors(words),
        store.frequencies[store.index(words)].astype(np.int64),
        np.asarray(store.matrix[rows]),
        minn=store.minn,
        maxn=store.maxn,
        bucket=store.bucket,
        bucket_ids=bucket_ids,
        dtype=dtype,
    )
    return PocketVectors(folder)


def _choose_buckets(store: FastTextVectors, n_kept_words: int, keep_buckets: int) -> np.ndarray:
    """Buckets worth keeping, rising; see ``prune_fasttext``."""
    from wechsel_core.vectors.ngrams import CHUNK, ngram_ids

    hits = np.zeros(store.bucket, dtype=np.float64)  # count-weighted; exact in float64 up to 2**53
    first = np.zeros(store.bucket, dtype=bool)  # hit by a kept word
    for start in range(0, len(store.words), CHUNK):
        encoded = [store.encode(word) for word in store.words[start : start + CHUNK]]
        ids, offsets = ngram_ids(encoded, minn=store.minn, maxn=store.maxn, bucket=store.bucket)
        weights = np.repeat(store.frequencies[start : start + CHUNK], np.diff(offsets))
        hits += np.bincount(ids, weights=weights, minlength=store.bucket)
        n_ids = offsets[min(max(n_kept_words - start, 0), len(encoded))]
        first[ids[:n_ids]] = True
    if first.sum() > keep_buckets:
        first[:] = False  # they do not all fit: the hits alone decide
    order = np.lexsort((np.arange(store.bucket), -hits, ~first))  # ties: the lower bucket
    return np.sort(order[(hits > 0)[order] | first[order]][:keep_buckets]).astype(np.int64)


def _only_kept(ids: np.ndarray, offsets: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bucket ids as rows of the kept buckets, those of others dropped, with the offsets that go with it."""
    rows = np.searchsorted(kept, ids)
    found = rows < len(kept)
    found[found] = kept[rows[found]] == ids[found]
    before = np.concatenate([[0], np.cumsum(found)])  # found ids in front of each position
    return rows[found], before[offsets]


def _cast(name: str, values: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # told below, as an error
        return check_finite(np.ascontiguousarray(values, dtype=dtype), name)


def _check_tensors(name: str, tensors: dict[str, np.ndarray], metadata: dict[str, str], n_words: int) -> None:
    """Raise unless tensors, metadata and number of words fit together."""
    if metadata.get("format") != FORMAT:
        raise VectorFileError(f"'{name}' has the format '{metadata.get('format')}'", f"the format '{FORMAT}'", _REBUILD)
    try:
        _, maxn, bucket = (int(metadata[key]) for key in ("minn", "maxn", "bucket"))
        words, ngrams, counts = tensors["words"], tensors["ngrams"], tensors["counts"]
    except (KeyError, ValueError) as error:
        raise VectorFileError(
            f"'{name}' lacks {error}", "words, ngrams, counts, minn, maxn, bucket", _REBUILD
        ) from None
    ids = tensors.get("bucket_ids", np.empty(0, dtype=np.int64))
    if (words.ndim, ngrams.ndim, counts.ndim, ids.ndim) != (2, 2, 1, 1):
        raise VectorFileError(f"'{name}' has tensors of a wrong shape", "matrices words and ngrams", _REBUILD)
    n_rows = len(ids) if "bucket_ids" in tensors else bucket
    rules = {
        "words and ngrams are of float16 or float32, both of one width above 0": words.dtype == ngrams.dtype
        and words.dtype.name in _DTYPES
        and words.shape[1] == ngrams.shape[1] > 0,
        f"one row and one count for each of the {n_words} words, and at least one word": n_words
        == len(words)
        == len(counts)
        > 0,
        "counts are int64, not negative and falling": counts.dtype == np.int64
        and bool((counts >= 0).all() and (np.diff(counts) <= 0).all()),
        "ngrams has a row for every bucket, or for every one of bucket_ids": len(ngrams) == n_rows,
        "bucket_ids are int64, rising and below bucket": ids.dtype == np.int64 and _rising_below(ids, bucket),
        "n-grams have buckets": maxn >= 0 and (maxn == 0 or bucket > 0),
    }
    for rule, holds in rules.items():
        if not holds:
            raise VectorFileError(f"'{name}' breaks a rule of its format", rule, _REBUILD)


def _rising_below(ids: np.ndarray, bucket: int) -> bool:
    return len(ids) == 0 or bool((np.diff(ids) > 0).all() and ids[0] >= 0 and ids[-1] < bucket)
