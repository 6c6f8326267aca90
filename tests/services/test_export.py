"""Exports: what the folder holds and what not, the check against the original, runs, and the way to the hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.builders import tiny_model
from tests.run_builders import write_run
from tests.services.push_hub import QUIET, WRITER, running_push_hub
from wechsel_core import paths, runs
from wechsel_core.errors import ConfigError, InputError, OutputError, RunError, WechselError
from wechsel_core.models import load_model
from wechsel_core.results import read_manifest
from wechsel_core.services import export as service
from wechsel_core.services.card_facts import card_facts, portable
from wechsel_core.services.export import export

Made = Callable[..., Path]
PLAIN = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "wechsel.json"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path / "home"


@pytest.fixture
def trained(made: Made) -> str:
    """The id of a finished run of the tiny GPT-2 result, with other weights than the result's."""
    result = made("gpt2")
    config_hash = read_manifest(result)["config_hash"]
    run = write_run("wechsel", result_id=str(result), result={"config_hash": config_hash}, text="corpus.txt")
    start = load_model(result)
    model = tiny_model("gpt2", start.tokenizer, seed=7)
    model.save_pretrained(runs.run_folder(run) / "model")
    start.tokenizer.save_pretrained(runs.run_folder(run) / "model")
    return run


def card(folder: Path) -> tuple[dict, str]:
    _, head, body = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def nothing_left(place: Path) -> bool:
    return not [path for path in place.iterdir() if path.name.startswith(".wechsel-")]


@pytest.mark.parametrize("model", ["gpt2", "gpt2-untied", "roberta", "roberta-untied", "llama"])
def test_the_folder_is_plain_and_the_same_model(made: Made, tmp_path: Path, model: str) -> None:
    result, out = made(model), tmp_path / "out"
    (result / "notes.txt").write_text("not for others")
    seen: list[float] = []
    found = export(str(result), out, progress=lambda share, _: seen.append(share))
    assert found["check"]["equal"] and found["check"]["largest_difference"] == 0.0 and found["check"]["tokens"] > 5
    generation = {"generation_config.json"} if (result / "generation_config.json").exists() else set()
    assert {path.name for path in out.iterdir()} == set(found["files"]) == PLAIN | generation
    assert load_model(out).weights_sha256() == load_model(result).weights_sha256()
    assert load_model(out).kind == ("masked" if model.startswith("roberta") else "causal")
    parameters = sum(p.numel() for p in load_model(out).model.parameters())
    assert found["parameters"] == parameters and f"{parameters:,} parameters" in card(out)[1]
    assert seen == sorted(seen) and seen[-1] == 1.0 and nothing_left(tmp_path)


def test_weights_in_shards(made: Made, tmp_path: Path) -> None:
    result = tmp_path / "sharded"
    shutil.copytree(made("gpt2"), result)
    start = load_model(result)
    (result / "model.safetensors").unlink()
    start.model.save_pretrained(result, max_shard_size="20KB")
    (result / "model-stray.safetensors").write_bytes(b"of nobody")
    found = export(str(result), tmp_path / "out")
    shards = {name for name in found["files"] if name.startswith("model-")}
    assert (
        len(shards) > 1 and "model.safetensors.index.json" in found["files"] and "model-stray.safetensors" not in shards
    )


def test_wechsel_json_goes_along_without_the_persons_folders(made: Made, tmp_path: Path) -> None:
    result = made("gpt2")
    export(str(result), tmp_path / "out")
    kept, before = read_manifest(tmp_path / "out"), read_manifest(result)
    assert kept["config"]["source_vectors"] == "en.vec" and kept["config"]["source"] == "gpt2"
    assert str(Path(before["config"]["dictionary"]).parent) not in (tmp_path / "out" / "wechsel.json").read_text()
    assert str(Path(before["config"]["dictionary"]).parent) not in (tmp_path / "out" / "README.md").read_text()
    same = {"config", "inputs"}
    assert {name: kept[name] for name in kept if name not in same} == {n: before[n] for n in before if n not in same}
    assert portable(kept) == kept


def test_card_of_files_of_the_persons_own(made: Made, tmp_path: Path) -> None:
    export(str(made("gpt2")), tmp_path / "out")
    head, body = card(tmp_path / "out")
    recorded = read_manifest(made("gpt2"))["inputs"]
    assert head["license"] == "unknown" and "base_model" not in head and head["language"] == "fr"
    for name in ("source_model", "source_vectors", "dictionary", "target_tokenizer"):
        assert f"| unknown&#58; ask its author | {recorded[name]['sha256']} |" in body


def test_names_of_the_catalogue_bring_their_licences() -> None:
    pocket = read_manifest(paths.examples_dir() / "pocket-gpt2-fr")
    facts = card_facts(pocket, kind="causal", parameters=1)
    assert [entry.name for entry in facts.inputs] == [
        "pocket-gpt2", "pocket-en-vectors", "pocket-fr-vectors", "pocket-fr-dictionary", "pocket-fr-gpt2-tokenizer",
    ]  # fmt: skip
    assert {entry.licence for entry in facts.inputs} == {"this project's"} and facts.base_model is None
    config = pocket["config"] | {"source": "gpt2", "source_vectors": "cc.en.300", "dictionary": "wiktionary-fr"}
    facts = card_facts(pocket | {"config": config}, kind="causal", parameters=1)
    assert facts.base_model == "openai-community/gpt2"
    assert [entry.licence for entry in facts.inputs][:4] == ["MIT", "CC BY-SA 3.0", "this project's", "CC BY-SA 3.0"]
    config |= {"source": "someone/english-model", "tokenizer_corpus": "kolibri-messages-fr"}
    facts = card_facts(pocket | {"config": config}, kind="causal", parameters=1)
    assert facts.base_model == "someone/english-model" and facts.inputs[0].licence is None
    assert (facts.inputs[-1].name, facts.inputs[-1].licence) == ("trained on kolibri-messages-fr", "MIT")


def test_what_a_method_did_not_take_is_not_listed() -> None:
    pocket = read_manifest(paths.examples_dir() / "pocket-gpt2-fr")
    inputs = {name: pocket["inputs"][name] for name in ("source_model", "target_tokenizer")}
    facts = card_facts(pocket | {"inputs": inputs | {"dictionary": None}}, kind="causal", parameters=1)
    assert [entry.role for entry in facts.inputs] == ["English model", "tokenizer"]
    run = {"config": {"arm": "random", "text": "pocket-sw-text"}, "prepared": {"train_sha256": "ab"}}
    facts = card_facts(pocket, kind="causal", parameters=1, run=run)
    assert [(entry.role, entry.sha256) for entry in facts.inputs][1:] == [("text of the training", "ab")]
    assert facts.inputs[0].role == "tokenizer"


@pytest.mark.parametrize("how", ["id", "folder", "model", "with the result"])
def test_a_run_is_found_by_any_of_its_names(made: Made, trained: str, tmp_path: Path, how: str) -> None:
    folder, out = runs.run_folder(trained), tmp_path / "out"
    source, run = {
        "id": (trained, None), "folder": (str(folder), None), "model": (str(folder / "model"), None),
        "with the result": (str(made("gpt2")), trained),
    }[how]  # fmt: skip
    assert export(source, out, run=run)["run"] == trained
    assert load_model(out).weights_sha256() == load_model(folder / "model").weights_sha256()
    body = card(out)[1]
    assert "| 0 | 0 | 6.5 |" in body and "| 100 | 204,800 | 4.15625 |" in body
    assert "| text of the training | corpus.txt |" in body


def test_runs_that_cannot_be_exported(made: Made, trained: str, tmp_path: Path) -> None:
    other = write_run("random", 4, result_id=str(made("gpt2")), result={"config_hash": "f" * 64})
    for source, run, words in (
        (other, None, "keeps no model"),
        (str(made("roberta")), trained, "another result"),
        (str(made("gpt2")), "nobody", "no run 'nobody'"),
        ("nobody", None, "no result at nobody"),
    ):
        with pytest.raises(InputError, match=words):
            export(source, tmp_path / "out", run=run)
    shutil.copytree(runs.run_folder(trained) / "model", runs.run_folder(other) / "model")
    with pytest.raises(RunError, match="started from another result"):
        export(other, tmp_path / "out")
    assert not (tmp_path / "out").exists() and nothing_left(tmp_path)


def test_an_example_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="comes without its model.*run init"):
        export("pocket-gpt2-fr", tmp_path / "out")


def test_no_place_that_something_is_lost_from(made: Made, trained: str, tmp_path: Path) -> None:
    result, other = tmp_path / "result", tmp_path / "other"
    for folder in (result, other):
        shutil.copytree(made("gpt2"), folder)
    before = sorted(path.name for path in result.iterdir())
    for out in (result, result / "inside", other, runs.run_folder(trained) / "out"):
        source = trained if "out" in out.name else str(result)
        with pytest.raises(OutputError, match="belongs to a result or a run"):
            export(source, out, force=True)
    assert sorted(path.name for path in result.iterdir()) == before and (other / "neighbors.parquet").exists()
    out = tmp_path / "out"
    export(str(result), out)
    with pytest.raises(OutputError, match="--force"):
        export(str(result), out)
    (out / "old.txt").write_text("of the earlier export")
    export(str(result), out, force=True)
    assert not (out / "old.txt").exists()


def test_another_model_in_the_folder_is_found(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that changes one weight while it is copied stands in for a bad disk."""
    real = service._copy_model

    def careless(origin: Path, out: Path) -> int:
        count = real(origin, out)
        loaded = load_model(out)
        loaded.model.transformer.h[0].mlp.c_fc.weight.data[0, 0] += 1.0
        (out / "model.safetensors").unlink()
        loaded.model.save_pretrained(out)
        return count

    monkeypatch.setattr(service, "_copy_model", careless)
    with pytest.raises(WechselError, match="differs from its original by") as caught:
        export(str(made("gpt2")), tmp_path / "out")
    assert caught.value.exit_code == 1 and not (tmp_path / "out").exists() and nothing_left(tmp_path)


def test_cancelled_leaves_nothing(made: Made, tmp_path: Path) -> None:
    def cancel(share: float, _: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(str(made("gpt2")), tmp_path / "out", progress=cancel)
    assert not (tmp_path / "out").exists() and nothing_left(tmp_path)


# --- the hub: test_push.py has the rest --------------------------------------------------------------------------

SCRIPT = """
import json, sys
from wechsel_core.cli import main
from wechsel_core.models import load_model
code = main(sys.argv[1:])
print(code, load_model(sys.argv[2]).weights_sha256(), load_model("someone/french").weights_sha256())
"""


@pytest.mark.slow
def test_from_the_command_line_to_the_hub_and_back(made: Made, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    flags = ["--out", str(tmp_path / "out"), "--push", "someone/french", "--private", "--json"]
    with running_push_hub(tmp_path / "hub") as hub:
        variables = {"HF_HUB_DISABLE_XET": "1", "HF_TOKEN": WRITER}
        line, last = hub.run(QUIET + SCRIPT, "export", str(made("gpt2")), *flags, home=tmp_path / "hf", **variables)
        assert json.loads(line)["pushed"] == f"{hub.url}/someone/french" and hub.private == {"someone/french"}
    code, before, after = last.split()
    assert code == "0" and before == after
    assert 'from_pretrained("someone/french")' in (tmp_path / "out" / "README.md").read_text()


def test_without_a_token_nothing_is_written(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(OutputError, match="no token for the Hugging Face hub; expected one that may write"):
        export(str(made("gpt2")), tmp_path / "out", push_to="someone/french")
    assert not (tmp_path / "out").exists()


def test_private_needs_a_push(made: Made, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--push"):
        export(str(made("gpt2")), tmp_path / "out", private=True)
