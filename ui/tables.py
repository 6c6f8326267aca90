"""Tables as they are shown: readable token text, columns with labels and help, downloads."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import text

if TYPE_CHECKING:
    import pandas as pd

#: Rows on one page of a table: more make it slow to load, and Streamlit takes selection away beyond 150,000.
ROWS_SHOWN = 250
BAR_FROM, BAR_TO = 0.0, 1.0
# Every move of a dial shows the same rows again.
_visible, _raw = (functools.lru_cache(maxsize=20 * ROWS_SHOWN)(shown) for shown in (text.visible, text.raw))


def shown_tokens(tokens: pd.DataFrame) -> pd.DataFrame:
    """The token table in readable form."""
    return tokens[["target_id", "kind", "similarity", "effective_neighbors", "top_weight"]].assign(
        token=[_raw(token) for token in tokens["token"]],
        text=[_visible(*pair) for pair in zip(tokens["text"], tokens["token"], strict=True)],
        nearest=[_visible(nearest) for nearest in tokens["nearest"]],
    )


def shown_neighbors(neighbors: pd.DataFrame) -> pd.DataFrame:
    """The neighbours of one token in readable form."""
    return neighbors[["rank", "source_id", "similarity", "weight"]].assign(**_token_columns(neighbors, "source"))


def shown_fed(fed: pd.DataFrame) -> pd.DataFrame:
    """The target tokens that a source token feeds, in readable form."""
    return fed[["target_id", "similarity", "weight"]].assign(**_token_columns(fed, "target"))


def _token_columns(frame: pd.DataFrame, side: str) -> dict[str, list[str]]:
    tokens, texts = list(frame[f"{side}_token"]), list(frame[f"{side}_text"])
    return {
        f"{side}_token": [_raw(token) for token in tokens],
        f"{side}_text": [_visible(*pair) for pair in zip(texts, tokens, strict=True)],
    }


def token_columns() -> dict[str, Any]:
    """Columns of the target token table, in reading order."""
    return {
        "text": st.column_config.TextColumn(
            "Text", help="Decoded text; ␣ is a space, ↵ a newline, ⟨E4⟩ a single byte."
        ),
        "nearest": st.column_config.TextColumn("Nearest English", help="The most similar token of the English model."),
        "similarity": _bar("Similarity", "Cosine of the two static vectors after alignment, 1 at best."),
        "effective_neighbors": st.column_config.NumberColumn(
            "Effective",
            format="%.1f",
            help="How many neighbours the weights amount to under the dials as they stand: 1 if one takes all, "
            "k if all weigh the same.",
        ),
        "top_weight": st.column_config.NumberColumn(
            "Top weight", format="percent", help="Share of the nearest English row, under the dials as they stand."
        ),
        "kind": st.column_config.TextColumn(
            "Kind", help="Where the new row comes from: mixed, copied, fallback, byte piece."
        ),
        "token": st.column_config.TextColumn("Token", help="The string as the tokenizer stores it."),
        "target_id": st.column_config.NumberColumn("Id", format="%d", help="Token id in the new tokenizer."),
    }


def neighbor_columns() -> dict[str, Any]:
    """Columns of a token's neighbours, in reading order."""
    return {
        "rank": st.column_config.NumberColumn("Rank", width=50, help="1 is the most similar."),
        "source_text": st.column_config.TextColumn("English text", help="Decoded text; ␣ is a space."),
        "similarity": _bar("Similarity", "Cosine of the two static vectors after alignment."),
        "weight": _bar("Weight", "Share of this English row in the new row; 0 beyond the k that are mixed."),
        "source_token": st.column_config.TextColumn("Token", help="The string as the English tokenizer stores it."),
        "source_id": st.column_config.NumberColumn("Id", format="%d", help="Token id in the English tokenizer."),
    }


def fed_columns() -> dict[str, Any]:
    """Columns of the reverse lookup, in reading order."""
    return {
        "target_text": st.column_config.TextColumn("Text", help="Decoded text of the new token; ␣ is a space."),
        "weight": _bar("Weight", "Share of the English row in this new row."),
        "similarity": _bar("Similarity", "Cosine of the two static vectors after alignment."),
        "target_token": st.column_config.TextColumn("Token", help="The string as the new tokenizer stores it."),
        "target_id": st.column_config.NumberColumn("Id", format="%d", help="Token id in the new tokenizer."),
    }


def _bar(label: str, help_text: str) -> Any:
    return st.column_config.ProgressColumn(
        label, help=help_text, format="%.3f", min_value=BAR_FROM, max_value=BAR_TO, width="small"
    )


def downloads(frame: pd.DataFrame | Callable[[], pd.DataFrame], name: str, key: str, n_rows: int | None = None) -> None:
    """CSV and Parquet of a table as it is stored: raw tokens, all rows. Made only when a button is pressed.

    A large table comes as a function that makes it, with its number of rows.
    """
    rows = len(frame) if n_rows is None else n_rows  # type: ignore[arg-type]

    def table() -> pd.DataFrame:
        return frame() if callable(frame) else frame

    def parquet() -> bytes:
        buffer = io.BytesIO()
        table().to_parquet(buffer, index=False)
        return buffer.getvalue()

    kinds = {
        "CSV": (lambda: table().to_csv(index=False).encode(), "csv", "text/csv"),
        "Parquet": (parquet, "parquet", "application/vnd.apache.parquet"),
    }
    with st.container(horizontal=True):
        for label, (make, suffix, mime) in kinds.items():
            st.download_button(
                label,
                make,
                f"{name}.{suffix}",
                mime,
                key=f"{key}:{suffix}",
                icon=":material/download:",
                help=f"All {rows:,} rows, tokens as stored.",
                on_click="ignore",
            )
