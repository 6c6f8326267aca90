"""The source tokenizer's pieces of every target token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from wechsel_core.tokenizers.table import backend_of, byte_alphabet
from wechsel_core.types import TokenTable


def source_pieces(tokenizer: Any, target: TokenTable) -> list[Sequence[int]]:
    """Cut each target token's text the way the source tokenizer would where the token stands.

    A token that starts a word is cut with a space before it, any other as the middle of a word: what the tokenizer
    puts before a text by itself (Metaspace's "▁", a prefix space) is left out, and WordPiece continues with "##". An
    incomplete byte piece is cut by its bytes, where the source tokenizer writes bytes.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
        The source's.
    target : TokenTable

    Returns
    -------
    list of sequences of int, one a target token
        Source ids without special and unknown tokens; empty for special tokens, unused ids, and texts of which
        nothing else remains.
    """
    backend = backend_of(tokenizer)
    dropped = set(tokenizer.all_special_ids)
    pieces: list[Sequence[int]] = [()] * len(target)
    for initial in (True, False):
        asked = [
            i
            for i, token in enumerate(target.tokens)
            if token and not target.is_special[i] and not target.byte_pieces[i] and target.word_initial[i] == initial
        ]
        texts = [" " * initial + target.texts[i].removeprefix(" " * initial) for i in asked]
        for i, encoding in zip(
            asked, _cutter(backend, initial).encode_batch(texts, add_special_tokens=False), strict=True
        ):
            pieces[i] = [piece for piece in encoding.ids if piece not in dropped]
    for i, raw in enumerate(target.byte_pieces):
        if raw and not target.is_special[i]:
            pieces[i] = _byte_pieces(backend, raw)
    return pieces


def _cutter(backend: Any, initial: bool) -> Any:
    """A copy of a tokenizer that puts nothing before a text, and reads it as the middle of a word unless ``initial``."""
    from tokenizers import Tokenizer

    state = json.loads(backend.to_str())
    state["truncation"] = state["padding"] = None
    for name in ("normalizer", "pre_tokenizer"):
        state[name] = _without_prefix(state[name], initial)
    model = state["model"]
    if model["type"] == "WordPiece" and not initial:
        # With the continuations alone, written without their mark, every piece is one.
        mark = model["continuing_subword_prefix"]
        inner = {token.removeprefix(mark): i for token, i in model["vocab"].items() if token.startswith(mark)}
        unknown = model["unk_token"]
        model |= {"vocab": {**inner, unknown: model["vocab"][unknown]}, "continuing_subword_prefix": ""}
    return Tokenizer.from_str(json.dumps(state))


def _without_prefix(part: dict[str, Any] | None, initial: bool) -> dict[str, Any] | None:
    """A normaliser or pre-tokenizer without what puts a space before a text."""
    if part is None or part["type"] == "Prepend":
        return None
    if part["type"] == "Sequence":
        name = "normalizers" if "normalizers" in part else "pretokenizers"
        kept = [_without_prefix(inner, initial) for inner in part[name]]
        return {**part, name: [inner for inner in kept if inner is not None]}
    if part["type"] == "ByteLevel":
        return {**part, "add_prefix_space": False}
    if part["type"] == "Metaspace" and part["prepend_scheme"] != "never":
        return {**part, "prepend_scheme": "always" if initial else "never"}
    return part


def _byte_pieces(backend: Any, raw: bytes) -> Sequence[int]:
    """Pieces of an incomplete character: byte-level text, or byte-fallback tokens; none where there are neither."""
    single = [backend.token_to_id(f"<0x{byte:02X}>") for byte in raw]
    if None not in single:
        return single
    if "ByteLevel" not in f"{backend.pre_tokenizer}{backend.decoder}":
        return ()
    characters = {byte: character for character, byte in byte_alphabet().items()}
    return [token.id for token in backend.model.tokenize("".join(characters[byte] for byte in raw))]
