"""Frozen, validated configuration of every operation; widgets, flags and help texts come from these fields."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wechsel_core.errors import ConfigError

#: Below this, softmax weights are one neighbour alone to the last digit: surely a slip of the pen.
SMALLEST_TEMPERATURE = 1e-3

_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}


def option(default: Any, help_text: str, **metadata: Any) -> Any:
    """A config field with the help text that pages and command line show."""
    return field(default=default, metadata={"help": help_text, **metadata})


class _Config:
    """What the configurations share: types and choices checked, a JSON round trip."""

    def _check(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value, kind = getattr(self, item.name), str(item.type)
            if value is None and kind.endswith("| None"):
                continue
            wanted = _TYPES[kind.split(" ")[0]]
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                raise ConfigError(f"{item.name} is {value!r}", f"a value of type {kind}", "write it as one")
            choices = item.metadata.get("choices")
            if choices and value not in choices:
                names = ", ".join(str(choice) for choice in choices)
                raise ConfigError(f"{item.name} is {value!r}", f"one of {names}", "choose one of them")

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value is not None and value < least:
            raise ConfigError(f"{name} is {value}", f"a whole number from {least} up", "correct it")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @property
    def hash(self) -> str:
        """SHA-256 of the settings, the same for the same ones whatever version of the lab asks.

        A setting that a later version has brought (its ``later``) counts where it is not at its default: a result that
        was made before it came, and the runs of that result, are those of today's configuration.
        """
        values = self.to_dict()
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            if item.metadata.get("later") and values[item.name] == item.default:
                del values[item.name]
        return config_hash(values)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of ``to_dict``; unknown names raise ``ConfigError``."""
        unknown = sorted(set(values) - {item.name for item in dataclasses.fields(cls)})  # type: ignore[arg-type]
        if unknown:
            raise ConfigError(f"unknown parameter {unknown[0]}", f"a parameter of {cls.__name__}", "check its name")
        return cls(**values)


#: The initialisation methods: every file of this folder is one, so there is no second list to keep.
METHODS = tuple(
    sorted(
        (path.stem.replace("_", "-") for path in (Path(__file__).parent / "transfer" / "methods").glob("[a-z]*.py")),
        key=lambda name: (name != "wechsel", name),
    )
)


@dataclass(frozen=True)
class InitConfig(_Config):
    """Everything that determines an initialisation."""

    source: str = option("pocket-gpt2", "English model: a catalogue name, a hub id, a local folder or a GGUF file.")
    target_language: str = option("fr", "Language code of the new language, such as fr.")
    method: str = option("wechsel", "Initialisation method.", choices=METHODS)
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
    similarity: str = option(
        "cosine",
        "cosine, or csls: beyond the paper, cosine less what hubs are near to anyway.",
        choices=("cosine", "csls"),
        later=True,
    )
    weighting: str = option(
        "softmax",
        "softmax, or sparsemax: beyond the paper, far neighbours get weight 0.",
        choices=("softmax", "sparsemax"),
        later=True,
    )
    alignment: str = option(
        "procrustes",
        "procrustes: rotate English onto the new language by the dictionary; none: leave both spaces as they are, to "
        "see what the rotation is worth.",
        choices=("procrustes", "none"),
        later=True,
    )
    dictionary_size: int | None = option(None, "Dictionary pairs to use, drawn by the seed; default: all.", later=True)
    vector_words: int | None = option(
        None, "Words of each vector file to keep, the most frequent first; default: all.", later=True
    )
    helper: str | None = option(
        None,
        "A model that has the target tokenizer: folder or hub id. Needed by methods that compare its embeddings.",
        later=True,
    )
    auxiliary_text: str | None = option(
        None,
        "Text of the target language to train token vectors on; default: the static vectors are used.",
        later=True,
    )
    factors: int | None = option(
        None, "Dimensions of the factorised embeddings; default: a quarter of the model's.", later=True
    )
    anchors: int = option(64, "Shared tokens that a new row is put together from at most.", later=True)
    copy_byte_pieces: bool = option(False, "Beyond the paper: copy incomplete UTF-8 pieces from the same piece.")
    prefer_word_initial: bool = option(False, "Beyond the paper: word-initial tokens mix word-initial tokens only.")
    distinct_texts: bool = option(False, "Beyond the paper: one vote per distinct neighbour text.")
    compat: str | None = option(
        None, "reference: repeat the package wechsel 0.0.4, its weighting of case variants included.",
        choices=(None, "reference"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._check()
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
        for name in ("dictionary_size", "vector_words", "factors", "anchors"):
            self._at_least(name, 1)
        beyond = (self.copy_byte_pieces, self.prefer_word_initial, self.distinct_texts)
        variant = (self.similarity, self.weighting, self.alignment) != ("cosine", "softmax", "procrustes")
        if self.compat and (any(beyond) or variant):
            raise ConfigError(
                "compat=reference together with an option beyond the paper",
                "the reference alone",
                "switch the options off or leave compat out",
            )


ARMS = ("wechsel", "random", "transinner", "wechsel-frozen", "random-neighbors", "permuted")
#: Arms that train the embeddings alone at first.
FROZEN_ARMS = ("transinner", "wechsel-frozen")


@dataclass(frozen=True)
class TrainConfig(_Config):
    """Everything that determines a training run; None means the default that the worker works out and records."""

    result: str = option("", "A result of the app by its id, or the folder that init wrote.")
    arm: str = option("wechsel", "What the run starts from.", choices=ARMS)
    text: str = option("", "Text to train on: a file, a folder, a corpus of the catalogue, or hub:NAME/CONFIG.")
    held_out: str | None = option(None, "Held-out text; default: documents taken out of the text before anything else.")
    held_out_share: float = option(
        0.05, "Share of the documents that is held out. More measures better, trains on less."
    )
    max_megabytes: float = option(1024.0, "Text is read up to this size; the paper's code took 1,024 MB.")
    steps: int | None = option(None, "Optimiser steps; the learning rate decays to zero over them.")
    tokens: int | None = option(None, "The budget in tokens instead of steps.")
    seed: int = option(0, "Seed of the data order, the masks and every random weight.")
    batch_size: int | None = option(
        None, "Blocks a step, over all devices; default: 2,048 tokens small, the paper's at full size."
    )
    block_size: int | None = option(None, "Tokens a block; default: the model's longest, 1,024 at most.")
    accumulation: int = option(1, "Parts that a step's batch is cut into; more needs less memory.")
    learning_rate: float | None = option(None, "Peak learning rate; default: the paper's, 5e-4 causal and 1e-4 masked.")
    warmup_share: float = option(0.1, "Share of the steps in which the learning rate rises.")
    weight_decay: float = option(0.01, "Weight decay of AdamW.")
    mask_share: float = option(0.15, "Share of the tokens that a masked model has to guess.")
    frozen_share: float = option(
        0.1, "Share of the steps that transinner and wechsel-frozen train the embeddings alone."
    )
    eval_every: int | None = option(None, "Steps between two scores of the held-out text; default: 20 scores a run.")
    held_out_tokens: int = option(50_000, "Held-out tokens that are scored each time. More is steadier and slower.")
    save_every: int | None = option(None, "Steps between two checkpoints; default: 10 a run.")
    device: str = option("auto", "Where to train.", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = option("auto", "auto: bf16 where a GPU has it.", choices=("auto", "float32", "bf16"))
    gradient_checkpointing: bool = option(
        False, "Forget activations and work them out again: less memory, a third slower."
    )
    threads: int | None = option(None, "CPU threads; default: all cores. Another number rounds sums differently.")

    def __post_init__(self) -> None:
        self._check()
        for name, what in (("result", "an initialisation to start from"), ("text", "text to train on")):
            if not getattr(self, name):
                raise ConfigError(f"no {name}", what, f"give --{name}")
        if self.steps is not None and self.tokens is not None:
            raise ConfigError("both steps and tokens", "one budget", "leave one of them out")
        for name in ("steps", "tokens", "batch_size", "accumulation", "eval_every", "save_every", "threads"):
            self._at_least(name, 1)
        self._at_least("block_size", 8)
        self._at_least("held_out_tokens", 1)
        for name, low, high in (
            ("held_out_share", 0.0, 0.5), ("warmup_share", 0.0, 1.0), ("frozen_share", 0.0, 1.0),
            ("mask_share", 0.01, 0.9), ("weight_decay", 0.0, 10.0), ("max_megabytes", 0.001, 1e6),
            ("learning_rate", 1e-9, 10.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value:g}", f"a number from {low:g} to {high:g}", "correct it")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}", "a whole number from 0 to 4294967295", "try 0")


@dataclass(frozen=True)
class RaceConfig(_Config):
    """Everything that determines a race of methods under the same conditions."""

    source: str = option("pocket-gpt2", "English model: a catalogue name, a hub id, a local folder or a GGUF file.")
    target_language: str = option("fr", "Language code of the new language, such as fr.")
    methods: str = option(
        "all",
        "Contestants, parted by commas: all, ablation, or methods with options, such as "
        "wechsel,mean,wechsel+similarity=csls. The model from scratch (random) always takes part.",
    )
    seeds: str = option("0,1,2", "Seeds, parted by commas; each is a whole race. Fewer than three tell no noise.")
    text: str | None = option(
        None, "Text to train on: a file, a folder or a corpus of the catalogue; default: the language's."
    )
    held_out: str | None = option(None, "Held-out text; default: documents taken out of the text before anything else.")
    steps: int = option(100, "Training steps of each contestant; 0 compares the initialisations alone.")
    eval_every: int | None = option(None, "Steps between two scores; default: ten scores a run.")
    batch_size: int | None = option(None, "Blocks a step; default: 2,048 tokens small, the paper's at full size.")
    block_size: int | None = option(None, "Tokens a block; default: the model's longest, 1,024 at most.")
    learning_rate: float | None = option(None, "Peak learning rate; default: the paper's.")
    held_out_tokens: int = option(20_000, "Held-out tokens that are scored each time. More is steadier and slower.")
    helper_steps: int | None = option(
        None, "Steps that the helper model of CLP and OMP is trained from scratch; default: four times the race's."
    )
    target_tokenizer: str | None = option(None, "Folder, hub id or tokenizer.json; default: the catalogue's.")
    source_vectors: str | None = option(None, "Static vectors of English; default: the catalogue's.")
    target_vectors: str | None = option(None, "Static vectors of the new language; default: the catalogue's.")
    dictionary: str | None = option(None, "Bilingual dictionary, English first; default: the catalogue's.")
    device: str = option("auto", "Where to train.", choices=("auto", "cpu", "cuda", "mps"))
    threads: int | None = option(None, "CPU threads; default: all cores. Another number rounds sums differently.")

    def __post_init__(self) -> None:
        self._check()
        for name, least in (
            ("steps", 0), ("eval_every", 1), ("batch_size", 1), ("block_size", 8), ("held_out_tokens", 1),
            ("helper_steps", 1), ("threads", 1),
        ):  # fmt: skip
            self._at_least(name, least)
        if not self.methods.strip(" ,"):
            raise ConfigError("no method", "all, ablation or a list of methods", "give --methods")
        if not self.seed_numbers:
            raise ConfigError(f"seeds are {self.seeds!r}", "different whole numbers parted by commas", "try 0,1,2")

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds as numbers; none where they cannot be read as different ones."""
        parts = [part.strip() for part in self.seeds.split(",")]
        if not all(part.isascii() and part.isdigit() and int(part) < 2**32 for part in parts):
            return ()
        numbers = tuple(int(part) for part in parts)
        return numbers if len(set(numbers)) == len(numbers) else ()


def config_hash(values: dict[str, Any]) -> str:
    """SHA-256 of a config's canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def flags(config: _Config) -> list[str]:
    """The command-line flags that say what differs from a configuration's defaults, by name; a switch has no value."""
    found = []
    for item in sorted(dataclasses.fields(config), key=lambda item: item.name):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if value != item.default:
            found += [f"--{item.name.replace('_', '-')}", *([] if isinstance(value, bool) else [str(value)])]
    return found


def field_help(config: type, name: str) -> str:
    """The help text of a config's field."""
    return str(next(item for item in dataclasses.fields(config) if item.name == name).metadata["help"])
