"""Token vectors trained on text: what is known, planted company, and the same bytes again."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.builders import tiny_tokenizer
from wechsel_core.errors import TextError
from wechsel_core.vectors import token_vectors
from wechsel_core.vectors.token_vectors import train_token_vectors

#: Animals keep company with one verb and things with another.
ANIMALS, THINGS = "cat dog fox hen cow pig".split(), "cup pot jar box pan mug".split()


def text(n: int = 300) -> list[str]:
    generator = random.Random(0)
    lines = []
    for _ in range(n):
        group, verb = generator.choice([(ANIMALS, "eats"), (THINGS, "holds")])
        lines.append(" ".join(f" {generator.choice(group)} {verb}" for _ in range(6)))
    return lines


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return tiny_tokenizer("bpe", lines=tuple(text()), vocab_size=320)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_vectors, "TRAINED_TOKENS", 150_000)
    monkeypatch.setattr(token_vectors, "BUCKETS", 500)


def test_company_shows(tokenizer: object) -> None:
    """Planted: every animal is nearer to the other animals than to the things."""
    vectors = train_token_vectors(tokenizer, text(), seed=0)
    assert vectors.shape == (len(tokenizer), 100) and vectors.dtype == np.float32  # type: ignore[arg-type]
    ids = tokenizer.convert_tokens_to_ids([f"Ġ{word}" for word in (*ANIMALS, *THINGS)])  # type: ignore[attr-defined]
    unit = vectors[ids] / np.linalg.norm(vectors[ids], axis=1, keepdims=True)
    cosines = unit @ unit.T - 2 * np.eye(12)
    for word in range(12):
        assert (cosines[word].argmax() < 6) == (word < 6)


def test_rare_and_unseen_tokens_have_no_vector(tokenizer: object) -> None:
    """Nine times is too few, ten are enough; a special token in the text is none."""
    lines = [*["cup" * 9], *[" cat"] * 10]
    vectors = train_token_vectors(tokenizer, lines, seed=0)
    known = {tokenizer.convert_ids_to_tokens(int(i)) for i in np.flatnonzero(vectors.any(axis=1))}  # type: ignore[attr-defined]
    assert "Ġcat" in known and "cup" not in known and "Ġdog" not in known and "<|endoftext|>" not in known


def test_same_seed_same_bytes(tokenizer: object) -> None:
    first, again = (train_token_vectors(tokenizer, iter(text(60)), seed=1) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert not np.array_equal(first, train_token_vectors(tokenizer, text(60), seed=2))


def test_a_short_text_is_read_more_often(tokenizer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many passes as it takes, three at least and fifty at most: with less to see, vectors move less."""
    sizes = []
    for wanted in (1, 10_000_000):
        monkeypatch.setattr(token_vectors, "TRAINED_TOKENS", wanted)
        vectors = train_token_vectors(tokenizer, text(40), seed=0)
        sizes.append(float(np.linalg.norm(vectors, axis=1).max()))
    assert sizes[1] > 2 * sizes[0]


@pytest.mark.parametrize("lines", [[], ["cat dog"] * 3])
def test_too_little_text(tokenizer: object, lines: list[str]) -> None:
    with pytest.raises(TextError, match="no token occurs 10 times.*more text"):
        train_token_vectors(tokenizer, lines, seed=0)
