"""The guided tour as a class takes it: from the overview through every stop by the banner's links, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.settled import settle, visit
from ui.tour import STOPS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_tour(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    visit(page, app_url)
    page.get_by_role("link", name=f"1. {STOPS[0].title}").click()
    for number, stop in enumerate(STOPS, 1):
        expect(page.get_by_text(f"Tour, stop {number} of {len(STOPS)}: {stop.title}")).to_be_visible()
        address = stop.page.removeprefix("pages/").removesuffix(".py")
        expect(page.get_by_role("heading", name=address.capitalize(), exact=True).first).to_be_visible()
        settle(page)
        assert page.get_by_test_id("stException").count() == 0 and page.get_by_test_id("stAlert").count() == 0
        if number < len(STOPS):
            page.get_by_role("link", name=f"Next: {STOPS[number].title}").click()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_text(f"Tour, stop {len(STOPS) - 1} of")).to_be_visible()
    page.get_by_role("link", name="End the tour").click()
    expect(page.get_by_role("heading", name="WECHSEL Lab")).to_be_visible()
    expect(page.get_by_text("Tour, stop")).to_have_count(0)
