"""gensim's own files (``KeyedVectors.save``): pickles, read without running anything that they name.

Every name in the pickle is looked up in a short table of stand-ins made for this one load; neither gensim's nor
numpy's own constructors are ever called, and any other name is refused. Arrays are rebuilt from their bytes here.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.store import MatrixVectors, content_hash, require_file

_EXPECTED = "a file that gensim 4 wrote with KeyedVectors.save"
_CONVERT = (
    "convert it where it comes from: vectors = gensim.models.KeyedVectors.load('old'); "
    "vectors.save_word2vec_format('new.vec')"
)
_CODES = {"f2", "f4", "f8", "i4", "i8", "u4", "u8"}


def read_gensim(path: str | Path) -> MatrixVectors:
    """Read vectors that gensim's ``KeyedVectors.save`` wrote, with the ``.vectors.npy`` beside them if there is one.

    Parameters
    ----------
    path : path
        The main file; a matrix saved beside it is memory-mapped.

    Returns
    -------
    MatrixVectors
        Words by falling count where the file holds counts, else in its order with frequencies by rank.

    Raises
    ------
    VectorFileError
        Another class than KeyedVectors (a whole Word2Vec model, gensim 3), damaged, or parts that disagree.
    """
    path = Path(path)
    require_file(path, _EXPECTED)
    state = _load_state(path)
    side = path.with_name(path.name + ".vectors.npy")
    words = state.get("index_to_key")
    if "vectors" not in state:  # saved beside the pickle
        matrix = _side_matrix(path, side)
    else:
        matrix, side = _array(path, state.get("vectors")), path
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or not words:
        raise _refuse(path, "has no list of words")
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or len(matrix) != len(words) or not matrix.shape[1]:
        raise _refuse(path, f"has {len(words)} words but a matrix of the shape {matrix.shape}")
    counts = _counts(path, state, len(words))
    hashed = content_hash([path] if side == path else [path, side])
    if counts is None:
        return MatrixVectors(path.name, hashed, words, matrix)
    order = np.argsort(-counts, kind="stable")
    return MatrixVectors(path.name, hashed, [words[i] for i in order], matrix, rows=order, counts=counts[order])


def _load_state(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            found = _restricted(path, stream).load()
    except VectorFileError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise _refuse(path, f"cannot be read as a pickle ({error})") from error
    if type(found).__name__ != "Bag":
        raise _refuse(path, "holds no KeyedVectors")
    return dict(vars(found))


def _restricted(path: Path, stream: Any) -> pickle.Unpickler:
    # Made anew for each load: a hostile pickle can set attributes on what it is given, but on nothing that stays.
    class Bag:
        """In place of KeyedVectors: keeps the attributes."""

    class Array:
        """In place of numpy's arrays and types: keeps arguments and state."""

        def __init__(self, *arguments: Any) -> None:
            self.arguments = arguments
            self.state: Any = None

        def __setstate__(self, state: Any) -> None:
            self.state = state

    table: dict[tuple[str, str], type] = {
        ("gensim.models.keyedvectors", "KeyedVectors"): Bag,
        ("numpy", "ndarray"): Array,
        ("numpy", "dtype"): Array,
        ("numpy.core.multiarray", "_reconstruct"): Array,
        ("numpy._core.multiarray", "_reconstruct"): Array,
    }

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> type:
            if (module, name) not in table:
                raise _refuse(path, f"asks for {module}.{name}, which is not loaded from a file")
            return table[module, name]

    return Restricted(stream)


def _refuse(path: Path, found: str) -> VectorFileError:
    return VectorFileError(f"'{path.name}' {found}", _EXPECTED, _CONVERT)


def _array(path: Path, kept: Any) -> np.ndarray:
    """An array from what its stand-in kept: (version, shape, type, column order, bytes)."""
    try:
        _, shape, kind, by_column, raw = kept.state
        code, byte_order = kind.arguments[0], kind.state[1]
        if code not in _CODES or byte_order not in ("<", ">", "=", "|") or not isinstance(raw, bytes):
            raise ValueError(f"an array of the type {code}")
        flat = np.frombuffer(raw, dtype=np.dtype(byte_order + code))
        return flat.reshape(shape, order="F" if by_column else "C")
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise _refuse(path, f"has an array that cannot be rebuilt ({error})") from error


def _side_matrix(path: Path, side: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(side, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise VectorFileError(
            f"'{path.name}' needs '{side.name}', which cannot be read ({error})",
            "both files in one folder, as gensim wrote them",
            "copy the missing file beside it",
        ) from error


def _counts(path: Path, state: dict[str, Any], n_words: int) -> np.ndarray | None:
    """Counts if they are real: gensim makes up n, n-1, ..., 1 for vectors that it read from a word2vec file."""
    expandos = state.get("expandos")
    kept = expandos.get("count") if isinstance(expandos, dict) else None
    if kept is None:
        return None
    counts = _array(path, kept)
    if counts.shape != (n_words,) or counts.dtype.kind not in "iu" or counts.min() < 0:
        raise _refuse(path, "has counts that do not fit its words")
    counts = counts.astype(np.int64)
    made_up = (counts == np.arange(n_words, 0, -1)).all() or not counts.any()
    return None if made_up else counts
