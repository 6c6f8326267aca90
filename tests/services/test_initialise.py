"""``initialise`` from files to a Hugging Face folder, for every family, tied and not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.services import rows
from tests.services.tiny_files import DIM, ENGLISH, FRENCH, MODELS, PAIRS, TinyFiles
from wechsel_core.config import InitConfig
from wechsel_core.services.initialise import default_out, initialise

Made = Callable[..., Path]
every_model = pytest.mark.parametrize("model", MODELS)
PROBE = "le chat est dans le jardin 猫"


@every_model
def test_folder_loads_and_gives_finite_logits(model: str, made: Made, files: TinyFiles) -> None:
    import torch
    from transformers import AutoTokenizer

    folder = made(model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = files.tokenizer(MODELS[model][0])
    assert tokenizer.get_vocab() == given.get_vocab() and tokenizer(PROBE).input_ids == given(PROBE).input_ids
    loaded = rows.load(folder)
    with torch.no_grad():
        logits = loaded(**tokenizer(PROBE, return_tensors="pt", return_token_type_ids=False)).logits
    assert logits.shape[-1] == len(tokenizer) and torch.isfinite(logits).all()
    tied = loaded.get_output_embeddings().weight.data_ptr() == loaded.get_input_embeddings().weight.data_ptr()
    assert tied is MODELS[model][1]


@every_model
def test_rows_are_the_mixture_of_the_parquet_file(model: str, made: Made, files: TinyFiles) -> None:
    """Input rows, untied output rows and output biases, by the same weights."""
    folder = made(model)
    source, target = rows.load(files.folder / model), rows.load(folder)
    known = rows.kinds(folder) != "fallback"
    assert known.sum() > 30
    heads = source.get_output_embeddings(), target.get_output_embeddings()
    pairs = [(source.get_input_embeddings().weight, target.get_input_embeddings().weight)]
    pairs.append((heads[0].weight, heads[1].weight))
    if MODELS[model][0] == "roberta":
        pairs.append((heads[0].bias, heads[1].bias))
        pairs.append((source.lm_head.bias, target.lm_head.bias))
    for before, after in pairs:
        expected = rows.remixed(folder, rows.array(before))
        np.testing.assert_allclose(rows.array(after)[known], expected[known], atol=1e-6)
        assert np.abs(expected[known]).max() > 1e-3


@every_model
def test_all_other_weights_are_copied(model: str, made: Made, files: TinyFiles) -> None:
    source, target = (rows.load(folder).state_dict() for folder in (files.folder / model, made(model)))
    vocabulary = ("wte.weight", "embed_tokens.weight", "word_embeddings.weight", "decoder.weight", "decoder.bias")
    vocabulary += ("lm_head.weight", "lm_head.bias")
    assert source.keys() == target.keys()
    others = [name for name in source if not name.endswith(vocabulary)]
    assert len(others) > 15 and all(bool((source[name] == target[name]).all()) for name in others)


@pytest.mark.parametrize("model", ["gpt2", "roberta", "llama-untied"])
def test_fallback_rows_are_drawn_from_the_source_distribution(model: str, made: Made, files: TinyFiles) -> None:
    folder = made(model)
    source, target = (rows.load(f).get_input_embeddings() for f in (files.folder / model, folder))
    before, after = rows.array(source.weight), rows.array(target.weight)
    drawn = np.random.default_rng(0).normal(before.mean(0), before.std(0), after.shape)
    fallback = rows.kinds(folder) == "fallback"
    assert fallback.any()
    np.testing.assert_allclose(after[fallback], drawn[fallback], atol=1e-6)


def test_special_tokens_are_copied_by_role(made: Made, files: TinyFiles) -> None:
    """RoBERTa's tokens under other names and in another order keep their rows, and the config names them."""
    from tests.builders import tiny_tokenizer
    from tests.services.tiny_files import sentences

    names = {"mask": "[M]", "eos": "[E]", "bos": "[B]", "unk": "[U]", "pad": "[P]", "cls": "[B]", "sep": "[E]"}
    other = files.folder / "other-names"
    tiny_tokenizer(lines=sentences(FRENCH), special_tokens=names).save_pretrained(other)
    folder = made("roberta", target_tokenizer=str(other))
    from wechsel_core.tokenizers.load import load_tokenizer

    before, after = load_tokenizer(files.folder / "roberta"), load_tokenizer(folder)
    source, target = rows.load(files.folder / "roberta"), rows.load(folder)
    for role in ("bos", "eos", "pad", "unk", "mask"):
        source_id, target_id = (getattr(t, f"{role}_token_id") for t in (before, after))
        for part in ("weight", "bias"):
            old, new = (rows.array(getattr(m.get_output_embeddings(), part)) for m in (source, target))
            np.testing.assert_array_equal(new[target_id], old[source_id], err_msg=role)
        assert rows.kinds(folder)[target_id] == "copied"
    assert target.config.pad_token_id == after.pad_token_id != before.pad_token_id
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    assert manifest["counts"]["copied"] == 5


def test_manifest(files: TinyFiles, tmp_path: Path) -> None:
    """Every parameter, hashes of the inputs, versions, counts, alignment quality and timings."""
    config = files.config()
    returned = initialise(config, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "wechsel.json").read_text("utf-8"))
    assert returned == {**manifest, "path": str(tmp_path / "out")}
    assert set(manifest) == {
        "schema_version", "created", "config", "config_hash", "mode", "inputs", "versions", "counts", "alignment",
        "norms", "options_beyond_paper", "warnings", "timings",
    }  # fmt: skip
    assert manifest["schema_version"] == 1 and InitConfig.from_dict(manifest["config"]) == config
    assert manifest["config_hash"] == config.hash and manifest["mode"] == "word"

    def sha256(name: str) -> str:
        return hashlib.sha256((files.folder / name).read_bytes()).hexdigest()

    inputs = manifest["inputs"]
    assert inputs["source_model"]["sha256"] == sha256("gpt2/model.safetensors")
    assert inputs["source_model"]["kind"] == "causal"
    for side, language, n_words in (("source", "en", len(ENGLISH)), ("target", "fr", len(FRENCH))):
        assert inputs[f"{side}_vectors"] == {
            "name": f"{language}.vec", "sha256": sha256(f"{language}.vec"), "dim": DIM, "words": n_words,
            "has_subwords": False,
        }  # fmt: skip
    assert inputs["dictionary"] == {"name": "en-fr.tsv", "sha256": sha256("en-fr.tsv")}
    assert len(inputs["target_tokenizer"]["sha256"]) == 64
    assert {"python", "numpy", "torch", "transformers", "wechsel_core"} <= set(manifest["versions"])
    assert manifest["options_beyond_paper"] == []
    assert set(manifest["timings"]) == {
        "load", "vocabularies", "static space", "neighbours", "model", "tables", "hashes",
    } and all(seconds >= 0 for seconds in manifest["timings"].values())  # fmt: skip


def test_counts_and_alignment(made: Made, files: TinyFiles) -> None:
    folder = made()
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    counts, kinds = manifest["counts"], rows.kinds(folder).tolist()
    assert {name: counts[name] for name in ("mixed", "copied", "fallback")} == {
        name: kinds.count(name) for name in ("mixed", "copied", "fallback")
    }
    assert counts["tokens"] == len(kinds) == len(files.tokenizer("gpt2")) and counts["copied"] == 1
    assert counts["byte_pieces"] >= 128 and counts["byte_pieces_copied"] == 0
    matrix = rows.input_rows(folder)[rows.kinds(folder) == "mixed"]
    assert counts["duplicate_rows"] == len(matrix) - len(np.unique(matrix, axis=0))
    alignment = manifest["alignment"]
    assert alignment["pairs_offered"] == alignment["pairs_usable"] == len(PAIRS) + 1
    assert alignment["relative_residual"] < 0.3
    assert alignment["held_out"]["cosine"]["all"]["p_at_1"] > 0.9, "the languages are one rotated, nearly"
    assert any("no static vector" in text for text in manifest["warnings"])


def test_neighbors_file(made: Made, files: TinyFiles) -> None:
    folder = made()
    table, kinds = rows.neighbors(folder), rows.kinds(folder)
    assert list(table.columns) == [
        "target_id", "target_token", "rank", "source_id", "source_token", "similarity", "weight",
    ]  # fmt: skip
    tokens = files.tokenizer("gpt2").convert_ids_to_tokens(table["target_id"].tolist())
    assert table["target_token"].astype(str).tolist() == tokens
    by_token = table.groupby("target_id")
    assert set(by_token.groups) == set(np.flatnonzero(kinds != "fallback"))
    np.testing.assert_allclose(by_token["weight"].sum(), 1.0, atol=1e-6)
    assert (by_token["rank"].min() == 1).all() and (by_token["rank"].max() == by_token.size()).all()
    sizes = by_token.size().to_numpy()
    assert sizes.max() == 50 and (sizes[kinds[list(by_token.groups)] == "copied"] == 1).all()
    assert (by_token["similarity"].diff().dropna() <= 0).all() and table["similarity"].abs().max() <= 1 + 1e-6
    assert (table.loc[table["rank"] > 10, "weight"] == 0).all(), "k = 10 take part, the others are kept for later"
    assert (table.loc[(table["rank"] <= 10), "weight"] > 0).all()


def test_neighbors_of_chat_are_cat(made: Made, files: TinyFiles) -> None:
    """The planted rotation is found: French words have their translation first."""
    table = rows.neighbors(made())
    first = table[table["rank"] == 1].set_index("target_token")["source_token"]
    found = 0
    for english, french in PAIRS:
        for token in (french, f"Ġ{french}"):
            if token in first:
                found += 1
                # "ater" stands in no word but "water", and so has its very vector
                assert first[token].lstrip("Ġ").lower() in english, french
    assert found > 20


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_equal_static_vectors_are_ties(model: str, made: Made, files: TinyFiles) -> None:
    """ " to" and "to" share one n-gram vector: the same similarity, and of the two the lower id goes first."""
    from wechsel_core.tokenizers.load import load_tokenizer
    from wechsel_core.tokenizers.table import token_table

    source = token_table(load_tokenizer(files.folder / model))
    table = rows.neighbors(made(model, subwords=True)).sort_values(["target_id", "rank"])
    table = table.assign(text=np.array([text.strip() for text in source.texts])[table["source_id"]])
    pairs = table.groupby(["target_id", "text"])
    assert (pairs.size() > 1).sum() > 100
    assert (pairs["similarity"].nunique() == 1).all()
    assert pairs["source_id"].apply(lambda ids: ids.is_monotonic_increasing).all()


@pytest.mark.parametrize("model", ["gpt2-untied", "roberta"])
def test_same_config_same_bytes(model: str, made: Made, files: TinyFiles, tmp_path: Path) -> None:
    first, second = made(model), tmp_path / "again"
    initialise(files.config(model), second)
    for name in ("model.safetensors", "neighbors.parquet", "tokens.parquet", "tokenizer.json", "config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    drop = {"created", "timings"}
    manifests = [json.loads((folder / "wechsel.json").read_text("utf-8")) for folder in (first, second)]
    assert [{k: v for k, v in m.items() if k not in drop} for m in manifests[:1]] == [
        {k: v for k, v in m.items() if k not in drop} for m in manifests[1:]
    ]


def test_default_out_is_one_folder_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    config = InitConfig(source="../weird name/..", target_language="fr")
    out = default_out(config)
    assert out.parent == tmp_path / "results" and out == default_out(config) and not out.name.startswith(".")
    assert default_out(InitConfig(seed=1)) != default_out(InitConfig())
