"""Labelled examples as token ids: the first token of each word, whatever the tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import CORPUS, GPT2_SPECIALS, ROBERTA_SPECIALS, TokenizerName, tiny_tokenizer
from wechsel_core.errors import TokenizerError
from wechsel_core.evaluation.probe_data import Labelled
from wechsel_core.evaluation.probe_tokens import NOT_JUDGED, encode
from wechsel_core.tokenizers.table import backend_of
from wechsel_core.tokenizers.training import train_tokenizer

WORDS = ("Le", "l'école", "猫", "zzz", "chat")
TAGS = ("O", "B-ORG", "B-LOC", "I-LOC", "O")
LABELS = ["B-LOC", "B-ORG", "I-LOC", "O"]
KINDS: list[TokenizerName] = ["bpe", "unigram", "wordpiece", "llama"]


def tagged(*sentences: tuple[tuple[str, ...], tuple[str, ...]]) -> Labelled:
    return Labelled("set", "", tuple(words for words, _ in sentences), tuple(tags for _, tags in sentences))


def pair(premise: str, hypothesis: str) -> Labelled:
    return Labelled("set", "", ((premise, hypothesis),), (("yes",),))


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_labelled_once_at_its_first_token(kind: TokenizerName) -> None:
    """Cut by hand: the tokens of each word by itself, after a space as within a text, one after the other."""
    tokenizer = tiny_tokenizer(kind)
    (example,) = encode("ner", tokenizer, tagged((WORDS, TAGS)), LABELS, 200)
    within = tokenizer(" " + " ".join(WORDS), add_special_tokens=False)["input_ids"]
    if kind == "llama":  # its normaliser puts a mark before the text that has one already
        within = within[1:]
    start, end = example.ids[0], example.ids[-1]
    assert example.ids[1:-1] == within, "the words are cut as in running text"
    assert {start, end} <= set(tokenizer.all_special_ids)
    expected, labels = [NOT_JUDGED], []
    for word, tag in zip(WORDS, TAGS, strict=True):
        n_tokens = len(
            backend_of(tokenizer).encode(("" if kind == "llama" else " ") + word, add_special_tokens=False).ids
        )
        labels.append(LABELS.index(tag))
        expected += [labels[-1]] + [NOT_JUDGED] * (n_tokens - 1)
    assert example.labels == [*expected, NOT_JUDGED]
    assert example.words == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("class_name", ["RobertaTokenizer", "GPT2Tokenizer"])
def test_byte_level_classes_that_refuse_split_words(class_name: str) -> None:
    """transformers' own classes want add_prefix_space for words; the result is that of a space before each word."""
    import transformers

    plain = tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    tokenizer = getattr(transformers, class_name)(tokenizer_object=plain.backend_tokenizer, **plain.special_tokens_map)
    (example,) = encode("ner", tokenizer, tagged((("The", "cat"), ("O", "B-ORG"))), LABELS, 200)
    tokens = [tokenizer.convert_ids_to_tokens(i) for i, n in zip(example.ids, example.labels) if n != NOT_JUDGED]  # noqa: B905
    assert len(tokens) == 2 and all(token.startswith("Ġ") for token in tokens)


def test_words_that_are_cut_off_are_not_among_the_labelled() -> None:
    tokenizer = tiny_tokenizer("wordpiece")
    (example,) = encode("ner", tokenizer, tagged((("cat", "dog", "cat", "dog"), ("O",) * 4)), LABELS, 4)
    assert len(example.ids) == 4 and example.words == (0, 1) and example.ids[-1] == tokenizer.sep_token_id


def test_a_frame_of_its_own_is_kept() -> None:
    """RoBERTa's: <s> premise </s> </s> hypothesis </s>."""
    tokenizer = train_tokenizer(CORPUS, vocab_size=360, special_tokens=ROBERTA_SPECIALS, sentence_frame=True)
    (example,) = encode("nli", tokenizer, pair("The cat", "the dog"), ["yes"], 64)
    assert tokenizer.decode(example.ids) == "<s>The cat</s></s>the dog</s>" and example.labels == [0]


@pytest.mark.parametrize(
    "specials,start,end", [(ROBERTA_SPECIALS, "<s>", "</s>"), (GPT2_SPECIALS, *["<|endoftext|>"] * 2)]
)
def test_without_one_the_frame_is_that_of_the_training_text(specials: dict[str, str], start: str, end: str) -> None:
    tokenizer = tiny_tokenizer("bpe", special_tokens=specials)
    before = tokenizer.backend_tokenizer.to_str()
    (example,) = encode("nli", tokenizer, pair("The cat", "the dog"), ["yes"], 64)
    assert tokenizer.decode(example.ids) == f"{start}The cat{end}the dog{end}"
    assert tokenizer.backend_tokenizer.to_str() == before, "the tokenizer is left as it was"


def test_bert_tells_the_texts_apart_where_its_tokenizer_does() -> None:
    from tokenizers import processors

    tokenizer: Any = tiny_tokenizer("wordpiece")
    specials = [("[CLS]", tokenizer.cls_token_id), ("[SEP]", tokenizer.sep_token_id)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=specials
    )
    (example,) = encode("nli", tokenizer, pair("cat", "dog"), ["yes"], 64)
    assert example.type_ids == [0, 0, 0, 1, 1]


def test_of_a_long_pair_the_longer_text_is_cut() -> None:
    tokenizer = tiny_tokenizer("wordpiece")
    (example,) = encode("nli", tokenizer, pair("cat " * 50, "dog dog"), ["yes"], 12)
    words = [tokenizer.convert_ids_to_tokens(i) for i in example.ids]
    assert len(words) == 12 and words.count("dog") == 2 and words.count("cat") == 7


def test_nothing_to_end_a_text_with() -> None:
    tokenizer = tiny_tokenizer("wordpiece", special_tokens={"unk": "[UNK]", "pad": "[PAD]"})
    with pytest.raises(TokenizerError, match="neither eos nor sep"):
        encode("nli", tokenizer, pair("cat", "dog"), ["yes"], 64)
