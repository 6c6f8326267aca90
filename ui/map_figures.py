"""The map's figures: points by language and colour, a token with its neighbours, dictionary pairs, the turning space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ui import figures, text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from wechsel_core.services.maps import Layout

COLOURS = {
    "language": "Language",
    "kind": "Kind of row",
    "frequency": "Frequency",
    "similarity": "Similarity",
    "script": "Script",
    "word": "Start of a word",
}
#: Chart colours of .streamlit/config.toml (Okabe and Ito): the first is English, the second the new language. Figures
#: get them from here, so that the downloaded ones have them too.
PALETTE = {
    "light": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
    "dark": ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"],
}
#: From cividis, without the end that is lost on the page.
SCALE = {
    "light": ["#00224E", "#2A3F6D", "#575C6D", "#7D7C78", "#A59C74", "#D2C060"],
    "dark": ["#35456C", "#575C6D", "#7D7C78", "#A59C74", "#D2C060", "#FEE838"],
}
SYMBOLS = {"source": "circle", "target": "square"}
POINT_SIZE = 4.5
HEIGHT = 540
#: Neighbours with a label, and the weight from which a line is thick.
LABELLED, STRONG = 7, 0.1
#: Of points; fainter where a token is open, so that its neighbours can be read.
OPACITY, BEHIND = 0.6, 0.2
EMPHASIS = {"light": "#111111", "dark": "#FFFFFF"}
HALO = {"light": "rgba(253,253,251,0.6)", "dark": "rgba(20,25,29,0.6)"}
QUIET = {"hoverinfo": "skip", "showlegend": False}
SCRIPTS_SHOWN = 5
#: Constant, so that zoom and hidden legend entries outlive a resize or the full screen. Streamlit puts a new figure in
#: the place of one whose content has changed, and that one starts unzoomed.
UIREVISION = "map"


@dataclass(frozen=True, eq=False)
class Focus:
    """A token, the tokens that belong to it and the weights, nearest first."""

    point: int
    neighbors: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn into a figure besides the points."""

    colour: str
    theme: str
    language: str  #: name of the new language
    selected: np.ndarray | None = None
    focus: Focus | None = None
    pairs: pd.DataFrame | None = None


def map_figure(
    title: str,
    layout: Layout,
    hover: list[str],
    frame: pd.DataFrame,
    names: list[str],
    drawn: Drawn,
    extent: tuple[np.ndarray, np.ndarray] | None = None,
) -> go.Figure:
    """Points of one space.

    Parameters
    ----------
    layout, hover
        The points, and a text for each.
    frame, names
        Of all points, by number (see ``map_data.table`` and ``map_data.texts``).
    extent
        Lowest and highest place, to give two figures one scale.
    """
    import plotly.graph_objects as go

    traces = _points(layout, hover, frame, drawn)
    if drawn.pairs is not None and len(drawn.pairs):
        traces.append(_pair_lines(layout, drawn))
    figure = go.Figure({"data": traces}, _validate=False)
    _focus(figure, layout, names, drawn)
    dress(figure, title, layout, drawn.theme, extent)
    if drawn.colour == "similarity":
        figure.update_layout(
            coloraxis={
                "colorscale": SCALE[drawn.theme],
                "colorbar": {"title": {"text": "Similarity"}, "thickness": 10, "len": 0.6, "outlinewidth": 0},
            }
        )
    return figure


def dress(
    figure: go.Figure, title: str, layout: Layout, theme: str, extent: Any, axis_name: str = "Principal axis"
) -> None:
    """Title, axes with what they measure, legend and behaviour of a map."""
    if layout.axes is None:
        labels = ["UMAP 1 (no unit)", "UMAP 2 (no unit)"]
    else:
        labels = [
            f"{axis_name} {place} ({share:.1%} of the variance)" for place, share in enumerate(layout.axes.explained, 1)
        ]
    ink = figures.INKS[theme]
    axis: dict[str, Any] = {
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "linecolor": ink,
        "ticks": "outside",
    }
    if layout.axes is None:
        axis |= {"showticklabels": False, "ticks": ""}
    ranges = [None, None] if extent is None else [[extent[0][side], extent[1][side]] for side in (0, 1)]
    figure.update_xaxes(**axis, title=labels[0], range=ranges[0])
    figure.update_yaxes(**axis, title=labels[1], range=ranges[1], scaleanchor="x", scaleratio=1)
    figure.update_layout(
        title={"text": title, "font": {"size": 16}, "yref": "container", "y": 0.985, "yanchor": "top"},
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 76 if _entries(figure) < 4 else 112, "b": 0},  # the legend takes two lines
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "itemsizing": "constant", "title": ""},
        uirevision=UIREVISION,
        hovermode="closest",
        hoverlabel={"align": "left"},
    )


def _entries(figure: go.Figure) -> int:
    return sum(trace.showlegend is not False for trace in figure.data)


def _points(layout: Layout, hover: list[str], frame: pd.DataFrame, drawn: Drawn) -> list[dict[str, Any]]:
    """A trace for each colour of each language: the symbol says the language whatever the colour says."""
    import numpy as np

    points = layout.points
    texts, keys = np.array(hover, dtype=object), frame["key"].iloc[points].to_numpy(object)
    is_source = frame["language"].iloc[points].to_numpy(object) == "source"
    groups = _groups(frame, points, drawn)
    chosen = None if drawn.selected is None else np.isin(points, drawn.selected)
    traces, named = [], set()
    for name, members, colour in groups:
        for language, side in (("source", is_source), ("target", ~is_source)):
            rows = np.flatnonzero(members & side)
            if not len(rows):
                continue
            marker: dict[str, Any] = {
                "symbol": SYMBOLS[language],
                "size": POINT_SIZE,
                "opacity": OPACITY if drawn.focus is None else BEHIND,
                "line": {"width": 0},
            }
            marker |= (
                {"color": colour} if isinstance(colour, str) else {"color": colour[rows], "coloraxis": "coloraxis"}
            )
            trace = {
                "type": "scattergl",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "showlegend": name not in named,
                "x": layout.places[rows, 0],
                "y": layout.places[rows, 1],
                "customdata": keys[rows].tolist(),
                "text": texts[rows].tolist(),
                "hovertemplate": "%{text}<extra></extra>",
                "marker": marker,
                "unselected": {"marker": {"opacity": 0.12}},
            }
            if chosen is not None:
                trace["selectedpoints"] = np.flatnonzero(chosen[rows]).tolist()
            traces.append(trace)
            named.add(name)
    return traces


def _groups(frame: pd.DataFrame, points: np.ndarray, drawn: Drawn) -> list[tuple[str, np.ndarray, Any]]:
    """Legend entries: name, which points, and a colour (or, for similarity, a value for each point)."""
    import numpy as np

    palette, scale = PALETTE[drawn.theme], SCALE[drawn.theme]
    if drawn.colour == "language":
        values = frame["language"].iloc[points].to_numpy(object)
        return [("English", values == "source", palette[0]), (drawn.language, values == "target", palette[1])]
    if drawn.colour == "kind":
        values = frame["kind"].iloc[points].to_numpy(object)
        names = ["source", "mixed", "copied", "fallback", "byte piece"]
        return [
            ("English" if name == "source" else name.capitalize(), values == name, palette[place])
            for place, name in enumerate(names)
        ]
    if drawn.colour == "frequency":
        values = frame["band"].iloc[points].to_numpy(object)
        bands = [name for name in _bands() if (values == name).any()]
        last = max(len(bands) - 1, 1)
        shades = [scale[round(place * (len(scale) - 1) / last)] for place in range(len(bands))]
        return [(f"Rank {name}", values == name, shade) for name, shade in zip(bands, shades, strict=True)]
    if drawn.colour == "similarity":
        numbers = frame["similarity"].iloc[points].to_numpy(np.float32)
        known = np.isfinite(numbers)
        nothing = figures.INKS[None]
        return [("No neighbour", ~known, nothing), ("Similarity to the nearest", known, numbers)]
    if drawn.colour == "script":
        values = frame["script"].iloc[points].to_numpy(object)
        found, counts = np.unique(values.astype(str), return_counts=True)
        shown = found[np.argsort(-counts, kind="stable")][:SCRIPTS_SHOWN]
        groups = [(str(name), values == name, palette[place]) for place, name in enumerate(shown)]
        return [*groups, ("Others", ~np.isin(values.astype(str), shown), figures.INKS[None])]
    starts = frame["word_initial"].iloc[points].to_numpy(bool)
    return [("Starts a word", starts, palette[2]), ("Goes on", ~starts, palette[3])]


def _bands() -> tuple[str, ...]:
    from wechsel_core.services.maps import BAND_NAMES

    return BAND_NAMES


def _where(layout: Layout, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the points are in the picture, and their places."""
    import numpy as np

    order = np.argsort(layout.points, kind="stable")
    found = np.searchsorted(layout.points, points, sorter=order)
    rows = order[np.minimum(found, len(order) - 1)]
    there = layout.points[rows] == points
    return there, layout.places[rows]


def segments(starts: np.ndarray, ends: np.ndarray) -> tuple[list[float | None], list[float | None]]:
    """Lines as one trace: a gap after each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for (x0, y0), (x1, y1) in zip(starts.tolist(), ends.tolist(), strict=True):
        x += [x0, x1, None]
        y += [y0, y1, None]
    return x, y


def _pair_lines(layout: Layout, drawn: Drawn) -> dict[str, Any]:
    assert drawn.pairs is not None
    has_source, sources = _where(layout, drawn.pairs["source"].to_numpy())
    has_target, targets = _where(layout, drawn.pairs["target"].to_numpy())
    both = has_source & has_target
    x, y = segments(sources[both], targets[both])
    faint = {} if drawn.focus is None else {"opacity": 0.15}
    return pair_trace(drawn.theme) | {"x": x, "y": y} | faint


def pair_trace(theme: str) -> dict[str, Any]:
    """The trace of the dictionary's lines, without its data."""
    # In WebGL as the points are: what plotly draws as SVG lies under them.
    line = {"color": EMPHASIS[theme], "width": 1}
    common = {"type": "scattergl", "mode": "lines", "name": "Dictionary pairs", "hoverinfo": "skip"}
    return common | {"line": line, "opacity": 0.4}


def _focus(figure: go.Figure, layout: Layout, names: list[str], drawn: Drawn) -> None:
    """The token with a label, its neighbours with theirs, and a line to each."""
    import numpy as np

    focus = drawn.focus
    if focus is None:
        return
    (here,), place = _where(layout, np.array([focus.point]))
    if not here:
        return
    there, places = _where(layout, focus.neighbors)
    ink, neighbors, weights = EMPHASIS[drawn.theme], focus.neighbors[there], focus.weights[there]
    places = places[there]
    for strong in (False, True):
        # Lines of one trace have one width.
        rows = (weights >= STRONG) == strong
        x, y = segments(np.repeat(place, rows.sum(), axis=0), places[rows])
        line = {"color": ink, "width": 2.5 if strong else 1}
        figure.add_trace({"type": "scattergl", "mode": "lines", "x": x, "y": y, "line": line, **QUIET})
    for where, size in ((places, 9), (place, 15)):
        marker = {"symbol": "circle-open", "size": size, "color": ink, "line": {"width": 2}}
        figure.add_trace(
            {"type": "scattergl", "mode": "markers", "x": where[:, 0], "y": where[:, 1], "marker": marker, **QUIET}
        )
    labels = [(point, spot, 12, 14) for point, spot in zip(neighbors.tolist(), places, strict=True)][:LABELLED]
    for point, (x, y), size, above in [*reversed(labels), (focus.point, place[0], 15, 18)]:
        # Annotations, since they alone are drawn above the points.
        figure.add_annotation(
            x=float(x), y=float(y), text=f"<b>{text.plotly_label(names[point])}</b>", showarrow=False, yshift=above,
            font={"size": size, "color": ink}, bgcolor=HALO[drawn.theme], borderpad=1,
        )  # fmt: skip
