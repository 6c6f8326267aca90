"""Which source row a special token, byte piece or shared token takes over, and which tokens may be neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wechsel_core.types import TokenTable

#: Roles that stand in for one that the source lacks, best first. A mask has no stand-in.
STAND_INS = {
    "bos": ("cls", "eos", "sep"),
    "eos": ("sep", "bos", "cls"),
    "cls": ("bos", "sep", "eos"),
    "sep": ("eos", "cls", "bos"),
    "pad": ("eos", "sep"),
    "unk": ("eos", "sep"),
}


def special_copies(source: TokenTable, target: TokenTable) -> dict[int, int]:
    """Map special target tokens to source tokens: by role, by a role that stands in, then by equal string.

    Returns
    -------
    dict of target id to source id, in order of target id
        A special token without any counterpart is left out.
    """
    copies: dict[int, int] = {}
    by_string = {token: i for i, token in enumerate(source.tokens) if source.is_special[i]}
    for token_id in np.flatnonzero(target.is_special):
        if target.tokens[token_id] in by_string:
            copies[int(token_id)] = by_string[target.tokens[token_id]]
    # A token with several roles (GPT-2's end of text is bos, eos and unk) goes by the first that is answered.
    answered: set[int] = set()
    for role, target_id in target.roles.items():
        if target_id in answered:
            continue
        for name in (role, *STAND_INS.get(role, ())):
            if name in source.roles:
                copies[target_id] = source.roles[name]
                answered.add(target_id)
                break
    return dict(sorted(copies.items()))


def equal_string_copies(source: TokenTable, target: TokenTable) -> dict[int, int]:
    """The reference's rule: a source special token's row goes to the target token of the same string."""
    where = {token: i for i, token in enumerate(target.tokens)}
    return {where[token]: i for i, token in enumerate(source.tokens) if source.is_special[i] and token in where}


def byte_copies(source: TokenTable, target: TokenTable) -> dict[int, int]:
    """Map incomplete UTF-8 pieces of the target to the same bytes' piece in the source."""
    where = {piece: i for i, piece in enumerate(source.byte_pieces) if piece}
    return {i: where[piece] for i, piece in enumerate(target.byte_pieces) if piece and piece in where}


def shared_tokens(source: TokenTable, target: TokenTable) -> dict[int, int]:
    """Map target tokens to the source token that stands for the same text at the same place in a word.

    Decoded texts are compared, so that "Ġthe", "▁the" and WordPiece's "the" are one, and so are "ing" and "##ing". Case
    counts. Byte pieces go by their bytes; one that is a whole character ("<0x41>") stands in for the token "A" where
    the other tokenizer has no such token, and the other way round. Special tokens and unused ids are left out.

    Returns
    -------
    dict of target id to source id, in order of target id
        Of several source tokens the one of lowest id.
    """
    where: dict[tuple[bool, bool, bytes], int] = {}
    for source_id, key in enumerate(_shared_keys(source)):
        if key is not None:
            where.setdefault(key, source_id)
    shared = {}
    for target_id, key in enumerate(_shared_keys(target)):
        if key is None:
            continue
        piece, *rest = key
        found = where.get(key, where.get((not piece, *rest)))  # type: ignore[arg-type]
        if found is not None:
            shared[target_id] = found
    return shared


def _shared_keys(table: TokenTable) -> Iterator[tuple[bool, bool, bytes] | None]:
    """For each token whether it is a byte piece, whether it starts a word, and its bytes without the leading space."""
    for token, text, piece, initial, special in zip(
        table.tokens, table.texts, table.byte_pieces, table.word_initial, table.is_special, strict=True
    ):
        content = piece or text.encode("utf-8", errors="surrogatepass")
        yield (
            None
            if special or not token
            else (bool(piece), bool(initial), content.removeprefix(b" " if initial else b""))
        )


def neighbor_candidates(source: TokenTable, *, distinct_texts: bool = False) -> np.ndarray:
    """Source tokens that may be neighbours: neither special, nor unused, nor an incomplete byte piece.

    With ``distinct_texts`` only the first token of each text remains, white space at its ends ignored.

    Returns
    -------
    ndarray of bool, shape (n_source_tokens,)
    """
    allowed = ~source.is_special & np.array([bool(t) for t in source.tokens], dtype=bool)
    allowed &= np.array([not piece for piece in source.byte_pieces], dtype=bool)
    if distinct_texts:
        seen: set[str] = set()
        for i in np.flatnonzero(allowed):
            text = source.texts[i].strip()
            allowed[i] = text not in seen
            seen.add(text)
    return np.asarray(allowed)
