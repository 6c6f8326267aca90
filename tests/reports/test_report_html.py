"""The report as HTML: whole by itself, everything escaped, nothing that runs or is fetched."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.pages.tiny_result import write_tiny_result
from wechsel_core.reports.health import health_report
from wechsel_core.reports.html import html_page
from wechsel_core.reports.plain import plain_text
from wechsel_core.reports.record import Details, Finding, HealthReport, Section

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></table>", "a\nb\t\x00", "\u202eabc", "\ud800",
    " the", "&amp;", "\u0301", "\u200b", "{{7*7}}", "javascript:alert(1)",
]  # fmt: skip
VOID = {"meta", "br", "img"}


class Tags(HTMLParser):
    """Collects tags and text, and checks that every tag is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


@pytest.fixture
def report(tmp_path: Path) -> HealthReport:
    return health_report(write_tiny_result(tmp_path / "tiny"))


def with_tokens(report: HealthReport, tokens: list[str]) -> HealthReport:
    details = Details("hubs", tokens[0], {tokens[1]: "token", "N": "tokens"}, tuple((t, 3) for t in tokens), "N")
    finding = Finding("x", tokens[0], 1.0, "number", "poor", tokens[1], tokens[2], tokens[3], (0.0, 2.0), (details,))
    section = Section("s", tokens[0], (finding,))
    return dataclasses.replace(
        report,
        result=tokens[0],
        created=tokens[1],
        config={"source": tokens[0]},
        verdict=tokens[1],
        sections=(section,),
    )


def test_needs_nothing_from_elsewhere(report: HealthReport) -> None:
    page = html_page(report)
    tags = parsed(page)
    assert tags.seen.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not any(name in ("src", "href") or name.startswith("on") for name, _ in tags.attributes)
    assert "url(" not in page and "@import" not in page and "http" not in page


def test_shows_every_finding(report: HealthReport) -> None:
    text = parsed(html_page(report)).text
    for finding in report.findings():
        for words in (finding.title, finding.meaning, finding.thresholds, finding.advice):
            assert words in text
    assert report.verdict in text


def test_hostile_text_is_text(report: HealthReport) -> None:
    page = html_page(with_tokens(report, HOSTILE))
    tags = parsed(page)
    plain = parsed(html_page(report))
    assert tags.seen <= plain.seen | {"details", "summary", "bdi"}
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in tags.attributes)
    assert "<script>alert(1)</script>" in tags.text and "&amp;" in tags.text
    assert "⟨U+202E⟩abc" in tags.text and "⟨U+0000⟩" in tags.text and "⟨U+D800⟩" in tags.text and "␣the" in tags.text
    page.encode("utf-8")


def test_a_share_of_everything_is_the_full_bar(report: HealthReport) -> None:
    """Shares are drawn to 100%, so that small ones look small; counts to the largest."""
    rows = (("a", 0.25, 10), ("b", 0.5, 5))
    columns = {"Name": "text", "Share": "share", "Count": "tokens"}

    def widths(bar: str) -> list[str]:
        details = Details("d", "", columns, rows, bar)  # type: ignore[arg-type]
        finding = Finding("x", "X", 1.0, "number", "good", "", "", "", details=(details,))
        page = html_page(dataclasses.replace(report, sections=(Section("s", "S", (finding,)),)))
        return re.findall(r"width:([\d.]+)%\"", page)

    assert widths("Share") == ["25.0", "50.0"]
    assert widths("Count") == ["100.0", "50.0"]


def test_states_have_words_beside_their_colour(report: HealthReport) -> None:
    text = parsed(html_page(report)).text
    assert "Good" in text and "Not judged" in text and "Overall:" in text


def test_plain_text_advises_on_what_is_not_good(report: HealthReport) -> None:
    lines = plain_text(report)
    assert lines.splitlines()[0].startswith("tiny: ")
    for finding in report.findings():
        assert finding.title in lines
        told = " ".join(lines.split())
        assert (finding.advice in told) == (finding.state in ("fair", "poor")) or finding.advice in report.verdict
