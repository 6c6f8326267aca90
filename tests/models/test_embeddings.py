"""Reading and replacing embeddings, checked through the forward pass and through a saved folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from tests.builders import ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from wechsel_core.errors import ModelError, OutputError
from wechsel_core.models import input_matrix, install_embeddings, output_bias, output_matrix, save_result_model
from wechsel_core.tokenizers.table import token_table

CASES = [(family, tied) for family in ("gpt2", "roberta", "llama", "bert") for tied in (True, False)]
MASKED = ("roberta", "bert")


def rows(n: int, dim: int = 16, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, (n, dim)).astype(np.float32)


def parts(model, n: int) -> dict:
    """New random embeddings of n tokens, whichever the model has."""
    return {
        "input_matrix": rows(n),
        "output_matrix": None if output_matrix(model) is None else rows(n, seed=2),
        "output_bias": None if output_bias(model) is None else rows(n, 1, seed=3)[:, 0],
    }


def logits(model, ids) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize(("family", "tied"), CASES)
def test_what_is_read(family, tied):
    model = tiny_model(family, tied=tied)
    matrix, out, bias = input_matrix(model), output_matrix(model), output_bias(model)
    assert matrix.shape == (300, 16) and matrix.dtype == np.float32
    assert (out is None) == tied
    assert (bias is not None) == (family in MASKED)
    if not tied:
        assert out.shape == (300, 16) and not np.array_equal(out, matrix)
    matrix[:] = 7  # a copy
    assert not np.array_equal(input_matrix(model), matrix)


def test_the_bias_that_is_read_is_the_one_that_counts():
    model = tiny_model("roberta")
    before = logits(model, [5, 6])
    n = 300
    bias = output_bias(model)
    changed = install_embeddings(model, input_matrix(model), None, bias + np.arange(n), roles={"pad": 1})
    assert torch.allclose(logits(changed, [5, 6]) - before, torch.arange(n, dtype=torch.float32), atol=1e-4)


@pytest.mark.parametrize(("family", "tied"), CASES)
def test_renumbering_the_tokens_changes_nothing(family, tied):
    """Planted truth: the same tokens under other ids, the pad id included, give the same logits, reordered."""
    model = tiny_model(family, tied=tied)
    n = 300
    order = np.random.default_rng(0).permutation(n)  # new id -> old id
    where = np.argsort(order)  # old id -> new id
    order[[0, where[1]]], order[[where[1], 0]] = order[[0, where[1]]], order[[0, where[1]]]
    order = np.roll(order, 9)  # the old pad (1) becomes 9
    where = np.argsort(order)
    out, bias = output_matrix(model), output_bias(model)
    renumbered = install_embeddings(
        model,
        input_matrix(model)[order],
        None if out is None else out[order],
        None if bias is None else bias[order],
        roles={"pad": int(where[1])},
    )
    ids = [7, 40, 299, 12, 1, 1] if family in MASKED else [7, 40, 299, 12]
    torch.testing.assert_close(logits(renumbered, where[ids].tolist())[:, where], logits(model, ids))


@pytest.mark.parametrize(("family", "tied"), CASES)
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_saved_folder_loads_with_the_auto_classes(family, tied, kind, tmp_path):
    tokenizer = tiny_tokenizer(kind, special_tokens=ROBERTA_SPECIALS)
    table = token_table(tokenizer)
    source = tiny_model(family, tied=tied)
    model = install_embeddings(source, **parts(source, len(table)), roles=table.roles)
    save_result_model(model, tokenizer, tmp_path / "result")
    loader = AutoModelForMaskedLM if family in MASKED else AutoModelForCausalLM
    again, info = loader.from_pretrained(tmp_path / "result", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    ids = tokenizer("The cat sat 猫")["input_ids"]
    assert AutoTokenizer.from_pretrained(tmp_path / "result")("The cat sat 猫")["input_ids"] == ids
    assert torch.isfinite(logits(again, ids)).all()
    assert torch.equal(logits(again, ids), logits(model, ids))
    assert again.config.vocab_size == logits(again, ids).shape[1] == len(table)
    assert again.get_input_embeddings().num_embeddings == again.get_output_embeddings().out_features == len(table)
    assert again.get_input_embeddings().padding_idx == model.get_input_embeddings().padding_idx
    assert (again.config.bos_token_id, again.config.pad_token_id, again.config.eos_token_id) == (0, 1, 2)
    assert (output_matrix(again) is None) == tied
    assert str(tmp_path) not in (tmp_path / "result" / "config.json").read_text()


def test_source_stays_as_it_is_and_weights_are_copied():
    source = tiny_model("gpt2")
    before = {name: value.clone() for name, value in source.state_dict().items()}
    state = torch.random.get_rng_state()
    model = install_embeddings(source, rows(120), roles={})
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in source.state_dict().items())
    inner = model.transformer.h[0].attn.c_attn.weight
    assert torch.equal(inner, source.transformer.h[0].attn.c_attn.weight)
    assert inner.data_ptr() != source.transformer.h[0].attn.c_attn.weight.data_ptr()
    assert np.array_equal(input_matrix(model), rows(120))


def test_tied_embeddings_stay_tied_under_training():
    model = install_embeddings(tiny_model("gpt2"), rows(120), roles={})
    assert model.lm_head.weight is model.transformer.wte.weight
    masked = install_embeddings(tiny_model("roberta"), rows(120), None, rows(120, 1)[:, 0], roles={"pad": 1})
    assert masked.lm_head.bias is masked.lm_head.decoder.bias


def test_special_ids_of_config_and_generation():
    tokenizer = tiny_tokenizer("bpe")
    source = tiny_model("llama", tokenizer)
    source.generation_config.suppress_tokens = [290]
    model = install_embeddings(source, rows(50), roles={"eos": 3, "pad": 4})
    assert (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id) == (None, 3, 4)
    generation = model.generation_config
    assert (generation.bos_token_id, generation.eos_token_id, generation.pad_token_id) == (None, 3, 4)
    assert generation.suppress_tokens is None
    assert source.generation_config.suppress_tokens == [290]
    assert model.get_input_embeddings().padding_idx == 4


def test_half_precision_is_kept():
    model = install_embeddings(tiny_model("gpt2").half(), rows(40), roles={})
    assert model.dtype == torch.float16 and input_matrix(model).dtype == np.float32
    with pytest.raises(ModelError, match="too large"):
        install_embeddings(tiny_model("gpt2").half(), rows(40) * 1e9, roles={})


def test_roberta_positions_move_with_the_pad_id():
    source = tiny_model("roberta")
    model = install_embeddings(source, rows(60), None, rows(60, 1)[:, 0], roles={"pad": 5})
    old, new = source.roberta.embeddings.position_embeddings, model.roberta.embeddings.position_embeddings
    assert torch.equal(new.weight[6:], old.weight[2:])
    assert model.config.max_position_embeddings == source.config.max_position_embeddings + 4
    assert torch.isfinite(logits(model, [7] * 32)).all()  # as many positions as before
    with pytest.raises(ModelError, match="no pad token"):
        install_embeddings(source, rows(60), None, rows(60, 1)[:, 0], roles={})
    with pytest.raises(ModelError, match="pad id 1500"):
        install_embeddings(source, rows(2000), None, rows(2000, 1)[:, 0], roles={"pad": 1500})


@pytest.mark.parametrize(
    ("family", "tied", "arguments", "message"),
    [
        ("gpt2", True, {"input_matrix": rows(9, 8)}, "shape n_tokens x 16"),
        ("gpt2", True, {"input_matrix": rows(0)}, "is empty"),
        ("gpt2", True, {"input_matrix": rows(9) * np.nan}, "NaN"),
        ("gpt2", True, {"input_matrix": rows(9), "output_matrix": rows(9)}, "output_matrix; expected none"),
        ("gpt2", True, {"input_matrix": rows(9), "output_bias": rows(9, 1)[:, 0]}, "output_bias; expected none"),
        ("gpt2", False, {"input_matrix": rows(9)}, "no output_matrix"),
        ("gpt2", False, {"input_matrix": rows(9), "output_matrix": rows(8)}, "shape 9 x 16"),
        ("roberta", True, {"input_matrix": rows(9)}, "no output_bias"),
        ("roberta", True, {"input_matrix": rows(9), "output_bias": rows(8, 1)[:, 0]}, "shape 9"),
    ],
)
def test_wrong_arrays_are_refused(family, tied, arguments, message):
    with pytest.raises(ModelError, match=message):
        install_embeddings(tiny_model(family, tied=tied), **arguments, roles={"pad": 1})


def test_roles_outside_the_matrix_are_refused():
    with pytest.raises(ModelError, match="special token ids"):
        install_embeddings(tiny_model("gpt2"), rows(9), roles={"eos": 9})


def test_weights_that_are_not_finite_are_refused():
    model = tiny_model("gpt2")
    model.transformer.wte.weight.data[3] = float("nan")
    with pytest.raises(ModelError, match="NaN"):
        input_matrix(model)


def test_model_without_output_layer_is_refused():
    with pytest.raises(ModelError, match="no output layer"):
        output_matrix(tiny_model("gpt2").transformer)


def test_save_keeps_other_files_and_refuses_a_second_model(tmp_path):
    tokenizer = tiny_tokenizer("bpe")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "wechsel.json").write_text("{}")
    save_result_model(tiny_model("gpt2", tokenizer), tokenizer, folder)
    assert json.loads((folder / "wechsel.json").read_text()) == {}
    assert (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no temporary folder is left
    with pytest.raises(OutputError, match="holds a model already"):
        save_result_model(tiny_model("gpt2", tokenizer), tokenizer, folder)


def test_save_refuses_more_ids_than_rows(tmp_path):
    with pytest.raises(ModelError, match="row for every token id"):
        save_result_model(tiny_model("gpt2", rows=5), tiny_tokenizer("bpe"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_save_tells_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    tokenizer = tiny_tokenizer("bpe")
    with pytest.raises(OutputError, match="cannot be written"):
        save_result_model(tiny_model("gpt2", tokenizer), tokenizer, tmp_path / "file" / "out")
