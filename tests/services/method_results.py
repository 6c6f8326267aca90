"""Tiny results of every method: what each is given, and nothing that it does not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.services.tiny_files import TinyFiles
from wechsel_core.config import METHODS, InitConfig
from wechsel_core.services.methods import described

#: Variants of WECHSEL that its result has to look at differently.
VARIANTS: dict[str, dict[str, Any]] = {
    "csls": {"similarity": "csls"},
    "sparsemax": {"weighting": "sparsemax"},
    "not aligned": {"alignment": "none", "dictionary": None},
}
NAMES = (*METHODS, *VARIANTS)
#: Those whose rows are not the stored mixture under WECHSEL's draw.
OTHERS = tuple(name for name in METHODS if name != "wechsel")


def changes(files: TinyFiles, name: str, make: Callable[..., Path], model: str = "gpt2") -> dict[str, Any]:
    """What differs from ``files.config(model)`` for a method or a variant; ``make`` makes the helper that some need."""
    if name in VARIANTS:
        return VARIANTS[name]
    known = described(InitConfig(method=name))
    unread = [field for field in ("source_vectors", "target_vectors", "dictionary") if field not in known["options"]]
    given: dict[str, Any] = {"method": name} | dict.fromkeys(unread)
    if "helper" in known["needs"]:
        given["helper"] = str(make(model, **changes(files, "hf-default", make, model)))
    return given
