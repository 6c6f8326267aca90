"""The map's widgets, each tied to the page's address; a value that it cannot show falls back to the default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ui import map_data, map_figures, services, state, text
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

if TYPE_CHECKING:
    from collections.abc import Mapping

SPACES = {
    "static": ":material/compare: Before and after",
    "turning": ":material/autorenew: The rotation",
    "model": ":material/memory: The model's embeddings",
}
#: Of a result whose spaces were left as they are: before and after would be one picture.
NOT_ALIGNED = {"static": ":material/grain: The static vectors", "model": SPACES["model"]}
METHODS = {"pca": "PCA", "umap": "UMAP"}
SIZES = {str(size): f"{size:,} points" for size in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)}
SIZE = "5000"
#: Above this a lasso takes seconds: every selected point travels to the server and back.
SLOW_FROM = 10_000
SEED_MOST = 9_999
NEAR, NEAR_LEAST, NEAR_MOST = 15, 2, 200
DIST, DIST_MOST = 0.1, 0.99


@dataclass(frozen=True)
class Controls:
    """What the widgets say."""

    space: str
    colour: str
    with_pairs: bool
    closer: bool
    view: map_data.View
    aligned: bool


def _one_of(name: str, options: Mapping[str, str], default: str) -> str:
    given = state.get(name)
    return given if given in options else default


def draw(result: str) -> Controls:
    """The controls above the figures; spaces that a result does not have are left out, with the reason."""
    kept = services.static_space_of(result)
    spaces = {"aligned": SPACES, "as it is": NOT_ALIGNED, "none": {"model": SPACES["model"]}}[kept]
    first = next(iter(spaces))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        space = st.segmented_control(
            "Space",
            list(spaces),
            required=True,
            format_func=spaces.__getitem__,
            help="The static space of both languages before and after the alignment; the way between them; the "
            "embedding space of the model, with the new rows.",
            **state.linked("space", _one_of("space", spaces, first), default=first),
        )
        method = _method(str(space))
        size, seed, near, dist = _settings(method)
    left, middle, right = st.columns([4, 3, 3], vertical_alignment="bottom")
    with left:
        st.text_input(
            "Search a token",
            type="search",
            placeholder="a word, or #id",
            help="A token of the new language. It is marked with its English neighbours in every figure.",
            **state.linked("q", state.get("q") or "", default="", after=lambda: find(result)),
        )
    with middle:
        colour = st.selectbox(
            "Colour",
            list(map_figures.COLOURS),
            format_func=map_figures.COLOURS.__getitem__,
            disabled=space == "turning",
            help="Circles are English tokens and squares new ones, whatever the colour. Frequency goes by a token's "
            "rank in its vocabulary, which is its id counted from 1: tokenizers put frequent pieces first.",
            **state.linked("colour", _one_of("colour", map_figures.COLOURS, "language"), default="language"),
        )
    with right:
        with_pairs = space == "turning" or (kept == "aligned" and _pairs(str(space)))
        closer = _closer()
    view = map_data.View(result, services.digest_of(result), int(size), seed, method)
    if method == "umap":
        view = map_data.View(result, view.digest, int(size), seed, method, near, dist)
    if view.size > SLOW_FROM:
        st.warning(
            f"With {view.size:,} points a box or a lasso takes several seconds, and hover texts leave the neighbours "
            "out. Up to 10,000 points stay quick.",
            icon=":material/hourglass_top:",
        )
    if kept != "aligned":
        st.caption(_why_not_aligned(result, kept))
    return Controls(str(space), str(colour), with_pairs, closer, view, kept == "aligned")


def _why_not_aligned(result: str, kept: str) -> str:
    if kept == "as it is":
        return "The static vectors were left as they are (alignment none), so there is no before, after and rotation."
    title = services.method(InitConfig.from_dict(services.summary(result)["config"]))["title"]
    return f"{title} compares no static vectors of both languages, so there is only the space of the model to draw."


def _method(space: str) -> str:
    chosen = st.segmented_control(
        "Method",
        list(METHODS),
        required=True,
        format_func=METHODS.__getitem__,
        disabled=space == "turning",
        help="PCA draws the two directions in which the tokens vary most. UMAP keeps near tokens near and tells "
        "nothing about large distances. The rotation has axes of its own.",
        **state.linked("method", _one_of("method", METHODS, "pca"), default="pca"),
    )
    return "pca" if space == "turning" else str(chosen)


def _pairs(space: str) -> bool:
    return (
        st.toggle(
            "Dictionary pairs",
            disabled=space == "model",
            help="Lines between words of the dictionary that are one token in both vocabularies, at most 200, the most "
            "frequent.",
            **state.linked("pairs", state.get("pairs") == "True", default=False),
        )
        and space != "model"
    )


def _closer() -> bool:
    """Whether to zoom in on the open token; asked for only where one is open."""
    if not any(state.get(name) for name in ("q", "token", "source")):
        return False
    return st.toggle(
        "Zoom to the token",
        help="Cuts the figures down to the open token and the tokens that belong to it.",
        **state.linked("zoom", state.get("zoom") == "True", default=False),
    )


def _settings(method: str) -> tuple[str, int, int, float]:
    """Points, seed and UMAP's parameters, in a popover."""
    with st.popover("Settings", icon=":material/tune:"):
        size = st.selectbox(
            "Points",
            list(SIZES),
            format_func=SIZES.__getitem__,
            help="A random sample, half of it from each language. Words of the dictionary, the open token and its "
            "neighbours are always in it.",
            **state.linked("n", _one_of("n", SIZES, SIZE), default=SIZE),
        )
        seed = st.number_input(
            "Seed",
            0,
            SEED_MOST,
            step=1,
            help="Of the sample and of UMAP: the same seed gives the same picture.",
            **state.linked("seed", state.whole_number("seed", 0, 0, SEED_MOST), default=0),
        )
        near = st.number_input(
            "UMAP n_neighbors",
            NEAR_LEAST,
            NEAR_MOST,
            step=1,
            disabled=method != "umap",
            help="Neighbours that UMAP keeps together. Raising it shows more of the whole and less detail.",
            **state.linked("near", state.whole_number("near", NEAR, NEAR_LEAST, NEAR_MOST), default=NEAR),
        )
        dist = st.slider(
            "UMAP min_dist",
            0.0,
            DIST_MOST,
            step=0.01,
            disabled=method != "umap",
            help="How near to each other points may lie. Raising it loosens clusters.",
            **state.linked("dist", _distance(), default=DIST),
        )
        st.caption("UMAP's metric is cosine, as in the search for neighbours.")
    return str(size), int(seed), int(near), float(dist)


def _distance() -> float:
    try:
        value = float(state.get("dist") or DIST)
    except ValueError:
        value = math.nan
    return round(value, 2) if 0 <= value <= DIST_MOST else DIST


def find(result: str) -> None:
    """After a search: open the token that the text means, if there is one."""
    try:
        state.put(token=services.find_token(result, state.get("q") or ""), source=None)
    except WechselError:
        state.put(token=None, source=None)


def open_point(result: str, n_target: int, n_source: int) -> int | None:
    """The point that the address opens; says so where there is no such token."""
    words = state.get("q")
    if words and state.get("token") is None and state.get("source") is None:
        find(result)
        if state.get("token") is None:
            st.info("No token matches. Try a shorter or more frequent word: a rare one is split into several tokens.")
    for name, size, first, language in (("token", n_target, 0, "new"), ("source", n_source, n_target, "English")):
        given = state.get(name)
        if given is None:
            continue
        number = state.whole_number(name, -1, 0, size - 1)
        if number >= 0:
            return number + first
        st.error(
            f"This result has no {language} token {text.escape_markdown(given)}; ids go from 0 to {size - 1}. "
            "Search for a word or click a point.",
            icon=":material/error:",
        )
    return None
