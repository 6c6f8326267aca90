"""The evaluation of folders: results, runs, other models; and of a model in memory."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.tiny_files import FRENCH, sentences
from wechsel_core import paths
from wechsel_core.errors import ConfigError, ModelError, OutputError, TextError, TokenizerError
from wechsel_core.evaluation.language_modeling import HeldOutText
from wechsel_core.models import load_model
from wechsel_core.services.evaluate import ProbeConfig, evaluate_in, held_out_scores

LABELLED = Path(__file__).parents[1] / "evaluation" / "data"
LINES = sentences(FRENCH, n=40, seed=5)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("text") / "held-out.txt"
    path.write_text("\n".join(LINES), "utf-8")
    return str(path)


@pytest.fixture
def copied(made: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A result of one's own, to spoil."""

    def copy(model: str = "gpt2", **changes: Any) -> Path:
        return Path(shutil.copytree(made(model), tmp_path / "result", **changes))

    return copy


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_scores_of_a_model_in_memory(made: Callable[..., Path], model: str) -> None:
    """Those of ``HeldOutText``, with every key that callers count on."""
    loaded = load_model(made(model))
    found = held_out_scores(loaded.model, loaded.tokenizer, loaded.kind, LINES, 16, 10**9)
    expected = HeldOutText(loaded.tokenizer, LINES, block_size=16, masked=model == "roberta").score(loaded.model)
    assert found == dataclasses.asdict(expected)
    assert list(found) == ["loss", "perplexity", "bits_per_byte", "n_tokens", "n_bytes", "accuracy"]
    assert 0 <= found["accuracy"] <= 1 and found["perplexity"] == pytest.approx(math.exp(found["loss"]))


def test_tokens_spread_over_the_lines(made: Callable[..., Path]) -> None:
    loaded = load_model(made())
    few = held_out_scores(loaded.model, loaded.tokenizer, loaded.kind, LINES, 16, 200)
    assert 100 < few["n_tokens"] < 300


def test_a_masked_model_without_a_mask(made: Callable[..., Path]) -> None:
    loaded = load_model(made("roberta"))
    loaded.tokenizer.mask_token = None
    with pytest.raises(TokenizerError, match="no mask token"):
        held_out_scores(loaded.model, loaded.tokenizer, "masked", LINES, 16, 1000)


def test_a_model_that_gives_no_number(made: Callable[..., Path]) -> None:
    loaded = load_model(made())
    loaded.model.get_input_embeddings().weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="a loss of nan"):
        held_out_scores(loaded.model, loaded.tokenizer, loaded.kind, LINES, 16, 1000)


@pytest.mark.parametrize("model,kind", [("gpt2", "causal"), ("roberta", "masked"), ("llama-untied", "causal")])
def test_a_result(made: Callable[..., Path], text: str, model: str, kind: str) -> None:
    """Held-out scores, and the dictionary's words in the stored neighbours and in the rows; the record is plain JSON."""
    shares: list[float] = []
    found = evaluate_in(made(model), text, block_size=16, progress=lambda share, step: shares.append(share))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["kind"] == kind and found["text"] == {"name": text, "block_size": 16} and found["probes"] == {}
    loaded = load_model(made(model))
    assert found["held_out"] == held_out_scores(loaded.model, loaded.tokenizer, kind, LINES, 16, 50_000)
    translation = found["token_translation"]
    assert translation["dictionary"]["name"] == "en-fr.tsv" and "reason" not in translation
    assert translation["of_stored"]["n"] == translation["of_rows"]["n"] > 5
    # The French vectors are the rotated English ones with a little noise, so the neighbours are right ...
    assert translation["of_stored"]["p_at_1"] > 0.7
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_rows_of_one_neighbour_are_found_in_the_model(made: Callable[..., Path], text: str) -> None:
    """With k = 1 a new row is the row of its neighbour, so both figures say the same; random rows find nothing."""
    found = evaluate_in(made("gpt2", neighbors=1), text, block_size=16)["token_translation"]
    assert found["of_rows"]["p_at_1"] == found["of_stored"]["p_at_1"] > 0.7


def test_spoilt_rows_are_seen(copied: Callable[..., Path], text: str) -> None:
    """The stored neighbours stay what they are; the rows of the model have nothing to do with them any more."""
    import torch

    place = copied()
    loaded = load_model(place)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.nn.init.normal_(loaded.model.get_input_embeddings().weight)
    loaded.model.save_pretrained(place)
    found = evaluate_in(place, text, block_size=16)["token_translation"]
    assert found["of_stored"]["p_at_1"] > 0.7 and found["of_rows"]["p_at_1"] < 0.3


def test_a_dictionary_that_has_changed_is_a_reason(copied: Callable[..., Path], tmp_path: Path, text: str) -> None:
    place = copied()
    manifest = json.loads((place / "wechsel.json").read_text("utf-8"))
    other = tmp_path / "other.tsv"
    other.write_text("cat\tchat\n", "utf-8")
    manifest["config"]["dictionary"] = str(other)
    (place / "wechsel.json").write_text(json.dumps(manifest), "utf-8")
    found = evaluate_in(place, text, block_size=16)
    assert found["held_out"]["loss"] > 0, "the rest is measured all the same"
    translation = found["token_translation"]
    assert (translation["of_stored"], translation["of_rows"]) == (None, None)
    assert f"the dictionary {other} has changed" in translation["reason"]
    other.unlink()
    assert "no readable dictionary" in evaluate_in(place, text, block_size=16)["token_translation"]["reason"]


def test_a_model_folder_has_no_token_translation(copied: Callable[..., Path], text: str) -> None:
    place = copied()
    expected = evaluate_in(place, text, block_size=16)
    (place / "wechsel.json").unlink()
    found = evaluate_in(place, text, block_size=16)
    assert found["token_translation"] is None and found["held_out"] == expected["held_out"]


def test_a_run_by_its_folder_or_its_model(copied: Callable[..., Path], tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    with pytest.raises(OutputError, match="the run run keeps no model"):
        evaluate_in(run, text)
    copied().rename(run / "model")
    assert evaluate_in(run, text, block_size=16) == evaluate_in(run / "model", text, block_size=16)


def test_examples_keep_no_model(text: str) -> None:
    with pytest.raises(OutputError, match="the result pocket-gpt2-fr keeps no model"):
        evaluate_in(paths.examples_dir() / "pocket-gpt2-fr", text)


def test_blocks(made: Callable[..., Path], text: str, tmp_path: Path) -> None:
    """By default as long as the model takes; RoBERTa counts its 34 positions from the pad id on."""
    assert evaluate_in(made(), text)["text"]["block_size"] == 32
    assert evaluate_in(made("roberta"), text)["text"]["block_size"] == 32
    with pytest.raises(ConfigError, match="block_size is 33; expected at most the model's 32"):
        evaluate_in(made(), text, block_size=33)
    short = tmp_path / "short.txt"
    short.write_text("chat", "utf-8")
    with pytest.raises(TextError, match="shorter than one block"):
        evaluate_in(made(), str(short))
    short.write_text(" \n", "utf-8")
    with pytest.raises(TextError, match="holds no text"):
        evaluate_in(made(), str(short))


def test_bad_data_is_refused_before_the_model_is_loaded(tmp_path: Path, text: str) -> None:
    with pytest.raises(TextError, match="no readable file at nowhere"):
        evaluate_in(tmp_path, text, nli=("nowhere", "nowhere"))
    with pytest.raises(ModelError, match="holds no config.json"):
        evaluate_in(tmp_path, text)


def test_probes_of_a_result(made: Callable[..., Path], text: str) -> None:
    nli, ner = (str(LABELLED / name) for name in ("nli-de.jsonl", "ner-de.conll"))
    shares: list[tuple[float, str]] = []
    found = evaluate_in(
        made("roberta"), text, block_size=16, nli=(nli, nli), ner=(ner, ner), probe_config=ProbeConfig(epochs=1),
        progress=lambda *call: shares.append(call),
    )["probes"]  # fmt: skip
    assert list(found) == ["nli", "ner"] and found["nli"]["majority"] == pytest.approx(1 / 3)
    assert found["nli"]["test"]["n"] == found["ner"]["test"]["n"] == 6 and found["ner"]["test"]["entities"] == 10
    assert found["nli"]["config"] == ProbeConfig(epochs=1).to_dict()
    assert [share for share, _ in shares] == sorted(share for share, _ in shares)
    assert any(step.startswith("Probe of tagged words: Fine-tuning: step 1 of 1") for _, step in shares)
