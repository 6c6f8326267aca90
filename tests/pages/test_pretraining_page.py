"""The pretraining form, what it costs, its command lines, a start, and runs that go on.

A real cost opens a model and a real start a worker: these tests put quick ones in their place. The browser test runs
the real ones.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import address, open_page
from tests.run_builders import write_run
from ui import train_form, train_view
from wechsel_core import paths
from wechsel_core.config import ARMS, TrainConfig
from wechsel_core.errors import RunError
from wechsel_core.services import results, training
from wechsel_core.types import Progress

COST = {
    "kind": "causal", "parameters": 2_100_000, "device": "cpu", "steps": 300, "tokens": 614_400, "batch_size": 16,
    "block_size": 128, "tokens_per_step": 2048, "learning_rate": 1e-3, "warmup_steps": 30, "frozen_steps": 0,
    "eval_every": 15, "save_every": 30, "text_bytes": 441_000, "bytes_per_token": 4.0, "epochs": 5.86,
    "tokens_per_second": 4096.0, "seconds": 150.0, "seconds_basis": "measured on <b>this</b> machine",
    "memory_bytes": 700_000_000, "memory_free": 8_000_000_000, "disk_bytes": 90_000_000, "disk_free": 50_000_000_000,
}  # fmt: skip

Started = list[TrainConfig]


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """A cost at once, and a start that writes a run; returns what was started."""
    started: Started = []

    def launch(config: TrainConfig, *, progress: Progress | None = None) -> str:
        started.append(config)
        assert progress
        progress(0.5, "Checking <b>result</b>")
        text = str(Path(config.text).absolute()) if "/" in config.text else config.text
        values = config.to_dict() | {"text": text}
        values.pop("result")
        digest = results.summary(config.result)["config_hash"]
        return write_run(
            **values, result={"config_hash": digest}, result_id="a-copy-of-it", state="queued", ready=False
        )

    monkeypatch.setattr(training, "launch", launch)
    monkeypatch.setattr(training, "plan_cost", lambda config: COST)
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return started


def commands(app: Any) -> list[list[str]]:
    """The words of the command lines shown."""
    lines = next(code.value for code in app.code if "wechsel_core train" in code.value)
    return [shlex.split(line) for line in lines.splitlines()]


def start(app: Any) -> Any:
    app.button(key="pretraining:start").click().run()
    return app.run()  # the test runner ends at st.rerun


def said(app: Any) -> str:
    parts = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(part.value) for part in parts)


# --- the form ----------------------------------------------------------------------------------------------------


def test_first_visit_has_a_plan_that_could_start() -> None:
    app = open_page("pretraining")
    assert [words[words.index("--text") + 1] for words in commands(app)] == [app.selectbox(key="url:text").value] * 2
    assert app.button(key="pretraining:start").label == "Start 2 runs"
    assert {metric.label: metric.value for metric in app.metric}["Steps"] == "300"
    assert not app.error and not app.warning


def test_every_field_has_a_widget_with_its_help() -> None:
    app = open_page("pretraining", **{"from": "path"})
    kinds = ("selectbox", "number_input", "text_input", "toggle")
    shown = {widget.key.removeprefix("url:"): widget.help for kind in kinds for widget in app.get(kind)}
    for field in dataclasses.fields(TrainConfig):
        if field.name in ("result", "arm", "text", "tokens"):
            continue
        assert shown[field.name] == field.metadata["help"]
    tokens = open_page("pretraining", budget="tokens")
    assert tokens.number_input(key="url:tokens").help == train_form.FIELDS["tokens"].metadata["help"]


def test_every_arm_is_offered_with_a_word_on_it() -> None:
    assert set(train_form.ARM_WORDS) == set(ARMS)
    app = open_page("pretraining", arms=",".join(ARMS))
    assert all(f"**{arm}**" in said(app) for arm in ARMS)


def test_arms_and_seeds_make_a_run_each() -> None:
    app = open_page("pretraining", arms="wechsel,transinner", seeds="3", seed="5")
    plan = [(words[words.index("--seed") + 1], "transinner" in words) for words in commands(app)]
    assert plan == [(seed, inner) for inner in (False, True) for seed in ("5", "6", "7")]
    assert "6 runs, in turn" in said(app)


def test_dials_change_command_and_address() -> None:
    app = open_page("pretraining")
    app.number_input(key="url:steps").set_value(40)
    app.toggle(key="url:gradient_checkpointing").set_value(True)
    app.number_input(key="url:learning_rate").set_value(0.002).run()
    words = commands(app)[0]
    assert words[words.index("--steps") + 1] == "40" and "--gradient-checkpointing" in words
    assert words[words.index("--learning-rate") + 1] == "0.002"
    kept = address(app)
    assert {name: kept[name] for name in ("steps", "gradient_checkpointing", "learning_rate")} == {
        "steps": "40", "gradient_checkpointing": "True", "learning_rate": "0.002",
    }  # fmt: skip
    again = open_page("pretraining", **kept)
    assert commands(again) == commands(app)


def test_budget_in_tokens() -> None:
    app = open_page("pretraining", tokens="100000")
    words = commands(app)[0]
    assert words[words.index("--tokens") + 1] == "100000" and "--steps" not in words
    app.button_group(key="url:budget").set_value("steps").run()
    assert "--tokens" not in commands(app)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", "x"), ("steps", "-3"), ("learning_rate", "nan"), ("device", "<b>"), ("gradient_checkpointing", "1")],
)
def test_bad_value_in_the_address_is_named_and_replaced(name: str, value: str) -> None:
    app = open_page("pretraining", **{name: value})
    assert name.replace("_", r"\_") in app.warning[0].value and "<b>" not in app.warning[0].value
    assert not app.error and commands(app)


@pytest.mark.parametrize("query", [{"held_out_share": "0.9"}, {"block_size": "3"}, {"warmup_share": "2"}])
def test_a_value_out_of_range_is_one_error(query: dict[str, str]) -> None:
    app = open_page("pretraining", **query)
    assert len(app.error) == 1 and not any(button.key == "pretraining:start" for button in app.button)


def test_no_arm_means_the_usual_two() -> None:
    app = open_page("pretraining")
    app.button_group(key="url:arms").set_value([]).run()
    assert not app.error and len(commands(app)) == 2


def test_unknown_result_is_named() -> None:
    assert "no result" in open_page("pretraining", result="gone").error[0].value


# --- text --------------------------------------------------------------------------------------------------------


def test_texts_of_the_results_language_come_first(result: str) -> None:
    app = open_page("pretraining", result=result)  # German
    assert "(de)" in app.selectbox(key="url:text").options[0]


def test_text_in_another_language_is_said() -> None:
    names = [source["name"] for source in training.text_sources() if source["language"] == "sw"]
    assert "another language" in said(open_page("pretraining", text=names[0]))


def test_a_path_of_the_address_is_a_path() -> None:
    app = open_page("pretraining", text="/data/my texts/a.txt")
    assert app.text_input(key="url:text").value == "/data/my texts/a.txt"
    words = commands(app)[0]
    assert words[words.index("--text") + 1] == "/data/my texts/a.txt"


def test_no_path_yet() -> None:
    app = open_page("pretraining", **{"from": "path"})
    assert "Choose a text" in app.info[0].value and not app.metric


def test_uploaded_text_is_kept_and_stands_in_the_address(home: Path) -> None:
    app = open_page("pretraining", **{"from": "upload"})
    assert "Choose a text" in said(app)
    app.file_uploader(key="train:upload").set_value([("../mein text.txt", b"ein Satz\n", "text/plain")]).run()
    (kept,) = (home / "texts").glob("*/*.txt")
    assert kept.read_bytes() == b"ein Satz\n" and address(app)["text"] == str(kept)
    assert commands(app)[0][commands(app)[0].index("--text") + 1] == str(kept)
    again = open_page("pretraining", **address(app))
    assert commands(again) == commands(app)


def test_uploaded_nonsense_is_one_error(home: Path) -> None:
    app = open_page("pretraining", **{"from": "upload"})
    app.file_uploader(key="train:upload").set_value([("a.txt", b"\xff\xfe\x00", "text/plain")]).run()
    assert len(app.error) == 1 and "UTF\\-8" in app.error[0].value and not (home / "texts").exists()


# --- cost --------------------------------------------------------------------------------------------------------


def test_cost_is_told_before_anything_starts(quick: Started) -> None:
    app = open_page("pretraining", seeds="2")
    told = {metric.label: metric.value for metric in app.metric}
    assert (
        told["Tokens"] == "614.4 k" and told["Time of one run"] == "2 minutes" and told["Time of all"] == "10 minutes"
    )
    assert told["Memory"] == "700.0 MB" and told["Disk, a run"] == "90.0 MB"
    words = said(app)
    assert r"\<b\>this\</b\>" in words and "estimate" in words and "the text 5\\.9 times" in words
    assert not quick


def test_cost_that_cannot_be_worked_out_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: TrainConfig) -> dict[str, Any]:
        raise RunError("no text at <b>", "a text", "give one")

    monkeypatch.setattr(training, "plan_cost", refuse)
    app = open_page("pretraining")
    assert app.error[0].value == r"No text at \<b\>; expected a text; give one"
    assert not any(button.key == "pretraining:start" for button in app.button)


@pytest.mark.parametrize(("number", "told"), [(950, "950"), (614_400, "614.4 k"), (2e6, "2.0 M"), (65.5e9, "65.5 B")])
def test_amounts(number: float, told: str) -> None:
    assert train_view.amount(number) == told


# --- start and progress ------------------------------------------------------------------------------------------


def test_start_starts_every_run_of_the_plan_once(quick: Started) -> None:
    app = start(open_page("pretraining", arms="wechsel,random", seeds="2"))
    assert [(config.arm, config.seed) for config in quick] == [
        ("wechsel", 0),
        ("wechsel", 1),
        ("random", 0),
        ("random", 1),
    ]
    assert app.header[-1].value == "These runs"
    assert app.button(key="pretraining:start").disabled
    assert "go on when this page is closed" in said(app)
    app.run()
    assert len(quick) == 4


def test_another_session_with_the_same_address_sees_the_runs(quick: Started) -> None:
    first = start(open_page("pretraining"))
    app = open_page("pretraining", **address(first))
    links = [link.proto for link in app.get("page_link") if link.proto.page == "runs" and link.proto.query_string]
    assert [link.label for link in links] == ["wechsel, seed 0", "random, seed 0"]
    assert app.button(key="pretraining:start").label == "All of these runs are there"


def test_a_plan_that_grows_starts_what_is_new(quick: Started) -> None:
    start(open_page("pretraining", arms="wechsel"))
    app = open_page("pretraining", arms="wechsel,random")
    assert app.button(key="pretraining:start").label == "Start 1 run"
    start(app)
    assert [config.arm for config in quick] == ["wechsel", "random"]


def test_a_relative_path_is_the_same_run(quick: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = start(open_page("pretraining", text="texts/a.txt"))
    assert app.button(key="pretraining:start").disabled and len(quick) == 2


def test_failure_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: TrainConfig, *, progress: Progress | None = None) -> str:
        raise RunError("0.1 GB of disk are free $x$", "more", "free some")

    monkeypatch.setattr(training, "launch", refuse)
    app = start(open_page("pretraining"))
    assert [error.value for error in app.error] == [r"0\.1 GB of disk are free \$x\$; expected more; free some"]
    app.number_input(key="url:steps").set_value(40).run()
    assert not app.error


def test_command_line_knows_every_option_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command with each field off its default is one that the command line takes."""
    import typer

    from wechsel_core.cli import app as command_line

    group: Any = typer.main.get_command(command_line)
    if "train" not in group.commands:
        pytest.skip("no command train")
    known = {option for item in group.commands["train"].params for option in item.opts}
    values = {"steps": "7", "batch_size": "4", "accumulation": "2", "device": "cpu", "gradient_checkpointing": "True"}
    words = commands(open_page("pretraining", **values, held_out_share="0.1", threads="1"))[0]
    assert {word for word in words if word.startswith("--")} <= known


@pytest.fixture
def none_left(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def empty() -> None:
        monkeypatch.setattr(training, "text_sources", list)

    return empty


def test_a_catalogue_without_text_says_so(none_left: Callable[[], None]) -> None:
    none_left()
    assert "no text" in said(open_page("pretraining"))
