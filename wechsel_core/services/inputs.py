"""Names become objects: models, tokenizers, vectors and dictionaries by catalogue name or path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wechsel_core import catalogue
from wechsel_core.alignment import DictionaryAlignment, align
from wechsel_core.assets import resolve
from wechsel_core.config import InitConfig, field_help
from wechsel_core.dictionaries import CaseVariants, read_dictionary, sampled
from wechsel_core.errors import ConfigError, InputError, TextError, TokenizerError, VectorFileError
from wechsel_core.numerics.parallel import begin
from wechsel_core.transfer.method import Need
from wechsel_core.transfer.registry import check_options, method
from wechsel_core.types import BilingualDictionary, Progress
from wechsel_core.vectors.base import StaticVectors
from wechsel_core.vectors.first_words import first_words

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Everything that one initialisation works on, opened and checked; what its method does not need is None."""

    source: Any  # models.Checkpoint
    target_tokenizer: Any
    source_vectors: StaticVectors | None = None
    target_vectors: StaticVectors | None = None
    dictionary: BilingualDictionary | None = None
    helper: Any = None  # models.Checkpoint
    #: Waits for the alignment, where it was begun while the models were opened.
    aligning: Callable[[], DictionaryAlignment] | None = None


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


def open_inputs(config: InitConfig, progress: Progress, *, align_ahead: bool = False) -> TransferInputs:
    """Open what the method of a configuration needs, cheapest checks first, so that a slip shows before a long load.

    Parameters
    ----------
    config : InitConfig
    progress : callable
    align_ahead : bool
        Begin the alignment at once on a thread of its own: the libraries of the models take as long to load.

    Raises
    ------
    InputError
        One of its subclasses: an option that the method does not read, something that it needs and is not given, or
        an input that cannot be used.
    """
    from wechsel_core.models import open_checkpoint

    check_options(config)
    needs = method(config.method).needs(config)
    _check_given(config, needs)
    opened: dict[str, Any] = {}
    if "dictionary" in needs:
        name = config.dictionary or default_name("dictionary", config.target_language, "dictionary")
        opened["dictionary"] = sampled(
            read_dictionary(Path(resolve("dictionary", name, progress))), config.dictionary_size, config.seed
        )
    progress(0.05, "Opening what the method needs")
    languages = {"source_vectors": SOURCE_LANGUAGE, "target_vectors": config.target_language}
    for name, language in languages.items():
        if name in needs:
            opened[name] = _open_vectors(getattr(config, name), language, name.replace("_", " "), progress)
            if config.vector_words is not None:
                opened[name] = first_words(opened[name], config.vector_words)
    if languages.keys() <= opened.keys() and opened["source_vectors"].dim != opened["target_vectors"].dim:
        opened["source_vectors"], opened["target_vectors"] = _same_dimension(
            opened["source_vectors"], opened["target_vectors"], config.reduce_dimension
        )
    if align_ahead and "dictionary" in opened:
        vectors = opened["source_vectors"], opened["target_vectors"]
        opened["aligning"] = begin(partial(align_vectors, config, opened["dictionary"], *vectors))
    progress(0.1, f"Loading {config.source}")
    source = open_checkpoint(resolve("model", config.source, progress), progress=progress)
    progress(0.3, "Preparing the target tokenizer")
    tokenizer = _target_tokenizer(config, source, progress)
    if "helper" in needs:
        opened["helper"] = _open_helper(str(config.helper), tokenizer, progress)
    return TransferInputs(source, tokenizer, **opened)


def align_vectors(
    config: InitConfig, dictionary: BilingualDictionary, source: StaticVectors, target: StaticVectors
) -> DictionaryAlignment:
    """Align two vector stores as a configuration says."""
    case_variants: CaseVariants = "reference" if config.compat == "reference" else "unique"
    return align(dictionary, source, target, case_variants=case_variants, seed=config.seed)


def _check_given(config: InitConfig, needs: frozenset[Need]) -> None:
    """What a method needs and the catalogue has no default for has to be given."""
    for name in ("helper", "auxiliary_text"):
        if name in needs and getattr(config, name) is None:
            raise ConfigError(
                f"method {config.method} without a {name.replace('_', ' ')}",
                field_help(InitConfig, name),
                f"give --{name.replace('_', '-')} or choose another method",
            )
    if config.auxiliary_text is not None and not Path(config.auxiliary_text).exists():
        raise TextError(
            f"no text at {config.auxiliary_text}", "a UTF-8 text file or a folder of them", "check the path"
        )


def _open_helper(name: str, tokenizer: Any, progress: Progress) -> Any:
    """A helper model; it must have the target tokenizer, token by token."""
    from wechsel_core.models import open_checkpoint

    helper = open_checkpoint(resolve("model", name, progress), progress=progress)
    theirs, ours = helper.tokenizer.get_vocab(), tokenizer.get_vocab()
    if theirs != ours:
        shared = sum(ours.get(token) == number for token, number in theirs.items())
        raise TokenizerError(
            f"the helper {name} has another tokenizer ({shared} of {len(ours)} tokens have the same id)",
            "a model with the target tokenizer",
            "train one with it, or give its tokenizer as --target-tokenizer",
        )
    return helper


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
    lines: list[str] = []
    for file in _text_files(path):
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


def text_sha256(path: Path) -> str:
    """Hash of a text file, or of all .txt files of a folder in order of name."""
    digest = hashlib.sha256()
    for file in _text_files(path):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _text_files(path: Path) -> list[Path]:
    return sorted(path.glob("**/*.txt")) if path.is_dir() else [path]
