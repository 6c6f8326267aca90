"""A picture of every page, light and dark, wide and narrow: each must show its title and no error.

``make pictures`` keeps them in docs/pictures for people to look at; a plain run leaves them in the test's folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.settled import settle, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

KEPT = Path(__file__).parents[2] / "docs" / "pictures"
EXAMPLE = "result=pocket-gpt2-fr"
#: Page, its address, and its title.
PAGES = [
    ("overview", "", "WECHSEL Lab"),  # its address is that of the app
    ("initialise", "initialise?target_language=de", "Initialise"),
    ("neighbours", f"neighbours?{EXAMPLE}&q=supprimer", "Neighbours"),
    ("map", f"map?{EXAMPLE}", "Map"),
    ("sentence", f"sentence?{EXAMPLE}", "Sentence"),
    ("try_it", f"try_it?{EXAMPLE}", "Try it"),
    ("health", f"health?{EXAMPLE}", "Health"),
    ("compare", "compare?a=pocket-gpt2-fr&b=reweighted&tau=1", "Compare"),
    ("pretraining", f"pretraining?{EXAMPLE}", "Pretraining"),
    ("runs", "runs", "Runs"),
    ("curves", "curves", "Curves"),
    ("race", "race?race=race-roberta-fr", "Race"),
]
WIDE, NARROW = {"width": 1360, "height": 900}, {"width": 420, "height": 900}
#: The last one is looked at by the test alone: three pictures of a page are enough to keep.
LOOKS = [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)]


@pytest.mark.parametrize("scheme,size", LOOKS, ids=["light", "dark", "narrow", "narrow-dark"])
@pytest.mark.parametrize("name,address,title", PAGES, ids=[page[0] for page in PAGES])
def test_picture(
    browser: Browser, app_url: str, tmp_path: Path, name: str, address: str, title: str, scheme: str, size: dict
) -> None:
    from playwright.sync_api import expect

    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        context.set_default_timeout(120_000)
        page = context.new_page()
        visit(page, f"{app_url}/{address}")
        expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
        settle(page)
        assert page.get_by_test_id("stException").count() == 0 and page.get_by_text("Page not found").count() == 0
        # A page wider than its window has to be pushed sideways on a telephone.
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} pixels wider than the window"
        page.wait_for_timeout(500)  # tables draw on a canvas a moment after the script has run
        look = scheme if size == WIDE else "narrow" if scheme == "light" else "narrow-dark"
        kept = os.environ.get("WECHSEL_KEEP_PICTURES") and look != "narrow-dark"
        folder = KEPT if kept else tmp_path
        folder.mkdir(exist_ok=True)
        picture = page.screenshot(path=folder / f"{name}-{look}.png", full_page=not kept)
        assert len(picture) > 10_000
