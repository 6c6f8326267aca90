"""Sentences: tokens of both tokenizers, and a loss that is the installed model's own."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.builders import tiny_tokenizer
from tests.services.rows import load
from wechsel_core.errors import ModelError, OutputError
from wechsel_core.services.reweight import open_stored_in
from wechsel_core.services.sentences import (
    MOST_TOKENS,
    SentenceModel,
    open_sentence_model_in,
    open_tokenizers_in,
)
from wechsel_core.tokenizers.segmentation import count_words, segment
from wechsel_core.tokenizers.table import token_table

Made = Callable[..., Path]
SENTENCE = "le chat rouge est grand — 猫"


def model_of(folder: Path) -> SentenceModel:
    return open_sentence_model_in(folder, open_stored_in(folder), open_tokenizers_in(folder))


def installed_surprisals(folder: Path, text: str) -> list[float]:
    """Bits of every token by the model of the folder, one plain forward pass for each."""
    import torch
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), load(folder)
    plain, framed = tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer(text)["input_ids"]
    before = next(i for i in range(len(framed)) if framed[i : i + len(plain)] == plain)
    masked = tokenizer.mask_token_id is not None
    if not masked and not before:
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        framed, before = [start, *framed], 1
    bits = []
    for place in range(before, before + len(plain)):
        ids = torch.tensor([framed])
        if masked:
            ids[0, place] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, place if masked else place - 1].double()
        bits.append(-float(torch.log_softmax(logits, -1)[framed[place]]) / math.log(2))
    return bits


@pytest.mark.parametrize("model", ["gpt2", "gpt2-untied", "roberta", "roberta-untied", "llama", "llama-untied"])
def test_loss_is_the_installed_models(made: Made, model: str) -> None:
    scorer = model_of(made(model))
    for k, tau in ((10, 0.1), (3, 0.4)):
        folder = made(model) if k == 10 else made(model, neighbors=k, temperature=tau)
        expected = installed_surprisals(folder, SENTENCE)
        loss = scorer.loss(SENTENCE, k, tau)
        assert loss is not None
        np.testing.assert_allclose(loss.surprisals, expected, atol=1e-5)
        assert loss.n_bytes == len(SENTENCE.encode())
        assert loss.bits_per_byte == pytest.approx(sum(expected) / len(SENTENCE.encode()), abs=1e-5)


def test_loss_with_a_moved_pad_id_and_the_references_fallback(made: Made, tmp_path: Path) -> None:
    """RoBERTa counts its positions from the pad id on; the installed model moves its position rows along."""
    tokenizer = tiny_tokenizer(
        "bpe", special_tokens={"unk": "<unk>", "mask": "<mask>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}
    )
    tokenizer.save_pretrained(tmp_path / "moved")
    folder = made("roberta", target_tokenizer=str(tmp_path / "moved"), compat="reference")
    loss = model_of(folder).loss(SENTENCE, 10, 0.1)
    assert loss is not None
    np.testing.assert_allclose(loss.surprisals, installed_surprisals(folder, SENTENCE), atol=1e-5)


def test_no_weight_and_no_mode_changes(made: Made) -> None:
    import torch

    scorer = model_of(made("gpt2"))
    model = scorer._model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = scorer.loss(SENTENCE, 2, 0.3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert not model.get_output_embeddings()._forward_pre_hooks
    dials = [(1, 0.1), (2, 0.3), (5, 1.0), (2, 0.3)]
    alone = [scorer.loss(SENTENCE, *pair) for pair in dials]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda pair: scorer.loss(SENTENCE, *pair), dials)) == alone
    assert alone[1] == alone[3] == first


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_a_long_sentence_is_cut_and_says_so(made: Made, model: str) -> None:
    loss = model_of(made(model)).loss("chat " * 200, 10, 0.1)
    assert loss is not None
    assert not loss.complete
    assert len(loss.surprisals) <= min(32, *MOST_TOKENS.values())  # the tiny models have 32 positions
    assert loss.n_bytes <= 5 * len(loss.surprisals)


def test_nothing_to_predict(made: Made) -> None:
    scorer = model_of(made("gpt2"))
    assert scorer.loss("", 10, 0.1) is None
    single = scorer.loss("a", 10, 0.1)
    assert single is not None
    assert single.uniform == pytest.approx(math.log2(len(open_stored_in(made("gpt2")).target_texts)))


def test_logits_that_are_not_linear_are_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that caps its logits after the output layer would get a wrong loss."""
    scorer = model_of(made("gpt2"))
    forward = scorer._model.forward

    def capped(*args: object, **options: object) -> object:
        outputs = forward(*args, **options)
        outputs.logits = outputs.logits.tanh()
        return outputs

    monkeypatch.setattr(scorer._model, "forward", capped)
    with pytest.raises(ModelError, match="changes its logits"):
        scorer.loss(SENTENCE, 10, 0.1)
    assert not scorer._model.get_output_embeddings()._forward_pre_hooks


def test_tokens_of_both_tokenizers(made: Made) -> None:
    target, source = open_tokenizers_in(made("gpt2")).cut(SENTENCE)
    for cut in (target, source):
        assert b"".join(SENTENCE[s.start : s.end].encode() for s in cut.segments[:3])
        assert cut.n_words == 6
        assert cut.n_bytes == len(SENTENCE.encode())
        assert cut.fertility == len(cut.segments) / 6
        assert cut.bytes_per_token == cut.n_bytes / len(cut.segments)
    assert len(target.segments) < len(source.segments)
    assert "".join(s.text for s in target.segments[:3]) == SENTENCE[: target.segments[2].end]


def test_an_unknown_token_shows_what_it_hides() -> None:
    tokenizer = tiny_tokenizer("wordpiece")
    cut = segment(tokenizer, token_table(tokenizer), "the cat ☃")
    assert cut.segments[-1].text == "☃"
    assert cut.segments[-1].token == "[UNK]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("  \n", 0),
        ("...", 0),
        ("Le chat, l'école; 2500 mots", 5),
        ("猫坐在垫子上", 6),
        ("猫 and dog", 3),
        ("über_x", 1),
        ("بيت كبير", 2),
    ],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words


def test_tokenizer_is_resolved_where_the_result_has_none(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    shutil.copytree(made("roberta"), folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    again = open_tokenizers_in(folder)
    assert again.target_table.tokens == open_tokenizers_in(made("roberta")).target_table.tokens
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    manifest["counts"]["tokens"] += 1
    (folder / "wechsel.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(OutputError, match="target tokenizer"):
        open_tokenizers_in(folder)


def test_trained_tokenizer_that_is_gone(made: Made, files: object, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    shutil.copytree(made("gpt2"), folder)
    (folder / "tokenizer.json").unlink()
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    manifest["config"] |= {"target_tokenizer": None, "tokenizer_corpus": "somewhere.txt"}
    (folder / "wechsel.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(OutputError, match="holds no tokenizer"):
        open_tokenizers_in(folder)
