"""Readable and harmless token text."""

from __future__ import annotations

import pytest

from ui import text


@pytest.mark.parametrize(
    ("decoded", "token", "shown"),
    [
        (" Haus", "ĠHaus", "␣Haus"),
        ("a\nb\t", "aĊbĉ", "a↵b⇥"),
        ("\u200f", "x", "⟨U+200F⟩"),
        ("\u0301", "x", "◌\u0301"),
        ("\ufffd", "Ã", "⟨C3⟩"),
        (" \ufffd", "ĠÃ", "␣⟨C3⟩"),
        ("\ufffd", "<0xE4>", "⟨E4⟩"),
        ("\ufffd", "日", "\ufffd"),
        ("<script>", "<script>", "<script>"),
        (None, "", ""),
        ("\ud800", "x", "⟨U+D800⟩"),
    ],
)
def test_visible(decoded: str | None, token: str, shown: str) -> None:
    assert text.visible(decoded, token) == shown


def test_raw_keeps_markers_and_escapes_what_cannot_be_seen() -> None:
    assert text.raw("Ġa ▁b\u202e\n") == "Ġa ▁b⟨U+202E⟩↵"


def test_every_byte_has_its_own_character() -> None:
    """GPT-2's table: 256 characters for 256 bytes, the space being Ġ."""
    table = text._byte_characters()
    assert sorted(table.values()) == list(range(256))
    assert (table["Ġ"], table["Ċ"], table["!"]) == (32, 10, 33)


@pytest.mark.parametrize(
    "hostile", ["*a*", "`a`", "$x$", ":red[x]", "<b>", "[a](b)", ":smile:", "# a", "a_b_c", "~~a~~"]
)
def test_escape_markdown_leaves_no_bare_markup(hostile: str) -> None:
    escaped = text.escape_markdown(hostile)
    plain = escaped.replace("\\", "").replace("\u2060", "")
    assert plain == hostile
    assert escaped != hostile


def test_plotly_label_is_escaped() -> None:
    assert text.plotly_label("<b>&") == "\u2068&lt;b&gt;&amp;\u2069"
