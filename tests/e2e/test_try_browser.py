"""The page Try it in a browser: a model is made, writes, draws; a link, a reload, the way back, a narrow window."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.e2e.settled import settle, visit
from tests.services.tiny_files import build_tiny_files
from wechsel_core.services.initialise import initialise

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

HOSTILE = "<script>alert(1)</script> $x$ :red[x] </div><img src=x onerror=alert(1)> بيت \u202e e\u0301"


@pytest.fixture
def tiny(app_home: Path, tmp_path: Path) -> Iterator[str]:
    """A result of a tiny causal model in the server's home, with its model."""
    folder = app_home / "results" / "tiny-try"
    initialise(build_tiny_files(tmp_path).config("gpt2"), folder)
    yield folder.name
    shutil.rmtree(folder)


def test_from_drawing_to_a_link_and_back(page: Page, app_url: str, tiny: str) -> None:
    from playwright.sync_api import expect

    page.set_default_timeout(240_000)  # the first visitor of a server waits for torch
    visit(page, f"{app_url}/try_it?result={tiny}&text=chat%20chien&new_tokens=4")
    assert page.get_by_text("Page not found").count() == 0
    text = page.get_by_test_id("stHtml").first
    expect(text).to_contain_text("chat chien")
    likeliest = text.inner_text()
    page.get_by_test_id("stButtonGroup").get_by_text("Drawn", exact=True).click()
    expect(page).to_have_url(re.compile("drawn=True"))
    settle(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("11")
    seed.press("Enter")
    expect(page).to_have_url(re.compile("seed=11"))
    settle(page)
    drawn = text.inner_text()
    page.reload()
    settle(page)
    assert text.inner_text() == drawn != likeliest
    page.go_back()
    expect(page).not_to_have_url(re.compile("seed="))
    page.go_back()
    expect(page).not_to_have_url(re.compile("drawn="))
    settle(page)
    assert text.inner_text() == likeliest
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "continuation-before.csv"
    assert download.value.path().read_text("utf-8").startswith("place,id,token,text,written,probability\n1,")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_window_and_hostile_text(page: Page, app_url: str, tiny: str, scheme: str) -> None:
    page.on("dialog", lambda _: pytest.fail("a text ran as a script"))
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    for text in (HOSTILE, HOSTILE[:20]):
        visit(page, f"{app_url}/try_it?result={tiny}&text={quote(text)}&new_tokens=2&drawn=True")
        main = page.get_by_test_id("stMain")
        assert main.locator("script, .katex, img[src='x']").count() == 0
        assert "\u202e" not in main.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert main.evaluate("main => main.scrollWidth <= main.clientWidth")


def test_the_examples_model_is_made(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/try_it?result=pocket-gpt2-fr")
    page.get_by_role("button", name="Make its model").click()
    expect(page.get_by_test_id("stHtml").first).to_contain_text("Cliquez sur le bouton pour", timeout=240_000)
    settle(page)
    expect(page.get_by_text("have left their curves, not their weights")).to_be_visible()
    page.get_by_role("link", name="Train this result").click()
    expect(page).to_have_url(re.compile(r"/pretraining\?result=pocket-gpt2-fr"))
