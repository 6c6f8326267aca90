"""Token tables in a few letters, and what a method is given, for the tests of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.transfer.method import Initialisation, Materials
from wechsel_core.types import TokenTable

SPECIALS = {"<s>": "bos", "</s>": "eos", "<pad>": "pad", "<mask>": "mask"}


def vocabulary(*tokens: str | bytes) -> TokenTable:
    """A table: "_the" starts a word, "ing" does not, bytes are an incomplete piece, "" is an unused id."""
    strings = [token if isinstance(token, str) else f"<{token.hex()}>" for token in tokens]
    return TokenTable(
        tuple(token.replace("_", "▁") for token in strings),
        tuple(token.replace("_", " ") if isinstance(token, str) else "�" for token in tokens),
        tuple(token if isinstance(token, bytes) else b"" for token in tokens),
        np.array([token.startswith("_") for token in strings]),
        np.array([token in SPECIALS for token in strings]),
        {SPECIALS[token]: i for i, token in enumerate(strings) if token in SPECIALS},
    )


def materials(source: TokenTable, target: TokenTable, *, dim: int = 3, **given: Any) -> Materials:
    """What a method is given; fields of ``InitConfig`` and of ``Materials`` by name."""
    names = {name: given.pop(name) for name in list(given) if name in InitConfig.__dataclass_fields__}
    return Materials(InitConfig(**names), source, target, dim, **given)


def rows_of(made: Initialisation, matrix: np.ndarray, seed: int = 0) -> np.ndarray:
    """All new rows of a source matrix."""
    return np.concatenate(list(made.rows(np.asarray(matrix, dtype=np.float32), seed)))


def vectors(*rows: Sequence[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)
