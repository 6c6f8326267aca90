"""The methods by name: one file of ``transfer/methods`` each, found by its name."""

from __future__ import annotations

import dataclasses
import importlib

from wechsel_core.config import METHODS, InitConfig
from wechsel_core.errors import ConfigError
from wechsel_core.transfer.method import Method

#: Fields of ``InitConfig`` that every method reads.
COMMON = frozenset(
    {"source", "target_language", "method", "seed", "target_tokenizer", "tokenizer_corpus", "vocab_size", "tokenizer_kind"}
)  # fmt: skip


def method(name: str) -> Method:
    """The method of a name in ``config.METHODS``."""
    if name not in METHODS:
        raise ConfigError(f"method {name!r}", f"one of {', '.join(METHODS)}", "choose one of them")
    module = importlib.import_module(f"wechsel_core.transfer.methods.{name.replace('-', '_')}")
    found: Method = module.METHOD
    return found


def check_options(config: InitConfig) -> None:
    """Refuse options that the method does not read: a result must not seem to depend on them.

    Raises
    ------
    ConfigError
        Naming the option and the methods that read it.
    """
    read = COMMON | set(method(config.method).options)
    for item in dataclasses.fields(config):
        if item.name in read or getattr(config, item.name) == item.default:
            continue
        others = [name for name in METHODS if item.name in method(name).options]
        raise ConfigError(
            f"{item.name} with method {config.method}, which does not read it",
            f"it with {', '.join(others) or 'no method'}",
            "leave it out or choose another method",
        )


def default_options(name: str) -> frozenset[str]:
    """Fields of ``InitConfig`` that a method reads."""
    return COMMON | set(method(name).options)
