"""Sentences as HTML: coloured tokens, and the English tokens under each, like an interlinear gloss.

Token text comes from vocabularies and from what a person types. It enters a page here alone: ``_shown`` makes it visible
and escapes it, and nothing else in these functions comes from outside.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ui import text

if TYPE_CHECKING:
    import pandas as pd

    from wechsel_core.services.sentences import Segmentation

#: Okabe and Ito's colours, faint, so that the page's own ink stays readable on them; neighbours differ in lightness too.
TINTS = ("0,114,178", "230,159,0", "0,158,115", "204,121,167")
FAINT = 0.22
#: Neighbours written under a token; the rest stand in the hover text.
GLOSSED, HOVERED = 3, 10
#: Surprisal that fills a token's bar, in bits.
FULL_BAR = 16

EXAMPLES = {
    "en": ("Click the button to remove the file from the list.",),
    "fr": (
        "Cliquez sur le bouton pour supprimer le fichier de la liste.",
        "Les enfants lisent un livre dans le jardin.",
        "La langue de la page n'est pas la même que celle du texte.",
        "L'eau de la rivière est froide en hiver.",
    ),
    "de": (
        "Klicken Sie auf die Schaltfläche, um die Datei aus der Liste zu löschen.",
        "Die Kinder lesen ein Buch im Garten.",
        "Die Sprache der Seite ist eine andere als die des Textes.",
        "Das Wasser im Fluss ist im Winter kalt.",
    ),
    "zh": (
        "点击按钮从列表中删除文件。",
        "孩子们在花园里看书。",
        "这个网页的语言和文字的语言不一样。",
        "冬天河里的水很冷。",
    ),
    "sw": (
        "Bofya kitufe ili kufuta faili kutoka kwenye orodha.",
        "Watoto wanasoma kitabu bustanini.",
        "Lugha ya ukurasa si sawa na lugha ya maandishi.",
        "Maji ya mto ni baridi wakati wa asubuhi.",
    ),
}


def examples(language: str) -> list[str]:
    """Sentences to pick from: the language's own first, then the English one for comparison."""
    own = EXAMPLES.get(language.split("-")[0], ())
    return [*own, *(sentence for sentence in EXAMPLES["en"] if sentence not in own)]


def _shown(words: str, token: str = "") -> str:
    """Token text for HTML, visible and escaped; the only way of token text into a page's HTML.

    ``bdi`` keeps a right-to-left token from turning around what stands beside it.
    """
    return f"<bdi>{html.escape(text.visible(words, token) or '(empty)', quote=True)}</bdi>"


def _title(words: str) -> str:
    """Text of several tokens for a ``title`` attribute."""
    return html.escape(words, quote=True)


def spans(cut: Segmentation) -> str:
    """The tokens of a sentence side by side, each with its id below, in colours that alternate."""
    pieces = []
    for place, part in enumerate(cut.segments):
        tint = TINTS[place % len(TINTS)]
        hover = _title(f"token {text.raw(part.token)}, id {part.id}")
        pieces.append(
            f'<span role="listitem" title="{hover}" style="display:inline-flex;flex-direction:column;'
            f"align-items:center;max-width:100%;overflow-wrap:anywhere;padding:0.1rem 0.3rem;border-radius:0.3rem;"
            f'background:rgba({tint},{FAINT});border-bottom:2px solid rgb({tint})">'
            f"<span>{_shown(part.text, part.token)}</span>"
            f'<span style="font-size:0.7rem;opacity:0.75">{part.id}</span></span>'
        )
    return f'<div role="list" style="display:flex;flex-wrap:wrap;gap:0.25rem;line-height:1.5">{"".join(pieces)}</div>'


def gloss(cut: Segmentation, neighbors: Sequence[pd.DataFrame], surprisals: Sequence[float] | None = None) -> str:
    """Every token with the English tokens that it is made of below it, the largest share on top.

    Parameters
    ----------
    cut : Segmentation
        Of the target tokenizer.
    neighbors : sequence of DataFrame
        Of each token, nearest first: source_text, source_token, weight.
    surprisals : sequence of float, optional
        Bits of the first tokens, drawn as a bar below each; NaN has none.
    """
    columns = []
    for place, (part, frame) in enumerate(zip(cut.segments, neighbors, strict=True)):
        tint = TINTS[place % len(TINTS)]
        bits = surprisals[place] if surprisals is not None and place < len(surprisals) else math.nan
        rows = list(zip(frame["source_text"], frame["source_token"], frame["weight"], strict=True))
        mixed = [row for row in rows if row[2]]  # a method may take a row away: its share is below 0
        hover = ", ".join(f"{text.visible(words, token)} {weight:.0%}" for words, token, weight in mixed[:HOVERED])
        lines = "".join(_line(*row) for row in mixed[:GLOSSED]) or _note("no English parts")
        columns.append(
            f'<div role="listitem" title="{_title(hover)}" style="display:flex;flex-direction:column;'
            f"min-width:4.2rem;max-width:11rem;overflow-wrap:anywhere;padding:0.3rem 0.45rem;border-radius:0.4rem;"
            f'background:rgba({tint},0.10);border-top:3px solid rgb({tint})">'
            f'<span style="font-size:1.1rem;font-weight:600">{_shown(part.text, part.token)}</span>'
            f"{lines}{_bar(bits)}</div>"
        )
    return f'<div role="list" style="display:flex;flex-wrap:wrap;gap:0.4rem;line-height:1.45">{"".join(columns)}</div>'


def _line(words: str, token: str, weight: float) -> str:
    """One English token, larger and darker the more it weighs; never too faint to read."""
    strength = math.sqrt(min(abs(weight), 1.0))
    size, opacity = 0.78 + 0.22 * strength, 0.7 + 0.3 * strength
    return (
        f'<span style="font-size:{size:.2f}rem;opacity:{opacity:.2f}">{_shown(words, token)} '
        f'<span style="font-size:0.7rem">{weight:.0%}</span></span>'
    )


def _note(words: str) -> str:
    return f'<span style="font-size:0.78rem;font-style:italic;opacity:0.8">{words}</span>'


def _bar(bits: float) -> str:
    if math.isnan(bits):
        return ""
    width = 100 * min(max(bits, 0) / FULL_BAR, 1)
    return (
        '<span style="margin-top:auto;padding-top:0.3rem;font-size:0.7rem;opacity:0.85">'
        f'{bits:.1f} bits<span style="display:block;height:4px;border-radius:2px;background:rgba(128,128,128,0.25)">'
        f'<span style="display:block;height:4px;border-radius:2px;width:{width:.0f}%;background:currentColor"></span>'
        "</span></span>"
    )
