"""Labelled examples as token ids, right for byte-level BPE, Unigram and WordPiece alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wechsel_core.errors import TokenizerError
from wechsel_core.evaluation.probe_data import Labelled, Task
from wechsel_core.tokenizers.table import backend_of, token_roles

#: The label of a position that is not judged.
NOT_JUDGED = -100


@dataclass(frozen=True)
class Example:
    """One pair or sentence as a model reads it.

    Attributes
    ----------
    ids, type_ids : list of int, length n_tokens
    labels : list of int
        The pair's one label; or one a token: the word's tag at its first token and -100 elsewhere.
    words : tuple of int
        For a sentence, the words that have a labelled token, in order. Those cut off at the end are not among them.
    """

    ids: list[int]
    type_ids: list[int]
    labels: list[int]
    words: tuple[int, ...] = ()


def encode(task: Task, tokenizer: Any, data: Labelled, labels: Sequence[str], longest: int) -> list[Example]:
    """Turn labelled data into examples.

    Parameters
    ----------
    task : {"nli", "ner"}
    tokenizer : transformers.PreTrainedTokenizerFast
        Not changed.
    data : Labelled
    labels : sequence of str
        Every label, by its number.
    longest : int
        Tokens an example has at most, the special ones included; what is longer is cut, of a pair its longer text.

    Raises
    ------
    TokenizerError
        If the tokenizer has no token to end a text with.
    """
    backend = _framed(tokenizer)
    backend.no_padding()
    backend.enable_truncation(longest)
    number = {label: place for place, label in enumerate(labels)}
    if task == "nli":
        encodings = backend.encode_batch(list(data.texts))
        return [
            Example(entry.ids, entry.type_ids, [number[label]])
            for entry, (label,) in zip(encodings, data.labels, strict=True)
        ]
    space = _before_words(backend)
    words = [[space + word for word in sentence] for sentence in data.texts]
    encodings = backend.encode_batch(words, is_pretokenized=True)
    return [_tagged(entry, [number[tag] for tag in tags]) for entry, tags in zip(encodings, data.labels, strict=True)]


def _tagged(encoding: Any, tags: list[int]) -> Example:
    labels = [NOT_JUDGED] * len(encoding.ids)
    words: list[int] = []
    for place, word in enumerate(encoding.word_ids):
        if word is not None and (not words or words[-1] != word):
            labels[place] = tags[word]
            words.append(word)
    return Example(encoding.ids, encoding.type_ids, labels, tuple(words))


def _framed(tokenizer: Any) -> Any:
    """A copy of the backend that puts special tokens around what it encodes.

    A tokenizer without a frame of its own (GPT-2's kind) gets the one that packed training text has: a start token,
    and an end token after each text.
    """
    from tokenizers import Tokenizer, processors

    backend = Tokenizer.from_str(backend_of(tokenizer).to_str())
    if backend.num_special_tokens_to_add(True):
        return backend
    roles = token_roles(tokenizer)
    end = roles.get("eos", roles.get("sep"))
    if end is None:
        raise TokenizerError("a tokenizer with neither eos nor sep token", "one of them to end a text", "add one")
    start = roles.get("bos", roles.get("cls", end))
    named = {"START": start, "END": end}
    backend.post_processor = processors.TemplateProcessing(
        single=["START", "$A", "END"],
        pair=["START", "$A", "END", "$B", "END"],
        special_tokens=[
            {"id": name, "ids": [token_id], "tokens": [backend.id_to_token(token_id)]}
            for name, token_id in named.items()
        ],
    )
    return backend


def _before_words(backend: Any) -> str:
    """What to put before each word of a sentence that is given word by word, so that its first token starts a word.

    Byte-level tokenizers tell a word's start by the space before it, which a word by itself lacks; the others drop the
    space. A normaliser that puts a mark of its own before every word (Llama's) would see two.
    """
    normalizer = backend.normalizer.__getstate__() if backend.normalizer else b""
    return "" if b'"Prepend"' in normalizer else " "
