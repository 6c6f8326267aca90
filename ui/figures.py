"""Figures: plotly for data, Vega-Lite where a dial redraws it, one drawing for the method."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ui import text

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

BAR_HEIGHT, AXIS_HEIGHT = 26, 70
#: The first chart colour of each theme in .streamlit/config.toml; a bar chart gets it from here, so that the
#: downloaded figure has it too.
BARS = {"light": "#0072B2", "dark": "#56B4E9"}
#: Weights as the result has them, behind those under other dials; seen on light and dark alike.
OWN_BARS = "rgba(128,128,128,0.35)"

#: Lines and letters of the drawings on a light, a dark and an unknown page.
INKS = {"light": "#4A555B", "dark": "#BCC6CB", None: "#75828A"}
#: Page and letters of .streamlit/config.toml: a downloaded figure stands on them too, its colours are made for them.
PAGES = {"light": ("#FDFDFB", "#20272B"), "dark": ("#14191D", "#E3E8EA")}
# Mid-tones that stand out on light and dark alike; the shapes (circle: English, square: new language) say the same.
ENGLISH, TARGET = "#2F86C1", "#DD7A1B"


def weights_chart(neighbors: pd.DataFrame, theme: str | None) -> go.Figure:
    """Horizontal bars of a token's weights, the nearest neighbour on top, in the colour of the page's theme.

    Where weights differ from the result's own (``own_weight``), these stand behind them, wide and faint.
    """
    import plotly.graph_objects as go

    texts = [
        text.plotly_label(text.visible(*pair))
        for pair in zip(neighbors["source_text"], neighbors["source_token"], strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=neighbors["weight"],
            y=neighbors["rank"],
            orientation="h",
            marker_color=BARS.get(theme, BARS["light"]),
            customdata=list(zip(texts, neighbors["source_id"], neighbors["similarity"], strict=True)),
            hovertemplate=(
                "%{customdata[0]} (id %{customdata[1]})<br>"
                "weight %{x:.3f}, similarity %{customdata[2]:.3f}<extra></extra>"
            ),
        )
    )
    if not neighbors["weight"].equals(neighbors["own_weight"]):
        figure.data[0].width = 0.45
        figure.add_bar(
            x=neighbors["own_weight"],
            y=neighbors["rank"],
            orientation="h",
            width=0.9,
            marker_color=OWN_BARS,
            hovertemplate="the result's own weight %{x:.3f}<extra></extra>",
        )
        figure.data = figure.data[::-1]  # behind
        figure.update_layout(barmode="overlay", showlegend=False)
    # Ranks, not texts, on the axis: two tokens may read the same, and plotly would lay their bars over each other.
    figure.update_yaxes(
        title="English token", tickvals=list(neighbors["rank"]), ticktext=texts, autorange="reversed", automargin=True
    )
    figure.update_xaxes(title="Weight in the new row", tickformat=".0%", rangemode="tozero")
    figure.update_layout(
        height=AXIS_HEIGHT + BAR_HEIGHT * max(len(neighbors), 1), margin={"l": 0, "r": 8, "t": 8, "b": 0}, bargap=0.35
    )
    return figure


def weights_data(neighbors: pd.DataFrame) -> pd.DataFrame:
    """What ``weights_spec`` draws, one row a neighbour."""
    pairs = zip(neighbors["source_text"], neighbors["source_token"], strict=True)
    frame = neighbors[["rank", "source_id", "similarity", "weight", "own_weight"]]
    return frame.assign(token=[text.visible(*pair) for pair in pairs])


def weights_spec(theme: str | None, n_bars: int) -> dict[str, Any]:
    """The chart of ``weights_chart`` in Vega-Lite, for the page: other values cost the browser much less than plotly's.

    It does not depend on the values, as a browser makes a chart with another description from nothing.
    """
    share = {
        "type": "quantitative",
        "title": "Weight in the new row",
        "axis": {"format": ".0%", "tickCount": 5, "labelFlush": False},
    }
    names = {
        "token": "English token",
        "source_id": "Id",
        "weight": "Weight",
        "similarity": "Similarity",
        "own_weight": "The result's own",
    }
    bars = [("own_weight", 0.9, OWN_BARS), ("weight", 0.5, BARS.get(theme, BARS["light"]))]
    return {
        "height": AXIS_HEIGHT + BAR_HEIGHT * max(n_bars, 1),
        # The rank in front, which the axis leaves out, tells two tokens apart that read the same.
        "transform": [{"calculate": "datum.rank + ' ' + datum.token", "as": "bar"}],
        "encoding": {
            "y": {
                "field": "bar",
                "type": "nominal",
                "sort": {"field": "rank", "op": "min"},
                "title": names["token"],
                "axis": {
                    "labelExpr": "slice(datum.label, indexof(datum.label, ' ') + 1)",
                    "labelOverlap": False,
                    "labelFlush": False,
                },
            },
            "tooltip": [
                {"field": name, "title": title, "type": "nominal"}
                if name in ("token", "source_id")
                else {"field": name, "title": title, "type": "quantitative", "format": ".3f"}
                for name, title in names.items()
            ],
        },
        "layer": [
            {
                "transform": [{"filter": "datum.own_weight !== datum.weight"}] if name == "own_weight" else [],
                "mark": {"type": "bar", "height": {"band": width}, "color": colour},
                "encoding": {"x": share | {"field": name}},
            }
            for name, width, colour in bars
        ],
    }


def plot_config(name: str) -> dict[str, Any]:
    """Plotly's settings: the camera in the figure saves a PNG of double size under that name."""
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": name},
        "responsive": True,
        # Twice as many pixels each way, Plotly's default, take a browser without a GPU half as long again.
        "plotGlPixelRatio": 1,
    }


def standalone_html(figure: go.Figure, theme: str | None, name: str) -> bytes:
    """The figure as one HTML file that needs no network, on the ground of the page that it was drawn for."""
    import plotly.io

    ground, letters = PAGES.get(theme, PAGES["light"])  # type: ignore[arg-type]
    spec = figure.to_dict()
    template = plotly.io.templates["plotly_dark" if theme == "dark" else "plotly_white"].to_plotly_json()
    colours = {"paper_bgcolor": ground, "plot_bgcolor": ground, "template": template}
    spec["layout"] = spec["layout"] | colours | {"font": {**spec["layout"].get("font", {}), "color": letters}}
    page = plotly.io.to_html(
        spec,
        include_plotlyjs=True,
        include_mathjax=False,
        config=plot_config(name) | {"plotGlPixelRatio": 2},
        validate=False,
    )
    return str(page).replace("<body>", f'<body style="background:{ground}">', 1).encode()


def _dot(x: float, y: float, radius: float = 4) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{ENGLISH}"/>'


def _box(x: float, y: float, side: float = 8) -> str:
    return f'<rect x="{x - side / 2}" y="{y - side / 2}" width="{side}" height="{side}" rx="1.5" fill="{TARGET}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, width: float = 1.2, color: str = "currentColor") -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}" stroke-width="{width}" '
        'stroke-opacity="0.55" stroke-linecap="round"/>'
    )


def _row(x: float, y: float, color: str, opacity: float, cells: int = 6) -> str:
    """One embedding row as a strip of cells."""
    strip = (
        f'<rect x="{x + 8 * i}" y="{y}" width="7" height="8" rx="1" fill="{color}" fill-opacity="{opacity}"/>'
        for i in range(cells)
    )
    return "".join(strip)


def _label(x: float, y: float, words: str, anchor: str = "middle") -> str:
    place = f'x="{x}" y="{y}" text-anchor="{anchor}"'
    return f'<text {place} font-size="9.5" fill="currentColor" fill-opacity="0.8">{words}</text>'


def _vectors() -> str:
    english = [(18, 30), (30, 18), (44, 26), (34, 44), (52, 46)]
    target = [(92, 54), (88, 36), (106, 30), (118, 46), (128, 26)]
    dots = "".join(_dot(*point) for point in english) + "".join(_box(*point) for point in target)
    return dots + _label(36, 76, "English") + _label(108, 76, "new language")


def _align() -> str:
    pairs = [
        ((34, 28), (44, 22)),
        ((62, 20), (70, 28)),
        ((54, 48), (64, 54)),
        ((92, 36), (101, 30)),
        ((86, 58), (94, 52)),
    ]
    drawn = "".join(_line(*a, *b) + _dot(*a) + _box(*b) for a, b in pairs)
    stroke = 'fill="none" stroke="currentColor" stroke-opacity="0.6" stroke-width="1.5"'
    arrow = f'<path d="M12 46 A 22 22 0 0 1 22 14" {stroke}/><path d="M17 13 L24 12 L21 19" {stroke}/>'
    return drawn + arrow + _label(72, 76, "word pairs of a dictionary")


def _tokens() -> str:
    def chip(x: float, words: str, color: str) -> str:
        frame = f'<rect x="{x}" y="14" width="38" height="18" rx="4" fill="none" stroke="{color}" stroke-width="1.5"/>'
        return frame + _label(x + 19, 26.5, words)

    chips = chip(8, "␣gar", TARGET) + chip(50, "ten", TARGET) + chip(98, "␣yard", ENGLISH)
    arrows = _line(27, 34, 27, 48) + _line(69, 34, 69, 48) + _line(117, 34, 117, 48)
    return chips + arrows + _box(27, 56) + _box(69, 56) + _dot(117, 56) + _label(72, 76, "a vector for every token")


def _nearest() -> str:
    near = [((40, 22), 3.2), ((104, 30), 2.2), ((92, 58), 1.4)]
    lines = "".join(_line(70, 38, *point, width, ENGLISH) for point, width in near)
    far = "".join(_dot(*point, 2.5) for point in [(14, 52), (128, 14), (130, 60), (24, 14)])
    return lines + far + "".join(_dot(*point) for point, _ in near) + _box(70, 38, 10) + _label(72, 76, "by cosine")


def _mix() -> str:
    shares = [(12, 1.0, "0.6"), (26, 0.6, "0.3"), (40, 0.3, "0.1")]
    rows = "".join(_label(14, y + 8, f"{share} ×", "start") + _row(42, y, ENGLISH, o) for y, o, share in shares)
    rule = _line(12, 52, 96, 52)
    return rows + rule + _row(42, 56, TARGET, 1.0) + _label(116, 64, "new row") + _label(116, 34, "English")


def five_steps(theme: str | None) -> str:
    """The method in five drawings, as HTML that wraps on a narrow page.

    Parameters
    ----------
    theme
        "light", "dark", or None while the browser has not told. The drawings are images, which do not inherit the
        page's colours (``st.html`` takes inline SVG out).
    """
    steps = [
        ("Static vectors", "Word vectors of both languages, trained apart.", _vectors()),
        ("Align", "A rotation lays English over the new language.", _align()),
        ("Tokens", "Every token of both tokenizers gets a vector.", _tokens()),
        ("Neighbours", "Each new token finds its k nearest English tokens.", _nearest()),
        ("Mix", "Its embedding is the weighted mean of their rows.", _mix()),
    ]
    ink = INKS.get(theme, INKS[None])
    cards = "".join(
        "<div>"
        f'<img src="{_image(drawing, ink)}" style="width:100%" alt="Step {number}, {title}: {sentence}">'
        f'<div style="font-weight:600;margin-top:0.25rem">{number}. {title}</div>'
        f'<div style="font-size:0.875rem;line-height:1.4;opacity:0.85">{sentence}</div></div>'
        for number, (title, sentence, drawing) in enumerate(steps, start=1)
    )
    return (
        f'<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:1.25rem">{cards}</div>'
    )


def _image(drawing: str, ink: str) -> str:
    """A drawing as a data address."""
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 144 82" color="{ink}" font-family="sans-serif"'
    svg = f"<svg {frame}>{drawing}</svg>"
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def tab_icon() -> str:
    """The browser tab's icon: two English circles and the square that they make."""
    shapes = _dot(10, 10, 6) + _dot(30, 10, 6) + _line(10, 10, 20, 28, 3, ENGLISH) + _line(30, 10, 20, 28, 3, ENGLISH)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">{shapes}{_box(20, 29, 14)}</svg>'
