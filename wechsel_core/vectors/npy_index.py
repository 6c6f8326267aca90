"""A npy matrix with its words in a parquet file beside it, as Kumo's wheel of GloVe vectors holds them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.store import MatrixVectors, content_hash

_EXPECTED = "a .npy matrix of floating-point numbers and a .parquet file with one column of words, a word a row"
_AGAIN = "fetch or write both files again"
_CHECKED_ROWS = 1 << 16


def holds_npy_index(folder: Path) -> bool:
    """Whether the folder holds a .npy and a .parquet file."""
    return bool(list(folder.glob("*.npy"))) and bool(list(folder.glob("*.parquet")))


def read_npy_index(path: str | Path) -> MatrixVectors:
    """Open a folder with one npy matrix and one parquet file of words.

    The matrix is memory-mapped and never unpickled. Word i has row i; the order of the file is taken for that of
    falling frequency, which GloVe's is.

    Parameters
    ----------
    path : path
        The folder.

    Returns
    -------
    MatrixVectors
        Without n-grams; ``frequency_source`` is "ranks".

    Raises
    ------
    VectorFileError
        Several candidates, damaged files, another shape or type, NaN or infinite values, words that are missing,
        repeated or more or fewer than rows.
    """
    folder = Path(path)
    matrix_file, words_file = _only(folder, "*.npy"), _only(folder, "*.parquet")
    matrix = _read_matrix(matrix_file)
    words = _read_words(words_file)
    if len(words) != len(matrix):
        raise VectorFileError(
            f"'{words_file.name}' names {len(words):,} words and '{matrix_file.name}' has {len(matrix):,} rows",
            "a word for every row",
            _AGAIN,
        )
    return MatrixVectors(matrix_file.name, content_hash([words_file, matrix_file]), words, matrix)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:3]) or "none"
        raise VectorFileError(
            f"the folder '{folder}' holds {len(found)} {pattern} files ({names})", "one", "give each its own folder"
        )
    return found[0]


def _read_matrix(file: Path) -> np.ndarray:
    try:
        matrix: Any = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise VectorFileError(f"'{file.name}' cannot be read ({_reason(error)})", _EXPECTED, _AGAIN) from error
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not matrix.size:
        raise VectorFileError(
            f"'{file.name}' holds an array of shape {matrix.shape} and type {matrix.dtype}", _EXPECTED, _AGAIN
        )
    for start in range(0, len(matrix), _CHECKED_ROWS):
        finite = np.isfinite(matrix[start : start + _CHECKED_ROWS]).all(axis=1)
        if not finite.all():
            raise VectorFileError(
                f"row {start + int(np.argmin(finite))} of '{file.name}' holds NaN or an infinite value",
                "finite numbers",
                _AGAIN,
            )
    return np.asarray(matrix)


def _read_words(file: Path) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file).read()  # read_table would make columns of folder names such as "a=b"
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise VectorFileError(f"'{file.name}' cannot be read ({_reason(error)})", _EXPECTED, _AGAIN) from error
    text = [pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) for kind in table.schema.types]
    if text != [True]:
        columns = ", ".join(f"{field.name} ({field.type})" for field in table.schema) or "none"
        raise VectorFileError(f"'{file.name}' has the columns {columns}", _EXPECTED, _AGAIN)
    try:
        words: list[Any] = table.column(0).to_pylist()
    except UnicodeDecodeError as error:
        raise VectorFileError(f"'{file.name}' holds words that are not UTF-8", _EXPECTED, _AGAIN) from error
    if table.column(0).null_count:
        raise VectorFileError(f"row {words.index(None)} of '{file.name}' has no word", "a word a row", _AGAIN)
    if len(set(words)) < len(words):
        word, times = Counter(words).most_common(1)[0]
        raise VectorFileError(f"'{file.name}' has the word {word!r} {times} times", "each word once", _AGAIN)
    return words


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
