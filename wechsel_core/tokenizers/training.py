"""Train a target tokenizer from text: byte-level BPE, Unigram or WordPiece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from wechsel_core.errors import TokenizerError

TokenizerKind = Literal["bpe", "unigram", "wordpiece"]

_ROLE_ARGUMENTS = {
    "bos": "bos_token",
    "eos": "eos_token",
    "unk": "unk_token",
    "sep": "sep_token",
    "pad": "pad_token",
    "cls": "cls_token",
    "mask": "mask_token",
}


def train_tokenizer(
    lines: Iterable[str],
    *,
    kind: TokenizerKind = "bpe",
    vocab_size: int,
    special_tokens: Mapping[str, str],
    sentence_frame: bool = False,
) -> Any:
    """Train a tokenizer and wrap it for transformers.

    Parameters
    ----------
    lines : iterable of str
        Training text, one paragraph an item.
    kind : {"bpe", "unigram", "wordpiece"}
        ``bpe`` is GPT-2's byte-level BPE: no token is ever unknown.
    vocab_size : int
        Size asked for, special tokens included; the result may be smaller where the text is.
    special_tokens : mapping of role to token
        Roles are bos, eos, unk, sep, pad, cls, mask; two roles may share a token. Ids follow this order.
    sentence_frame : bool
        Whether an encoded text is framed as ``<bos> text <eos>`` the way RoBERTa's is.

    Returns
    -------
    transformers.PreTrainedTokenizerFast

    Raises
    ------
    TokenizerError
        If the kind needs an unk token and the roles have none, or the vocabulary cannot hold the text's alphabet.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if kind != "bpe" and "unk" not in special_tokens:
        raise TokenizerError(f"no unk token for {kind}", "one for unknown characters", "train a bpe tokenizer instead")
    specials = list(dict.fromkeys(special_tokens.values()))
    common: dict[str, Any] = {"vocab_size": vocab_size, "special_tokens": specials, "show_progress": False}
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer: Any = trainers.BpeTrainer(
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), min_frequency=2, **common
        )
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token=special_tokens["unk"], **common)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token=special_tokens["unk"]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(**common)
    try:
        tokenizer.train_from_iterator(lines, trainer)
    except Exception as error:  # the Rust library raises nothing narrower
        raise _too_small(vocab_size, str(error)) from error
    if tokenizer.get_vocab_size() > vocab_size:
        raise _too_small(vocab_size, f"the alphabet and special tokens make {tokenizer.get_vocab_size()}")
    if sentence_frame:
        begin = special_tokens.get("bos", special_tokens.get("cls"))
        end = special_tokens.get("eos", special_tokens.get("sep"))
        if begin is None or end is None:
            raise TokenizerError("neither bos nor cls, or neither eos nor sep", "a token at each end", "add them")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}",
            pair=f"{begin} $A {end} {end} $B {end}",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys((begin, end))],
        )
    roles = {_ROLE_ARGUMENTS[role]: token for role, token in special_tokens.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **roles)


def _too_small(vocab_size: int, reason: str) -> TokenizerError:
    return TokenizerError(
        f"a vocabulary of {vocab_size} ({reason[:120]})", "room for the text's characters", "ask for a larger one"
    )
