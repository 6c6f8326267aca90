"""How a tokenizer cuts a text: its tokens with ids and places, fertility, bytes a token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from wechsel_core.tokenizers.table import backend_of
from wechsel_core.types import TokenTable

# Scripts written without spaces, where a run of letters is no word: Thai, Lao, Khmer, kana, Chinese characters.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['\u2019][^\W{_UNSPACED}]+)*")


@dataclass(frozen=True)
class Segment:
    """One token of a text.

    Attributes
    ----------
    id : int
    token : str
        The vocabulary string.
    text : str
        Its decoded text; of an unknown token, the piece of the text that it stands for.
    start, end : int
        Place in the text, in characters. The pieces of one character share its place.
    """

    id: int
    token: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Segmentation:
    """A text as the tokens of one tokenizer, special tokens around it left out."""

    segments: tuple[Segment, ...]
    n_words: int
    n_bytes: int

    @property
    def ids(self) -> list[int]:
        """Token ids in reading order."""
        return [segment.id for segment in self.segments]

    @property
    def fertility(self) -> float:
        """Tokens a word; 1 is the best that a tokenizer without phrases can do, 0 without words."""
        return len(self.segments) / self.n_words if self.n_words else 0.0

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes that a token covers on average; 0 for an empty text."""
        return self.n_bytes / len(self.segments) if self.segments else 0.0


def count_words(text: str) -> int:
    """Words of a text: runs of letters and digits; in scripts without spaces every character counts as one."""
    return len(_WORD.findall(text))


def segment(tokenizer: Any, table: TokenTable, text: str) -> Segmentation:
    """Cut a text into tokens.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
    table : TokenTable
        Its vocabulary.
    text : str
        May be empty.
    """
    encoding = backend_of(tokenizer).encode(text, add_special_tokens=False)
    unknown = table.roles.get("unk")
    segments = []
    for token_id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        # An unknown token hides what it stands for; GPT-2's unk is its end of text, which may stand for itself.
        hidden = token_id == unknown and text[start:end] != table.tokens[token_id]
        shown = text[start:end] if hidden else table.texts[token_id]
        segments.append(Segment(token_id, table.tokens[token_id], shown, start, end))
    return Segmentation(tuple(segments), count_words(text), len(text.encode("utf-8", errors="surrogatepass")))
