"""Loading models: families, dtypes, and one sentence for everything that can be wrong. Offline."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.builders import ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from wechsel_core.errors import ModelError, TokenizerError
from wechsel_core.models import input_matrix, load_model, output_matrix
from wechsel_core.tokenizers.table import token_table


def saved(folder: Path, family: str = "gpt2", *, tokenizer=None, **options) -> Path:
    tokenizer = tokenizer or tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    tiny_model(family, tokenizer, **options).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def edit_config(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize(
    ("family", "kind"), [("gpt2", "causal"), ("llama", "causal"), ("roberta", "masked"), ("bert", "masked")]
)
@pytest.mark.parametrize("tied", [True, False])
def test_families(family, kind, tied, tmp_path):
    loaded = load_model(saved(tmp_path, family, tied=tied))
    assert loaded.kind == kind and loaded.folder == tmp_path and loaded.name == str(tmp_path)
    assert not loaded.model.training and loaded.model.dtype == torch.float32
    assert input_matrix(loaded.model).shape[0] == len(token_table(loaded.tokenizer))
    assert (output_matrix(loaded.model) is None) == tied


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32(dtype, tmp_path):
    tokenizer = tiny_tokenizer("bpe")
    model = tiny_model("gpt2", tokenizer)
    wanted = input_matrix(model.to(dtype))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_model(tmp_path)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert np.array_equal(input_matrix(loaded.model), wanted)


def test_padded_vocabulary_keeps_its_rows(tmp_path):
    loaded = load_model(saved(tmp_path, rows=512))
    n_tokens = len(token_table(loaded.tokenizer))
    assert input_matrix(loaded.model).shape[0] == 512 > n_tokens


def test_more_token_ids_than_rows(tmp_path):
    with pytest.raises(ModelError, match="row for every token id"):
        load_model(saved(tmp_path, rows=100))


def test_weights_hash_follows_the_weights(tmp_path):
    first, second = load_model(saved(tmp_path / "a")), load_model(saved(tmp_path / "b"))
    other = load_model(saved(tmp_path / "c", seed=1))
    assert first.weights_sha256() == second.weights_sha256() != other.weights_sha256()


def test_folder_without_its_files(tmp_path):
    with pytest.raises(ModelError, match="no config.json"):
        load_model(tmp_path)
    saved(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(tmp_path)
    weights.unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        load_model(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError, match="pickle"):
        load_model(tmp_path)


def test_folder_without_tokenizer(tmp_path):
    tiny_model("gpt2").save_pretrained(tmp_path)
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        load_model(tmp_path)


def test_paths_that_do_not_exist(tmp_path):
    for source in (tmp_path / "none", str(tmp_path / "none"), "./none", "~/none-of-this"):
        with pytest.raises(ModelError, match="does not exist"):
            load_model(source)
    (tmp_path / "model.zip").write_bytes(b"")
    with pytest.raises(ModelError, match="is no model folder"):
        load_model(tmp_path / "model.zip")


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("bert", {"architectures": ["BertForSequenceClassification"]}, "BertForSequenceClassification is no language"),
        ("gpt2", {"architectures": ["GPT2ForTokenClassification"]}, "is no language model"),
        ("gpt2", {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "encoder-decoder"),
        ("roberta", {"architectures": None}, "may be causal or masked"),
        ("roberta", {"architectures": ["RobertaForCausalLM"]}, "attends to later tokens"),
        ("gpt2", {"model_type": "nonsense"}, "cannot be loaded"),
        ("gpt2", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised"),
        ("gpt2", {"n_embd": "many"}, "cannot be loaded"),
        ("gpt2", {"n_embd": 8}, "cannot be loaded"),
    ],
)
def test_unusable_configs(family, changes, message, tmp_path):
    saved(tmp_path, family)
    edit_config(tmp_path, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)


def test_kind_must_agree_or_decides(tmp_path):
    saved(tmp_path, "roberta")
    with pytest.raises(ModelError, match="no causal language model"):
        load_model(tmp_path, kind="causal")
    edit_config(tmp_path, architectures=None)
    assert load_model(tmp_path, kind="masked").kind == "masked"


def test_body_without_its_head(tmp_path):
    tokenizer = tiny_tokenizer("bpe")
    tokenizer.save_pretrained(tmp_path)
    tiny_model("llama", tokenizer, tied=False).model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="lacks 1 of its weights"):
        load_model(tmp_path)


def test_bert_checkpoint_with_both_heads(tmp_path):
    from transformers import BertForPreTraining

    tokenizer = tiny_tokenizer("wordpiece")
    tokenizer.save_pretrained(tmp_path)
    BertForPreTraining(tiny_model("bert", tokenizer).config).save_pretrained(tmp_path)
    assert load_model(tmp_path).kind == "masked"


def test_malformed_gguf(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF, not really")
    with pytest.raises(ModelError, match="cannot be read as GGUF"):
        load_model(tmp_path / "x.gguf", cache=tmp_path / "cache")


def test_gguf_conversion_says_what_it_does_and_can_be_cancelled(tmp_path):
    write_gguf(tmp_path / "tiny.gguf")
    steps = []

    def stop_at_writing(share, step):
        steps.append((share, step))
        if "writing" in step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_model(tmp_path / "tiny.gguf", cache=tmp_path / "cache", progress=stop_at_writing)
    assert [share for share, _ in steps] == [0.0, 0.6] and "tiny.gguf" in steps[0][1]
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache" / "gguf").iterdir())
    told = []
    for _ in range(2):
        load_model(tmp_path / "tiny.gguf", cache=tmp_path / "cache", progress=lambda share, step: told.append(step))
    assert len(told) == 2, "the second time there is nothing to convert"


def test_gguf_is_converted_once(tmp_path):
    source = tmp_path / "tiny.gguf"
    model = write_gguf(source)
    cache = tmp_path / "cache"
    loaded = load_model(source, cache=cache)
    assert loaded.kind == "causal" and loaded.folder.parent == cache / "gguf"
    assert np.array_equal(input_matrix(loaded.model), input_matrix(model))
    ids = torch.tensor([[3, 4, 5]])
    torch.testing.assert_close(loaded.model(ids).logits, model(ids).logits)
    written = (loaded.folder / "model.safetensors").stat().st_mtime_ns
    assert load_model(source, cache=cache).folder == loaded.folder
    assert (loaded.folder / "model.safetensors").stat().st_mtime_ns == written
    assert [path.name for path in (cache / "gguf").iterdir()] == [loaded.folder.name]
    loaded.model.save_pretrained(tmp_path / "again")  # refused for a model that carries quantisation marks
    assert "quantization" not in (tmp_path / "again" / "config.json").read_text()


def write_gguf(path: Path):
    """A tiny tied Llama as llama.cpp would write it: q and k in its interleaved order, byte-level BPE."""
    import gguf

    tokenizer = tiny_tokenizer("bpe")
    model = tiny_model("llama", tokenizer)
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(len(tokenizer))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(token_table(tokenizer).tokens))
    writer.add_token_types([3] + [1] * (len(tokenizer) - 1))
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    names = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    writer.add_tensor("token_embd.weight", input_matrix(model))
    writer.add_tensor("output_norm.weight", model.model.norm.weight.detach().numpy())
    for place, layer in enumerate(model.model.layers):
        for name, written in names.items():
            weight = layer.get_submodule(name).weight.detach().numpy()
            if written in ("attn_q", "attn_k"):
                heads, dim = config.num_attention_heads, config.hidden_size
                weight = weight.reshape(heads, 2, config.head_dim // 2, dim).swapaxes(1, 2).reshape(-1, dim)
            writer.add_tensor(f"blk.{place}.{written}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model
