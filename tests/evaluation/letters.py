"""A tokenizer of one token a letter, so that blocks can be written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Letters:
    """One token a letter, a = 10, b = 11, ...; one token for any other character (99)."""

    def __init__(self, **special: int | None) -> None:
        self.ids = {"bos": None, "eos": None, "cls": None, "sep": None} | special
        for role, token_id in self.ids.items():
            setattr(self, f"{role}_token_id", token_id)

    def __call__(self, texts: Sequence[str], *, add_special_tokens: bool, **_: Any) -> dict[str, list[list[int]]]:
        assert not add_special_tokens
        return {"input_ids": [[ord(c) - 87 if "a" <= c <= "z" else 99 for c in text] for text in texts]}
