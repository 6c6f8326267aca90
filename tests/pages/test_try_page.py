"""The page Try it: what a first visit sees, both models side by side, drawing, gaps, and text that means harm."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import tiny_model
from tests.pages.conftest import address, open_page
from tests.pages.test_sentence_page import HOSTILE, Reader
from tests.run_builders import write_run
from tests.services.tiny_files import TinyFiles, build_tiny_files
from ui import try_view
from wechsel_core import paths, runs
from wechsel_core.config import field_help
from wechsel_core.models import load_model
from wechsel_core.results import read_manifest
from wechsel_core.services.initialise import initialise
from wechsel_core.services.try_it import Continuation, ContinueConfig

TEXT = "chat chien"
SHORT = {"text": TEXT, "new_tokens": "4"}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyFiles:
    return build_tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def results(files: TinyFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("results")
    for model in ("gpt2", "roberta"):
        initialise(files.config(model), root / model)
    return root


@pytest.fixture
def result_of(home: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """``result_of(model)``: the id of a tiny result with its model in the home."""
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: home / "recorded")

    def make(model: str) -> str:
        shutil.copytree(results / model, home / "results" / model)
        return model

    return make


def train(result: str) -> str:
    """A finished run of a result that keeps a model of other weights."""
    folder = paths.results_dir() / result
    own = {"config_hash": read_manifest(folder)["config_hash"]}
    run = write_run("wechsel", 3, result=own, result_id=result)
    tokenizer = load_model(folder).tokenizer
    tiny_model(result, tokenizer, seed=9).save_pretrained(runs.run_folder(run) / "model")  # type: ignore[arg-type]
    tokenizer.save_pretrained(runs.run_folder(run) / "model")
    return run


def written(app: Any) -> list[str]:
    """What each of the models wrote, the beginning included."""
    return ["".join(Reader(part.proto.body).texts) for part in app.get("html")]


def links(app: Any) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def words(found: list[Any]) -> str:
    return " ".join(part.value for part in found)


def test_first_visit_offers_to_make_the_examples_model() -> None:
    app = open_page("try_it")
    assert address(app) == {"result": "pocket-gpt2-fr"}
    assert "came without its model" in words(app.info) and [button.label for button in app.button] == ["Make its model"]
    assert not app.text_input and not app.error


def test_before_training_alone(result_of: Callable[[str], str]) -> None:
    result = result_of("gpt2")
    write_run(
        "random", recorded=True, result={"config_hash": read_manifest(paths.results_dir() / result)["config_hash"]}
    )
    app = open_page("try_it", result=result, **SHORT)
    assert [part.value for part in app.subheader] == ["Before training", "After training"]
    assert len(written(app)) == 1 and written(app)[0].startswith(TEXT)
    assert app.dataframe[0].value.columns.tolist() == ["place", "probability", "text", "token"]
    assert 1 <= len(app.dataframe[0].value) <= 4
    assert "No trained model" in words(app.info) and "1 runs have left their curves" in words(app.info).replace(
        "Its ", ""
    )
    assert "Train this result" in links(app) and not app.selectbox(key="url:result").disabled


def test_both_models_side_by_side(result_of: Callable[[str], str]) -> None:
    result = result_of("gpt2")
    run = train(result)
    app = open_page("try_it", result=result, **SHORT)
    assert (
        app.selectbox(key="url:run").value == run
        and "wechsel, seed 3 · 100 steps" in app.selectbox(key="url:run").options[0]
    )
    before, after = written(app)
    assert before.startswith(TEXT) and after.startswith(TEXT) and before != after
    assert len(app.dataframe) == 2 and len(app.get("download_button")) == 4
    assert not app.info and not app.warning
    app = open_page("try_it", result=result, run="nobody", **SHORT)
    assert "nobody is no run" in words(app.warning) and len(written(app)) == 2


def test_drawing_by_the_dials_stands_in_the_address(result_of: Callable[[str], str]) -> None:
    result = result_of("gpt2")
    app = open_page("try_it", result=result, **SHORT)
    likeliest = written(app)[0]
    app.button_group(key="url:drawn").set_value(True).run()
    assert address(app) == {"result": result, **SHORT, "drawn": "True"}
    for name in ("new_tokens", "top_k", "seed"):
        assert app.number_input(key=f"url:{name}").help == field_help(ContinueConfig, name)
    app.number_input(key="url:seed").set_value(5).run()
    app.select_slider(key="url:temperature").set_value(2.0).run()
    kept = address(app)
    assert (kept["seed"], kept["temperature"]) == ("5", "2.0")
    drawn = written(app)[0]
    assert drawn != likeliest
    assert written(open_page("try_it", **kept))[0] == drawn
    app.number_input(key="url:top_k").set_value(1).run()
    assert written(app)[0] == likeliest


def test_a_gap_is_filled(result_of: Callable[[str], str]) -> None:
    result = result_of("roberta")
    train(result)
    app = open_page("try_it", result=result, text="chat <mask> livre")
    for table in app.dataframe:
        assert table.value.columns.tolist() == ["rank", "probability", "text", "token"] and len(table.value) == 10
        chances = table.value["probability"].to_numpy()
        assert (np.diff(chances) <= 0).all() and 0 < chances.sum() <= 1
    assert len(app.dataframe) == 2 and not app.get("html") and not app.number_input
    app = open_page("try_it", result=result, text="no gap")
    assert len(app.error) == 1 and "one <mask>" in app.error[0].value.replace("\\", "").replace("\u2060", "")


@pytest.mark.parametrize("text", ["", "   "])
def test_empty_text(result_of: Callable[[str], str], text: str) -> None:
    app = open_page("try_it", result=result_of("gpt2"), text=text or " ")
    assert "Type a few words." in words(app.info) and not app.error


def test_too_long_and_unreadable_text(result_of: Callable[[str], str]) -> None:
    result = result_of("gpt2")
    app = open_page("try_it", result=result, text="chat " * 900, new_tokens="4")
    assert (
        len(app.error) == 1 and "shorten it" in app.error[0].value and len(app.text_input(key="url:text").value) <= 2000
    )
    app = open_page("try_it", result=result, new_tokens="x", drawn="x", temperature="x", text=TEXT)
    assert app.number_input(key="url:new_tokens").value == 30 and not app.error
    assert len(app.button_group) == 1 and not app.select_slider, "the likeliest, as usual"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "$x$ :red[x]", "a\u202eb", "<|endoftext|>"])
def test_hostile_text_is_text(result_of: Callable[[str], str], text: str) -> None:
    app = open_page("try_it", result=result_of("gpt2"), text=text, new_tokens="1")
    for part in app.get("html"):
        assert Reader(part.proto.body).tags <= {"div", "span"}
    shown = " ".join(part.value for part in [*app.markdown, *app.caption, *app.info, *app.error])
    assert "<script>" not in shown and ":red[" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(("token", "text"), HOSTILE)
def test_hostile_tokens_are_text(token: str, text: str) -> None:
    frame = pd.DataFrame(
        {"place": [1], "id": [7], "token": [token], "text": [text], "written": [text], "probability": [0.5]}
    )
    seen = Reader(try_view.flowing(text, Continuation(frame, False)))
    assert seen.tags <= {"div", "span"} and seen.attributes <= {"style", "title", "dir"}
    assert not set("".join(seen.texts + seen.titles)) & set("\n\u202e\u200b\u200d\u2066")


def test_surer_tokens_are_shaded_more() -> None:
    frame = pd.DataFrame({"place": [1, 2, 3], "written": ["a", "", "b"], "probability": [1.0, 0.5, 0.0001]})
    html = try_view.flowing("x", Continuation(frame, False))
    assert f"rgba({try_view.BLUE},0.60)" in html and f"rgba({try_view.BLUE},0.07)" in html
    assert Reader(html).titles == ["token 1: 100.0%", "token 3: 0.0%"], "a piece of a character is shown with its last"


def test_every_pocket_language_has_a_beginning_and_one_gap() -> None:
    for language in ("fr", "de", "zh", "sw", "ka", "fr-CA"):
        causal, masked = (try_view.beginning(language, kind) for kind in ("causal", "masked"))
        assert causal and "<mask>" not in causal and masked.count("<mask>") == 1
    assert try_view.beginning("fr-CA", "causal") == try_view.BEGINNINGS["fr"][0]


@pytest.mark.slow
def test_the_example_is_made_and_tried() -> None:
    app = open_page("try_it")
    app.button(key="try:make").click().run(timeout=240)
    assert not app.exception and not app.error
    assert address(app)["result"] == "pocket-gpt2-fr"
    assert written(app)[0].startswith(try_view.BEGINNINGS["fr"][0])
    assert "have left their curves" in words(app.info)
