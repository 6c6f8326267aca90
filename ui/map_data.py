"""What the map shows, cached: shared by all sessions, read-only, keyed by the result's content and the parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import services, text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wechsel_core.services.maps import Layout, MapRows, PcaAxes, Space, UmapParameters, VectorSource

HOVER_NEIGHBORS = 5
#: Above this a point's hover text leaves its neighbours out: every selected point sends its text back.
HOVER_POINTS = 10_000


@dataclass(frozen=True)
class View:
    """All that a picture depends on."""

    result: str
    digest: str  #: of the result's content
    size: int
    seed: int
    method: str  #: "pca" or "umap"
    n_neighbors: int = 15
    min_dist: float = 0.1

    @property
    def umap(self) -> UmapParameters:
        """Parameters of UMAP."""
        from wechsel_core.services.maps import UmapParameters

        return UmapParameters(self.n_neighbors, self.min_dist, self.seed)


def table(view: View) -> pd.DataFrame:
    """Both vocabularies, row = point number (see ``maps.vocabularies``)."""
    # Copied on write: a session that changes its frame changes nobody else's.
    return _table(view.result, view.digest).copy(deep=False)


def rows(view: View, space: Space) -> MapRows:
    """The vectors of the static or the model's space."""
    if space != "model":
        return _static_rows(view.result, view.digest)
    from wechsel_core.services import maps

    made = services.model_rows(view.result)
    return maps.MapRows(made.target, made.source, None)


def original(view: View, space: Space) -> VectorSource:
    """The vectors as they are, not scaled; read anew, for exports alone."""
    from wechsel_core.services import static_space

    return services.model_rows(view.result) if space == "model" else static_space.static_space(view.result)


def pairs(view: View) -> pd.DataFrame:
    """Dictionary pairs (see ``map_pairs.dictionary_pairs``); only for a result with a static space."""
    return _pairs(view.result, view.digest).copy(deep=False)


def texts(view: View) -> list[str]:
    """Readable text of every point."""
    return _texts(view.result, view.digest)


def layout(view: View, space: Space) -> Layout:
    """The picture of a space; UMAP's takes seconds the first time and then says what it does."""
    if view.method == "umap" and not _umap_is_kept(view, space):
        _make_umap(view, space)
    return _layout(view, space)


@st.cache_resource(max_entries=3, show_spinner="Reading both vocabularies")
def _table(result_id: str, digest: str) -> pd.DataFrame:
    from wechsel_core.services import maps

    return maps.vocabularies(services.stored(result_id))


@st.cache_resource(max_entries=3, show_spinner="Opening the vectors")
def _static_rows(result_id: str, digest: str) -> MapRows:
    from wechsel_core.services import maps, static_space

    return maps.static_rows(static_space.static_space(result_id))


@st.cache_resource(max_entries=8, show_spinner="Looking up the dictionary")
def _pairs(result_id: str, digest: str) -> pd.DataFrame:
    from wechsel_core.services import map_pairs

    return map_pairs.dictionary_pairs(result_id, _table(result_id, digest), _static_rows(result_id, digest))


@st.cache_resource(max_entries=3, show_spinner=False)
def _texts(result_id: str, digest: str) -> list[str]:
    frame = _table(result_id, digest)
    return [text.visible(*pair) for pair in zip(frame["text"], frame["token"], strict=True)]


@st.cache_resource(max_entries=16, show_spinner=False)
def _points(view: View, space: Space) -> np.ndarray:
    """The sample, the dictionary's tokens in it, without those that have no vector."""
    import numpy as np

    from wechsel_core.services import maps

    stored = services.stored(view.result)
    every = maps.sample_points(len(stored.target_texts), len(stored.source_texts), view.size, view.seed)
    if services.static_space_of(view.result) != "none":
        known = pairs(view)
        every = np.unique(np.concatenate([every, known["source"], known["target"]])).astype(np.int64)
    found = every if space == "model" else rows(view, space).drawable(every)
    found.flags.writeable = False
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def _umap_file(view: View, space: Space) -> Any:
    from wechsel_core.services import maps

    return maps.umap_file(rows(view, space), space, _points(view, space), view.umap)


def _umap_is_kept(view: View, space: Space) -> bool:
    return bool(_umap_file(view, space).exists())


def _make_umap(view: View, space: Space) -> None:
    from wechsel_core.services import maps

    vectors, points = rows(view, space), _points(view, space)
    name = {"before": "before the alignment", "after": "after the alignment", "model": "of the model"}[space]
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, f"UMAP of the space {name}: {len(points):,} tokens")

        def tell(share: float, step: str) -> None:
            bar.progress(min(max(share, 0.0), 1.0), f"UMAP of the space {name}: {step}")

        with st.spinner("The first time takes a while; then it comes from the cache.", show_time=True):
            maps.prepared_umap(vectors, space, points, view.umap, tell)
    place.empty()


@st.cache_resource(max_entries=12, show_spinner="Projecting")
def _layout(view: View, space: Space) -> Layout:
    from wechsel_core.services import maps

    vectors, points = rows(view, space), _points(view, space)
    made = (
        maps.prepared_umap(vectors, space, points, view.umap)
        if view.method == "umap"
        else maps.pca_layout(vectors, space, points)
    )
    made.places.flags.writeable = False
    return made


def picture(view: View, space: Space, extra: list[int], k: int, tau: float) -> tuple[Layout, list[str]]:
    """The layout of a space with further points in it, and the hover text of each, under these dials."""
    import numpy as np

    from wechsel_core.services import maps

    base = layout(view, space)
    whole = maps.extended(base, rows(view, space), space, np.array(extra, dtype=np.int64))
    stored = services.stored(view.result)
    if space == "model" and whole.axes is not None and (k, tau) != (stored.neighbors, stored.temperature):
        whole = maps.reweighted(whole, services.model_rows(view.result), stored, k, tau)
    added = whole.points[len(base.points) :]
    return whole, [*hovers(view, space, k, tau), *hover_texts(view, added, k, tau)]


def neighbors_of(view: View, point: int, k: int, tau: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What belongs to a token in the original space (see ``maps.neighbors_of``)."""
    from wechsel_core.services import maps

    return maps.neighbors_of(point, services.stored(view.result), k, tau, count)


def pca_axes(view: View, space: Space) -> PcaAxes:
    """The axes of the picture by PCA, whatever the method of the view."""
    made = layout(replace(view, method="pca", n_neighbors=15, min_dist=0.1), space)
    assert made.axes is not None
    return made.axes


def extent(layouts: list[Layout], points: list[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest place of several pictures, or of some points in them, with a margin."""
    import numpy as np

    every = [layout.places if points is None else layout.places[np.isin(layout.points, points)] for layout in layouts]
    places = np.concatenate([part if len(part) else layout.places for part, layout in zip(every, layouts, strict=True)])
    low, high = places.min(axis=0), places.max(axis=0)
    margin = (0.04 if points is None else 0.25) * np.maximum(high - low, 1e-3)
    return low - margin, high + margin


def without_vector(view: View) -> int:
    """How many tokens of the sample the static space cannot draw."""
    return len(_points(view, "model")) - len(_points(view, "after"))


@st.cache_resource(max_entries=8, show_spinner="Turning the English tokens")
def turning(view: View, most: int, steps: int) -> tuple[Layout, np.ndarray, np.ndarray, bool]:
    """The first of the drawn points on their way (see ``maps.turning_places``), dictionary words always among them."""
    import numpy as np

    from wechsel_core.services import maps

    vectors, known = rows(view, "after"), pairs(view)
    small = maps.sample_points(len(vectors.target), len(vectors.source), min(view.size, most), view.seed)
    drawn = vectors.drawable(np.unique(np.concatenate([small, known["source"], known["target"]])).astype(np.int64))
    before = maps.meeting_layout(vectors, drawn, known)
    return before, *maps.turning_places(vectors, before, steps)


@st.cache_resource(max_entries=16, show_spinner=False)
def hovers(view: View, space: Space, k: int, tau: float) -> np.ndarray:
    """Hover text of the points of a space, as plotly shows it."""
    import numpy as np

    points = _points(view, space)
    made = np.array(hover_texts(view, points, k, tau, len(points) <= HOVER_POINTS), dtype=object)
    made.flags.writeable = False
    return made


def hover_texts(view: View, points: np.ndarray, k: int, tau: float, with_neighbors: bool = True) -> list[str]:
    """Token, kind and nearest tokens with their weights, from the stored candidates."""
    from wechsel_core.services import reweight

    frame, names, stored = table(view), texts(view), services.stored(view.result)
    n_target = len(stored.target_texts)
    kinds = frame["kind"].iloc[points].tolist()
    labels = [
        f"<b>{text.plotly_label(names[point])}</b> · {'English' if kind == 'source' else kind}"
        for point, kind in zip(points.tolist(), kinds, strict=True)
    ]
    if not with_neighbors:
        return labels
    chosen = points[points < n_target]
    ids = stored.candidates.ids[chosen, :HOVER_NEIGHBORS].tolist()
    weights = reweight.weights(stored, k, tau, chosen)[:, :HOVER_NEIGHBORS].tolist()
    mixtures = iter(
        "".join(
            f"<br>{weight:.0%} {text.plotly_label(names[n_target + number])}"
            for number, weight in zip(row, shares, strict=True)
            if number >= 0 and weight
        )
        for row, shares in zip(ids, weights, strict=True)
    )
    nearest, similar = frame["nearest"].iloc[points].tolist(), frame["similarity"].iloc[points].tolist()
    return [
        label + (next(mixtures) if point < n_target else _nearest(names, near, value))
        for label, point, near, value in zip(labels, points.tolist(), nearest, similar, strict=True)
    ]


def _nearest(names: list[str], near: int, similarity: float) -> str:
    return f"<br>nearest: {text.plotly_label(names[near])} ({similarity:.2f})" if near >= 0 else ""
