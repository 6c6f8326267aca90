"""How long the app takes to answer, as a browser sees it, with the example and with a vocabulary of GPT-2's size.

Run by ``make budget`` on an idle machine of two cores, by itself: beside other tests a browser that draws without a GPU
may stand still for minutes. Without ``WECHSEL_QUIET=1`` ten times the budget is allowed, enough to find a page that reads
everything again at every gesture.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.server import Server, running_app
from tests.e2e.settled import answer_seconds, settle
from tests.pages.big_result import write_big_result

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.budget]

FIRST_PAGE, GESTURE, PAGE_CHANGE, UMAP_FIRST, UMAP_CACHED = 3.0, 0.3, 1.5, 20.0, 1.0  # seconds
ALLOWED = 1 if os.environ.get("WECHSEL_QUIET") else 10
EXAMPLE, BIG = "pocket-gpt2-fr", "big"
RESULTS = pytest.mark.parametrize("result", [EXAMPLE, BIG])
#: Words that are searched one after another; the synthetic result has tokens of the same letters.
WORDS = ["fichier", "nom", "page", "ent", "re"]

Measure = Callable[[str, float, list[float]], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, so that its first page is really the first."""
    home = tmp_path_factory.mktemp("budget-home")
    write_big_result(home / "results" / BIG)
    with running_app(home, tmp_path_factory.mktemp("budget") / "server.log") as running:
        yield running


@pytest.fixture
def measure(record_property: Callable[[str, object], None]) -> Measure:
    """Record the seconds of one kind of gesture and hold their median against the budget."""

    def check(name: str, budget: float, seconds: list[float]) -> None:
        median = statistics.median(seconds)
        record_property(name, [round(second, 3) for second in seconds])
        if kept := os.environ.get("WECHSEL_BUDGET_FILE"):
            line = {"name": name, "budget": budget, "median": median, "least": min(seconds), "most": max(seconds)}
            with Path(kept).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        assert median < budget * ALLOWED, f"{name}: {seconds}"

    return check


def test_first_page(server: Server, page: Page, measure: Measure) -> None:
    from playwright.sync_api import expect

    page.goto(server.url)
    expect(page.get_by_role("heading", name="WECHSEL Lab")).to_be_visible()
    settle(page)
    # By the browser's clock, which starts with the visit: to wait for a still page is not part of it.
    seconds = page.evaluate("() => Math.max(window.lab.changed, window.lab.drawn) / 1000")
    measure("first page", FIRST_PAGE, [seconds])


@RESULTS
def test_search(server: Server, page: Page, measure: Measure, result: str) -> None:
    page.goto(f"{server.url}/neighbours?result={result}")
    settle(page)
    field = page.get_by_test_id("stTextInput").filter(has_text="Search").locator("input").first

    def search(word: str) -> None:
        field.fill(word)
        field.press("Enter")

    measure(f"search, {result}", GESTURE, [answer_seconds(page, lambda word=word: search(word)) for word in WORDS])


@RESULTS
def test_dial(server: Server, page: Page, measure: Measure, result: str) -> None:
    page.goto(f"{server.url}/neighbours?result={result}")
    settle(page)
    handle = page.get_by_test_id("stSlider").filter(has_text="Neighbours mixed").get_by_role("slider")
    handle.focus()
    # The first move works out the weights of all tokens' new mixtures as every other one does.
    seconds = [answer_seconds(page, lambda: page.keyboard.press("ArrowRight")) for _ in WORDS]
    measure(f"dial, {result}", GESTURE, seconds)


@RESULTS
def test_page_change(server: Server, page: Page, measure: Measure, result: str) -> None:
    from playwright.sync_api import expect

    seconds = []
    page.goto(f"{server.url}/neighbours?result={result}")
    settle(page)
    # The synthetic result comes without a tokenizer, which is what a sentence needs.
    pages = ["Map", "Compare", "Health", "Initialise", "Overview", *(["Sentence"] if result == EXAMPLE else [])]
    # Once round to load what each page needs, once to measure.
    for measured in (False, True):
        for name in (*pages, "Neighbours"):
            taken = answer_seconds(page, page.get_by_role("link", name=name, exact=True).click)
            title = "WECHSEL Lab" if name == "Overview" else name
            expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
            if measured:
                seconds.append(taken)
    measure(f"page change, {result}", PAGE_CHANGE, seconds)


@RESULTS
def test_umap(server: Server, page: Page, measure: Measure, result: str) -> None:
    page.set_default_timeout(300_000)
    address = f"{server.url}/map?result={result}&space=model" if result == EXAMPLE else f"{server.url}/map?result={BIG}"
    page.goto(address)
    settle(page)
    choice = page.get_by_text("UMAP", exact=True).first
    first = answer_seconds(page, choice.click)
    measure(f"umap, first time, {result}", UMAP_FIRST, [first])
    again = []
    for _ in range(3):
        answer_seconds(page, page.get_by_text("PCA", exact=True).first.click)
        again.append(answer_seconds(page, choice.click))
    measure(f"umap, from the cache, {result}", UMAP_CACHED, again)
