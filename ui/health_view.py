"""The health report on a page: verdict, findings as cards, their tables and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui import figures, tables, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import plotly.graph_objects as go

    from wechsel_core.services.report import Details, Finding, HealthReport

#: Word, icon and colour of each state: none of the three stands alone.
STATES: dict[str, tuple[str, str, Any]] = {
    "good": ("Good", ":material/check_circle:", "green"),
    "fair": ("Fair", ":material/error:", "orange"),
    "poor": ("Poor", ":material/cancel:", "red"),
    "unknown": ("Not judged", ":material/help:", "gray"),
}
BAR_HEIGHT, AXIS_HEIGHT = 22, 64
#: What a bar's length is, with its unit.
AXES = {
    "covered_words": "Words with a usable pair (%)",
    "dropped": "Pairs (% of those offered)",
    "hubs": "New tokens (number)",
    "id_bands": "Mean cosine to the nearest English token",
    "norms": "Length (median English row = 1)",
    "precision": "Words whose translation was found (%)",
}
#: Rows of a table that is shown whole.
TALLEST = 8
CARDS, CHARTS = 3, 2


def badge(state: str) -> None:
    """A state as word, sign and colour."""
    word, icon, color = STATES[state]
    st.badge(word, icon=icon, color=color)


def verdict(report: HealthReport) -> None:
    """The sentence that sums up, and how many findings are in each state."""
    show = {"good": st.success, "fair": st.warning, "poor": st.error, "unknown": st.info}[report.state]
    show(text.escape_markdown(report.verdict), icon=STATES[report.state][1])
    counted = [finding.state for finding in report.findings()]
    with st.container(horizontal=True):
        for state, (word, icon, color) in STATES.items():
            if number := counted.count(state):
                st.badge(f"{number} {word.lower()}", icon=icon, color=color)


def sections(report: HealthReport) -> None:
    """Every section: its findings as cards, then their tables and charts."""
    for section in report.sections:
        st.header(section.title, anchor=section.id)
        if section.note:
            st.info(text.escape_markdown(section.note), icon=":material/block:")
            continue
        details = [table for finding in section.findings for table in finding.details]
        if len(section.findings) < CARDS:
            left, right = st.columns([1, 2], gap="large")
            with left:
                for finding in section.findings:
                    _card(finding)
            with right:
                for table in details:
                    _details(report.result, table)
            continue
        _grid(section.findings, CARDS, _card)
        _grid(details, CHARTS, lambda table: _details(report.result, table))


def _grid(parts: Sequence[Any], width: int, draw: Callable[[Any], None]) -> None:
    for place in range(0, len(parts), width):
        for column, part in zip(st.columns(width), parts[place : place + width], strict=False):
            with column:
                draw(part)


def _card(finding: Finding) -> None:
    from wechsel_core.services.report import shown, shown_interval

    with st.container(border=True, height="stretch"):
        st.metric(finding.title, shown(finding.value, finding.unit))
        with st.container(horizontal=True, vertical_alignment="center"):
            badge(finding.state)
            if interval := shown_interval(finding):
                st.caption(interval)
        st.write(text.escape_markdown(finding.meaning))
        st.caption(text.escape_markdown(f"{finding.thresholds} {finding.advice}"))


def _details(result: str, details: Details) -> None:
    """Bars where the table has any, and the table itself with its downloads."""
    frame = pd.DataFrame(list(details.rows), columns=list(details.columns))
    caption = text.escape_markdown(details.caption)
    if details.bar:
        figure = bars(details, frame, st.context.theme.type)
        st.plotly_chart(
            figure,
            key=f"chart:{details.id}",
            config=figures.plot_config(f"{result}-{details.id}"),
            alt=f"Bars: {details.caption}",
        )
        st.caption(caption)
        with st.expander("Table", icon=":material/table_rows:"):
            _table(result, details, frame)
        return
    _table(result, details, frame)
    st.caption(caption)


def _table(result: str, details: Details, frame: pd.DataFrame) -> None:
    shown = frame.copy()
    for name, unit in details.columns.items():
        if unit == "token":
            shown[name] = [text.visible(token) for token in frame[name]]
    st.dataframe(
        shown,
        hide_index=True,
        height="content" if len(frame) <= TALLEST else 260,
        column_config={name: _column(name, unit) for name, unit in details.columns.items()},
        alt=details.caption,
    )
    tables.downloads(frame, f"{result}-{details.id}", key=f"health:{details.id}")


def _column(name: str, unit: str) -> Any:
    if unit in ("text", "token"):
        return st.column_config.TextColumn(name)
    formats = {"share": "percent", "ratio": "%.2f", "number": "%.2f"}
    return st.column_config.NumberColumn(name, format=formats.get(unit, "localized"))


def bars(details: Details, frame: pd.DataFrame, theme: str | None) -> go.Figure:
    """Horizontal bars, the first row on top; with the ends of intervals, or a second bar, where there are any."""
    import plotly.graph_objects as go

    assert details.bar is not None
    labels, named = _labels(details, frame)
    percent = details.columns[details.bar] == "share"
    rows = list(range(len(frame)))

    def trace(column: str, **options: Any) -> go.Bar:
        number = "%{x:.1%}" if percent else "%{x:,.3~g}"
        hover = "%{customdata}: " + number + f"<extra>{column if details.beside else ''}</extra>"
        options |= {"name": column, "customdata": labels, "hovertemplate": hover}
        return go.Bar(x=frame[column].astype(float), y=rows, orientation="h", **options)

    figure = go.Figure(
        trace(details.bar, marker_color=figures.BARS.get(theme, figures.BARS["light"]), **_ends(frame, details))
    )
    if details.beside:
        ink = figures.INKS.get(theme, figures.INKS[None])
        figure.add_trace(trace(details.beside, marker={"color": "rgba(0,0,0,0)", "line": {"color": ink, "width": 1.5}}))
    # Numbers of rows, not labels, on the axis: two tokens may read the same, and their bars would be added up.
    figure.update_yaxes(
        title=", ".join(named), tickvals=rows, ticktext=labels, autorange="reversed", automargin=True, fixedrange=True
    )
    figure.update_xaxes(title=AXES.get(details.id, details.bar), fixedrange=True, rangemode="tozero")
    if percent:
        figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_layout(
        height=AXIS_HEIGHT + BAR_HEIGHT * max(len(frame), 4) * (2 if details.beside else 1),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        bargap=0.3,
        showlegend=details.beside is not None,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    return figure


def _ends(frame: pd.DataFrame, details: Details) -> dict[str, Any]:
    if not {"From", "To"} <= set(frame.columns) or not frame["From"].notna().any():
        return {}
    values = frame[details.bar].astype(float)
    above, below = frame["To"].astype(float) - values, values - frame["From"].astype(float)
    return {"error_x": {"array": above.fillna(0), "arrayminus": below.fillna(0), "symmetric": False}}


def _labels(details: Details, frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What stands before each bar, and the columns that it comes from: the words of the row, or its first number."""
    # A reason's remedy and a token's id are for the table.
    kept = [name for name in details.columns if name not in ("What to do", "Id")]
    named = [name for name in kept if details.columns[name] in ("text", "token")] or kept[:1]

    def label(name: str, value: Any) -> str:
        if details.columns[name] == "token":
            return text.visible(value)
        return value if isinstance(value, str) else f"{value:,}"

    rows = frame[named].itertuples(index=False)
    return [text.plotly_label(", ".join(map(label, named, row))) for row in rows], named


def downloads(report: HealthReport) -> None:
    """The report as HTML and as JSON; made only when a button is pressed."""

    def page() -> bytes:
        from wechsel_core.services import report as service

        return service.html_page(report).encode()

    def record() -> bytes:
        from wechsel_core.services import report as service

        return service.to_json(report).encode()

    name = f"{report.result}-health"
    with st.container(horizontal=True):
        for label, make, suffix, kind in (
            ("HTML report", page, "html", "text/html"),
            ("JSON", record, "json", "application/json"),
        ):
            st.download_button(
                label,
                make,
                f"{name}.{suffix}",
                kind,
                key=f"health:{suffix}",
                icon=":material/download:",
                help="One file that needs no network." if suffix == "html" else "Every figure, for a program.",
                on_click="ignore",
            )
