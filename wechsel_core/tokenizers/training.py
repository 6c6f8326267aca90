"""Train a target tokenizer from text: byte-level BPE, Unigram or WordPiece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

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
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

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
        trainer = trainers.UnigramTrainer(unk_token=special_tokens.get("unk"), **common)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token=special_tokens.get("unk", "[UNK]")))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(**common)
    tokenizer.train_from_iterator(lines, trainer)
    if sentence_frame:
        begin, end = special_tokens["bos"], special_tokens["eos"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}",
            pair=f"{begin} $A {end} {end} $B {end}",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys((begin, end))],
        )
    roles = {_ROLE_ARGUMENTS[role]: token for role, token in special_tokens.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **roles)
