"""``init`` at real size, with random weights: GPT-2's and RoBERTa's own dimensions, and Llama 3's matrices."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from tests.builders import GPT2_SPECIALS, ROBERTA_SPECIALS
from tests.services import rows
from tests.services.real_size import config_of, wide_tokenizer, write_inputs, write_llama
from wechsel_core.models.stored import StoredRows, stored_tensors
from wechsel_core.services.initialise import initialise

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Emptied afterwards: pytest would keep the gigabytes of its last runs."""
    if shutil.disk_usage(tmp_path).free < 8e9:
        pytest.skip("needs 8 GB of disk")
    yield tmp_path
    for path in tmp_path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def save_random(family: str, folder: Path) -> None:
    """GPT-2 (124 M parameters) or RoBERTa-base (125 M) as their classes draw them."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(0)
    if family == "gpt2":
        wide_tokenizer(50257, GPT2_SPECIALS).save_pretrained(folder)
        model: Any = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0))
    else:
        wide_tokenizer(50265, ROBERTA_SPECIALS).save_pretrained(folder)
        shape = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
        model = RobertaForMaskedLM(RobertaConfig(bos_token_id=0, pad_token_id=1, eos_token_id=2, **shape))
        torch.nn.init.normal_(model.lm_head.bias)
    model.save_pretrained(folder)


@pytest.mark.parametrize(("family", "vocabulary"), [("gpt2", ["transformer.wte.weight"]), ("roberta", None)])
def test_a_model_of_the_usual_size(family: str, vocabulary: list[str] | None, folder: Path) -> None:
    """From files to a folder that loads: rows by the parquet file, the rest copied, finite logits."""
    import torch
    from transformers import AutoTokenizer

    vocabulary = vocabulary or ["roberta.embeddings.word_embeddings.weight", "lm_head.bias"]
    save_random(family, folder / "model")
    write_inputs(folder, 50_000, {"gpt2": GPT2_SPECIALS, "roberta": ROBERTA_SPECIALS}[family])
    manifest = initialise(config_of(folder), folder / "result")
    assert manifest["counts"]["tokens"] == 50_000 and manifest["counts"]["mixed"] > 45_000
    source, target = (stored_tensors(folder / name) for name in ("model", "result"))
    assert source.keys() == target.keys()
    assert all(source[name].equals(target[name]) for name in source if name not in vocabulary)
    known = rows.kinds(folder / "result") != "fallback"
    for name in vocabulary:
        before, after = StoredRows(source[name])[:], StoredRows(target[name])[:]
        assert after.shape == (50_000, before.shape[1])
        np.testing.assert_allclose(after[known], rows.remixed(folder / "result", before)[known], atol=1e-5)
        assert np.isfinite(after).all() and np.abs(after[~known]).max() > 0
    model, tokenizer = rows.load(folder / "result"), AutoTokenizer.from_pretrained(folder / "result")
    with torch.no_grad():
        logits = model(**tokenizer("abc bca cab", return_tensors="pt", return_token_type_ids=False)).logits
    assert logits.shape[-1] == 50_000 and torch.isfinite(logits).all()


def test_llama_3s_matrices_in_3_gigabytes(folder: Path) -> None:
    """Two matrices of 128,256 x 4,096, which would be 4.2 GB as float32, in shards on both sides."""
    write_llama(folder, 128_256, 4096)
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.real_size", str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["peak"] < 3e9, found
    assert found["counts"]["mixed"] > 120_000 and found["counts"]["fallback"] > 0
    source, target = (stored_tensors(folder / name) for name in ("model", "result"))
    matrices = ("model.embed_tokens.weight", "lm_head.weight")
    assert source.keys() == target.keys() and {tensor.dtype for tensor in target.values()} == {"BF16"}
    assert all(source[name].equals(target[name]) for name in source if name not in matrices)
    table = rows.neighbors(folder / "result")
    table = table[table["weight"] > 0]
    some = np.random.default_rng(0).choice(table["target_id"].unique(), 50, replace=False)
    for name in matrices:
        before, after = StoredRows(source[name]), StoredRows(target[name])
        for token in some:
            mixed = table[table["target_id"] == token]
            expected = mixed["weight"].to_numpy() @ before[mixed["source_id"].to_numpy()]
            np.testing.assert_allclose(after[int(token) : int(token) + 1][0], expected, rtol=2**-7, atol=1e-5)
    config = json.loads((folder / "result" / "config.json").read_text("utf-8"))
    assert config["dtype"] == "bfloat16" and config["vocab_size"] == 128_256
    for path in (folder / "result").glob("model*.safetensors"):
        with safe_open(path, framework="pt") as file:  # the library's own checks of offsets and lengths
            assert file.metadata() == {"format": "pt"}
