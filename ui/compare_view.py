"""Two results as wholes, as the page Compare draws them: settings, figures, similarities and health that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui import figures, tables
from ui.health_view import STATES

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from wechsel_core.services.compare_results import Comparison
    from wechsel_core.services.report import HealthReport

HEIGHT = 220
#: A is drawn filled, B as a dotted outline: told apart without colour.
DASH = "dot"


def settings(found: Comparison) -> None:
    """Settings that differ, and nothing else."""
    st.subheader("What was set differently", anchor=False)
    if found.settings.empty:
        st.info("Nothing: both have the same settings and the same inputs.")
        return
    st.dataframe(
        found.settings.assign(setting=found.settings["setting"].str.replace("_", " ")),
        hide_index=True,
        height="content",
        column_config={
            "setting": st.column_config.TextColumn("Setting"),
            "a": st.column_config.TextColumn("A"),
            "b": st.column_config.TextColumn("B"),
        },
        alt="Settings and inputs that differ between A and B",
    )
    if found.settings["setting"].str.endswith("(content)").any():
        st.caption("Content: the first digits of a file's SHA-256; a name alone does not say what it held.")


def figures_table(found: Comparison, name: str) -> None:
    """Counts and quality of both."""
    from wechsel_core.services.report import shown

    st.subheader("What came out", anchor=False)

    def told(value: float, low: float, high: float, unit: str) -> str:
        interval = "" if pd.isna(low) else f" ({shown(low, unit)} to {shown(high, unit)})"  # type: ignore[arg-type]
        return shown(None if pd.isna(value) else value, unit) + interval  # type: ignore[arg-type]

    rows = [
        {
            "figure": row.figure,
            "a": told(row.a, row.a_from, row.a_to, row.unit),
            "b": told(row.b, row.b_from, row.b_to, row.unit),
            "difference": "–" if pd.isna(row.difference) else _signed(row.difference, row.unit),
        }
        for row in found.figures.itertuples()
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "figure": st.column_config.TextColumn("Figure"),
            "a": st.column_config.TextColumn("A"),
            "b": st.column_config.TextColumn("B"),
            "difference": st.column_config.TextColumn("B − A"),
        },
        alt="Counts, alignment quality and neighbours of A and B",
    )
    st.caption("In brackets: 95% bootstrap interval. Two figures whose intervals overlap widely may differ by chance.")
    tables.downloads(found.figures, f"{name}-figures", key="compare:figures")


def _signed(value: float, unit: str) -> str:
    from wechsel_core.services.report import shown

    if abs(value) < 5e-4 or shown(abs(value), unit) == shown(0, unit):  # type: ignore[arg-type]
        return "0"
    if unit == "share":
        return f"{100 * value:+.1f} points".replace("-", "−")
    return f"{'+' if value > 0 else '−'}{shown(abs(value), unit)}"  # type: ignore[arg-type]


def similarities(found: Comparison) -> None:
    """Both distributions of the nearest similarity."""
    st.subheader("How similar the nearest English tokens are", anchor=False)
    shown = [side for side in "ab" if found.similarities[side].any()]
    if not shown:
        st.info("Neither result mixes English tokens, so there are no neighbours whose similarity could be shown.")
        return
    middle = (found.similarities["from"] + found.similarities["to"]) / 2
    figure = _two_histograms(middle, found.similarities["a"], found.similarities["b"], st.context.theme.type)
    figure.update_xaxes(title="Similarity to the nearest English token")
    st.plotly_chart(
        figure,
        key="compare:similarities",
        config=figures.plot_config("compare-similarities"),
        alt="Histograms of the nearest similarity",
    )
    st.caption(
        "Share of the mixed tokens by the similarity to their nearest neighbour: filled A, dotted line B. Further right "
        "is closer, but vectors of fewer dimensions are closer to each other anyway; cosine, CSLS and the weights of "
        "methods that compare no vectors are different scales."
        + (f" {'B' if shown == ['a'] else 'A'} mixes no English tokens." if len(shown) == 1 else "")
    )


def health(a: HealthReport, b: HealthReport) -> None:
    """The findings of both health reports side by side."""
    from wechsel_core.services.report import shown

    st.subheader("Health", anchor=False)
    other = {finding.id: finding for finding in b.findings()}
    signs = {"good": "✓", "fair": "!", "poor": "✗", "unknown": "–"}
    rows = [
        {
            "finding": finding.title,
            "a": shown(finding.value, finding.unit),
            "state_a": f"{signs[finding.state]} {STATES[finding.state][0]}",
            "b": shown(twin.value, twin.unit),
            "state_b": f"{signs[twin.state]} {STATES[twin.state][0]}",
        }
        for finding in a.findings()
        if (twin := other.get(finding.id))
    ]
    names = {"finding": "Finding", "a": "A", "state_a": "A is", "b": "B", "state_b": "B is"}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={name: st.column_config.TextColumn(label) for name, label in names.items()},
        alt="Findings of the health reports of A and B",
    )
    st.caption(
        "The page Health says what each finding means and what to do about a bad one. Steps that only one of the methods "
        "has are left out."
    )


def _two_histograms(middle: Any, a: Any, b: Any, theme: str | None) -> go.Figure:
    import plotly.graph_objects as go

    ink = figures.INKS.get(theme, figures.INKS[None])
    figure = go.Figure(
        [
            go.Bar(x=middle, y=a, name="A", marker_color=figures.BARS.get(theme, figures.BARS["light"])),
            go.Scatter(
                x=middle, y=b, name="B", mode="lines", line={"shape": "hvh", "dash": DASH, "width": 2, "color": ink}
            ),
        ]
    )
    figure.update_traces(hovertemplate="similarity %{x:.2f}: %{y:.1%}")
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(title="Share of the mixed tokens", tickformat=".0%", rangemode="tozero", fixedrange=True)
    figure.update_layout(
        height=HEIGHT, margin={"l": 0, "r": 8, "t": 8, "b": 0}, bargap=0.05, legend={"orientation": "h", "y": 1.15}
    )
    return figure
