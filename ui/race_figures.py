"""Figures of a race: where every contestant ends, how the curves run, and what an ablation shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui import curve_figures, figures, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

#: Colours and dashes of the contestants that are picked out; the others are thin grey lines.
LOOKS = list(curve_figures.ARMS.values())
PICKED_MOST = len(LOOKS)
MARGIN = {"l": 0, "r": 8, "t": 8, "b": 0}
#: Bits a byte are drawn so: dark is low, and low is good. Cividis keeps its order for colour-blind readers.
SCALE = "Cividis"


def ends(found: pd.DataFrame, theme: str | None) -> go.Figure:
    """A line a contestant, the best on top: its score before training, and at the end with its interval.

    Parameters
    ----------
    found : DataFrame
        Of ``race_services.table``.
    """
    import plotly.graph_objects as go

    labels = [text.plotly_label(label) for label in found["label"]]
    trained = "bits_100" in found
    drawn = go.Figure()
    ink = figures.INKS.get(theme, figures.INKS[None])
    if trained:
        drawn.add_scatter(
            x=found["start"], y=labels, mode="markers", name="before training", marker={"symbol": "line-ns-open", "size": 11, "color": ink},
            hovertemplate="%{y}<br>before training %{x:.3f}<extra></extra>",
        )  # fmt: skip
    name, what = ("bits_100", "at the end") if trained else ("start", "before training")
    low, high = found[f"{name}_low"], found[f"{name}_high"]
    drawn.add_scatter(
        x=found[name], y=labels, mode="markers", name=f"{what}, 95% interval over the seeds",
        marker={"size": 9, "color": figures.BARS.get(theme, figures.BARS["light"])},  # type: ignore[call-overload]
        error_x={
            "type": "data", "symmetric": False, "array": (high - found[name]).fillna(0), "arrayminus": (found[name] - low).fillna(0),
            "thickness": 1.5, "width": 3,
        },
        hovertemplate="%{y}<br>" + what + " %{x:.3f}<extra></extra>",
    )  # fmt: skip
    drawn.update_yaxes(autorange="reversed", automargin=True, title="", categoryorder="array", categoryarray=labels)
    drawn.update_xaxes(title="Held-out bits per byte (lower is better)", automargin=True)
    drawn.update_layout(
        height=figures.AXIS_HEIGHT + 26 * max(len(found), 2), margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return drawn


def curves(scores: pd.DataFrame, picked: Sequence[str], theme: str | None) -> go.Figure:
    """The mean curve of every contestant; those picked in colour with the band of their seeds, the others grey."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    ink = figures.INKS.get(theme, figures.INKS[None])
    order = sorted(scores["entry"].unique(), key=lambda entry: entry in picked)
    for entry in order:
        own = scores[scores["entry"] == entry]
        label = text.plotly_label(str(own["label"].iloc[0]))
        by_step = own.groupby("step")["bits_per_byte"].agg(["mean", "min", "max"]).reset_index()
        if entry not in picked:
            drawn.add_scatter(
                x=by_step["step"], y=by_step["mean"], mode="lines", line={"color": ink, "width": 1}, opacity=0.35,
                name=label, showlegend=False, hovertemplate=label + ": %{y:.3f}<extra></extra>",
            )  # fmt: skip
            continue
        light, dark, dash, marker = LOOKS[list(picked).index(entry) % PICKED_MOST]
        color = dark if theme == "dark" else light
        for end, fill in (("min", None), ("max", "tonexty")):
            drawn.add_scatter(
                x=by_step["step"], y=by_step[end], mode="lines", line={"width": 0}, fill=fill, legendgroup=label,
                fillcolor=curve_figures.faded(color, curve_figures.BAND), showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        drawn.add_scatter(
            x=by_step["step"], y=by_step["mean"], mode="lines+markers", name=label, legendgroup=label,
            line={"color": color, "width": 2.5, "dash": dash}, marker={"symbol": marker, "size": 6},
            customdata=by_step[["min", "max"]].to_numpy(),
            hovertemplate=label + ": %{y:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
        )  # fmt: skip
    drawn.update_xaxes(title="Optimiser step", automargin=True)
    drawn.update_yaxes(title="Held-out bits per byte", automargin=True)
    drawn.update_layout(
        height=440,
        margin=MARGIN,
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return drawn


def heat_map(settings: pd.DataFrame, value: str) -> go.Figure | None:
    """K and tau across, mode and alignment down; None where a race has no such grid.

    Parameters
    ----------
    settings : DataFrame
        Of ``race_services.ablation_settings``.
    value : str
        The column that colours.
    """
    import plotly.graph_objects as go

    grid = settings[settings["dictionary_size"].isna() & settings["vector_words"].isna() & settings["mode"].notna()]
    if len(grid) < 4:
        return None
    grid = grid.assign(
        dial=[f"k = {k}, tau = {tau:g}" for k, tau in zip(grid["neighbors"], grid["temperature"], strict=True)],
        space=[
            f"{mode} mode, {'aligned' if alignment == 'procrustes' else 'not aligned'}"
            for mode, alignment in zip(grid["mode"], grid["alignment"], strict=True)
        ],
    )
    across = list(dict.fromkeys(grid.sort_values(["neighbors", "temperature"])["dial"]))
    down = list(dict.fromkeys(grid.sort_values(["alignment", "mode"], ascending=[False, True])["space"]))
    wide = grid.pivot_table(index="space", columns="dial", values=value).reindex(index=down, columns=across)
    drawn = go.Figure(
        go.Heatmap(
            z=wide.to_numpy(),
            x=across,
            y=down,
            colorscale=SCALE,
            texttemplate="%{z:.3f}",
            xgap=2,
            ygap=2,
            colorbar={"title": "bits<br>per byte", "thickness": 12},
            hovertemplate="%{y}<br>%{x}<br>%{z:.3f} bits per byte<extra></extra>",
        )  # fmt: skip
    )
    drawn.update_xaxes(title="Neighbours and temperature", automargin=True)
    drawn.update_yaxes(title="", automargin=True)
    drawn.update_layout(height=figures.AXIS_HEIGHT + 52 * len(down), margin=MARGIN)
    return drawn


def growth(
    settings: pd.DataFrame, option: str, value: str, everything: float | None, title: str, theme: str | None
) -> go.Figure | None:
    """Score over the size of the dictionary or of the vocabulary of the vectors; None without such contestants."""
    import plotly.graph_objects as go

    own = settings[settings[option].notna()].sort_values(option)
    if own.empty:
        return None
    color = figures.BARS.get(theme, figures.BARS["light"])  # type: ignore[arg-type]
    drawn = go.Figure(
        go.Scatter(
            x=own[option],
            y=own[value],
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker={"size": 8},
            hovertemplate="%{x:,}: %{y:.3f} bits per byte<extra></extra>",
            showlegend=False,
        )  # fmt: skip
    )
    if everything is not None:
        ink = figures.INKS.get(theme, figures.INKS[None])
        drawn.add_scatter(
            x=[own[option].min(), own[option].max()], y=[everything] * 2, mode="lines+text", text=[" all of them", ""],
            textposition="bottom right", textfont={"color": ink}, line={"color": ink, "width": 1, "dash": "dot"},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    drawn.update_xaxes(title=title, type="log", automargin=True)
    drawn.update_yaxes(title="Held-out bits per byte", automargin=True)
    drawn.update_layout(height=280, margin=MARGIN)
    return drawn
