"""What the contestants of a race share, and what is left of them on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.config import InitConfig
from wechsel_core.transfer.registry import method

#: Weights of a result or run; its tables stay.
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")


class RememberedSearch:
    """A neighbour search that answers the same question once: k and tau alone change nothing about similarities."""

    def __init__(self, search: Callable[..., Any]) -> None:
        self._search, self._known = search, {}  # type: ignore[var-annotated]

    def __call__(self, target: np.ndarray, source: np.ndarray, k: int, **options: Any) -> Any:
        """As the search, which is asked once; the answer is the caller's own to change."""
        rows, candidates = options.get("rows"), options.get("candidates")
        parts = tuple(None if part is None else part.tobytes() for part in (rows, candidates))
        key = (id(target), id(source), k, parts, options.get("include_zero_rows"))
        if key not in self._known:
            self._known[key] = self._search(target, source, k, **options)
        found = self._known[key]
        return dataclasses.replace(found, ids=found.ids.copy(), similarities=found.similarities.copy())


def shared_key(config: InitConfig, but: tuple[str, ...]) -> Hashable:
    """What two configurations have to agree in to share inputs or materials: what is needed, and all fields but some."""
    values = config.to_dict()
    needs = method(config.method).needs(config)
    kept = {name: value for name, value in values.items() if name not in (*but, "method")}
    return (needs, *sorted((name, str(value)) for name, value in kept.items()))


def drop_weights(folder: Path) -> None:
    """Delete a model's weights from a result; its tables stay."""
    for pattern in _WEIGHTS:
        for path in folder.glob(pattern):
            if path.name != "static.safetensors":
                path.unlink()


def slug(name: str) -> str:
    """A contestant's name as that of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in name).strip("-")
