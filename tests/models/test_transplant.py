"""Written block by block from the files, a model is tensor for tensor the one that is put together in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from tests.builders import ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from wechsel_core.errors import ModelError
from wechsel_core.models import (
    Checkpoint,
    Transplant,
    input_matrix,
    install_embeddings,
    open_checkpoint,
    output_bias,
    output_matrix,
    save_result_model,
    shards,
)
from wechsel_core.tokenizers.table import token_table

CASES = [(family, tied) for family in ("gpt2", "roberta", "llama", "bert") for tied in (True, False)]
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MASKED = ("roberta", "bert")
LINES = ("un chat dort", "le chien court dans la rue", "猫と犬 🙂")


def loader(family: str) -> Any:
    return AutoModelForMaskedLM if family in MASKED else AutoModelForCausalLM


def save_source(folder: Path, family: str, *, tied: bool, dtype: str = "float32", shard: str = "5GB") -> Path:
    tokenizer = tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    model = tiny_model(family, tokenizer, tied=tied, rows=len(tokenizer) + 4).to(DTYPES[dtype])
    model.save_pretrained(folder, max_shard_size=shard)
    tokenizer.save_pretrained(folder)
    return folder


def target_tokenizer() -> Any:
    """Its pad id is not the source's, which RoBERTa's positions depend on."""
    names = {"mask": "[M]", "eos": "[E]", "bos": "[B]", "unk": "[U]", "pad": "[P]", "cls": "[B]", "sep": "[E]"}
    return tiny_tokenizer("bpe", special_tokens=names, lines=LINES, vocab_size=300)


class Mixture:
    """Every new row is half the sum of two source rows, whichever matrix it is."""

    def __init__(self, n_source: int, n_target: int) -> None:
        self.pairs = np.random.default_rng(0).integers(0, n_source, (n_target, 2))

    def of(self, matrix: np.ndarray) -> np.ndarray:
        return (0.5 * (matrix[self.pairs[:, 0]] + matrix[self.pairs[:, 1]])).astype(np.float32)


def transplant(source: Checkpoint, folder: Path, tokenizer: Any, mixture: Mixture) -> list[float]:
    """Write it in blocks of seven rows; returns what the progress was told."""

    def blocks(part: str) -> Iterator[np.ndarray]:
        rows = mixture.of(source.skeleton.rows[part][:])
        return (rows[start : start + 7] for start in range(0, len(rows), 7))

    folder.mkdir()
    told: list[float] = []
    table = token_table(tokenizer)
    Transplant(source, len(table), table.roles).write(folder, tokenizer, blocks, told.append)
    return told


def in_memory(path: Path, family: str, folder: Path, tokenizer: Any, mixture: Mixture, dtype: torch.dtype) -> None:
    model = loader(family).from_pretrained(path, dtype=dtype)
    matrix, out, bias = input_matrix(model), output_matrix(model), output_bias(model)
    new = install_embeddings(
        model,
        mixture.of(matrix),
        None if out is None else mixture.of(out),
        None if bias is None else mixture.of(bias),
        roles=token_table(tokenizer).roles,
    )
    save_result_model(new, tokenizer, folder)


def both(path: Path, family: str, tmp_path: Path, dtype: str = "float32") -> tuple[Path, Path]:
    """The same transfer through the files and through memory."""
    tokenizer = target_tokenizer()
    source = open_checkpoint(path)
    mixture = Mixture(len(source.tokenizer), len(token_table(tokenizer)))
    transplant(source, tmp_path / "files", tokenizer, mixture)
    wide = torch.float32 if dtype == "float16" else DTYPES[dtype]
    in_memory(path, family, tmp_path / "memory", tokenizer, mixture, wide)
    return tmp_path / "files", tmp_path / "memory"


def assert_same_model(first: Path, second: Path, family: str) -> None:
    """Equal tensors of equal types as loaded with no options, equal configs, and nothing odd about the loading."""
    states = []
    for folder in (first, second):
        model, info = loader(family).from_pretrained(folder, output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
        states.append(model.state_dict())
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert value.dtype == states[1][name].dtype and torch.equal(value, states[1][name]), name
    for name in ("config.json", "generation_config.json"):
        contents = [json.loads((f / name).read_text()) if (f / name).exists() else None for f in (first, second)]
        assert contents[0] == contents[1], name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("family", "tied"), CASES)
def test_same_as_in_memory(family: str, tied: bool, dtype: str, tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", family, tied=tied, dtype=dtype)
    files, memory = both(path, family, tmp_path, dtype)
    assert_same_model(files, memory, family)
    written, saved = load_file(files / "model.safetensors"), load_file(memory / "model.safetensors")
    assert {name: value.dtype for name, value in written.items()} == {name: v.dtype for name, v in saved.items()}
    vocabulary = AutoTokenizer.from_pretrained(files).get_vocab()
    assert vocabulary == target_tokenizer().get_vocab()


@pytest.mark.parametrize(("family", "tied"), CASES)
def test_same_from_shards_to_shards(family: str, tied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 20_000)
    path = save_source(tmp_path / "source", family, tied=tied, shard="15KB")
    assert (path / "model.safetensors.index.json").is_file()
    files, memory = both(path, family, tmp_path)
    assert_same_model(files, memory, family)
    parts = sorted(files.glob("*.safetensors"))
    assert len(parts) > 1 and all(part.stat().st_size < 25_000 or len(load_file(part)) == 1 for part in parts)


def rewritten(folder: Path, change: Any) -> None:
    """Save a folder's tensors again after ``change`` has been at them."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(
        {name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )


@pytest.mark.parametrize(
    ("family", "source", "twin"),
    [
        ("gpt2", "transformer.wte.weight", "lm_head.weight"),
        ("llama", "model.embed_tokens.weight", "lm_head.weight"),
        ("roberta", "lm_head.bias", "lm_head.decoder.bias"),
        ("bert", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    ],
)
def test_a_tied_twin_in_the_file_is_not_written_twice(family: str, source: str, twin: str, tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", family, tied=True)
    rewritten(path, lambda tensors: tensors.update({twin: tensors[source].clone()}))
    files, memory = both(path, family, tmp_path)
    assert_same_model(files, memory, family)
    assert twin not in load_file(files / "model.safetensors")


def test_a_matrix_known_by_its_twin_alone(tmp_path: Path) -> None:
    """Some checkpoints of tied models keep the head and leave the embeddings out."""
    path = save_source(tmp_path / "source", "llama", tied=True)
    rewritten(path, lambda tensors: tensors.update({"lm_head.weight": tensors.pop("model.embed_tokens.weight")}))
    files, memory = both(path, "llama", tmp_path)
    assert_same_model(files, memory, "llama")


@pytest.mark.parametrize("family", ["gpt2", "roberta"])
def test_twins_that_differ_are_two_matrices(family: str, tmp_path: Path) -> None:
    """The config says tied, the file holds both: transformers leaves them apart, and so does the new model."""
    path = save_source(tmp_path / "source", family, tied=True)
    twin = {"gpt2": "lm_head.weight", "roberta": "lm_head.decoder.weight"}[family]
    name = {"gpt2": "transformer.wte.weight", "roberta": "roberta.embeddings.word_embeddings.weight"}[family]
    rewritten(path, lambda tensors: tensors.update({twin: tensors[name] * 3 + 1}))
    assert set(open_checkpoint(path).skeleton.rows) >= {"input", "output"}
    files, memory = both(path, family, tmp_path)
    assert_same_model(files, memory, family)
    assert json.loads((files / "config.json").read_text())["tie_word_embeddings"] is False


def test_names_of_earlier_versions_are_known_and_what_no_model_reads_is_left_out(tmp_path: Path) -> None:
    """GPT-2 as its makers published it: no prefix, and the causal mask among the weights."""
    path = save_source(tmp_path / "source", "gpt2", tied=True)

    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        tensors["h.0.attn.bias"] = torch.ones(1, 1, 32, 32)

    rewritten(path, change)
    files, memory = both(path, "gpt2", tmp_path)
    assert_same_model(files, memory, "gpt2")
    assert {"wte.weight"} <= set(load_file(files / "model.safetensors")) and not list(files.glob("*bin"))


def test_bert_with_both_heads_and_old_layer_norms(tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", "bert", tied=True)

    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[old] = tensors.pop(name)
        tensors["cls.seq_relationship.weight"] = torch.ones(2, 16)
        tensors["bert.pooler.dense.weight"] = torch.ones(16, 16)

    rewritten(path, change)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"architectures": ["BertForPreTraining"]}))
    files, memory = both(path, "bert", tmp_path)
    assert_same_model(files, memory, "bert")


def test_each_tensor_keeps_its_own_type(tmp_path: Path) -> None:
    """A bfloat16 model with float32 norms, as many are published: the norms lose nothing."""
    path = save_source(tmp_path / "source", "llama", tied=False, dtype="bfloat16")
    norm = torch.linspace(0, 1, 16)
    rewritten(path, lambda tensors: tensors.update({"model.norm.weight": norm}))
    tokenizer, source = target_tokenizer(), open_checkpoint(path)
    told = transplant(source, tmp_path / "out", tokenizer, Mixture(len(source.tokenizer), len(tokenizer)))
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(written.pop("model.norm.weight"), norm)
    assert {value.dtype for value in written.values()} == {torch.bfloat16}
    assert told == sorted(told) and told[-1] == 1.0


def test_generation_settings_are_carried_over(tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", "gpt2", tied=True)
    settings = {"max_new_tokens": 40, "suppress_tokens": [290], "eos_token_id": 2}
    (path / "generation_config.json").write_text(json.dumps(settings))
    files, memory = both(path, "gpt2", tmp_path)
    assert_same_model(files, memory, "gpt2")
    written = json.loads((files / "generation_config.json").read_text())
    assert written["max_new_tokens"] == 40 and "suppress_tokens" not in written
    assert written["eos_token_id"] == target_tokenizer().eos_token_id


def test_what_is_not_a_whole_model_is_refused(tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", "gpt2", tied=True)
    whole = (path / "model.safetensors").read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(ModelError, match=message) as raised:
            open_checkpoint(path)
        assert raised.value.exit_code == 2
        (path / "model.safetensors").write_bytes(whole)

    rewritten(path, lambda tensors: tensors.pop("transformer.ln_f.weight"))
    refused(r"lacks 1 of its weights \(transformer\.ln_f\.weight")
    rewritten(path, lambda tensors: tensors.update({"transformer.ln_f.weight": torch.ones(17)}))
    refused(r"ln_f\.weight of .* has the shape \(17,\); expected \(16,\)")
    rewritten(path, lambda tensors: tensors.update({"transformer.wte.weight": tensors["transformer.wte.weight"][:9]}))
    refused("has the shape")
    rewritten(path, lambda tensors: tensors.update({"transformer.wte.weight": tensors["transformer.wte.weight"].int()}))
    refused("type I32")
    for content in (whole[:-1], whole[:5], b"", b"\xff" * 64):
        (path / "model.safetensors").write_bytes(content)
        refused("cannot be loaded")


def test_an_index_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = save_source(tmp_path / "source", "gpt2", tied=True, shard="15KB")
    index = path / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    first = next(iter(content["weight_map"]))
    for changed in (
        {"weight_map": content["weight_map"] | {first: "../" + content["weight_map"][first]}},
        {"weight_map": content["weight_map"] | {first: "gone.safetensors"}},
        {"weight_map": content["weight_map"] | {"no.such.tensor": content["weight_map"][first]}},
        {"weight_map": []},
        [],
    ):
        index.write_text(json.dumps(changed))
        with pytest.raises(ModelError):
            open_checkpoint(path)


def test_values_beyond_the_type_and_ids_without_rows_are_refused(tmp_path: Path) -> None:
    source = open_checkpoint(save_source(tmp_path / "source", "gpt2", tied=True, dtype="bfloat16"))
    tokenizer = target_tokenizer()
    huge = [np.full((len(tokenizer), 16), 3.4e38, dtype=np.float32)]
    (tmp_path / "a").mkdir()
    with pytest.raises(ModelError, match="too large for BF16"):
        Transplant(source, len(tokenizer), {}).write(tmp_path / "a", tokenizer, lambda part: huge, lambda share: None)
    (tmp_path / "b").mkdir()
    with pytest.raises(ModelError, match="row for every token id"):
        Transplant(source, 9, {}).write(tmp_path / "b", tokenizer, lambda part: huge, lambda share: None)
    with pytest.raises(ModelError, match="special token ids"):
        Transplant(source, 9, {"eos": 9})
    short = [np.zeros((2, 16), dtype=np.float32)]
    (tmp_path / "c").mkdir()
    with pytest.raises(OSError, match="bytes came"):
        Transplant(source, len(tokenizer), {}).write(tmp_path / "c", tokenizer, lambda part: short, lambda share: None)
