"""Plain records that the parts hand to each other; no behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

#: Called with the share done (0 to 1) and a sentence of what is going on; may raise to cancel.
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class TokenTable:
    """A tokenizer's vocabulary as columns, row = token id.

    Attributes
    ----------
    tokens : tuple of str
        Vocabulary strings as the tokenizer stores them ("Ġthe", "▁the", "##ing"); an unused id holds "".
    texts : tuple of str
        Decoded text, not stripped (" the", "ing"). Special tokens keep their string. A byte piece decodes to
        text with U+FFFD.
    byte_pieces : tuple of bytes
        The raw bytes of a token that is not valid UTF-8 by itself (or of a byte-fallback token such as
        "<0xE4>"); b"" for every other token.
    word_initial : ndarray of bool, shape (n_tokens,)
        Whether the token starts a word (a leading space or its marker; for WordPiece, no "##").
    is_special : ndarray of bool, shape (n_tokens,)
        Control tokens (bos, eos, pad, unk, mask, sep, cls, additional ones).
    roles : mapping of str to int
        Role (bos, eos, pad, unk, mask, sep, cls) to token id, only the roles that the tokenizer has.
    """

    tokens: tuple[str, ...]
    texts: tuple[str, ...]
    byte_pieces: tuple[bytes, ...]
    word_initial: np.ndarray
    is_special: np.ndarray
    roles: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class BilingualDictionary:
    """Word pairs (source word, target word) in file order, and where they came from."""

    pairs: tuple[tuple[str, str], ...]
    name: str
    sha256: str
