"""word2vec's formats, text (``.vec``) and binary, loaded by gensim and checked so that an error names its line."""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.store import MatrixVectors, content_hash, require_file

_HEADER = "a first line 'number of words, dimension', as in '2000000 300'"
_GZIP_RATIO = 1032  # deflate cannot pack tighter
# Bytes that are no UTF-8 become \xNN: printable, and different words stay different.
_ERRORS = "backslashreplace"


def read_word2vec(path: str | Path, format: Literal["text", "binary"]) -> MatrixVectors:
    """Read word2vec vectors, plain or gzipped (``.gz``).

    Parameters
    ----------
    path : path
        The file. Its words are taken to stand by falling frequency, as word2vec and fastText write them.
    format : {"text", "binary"}
        "text" for ``.vec`` (fastText, word2vec -binary 0), "binary" for word2vec -binary 1.

    Returns
    -------
    MatrixVectors
        Frequencies by rank: the format holds no counts.

    Raises
    ------
    VectorFileError
        Empty or cut off; wrong header; a line with another number of values; NaN or infinite values; a word twice.
    """
    path = Path(path)
    require_file(path, f"a word2vec {format} file")
    try:
        n_words, dim, header_bytes = _read_header(path)
        if format == "text":
            _check_lines(path, n_words, dim)
        vectors = _load(path, format)
    except (EOFError, OSError, zlib.error) as error:  # gzip's own errors among them
        raise VectorFileError(f"'{path.name}' is cut off or damaged: {error}", "a whole file", _again()) from error
    words: list[str] = vectors.index_to_key
    n_different = len(vectors.key_to_index)  # gensim drops repeated words and pads the list with None
    if n_different < n_words:
        raise VectorFileError(
            f"'{path.name}' announces {n_words} words but has {n_different} different ones",
            "each word once",
            "remove the repeated words and put their number into the header",
        )
    if format == "binary":
        _check_length(path, header_bytes, words, dim)
    _check_numbers(path.name, format, words, vectors.vectors)
    return MatrixVectors(path.name, content_hash([path]), words, vectors.vectors)


def parse_header(line: bytes) -> tuple[int, int] | None:
    """Number of words and dimension from a first line, or None if it is no word2vec header."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 12 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _again() -> str:
    return "download or write the file again"


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _read_header(path: Path) -> tuple[int, int, int]:
    """Number of words, dimension and the header's bytes, checked against the file's size."""
    with _open(path) as stream:
        line = stream.readline(4096)
    if not line:
        raise VectorFileError(f"'{path.name}' is empty", _HEADER, _again())
    sizes = parse_header(line)
    if sizes is None or 0 in sizes:
        shown = line[:60].decode("utf-8", "replace").strip()
        raise VectorFileError(
            f"line 1 of '{path.name}' is '{shown}'",
            _HEADER,
            "put that line in front of the vectors (GloVe files lack it)",
        )
    n_words, dim = sizes
    at_most = path.stat().st_size * (_GZIP_RATIO if path.suffix == ".gz" else 1)
    if n_words * 2 * dim > at_most:  # a value takes two bytes at the least, before gensim reserves the memory
        raise VectorFileError(
            f"line 1 of '{path.name}' announces {n_words} words of {dim} values",
            f"no more than its {path.stat().st_size} bytes can hold",
            f"correct the header, or {_again()}",
        )
    return n_words, dim, len(line)


def _check_lines(path: Path, n_words: int, dim: int) -> None:
    """Number of lines, values a line and repeated words of a text file, in one pass."""
    seen: dict[bytes, int] = {}
    number = 1
    for number, line in _vector_lines(path):
        word, _, values = line.partition(b" ")
        if not word or values.count(b" ") + 1 != dim or not values:
            raise VectorFileError(
                f"line {number} of '{path.name}' has {values.count(b' ') + bool(values)} values",
                f"a word and {dim} values, with one space between",
                f"correct or remove that line, or {_again()}",
            )
        if number - 1 > n_words:
            raise VectorFileError(
                f"line {number} of '{path.name}' is one more than the header announces",
                f"{n_words} words",
                "correct the number of words in line 1",
            )
        if seen.setdefault(word, number) != number:
            raise VectorFileError(
                f"lines {seen[word]} and {number} of '{path.name}' hold the same word '{word.decode(errors=_ERRORS)}'",
                "each word once",
                "remove one of them and correct the number of words in line 1",
            )
    if number - 1 < n_words:
        raise VectorFileError(
            f"'{path.name}' ends after line {number}", f"{n_words} words, as line 1 says", f"{_again()}"
        )


def _vector_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines after the header, stripped at the end; empty lines count only if more text follows."""
    with _open(path) as stream:
        stream.readline()
        empty: int | None = None
        for number, line in enumerate(stream, start=2):
            stripped = line.rstrip()
            if not stripped:
                empty = empty or number
                continue
            if empty:
                yield empty, b""
            yield number, stripped


def _load(path: Path, format: str) -> Any:
    from gensim.models import KeyedVectors

    try:
        # A number beyond float32 becomes infinite, which the caller refuses by its line; numpy need not warn too.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return KeyedVectors.load_word2vec_format(str(path), binary=format == "binary", unicode_errors=_ERRORS)
    except ValueError as error:  # a text file's value that is no number
        found = _not_a_number(path) if format == "text" else str(error)
        raise VectorFileError(f"{found} in '{path.name}'", "numbers only", f"correct it, or {_again()}") from error


def _not_a_number(path: Path) -> str:
    # Only now, after gensim has failed, is the slow search for the line worth its time.
    for number, line in _vector_lines(path):
        for value in line.split(b" ")[1:]:
            try:
                np.float32(value.decode("utf-8", _ERRORS))
            except ValueError:
                return f"line {number} has the value '{value.decode('utf-8', _ERRORS)}'"
    return "there is a value that is no number"


def _check_length(path: Path, header_bytes: int, words: list[str], dim: int) -> None:
    """A binary file must end where its words end; gensim would stop reading and not say so."""
    if path.suffix == ".gz" or any("\\x" in word for word in words):
        return  # the length on disk, or that of the words, is not the one written
    length = header_bytes + sum(len(word.encode("utf-8")) + 1 + 4 * dim for word in words)
    size = path.stat().st_size
    if not length <= size <= length + len(words) + 1:  # a newline after each vector is optional
        raise VectorFileError(
            f"'{path.name}' has {size} bytes", f"{length} for the {len(words)} words of its header", _again()
        )


def _check_numbers(name: str, format: str, words: list[str], matrix: np.ndarray) -> None:
    for start in range(0, len(matrix), 65536):  # in blocks, so that no second matrix of the same size is made
        bad = np.flatnonzero(~np.isfinite(matrix[start : start + 65536]).all(axis=1))
        if len(bad):
            row = start + int(bad[0])
            place = f"line {row + 2}" if format == "text" else f"word {row + 1}"
            raise VectorFileError(
                f"{place} of '{name}' ('{words[row]}') holds NaN or an infinite value",
                "finite numbers",
                "remove that word, or train or download the vectors again",
            )
