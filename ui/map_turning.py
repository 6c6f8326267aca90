"""The figure of the turning space: English tokens on their way from their own place to the aligned one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui import figures, map_figures

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

    from wechsel_core.services.maps import Layout

FRAME_MILLISECONDS = 90
#: Room below the figure for the slider.
SLIDER_HEIGHT = 130


def turning_figure(
    layout: Layout, parts: np.ndarray, places: np.ndarray, moves: np.ndarray, names: list[str], drawn: map_figures.Drawn
) -> go.Figure:
    """An animation with a play button and a slider; it starts before the alignment.

    Parameters
    ----------
    layout, parts, places
        See ``maps.turning_places``.
    moves : ndarray of bool, shape (n_points,)
        Which points are English.
    names
        Hover text of the points of the layout.
    """
    import numpy as np
    import plotly.graph_objects as go

    palette = map_figures.PALETTE[drawn.theme]
    lines = _line_ends(layout, drawn)

    def moving(step: int) -> list[dict[str, Any]]:
        x, y = map_figures.segments(places[step][lines[0]], places[step][lines[1]])
        return [{"x": places[step, moves, 0], "y": places[step, moves, 1]}, {"x": x, "y": y}]

    english, pairs = moving(0)
    texts = np.array(names, dtype=object)
    common: dict[str, Any] = {"type": "scattergl", "mode": "markers", "hovertemplate": "%{text}<extra></extra>"}
    data = [
        common
        | {"name": drawn.language, "x": places[0, ~moves, 0], "y": places[0, ~moves, 1], "text": texts[~moves].tolist()}
        | {"marker": {"symbol": "square", "size": 4.5, "opacity": 0.5, "color": palette[1]}},
        common
        | english
        | {"name": "English", "text": texts[moves].tolist()}
        | {"marker": {"symbol": "circle", "size": 4.5, "opacity": 0.7, "color": palette[0]}},
        map_figures.pair_trace(drawn.theme) | pairs,
    ]
    frames = [
        {"name": f"{part:.0%}", "data": moving(step), "traces": [1, 2]} for step, part in enumerate(parts.tolist())
    ]
    figure = go.Figure({"data": data, "frames": frames}, _validate=False)
    low, high = places.reshape(-1, 2).min(axis=0), places.reshape(-1, 2).max(axis=0)
    margin = 0.04 * (high - low)
    map_figures.dress(figure, "On the way", layout, drawn.theme, (low - margin, high + margin), "Axis")
    _controls(figure, parts, drawn.theme)
    return figure


def _line_ends(layout: Layout, drawn: map_figures.Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the layout at both ends of every pair."""
    import numpy as np

    assert drawn.pairs is not None
    row_of = {point: row for row, point in enumerate(layout.points.tolist())}
    ends = [
        (row_of[source], row_of[target])
        for source, target in zip(drawn.pairs["source"], drawn.pairs["target"], strict=True)
        if source in row_of and target in row_of
    ]
    both = np.array(ends, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _controls(figure: go.Figure, parts: np.ndarray, theme: str) -> None:
    ink = figures.INKS[theme]
    play = {"frame": {"duration": FRAME_MILLISECONDS, "redraw": True}, "transition": {"duration": 0}}
    at_once = {"frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}
    buttons = [
        {"label": "▶ Play", "method": "animate", "args": [None, play | {"fromcurrent": True}]},
        {"label": "❚❚ Pause", "method": "animate", "args": [[None], at_once]},
    ]
    figure.update_layout(
        height=map_figures.HEIGHT + SLIDER_HEIGHT,
        margin={"b": SLIDER_HEIGHT},
        updatemenus=[
            {
                "type": "buttons", "direction": "left", "buttons": buttons, "showactive": False, "x": 0, "y": 0,
                "xanchor": "left", "yanchor": "top", "pad": {"t": 80}, "font": {"color": ink},
                "bgcolor": "rgba(127,127,127,0.12)", "bordercolor": "rgba(127,127,127,0.4)",
            }
        ],
        sliders=[
            {
                "active": 0, "x": 0.26, "len": 0.74, "y": 0, "pad": {"t": 66}, "font": {"color": ink},
                "currentvalue": {"prefix": "Share of the rotation: ", "font": {"color": ink}},
                "steps": [
                    {"label": f"{part:.0%}", "method": "animate", "args": [[f"{part:.0%}"], at_once]}
                    for part in parts.tolist()
                ],
            }
        ],
    )  # fmt: skip
