"""A first visit, as a person makes it: choose a language, initialise, search a token, read its neighbours, reload."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.server import running_app
from tests.e2e.settled import settle, visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

INITIALISE_MILLISECONDS = 300_000
WORD, TOKEN, NEIGHBOUR = "Sprache", "␣Sprache", "␣language"


@pytest.fixture
def app_home(tmp_path: Path) -> Path:
    """A home that nobody has used: the visit is the first."""
    return tmp_path / "home"


@pytest.fixture
def app_url(app_home: Path, tmp_path: Path) -> Iterator[str]:
    with running_app(app_home, tmp_path / "server.log") as server:
        yield server.url


def widget(page: Page, kind: str, label: str):
    """The input of a widget by its label."""
    return page.get_by_test_id(kind).filter(has_text=label).locator("input")


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a selectbox by a part of its text."""
    box = widget(page, "stSelectbox", label)
    box.click()
    box.fill(option)
    page.get_by_role("option").filter(has_text=option).first.click()


def query(page: Page) -> dict[str, str]:
    """The query of the page's address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def check_neighbours(page: Page) -> list[str]:
    """The neighbours page shows the word's token; returns the chart's labels."""
    from playwright.sync_api import expect

    expect(widget(page, "stTextInput", "Search a token")).to_have_value(WORD)
    expect(page.get_by_test_id("stCode").first).to_contain_text(TOKEN)
    expect(page.get_by_text("Mixed: the new row")).to_be_visible()
    labels = page.get_by_test_id("stVegaLiteChart").last.locator(".role-axis-label")
    expect(labels.get_by_text(NEIGHBOUR, exact=True)).to_be_visible()
    settle(page)
    return labels.locator("text").all_text_contents()


def test_first_visit(page: Page, app_url: str, app_home: Path, screenshot: Callable[[str], Path]) -> None:
    from playwright.sync_api import expect

    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url) else None)

    # The very first visit to a server may be a deep link: it too stands in the app's navigation.
    visit(page, f"{app_url}/neighbours?result=gone")
    expect(page.get_by_text("There is no result gone")).to_be_visible()
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("heading", name="WECHSEL Lab")).to_be_visible()
    expect(page.get_by_role("link", name="example, came with the lab")).to_be_visible()
    screenshot("overview")
    page.get_by_role("link", name="Initialise a model").click()

    choose(page, "Target language", "German")
    expect(page).to_have_url(re.compile(r"target_language=de"))
    expect(page.get_by_test_id("stCode").first).to_contain_text("--target-language de")
    page.get_by_role("button", name="Initialise", exact=True).click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=INITIALISE_MILLISECONDS)
    screenshot("initialised")
    assert [folder for folder in (app_home / "results").iterdir() if (folder / "wechsel.json").is_file()]

    page.get_by_role("link", name="See which English tokens").click()
    search = widget(page, "stTextInput", "Search a token")
    search.fill(WORD)
    search.press("Enter")
    expect(page).to_have_url(re.compile(rf"q={WORD}.*token=\d+|token=\d+.*q={WORD}"))
    neighbours = check_neighbours(page)
    screenshot("neighbours")
    before = query(page)

    page.reload()
    assert check_neighbours(page) == neighbours
    assert query(page) == before

    # By the side bar to another page and back: the page still shows the same.
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Recent results")).to_be_visible()
    page.get_by_role("link", name="Neighbours", exact=True).click()
    assert check_neighbours(page) == neighbours
    assert query(page) == before
    assert not elsewhere


def test_cancelled_initialisation_leaves_nothing(page: Page, app_url: str, app_home: Path) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/initialise?target_language=sw&seed=7")
    start = page.get_by_role("button", name="Initialise", exact=True)
    start.click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(start).to_be_enabled()
    settle(page)
    assert page.get_by_role("heading", name="Result", exact=True).count() == 0
    assert page.get_by_test_id("stException").count() == 0
    made = app_home / "results"
    assert not made.exists() or [folder for folder in made.iterdir() if "sw" in folder.name] == []


def is_elsewhere(url: str) -> bool:
    """Whether a request leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost")
