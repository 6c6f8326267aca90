"""Every page in a narrow window and in the dark: a link, a real gesture, reload, a second browser, the way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.settled import answer_seconds, settle, visit
from tests.e2e.test_map_browser import alone, drag, drawn, marked, tool
from tests.pages.tiny_result import write_tiny_result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

EXAMPLE = "pocket-gpt2-fr"
NARROW = {"width": 420, "height": 900}


@dataclass(frozen=True)
class Flow:
    """A page by its link, what a person does there, what the address then says, and what the page shows of it."""

    address: str
    gesture: Callable[[Page], None]
    changed: str
    shows: Callable[[Page], str]


def slide(label: str, key: str = "ArrowRight") -> Callable[[Page], None]:
    """Move a slider by the keyboard."""

    def move(page: Page) -> None:
        page.get_by_test_id("stSlider").filter(has_text=label).get_by_role("slider").first.press(key)

    return move


def metric(label: str) -> Callable[[Page], str]:
    return lambda page: page.get_by_test_id("stMetric").filter(has_text=label).first.inner_text()


def box(page: Page) -> None:
    """A box around a point of the second figure, which lies below the first one here."""
    drawn(page)
    x, y, _ = alone(page, 1)
    tool(page, 1, "Box Select")
    drag(page, (x - 15, y - 15), (x + 10, y + 15))


def lasso(page: Page) -> None:
    drawn(page)
    x, y, _ = alone(page, 0)
    tool(page, 0, "Lasso Select")
    drag(page, (x - 15, y), (x, y - 15), (x + 15, y), (x, y + 15), (x - 15, y + 2))


def selection(page: Page) -> str:
    drawn(page)
    return " ".join(sorted(marked(page, 0)))


def choose_other(page: Page) -> None:
    page.get_by_role("combobox", name="Result").click()
    page.get_by_role("option", name="example").first.click()


FLOWS = {
    "overview": Flow(
        "",
        lambda page: page.get_by_role("link", name="3. One rotation").click(),
        r"/map\?.*tour=3",
        lambda page: page.get_by_text("Tour, stop 3 of").inner_text(),
    ),
    "initialise": Flow(
        "initialise?target_language=de",
        slide("Neighbors"),
        r"neighbors=11",
        lambda page: page.get_by_test_id("stCode").first.inner_text(),
    ),
    "neighbours": Flow(
        f"neighbours?result={EXAMPLE}&q=supprimer",
        slide("Neighbours mixed", "ArrowLeft"),
        r"[?&]k=9\b",
        metric("Effective neighbours"),
    ),
    "box": Flow(f"map?result={EXAMPLE}&n=1000", box, r"[?&]sel=", selection),
    "lasso": Flow(f"map?result={EXAMPLE}&n=1000&colour=script", lasso, r"[?&]sel=", selection),
    "sentence": Flow(
        f"sentence?result={EXAMPLE}&text=Le%20fichier", slide("Temperature"), r"tau=", metric("Bits per byte")
    ),
    "compare": Flow(
        f"compare?a={EXAMPLE}&b=reweighted&tau=1",
        slide("Temperature", "ArrowLeft"),
        r"tau=0\.",
        lambda page: page.get_by_text("tokens of the shared tokenizer").inner_text(),
    ),
    "try_it": Flow(
        "try_it?result=tiny",
        choose_other,
        rf"result={EXAMPLE}",
        lambda page: page.get_by_test_id("stSelectbox").first.inner_text(),
    ),
    "health": Flow("health?result=tiny", choose_other, rf"result={EXAMPLE}", metric("Held-out P@1")),
}


@pytest.fixture
def tiny(app_home: Path) -> Iterator[Path]:
    folder = write_tiny_result(app_home / "results" / "tiny")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", FLOWS)
def test_flow(browser: Browser, app_url: str, tiny: Path, tmp_path: Path, name: str) -> None:
    from playwright.sync_api import expect

    flow = FLOWS[name]
    look = {"viewport": NARROW, "color_scheme": "dark"}
    with browser.new_context(**look) as context, browser.new_context(**look) as colleague:
        for one in (context, colleague):
            one.set_default_timeout(120_000)
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        visit(page, f"{app_url}/{flow.address}")
        before = page.url
        answer_seconds(page, lambda: flow.gesture(page))
        expect(page).to_have_url(re.compile(flow.changed))
        after, shown = page.url, flow.shows(page)
        assert shown
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        for element in ("document.documentElement", "document.querySelector('[data-testid=stMain]')"):
            assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth")
        page.reload()
        settle(page)
        assert (page.url, flow.shows(page)) == (after, shown)
        visitor = colleague.new_page()
        visit(visitor, after)
        assert flow.shows(visitor) == shown
        page.go_back()
        expect(page).to_have_url(before)
        settle(page)
        assert not errors and page.get_by_test_id("stException").count() == 0
