"""Trying a model: generate itself and the logits are the oracle; drawing by seed, gaps, lengths, characters in pieces."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.builders import BERT_SPECIALS, ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from tests.run_builders import write_run
from wechsel_core import paths, runs
from wechsel_core.errors import ConfigError, OutputError, TextError
from wechsel_core.models import load_model
from wechsel_core.results import read_manifest
from wechsel_core.services.try_it import (
    ContinueConfig,
    TryModel,
    open_model,
    result_model,
    stamp,
    trained_models,
)

TEXT = "The cat sat"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``saved(family, kind, **specials)``: a folder with a tiny model, made once."""
    root = tmp_path_factory.mktemp("models")

    def make(family: str, kind: str, specials: dict[str, str] | None = None, **options: Any) -> Path:
        folder = root / f"{family}-{kind}-{len(options)}"
        if not folder.exists():
            tokenizer = tiny_tokenizer(kind, special_tokens=specials)  # type: ignore[arg-type]
            model = tiny_model(family, tokenizer)  # type: ignore[arg-type]
            for parameter in model.parameters():
                parameter.data.mul_(8)  # logits of a fresh model are all alike
            if options:
                model.generation_config.update(**options)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def gpt2(saved: Callable[..., Path]) -> Path:
    return saved("gpt2", "bpe")


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "bpe"), ("llama", "llama")])
def test_the_likeliest_tokens_are_those_of_generate(saved: Callable[..., Path], family: str, kind: str) -> None:
    folder = saved(family, kind)
    found = open_model(folder).continue_text(TEXT, ContinueConfig(new_tokens=12))
    loaded = load_model(folder)
    ids = loaded.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    expected = loaded.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0
    )[0, ids.shape[1] :].tolist()
    assert found.tokens["id"].tolist() == expected
    assert found.tokens["place"].tolist() == list(range(1, len(expected) + 1))
    with torch.no_grad():
        whole = loaded.model(torch.cat([ids, torch.tensor([expected])], dim=1)).logits[0, ids.shape[1] - 1 : -1]
    chances = torch.softmax(whole.double(), -1)[range(len(expected)), expected]
    assert found.tokens["probability"].tolist() == pytest.approx(chances.tolist(), rel=1e-4)
    assert "".join(found.tokens["written"]) == loaded.tokenizer.decode([*ids[0], *expected])[len(TEXT) :]


def test_draws_follow_the_seed_and_nothing_else(gpt2: Path) -> None:
    settings = {"sampled": True, "new_tokens": 8}
    first, second = open_model(gpt2), open_model(gpt2)
    before = torch.random.get_rng_state()
    drawn = first.continue_text(TEXT, ContinueConfig(seed=3, **settings)).tokens["id"].tolist()
    assert torch.equal(torch.random.get_rng_state(), before), "other sessions draw from the same state"
    torch.manual_seed(99)
    assert second.continue_text(TEXT, ContinueConfig(seed=3, **settings)).tokens["id"].tolist() == drawn
    others = {
        tuple(first.continue_text(TEXT, ContinueConfig(seed=seed, **settings)).tokens["id"]) for seed in range(4, 9)
    }
    assert len(others) > 1
    likeliest = first.continue_text(TEXT, ContinueConfig(new_tokens=8)).tokens
    for one in ({"top_k": 1}, {"temperature": 0.05, "top_k": 2}):
        assert first.continue_text(TEXT, ContinueConfig(**settings, **one)).tokens.iloc[0].equals(likeliest.iloc[0])


def test_a_models_habits_are_left_out(saved: Callable[..., Path]) -> None:
    plain = open_model(saved("gpt2", "bpe")).continue_text(TEXT, ContinueConfig(new_tokens=12))
    habit = open_model(saved("gpt2", "bpe", repetition_penalty=50.0)).continue_text(TEXT, ContinueConfig(new_tokens=12))
    assert plain.tokens.equals(habit.tokens) and plain.tokens["id"].duplicated().any(), "it would forbid these"


def test_the_end_of_a_text_ends_it(gpt2: Path) -> None:
    loaded = load_model(gpt2)
    first = open_model(gpt2).continue_text(TEXT, ContinueConfig(new_tokens=5))
    assert not first.ended and len(first.tokens) == 5
    loaded.model.generation_config.eos_token_id = int(first.tokens["id"][2])
    again = TryModel(loaded).continue_text(TEXT, ContinueConfig(new_tokens=5))
    assert again.ended and again.tokens["id"].tolist()[-1] == first.tokens["id"][2] and len(again.tokens) <= 3


def test_progress_after_every_token_and_an_end_by_it(gpt2: Path) -> None:
    model, seen = open_model(gpt2), []
    model.continue_text(TEXT, ContinueConfig(new_tokens=4), lambda share, step: seen.append((share, step)))
    assert [share for share, _ in seen] == [0.25, 0.5, 0.75, 1.0] and seen[0][1] == "Token 1 of 4"
    model.continue_text(TEXT, ContinueConfig(new_tokens=4), lambda *_: pytest.fail("it is remembered"))

    def cancel(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        model.continue_text("The dog", ContinueConfig(new_tokens=9), cancel)
    assert len(model.continue_text("The dog", ContinueConfig(new_tokens=3)).tokens) == 3, "nothing stays locked"


def test_characters_in_pieces_are_written_whole(gpt2: Path) -> None:
    model, tokenizer = open_model(gpt2), load_model(gpt2).tokenizer
    pieces = tokenizer("猫 naïve 🙂")["input_ids"]
    written = model._written(tokenizer("so: ")["input_ids"], pieces)
    assert "".join(written) == "猫 naïve 🙂" and len(pieces) > len(written) - written.count("")
    assert not any("\ufffd" in part for part in written) and "" in written
    torn = model._written([], tokenizer("🙂")["input_ids"][:-1])
    assert "".join(torn).count("\ufffd") >= 1, "what stays torn is shown as torn"


def test_a_beginning_is_open_at_its_end(saved: Callable[..., Path]) -> None:
    """A tokenizer that frames a text would have the model go on behind the end of it."""
    from tokenizers.processors import TemplateProcessing

    loaded = load_model(saved("llama", "llama"))
    plain, roles = loaded.tokenizer(TEXT)["input_ids"], [("<s>", 1), ("</s>", 2)]
    assert [loaded.tokenizer.convert_tokens_to_ids(name) for name, _ in roles] == [1, 2]
    loaded.tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<s> $A </s>", special_tokens=roles)
    model = TryModel(loaded)
    assert model._beginning(TEXT, 5) == [1, *plain]
    assert model._beginning(f"{TEXT}</s>", 5) == [1, *plain, 2], "one that a person typed stays"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_to_continue(gpt2: Path, text: str) -> None:
    with pytest.raises(TextError, match="no text"):
        open_model(gpt2).continue_text(text, ContinueConfig())


def test_too_long_for_the_model(gpt2: Path) -> None:
    model, most = open_model(gpt2), 32 - 20
    fits = load_model(gpt2).tokenizer.decode([10] * most)
    n = len(load_model(gpt2).tokenizer(fits)["input_ids"])
    assert n <= most
    assert len(model.continue_text(fits, ContinueConfig(new_tokens=20)).tokens) >= 1
    with pytest.raises(TextError, match="at most 12, which leaves room for 20 new ones; shorten it"):
        model.continue_text("cat " * 30, ContinueConfig(new_tokens=20))


@pytest.mark.parametrize(
    ("name", "value"),
    [("new_tokens", 0), ("new_tokens", 61), ("temperature", 0.0), ("temperature", float("nan")), ("top_k", -1), ("seed", -1)],
)  # fmt: skip
def test_settings_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        ContinueConfig(**{name: value})


# --- a gap -------------------------------------------------------------------------------------------------------

MASKED = [("roberta", "bpe", ROBERTA_SPECIALS), ("roberta", "unigram", None), ("bert", "wordpiece", BERT_SPECIALS)]


@pytest.mark.parametrize(("family", "kind", "specials"), MASKED)
def test_tokens_for_a_gap_are_those_of_the_logits(
    saved: Callable[..., Path], family: str, kind: str, specials: dict[str, str] | None
) -> None:
    folder = saved(family, kind, specials)
    found = open_model(folder).fill("The <mask> sat on the mat.", top=5)
    loaded = load_model(folder)
    tokenizer = loaded.tokenizer
    # A word and the white space before it are one token or more: that token's place is taken by the mask alone.
    around = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in ("The", " sat on the mat.")]
    ids = [*around[0], tokenizer.mask_token_id, *around[1]]
    with torch.no_grad():
        chances = torch.softmax(
            loaded.model(torch.tensor([ids])).logits[0, ids.index(tokenizer.mask_token_id)].double(), -1
        )
    best = torch.topk(chances, 5)
    assert found["id"].tolist() == best.indices.tolist() and found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert found["probability"].tolist() == pytest.approx(best.values.tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "found"), [("no gap", "no <mask>"), ("<mask> and <mask>", "2 <mask>"), ("", "no <mask>")]
)
def test_one_gap_and_no_more(saved: Callable[..., Path], text: str, found: str) -> None:
    with pytest.raises(TextError, match=f"the text has {found}; expected one <mask>"):
        open_model(saved("roberta", "bpe", ROBERTA_SPECIALS)).fill(text)


def test_gap_in_a_text_that_is_too_long(saved: Callable[..., Path]) -> None:
    model = open_model(saved("roberta", "bpe", ROBERTA_SPECIALS))
    with pytest.raises(TextError, match="at most 32; shorten it"):
        model.fill("cat " * 40 + "<mask>")


# --- which models there are --------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path / "home"


def test_models_of_a_result(home: Path, made: Callable[..., Path], gpt2: Path) -> None:
    folder = paths.results_dir() / "mine"
    shutil.copytree(made("gpt2"), folder)
    own = {"config_hash": read_manifest(folder)["config_hash"]}
    assert result_model("mine") == folder and trained_models("mine") == ([], 0)
    kept = write_run("wechsel", 1, result=own, result_id="mine")
    write_run("random", 1, result=own, result_id="mine", recorded=True)
    foreign = write_run("wechsel", 2, result={"config_hash": "e" * 64})
    for run in (kept, foreign):
        shutil.copytree(gpt2, runs.run_folder(run) / "model")
    found, without = trained_models("mine")
    assert [(run["id"], run["arm"], run["seed"], run["step"]) for run in found] == [(kept, "wechsel", 1, 100)]
    assert found[0]["folder"] == runs.run_folder(kept) / "model" and without == 1


def test_an_example_has_no_model_until_it_is_made(home: Path) -> None:
    assert result_model("pocket-gpt2-fr") is None
    with pytest.raises(OutputError, match="no result 'nobody'"):
        result_model("nobody")


def test_stamp_changes_with_the_files(gpt2: Path, tmp_path: Path) -> None:
    shutil.copytree(gpt2, tmp_path / "model")
    before = stamp(tmp_path / "model")
    assert before == stamp(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("{}")
    assert stamp(tmp_path / "model") != before
