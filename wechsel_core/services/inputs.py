"""Names become objects: models, tokenizers, vectors and dictionaries by catalogue name or path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wechsel_core import catalogue
from wechsel_core.assets import resolve
from wechsel_core.config import InitConfig
from wechsel_core.dictionaries import read_dictionary
from wechsel_core.errors import InputError, TokenizerError, VectorFileError
from wechsel_core.types import BilingualDictionary, Progress
from wechsel_core.vectors.base import StaticVectors

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Everything that one initialisation works on, opened and checked."""

    source: Any  # models.Checkpoint
    target_tokenizer: Any
    source_vectors: StaticVectors
    target_vectors: StaticVectors
    dictionary: BilingualDictionary


def default_name(kind: catalogue.Kind, language: str, wanted: str, family: str | None = None) -> str:
    """The catalogue's choice for a language: pocket before wheel before hub.

    Raises
    ------
    InputError
        If the catalogue has none; the sentence names the parameter that takes a file instead.
    """
    listing = catalogue.load_catalogue()
    listing.language(language)  # a code that it does not know is refused here, where a default is asked for
    entries = listing.find(kind, language=language, family=family)
    if not entries:
        raise InputError(
            f"the catalogue has no {wanted} for language {language!r}",
            "one of your own",
            f"give --{wanted.replace(' ', '-')}",
        )
    return entries[0].name


def open_inputs(config: InitConfig, progress: Progress) -> TransferInputs:
    """Open all inputs of a configuration, cheapest checks first, so that a slip shows before a long load."""
    from wechsel_core.models import open_checkpoint

    dictionary_name = config.dictionary or default_name("dictionary", config.target_language, "dictionary")
    dictionary = read_dictionary(Path(resolve("dictionary", dictionary_name, progress)))
    progress(0.05, "Opening the static vectors")
    source_vectors = _open_vectors(config.source_vectors, SOURCE_LANGUAGE, "source vectors", progress)
    target_vectors = _open_vectors(config.target_vectors, config.target_language, "target vectors", progress)
    if source_vectors.dim != target_vectors.dim:
        source_vectors, target_vectors = _same_dimension(source_vectors, target_vectors, config.reduce_dimension)
    progress(0.1, f"Loading {config.source}")
    source = open_checkpoint(resolve("model", config.source, progress), progress=progress)
    progress(0.3, "Preparing the target tokenizer")
    tokenizer = _target_tokenizer(config, source, progress)
    return TransferInputs(source, tokenizer, source_vectors, target_vectors, dictionary)


def _open_vectors(given: str | None, language: str, wanted: str, progress: Progress) -> StaticVectors:
    from wechsel_core.vectors.open import open_vectors
    from wechsel_core.vectors.spacy_vectors import SpacyVectors
    from wechsel_core.vectors.store import with_counts

    store = open_vectors(Path(resolve("vectors", given or default_name("vectors", language, wanted), progress)))
    if isinstance(store, SpacyVectors) and not store.ordered_by_frequency:
        # Ranks that mean nothing would weight words at random: take the counts of the language's own vectors.
        counted = open_vectors(Path(resolve("vectors", default_name("vectors", language, wanted), progress)))
        return with_counts(store, dict(zip(counted.words, counted.frequencies.astype(int).tolist(), strict=True)))
    return store


def _same_dimension(source: StaticVectors, target: StaticVectors, reduce: bool) -> tuple[StaticVectors, StaticVectors]:
    if not reduce:
        raise VectorFileError(
            f"source vectors of {source.dim} and target vectors of {target.dim} dimensions",
            "two files of one dimension",
            "give --reduce-dimension to shorten the wider one by PCA",
        )
    from wechsel_core.vectors.reduce import ReducedVectors

    dim = min(source.dim, target.dim)
    return (
        source if source.dim == dim else ReducedVectors(source, dim),
        target if target.dim == dim else ReducedVectors(target, dim),
    )


def _target_tokenizer(config: InitConfig, source: Any, progress: Progress) -> Any:
    from wechsel_core.tokenizers.load import check_roles, load_tokenizer, target_special_tokens

    needed = ("mask", "pad") if source.kind == "masked" else ("eos",)
    if config.tokenizer_corpus:
        from wechsel_core.tokenizers.training import train_tokenizer

        specials = target_special_tokens(source.tokenizer)
        size = config.vocab_size or len(source.tokenizer)
        tokenizer = train_tokenizer(
            corpus_lines(Path(config.tokenizer_corpus)),
            kind=config.tokenizer_kind,  # type: ignore[arg-type]
            vocab_size=size,
            special_tokens=specials,
            sentence_frame=source.kind == "masked",
        )
        if len(tokenizer) < size:
            raise TokenizerError(
                f"{config.tokenizer_corpus} yields {len(tokenizer)} tokens",
                f"text enough for {size}",
                "give more text or a smaller --vocab-size",
            )
    else:
        family = "roberta" if source.kind == "masked" else "gpt2"
        name = config.target_tokenizer or default_name(
            "tokenizer", config.target_language, "target tokenizer", family=family
        )
        tokenizer = load_tokenizer(resolve("tokenizer", name, progress))
    check_roles(tokenizer, needed)
    return tokenizer


def corpus_lines(path: Path) -> Iterable[str]:
    """Non-empty lines of a text file, or of all .txt files of a folder in order of name.

    Raises
    ------
    TokenizerError
        If there is no text, or it is not UTF-8.
    """
    files = sorted(path.glob("**/*.txt")) if path.is_dir() else [path]
    lines: list[str] = []
    for file in files:
        try:
            lines += [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise TokenizerError(
                f"{file} cannot be read as text ({type(error).__name__})",
                "UTF-8 text",
                "check the path and the encoding",
            ) from error
    if not lines:
        raise TokenizerError(f"{path} holds no text", "a text file or a folder of .txt files", "check the path")
    return lines
