"""What a model wrote, as text that shows how sure it was, and as a table; the tokens for a gap."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import tables, text

if TYPE_CHECKING:
    import pandas as pd

    from wechsel_core.services.try_it import Continuation

#: Shades of tokens without a chance and of certain ones. Between them by the root of the probability: most are small.
FAINTEST, DARKEST = 0.06, 0.6
BLUE = "0,114,178"
TABLE_HEIGHT = 320
#: The beginning of a text, and a text with a gap, in each language of the pocket; English for the others.
BEGINNINGS = {
    "en": ("Click the button to", "Click the <mask> to remove the file."),
    "fr": ("Cliquez sur le bouton pour", "Cliquez sur le <mask> pour supprimer le fichier."),
    "de": ("Klicken Sie auf die Schaltfläche, um", "Klicken Sie auf die <mask>, um die Datei zu löschen."),
    "zh": ("点击按钮", "点击<mask>从列表中删除文件。"),
    "sw": ("Bofya kitufe ili", "Bofya <mask> ili kufuta faili."),
}


def beginning(language: str, kind: str) -> str:
    """The text that the page starts with."""
    causal, masked = BEGINNINGS.get(language.split("-")[0], BEGINNINGS["en"])
    return causal if kind == "causal" else masked


def flowing(given: str, found: Continuation) -> str:
    """The text and what was written to it, as HTML: each new piece shaded the more the likelier it was.

    Token text enters the page here: made visible and escaped. The box takes the direction of its own text.
    """
    pieces = [f'<span style="opacity:0.75">{_shown(given)}</span>']
    for row in found.tokens.itertuples():
        words = str(row.written)
        if not words:
            continue
        shade = FAINTEST + (DARKEST - FAINTEST) * math.sqrt(row.probability)
        hover = html.escape(f"token {row.place}: {row.probability:.1%}", quote=True)
        pieces.append(
            f'<span title="{hover}" style="background:rgba({BLUE},{shade:.2f});border-radius:0.2rem;'
            f'padding:0.1rem 0;margin-inline-end:1px">{_shown(words)}</span>'
        )
    return (
        '<div dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:1.1rem;line-height:1.8">'
        f"{''.join(pieces)}</div>"
    )


def _shown(words: str) -> str:
    return html.escape(text.raw(words), quote=True)


def continuation(given: str, found: Continuation, name: str, key: str) -> None:
    """The text, and every new token with its probability."""
    st.html(flowing(given, found))
    st.caption(
        "New text is shaded, more strongly the surer the model was of it; hover for the probability. "
        + ("The model ended the text itself." if found.ended else "It stopped at the number of tokens asked for.")
    )
    _table(
        found.tokens, "place", st.column_config.NumberColumn("No.", width=50, help="In order of writing."), name, key
    )
    st.caption(
        "Each row is one new token. Probability is the model's own, before temperature and top k: 100% is certain, and "
        "a text of small ones is guesswork."
    )


def filling(found: pd.DataFrame, name: str, key: str) -> None:
    """The likeliest tokens for the gap."""
    _table(found, "rank", st.column_config.NumberColumn("Rank", width=50, help="1 is the likeliest."), name, key)
    st.caption(
        "The likeliest tokens for the gap. The bars are probabilities: one long bar is a model that is sure, ten short "
        "ones are a model that guesses."
    )


def _table(frame: pd.DataFrame, first: str, column: Any, name: str, key: str) -> None:
    shown = frame[[first, "probability"]].assign(
        text=[text.visible(*pair) for pair in zip(frame["text"], frame["token"], strict=True)],
        token=[text.raw(token) for token in frame["token"]],
    )
    columns = {
        first: column,
        "text": st.column_config.TextColumn("Text", help="Decoded text; ␣ is a space, ⟨E4⟩ a piece of a character."),
        "probability": st.column_config.ProgressColumn(
            "Probability", format="percent", min_value=0, max_value=1, help="The model's own, among all its tokens."
        ),
        "token": st.column_config.TextColumn("Token", help="The string as the tokenizer stores it."),
    }
    st.dataframe(
        shown,
        hide_index=True,
        height=min(TABLE_HEIGHT, 38 + 35 * max(len(shown), 1)) if len(shown) > 10 else "content",
        column_order=list(columns),
        column_config=columns,
        alt="Tokens with their probabilities",
        key=f"{key}:table",
    )
    tables.downloads(frame, name, key=key)
