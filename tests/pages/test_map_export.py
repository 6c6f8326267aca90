"""What leaves the map page: vectors for other tools, the whole vocabulary, selections in the address."""

from __future__ import annotations

import base64
import importlib.machinery
import importlib.util
import json
import sys
import tracemalloc
import types
import urllib.parse
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st

from tests.pages.big_result import write_big_result
from tests.pages.conftest import address, open_page
from ui import map_data, map_export, map_selection, services, text
from wechsel_core.transfer.result import TokenKind

N = 400


@pytest.fixture
def result(home: Path) -> str:
    st.cache_resource.clear()
    return write_big_result(home / "results" / "synthetic", N, dim=12, stored=12, model_dim=16).name


def test_projector_files_hold_the_original_vectors(result: str) -> None:
    view = map_data.View(result, services.digest_of(result), 1000, 0, "pca")
    points = np.array([5, N + 4])
    packed = zipfile.ZipFile(BytesIO(map_export.projector_files(view, "after", points)))
    vectors = np.array([line.split("\t") for line in packed.read("vectors.tsv").decode().splitlines()], dtype=float)
    space = map_data.original(view, "after")
    np.testing.assert_allclose(vectors[0], space.target[5], rtol=1e-4)
    np.testing.assert_allclose(vectors[1], space.source[4] @ space.rotation, rtol=1e-3, atol=1e-4)
    lines = packed.read("metadata.tsv").decode().splitlines()
    assert len(lines) == 3 and {line.count("\t") for line in lines} == {7}
    assert lines[1].split("\t")[1:3] == ["target", "5"]


@pytest.fixture
def embedding_atlas(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """A module in the place of Apple's, that keeps what it is given."""
    given: list[tuple[Any, dict[str, Any]]] = []
    package, view = types.ModuleType("embedding_atlas"), types.ModuleType("embedding_atlas.streamlit")
    package.__spec__ = importlib.machinery.ModuleSpec("embedding_atlas", None)
    view.embedding_atlas = lambda frame, **options: given.append((frame, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "embedding_atlas", package)
    monkeypatch.setitem(sys.modules, "embedding_atlas.streamlit", view)
    return given


@pytest.mark.parametrize("space", ["static", "model"])
def test_whole_vocabulary_in_embedding_atlas(result: str, space: str, embedding_atlas: list[Any]) -> None:
    app = open_page("map", result=result, space=space)
    assert not embedding_atlas
    app.toggle(key="url:atlas").set_value(True).run()
    assert address(app)["atlas"] == "True"
    frame, options = embedding_atlas[-1]
    assert options == {"x": "x", "y": "y", "text": "token", "neighbors": "neighbors"}
    stored = services.stored(result)
    without = int((stored.candidates.kind == TokenKind.FALLBACK).sum())
    assert len(frame) == 2 * N - (without if space == "static" else 0)
    assert np.isfinite(frame[["x", "y"]]).all(axis=None) and set(frame["language"]) == {"English", "German"}
    # Token 5 means English token 4; neighbours are called by their place in the frame.
    row = frame.index[(frame["language"] == "German") & (frame["token"] == text.visible(stored.target_texts[5]))][0]
    neighbors = frame["neighbors"][row]
    nearest = frame.loc[neighbors["ids"]]
    assert set(nearest["language"]) == {"English"}
    assert nearest["token"].iloc[0] == text.visible(stored.source_texts[4])
    np.testing.assert_allclose(neighbors["distances"], 1 - stored.candidates.similarities[5, :10], atol=1e-6)
    assert [len(found["ids"]) for found in frame.loc[frame["language"] == "English", "neighbors"]] == [0] * N


def test_without_embedding_atlas_the_page_says_how_to_get_it(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    app = open_page("map", result=result, atlas="True")
    assert any(code.value == "make atlas" for code in app.code) and not app.error


@pytest.mark.parametrize(("n_target", "n_source", "count"), [(8_192, 8_192, 3_000), (50_257, 50_257, 5_000)])
def test_large_selections_fit_the_address(n_target: int, n_source: int, count: int) -> None:
    """A lasso around most of the 5,000 points that are drawn by default, wherever they lie in the vocabularies."""
    chosen = np.sort(np.random.default_rng(0).choice(n_target + n_source, count, replace=False))
    keys = [f"t{point}" if point < n_target else f"s{point - n_target}" for point in chosen]
    written = map_selection.pack(keys, n_target, n_source)
    assert len(written) <= map_selection.LONGEST
    assert urllib.parse.quote(written) == written
    np.testing.assert_array_equal(map_selection.unpack(written, n_target + n_source), chosen)


def test_large_selection_of_the_address_is_listed(result: str) -> None:
    keys = [f"t{number}" for number in range(60)] + [f"s{number}" for number in range(7)]
    written = map_selection.pack(keys, N, N)
    app = open_page("map", result=result, sel=written)
    assert len(app.dataframe[0].value) == 67 and any("67 tokens selected" in caption.value for caption in app.caption)
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    marked = {t["customdata"][place] for t in chart["data"] for place in t["selectedpoints"]}
    assert marked and marked <= set(keys)


@pytest.mark.parametrize("bad", ["z", "z=", "zé", "z!!!", "zAAAA", "z" + "A" * 5000, map_selection.pack(["t1"], 3, 3)])
def test_damaged_selection_selects_nothing(bad: str) -> None:
    assert map_selection.unpack(bad, 2 * N).tolist() == []


def test_packed_selection_cannot_fill_the_memory() -> None:
    bomb = "z" + base64.urlsafe_b64encode(zlib.compress(b"\xff" * 50_000_000, 9)).decode().rstrip("=")
    tracemalloc.start()
    assert map_selection.unpack(bomb, 2 * N).tolist() == []
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
