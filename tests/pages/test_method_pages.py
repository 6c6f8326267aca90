"""Every page with a result of every method: what is not its own is said in a sentence, nothing fails, nothing is empty."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import address, open_page
from tests.services import method_results
from tests.services.tiny_files import TinyFiles, build_tiny_files
from wechsel_core.config import InitConfig
from wechsel_core.services import initialise as service
from wechsel_core.services.initialise import initialise

#: One of each sort: draws alone, vectors of one language, weights below 0, no dials, no alignment.
NAMES = ("mean", "focus", "omp", "sparsemax", "not aligned")
WITHOUT_DIALS = ("mean", "focus", "omp", "sparsemax")
WITHOUT_SPACE = ("mean", "focus", "omp")
Results = dict[str, Path]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Real results by name, made once."""
    files: TinyFiles = build_tiny_files(tmp_path_factory.mktemp("tiny"))
    made: dict[str, Path] = {}

    def make(model: str = "gpt2", **changes: Any) -> Path:
        key = json.dumps(changes, sort_keys=True)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("made") / "result"
            initialise(files.config(model, **changes), made[key])
        return made[key]

    return {name: make(**method_results.changes(files, name, make)) for name in (*NAMES, "wechsel")}


@pytest.fixture
def put(kept: Results, home: Path) -> Callable[[str], str]:
    """``put(name)``: a result in the home; returns its id."""

    def copy(name: str) -> str:
        shutil.copytree(kept[name], home / "results" / name.replace(" ", "-"))
        return name.replace(" ", "-")

    return copy


def words(app: Any) -> str:
    kinds = ("caption", "info", "markdown", "warning", "success")
    return "\n".join(part.value for kind in kinds for part in app.get(kind)).replace("\\", "").replace("\u2060", "")


@pytest.mark.parametrize("name", NAMES)
def test_health(put: Callable[[str], str], name: str) -> None:
    app = open_page("health", result=put(name))
    assert len(app.header) == 6
    assert all(error.icon == ":material/cancel:" for error in app.error), "only the verdict of a poor result"
    assert ("takes no bilingual dictionary" in words(app)) == (name in WITHOUT_SPACE)
    assert ("alignment none" in words(app)) == (name == "not aligned")


@pytest.mark.parametrize("name", NAMES)
def test_sentence(put: Callable[[str], str], name: str) -> None:
    app = open_page("sentence", result=put(name), text="le chat rouge")
    assert not app.error
    labels = [metric.label for metric in app.metric]
    assert "Bits per byte" in labels
    assert ("The result's own" in labels) == (name not in WITHOUT_DIALS)
    assert ("No dials here" in words(app)) == (name in WITHOUT_DIALS)


@pytest.mark.parametrize("name", NAMES)
def test_map_of_the_model(put: Callable[[str], str], name: str) -> None:
    app = open_page("map", result=put(name), space="model", n="1000", token="50")
    assert not app.error
    assert ("compares no static vectors of both languages" in words(app)) == (name in WITHOUT_SPACE)
    assert len(app.get("plotly_chart")) == 1 and "tokens drawn" in words(app)


@pytest.mark.parametrize("name", NAMES)
def test_map_shows_what_space_there_is(put: Callable[[str], str], name: str) -> None:
    app = open_page("map", result=put(name), space="static", pairs="True")
    assert not app.error
    figures = 1 if name in WITHOUT_SPACE or name == "not aligned" else 2
    assert len(app.get("plotly_chart")) == figures
    spaces = app.get("button_group")[0].options
    assert len(spaces) == (1 if name in WITHOUT_SPACE else 2 if name == "not aligned" else 3)
    pairs = [toggle for toggle in app.toggle if toggle.label == "Dictionary pairs"]
    assert len(pairs) == (0 if name in WITHOUT_SPACE or name == "not aligned" else 1)


def test_rotation_in_the_address_of_a_result_that_has_none(put: Callable[[str], str]) -> None:
    app = open_page("map", result=put("not aligned"), space="turning")
    assert not app.error and "no before, after and rotation" in words(app)
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_compared_with_wechsel(put: Callable[[str], str], name: str) -> None:
    app = open_page("compare", a=put("wechsel"), b=put(name), rows="True", token="50")
    assert not app.error
    settings = app.dataframe[0].value
    assert len(settings) and "method" in set(settings["setting"]) or name in method_results.VARIANTS
    assert any("Row moved" in metric.label for metric in app.metric)


def test_two_that_mix_nothing(put: Callable[[str], str], kept: Results, home: Path) -> None:
    other = put("mean")
    shutil.copytree(kept["mean"], home / "results" / "again")
    app = open_page("compare", a=other, b="again")
    assert not app.error and "Neither result mixes English tokens" in words(app)
    assert "mixtures in neither" in words(app)


def test_other_dials_of_a_result_without_any(put: Callable[[str], str]) -> None:
    result = put("focus")
    app = open_page("compare", a=result)
    assert address(app)["b"] != "reweighted", "the example, as there is nothing to turn"
    app = open_page("compare", a=result, b="reweighted", tau="1")
    assert not app.error and "Choose a second result for B" in app.info[0].value and not app.dataframe
    app = open_page("compare", a=result, b=result)
    assert not app.error and not app.button and "the same result" in app.info[0].value


@pytest.mark.parametrize("name", NAMES)
def test_summary_of_a_finished_result(
    put: Callable[[str], str], home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "results" / put(name)
    config = InitConfig.from_dict(json.loads((folder / "wechsel.json").read_text("utf-8"))["config"])
    monkeypatch.setattr(service, "default_out", lambda _: folder)
    given = {field: value for field, value in config.to_dict().items() if value != getattr(InitConfig(), field)}
    app = open_page("initialise", **{field: str(value) for field, value in given.items()})
    assert not app.error and not any("does not read" in part.value for part in app.warning)
    assert "Result" in [header.value for header in app.header]
    quality = "Alignment quality" in [part.value for part in app.subheader]
    assert quality == (name not in WITHOUT_SPACE and name != "not aligned")


@pytest.mark.parametrize("name", ["mean", "sparsemax"])
def test_arms_that_make_sense(put: Callable[[str], str], name: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("le chat rouge\n" * 400, "utf-8")
    query = {"from": "path", "text": str(text)}
    app = open_page("pretraining", result=put(name), **query)
    offered = next(group for group in app.get("button_group") if "wechsel" in str(group.options)).options
    assert ("permuted" in str(offered)) == (name == "sparsemax")
    assert ("Not offered: random-neighbors and permuted" in words(app)) == (name == "mean")
    assert "the result's method" in words(app)
