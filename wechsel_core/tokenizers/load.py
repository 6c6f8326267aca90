"""Load a tokenizer from a folder, a ``tokenizer.json`` or the hub, and look at its special tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wechsel_core.assets.hub import fetch_tokenizer
from wechsel_core.errors import AssetError, TokenizerError
from wechsel_core.tokenizers.table import ROLES, backend_of, token_roles
from wechsel_core.types import TokenTable

#: Any of these can become a fast tokenizer; transformers makes an empty one, silently, of a folder without them.
_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")

#: What special tokens are usually called: a bare ``tokenizer.json`` does not say which role a token has.
_USUAL_NAMES = {
    "bos": ("<s>", "<|begin_of_text|>", "<bos>", "[BOS]", "<|endoftext|>"),
    "eos": ("</s>", "<|end_of_text|>", "<eos>", "[EOS]", "<|endoftext|>"),
    "pad": ("<pad>", "[PAD]", "<|pad|>"),
    "unk": ("<unk>", "[UNK]"),
    "mask": ("<mask>", "[MASK]"),
    "sep": ("[SEP]", "</s>"),
    "cls": ("[CLS]", "<s>"),
}


def load_tokenizer(source: str | Path, *, revision: str | None = None) -> Any:
    """Load a fast tokenizer; code that comes with it is never run.

    Parameters
    ----------
    source : str or Path
        A folder as ``save_pretrained`` writes it, a ``tokenizer.json`` file, or a hub id. A bare ``tokenizer.json``
        gets its roles by the usual names of its special tokens (``<s>``, ``[CLS]``, ``<|endoftext|>``...).
    revision : str, optional
        Branch, tag or commit of a hub id.

    Returns
    -------
    transformers.PreTrainedTokenizerFast

    Raises
    ------
    TokenizerError
        If it cannot be found or read, or has no fast form.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return _from_file(path)
    if path.is_dir():
        return _from_folder(path, str(path))
    if isinstance(source, Path) or path.is_absolute() or str(source).startswith((".", "~")):
        raise TokenizerError(f"{source} does not exist", "a folder or a tokenizer.json", "correct the path")
    try:
        folder = fetch_tokenizer(str(source), revision=revision)
    except AssetError as error:
        raise TokenizerError(error.found, error.expected, error.remedy) from error
    return _from_folder(folder, f"{str(source)!r} on the Hugging Face hub")


def _from_file(path: Path) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises plain Exception
        raise TokenizerError(
            f"{path} cannot be read as a tokenizer ({error})", "a tokenizer.json", "choose another file"
        ) from error
    special = {token.content for token in backend.get_added_tokens_decoder().values() if token.special}
    roles = {
        f"{role}_token": next((name for name in names if name in special), None) for role, names in _USUAL_NAMES.items()
    }
    roles = {role: name for role, name in roles.items() if name}
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **roles)


def _from_folder(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    if not any((folder / file).is_file() for file in _FILES):
        raise TokenizerError(f"{name} holds no tokenizer", "a tokenizer.json", "save one there, or choose another")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # transformers raises nearly anything on malformed files
        raise TokenizerError(
            f"the tokenizer of {name} cannot be read ({_first_line(error)})",
            "a tokenizer that transformers reads without code of its own",
            "choose another tokenizer",
        ) from error
    backend_of(tokenizer)
    if not tokenizer.get_vocab():
        raise TokenizerError(f"the tokenizer of {name} is empty", "a vocabulary", "choose another tokenizer")
    return tokenizer


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def check_roles(tokens: TokenTable | Any, needed: Iterable[str]) -> None:
    """Refuse a tokenizer that lacks a special token.

    Parameters
    ----------
    tokens : TokenTable or transformers.PreTrainedTokenizerFast
    needed : iterable of {"bos", "eos", "pad", "unk", "mask", "sep", "cls"}

    Raises
    ------
    TokenizerError
        Naming every missing role.
    """
    present = tokens.roles if isinstance(tokens, TokenTable) else token_roles(tokens)
    missing = [role for role in needed if role not in present]
    if missing:
        names = ", ".join(missing)
        raise TokenizerError(
            f"the tokenizer has no {names} token",
            f"special tokens for {names}",
            f"set {' and '.join(f'{role}_token' for role in missing)} in its special_tokens_map or train a new one",
        )


def target_special_tokens(source_tokenizer: Any) -> dict[str, str]:
    """Role to token of a source tokenizer, by source id: what a target tokenizer is trained with.

    The order keeps ids that models count on: RoBERTa's pad stays 1, from which it counts its positions.

    Returns
    -------
    dict of str to str
        As ``train_tokenizer`` takes it; roles that share a token (GPT-2) follow each other.
    """
    roles = token_roles(source_tokenizer)
    names = sorted(roles, key=lambda role: (roles[role], ROLES.index(role)))
    return {role: str(getattr(source_tokenizer, f"{role}_token")) for role in names}
