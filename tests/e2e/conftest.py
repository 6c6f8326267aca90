"""A real server on a free loopback port with a home of its own, and a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.server import running_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-dev-shm-usage",
]
WAIT_MILLISECONDS = 60_000


@pytest.fixture(scope="session")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's ``WECHSEL_HOME``, empty at first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def app_url(app_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running server; it is stopped at the end."""
    with running_app(app_home, tmp_path_factory.mktemp("server") / "server.log") as server:
        yield server.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        missing = f"no browser at {CHROMIUM}: install Debian's package chromium"
        if os.environ.get("WECHSEL_NEED_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)
    sync_api.expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page that fails the test if a script of it throws."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, accept_downloads=True)
    context.set_default_timeout(WAIT_MILLISECONDS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors


@pytest.fixture
def screenshot(page: Page, tmp_path: Path) -> Callable[[str], Path]:
    """Save what the page shows below the test's temporary folder; returns the file."""

    def take(name: str) -> Path:
        target = tmp_path / f"{name}.png"
        page.screenshot(path=target, full_page=True)
        return target

    return take
