"""A Hugging Face fast tokenizer as columns: what every token id stands for.

Tokens are read off the vocabulary strings themselves: decoding ids one by one is slow (50,000 calls), and loses the
leading space that tells " the" from "the" wherever a decoder strips the first space of a text.

Undecided, because a vocabulary string alone does not tell:

- ``word_initial`` follows the marker alone. A byte-level or SentencePiece token without one may still open a text (the
  first word of a line, the text after a line break); every Chinese character is word-initial for WordPiece and none
  is for byte-level BPE.
- Tokenizers with another decoder (CLIP's ``</w>``, character models) are decoded by their own decoder in one batch.
  There a leading space is known only where the decoder keeps it.
- BERT's ``[unused12]`` and Gemma's ``<unused12>`` are marked special: a reserved place never occurs in a text.
- The clean-up of spaces before punctuation, which some tokenizers add when they decode a text, is left out.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wechsel_core.errors import TokenizerError
from wechsel_core.types import TokenTable

#: Roles in the order in which special tokens of equal id are named.
ROLES = ("bos", "eos", "pad", "unk", "mask", "sep", "cls")

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_RESERVED = re.compile(r"\[unused\d+\]|<unused\d+>")
_DEFAULT_MARKER = "▁"


@dataclass(frozen=True)
class _Scheme:
    """How a tokenizer writes text into vocabulary strings."""

    kind: str  # "bytes", "marker", "wordpiece" or "other"
    marker: str = ""  # stands for a space ("marker") or opens a continuation ("wordpiece")
    byte_fallback: bool = False


@dataclass
class _Decoded:
    text: str
    word_initial: bool
    byte_piece: bytes = b""


@functools.cache
def byte_alphabet() -> dict[str, int]:
    """GPT-2's map from the 256 characters of a byte-level vocabulary to the bytes that they stand for."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    return alphabet | {chr(256 + place): byte for place, byte in enumerate(others)}


def token_table(tokenizer: Any) -> TokenTable:
    """Read a tokenizer's vocabulary into columns, row = token id.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
        Byte-level BPE (GPT-2, Llama 3), Metaspace or Unigram (XLM-R, T5), SentencePiece BPE with byte fallback
        (Llama 2, Gemma) or WordPiece (BERT). Others are decoded token by token by their own decoder.

    Returns
    -------
    TokenTable
        Of length highest id + 1; ids that no token uses hold empty strings. May be shorter than the model's
        embedding matrix (padded vocabularies): slice the matrix to the table's length.

    Raises
    ------
    TokenizerError
        If the tokenizer is not a fast one or holds no tokens.
    """
    backend = backend_of(tokenizer)
    vocabulary = tokenizer.get_vocab()
    if not vocabulary:
        raise TokenizerError("the tokenizer's vocabulary is empty", "tokens", "choose a folder with a tokenizer.json")
    n_tokens = max(vocabulary.values()) + 1
    tokens = [""] * n_tokens
    for token, token_id in vocabulary.items():
        tokens[token_id] = token
    added = tokenizer.added_tokens_decoder
    roles = token_roles(tokenizer)
    special = {token_id for token_id, token in added.items() if token.special} | set(roles.values())
    special |= set(tokenizer.all_special_ids)
    special |= {token_id for token_id, token in enumerate(tokens) if _RESERVED.fullmatch(token)}

    texts, pieces = list(tokens), [b""] * n_tokens
    word_initial = np.zeros(n_tokens, dtype=bool)
    # An added token is matched in the raw text: it holds its text as it is, whatever the scheme.
    plain = [token_id for token_id, token in enumerate(tokens) if token and token_id not in added]
    plain = [token_id for token_id in plain if token_id not in special]
    decoded = _decode(backend, _scheme(backend), [tokens[i] for i in plain], plain)
    for token_id, entry in zip(plain, decoded, strict=True):
        texts[token_id], word_initial[token_id], pieces[token_id] = entry.text, entry.word_initial, entry.byte_piece
    for token_id in set(added) - special:
        word_initial[token_id] = tokens[token_id].startswith((" ", _DEFAULT_MARKER))
    is_special = np.zeros(n_tokens, dtype=bool)
    is_special[[token_id for token_id in special if token_id < n_tokens]] = True
    return TokenTable(tuple(tokens), tuple(texts), tuple(pieces), word_initial, is_special, roles)


def backend_of(tokenizer: Any) -> Any:
    """The ``tokenizers.Tokenizer`` inside; raises ``TokenizerError`` for a tokenizer without one (a slow one)."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not getattr(tokenizer, "is_fast", False):
        raise TokenizerError(
            f"a slow tokenizer ({type(tokenizer).__name__})",
            "a fast one, whose vocabulary is in a tokenizer.json",
            "convert it with transformers and save it again, or choose another tokenizer",
        )
    return backend


def token_roles(tokenizer: Any) -> dict[str, int]:
    """Role to token id, only the roles that the tokenizer sets to a token that it has."""
    vocabulary = tokenizer.get_vocab()
    named = {role: getattr(tokenizer, f"{role}_token", None) for role in ROLES}
    return {role: vocabulary[str(token)] for role, token in named.items() if token and str(token) in vocabulary}


def _components(component: Any) -> Iterator[dict[str, Any]]:
    """A decoder or pre-tokenizer as JSON objects, sequences flattened."""
    if component is None:
        return
    queue = [json.loads(component.__getstate__())]
    while queue:
        part = queue.pop(0)
        nested = part.get("decoders") or part.get("pretokenizers")
        if nested:
            queue = [*nested, *queue]
        else:
            yield part


def _scheme(backend: Any) -> _Scheme:
    # The model's own state is the whole vocabulary as JSON; its attributes and the small components are enough.
    parts = {part["type"]: part for part in _components(backend.pre_tokenizer)}
    parts |= {part["type"]: part for part in _components(backend.decoder)}
    model = backend.model
    fallback = "ByteFallback" in parts or bool(getattr(model, "byte_fallback", False))
    if getattr(model, "end_of_word_suffix", None) or "BPEDecoder" in parts:
        return _Scheme("other")
    if "ByteLevel" in parts:
        return _Scheme("bytes")
    if "WordPiece" in parts or type(model).__name__ == "WordPiece":
        return _Scheme("wordpiece", getattr(model, "continuing_subword_prefix", None) or "##")
    if "Metaspace" in parts:
        return _Scheme("marker", parts["Metaspace"].get("replacement", _DEFAULT_MARKER), fallback)
    replace = parts.get("Replace", {})
    if replace.get("content") == " " and "String" in replace.get("pattern", {}):
        return _Scheme("marker", replace["pattern"]["String"], fallback)
    return _Scheme("marker", _DEFAULT_MARKER, True) if fallback else _Scheme("other")


def _decode(backend: Any, scheme: _Scheme, tokens: list[str], ids: list[int]) -> Iterator[_Decoded]:
    if scheme.kind == "bytes":
        return map(_from_bytes, tokens)
    if scheme.kind == "wordpiece":
        return (_from_wordpiece(token, scheme.marker) for token in tokens)
    if scheme.kind == "marker":
        return (_from_marker(token, scheme) for token in tokens)
    texts = backend.decode_batch([[token_id] for token_id in ids], skip_special_tokens=False)
    return (_Decoded(text, text.startswith(" ")) for text in texts)


def _from_bytes(token: str) -> _Decoded:
    alphabet = byte_alphabet()
    try:
        raw = bytes([alphabet[character] for character in token])
    except KeyError:  # not byte-level text: the decoder, too, then takes the token as it is
        return _Decoded(token, token.startswith(" "))
    initial = raw.startswith(b" ")
    try:
        return _Decoded(raw.decode(), initial)
    except UnicodeDecodeError:
        return _Decoded(raw.decode(errors="replace"), initial, raw)


def _from_marker(token: str, scheme: _Scheme) -> _Decoded:
    byte = _BYTE_TOKEN.fullmatch(token) if scheme.byte_fallback else None
    if byte:
        raw = bytes([int(byte.group(1), 16)])
        return _Decoded(raw.decode(errors="replace"), False, raw)
    return _Decoded(token.replace(scheme.marker, " "), token.startswith(scheme.marker))


def _from_wordpiece(token: str, prefix: str) -> _Decoded:
    if token.startswith(prefix) and token != prefix:
        return _Decoded(token.removeprefix(prefix), False)
    return _Decoded(token, True)
