"""Health and Compare where only a browser can tell: clicks, the back button, reload, downloads, a narrow window."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.settled import visit
from tests.pages.tiny_result import write_tiny_result
from wechsel_core.config import InitConfig

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

#: Where the check box of a table's first row is, and how far apart rows are, in pixels.
FIRST_ROW, ROW = (20, 52), 35


@pytest.fixture
def results(app_home: Path) -> Iterator[tuple[str, str]]:
    """Two tiny results with hostile tokens in the server's home."""
    folders = [
        write_tiny_result(app_home / "results" / "tiny-a"),
        write_tiny_result(app_home / "results" / "tiny-b", InitConfig(target_language="fr", neighbors=2)),
    ]
    yield folders[0].name, folders[1].name
    for folder in folders:
        shutil.rmtree(folder)


def test_health_report_is_read_and_taken_home(page: Page, app_url: str, results: tuple[str, str]) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/health?result={results[0]}")
    expect(page.get_by_role("heading", name="Coverage by frequency")).to_be_visible()
    expect(page.get_by_test_id("stAlert").first).to_contain_text("Start with")
    with page.expect_download() as taken:
        page.get_by_role("button", name="HTML report").click()
    content = Path(taken.value.path()).read_text("utf-8")
    assert taken.value.suggested_filename == f"{results[0]}-health.html"
    assert "&lt;script&gt;" in content and "<script" not in content
    assert page.get_by_test_id("stMain").locator("script, .katex").count() == 0


def test_html_report_opens_without_a_server(page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    from wechsel_core.services import report

    target = tmp_path / "report.html"
    report.write_html(report.health_report_in(write_tiny_result(tmp_path / "tiny")), target)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 360, "height": 740})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(target.as_uri())
        expect(page.get_by_role("heading", name="Health of tiny")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert set(asked) == {target.as_uri()}


def test_health_of_another_result_and_back(page: Page, app_url: str, results: tuple[str, str]) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/health?result={results[0]}")
    skewness = page.get_by_text("In how many lists of k = 10")
    expect(skewness).to_be_visible()
    page.get_by_role("combobox", name="Result").click()
    page.get_by_role("option", name="k 2").first.click()
    expect(page).to_have_url(re.compile(f"result={results[1]}"))
    expect(page.get_by_text("In how many lists of k = 2")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(f"result={results[0]}"))
    expect(skewness).to_be_visible()


def test_compare_click_back_and_reload(page: Page, app_url: str, results: tuple[str, str]) -> None:
    from playwright.sync_api import expect

    page.on("dialog", lambda _: pytest.fail("a token ran as a script"))
    visit(page, f"{app_url}/compare?a={results[0]}&b={results[1]}&token=2")
    readable = page.get_by_test_id("stCode").first
    expect(readable).to_contain_text("␣Garten")
    table = page.get_by_test_id("stDataFrame").nth(1)
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": FIRST_ROW[0], "y": FIRST_ROW[1]})
    expect(page).to_have_url(re.compile(r"token=1$|token=1&"))
    expect(readable).to_contain_text("␣Haus")
    page.go_back()
    expect(page).to_have_url(re.compile(r"token=2"))
    expect(readable).to_contain_text("␣Garten")
    page.reload()
    expect(readable).to_contain_text("␣Garten")


def test_compare_turns_tau_of_one_result(page: Page, app_url: str, results: tuple[str, str]) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/compare?a={results[0]}&b=reweighted&tau=1")
    caption = page.get_by_text("tokens of the shared tokenizer")
    expect(caption).to_be_visible()
    before = caption.text_content()
    dial = page.get_by_role("slider", name="Temperature")
    dial.focus()
    for _ in range(5):
        dial.press("ArrowRight")
    expect(page).not_to_have_url(re.compile(r"tau=1$"))
    expect(caption).not_to_have_text(before or "")


def test_narrow_window_has_no_sideways_scroll(
    page: Page, app_url: str, results: tuple[str, str], screenshot: Callable[[str], Path]
) -> None:
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 360, "height": 740})
    for name in (f"health?result={results[0]}", f"compare?a={results[0]}&b={results[1]}&token=1"):
        visit(page, f"{app_url}/{name}")
        expect(page.get_by_test_id("stHeading").nth(2)).to_be_visible()
        page.wait_for_load_state("networkidle")
        screenshot(name.split("?")[0])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")
