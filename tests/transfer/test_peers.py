"""Ours against the packages of the methods, where a developer has them.

They pin versions that this project does not run on, so they are no requirement. A folder of their own, which leaves the
environment as it is: ``pip install --no-deps --target DIR deepfocus==1.0.1 langsfer==0.1.0 mergekit==0.1.4 entmax fastdist
print-on-steroids datasets dill multiprocess xxhash more-itertools immutables peft``, then the tests with ``PYTHONPATH=DIR``.
Without them the same formulas are held against plain loops in the tests beside this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import tiny_tokenizer
from tests.services.tiny_files import ENGLISH, FRENCH, sentences
from tests.transfer.vocabularies import materials, rows_of
from wechsel_core.numerics.anchors import matching_pursuit
from wechsel_core.tokenizers.table import token_table
from wechsel_core.transfer.registry import method
from wechsel_core.transfer.result import TokenKind
from wechsel_core.types import TokenTable

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs, on newer versions of everything


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    """Byte-level tokenizers of a few words of English and of French."""
    english, french = (tiny_tokenizer("bpe", lines=sentences(words), vocab_size=400) for words in (ENGLISH, FRENCH))
    return english, french


def letters(table: TokenTable) -> np.ndarray:
    """Tokens of letters alone: the packages compare others by strings that ours tells apart."""
    return np.array([text.removeprefix(" ").isalpha() for text in table.texts]) & ~table.is_special


def case(pair: tuple[Any, Any], seed: int = 0) -> tuple[TokenTable, TokenTable, np.ndarray, np.ndarray]:
    """Both tables, auxiliary vectors of the target's words, and source rows."""
    source, target = (token_table(tokenizer) for tokenizer in pair)
    rng = np.random.default_rng(seed)
    space = (rng.normal(size=(len(target), 6)) + 0.7).astype(np.float32)
    space[~letters(target)] = 0
    return source, target, space, rng.normal(size=(len(source), 5)).astype(np.float32)


def test_focus(pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole call, given vectors in the place of its fastText model; tokens of letters, copied and combined."""
    focus = pytest.importorskip("deepfocus.focus")
    import torch

    source, target, space, matrix = case(pair)
    monkeypatch.setattr(focus, "load_target_token_embedding", lambda **_: dict(zip(target.tokens, space, strict=True)))
    theirs = focus.FOCUS(
        source_tokenizer=pair[0], target_tokenizer=pair[1], source_embeddings=torch.from_numpy(matrix),
        fasttext_model_path="made", verbosity="silent",
    )  # fmt: skip
    made = method("focus").initialise(materials(source, target, dim=5, token_vectors=space))
    compared = letters(target)
    mixed = made.plan.kind == TokenKind.MIXED
    assert (compared & mixed).sum() > 20 and (compared & ~mixed).sum() > 20
    np.testing.assert_allclose(rows_of(made, matrix)[compared], theirs.numpy()[compared], atol=1e-6)


class _Helper:
    """Vectors of tokens, as langsfer asks for them."""

    def __init__(self, table: TokenTable, rows: np.ndarray) -> None:
        self.embeddings_matrix = rows
        self._place = {token: i for i, token in enumerate(table.tokens)}

    def get_vector_for_token(self, token: str) -> np.ndarray:
        return self.embeddings_matrix[self._place[token]]


def test_clp(pair: tuple[Any, Any]) -> None:
    """langsfer's: every shared string is a shared token there, so byte pieces and the special token have zero vectors."""
    high_level = pytest.importorskip("langsfer.high_level")
    source, target, space, matrix = case(pair)
    theirs = high_level.clp_transfer(pair[0], matrix, pair[1], _Helper(target, space)).initialize(
        seed=0, show_progress=False
    )
    made = method("clp").initialise(materials(source, target, dim=5, helper_rows=space, helper="h"))
    compared = letters(target) & (made.plan.kind != TokenKind.FALLBACK)
    mixed = made.plan.kind == TokenKind.MIXED
    assert (compared & mixed).sum() > 20 and (compared & ~mixed).sum() > 20
    np.testing.assert_allclose(rows_of(made, matrix)[compared], theirs[compared], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("n_chosen", [1, 6, 16])
def test_omp(n_chosen: int) -> None:
    omp = pytest.importorskip("mergekit.tokensurgeon.omp")
    import torch

    rng = np.random.default_rng(n_chosen)
    anchors, rows = rng.normal(size=(60, 24)), rng.normal(size=(30, 24))
    places, coefficients = omp.batch_omp(torch.from_numpy(rows), torch.from_numpy(anchors), n_chosen)
    ours = matching_pursuit(rows, anchors, n_chosen)
    np.testing.assert_array_equal(ours[0], places.numpy())
    np.testing.assert_allclose(ours[1], coefficients.numpy(), atol=1e-8)
