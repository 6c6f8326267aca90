"""Everything that ``init`` reads, tiny and on disk: models, tokenizers, static vectors, a dictionary, a corpus."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.builders import GPT2_SPECIALS, LLAMA_SPECIALS, ROBERTA_SPECIALS, Family, tiny_model, tiny_tokenizer
from tests.memory_vectors import random_rotation
from wechsel_core.config import InitConfig

DIM = 8
PAIRS = tuple(
    zip(
        "cat dog house garden book water bread street school child woman man king queen city river tree flower sun moon "
        "red green small big old new good bad to is".split(),
        "chat chien maison jardin livre eau pain rue école enfant femme homme roi reine ville fleuve arbre fleur soleil "
        "lune rouge vert petit grand vieux neuf bon mauvais à est".split(),
        strict=True,
    )
)
#: Words by falling frequency; London and Londres stand in lower case in the dictionary, Cat in no pair of its own.
ENGLISH, FRENCH = [*(a for a, _ in PAIRS), "London", "Cat"], [*(b for _, b in PAIRS), "Londres"]
SPECIALS: dict[str, dict[str, str]] = {"gpt2": GPT2_SPECIALS, "roberta": ROBERTA_SPECIALS, "llama": LLAMA_SPECIALS}
#: Name of a model folder to family and whether input and output embeddings are one matrix.
MODELS: dict[str, tuple[Family, bool]] = {
    "gpt2": ("gpt2", True),
    "gpt2-untied": ("gpt2", False),
    "roberta": ("roberta", True),
    "roberta-untied": ("roberta", False),
    "llama": ("llama", True),
    "llama-untied": ("llama", False),
}


def sentences(words: Sequence[str], *, n: int = 60, seed: int = 0) -> tuple[str, ...]:
    """Random sentences; every one ends with characters of several bytes, so that BPE learns pieces of them."""
    generator = random.Random(seed)
    return tuple(" ".join(generator.choices(words, k=8)) + " — 猫🙂" for _ in range(n))


def write_vec(path: Path, words: Sequence[str], matrix: np.ndarray) -> Path:
    """A word2vec text file."""
    lines = [f"{len(words)} {matrix.shape[1]}"]
    lines += [f"{word} {' '.join(f'{value:.6f}' for value in row)}" for word, row in zip(words, matrix, strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_bin(path: Path, words: Sequence[str], *, seed: int, dim: int = DIM, bucket: int = 500) -> Path:
    """A fastText ``.bin`` file of version 12, n-grams of 3 to 4 characters, random rows."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(len(words) + bucket, dim)).astype("<f4")
    parts = [
        struct.pack("<ii", 793712314, 12),
        struct.pack("<12id", dim, 5, 1, 1, 5, 1, 2, 2, bucket, 3, 4, 100, 1e-4),
        struct.pack("<iiiqq", len(words), len(words), 0, 100, -1),
    ]
    parts += [word.encode() + b"\0" + struct.pack("<qb", 1000 - i, 0) for i, word in enumerate(words)]
    parts += [struct.pack("<?qq", False, *matrix.shape), matrix.tobytes()]
    parts += [struct.pack("<?qq", False, 1, dim), np.zeros(dim, "<f4").tobytes()]
    path.write_bytes(b"".join(parts))
    return path


@dataclass(frozen=True)
class TinyFiles:
    """The files below one folder; ``config`` names them for a model."""

    folder: Path

    def tokenizer(self, family: str, language: str = "fr") -> Any:
        """A target tokenizer as it was saved."""
        from wechsel_core.tokenizers.load import load_tokenizer

        return load_tokenizer(self.folder / f"{language}-{family}")

    def config(self, model: str = "gpt2", *, subwords: bool = False, **changes: Any) -> InitConfig:
        """The configuration for a model of ``MODELS``; ``subwords`` takes the fastText files."""
        suffix = "bin" if subwords else "vec"
        values: dict[str, Any] = {
            "source": str(self.folder / model),
            "target_language": "fr",
            "source_vectors": str(self.folder / f"en.{suffix}"),
            "target_vectors": str(self.folder / f"fr.{suffix}"),
            "dictionary": str(self.folder / "en-fr.tsv"),
            "target_tokenizer": str(self.folder / f"fr-{MODELS[model][0]}"),
        }
        return InitConfig(**(values | changes))

    def flags(self, model: str = "gpt2", **changes: str | None) -> list[str]:
        """The same as arguments of the command line; a value of None leaves a flag out."""
        config = self.config(model)
        names = ("source", "target_language", "source_vectors", "target_vectors", "dictionary", "target_tokenizer")
        values = {name: getattr(config, name) for name in names} | changes
        return [
            part
            for name, value in values.items()
            if value is not None
            for part in (f"--{name.replace('_', '-')}", value)
        ]


def build_tiny_files(folder: Path) -> TinyFiles:
    """Write all files; about half a second."""
    rng = np.random.default_rng(0)
    english = rng.normal(size=(len(ENGLISH), DIM))
    french = english[:-1] @ random_rotation(DIM, 1) + 0.05 * rng.normal(size=(len(FRENCH), DIM))
    write_vec(folder / "en.vec", ENGLISH, english)
    write_vec(folder / "fr.vec", FRENCH, french)
    write_vec(folder / "fr-wide.vec", FRENCH, np.hstack([french, 0.1 * rng.normal(size=(len(FRENCH), 4))]))
    write_bin(folder / "en.bin", ENGLISH, seed=1)
    write_bin(folder / "fr.bin", FRENCH, seed=2)
    (folder / "en-fr.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in (*PAIRS, ("london", "londres"))), "utf-8")
    source_lines, target_lines = sentences(ENGLISH), sentences(FRENCH, seed=1)
    (folder / "fr.txt").write_text("\n".join(target_lines) + "\n", "utf-8")
    for family, specials in SPECIALS.items():
        kind: Any = "llama" if family == "llama" else "bpe"
        options = {"special_tokens": specials, "vocab_size": 400}
        english_tokenizer = tiny_tokenizer(kind, lines=source_lines, **options)
        tiny_tokenizer(kind, lines=target_lines, **options).save_pretrained(folder / f"fr-{family}")
        for name, (model_family, tied) in MODELS.items():
            if model_family == family:
                tiny_model(model_family, english_tokenizer, tied=tied).save_pretrained(folder / name)
                english_tokenizer.save_pretrained(folder / name)
    return TinyFiles(folder)
