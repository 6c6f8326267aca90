"""compat="reference" from files: the package ``wechsel`` 0.0.4 rewritten in plain loops that share no code with ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services import rows
from tests.services.tiny_files import DIM, TinyFiles

Made = Callable[..., Path]
Vector = Callable[[str], np.ndarray]


def read_vec(path: Path) -> dict[str, np.ndarray]:
    lines = path.read_text("utf-8").splitlines()[1:]
    return {line.split(" ")[0]: np.array(line.split(" ")[1:], dtype=np.float32) for line in lines}


def rotation(files: TinyFiles, words: tuple[list[str], list[str]], vectors: tuple[Vector, Vector]) -> np.ndarray:
    """Three case variants of each word against three of the other, whichever both sides know, repeats included."""
    pairs = []
    for line in (files.folder / "en-fr.tsv").read_text("utf-8").splitlines():
        source, target = line.split("\t")
        for a in (source, source.lower(), source.title()):
            for b in (target, target.lower(), target.title()):
                if a in words[0] and b in words[1]:
                    pairs.append((vectors[0](a), vectors[1](b)))
    left, right = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    u, _, v = np.linalg.svd(left.T @ right)
    return np.asarray(u @ v)


def subwords_by_ngrams(tokenizer: Any, vector: Vector) -> np.ndarray:
    return np.array([vector(tokenizer.decode(i).strip()) for i in range(len(tokenizer))], dtype=np.float64)


def subwords_by_words(tokenizer: Any, words: list[str], vector: Vector) -> np.ndarray:
    """Mean over the words that hold a token, each weighted by 1 / rank, with and without a leading space."""
    holding: dict[int, list[int]] = {i: [] for i in range(len(tokenizer))}
    for place, word in enumerate(words):
        for text in (word, " " + word):
            for token_id in set(tokenizer.encode(text, add_special_tokens=False)):
                holding[token_id].append(place)
    out = np.zeros((len(tokenizer), DIM))
    for token_id, places in holding.items():
        total = sum(1 / (place + 1) for place in places)
        for place in places:
            out[token_id] += vector(words[place]).astype(np.float64) / (place + 1) / total
    return out


def mixed(source: np.ndarray, target: np.ndarray, matrix: np.ndarray, k: int = 10, tau: float = 0.1) -> np.ndarray:
    """One sum a token; a zero source row is a neighbour at cosine 0, a zero target row is drawn.

    NaN where the k-th and the next neighbour are tied: which of them the package takes is left to chance.
    """
    norms = [np.sqrt((side**2).sum(axis=1)) for side in (source, target)]
    out = np.random.RandomState(1234).normal(  # noqa: NPY002
        matrix.mean(0), matrix.std(0), (len(target), matrix.shape[1])
    )
    for token_id, row in enumerate(target):
        if not row.any():
            continue
        cosines = [float(row @ other) / (norms[0][i] * norms[1][token_id] or 1.0) for i, other in enumerate(source)]
        ranked = sorted(range(len(cosines)), key=lambda i: -cosines[i])
        best = ranked[:k]
        if cosines[ranked[k - 1]] - cosines[ranked[k]] < 1e-6:
            out[token_id] = np.nan
            continue
        total = sum(math.exp(cosines[i] / tau) for i in best)
        out[token_id] = sum(math.exp(cosines[i] / tau) / total * matrix[i] for i in best)
    return out


def assert_same(actual: np.ndarray, wanted: np.ndarray) -> None:
    settled = np.isfinite(wanted).all(axis=1)
    assert settled.mean() > 0.6
    np.testing.assert_allclose(actual[settled], wanted[settled], atol=1e-5)


def expected(files: TinyFiles, folder: Path, model: str, build: Callable[..., np.ndarray], vectors: Any) -> np.ndarray:
    from wechsel_core.tokenizers.load import load_tokenizer

    source_tokenizer, target_tokenizer = load_tokenizer(files.folder / model), load_tokenizer(folder)
    (source_words, source_vector), (target_words, target_vector) = vectors
    turned = rotation(files, (source_words, target_words), (source_vector, target_vector))
    source = build(source_tokenizer, source_words, source_vector) @ turned
    target = build(target_tokenizer, target_words, target_vector)
    matrix = rows.input_rows(files.folder / model)
    out = mixed(source, target, matrix)
    for value in source_tokenizer.special_tokens_map.values():
        if value in target_tokenizer.get_vocab():
            out[target_tokenizer.get_vocab()[value]] = matrix[source_tokenizer.get_vocab()[value]]
    return out


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_word_vectors(model: str, made: Made, files: TinyFiles) -> None:
    folder = made(model, compat="reference")
    vectors = [(list(v), v.__getitem__) for v in (read_vec(files.folder / f"{name}.vec") for name in ("en", "fr"))]
    wanted = expected(files, folder, model, subwords_by_words, vectors)
    assert_same(rows.input_rows(folder), wanted)
    assert not np.allclose(rows.input_rows(made(model)), np.nan_to_num(wanted), atol=1e-4)


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_fasttext_vectors(model: str, made: Made, files: TinyFiles) -> None:
    """The static vectors are the official library's."""
    fasttext = pytest.importorskip("fasttext")
    folder = made(model, subwords=True, compat="reference")
    stores = [fasttext.load_model(str(files.folder / f"{name}.bin")) for name in ("en", "fr")]
    vectors = [(store.get_words(), store.get_word_vector) for store in stores]
    wanted = expected(files, folder, model, lambda tok, words, vector: subwords_by_ngrams(tok, vector), vectors)
    assert_same(rows.input_rows(folder), wanted)
    assert not np.allclose(rows.input_rows(made(model, subwords=True)), np.nan_to_num(wanted), atol=1e-4)


def test_word_vectors_of_a_bare_space(made: Made, files: TinyFiles) -> None:
    """ " ŋato" begins with the token of a space, which thereby has a vector."""
    path = files.folder / "fr-space.vec"
    lines = (files.folder / "fr.vec").read_text("utf-8").splitlines()
    lines = [f"{len(lines)} {DIM}", *lines[1:], "ŋato " + " ".join("1" for _ in range(DIM))]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    folder = made(target_vectors=str(path), compat="reference")
    vectors = [(list(v), v.__getitem__) for v in (read_vec(files.folder / "en.vec"), read_vec(path))]
    wanted = expected(files, folder, "gpt2", subwords_by_words, vectors)
    assert "Ġ" in files.tokenizer("gpt2").tokenize(" ŋato")
    assert_same(rows.input_rows(folder), wanted)
