"""Every figure: axes with a name, a sentence under it, colours that colour-blind readers tell apart, an own HTML file."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st

from tests.pages.big_result import write_big_result
from tests.pages.conftest import open_page
from tests.pages.tiny_result import write_tiny_result
from ui import figures, map_figures
from wechsel_core.config import InitConfig

#: Machado, Oliveira & Fernandes (2009), severity 1: what is left of linear RGB without one kind of cone.
SIGHT = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
#: CIE76; about 2.3 is just noticeable side by side, and points on a map lie apart.
LEAST_DIFFERENCE = 15.0
TEXT_ELEMENTS = ("caption", "markdown", "header", "subheader", "title", "metric", "info")


def lab(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a hex colour as a reader of that sight sees it."""
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_told_apart(theme: str, sight: str) -> None:
    """Among each other, and each from the page under it."""
    ground = figures.PAGES[theme][0]
    for one, other in itertools.combinations([*map_figures.PALETTE[theme], ground], 2):
        difference = np.linalg.norm(lab(one, sight) - lab(other, sight))
        assert difference > LEAST_DIFFERENCE, (one, other, round(float(difference), 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_those_of_the_theme(theme: str) -> None:
    """Downloads do not know Streamlit's theme, so they have the colours from the code."""
    with (Path(__file__).parents[2] / ".streamlit" / "config.toml").open("rb") as file:
        known = tomllib.load(file)["theme"][theme]
    assert known["chartCategoricalColors"] == map_figures.PALETTE[theme]
    assert (known["backgroundColor"], known["textColor"]) == figures.PAGES[theme]
    assert figures.BARS[theme] == map_figures.PALETTE[theme][0]


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_of_the_drawings_are_told_apart(sight: str) -> None:
    assert np.linalg.norm(lab(figures.ENGLISH, sight) - lab(figures.TARGET, sight)) > LEAST_DIFFERENCE


def test_lightness_of_the_scale_rises() -> None:
    """Frequency and similarity read in grey as well."""
    for scale in map_figures.SCALE.values():
        assert (np.diff([lab(colour, "full")[0] for colour in scale]) > 3).all()


@pytest.fixture
def results(home: Path) -> Path:
    st.cache_resource.clear()
    write_tiny_result(home / "results" / "tiny")
    write_tiny_result(home / "results" / "other", InitConfig(target_language="fr", neighbors=2))
    write_big_result(home / "results" / "synthetic", 400, dim=12, stored=12, model_dim=16)
    return home


#: How Streamlit's test runner calls a Vega-Lite chart.
VEGA = "vega_lite_chart"
PAGES: list[tuple[str, dict[str, str], int]] = [
    ("neighbours", {"result": "tiny", "token": "1"}, 2),
    ("neighbours", {"result": "tiny", "token": "1", "k": "2", "tau": "1"}, 2),
    ("map", {"result": "synthetic"}, 2),
    ("map", {"result": "synthetic", "pairs": "True", "token": "5", "colour": "similarity"}, 2),
    ("map", {"result": "synthetic", "space": "model", "sel": "t5"}, 1),
    ("map", {"result": "synthetic", "space": "turning"}, 1),
    ("compare", {"a": "tiny", "b": "other"}, 2),
    ("compare", {"a": "tiny", "b": "reweighted", "tau": "1"}, 2),
    ("health", {"result": "synthetic"}, 3),
]


@pytest.mark.parametrize(("page", "query", "least"), PAGES, ids=[f"{page}-{n}" for n, (page, *_) in enumerate(PAGES)])
def test_every_figure_has_axes_and_a_sentence(results: Path, page: str, query: dict[str, str], least: int) -> None:
    app = open_page(page, **query)
    assert not app.error
    elements = [(element.type, element) for element in _flat(app.main)]
    charts = [place for place, (kind, _) in enumerate(elements) if kind in ("plotly_chart", VEGA)]
    assert len(charts) >= least
    for place in charts:
        kind, element = elements[place]
        spec = json.loads(element.proto.spec)
        assert all(len(title) > 3 for title in (_vega_titles(spec) if kind == VEGA else _plotly_titles(spec)))
        told = next((element for kind, element in elements[place + 1 :] if kind in TEXT_ELEMENTS), None)
        assert told is not None and told.type == "caption" and len(told.value.split()) > 7
        if kind == VEGA:  # its own menu saves a PNG; the page offers the file
            assert any(other == "download_button" for other, _ in elements[place + 1 :])
        else:
            assert json.loads(element.proto.config)["toImageButtonOptions"]["format"] == "png"


def _plotly_titles(spec: dict[str, Any]) -> list[str]:
    titles = [spec["layout"][axis]["title"] for axis in ("xaxis", "yaxis")]
    return [title["text"] if isinstance(title, dict) else title for title in titles]


def _vega_titles(spec: dict[str, Any]) -> list[str]:
    """Of the axes of all layers, each axis having one."""
    titled: dict[str, list[str]] = {"x": [], "y": []}
    for part in (spec, *spec.get("layer", ())):
        for axis, titles in titled.items():
            title = part.get("encoding", {}).get(axis, {}).get("title")
            titles += [title] if title else []
    assert all(titled.values()), titled
    return [title for titles in titled.values() for title in titles]


def _flat(block: Any) -> list[Any]:
    """Elements of a block in reading order."""
    children = getattr(block, "children", None)
    if not children:
        return [block]
    return [element for child in children.values() for element in _flat(child)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_as_a_file_stands_on_the_ground_it_was_made_for(theme: str) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="</script><script>alert(1)"))
    before = figure.to_dict()
    page = figures.standalone_html(figure, theme, "name").decode()
    ground, letters = figures.PAGES[theme]
    assert f'<body style="background:{ground}">' in page
    assert f'"plot_bgcolor":"{ground}"' in page and f'"color":"{letters}"' in page and '"filename": "name"' in page
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="http', page)
    assert "</script><script>alert(1)" not in page
    assert figure.to_dict() == before
