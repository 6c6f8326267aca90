"""The layout of fastText ``.bin`` files, version 12: read and checked before anything large is touched.

All integers little-endian: magic, version, 12 int32 and a double of arguments; the dictionary's head; each
entry as ``word NUL int64-count int8-type``; a flag byte and the input matrix; a flag byte and the output matrix.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.mapped_file import MappedFile
from wechsel_core.vectors.index_file import stored_index
from wechsel_core.vectors.store import require_file
from wechsel_core.vectors.vocabulary_index import VocabularyIndex, build_index

MAGIC = 793712314
VERSION = 12

_START = struct.Struct("<ii")  # magic, version
_ARGUMENTS = struct.Struct("<12id")
_DICTIONARY = struct.Struct("<iiiqq")  # entries, words, labels, tokens, pruned indices
_MATRIX = struct.Struct("<?qq")  # quantised, rows, columns
_ENTRY_TAIL = 9  # count and type
_AGAIN = "download or copy the file again"


@dataclass(frozen=True, eq=False)
class FastTextFile:
    """What a ``.bin`` file holds and where.

    Attributes
    ----------
    dim, minn, maxn, bucket : int
        Width of the vectors; shortest and longest n-gram; number of n-gram buckets.
    index : VocabularyIndex
        The words, labels left out.
    matrix_offset : int
        Byte at which the input matrix starts.
    n_rows : int
        Its rows: n_words + bucket.
    file : MappedFile
        The file itself.
    """

    dim: int
    minn: int
    maxn: int
    bucket: int
    index: VocabularyIndex
    matrix_offset: int
    n_rows: int
    file: MappedFile


def read_layout(path: Path) -> FastTextFile:
    """Read the head and vocabulary of a ``.bin`` file and check all sizes against the file's length.

    The entries of a large vocabulary are read and checked once; later openings take its index from a side file.

    Raises
    ------
    VectorFileError
        No fastText file, another version, quantised, or shorter or longer than its head says.
    """
    require_file(path, "a fastText .bin file")
    size = path.stat().st_size
    if size == 0:
        raise VectorFileError(f"'{path.name}' is empty", "a fastText .bin file", _AGAIN)
    file = MappedFile(path)
    reader = _Reader(path.name, file.data)
    _check_start(reader)
    arguments = reader.take(_ARGUMENTS, "the arguments")
    dim, bucket, minn, maxn = (int(arguments[i]) for i in (0, 8, 9, 10))
    if dim < 1 or bucket < 0 or maxn < 0 or (maxn > 0 and bucket == 0):
        raise VectorFileError(
            f"'{path.name}' has dim {dim}, bucket {bucket}, minn {minn}, maxn {maxn}",
            "dim above 0, maxn not below 0, and buckets wherever there are n-grams",
            _AGAIN,
        )
    index = _read_dictionary(reader, path, file)
    file.release()
    n_rows = len(index.starts) + bucket
    matrix_offset = reader.matrix("input", rows=n_rows, columns=dim)
    reader.matrix("output", columns=dim)
    if reader.position != size:
        raise VectorFileError(
            f"'{path.name}' goes on for {size - reader.position} bytes after its end",
            f"{reader.position} bytes, as its head says",
            _AGAIN,
        )
    return FastTextFile(dim, minn, maxn, bucket, index, matrix_offset, n_rows, file)


def _check_start(reader: _Reader) -> None:
    magic, version = reader.take(_START, "the file's first bytes")
    if magic != MAGIC:
        raise VectorFileError(
            f"'{reader.name}' starts with the number {magic}",
            f"{MAGIC}, the mark of a fastText .bin file",
            "give a model saved by fastText, or open word2vec files under their own format",
        )
    if version != VERSION:
        raise VectorFileError(
            f"'{reader.name}' is of fastText file version {version}",
            f"version {VERSION}",
            "load it with the official fastText library and save it again",
        )


def _read_dictionary(reader: _Reader, path: Path, file: MappedFile) -> VocabularyIndex:
    n_entries, n_words, n_labels, n_tokens, n_pruned = reader.take(_DICTIONARY, "the dictionary's head")
    if n_words < 1 or n_labels < 0 or n_words + n_labels != n_entries or n_tokens < 0:
        raise VectorFileError(
            f"the dictionary of '{reader.name}' says {n_entries} entries, {n_words} words, {n_labels} labels",
            "at least one word, and entries = words + labels",
            _AGAIN,
        )
    if n_pruned >= 0:
        raise _quantised(reader.name, "has a pruned dictionary, as quantised models do")
    if n_entries * (1 + _ENTRY_TAIL) > len(reader.data) - reader.position:
        raise reader.too_short(f"its {n_entries} dictionary entries", n_entries * (1 + _ENTRY_TAIL))
    index = stored_index(path, file, n_words, lambda: _index_entries(reader, n_entries, n_words))
    reader.position = index.end
    return index


def _index_entries(reader: _Reader, n_entries: int, n_words: int) -> VocabularyIndex:
    position, starts, counts, types = _scan_entries(reader.data, reader.position, n_entries)
    if position < 0:
        raise reader.too_short(f"entry {len(counts) + position} of {n_entries} of the dictionary", 1)
    if types[:n_words].any() or (types[n_words:] != 1).any() or (counts < 0).any():
        raise VectorFileError(
            f"the dictionary of '{reader.name}' has entries of a wrong kind or count",
            f"{n_words} words, then {n_entries - n_words} labels, with counts from 0 on",
            _AGAIN,
        )
    return build_index(reader.data, position, starts[:n_words], counts[:n_words])


def _scan_entries(data: np.ndarray, begin: int, n_entries: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    # numba is loaded on first use only, so that opening a file with a kept index stays light.
    from wechsel_core.vectors.entries import scan_entries

    return scan_entries(data, begin, n_entries)  # type: ignore[no-any-return]


def _quantised(name: str, found: str) -> VectorFileError:
    return VectorFileError(
        f"'{name}' {found}",
        "a full .bin model: the vectors of a quantised one (.ftz) are rough",
        "use the .bin file that it was made from",
    )


class _Reader:
    """Takes pieces off the file's bytes and refuses to go past their end."""

    def __init__(self, name: str, data: np.ndarray) -> None:
        self.name = name
        self.data = data
        self.position = 0

    def take(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        if self.position + layout.size > len(self.data):
            raise self.too_short(what, layout.size)
        values = layout.unpack(self.data[self.position : self.position + layout.size].tobytes())
        self.position += layout.size
        return values

    def matrix(self, what: str, *, columns: int, rows: int | None = None) -> int:
        """Check the head of a matrix, step over it and return where its numbers start."""
        # A quantised matrix has another head, so that the flag is judged first.
        if self.position < len(self.data) and self.data[self.position]:
            raise _quantised(self.name, f"holds a quantised {what} matrix")
        _, n_rows, n_columns = self.take(_MATRIX, f"the head of the {what} matrix")
        if n_columns != columns or n_rows < 0 or (rows is not None and n_rows != rows):
            raise VectorFileError(
                f"the {what} matrix of '{self.name}' is {n_rows} x {n_columns}",
                f"{'any number of' if rows is None else rows} rows and {columns} columns",
                _AGAIN,
            )
        start = self.position
        if start + 4 * n_rows * n_columns > len(self.data):
            raise self.too_short(f"the {what} matrix of {n_rows} x {n_columns}", 4 * n_rows * n_columns)
        self.position += 4 * n_rows * n_columns
        return start

    def too_short(self, what: str, needed: int) -> VectorFileError:
        return VectorFileError(
            f"'{self.name}' is cut off: {len(self.data)} bytes",
            f"at least {self.position + needed} bytes, up to the end of {what}",
            _AGAIN,
        )
