"""Small real models for the tests of static vectors; a fastText model is trained once a session."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

fasttext = pytest.importorskip("fasttext")

WORDS = "the cat katze sat on über naïve straße 猫 中文词 学习 😀 a e i 1 , . ñ ça Привет don't é".split()

# fastText 0.9.2 fills one tenth of the matrix a thread and leaves the rest as the memory was: below ten threads, or
# with a size that ten does not divide, training can start from NaN. t = 1 keeps frequent words in so small a text.
QUIET = {"dim": 10, "thread": 10, "t": 1.0, "epoch": 1, "verbose": 0}


def _train(folder: Path, name: str, **options: object) -> Path:
    generator = random.Random(0)
    text = folder / f"{name}.txt"
    text.write_text("\n".join(" ".join(generator.choices(WORDS, k=12)) for _ in range(60)), encoding="utf-8")
    settings = {"minCount": 1, **QUIET, "bucket": 500, "minn": 2, "maxn": 5}
    model = fasttext.train_unsupervised(str(text), **{**settings, **options})
    model.save_model(str(folder / f"{name}.bin"))
    return folder / f"{name}.bin"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fasttext")


@pytest.fixture(scope="session")
def bin_path(model_folder: Path) -> Path:
    return _train(model_folder, "plain")


@pytest.fixture(scope="session")
def train(model_folder: Path) -> Callable[..., Path]:
    """Train another model: ``train(name, **fasttext options)``."""
    return lambda name, **options: _train(model_folder, name, **options)


@pytest.fixture(scope="session")
def quiet() -> dict[str, object]:
    """Settings under which fastText trains on a few lines without fail."""
    return QUIET


@pytest.fixture(scope="session")
def official(bin_path: Path) -> object:
    return fasttext.load_model(str(bin_path))


def _pack(
    entries: list[tuple[bytes, int, int]],
    matrix: np.ndarray,
    *,
    minn: int = 3,
    maxn: int = 3,
    bucket: int = 4,
    version: int = 12,
    magic: int = 793712314,
    pruned: int = -1,
    quantised: bool = False,
    tail: bytes = b"",
) -> bytes:
    """A ``.bin`` file from its parts, by the layout that the official library writes."""
    dim = matrix.shape[1]
    n_words = sum(kind == 0 for _, _, kind in entries)
    parts = [
        struct.pack("<ii", magic, version),
        struct.pack("<12id", dim, 5, 1, 1, 5, 1, 2, 2, bucket, minn, maxn, 100, 1e-4),
        struct.pack("<iiiqq", len(entries), n_words, len(entries) - n_words, 100, pruned),
    ]
    parts += [word + b"\0" + struct.pack("<qb", count, kind) for word, count, kind in entries]
    parts += [struct.pack("<?qq", quantised, *matrix.shape), matrix.astype("<f4").tobytes()]
    parts += [struct.pack("<?qq", False, 1, dim), np.zeros(dim, "<f4").tobytes(), tail]
    return b"".join(parts)


@pytest.fixture
def write_bin(tmp_path: Path) -> Callable[..., Path]:
    """Write a hand-made ``.bin``: ``write_bin(entries, matrix, **header values)``."""

    def write(entries: list[tuple[bytes, int, int]], matrix: np.ndarray, **options: object) -> Path:
        path = tmp_path / "made.bin"
        path.write_bytes(_pack(entries, matrix, **options))  # type: ignore[arg-type]
        return path

    return write


@pytest.fixture
def plain_store() -> Callable[..., object]:
    """Whole-word vectors in memory: ``plain_store(words, matrix)``."""
    from wechsel_core.vectors.store import MatrixVectors

    return lambda words, matrix: MatrixVectors("made", "0" * 64, words, np.asarray(matrix, dtype=np.float32))


@pytest.fixture
def spacy_parts() -> SimpleNamespace:
    """A tiny pipeline: three rows, four keys of which two share a row, one key that no string has."""
    import io

    import msgpack

    vectors = io.BytesIO()
    np.save(vectors, np.arange(12, dtype=np.float32).reshape(3, 4), allow_pickle=False)
    # Hashes as spaCy's documentation prints them; 92 is one of its symbols ("NOUN").
    apple, coffee = 8566208034543834098, 3197928453018144401
    return SimpleNamespace(
        apple=apple,
        coffee=coffee,
        files={
            "vectors": vectors.getvalue(),
            "key2row": msgpack.packb({coffee: 0, 92: 1, apple: 2}),
            "strings.json": b'["apple", "NOUN", "coffee", "unused"]',
            "vectors.cfg": b'{"mode": "default"}',
        },
    )
