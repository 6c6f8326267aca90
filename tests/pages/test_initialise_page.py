"""The form, its command line, a run, and how errors show.

A real initialisation loads a model, which takes seconds: these tests put one in its place that writes a tiny result.
The browser test runs the real one.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import write_tiny_result
from ui import init_form, services
from wechsel_core.config import METHODS, InitConfig
from wechsel_core.errors import ModelError
from wechsel_core.services import initialise as service
from wechsel_core.transfer.registry import default_options
from wechsel_core.types import Progress

Calls = list[tuple[InitConfig, Path, bool]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Makes initialising quick; returns what it was asked for."""
    asked: Calls = []

    def quick(
        config: InitConfig, out: Path, *, force: bool = False, progress: Progress | None = None
    ) -> dict[str, Any]:
        asked.append((config, out, force))
        assert progress
        progress(0.5, "Aligning <b>10</b> pairs")
        if not out.exists():
            write_tiny_result(out, config, warnings=["few pairs :red[x]"], options_beyond_paper=["byte pieces"])
        return {"path": str(out)}

    monkeypatch.setattr(service, "initialise", quick)
    return asked


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes initialising fail with the given error."""

    def install(error: Exception) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(service, "initialise", fail)

    return install


def command(app: Any) -> list[str]:
    """The words of the command line shown."""
    return shlex.split(app.code[0].value)


def test_empty_home_shows_defaults_and_no_result() -> None:
    app = open_page("initialise")
    words = command(app)
    assert words[:4] == ["python", "-m", "wechsel_core", "init"]
    assert words[words.index("--source") + 1] == InitConfig().source
    assert "--seed" in words
    assert "--mode" not in words
    assert not app.header
    assert not app.warning


@pytest.mark.parametrize("method", METHODS)
def test_every_field_that_the_method_reads_has_a_widget_with_its_help(method: str) -> None:
    app = open_page("initialise", method=method)
    kinds = ("selectbox", "slider", "number_input", "text_input", "toggle")
    widgets = {widget.key.removeprefix("url:"): widget.help for kind in kinds for widget in app.get(kind)}
    fields = {item.name: item.metadata["help"] for item in dataclasses.fields(InitConfig)}
    read = default_options(method)
    assert widgets == {name: words for name, words in fields.items() if name in read}
    shown = "".join(part.value for part in [*app.markdown, *app.caption]).replace("\\", "").replace("\u2060", "")
    known = services.method(InitConfig(method=method))
    assert known["sentence"] in shown and known["reference"] in shown and "Needs " in shown


def test_choosing_a_method_keeps_what_applies() -> None:
    app = open_page("initialise", neighbors="3", target_language="de", seed="4", source_vectors="x.vec")
    app.selectbox(key="url:method").set_value("mean").run()
    assert address(app) == {"method": "mean", "target_language": "de", "seed": "4"}
    assert not app.warning
    assert "--neighbors" not in command(app) and command(app)[command(app).index("--method") + 1] == "mean"
    app.selectbox(key="url:method").set_value("wechsel").run()
    assert address(app) == {"target_language": "de", "seed": "4"} and "--neighbors" in command(app)


def test_an_address_with_what_the_method_does_not_read() -> None:
    app = open_page("initialise", method="mean", neighbors="3", seed="1")
    assert "does not read neighbors" in app.warning[0].value and not app.error
    assert address(app) == {"method": "mean", "seed": "1"}


def test_what_a_method_cannot_do_without_is_asked_for(calls: Calls) -> None:
    app = open_page("initialise", method="clp")
    assert "Helper is needed" in app.info[0].value and app.button(key="initialise:run").disabled
    app.text_input(key="url:helper").set_value("a/model").run()
    assert not app.info and not app.button(key="initialise:run").disabled
    app.button(key="initialise:run").click().run()
    assert [(config.method, config.helper) for config, _, _ in calls] == [("clp", "a/model")]


def test_what_is_needed_depends_on_the_values() -> None:
    app = open_page("initialise")
    assert any("a bilingual dictionary" in caption.value for caption in app.caption)
    app.selectbox(key="url:alignment").set_value("none").run()
    assert not any("a bilingual dictionary" in caption.value for caption in app.caption)


def test_dials_change_command_and_address() -> None:
    app = open_page("initialise")
    app.selectbox(key="url:target_language").set_value("de")
    app.slider(key="url:neighbors").set_value(3)
    app.toggle(key="url:copy_byte_pieces").set_value(True).run()
    words = command(app)
    assert words[words.index("--target-language") + 1] == "de"
    assert words[words.index("--neighbors") + 1] == "3"
    assert "--copy-byte-pieces" in words
    assert address(app) == {"target_language": "de", "neighbors": "3", "copy_byte_pieces": "True"}


def test_command_line_knows_every_option_shown() -> None:
    """A command with each field off its default is one that the command line takes."""
    import typer

    from wechsel_core.cli import app as command_line

    values = {"compat": None, "target_tokenizer": None, "mode": "word", "tokenizer_kind": "unigram", "neighbors": 3}
    values |= {name: True for name in ("reduce_dimension", "copy_byte_pieces", "prefer_word_initial", "distinct_texts")}
    values |= {name: f"my {name}" for name in ("source_vectors", "target_vectors", "dictionary", "tokenizer_corpus")}
    config = InitConfig(**values, vocab_size=500, seed=7, temperature=0.2, source="a b")
    words = shlex.split(init_form.command(config, Path("a folder"), force=True))
    known = {option for item in typer.main.get_command(command_line).commands["init"].params for option in item.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert words[words.index("--out") + 1 :] == ["a folder", "--force"]
    shown = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    changed = {name for name, value in config.to_dict().items() if value != getattr(InitConfig(), name)}
    assert changed <= shown


@pytest.mark.parametrize(
    ("out", "typed"),
    [("/home/me/a result", "~/'a result'"), ("/home/me/b/c", "~/b/c"), ("/home/other/d", "/home/other/d")],
)
def test_a_folder_of_ones_own_is_shortened(out: str, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert init_form.command(InitConfig(), Path(out)).endswith(f"--out {typed}")


def test_address_sets_the_dials() -> None:
    app = open_page("initialise", target_language="sw", temperature="0.5", compat="reference", source="my/model")
    assert app.selectbox(key="url:target_language").value == "sw"
    assert app.slider(key="url:temperature").value == 0.5
    assert app.selectbox(key="url:compat").value == "reference"
    assert command(app)[5] == "my/model"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "nothing"),
        ("neighbors", "0"),
        ("neighbors", "x"),
        ("temperature", "nan"),
        ("seed", "-1"),
        ("mode", "<b>"),
        ("distinct_texts", "1"),
    ],
)
def test_bad_value_in_the_address_is_named_and_replaced(name: str, value: str) -> None:
    app = open_page("initialise", **{name: value})
    assert name.replace("_", r"\_") in app.warning[0].value
    assert not app.error
    assert "--out" in command(app)


def test_contradicting_options_show_one_error() -> None:
    app = open_page("initialise", compat="reference", distinct_texts="True")
    assert len(app.error) == 1
    assert "reference" in app.error[0].value
    assert not app.button


def test_run_shows_the_result(calls: Calls) -> None:
    app = open_page("initialise", target_language="de")
    app.button(key="initialise:run").click().run()
    app.run()  # the test runner ends at st.rerun
    (config, out, force), *again = calls
    assert config.target_language == "de"
    assert not force
    assert not again
    assert app.header[0].value == "Result"
    assert [metric.value for metric in app.metric] == ["41%", "66%"]
    kinds = app.dataframe[0].value
    assert kinds["tokens"].sum() == 13
    assert kinds.set_index("kind").loc["Byte piece", "tokens"] == 1
    assert r"\:" in app.warning[0].value
    assert "byte pieces" in app.info[0].value
    link = next(item.proto for item in app.get("page_link") if item.proto.query_string)
    assert link.query_string == f"result={out.name}"
    assert app.button(key="initialise:run").label == "Initialise again"


def test_a_new_session_with_the_same_address_shows_the_result(calls: Calls) -> None:
    first = open_page("initialise", target_language="de")
    first.button(key="initialise:run").click().run()
    app = open_page("initialise", target_language="de")
    assert app.header[0].value == "Result"
    app.button(key="initialise:run").click().run()
    assert calls[-1][2]


def test_result_deleted_while_the_page_is_drawn_is_one_error(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("initialise")
    app.button(key="initialise:run").click().run()
    assert [header.value for header in app.header] == ["Result"]
    real = services.summary

    def gone(result_id: str) -> dict[str, Any]:
        shutil.rmtree(calls[0][1], ignore_errors=True)
        return real(result_id)

    monkeypatch.setattr(services, "summary", gone)
    app.run()
    assert len(app.error) == 1 and "no result" in app.error[0].value.lower() and not app.exception
    app.run()
    assert not app.error and app.button(key="initialise:run").label == "Initialise"


def test_failure_is_one_error_without_a_traceback(failing: Callable[..., None]) -> None:
    failing(ModelError("no model '<script>' $x$", "a model", "connect"))
    app = open_page("initialise")
    app.button(key="initialise:run").click().run()
    app.run()
    assert len(app.error) == 1
    assert app.error[0].value == r"No model '\<script\>' \$x\$; expected a model; connect"
    assert not app.exception
    app.slider(key="url:neighbors").set_value(4).run()
    assert not app.error
