"""One door to all formats: what a path holds is judged by its content, not by its suffix alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from wechsel_core.errors import VectorFileError
from wechsel_core.vectors.base import StaticVectors
from wechsel_core.vectors.fasttext_bin import FastTextVectors
from wechsel_core.vectors.fasttext_format import MAGIC
from wechsel_core.vectors.gensim_native import read_gensim
from wechsel_core.vectors.npy_index import holds_npy_index, read_npy_index
from wechsel_core.vectors.pocket_store import TENSORS, PocketVectors
from wechsel_core.vectors.spacy_vectors import holds_spacy_vectors, read_spacy
from wechsel_core.vectors.word2vec import parse_header, read_word2vec

_MAGIC = struct.pack("<i", MAGIC)
_PEEK = 1 << 16
_FORMATS = (
    "fastText .bin, word2vec text (.vec) or binary, gensim KeyedVectors (.kv), "
    "a spaCy pipeline (folder or wheel), a folder with a .npy and a .parquet file of words, "
    "or a pocket folder (vectors.safetensors)"
)


def open_vectors(path: str | Path) -> StaticVectors:
    """Open static vectors of any supported format.

    Parameters
    ----------
    path : path
        A file or folder; ``docs/formats.md`` lists the formats and how each is told from the others.

    Returns
    -------
    StaticVectors

    Raises
    ------
    VectorFileError
        Nothing there, no format that is known, or damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise VectorFileError(f"nothing at '{path}'", _FORMATS, "check the path, or fetch the vectors first")
    head = _read_head(path)
    if head.startswith(_MAGIC):
        return FastTextVectors(path)
    if head.startswith(b"PK\x03\x04"):
        return read_spacy(path)
    if head.startswith(b"\x80") and head[1:2] <= b"\x05":  # a pickle of protocol 2 to 5
        return read_gensim(path)
    return _open_word2vec(path, head)


def _open_folder(path: Path) -> StaticVectors:
    if (path / TENSORS).is_file():
        return PocketVectors(path)
    if holds_spacy_vectors(path):
        return read_spacy(path)
    if holds_npy_index(path):
        return read_npy_index(path)
    held = ", ".join(sorted(item.name for item in path.iterdir())[:5]) or "nothing"
    raise VectorFileError(
        f"the folder '{path}' holds {held}",
        f"{TENSORS}, a spaCy pipeline's vocab/key2row, or a .npy with a .parquet of words",
        "give the file itself",
    )


def _read_head(path: Path) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(_PEEK)
    if not head:
        raise VectorFileError(f"'{path.name}' is empty", _FORMATS, "download or write it again")
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        head = zlib.decompressobj(wbits=31).decompress(head, _PEEK)
    except zlib.error as error:
        raise VectorFileError(
            f"'{path.name}' cannot be unpacked ({error})", "a whole gzip file", "fetch it again"
        ) from error
    if head.startswith((_MAGIC, b"\x80", b"PK")) or path.suffix != ".gz":
        raise VectorFileError(
            f"'{path.name}' is packed with gzip",
            "a packed file only for word2vec formats, and then named .gz",
            "unpack it first (gunzip) and give the file inside",
        )
    return head


def _open_word2vec(path: Path, head: bytes) -> StaticVectors:
    first, _, rest = head.partition(b"\n")
    if parse_header(first) is None and (b"\0" in head or not _looks_like_text(head)):
        raise VectorFileError(
            f"'{path.name}' starts with the bytes {head[:8].hex(' ')}", _FORMATS, "convert it to one of these"
        )
    return read_word2vec(path, "text" if _looks_like_text(rest) else "binary")


def _looks_like_text(lines: bytes) -> bool:
    """Whether the first line is that of a text file: after its first space only printable ASCII.

    The words may be of any script, but the numbers are ASCII; four raw bytes a value hardly ever are.
    """
    _, space, values = lines.split(b"\n", 1)[0].partition(b" ")
    return not space or all(0x20 <= byte < 0x7F or byte in b"\t\r" for byte in values)
