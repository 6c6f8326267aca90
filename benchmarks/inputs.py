"""Make what is measured on: arrays, tokenizers, models, .bin files and a dictionary; seeded, nothing fetched.

Run by the harness in the project's environment. What is there already is kept.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.profiles import PROFILES, Profile

SEED = 0
TWINS = 0.12  #: of the rows equal an earlier one, as tokens do that differ in the leading space alone
ZEROS = 0.02  #: of the rows are zero: tokens too short for an n-gram
CLUSTERS = 2_000
WORDS_A_LINE = 12
GPT2_ROLES = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
ROBERTA_ROLES = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
LANGUAGES = ("en", "fr")


def main() -> None:
    """``python -m benchmarks.inputs PROFILE FOLDER``."""
    profile, folder = PROFILES[sys.argv[1]], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in _steps(profile, folder):
        if not (folder / name).exists():
            sys.stdout.write(f"making {name}\n")
            sys.stdout.flush()
            partial = folder / f"{name}.partial"
            if partial.is_dir():
                shutil.rmtree(partial)
            make(partial)
            os.replace(partial, folder / name)


def _steps(profile: Profile, folder: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    yield "source.npy", lambda path: _save(path, static_vectors(profile, side=0))
    yield "target.npy", lambda path: _save(path, static_vectors(profile, side=1))
    yield "matrix.npy", lambda path: _save(path, _matrix(profile))
    words = {language: word_list(language, profile.words) for language in LANGUAGES}
    for language in LANGUAGES:
        text = (words[language], profile.sampled_words)
        yield f"gpt2-{language}", lambda path, text=text: _tokenizer(path, *text, profile.vocab, GPT2_ROLES)
        yield (
            f"roberta-{language}",
            lambda path, text=text: _tokenizer(path, *text, profile.roberta_vocab, ROBERTA_ROLES),
        )
        yield f"{language}.bin", lambda path, lang=language: _vectors(path, words[lang], profile, LANGUAGES.index(lang))
    yield "dictionary.tsv", lambda path: _dictionary(path, words, profile.pairs)
    yield "gpt2", lambda path: _gpt2(path, profile, folder / "gpt2-en")
    yield "roberta", lambda path: _roberta(path, profile, folder / "roberta-en")


def static_vectors(profile: Profile, *, side: int) -> np.ndarray:
    """Rows like those of word vectors: clusters in common to both sides, few strong directions, twins, zero rows."""
    rows = max(profile.vocab, *profile.sizes)
    common = np.random.default_rng(SEED)
    centres = common.standard_normal((CLUSTERS, profile.static_dim), dtype=np.float32)
    spectrum = np.arange(1, profile.static_dim + 1, dtype=np.float32) ** -0.3
    mean = 0.3 * common.standard_normal(profile.static_dim, dtype=np.float32)
    rng = np.random.default_rng((SEED, side))
    vectors = 0.8 * rng.standard_normal((rows, profile.static_dim), dtype=np.float32)
    vectors += centres[rng.integers(CLUSTERS, size=rows)]
    vectors = (vectors + mean) * spectrum
    twins = 1 + rng.choice(rows - 1, size=int(TWINS * rows), replace=False)
    originals = (rng.random(len(twins)) * twins).astype(np.int64)
    single = np.setdiff1d(np.arange(rows), twins)
    # The twin of a row before it that has itself no other: every vocabulary that is cut off behind has its share.
    originals = single[np.searchsorted(single, originals, side="right") - 1]
    vectors[twins] = vectors[originals]
    vectors[1 + rng.choice(rows - 1, size=int(ZEROS * rows), replace=False)] = 0
    return vectors


def word_list(language: str, size: int) -> list[str]:
    """The pocket's words of a language, most frequent first, then words that are spelled like them."""
    from wechsel_core import paths
    from wechsel_core.vectors.open import open_vectors

    words = list(open_vectors(paths.pocket_dir() / "vectors" / language).words)[:size]
    following: dict[str, list[str]] = {}
    for word in words:
        if word.isalpha():
            framed = f"^^^{word}$"
            for position in range(3, len(framed)):
                following.setdefault(framed[position - 3 : position], []).append(framed[position])
    seen = set(words)
    rng = np.random.default_rng((SEED, LANGUAGES.index(language)))
    while len(words) < size:
        made = "^^^"
        for draw in rng.random(16):
            options = following[made[-3:]]
            letter = options[int(draw * len(options))]
            if letter == "$":
                break
            made += letter
        if len(made) > 5 and made[3:] not in seen:
            seen.add(made[3:])
            words.append(made[3:])
    return words


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _matrix(profile: Profile) -> np.ndarray:
    rng = np.random.default_rng((SEED, 2))
    # 0.14 is the standard deviation of GPT-2's own embeddings.
    return np.float32(0.14) * rng.standard_normal((max(profile.vocab, *profile.sizes), profile.width), dtype=np.float32)


def _lines(words: list[str], n_sampled: int) -> Iterator[str]:
    """Lines of words by Zipf's law, the first of each with a capital, and every word a few times besides."""
    rng = np.random.default_rng(SEED)
    weights = 1.0 / np.arange(1, len(words) + 1)
    sampled = rng.choice(len(words), size=n_sampled, p=weights / weights.sum())
    each = rng.permutation(np.tile(np.arange(len(words)), 3))
    for numbers in (sampled, each):
        for start in range(0, len(numbers), WORDS_A_LINE):
            line = " ".join(words[number] for number in numbers[start : start + WORDS_A_LINE])
            yield line[:1].upper() + line[1:]


def _tokenizer(path: Path, words: list[str], n_sampled: int, size: int, roles: dict[str, str]) -> None:
    from wechsel_core.tokenizers.training import train_tokenizer

    tokenizer = train_tokenizer(
        _lines(words, n_sampled), vocab_size=size, special_tokens=roles, sentence_frame="mask" in roles
    )
    if len(tokenizer) != size:
        raise RuntimeError(f"the text makes a tokenizer of {len(tokenizer)} tokens, not {size}: sample more words")
    tokenizer.save_pretrained(path)


def _vectors(path: Path, words: list[str], profile: Profile, seed: int) -> None:
    from benchmarks.big_vectors import write_fasttext

    counts = (1e7 / np.arange(1, len(words) + 1)).astype(np.int64)
    write_fasttext(path, words, counts, dim=profile.static_dim, bucket=profile.buckets, seed=seed)


def _dictionary(path: Path, words: dict[str, list[str]], n_pairs: int) -> None:
    pairs = list(zip(words["en"], words["fr"], strict=True))[:n_pairs]
    path.write_text("".join(f"{english}\t{french}\n" for english, french in pairs), encoding="utf-8")


def _gpt2(path: Path, profile: Profile, tokenizer: Path) -> None:
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, set_seed

    set_seed(SEED)
    config = GPT2Config(
        vocab_size=profile.vocab, n_embd=profile.width, n_layer=profile.layers, n_head=profile.heads,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(path)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(path)


def _roberta(path: Path, profile: Profile, tokenizer: Path) -> None:
    from transformers import AutoTokenizer, RobertaConfig, RobertaForMaskedLM, set_seed

    set_seed(SEED)
    config = RobertaConfig(
        vocab_size=profile.roberta_vocab, hidden_size=profile.width, num_hidden_layers=profile.layers,
        num_attention_heads=profile.heads, intermediate_size=4 * profile.width, max_position_embeddings=514,
        type_vocab_size=1, bos_token_id=0, pad_token_id=1, eos_token_id=2, layer_norm_eps=1e-5,
    )  # fmt: skip
    RobertaForMaskedLM(config).save_pretrained(path)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(path)


if __name__ == "__main__":
    main()
