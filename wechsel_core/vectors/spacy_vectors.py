"""spaCy's vectors read as data, from a pipeline's folder or from its wheel; spaCy itself is not needed."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.store import MatrixVectors, content_hash

_EXPECTED = "a spaCy pipeline with vectors: vocab/vectors, vocab/key2row and vocab/strings.json"


class SpacyVectors(MatrixVectors):
    """Vectors of a spaCy pipeline; in pruned ones (``_md``) many words share a row.

    Words come in the order of ``key2row``. spaCy writes there first the word that owns each row, by row, then the
    words that were pruned, both in the order of the vectors that the pipeline was built from. For French
    (fastText) that is by falling frequency; for English it is arbitrary. There are no counts: ``frequency_source``
    is "ranks", and where ``ordered_by_frequency`` is false these ranks mean nothing: use ``store.with_counts``.

    Attributes
    ----------
    unnamed_keys : int
        Keys left out because no string has their hash: spaCy names some strings ("NOUN", "PERSON") by a number
        from its own table instead.
    ordered_by_frequency : bool
        Whether the order looks like one by frequency: the most frequent words are short, so that the first 100
        must have at most three quarters of the mean length (French 0.35; the English pipeline 1.05). False for
        100 words or fewer, which do not tell.

    See Also
    --------
    read_spacy
    """

    unnamed_keys: int = 0
    ordered_by_frequency: bool = True


def read_spacy(path: str | Path) -> SpacyVectors:
    """Read spaCy vectors.

    Parameters
    ----------
    path : path
        A wheel (``.whl``), an unpacked wheel, a pipeline's folder or its ``vocab`` folder.

    Returns
    -------
    SpacyVectors

    Raises
    ------
    VectorFileError
        Files missing, damaged or contradicting each other; floret vectors.
    """
    path = Path(path)
    read, hashed = _from_folder(path) if path.is_dir() else _from_wheel(path)
    _refuse_floret(path.name, read)
    matrix = _read_matrix(path.name, read)
    keys, rows = _read_keys(path.name, read, len(matrix))
    words, kept = _name_keys(keys, _read_strings(path.name, read))
    if not words:
        raise VectorFileError(
            f"no string of '{path.name}' has the hash of a key", "strings.json of the same pipeline", "unpack it again"
        )
    store = SpacyVectors(path.name, content_hash(hashed), words, matrix, rows=rows[kept])
    store.unnamed_keys = len(keys) - len(words)
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    store.ordered_by_frequency = bool(lengths[:100].mean() <= 0.75 * lengths.mean())
    return store


def holds_spacy_vectors(folder: Path) -> bool:
    """Whether a spaCy pipeline's vectors lie somewhere in the folder."""
    return next(folder.rglob("key2row"), None) is not None


Reader = Callable[[str], "bytes | None"]


def _from_folder(path: Path) -> tuple[Reader, list[Path]]:
    vocab = _only(path.name, sorted(str(found.parent) for found in path.rglob("key2row")))

    def read(name: str) -> bytes | None:
        file = Path(vocab, name)
        return file.read_bytes() if file.is_file() else None

    return read, [file for name in ("key2row", "strings.json", "vectors") if (file := Path(vocab, name)).is_file()]


def _from_wheel(path: Path) -> tuple[Reader, list[Path]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise VectorFileError(
            f"'{path.name}' cannot be read as a wheel: {error}", _EXPECTED, "fetch it again"
        ) from error
    vocab = _only(path.name, sorted(name.removesuffix("/key2row") for name in names if name.endswith("/key2row")))

    def read(name: str) -> bytes | None:
        if f"{vocab}/{name}" not in names:
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(f"{vocab}/{name}")
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise _damaged(path.name, name, error) from error

    return read, [path]


def _only(name: str, vocab_folders: list[str]) -> str:
    if len(vocab_folders) != 1:
        raise VectorFileError(
            f"'{name}' holds {len(vocab_folders) or 'no'} folders with a key2row file",
            f"exactly one, of {_EXPECTED}",
            "give the folder or wheel of one pipeline with vectors (its name ends in _md or _lg)",
        )
    return vocab_folders[0]


def _damaged(name: str, part: str, reason: object) -> VectorFileError:
    return VectorFileError(f"vocab/{part} of '{name}' cannot be used: {reason}", _EXPECTED, "fetch or unpack it again")


def _required(name: str, part: str, read: Reader) -> bytes:
    data = read(part)
    if data is None:
        raise _damaged(name, part, "it is missing")
    return data


def _refuse_floret(name: str, read: Reader) -> None:
    try:
        mode = json.loads(read("vectors.cfg") or b"{}").get("mode", "default")
    except (ValueError, AttributeError) as error:
        raise _damaged(name, "vectors.cfg", error) from error
    if mode != "default":
        raise VectorFileError(
            f"the vectors of '{name}' are of the kind '{mode}'",
            "the kind 'default', a row a word",
            "use a pipeline with ordinary vectors, or a fastText .bin file",
        )


def _read_matrix(name: str, read: Reader) -> np.ndarray:
    try:
        matrix = np.load(io.BytesIO(_required(name, "vectors", read)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _damaged(name, "vectors", error) from error
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind != "f" or 0 in matrix.shape:
        raise _damaged(name, "vectors", "it is not a matrix of floating-point numbers with rows and columns")
    return matrix


def _read_keys(name: str, read: Reader, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys (uint64) and their rows (int64), in file order."""
    import msgpack

    data = _required(name, "key2row", read)
    try:
        table = msgpack.unpackb(data, strict_map_key=False)
        keys = np.fromiter(table.keys(), dtype=np.uint64, count=len(table))
        rows = np.fromiter(table.values(), dtype=np.int64, count=len(table))
    except (ValueError, TypeError, AttributeError, OverflowError, msgpack.UnpackException) as error:
        raise _damaged(name, "key2row", f"no table of hashes and rows ({error})") from error
    if len(rows) == 0 or rows.min() < 0 or rows.max() >= n_rows:
        raise _damaged(name, "key2row", f"it is empty or names rows outside 0 to {n_rows - 1}")
    return keys, rows


def _read_strings(name: str, read: Reader) -> list[str]:
    try:
        strings = json.loads(_required(name, "strings.json", read))
    except ValueError as error:
        raise _damaged(name, "strings.json", error) from error
    if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
        raise _damaged(name, "strings.json", "it is not a list of strings")
    return strings


def _name_keys(keys: np.ndarray, strings: list[str]) -> tuple[list[str], np.ndarray]:
    """The string of each key that has one, in the order of the keys, and the positions of these keys."""
    from wechsel_core.vectors.murmur import murmur64a

    hashes = murmur64a([string.encode("utf-8", "surrogatepass") for string in strings], seed=1)
    order = np.argsort(hashes, kind="stable")
    place = np.minimum(np.searchsorted(hashes[order], keys), max(len(strings) - 1, 0))
    found = hashes[order][place] == keys if strings else np.zeros(len(keys), dtype=bool)
    kept = np.flatnonzero(found)
    return [strings[i] for i in order[place[kept]]] if len(kept) else [], kept
