"""Frozen, validated configuration of every operation; widgets, flags and help texts come from these fields."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from wechsel_core.errors import ConfigError

#: Below this, softmax weights are one neighbour alone to the last digit: surely a slip of the pen.
SMALLEST_TEMPERATURE = 1e-3

_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}


def option(default: Any, help_text: str, **metadata: Any) -> Any:
    """A config field with the help text that pages and command line show."""
    return field(default=default, metadata={"help": help_text, **metadata})


@dataclass(frozen=True)
class InitConfig:
    """Everything that determines an initialisation."""

    source: str = option("pocket-gpt2", "English model: a catalogue name, a hub id, a local folder or a GGUF file.")
    target_language: str = option("fr", "Language code of the new language, such as fr.")
    method: str = option("wechsel", "Initialisation method.", choices=("wechsel",))
    neighbors: int = option(10, "k: source tokens mixed into a new row. More brings in less similar ones.")
    temperature: float = option(0.1, "tau: higher evens the weights out, lower lets the nearest neighbour win.")
    seed: int = option(0, "Seed of the fallback rows and of the held-out folds.")
    mode: str = option(
        "auto",
        "subword: vectors of tokens from character n-grams; word: from the words that contain the token; "
        "auto: subword where both vector files have n-grams.",
        choices=("auto", "subword", "word"),
    )
    source_vectors: str | None = option(None, "Static vectors of English; default: the catalogue's.")
    target_vectors: str | None = option(None, "Static vectors of the new language; default: the catalogue's.")
    dictionary: str | None = option(None, "Bilingual dictionary, English first; default: the catalogue's.")
    target_tokenizer: str | None = option(None, "Folder, hub id or tokenizer.json; default: the catalogue's.")
    tokenizer_corpus: str | None = option(None, "Text file or folder to train the target tokenizer on instead.")
    vocab_size: int | None = option(None, "Size of a tokenizer to train; default: the source's.")
    tokenizer_kind: str = option(
        "bpe",
        "Kind of tokenizer to train: byte-level BPE, Unigram or WordPiece.",
        choices=("bpe", "unigram", "wordpiece"),
    )
    reduce_dimension: bool = option(False, "Reduce the wider vectors by PCA when the two files differ in dimension.")
    copy_byte_pieces: bool = option(False, "Beyond the paper: copy incomplete UTF-8 pieces from the same piece.")
    prefer_word_initial: bool = option(False, "Beyond the paper: word-initial tokens mix word-initial tokens only.")
    distinct_texts: bool = option(False, "Beyond the paper: one vote per distinct neighbour text.")
    compat: str | None = option(
        None, "reference: repeat the package wechsel 0.0.4, its weighting of case variants included.",
        choices=(None, "reference"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._check_types()
        for item in dataclasses.fields(self):
            choices = item.metadata.get("choices")
            if choices and getattr(self, item.name) not in choices:
                names = ", ".join(str(choice) for choice in choices)
                raise ConfigError(
                    f"{item.name} is {getattr(self, item.name)!r}", f"one of {names}", "choose one of them"
                )
        if not _LANGUAGE_CODE.fullmatch(self.target_language):
            raise ConfigError(
                f"target language {self.target_language!r}",
                "a language code such as fr",
                "write the code, not the name",
            )
        if self.neighbors < 1:
            raise ConfigError(f"neighbors is {self.neighbors}", "a number from 1 up to the source vocabulary", "try 10")
        if not math.isfinite(self.temperature) or self.temperature < SMALLEST_TEMPERATURE:
            raise ConfigError(
                f"temperature is {self.temperature:g}",
                f"a number of at least {SMALLEST_TEMPERATURE:g}",
                "try 0.1, the paper's value",
            )
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}", "a whole number from 0 to 4294967295", "try 0")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.target_tokenizer and self.tokenizer_corpus:
            raise ConfigError(
                "both a target tokenizer and a tokenizer corpus", "one of the two", "leave one of them out"
            )
        if self.vocab_size is not None and self.vocab_size < 1:
            raise ConfigError(f"vocab_size is {self.vocab_size}", "a number above 0", "leave it out for the source's")
        if self.vocab_size is not None and not self.tokenizer_corpus:
            raise ConfigError(
                "vocab_size without a tokenizer corpus", "a corpus to train a tokenizer on", "give tokenizer_corpus too"
            )
        if self.compat and (self.copy_byte_pieces or self.prefer_word_initial or self.distinct_texts):
            raise ConfigError(
                "compat=reference together with an option beyond the paper",
                "the reference alone",
                "switch the options off or leave compat out",
            )

    def _check_types(self) -> None:
        for item in dataclasses.fields(self):
            value, kind = getattr(self, item.name), str(item.type)
            if value is None and kind.endswith("| None"):
                continue
            wanted = _TYPES[kind.split(" ")[0]]
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                raise ConfigError(f"{item.name} is {value!r}", f"a value of type {kind}", "write it as one")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InitConfig:
        """Inverse of ``to_dict``; unknown names raise ``ConfigError``."""
        unknown = sorted(set(values) - {item.name for item in dataclasses.fields(cls)})
        if unknown:
            raise ConfigError(f"unknown parameter {unknown[0]}", "a parameter of the initialisation", "check its name")
        return cls(**values)


def config_hash(values: dict[str, Any]) -> str:
    """SHA-256 of a config's canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def field_help(config: type, name: str) -> str:
    """The help text of a config's field."""
    return str(next(item for item in dataclasses.fields(config) if item.name == name).metadata["help"])
