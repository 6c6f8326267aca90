"""Which rows are taken over as they are, and which source tokens may be neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wechsel_core.transfer.roles import byte_copies, equal_string_copies, neighbor_candidates, special_copies
from wechsel_core.types import TokenTable


def table(
    tokens: Sequence[str],
    special: Sequence[str] = (),
    roles: Mapping[str, str] | None = None,
    *,
    texts: Sequence[str] | None = None,
    pieces: Mapping[str, bytes] | None = None,
) -> TokenTable:
    """A token table by hand; special tokens, roles and byte pieces are named by their string."""
    place = {token: i for i, token in enumerate(tokens)}
    return TokenTable(
        tuple(tokens),
        tuple(texts or tokens),
        tuple((pieces or {}).get(token, b"") for token in tokens),
        np.array([token.startswith("Ġ") for token in tokens]),
        np.array([token in special for token in tokens]),
        {role: place[token] for role, token in (roles or {}).items()},
    )


GPT2 = table(["the", "<|endoftext|>"], ["<|endoftext|>"], dict.fromkeys(("bos", "eos", "unk"), "<|endoftext|>"))
ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
ROBERTA = table(
    [*ROBERTA_SPECIALS, "the"],
    ROBERTA_SPECIALS,
    {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>", "sep": "</s>", "cls": "<s>"},
)
BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT = table(
    ["the", *BERT_SPECIALS],
    BERT_SPECIALS,
    {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
)


def named(copies: Mapping[int, int], source: TokenTable, target: TokenTable) -> dict[str, str]:
    return {target.tokens[t]: source.tokens[s] for t, s in copies.items()}


def test_same_roles_under_other_strings() -> None:
    """The reference finds none of these: no string is shared."""
    assert named(special_copies(ROBERTA, BERT), ROBERTA, BERT) == {
        "[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>",
    }  # fmt: skip
    assert equal_string_copies(ROBERTA, BERT) == {}


def test_one_source_token_answers_several_roles() -> None:
    """GPT-2's one special token stands for all; a mask has no stand-in and is left out."""
    assert named(special_copies(GPT2, ROBERTA), GPT2, ROBERTA) == dict.fromkeys(
        ("<s>", "<pad>", "</s>", "<unk>"), "<|endoftext|>"
    )


def test_one_target_token_with_several_roles_goes_by_the_first() -> None:
    """GPT-2's token is bos, eos and unk: RoBERTa's bos answers first."""
    assert named(special_copies(ROBERTA, GPT2), ROBERTA, GPT2) == {"<|endoftext|>": "<s>"}


def test_stand_ins_in_their_order() -> None:
    """BERT has neither bos nor eos: cls and sep stand in; with sep alone, sep stands in for both and for pad."""
    plain = table(["<s>", "</s>"], ["<s>", "</s>"], {"bos": "<s>", "eos": "</s>"})
    assert named(special_copies(BERT, plain), BERT, plain) == {"<s>": "[CLS]", "</s>": "[SEP]"}
    sep = table(["[SEP]"], ["[SEP]"], {"sep": "[SEP]"})
    padded = table(["<s>", "</s>", "<p>"], ["<s>", "</s>", "<p>"], {"bos": "<s>", "eos": "</s>", "pad": "<p>"})
    assert named(special_copies(sep, padded), sep, padded) == dict.fromkeys(("<s>", "</s>", "<p>"), "[SEP]")


def test_additional_special_tokens_go_by_equal_string() -> None:
    """No role, same string: copied. No role, no string: left out. An ordinary token of that string: not a source."""
    source = table(["<lang>", "<x>"], ["<lang>"])
    target = table(["<x>", "<lang>", "<new>"], ["<x>", "<lang>", "<new>"])
    assert special_copies(source, target) == {1: 0}


def test_role_goes_before_equal_string() -> None:
    """String "<s>" is the source's start but the target's end: the role decides."""
    source = table(["<s>", "</s>"], ["<s>", "</s>"], {"bos": "<s>", "eos": "</s>"})
    target = table(["</s>", "<s>"], ["<s>", "</s>"], {"bos": "</s>", "eos": "<s>"})
    assert special_copies(source, target) == {0: 0, 1: 1}


def test_order_of_ids_and_no_roles() -> None:
    assert list(special_copies(ROBERTA, ROBERTA)) == [0, 1, 2, 3, 4]
    assert special_copies(ROBERTA, ROBERTA) == {i: i for i in range(5)}
    assert special_copies(table(["a"]), table(["a"])) == {}


def test_equal_string_copies_is_the_references_rule() -> None:
    """A source special token's row goes to any target token of that string, special there or not."""
    target = table(["x", "<mask>", "</s>"], ["</s>"])
    assert equal_string_copies(ROBERTA, target) == {1: 4, 2: 2}


def test_byte_copies() -> None:
    """Same bytes, whatever the string: GPT-2's "Ã" and Llama's "<0xC3>" are both the byte C3."""
    source = table(["a", "Ã", "âĤ"], pieces={"Ã": b"\xc3", "âĤ": b"\xe2\x82"})
    target = table(
        ["<0xC3>", "b", "<0xFF>", "<0x82>"], pieces={"<0xC3>": b"\xc3", "<0xFF>": b"\xff", "<0x82>": b"\x82"}
    )
    assert byte_copies(source, target) == {0: 1}
    assert byte_copies(table(["a"]), table(["a"])) == {}


def test_neighbor_candidates() -> None:
    """Not special, not an unused id (""), not an incomplete byte piece."""
    source = table(["the", "<s>", "", "Ã", "Ġthe"], ["<s>"], pieces={"Ã": b"\xc3"})
    candidates = neighbor_candidates(source)
    assert candidates.tolist() == [True, False, False, False, True] and candidates.dtype == np.bool_
    assert source.is_special.tolist() == [False, True, False, False, False], "the table is not changed"


def test_distinct_texts_keep_the_first_candidate() -> None:
    """White space at the ends is ignored, case is not; a special token's text uses up nothing."""
    source = table(["<s>", "Ġthe", "the", "The", "Ġa", "a"], ["<s>"], texts=["the", " the", "the", "The", " a", "a"])
    assert neighbor_candidates(source, distinct_texts=True).tolist() == [False, True, False, True, True, False]
    assert neighbor_candidates(source).sum() == 5
