"""Token text made visible and harmless.

A vocabulary holds anything: ``<script>``, ``$x$``, ``:red[x]``, newlines, right-to-left marks, lone bytes. Tables and
``st.code`` show text as it is; the functions here make the invisible visible and guard the two places that would
interpret it, Markdown and plotly labels.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata

SPACE, NEWLINE, TAB, DOTTED_CIRCLE = "␣", "↵", "⇥", "◌"
REPLACEMENT = "\ufffd"
#: Control, format, surrogate, private-use and unassigned code points; line and paragraph separators; odd spaces.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$&^=])")


def visible(text: str | None, token: str = "") -> str:
    """Readable text of a token: ``␣`` for a space, ``↵`` for a newline, ``⟨E4⟩`` for a byte, ``⟨U+200F⟩`` for a mark.

    Parameters
    ----------
    text
        Decoded text of the token; None (no such token) gives "".
    token
        The vocabulary string. Where the text holds U+FFFD, its bytes are read from here.
    """
    if not isinstance(text, str):
        return ""
    if REPLACEMENT in text:
        text = _with_bytes(token, text)
    shown = "".join(_seen(character) for character in text)
    # A combining mark at the start would sit on whatever stands before it on the page.
    return DOTTED_CIRCLE + shown if shown and unicodedata.category(shown[0]).startswith("M") else shown


def raw(token: str | None) -> str:
    """The vocabulary string, its own spaces kept, what cannot be seen escaped."""
    if not isinstance(token, str):
        return ""
    return "".join(character if character == " " else _seen(character) for character in token)


def code_safe(text: str) -> str:
    """One line for ``st.code``, which would show an empty box for an empty text."""
    return text or "(empty)"


def escape_markdown(text: str) -> str:
    """Text that Markdown, LaTeX and Streamlit's ``:directives[]`` leave alone, on one line."""
    escaped = MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))
    # Icons and emoji (":smile:") are replaced after Markdown is parsed, so a backslash does not stop them; a
    # word joiner (no width) does.
    return re.sub(r":(?=\S)", "\\:\u2060", escaped)


def plotly_label(text: str) -> str:
    """Text that plotly's pseudo-HTML leaves alone; isolated, so that a right-to-left token keeps its numbers apart."""
    return f"\u2068{html.escape(text, quote=False)}\u2069"


def _seen(character: str) -> str:
    """One character, or what stands for it."""
    if character in " \n\t":
        return {" ": SPACE, "\n": NEWLINE, "\t": TAB}[character]
    if unicodedata.category(character) in UNSEEN:
        return f"⟨U+{ord(character):04X}⟩"
    return character


def _with_bytes(token: str, text: str) -> str:
    """The text with ``⟨E4⟩`` for each byte that is no character by itself; the text alone if the token hides them."""
    piece = re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", token)
    if piece:
        return f"⟨{piece[1].upper()}⟩"
    table = _byte_characters()
    if not token or any(character not in table for character in token):
        return text
    data = bytes(table[character] for character in token)
    decoded = data.decode("utf-8", errors="surrogateescape")
    return "".join(f"⟨{ord(c) - 0xDC00:02X}⟩" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in decoded)


@functools.cache
def _byte_characters() -> dict[str, int]:
    """The character that stands for each byte in byte-level BPE vocabularies (GPT-2, RoBERTa, Llama 3)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    others = [byte for byte in range(256) if byte not in set(printable)]
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}
