"""Two results token by token, as the page Compare draws them: how far tokens moved, and one token's two mixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui import figures, search, services, state, tables, text, widgets

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

    from wechsel_core.services.compare_results import Comparison, Side

#: Label, axis and meaning of each measure of movement.
MOVED = {
    "cosine_distance": (
        "Row moved",
        "Cosine distance of the two new rows (0 = same direction, 1 = unrelated)",
        "1 minus the cosine of the token's new row in A and in B.",
    ),
    "total_variation": (
        "Mixture changed",
        "Share of the mixture that changed (total variation)",
        "The share of the new row that comes from other English tokens in B than in A.",
    ),
    "similarity_change": (
        "Similarity changed",
        "Change of the cosine to the nearest English token, B minus A",
        "The results have different English tokenizers, so only their similarities can be compared.",
    ),
}
BINS, HEIGHT = 40, 220


def movement(found: Comparison) -> None:
    """Histogram of how far tokens moved."""
    import numpy as np

    label, axis, meaning = MOVED[found.moved_by]
    moved = found.tokens[found.moved_by].dropna().to_numpy()
    without = len(found.tokens) - len(moved)
    unmoved = int((np.abs(moved) < 1e-6).sum())
    how = (
        f"All {len(found.tokens):,} tokens of the shared tokenizer"
        if found.matched_by == "id"
        else f"The {len(found.tokens):,} tokens with equal text (of {found.n_a:,} in A and {found.n_b:,} in B)"
    )
    if not len(moved):
        st.info("No token of the two can be compared.")
        return
    st.plotly_chart(
        _histogram(moved, label, axis, st.context.theme.type),
        key="compare:movement",
        config=figures.plot_config("compare-movement"),
        alt="Histogram of how far tokens moved",
    )
    st.caption(
        f"{how} by how far they moved; median {np.median(moved):.3f}, {unmoved:,} did not move at all. {meaning} "
        "The further right a bar, the further its tokens moved."
        + (f" {without:,} are mixtures in neither: their rows alone can be compared." if without else "")
    )


def _histogram(moved: np.ndarray, label: str, axis: str, theme: str | None) -> go.Figure:
    import numpy as np
    import plotly.graph_objects as go

    low, high = min(0.0, float(moved.min())), max(float(moved.max()), 1e-3)
    counts, edges = np.histogram(moved, BINS, range=(low, high))
    figure = go.Figure(
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=counts,
            marker_color=figures.BARS.get(theme, figures.BARS["light"]),
            hovertemplate=label + " %{x:.3f}: %{y:,} tokens<extra></extra>",
        )
    )
    figure.update_xaxes(title=axis, fixedrange=True)
    figure.update_yaxes(title="Tokens (number)", rangemode="tozero", fixedrange=True)
    figure.update_layout(height=HEIGHT, margin={"l": 0, "r": 8, "t": 8, "b": 0}, bargap=0.05)
    return figure


def token_table(found: Comparison, name: str) -> int | None:
    """The tokens, the furthest moved first; returns the row of the one that is open."""
    words = st.text_input(
        "Search tokens",
        type="search",
        placeholder="such as a word, or #123 for an id",
        help="Text or vocabulary string; without a search the tokens that moved furthest are on top.",
        **state.linked("q", state.get("q") or "", default="", after=lambda: state.put(token=None)),
    )
    # Whole matches first; among equals the order of the table, the furthest moved on top.
    rows = found.tokens.iloc[search.positions(found.tokens, search.Query(words or ""))]
    if rows.empty:
        st.info("No token that both have matches. Try a shorter or more frequent word.")
        return None
    ids = rows["target_id"].head(tables.ROWS_SHOWN).tolist()
    given = state.get("token")
    token = state.whole_number("token", -1, 0, max(int(found.tokens["target_id"].max()), 0))
    if given is not None and token not in set(found.tokens["target_id"]):
        st.error(
            f"There is no token {text.escape_markdown(given)} that both results have. Choose a row of the table.",
            icon=":material/error:",
        )
        token = -1
    elif given is None:
        token = ids[0]
    key = f"compare:tokens:{name}:{words}:{found.moved_by}"
    chosen = [ids.index(token)] if token in ids else []
    st.session_state[key] = {"selection": {"rows": chosen, "columns": [], "cells": []}}

    def selected() -> None:
        if picked := st.session_state[key]["selection"]["rows"]:
            state.put(token=ids[picked[0]])

    columns = _columns(found)
    st.dataframe(
        _shown(rows),
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        key=key,
        on_select=selected,
        selection_mode="single-row",
        alt="Tokens of both results by how far they moved",
    )
    count = "1 token" if len(rows) == 1 else f"{len(rows):,} tokens"
    cut = f"The first {len(ids):,} of {count}" if len(rows) > len(ids) else count
    st.caption(f"{cut}, the furthest moved first. Tick a row to see both mixtures; the downloads hold all of them.")
    tables.downloads(rows, f"{name}-tokens", key="compare:tokens")
    return None if token < 0 else int(found.tokens.index[found.tokens["target_id"] == token][0])


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.head(tables.ROWS_SHOWN)
    return rows.assign(
        text=[text.visible(*pair) for pair in zip(rows["text"], rows["token"], strict=True)],
        token=[text.raw(token) for token in rows["token"]],
        nearest_a=[text.visible(nearest) for nearest in rows["nearest_a"]],
        nearest_b=[text.visible(nearest) for nearest in rows["nearest_b"]],
    )


def _columns(found: Comparison) -> dict[str, Any]:
    number, words = st.column_config.NumberColumn, st.column_config.TextColumn
    label, _, meaning = MOVED[found.moved_by]
    columns: dict[str, Any] = {
        "text": words("Text", help="Decoded text; ␣ is a space, ↵ a newline, ⟨E4⟩ a single byte."),
        found.moved_by: number(label, format="%.3f", help=meaning),
        "nearest_a": words("Nearest in A", help="The most similar English token in A."),
        "nearest_b": words("Nearest in B", help="The most similar English token in B."),
    }
    if found.moved_by != "similarity_change":
        columns |= {
            "overlap": number("Overlap", format="%.2f", help="Neighbours in common, of all in either (Jaccard)."),
            "total_variation": number("Mixture changed", format="%.3f", help=MOVED["total_variation"][2]),
        }
    columns |= {
        "effective_a": number("Effective A", format="%.1f", help="How many neighbours the weights amount to, in A."),
        "effective_b": number("Effective B", format="%.1f", help="How many neighbours the weights amount to, in B."),
    }
    if "difference_norm" in found.tokens:
        columns["difference_norm"] = number("|A − B|", format="%.3f", help="Length of the difference of the two rows.")
    return columns | {
        "similarity_a": number("Similarity A", format="%.3f", help="Cosine to the nearest English token, in A."),
        "similarity_b": number("Similarity B", format="%.3f", help="Cosine to the nearest English token, in B."),
        "kind_a": words("Kind A", help="Where the row comes from, in A."),
        "kind_b": words("Kind B", help="Where the row comes from, in B."),
        "token": words("Token", help="The string as the tokenizer stores it."),
        "target_id": number("Id", format="%d", help="Token id, in A."),
    }


def detail(found: Comparison, a: Side, b: Side, place: int) -> None:
    """One token's two mixtures, differences marked."""
    from wechsel_core.services import compare_results

    row = found.tokens.loc[place]
    readable, moved = st.columns([2, 1])
    with readable:
        st.caption("Text")
        st.code(text.code_safe(text.visible(row["text"], row["token"])), language=None, wrap_lines=True)
    with moved:
        label, _, meaning = MOVED[found.moved_by]
        value = row[found.moved_by]
        st.metric(label, "–" if pd.isna(value) else f"{value:.3f}", help=meaning)
    target_a, target_b = int(row["target_id"]), int(row["target_id_b"])
    if not compare_results.same_source_tokens(a, b):
        for column, side, target, which in zip(st.columns(2), (a, b), (target_a, target_b), "AB", strict=True):
            with column:
                st.subheader(f"In {which}", anchor=False)
                own = services.neighbors(side.result_id, target, side.neighbors, side.neighbors, side.temperature)
                widgets.token_table(
                    own, tables.shown_neighbors(own), tables.neighbor_columns(),
                    f"{side.result_id}-{target}-neighbours", f"Neighbours in {which}",
                )  # fmt: skip
        return
    neighbors = compare_results.neighbor_lists(a, b, target_a, target_b)
    if neighbors.empty:
        st.info("This token has no English neighbours in either: its rows are made of no English row in particular.")
        return
    only = neighbors["rank_b"].isna().map({True: "A only", False: ""})
    only = only.mask(neighbors["rank_a"].isna(), "B only").replace("", "both")
    shown = neighbors.assign(
        source_text=[
            text.visible(*pair) for pair in zip(neighbors["source_text"], neighbors["source_token"], strict=True)
        ],
        mark=only,
    )
    share = st.column_config.ProgressColumn
    columns = {
        "source_text": st.column_config.TextColumn("English text", width=110, help="Decoded text; ␣ is a space."),
        "mark": st.column_config.TextColumn("In", width=60, help="Whose k neighbours it is among."),
        "weight_a": share(
            "Weight in A", format="%.3f", min_value=0, max_value=1, width=110, help="Share of this row, in A."
        ),
        "weight_b": share(
            "Weight in B", format="%.3f", min_value=0, max_value=1, width=110, help="Share of this row, in B."
        ),
        "similarity_a": st.column_config.NumberColumn("Similarity A", format="%.3f", help="Cosine, in A."),
        "similarity_b": st.column_config.NumberColumn("Similarity B", format="%.3f", help="Cosine, in B."),
        "rank_a": st.column_config.NumberColumn("Rank A", format="%d", help="1 is the most similar, in A."),
        "rank_b": st.column_config.NumberColumn("Rank B", format="%d", help="1 is the most similar, in B."),
    }
    widgets.token_table(
        neighbors, shown, columns, f"token-{target_a}-neighbours", "Neighbours of one token in A and in B"
    )
    st.caption(
        f"{(only == 'both').sum()} of {len(only)} English tokens are neighbours in both; an empty weight says that the "
        "token is not among that side's k."
    )
