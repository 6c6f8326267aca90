"""Learning curves as plotly figures: an arm is a colour, a dash and a marker; its seeds are a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ui import figures, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import plotly.graph_objects as go

    from wechsel_core.services.run_curves import RunCurve

MEASURES = {"bits_per_byte": "Bits per byte", "loss": "Loss", "perplexity": "Perplexity"}
ALONG = {"step": "Steps", "tokens": "Tokens", "seconds": "Seconds"}
UNITS = {"bits_per_byte": "bits per byte", "loss": "loss (nats a token)", "perplexity": "perplexity"}
PLACES = {"step": "Optimiser step", "tokens": "Tokens seen", "seconds": "Training time (seconds)"}
TEXTS = {"eval": "Held-out", "train": "Training"}

#: Okabe and Ito's colours, as in .streamlit/config.toml: light and dark page, dash, marker. The dash and the marker tell
#: the arms apart without the colour.
ARMS: dict[str, tuple[str, str, str, str]] = {
    "wechsel": ("#0072B2", "#56B4E9", "solid", "circle"),
    "random": ("#D55E00", "#E69F00", "dash", "square"),
    "transinner": ("#009E73", "#009E73", "dot", "diamond"),
    "wechsel-frozen": ("#CC79A7", "#CC79A7", "dashdot", "triangle-up"),
    "random-neighbors": ("#B07C00", "#F0E442", "longdash", "cross"),
    "permuted": ("#3E95C4", "#D55E00", "longdashdot", "x"),
}
OTHER = ("#6B7276", "#A7B0B5", "solid", "circle")
#: More points than a screen has columns: the drawing is thinned, the downloads are not.
MOST_POINTS = 1500
HEIGHT = {"eval": 440, "train": 320}
BAND, FAINT = 0.18, 0.28
LEVEL = "the best of random"


@dataclass(frozen=True)
class Look:
    """How curves are drawn."""

    measure: str
    along: str
    log_x: bool
    log_y: bool
    smoothing: float
    theme: str | None


def arm_look(arm: str, theme: str | None) -> tuple[str, str, str]:
    """Colour, dash and marker of an arm."""
    light, dark, dash, marker = ARMS.get(arm, OTHER)
    return dark if theme == "dark" else light, dash, marker


def looks_of(arms: Mapping[str, str]) -> dict[str, str]:
    """For every arm the one whose look it has: its own, or, for a second result of an arm, one that is not in use."""
    free = [arm for arm in ARMS if arm not in arms.values()]
    taken: dict[str, str] = {}
    for arm, base in arms.items():
        taken[arm] = base if base not in taken.values() else (free.pop(0) if free else "")
    return taken


def figure(groups: Sequence[tuple[str, Sequence[RunCurve]]], kind: str, look: Look, level: float | None) -> go.Figure:
    """The curves of one or more comparisons.

    Parameters
    ----------
    groups
        Name and runs of each comparison; the name stands in the legend where there are several.
    kind
        "eval" or "train"; training curves are smoothed.
    level
        A value to draw a thin line at: the best that the random arm reaches.
    """
    import plotly.graph_objects as go

    from wechsel_core.services.run_curves import by_arm

    drawn = go.Figure()
    for place, (name, runs) in enumerate(groups):
        arms = by_arm(runs)
        for arm, base in looks_of({arm: members[0].arm for arm, members in arms.items()}).items():
            told = f"{arm}, {name}" if len(groups) > 1 else arm
            label = told if told in ARMS else text.plotly_label(told)
            _arm(drawn, base, label, [run.rows(kind) for run in arms[arm]], kind, look, thin=place > 0)
    if level is not None:
        _level(drawn, level, look)
    drawn.update_xaxes(title=PLACES[look.along], type="log" if look.log_x else "linear", automargin=True)
    drawn.update_yaxes(
        title=f"{TEXTS[kind]} {UNITS[look.measure]}", type="log" if look.log_y else "linear", automargin=True
    )
    drawn.update_layout(
        height=HEIGHT[kind],
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        # Zoom and hidden arms survive new numbers, but not another axis.
        uirevision=f"{look.measure} {look.along} {look.log_x} {look.log_y}",
    )
    return drawn


def _arm(
    drawn: go.Figure, arm: str, label: str, curves: Sequence[pd.DataFrame], kind: str, look: Look, *, thin: bool
) -> None:
    """Band and mean of an arm's seeds; behind them each seed by itself, faint."""
    from wechsel_core.services import curves as service

    color, dash, marker = arm_look(arm, look.theme)
    if look.log_x:  # plotly would draw a line from the edge to what has no place on a logarithmic axis
        curves = [curve[curve[look.along] > 0] for curve in curves]
    with_rows = [curve for curve in curves if len(curve)]
    if not with_rows:
        return
    smoothed = [service.smoothed(curve, look.measure, look.smoothing if kind == "train" else 0) for curve in with_rows]
    faint = {"color": color, "width": 1, "dash": "solid" if kind == "train" else dash}
    # With one seed and nothing smoothed, the line itself is all that there is.
    for curve in with_rows if len(with_rows) > 1 or (kind == "train" and look.smoothing) else []:
        rows = _thinned(curve)
        drawn.add_scatter(
            x=rows[look.along], y=rows[look.measure], mode="lines", line=faint, opacity=FAINT, legendgroup=label,
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    mean = _thinned(service.over_seeds(smoothed, (*ALONG, look.measure)))
    if len(with_rows) > 1:
        for end, fill in (("least", None), ("most", "tonexty")):
            drawn.add_scatter(
                x=mean[look.along], y=mean[f"{look.measure}_{end}"], mode="lines", line={"width": 0}, fill=fill,
                fillcolor=faded(color, BAND), legendgroup=label, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
    seeds = len(with_rows)
    digits = ".1f" if look.measure == "perplexity" else ".3f"
    spread = " (%{customdata[0]:" + digits + "} to %{customdata[1]:" + digits + "})" if seeds > 1 else ""
    drawn.add_scatter(
        x=mean[look.along],
        y=mean[look.measure],
        name=label,
        legendgroup=label,
        mode="lines+markers" if kind == "eval" else "lines",
        line={"color": color, "width": 1.5 if thin else 2.5, "dash": dash},
        marker={"symbol": f"{marker}-open" if thin else marker, "size": 6, "color": color},
        customdata=mean[[f"{look.measure}_least", f"{look.measure}_most"]].to_numpy(),
        hovertemplate="%{y:" + digits + "}" + spread,
    )


def _level(drawn: go.Figure, level: float, look: Look) -> None:
    """A thin line across the curves; a trace, as plotly places the words of a shape wrongly on a logarithmic axis."""
    places = [float(x) for trace in drawn.data for x in trace.x if x > 0 or not look.log_x]
    if not places:
        return
    ink = figures.INKS.get(look.theme, figures.INKS[None])
    drawn.add_scatter(
        x=[min(places), max(places)],
        y=[level, level],
        name=LEVEL,
        mode="lines+text",
        text=[f" {LEVEL}", ""],
        textposition="bottom right",
        textfont={"color": ink, "size": 12},
        line={"color": ink, "width": 1, "dash": "dot"},
        opacity=0.8,
        showlegend=False,
        hoverinfo="skip",
    )


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Every n-th row and the last one, so that no more are left than a screen shows."""
    if len(rows) <= MOST_POINTS:
        return rows
    kept = rows.iloc[:: -(-len(rows) // MOST_POINTS)]
    return kept if kept.index[-1] == rows.index[-1] else rows.loc[[*kept.index, rows.index[-1]]]


def faded(color: str, opacity: float) -> str:
    """A colour as plotly takes it for a band."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def progress_line(rows: pd.DataFrame, theme: str | None, arm: str, steps: int | None) -> go.Figure:
    """A run's held-out score by step, small, for the pages that follow a run."""
    import plotly.graph_objects as go

    color, _, marker = arm_look(arm, theme)
    # A little room, so that the first and the last marker are whole.
    options: dict[str, Any] = {"range": [-0.02 * steps, 1.02 * steps]} if steps else {}
    drawn = go.Figure(
        go.Scatter(
            x=rows["step"],
            y=rows["bits_per_byte"],
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker={"symbol": marker, "size": 5},
            hovertemplate="step %{x:,}: %{y:.3f}<extra></extra>",
        )  # fmt: skip
    )
    drawn.update_xaxes(title="Optimiser step", fixedrange=True, automargin=True, **options)
    drawn.update_yaxes(title="Held-out bits per byte", fixedrange=True, automargin=True)
    drawn.update_layout(height=260, margin={"l": 0, "r": 8, "t": 8, "b": 0}, uirevision="run")
    return drawn
