"""Vectors of a tokenizer's tokens, trained on text that it has cut: what FOCUS compares tokens by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from wechsel_core.errors import TextError

#: fastText with the defaults of the authors' package: continuous bag of words on tokens, character n-grams of 3 to 6.
PARAMETERS = {
    "sg": 0, "vector_size": 100, "window": 5, "negative": 10, "sample": 1e-4, "alpha": 0.05, "min_n": 3, "max_n": 6,
    "min_count": 10,
}  # fmt: skip
#: Places for n-grams: theirs is 2,000,000, which takes 800 MB; the tokens of a vocabulary have far fewer n-grams.
BUCKETS = 200_000
#: Their number of passes over the text. A short text is read more often, until so many tokens have gone by: after three
#: passes over a megabyte all vectors still point the same way.
EPOCHS, MOST_EPOCHS = 3, 50
TRAINED_TOKENS = 6_000_000
_LINES = 1000


def train_token_vectors(tokenizer: Any, lines: Iterable[str], *, seed: int) -> np.ndarray:
    """Train fastText on tokens instead of words.

    gensim with one worker: the same text, tokenizer and seed give the same bytes.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
    lines : iterable of str
        Text of the tokenizer's language, a paragraph an item. More of it gives more tokens a vector.
    seed : int

    Returns
    -------
    ndarray of float32, shape (n_tokens, 100)
        Zero rows for tokens that the text holds less than 10 times.

    Raises
    ------
    TextError
        If no token occurs 10 times.

    References
    ----------
    Dobler & de Melo (2023), FOCUS, EMNLP, section 3.2; the package ``deepfocus`` 1.0.1.
    """
    from gensim.models import FastText

    names = tokenizer.get_vocab()
    sentences = _Sentences(tokenizer, lines)
    epochs = min(max(EPOCHS, math.ceil(TRAINED_TOKENS / max(1, sentences.n_tokens))), MOST_EPOCHS)
    model = FastText(**PARAMETERS, bucket=BUCKETS, epochs=epochs, workers=1, seed=seed)
    model.build_vocab(sentences)
    known = model.wv.key_to_index
    if not known:
        raise TextError(
            f"an auxiliary text in which no token occurs {PARAMETERS['min_count']} times",
            "some thousand lines of the target language",
            "give more text",
        )
    model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
    matrix = np.zeros((max(names.values()) + 1, model.vector_size), dtype=np.float32)
    for token, i in names.items():
        if token in known:
            matrix[i] = model.wv.vectors[known[token]]
    return matrix


class _Sentences:
    """The lines as lists of tokens, again for every epoch; in between they are held as numbers."""

    def __init__(self, tokenizer: Any, lines: Iterable[str]) -> None:
        self._tokens = {i: token for token, i in tokenizer.get_vocab().items()}
        self._lines: list[np.ndarray] = []
        rest = iter(lines)
        while some := list(islice(rest, _LINES)):
            cut = tokenizer(some, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
            self._lines += [np.array(ids, dtype=np.int32) for ids in cut]
        self.n_tokens = sum(map(len, self._lines))

    def __iter__(self) -> Iterator[list[str]]:
        for ids in self._lines:
            yield [self._tokens[i] for i in ids.tolist()]
