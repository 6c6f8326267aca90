"""fastText ``.bin`` files of any size, with random rows, for measurements: nothing is trained."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

_BLOCK_WORDS = 65_536
_BLOCK_VALUES = 2**22  # 16 MiB
_MAGIC, _VERSION = 793712314, 12
_SKIP_GRAM, _NEGATIVE_SAMPLING = 2, 2


def write_fasttext(
    path: str | Path,
    words: Sequence[str],
    counts: Sequence[int],
    dim: int,
    bucket: int,
    seed: int,
    *,
    minn: int = 5,
    maxn: int = 5,
    sparse: bool = False,
) -> None:
    """Write a fastText model, version 12, block by block.

    Parameters
    ----------
    path : path
        Appears whole or not at all; an earlier file is replaced.
    words : sequence of str, length n_words
        By falling count, each once, without NUL.
    counts : sequence of int, length n_words
    dim : int
        Width of the vectors. The file takes 4 * dim bytes for each word and bucket.
    bucket : int
        Number of n-gram buckets; 2,000,000 in the published models.
    seed : int
        Same arguments, same bytes.
    minn, maxn : int
        Shortest and longest n-gram; 5 and 5 in the published models cc.XX.300.
    sparse : bool
        All rows zero, left as a hole in the file: no room on the disk and no time.

    Notes
    -----
    The output matrix, which vectors do not need, has one row instead of one for each word.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(struct.pack("<ii", _MAGIC, _VERSION))
            # dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t
            arguments = (dim, 5, 5, 1, 10, 1, _NEGATIVE_SAMPLING, _SKIP_GRAM, bucket, minn, maxn, 100, 1e-4)
            stream.write(struct.pack("<12id", *arguments))
            stream.write(struct.pack("<iiiqq", len(words), len(words), 0, sum(counts), -1))
            for start in range(0, len(words), _BLOCK_WORDS):
                block = slice(start, start + _BLOCK_WORDS)
                entries = zip(words[block], counts[block], strict=True)
                stream.write(b"".join(word.encode() + b"\0" + struct.pack("<qb", n, 0) for word, n in entries))
            _write_matrix(stream, len(words) + bucket, dim, None if sparse else np.random.default_rng(seed))
            _write_matrix(stream, 1, dim, None)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write_matrix(stream: BinaryIO, n_rows: int, dim: int, generator: np.random.Generator | None) -> None:
    """Uniform from -1 / dim to 1 / dim, as fastText starts its training; a hole without a generator."""
    stream.write(struct.pack("<?qq", False, n_rows, dim))
    left = n_rows * dim
    if generator is None:
        stream.truncate(stream.tell() + 4 * left)
        stream.seek(0, os.SEEK_END)
        return
    while left:
        values = generator.random(min(left, _BLOCK_VALUES), dtype=np.float32)
        stream.write(((values * 2 - 1) / np.float32(dim)).astype("<f4", copy=False).data)
        left -= len(values)
