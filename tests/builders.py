"""Tiny models and tokenizers for tests: seeded, offline, a few thousand parameters, built in milliseconds.

Every tokenizer is trained on ``CORPUS`` (English, French, German, Chinese, an emoji), so that the byte-level ones hold
tokens that cut a character in two.
"""

from __future__ import annotations

from typing import Any, Literal

CORPUS = (
    "The cat sat on the mat, and the dog sat near the door.",
    "The children of the town read their books in the garden.",
    "Le chat est assis sur le tapis ; les enfants lisent dans le jardin de l'école.",
    "Die Kinder spielen im Garten, und der Hund schläft über dem Teppich.",
    "猫坐在垫子上，孩子们在花园里读书。",
    "naïve café — déjà vu 🙂 100% of 2,500 words",
)

GPT2_SPECIALS = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
ROBERTA_SPECIALS = {
    "bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>", "cls": "<s>", "sep": "</s>",
}  # fmt: skip
BERT_SPECIALS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
LLAMA_SPECIALS = {"unk": "<unk>", "bos": "<s>", "eos": "</s>"}

TokenizerName = Literal["bpe", "unigram", "wordpiece", "llama"]
Family = Literal["gpt2", "roberta", "llama", "bert"]


def tiny_tokenizer(
    kind: TokenizerName = "bpe",
    *,
    vocab_size: int = 360,
    special_tokens: dict[str, str] | None = None,
    lines: tuple[str, ...] = CORPUS,
) -> Any:
    """A fast tokenizer: byte-level BPE, Metaspace Unigram, WordPiece, or Llama-like BPE with byte fallback.

    Special tokens default to GPT-2's (bpe), RoBERTa's (unigram), BERT's (wordpiece) and Llama's (llama).
    """
    from wechsel_core.tokenizers.training import train_tokenizer

    if kind == "llama":
        return _llama_tokenizer(lines, vocab_size, special_tokens or LLAMA_SPECIALS)
    defaults = {"bpe": GPT2_SPECIALS, "unigram": ROBERTA_SPECIALS, "wordpiece": BERT_SPECIALS}
    return train_tokenizer(lines, kind=kind, vocab_size=vocab_size, special_tokens=special_tokens or defaults[kind])


def _llama_tokenizer(lines: tuple[str, ...], vocab_size: int, special_tokens: dict[str, str]) -> Any:
    """SentencePiece-like BPE: "▁" for spaces, ``<0x..>`` for bytes of characters that it has not learnt."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    specials = list(dict.fromkeys(special_tokens.values()))
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    unk = special_tokens.get("unk")
    tokenizer = Tokenizer(models.BPE(unk_token=unk, fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # for training alone: no token crosses a word's border
    trainer = trainers.BpeTrainer(
        vocab_size=max(1, vocab_size - 256), special_tokens=specials, show_progress=False, limit_alphabet=60
    )
    tokenizer.train_from_iterator(lines, trainer)
    # The trainer knows no byte tokens: they are put behind the special ones, as SentencePiece does.
    learnt = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    ordered = specials + byte_tokens + [token for token, _ in learnt if token not in specials]
    merges = _merges(tokenizer)
    tokenizer.model = models.BPE(
        vocab={token: place for place, token in enumerate(ordered)},
        merges=merges, unk_token=unk, fuse_unk=True, byte_fallback=True,
    )  # fmt: skip
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    roles = {f"{role}_token": token for role, token in special_tokens.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **roles)


def _merges(tokenizer: Any) -> list[tuple[str, str]]:
    import json

    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


def tiny_model(
    family: Family = "gpt2",
    tokenizer: Any = None,
    *,
    tied: bool = True,
    rows: int | None = None,
    dim: int = 16,
    seed: int = 0,
) -> Any:
    """A random model of a family, weights Normal(0, 0.02) with the output bias, where there is one, drawn too.

    Parameters
    ----------
    tokenizer : optional
        Sets the number of rows and the special token ids; without it there are 300 rows and no ids.
    tied : bool
        Whether input and output embeddings are one matrix.
    rows : int, optional
        Rows of the embedding matrix, for padded vocabularies; the tokenizer's length by default.
    """
    import torch

    config = _config(family, rows or (len(tokenizer) if tokenizer else 300), dim, tied, _ids(tokenizer))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _model_class(family)(config)
        head = model.get_output_embeddings()
        if head.bias is not None:  # zeros would hide a bias that is mapped wrongly
            torch.nn.init.normal_(head.bias)
            for name in ("lm_head.bias", "cls.predictions.bias"):
                if name in dict(model.named_parameters(remove_duplicate=False)):
                    model.get_parameter(name).data.copy_(head.bias.data)
    return model.eval()


def _ids(tokenizer: Any) -> dict[str, int | None]:
    if tokenizer is None:
        return {}
    return {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}


def _model_class(family: Family) -> Any:
    from transformers import BertForMaskedLM, GPT2LMHeadModel, LlamaForCausalLM, RobertaForMaskedLM

    causal = {"gpt2": GPT2LMHeadModel, "llama": LlamaForCausalLM}
    return {**causal, "roberta": RobertaForMaskedLM, "bert": BertForMaskedLM}[family]


def _config(family: Family, rows: int, dim: int, tied: bool, ids: dict[str, int | None]) -> Any:
    from transformers import BertConfig, GPT2Config, LlamaConfig, RobertaConfig

    common = {"vocab_size": rows, "tie_word_embeddings": tied, **ids}
    if family == "gpt2":
        common = {"bos_token_id": None, "eos_token_id": None} | common
        return GPT2Config(
            n_positions=32, n_embd=dim, n_layer=2, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **common
        )
    body = {"hidden_size": dim, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 2 * dim}
    if family == "llama":
        common = {"bos_token_id": None, "eos_token_id": None} | common
        return LlamaConfig(max_position_embeddings=64, num_key_value_heads=2, **body, **common)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if family == "bert":
        return BertConfig(max_position_embeddings=32, **body, **dropout, **common)
    common = {"pad_token_id": 1} | {name: value for name, value in common.items() if value is not None}
    return RobertaConfig(max_position_embeddings=34, type_vocab_size=1, **body, **dropout, **common)
