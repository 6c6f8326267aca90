"""The two sizes at which everything is measured: the real one, and a small one to try the harness."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Sizes of the inputs and of the models."""

    name: str
    vocab: int  #: tokens of both GPT-2 tokenizers, and rows of the single call
    roberta_vocab: int
    static_dim: int
    width: int
    layers: int
    heads: int
    words: int  #: of each .bin file
    buckets: int
    pairs: int  #: of the dictionary
    sampled_words: int  #: running words that the tokenizers are trained on
    sizes: tuple[int, ...]  #: vocabularies of part e


FULL = Profile(
    "full",
    vocab=50_257,
    roberta_vocab=50_265,
    static_dim=300,
    width=768,
    layers=12,
    heads=12,
    words=100_000,
    buckets=2_000_000,
    pairs=60_000,
    sampled_words=3_000_000,
    sizes=(8_192, 16_384, 32_768, 65_536, 131_072),
)
QUICK = Profile(
    "quick",
    vocab=4_000,
    roberta_vocab=4_008,
    static_dim=300,
    width=192,
    layers=2,
    heads=4,
    words=20_000,
    buckets=20_000,
    pairs=3_000,
    sampled_words=200_000,
    sizes=(1_024, 2_048, 4_096, 8_192),
)
PROFILES = {profile.name: profile for profile in (FULL, QUICK)}
