"""Tokenizers from folders and files; roles."""

from __future__ import annotations

import json

import pytest

from tests.builders import BERT_SPECIALS, GPT2_SPECIALS, LLAMA_SPECIALS, ROBERTA_SPECIALS, tiny_tokenizer
from wechsel_core.errors import TokenizerError
from wechsel_core.tokenizers.load import check_roles, load_tokenizer, target_special_tokens
from wechsel_core.tokenizers.table import token_table
from wechsel_core.tokenizers.training import train_tokenizer

TEXT = "The cat sat. 猫 naïve"


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "llama"])
def test_folder_round_trip(kind, tmp_path):
    tokenizer = tiny_tokenizer(kind)
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again(TEXT)["input_ids"] == tokenizer(TEXT)["input_ids"]
    assert token_table(again).texts == token_table(tokenizer).texts
    assert token_table(again).roles == token_table(tokenizer).roles


@pytest.mark.parametrize(
    ("kind", "special"),
    [("bpe", ROBERTA_SPECIALS), ("wordpiece", BERT_SPECIALS), ("llama", LLAMA_SPECIALS)],
)
def test_bare_file_gets_its_roles_by_name(kind, special, tmp_path):
    tokenizer = tiny_tokenizer(kind, special_tokens=special)
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path / "tokenizer.json")
    assert again(TEXT)["input_ids"] == tokenizer(TEXT)["input_ids"]
    roles = token_table(again).roles
    assert {role: roles[role] for role in special} == dict(token_table(tokenizer).roles)


def test_bare_gpt2_file_has_no_made_up_roles(tmp_path):
    tiny_tokenizer("bpe").save_pretrained(tmp_path)
    assert dict(token_table(load_tokenizer(tmp_path / "tokenizer.json")).roles) == {"bos": 0, "eos": 0}


def test_missing_empty_and_malformed(tmp_path):
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(TokenizerError, match="does not exist"):
        load_tokenizer(tmp_path / "nowhere")
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(TokenizerError, match="cannot be read"):
        load_tokenizer(broken)
    with pytest.raises(TokenizerError, match="well-formed hub id"):
        load_tokenizer("not//an id")


def test_slow_only_tokenizer_is_refused(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "<unk>": 1}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CanineTokenizer"}))
    with pytest.raises(TokenizerError, match="slow|cannot be read"):
        load_tokenizer(tmp_path)


def test_code_that_comes_with_a_tokenizer_is_not_run(tmp_path):
    tiny_tokenizer("bpe").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    marker = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    with pytest.raises(TokenizerError, match="without code of its own"):
        load_tokenizer(tmp_path)
    assert not marker.exists()


def test_check_roles_names_what_is_missing():
    tokenizer = tiny_tokenizer("bpe")
    check_roles(tokenizer, ["bos", "eos"])
    check_roles(token_table(tokenizer), ["bos"])
    with pytest.raises(TokenizerError, match="no pad, mask token"):
        check_roles(tokenizer, ["eos", "pad", "mask"])
    with pytest.raises(TokenizerError, match="no cls token"):
        check_roles(token_table(tokenizer), ["cls"])


@pytest.mark.parametrize("special", [GPT2_SPECIALS, ROBERTA_SPECIALS])
def test_target_special_tokens_keep_the_source_ids(special):
    source = tiny_tokenizer("bpe", special_tokens=special)
    found = target_special_tokens(source)
    assert found == special
    target = train_tokenizer(["wa na kwa ya"] * 3, vocab_size=270, special_tokens=found)
    assert token_table(target).roles == token_table(source).roles


def test_target_special_tokens_are_ordered_by_source_id():
    tokenizer = tiny_tokenizer("unigram")
    assert list(target_special_tokens(tokenizer)) == ["bos", "cls", "pad", "eos", "sep", "unk", "mask"]
