"""The neighbours page where only a browser can tell: clicks, the back button, hostile tokens, a narrow window."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.settled import settle, visit
from tests.pages.tiny_result import TARGET, write_tiny_result

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

#: Script, LaTeX, colour directive, icon: what a page could interpret.
HOSTILE = [
    next(place for place, (_, text, _) in enumerate(TARGET) if mark in text) for mark in ("<s", "$", ":red", "**")
]
#: Where the check box of a table's first row is, and how far apart rows are, in pixels.
FIRST_ROW, ROW = (20, 52), 35


@pytest.fixture
def result(app_home: Path) -> Iterator[str]:
    """A tiny result with hostile tokens in the server's home."""
    folder = write_tiny_result(app_home / "results" / "tiny")
    yield folder.name
    shutil.rmtree(folder)


def test_click_and_back(page: Page, app_url: str, result: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/neighbours?result={result}&token=1")
    readable = page.get_by_test_id("stCode").first
    expect(readable).to_contain_text("␣Haus")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": FIRST_ROW[0], "y": FIRST_ROW[1] + 2 * ROW})
    expect(page).to_have_url(re.compile(r"token=2"))
    expect(readable).to_contain_text("␣Garten")
    page.go_back()
    expect(page).to_have_url(re.compile(r"token=1"))
    expect(readable).to_contain_text("␣Haus")
    page.reload()
    expect(readable).to_contain_text("␣Haus")


def test_search_resends_its_part_alone(page: Page, app_url: str, result: str) -> None:
    """Table and token, not dials, figure of all tokens or reverse lookup; and the page knows it when one comes back."""
    from playwright.sync_api import expect

    frames: list[bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(data)))
    visit(page, f"{app_url}/neighbours?result={result}&token=1")
    frames.clear()
    search = page.get_by_test_id("stTextInput").filter(has_text="Search a token").get_by_role("searchbox")
    search.fill("garten")
    search.press("Enter")
    readable = page.get_by_test_id("stCode").first
    expect(readable).to_contain_text("␣Garten")
    settle(page)
    kinds = [element.WhichOneof("type") for element in elements(frames)]
    assert {"dataframe", "code"} <= set(kinds)
    assert [element.slider.label for element in elements(frames) if element.HasField("slider")] == ["Neighbours shown"]
    assert kinds.count("vega_lite_chart") == 1

    search.fill("a")
    search.press("Enter")
    table = page.get_by_test_id("stDataFrame").first
    expect(page.get_by_text(re.compile("^[2-9] tokens"))).to_be_visible()
    settle(page)
    table.click(position={"x": FIRST_ROW[0], "y": FIRST_ROW[1] + ROW})
    expect(page).to_have_url(re.compile(r"token=(?!2\b)"))
    settle(page)
    opened = page.get_by_text(re.compile(r"^Token \d+ as stored$")).inner_text()
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.get_by_role("heading", name="Map", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Neighbours", exact=True).click()
    expect(page.get_by_text(opened)).to_be_visible()
    expect(search).to_have_value("a")


def elements(frames: list[bytes]) -> list[Any]:
    """The elements that a server has sent."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    deltas = [message.delta for message in map(ForwardMsg.FromString, frames) if message.HasField("delta")]
    return [delta.new_element for delta in deltas if delta.HasField("new_element")]


def test_dials_are_dragged_and_undone(page: Page, app_url: str, result: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/neighbours?result={result}&token=1")
    effective = page.get_by_test_id("stMetric").filter(has_text="Effective neighbours")
    expect(effective).to_contain_text("2.10")
    before = query(page)
    slider = page.get_by_test_id("stSlider").filter(has_text="Neighbours mixed").get_by_role("slider")
    drag(page, slider, -400)
    expect(page).to_have_url(re.compile(r"[?&]k=1\b"))
    expect(effective).to_contain_text("1.00")
    tau = page.get_by_test_id("stSlider").filter(has_text="Temperature").get_by_role("slider")
    tau.focus()
    tau.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"tau=0\.11"))
    at_both = query(page)

    page.reload()
    expect(effective).to_contain_text("1.00")
    assert query(page) == at_both
    with page.context.browser.new_context() as second:  # a colleague opens the link
        visitor = second.new_page()
        visit(visitor, page.url)
        expect(visitor.get_by_test_id("stMetric").filter(has_text="Effective neighbours")).to_contain_text("1.00")

    page.go_back()
    expect(page).not_to_have_url(re.compile("tau="))
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page).not_to_have_url(re.compile(r"[?&]k="))
    expect(effective).to_contain_text("2.10")
    assert query(page) == before


def test_regular_expression_and_filter(page: Page, app_url: str, result: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/neighbours?result={result}")
    page.get_by_test_id("stCheckbox").filter(has_text="Regex").locator("label").first.click()
    expect(page).to_have_url(re.compile("regex=True"))
    search = page.get_by_test_id("stTextInput").filter(has_text="Search a token").get_by_role("searchbox")
    search.fill("^ (haus|garten)$")
    search.press("Enter")
    expect(page.get_by_text("2 tokens.")).to_be_visible()
    search.fill("(")
    search.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text("no regular expression")
    page.go_back()
    expect(page.get_by_text("2 tokens.")).to_be_visible()


def query(page: Page) -> dict[str, list[str]]:
    """The query of the page's address."""
    return parse_qs(urlsplit(page.url).query)


def drag(page: Page, thumb: Locator, distance: int) -> None:
    """Drag a slider's thumb sideways with the mouse."""
    thumb.scroll_into_view_if_needed()
    box = thumb.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + distance / 2, y, steps=4)
    page.mouse.move(x + distance, y, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("token", HOSTILE)
def test_hostile_tokens_run_nothing(page: Page, app_url: str, result: str, token: int) -> None:
    from playwright.sync_api import expect

    page.on("dialog", lambda _: pytest.fail("a token ran as a script"))
    visit(page, f"{app_url}/neighbours?result={result}&token={token}&english=%3Cscript%3E")
    expect(page.get_by_text(f"Token {token} as stored")).to_be_visible()
    expect(page.get_by_role("heading", name="The other way round")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").last).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.locator("script, .katex").count() == 0


def test_hostile_address_is_shown_as_text(page: Page, app_url: str, result: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/neighbours?result={result}&token=:material/home:%20$x$%20:red[y]%20%3Cb%3Ez")
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("$x$")
    words = (alert.text_content() or "").replace("\u2060", "")
    assert ":material/home: $x$ :red[y] <b>z" in words


def test_narrow_window_has_no_sideways_scroll(
    page: Page, app_url: str, result: str, screenshot: Callable[[str], Path]
) -> None:
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 360, "height": 740})
    for name in ("", "initialise", f"neighbours?result={result}&token=1&english=house"):
        visit(page, f"{app_url}/{name}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        screenshot(name.split("?")[0] or "overview")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")
