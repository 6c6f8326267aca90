"""The sentence page in a browser: typing, picking, dials, hostile text, a narrow window."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.e2e.settled import settle, visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

EXAMPLE = "pocket-gpt2-fr"
HOSTILE = '<script>alert(1)</script> $x$ :red[x] </div><img src=x onerror=alert(1)> بيت \u202e e\u0301 🙂 "onload='


def test_sentence_from_typing_to_a_link(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    visit(page, f"{app_url}/sentence?result={EXAMPLE}")
    # Nothing stands under a heading that has not been worked out: the loss comes last.
    loss = page.get_by_test_id("stMetric").filter(has_text="Bits per byte")
    expect(loss).to_be_visible()
    field = page.get_by_test_id("stTextInput").filter(has_text="Sentence").get_by_role("textbox")
    field.fill("Le fichier")
    field.press("Enter")
    expect(page).to_have_url(re.compile("text=Le"))
    target, english, gloss = (page.get_by_test_id("stHtml").nth(place) for place in range(3))
    expect(target.get_by_role("listitem")).to_have_count(2)
    expect(gloss).to_contain_text("␣file")
    assert english.get_by_role("listitem").count() > 2
    settle(page)
    before = loss.inner_text()

    tau = page.get_by_test_id("stSlider").filter(has_text="Temperature").get_by_role("slider")
    tau.focus()
    for _ in range(5):
        tau.press("ArrowLeft")
    expect(loss).to_contain_text("by the dials")
    settle(page)
    changed = loss.inner_text()
    assert changed != before
    page.reload()
    settle(page)
    assert loss.inner_text() == changed
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(loss).not_to_contain_text("by the dials")
    settle(page)
    assert loss.inner_text() == before

    page.get_by_test_id("stSelectbox").filter(has_text="Examples").get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile("^Les enfants")).click()
    expect(field).to_have_value(re.compile("^Les enfants"))
    expect(gloss).to_contain_text("␣enf")
    page.go_back()
    expect(field).to_have_value("Le fichier")
    expect(target.get_by_role("listitem")).to_have_count(2)


def test_hostile_sentence_is_text(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    page.on("dialog", lambda _: pytest.fail("a sentence ran as a script"))
    visit(page, f"{app_url}/sentence?result={EXAMPLE}&text={quote(HOSTILE)}")
    expect(page.get_by_test_id("stMetric").filter(has_text="Bits per byte")).to_be_visible()
    settle(page)
    main = page.get_by_test_id("stMain")
    assert main.locator("script, .katex, img[src='x']").count() == 0
    written = page.get_by_test_id("stHtml").nth(1).inner_text()
    assert "⟨F0⟩" in written
    assert "\u202e" not in written


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_window_has_no_sideways_scroll(
    page: Page, app_url: str, screenshot: Callable[[str], Path], scheme: str
) -> None:
    from playwright.sync_api import expect

    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    visit(page, f"{app_url}/sentence?result={EXAMPLE}&text={quote('anticonstitutionnellement ' + 'x' * 120)}")
    expect(page.get_by_test_id("stMetric").filter(has_text="Bits per byte")).to_be_visible()
    settle(page)
    screenshot(f"sentence-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")
