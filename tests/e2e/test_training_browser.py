"""Training as a person sees it: launched in the browser, going on without it, stopped, resumed, its curve read."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.e2e.server import Server, running_app
from tests.e2e.settled import visit
from wechsel_core import runs
from wechsel_core.training import launcher

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

START_MILLISECONDS = 300_000
#: Enough that the run cannot end while the test looks at it.
STEPS = 20_000
#: Small steps, often scored and kept; half a minute of a busy machine shows several of them.
SMALL = "arms=random&held_out_share=0.1&batch_size=2&block_size=64&threads=1&eval_every=10&save_every=40"
#: The steps of the curve in the first figure; a figure's own arrays are packed, those that plotly draws are not.
DRAWN = "Array.from(document.querySelector('.js-plotly-plot')?._fullData?.at(-1)?.x ?? [])"
WORDS = "le fichier la page une liste de mots pour supprimer ou ajouter du texte dans cette fenêtre".split()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own: what other tests, or an earlier try of this one, made is not in the way."""
    return tmp_path / "home"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text of many distinct lines, in documents of ten."""
    lines = []
    for number in range(1200):
        picked = [WORDS[(number * step + step) % len(WORDS)] for step in range(1, 9)]
        lines.append(f"{' '.join(picked)} {number}." + ("\n" if number % 10 == 9 else ""))
    file = tmp_path_factory.mktemp("text") / "petit.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The app; whatever still runs at the end is ended."""
    monkeypatch.setenv("WECHSEL_HOME", str(home))
    with running_app(home, tmp_path / "server.log") as running:
        yield running
    for entry in runs.list_runs():
        if entry["status"]["state"] in runs.LIVE_STATES and not entry["recorded"]:
            with contextlib.suppress(Exception):
                launcher.kill_run(entry["folder"])


def only_run() -> Path:
    """The folder of the run that the test has started."""
    (entry,) = [entry for entry in runs.list_runs() if not entry["recorded"]]
    return entry["folder"]


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [entry["status"] for entry in runs.list_runs() if not entry["recorded"]]
        time.sleep(0.2)


def step() -> int:
    return int(runs.effective_status(only_run()).get("step") or 0)


def start_in_the_browser(page: Page, address: str) -> None:
    from playwright.sync_api import expect

    page.set_default_timeout(START_MILLISECONDS)  # the cost of a run is worked out first
    visit(page, address)
    expect(page.get_by_role("heading", name="What it takes")).to_be_visible(timeout=START_MILLISECONDS)
    expect(page.get_by_test_id("stCode").filter(has_text="wechsel_core train").first).to_contain_text("--arm random")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_role("heading", name="These runs")).to_be_visible(timeout=START_MILLISECONDS)


def test_a_run_from_its_start_to_its_curve(browser: Browser, server: Server, text: Path) -> None:
    from playwright.sync_api import expect

    plan = f"{SMALL}&steps={STEPS}&text={quote(str(text))}"
    with browser.new_context(viewport={"width": 1360, "height": 900}) as context:
        context.set_default_timeout(120_000)
        first = context.new_page()
        start_in_the_browser(first, f"{server.url}/pretraining?result=pocket-gpt2-fr&{plan}")
        run = only_run().name
        first.close()
        # Nobody looks: it goes on.
        wait_for(lambda: step() >= 5)
        before = step()
        wait_for(lambda: step() > before)

        page = context.new_page()
        page.goto(f"{server.url}/runs?run={run}")
        expect(page.get_by_test_id("stMain").locator("p", has_text="Running").first).to_be_visible()
        moving = page.get_by_text(re.compile(r"step [\d,]+ of 20,000")).first
        expect(moving).to_be_visible()
        seen = moving.text_content()
        # Live progress without a reload or a click.
        expect(moving).not_to_have_text(str(seen))
        # Streamlit's own header has a button "Stop", too, while a script runs.
        main = page.get_by_test_id("stMain")
        main.get_by_role("button", name="Stop").click()
        expect(main.get_by_role("button", name="Resume")).to_be_visible(timeout=120_000)
        expect(main.locator("p", has_text="Stopped").first).to_be_visible()  # the list holds the word, unseen
        stopped = step()
        assert runs.whole_checkpoints(only_run())
        main.get_by_role("button", name="Resume").click()
        expect(main.get_by_role("button", name="Stop")).to_be_visible()
        wait_for(lambda: step() > stopped)

        page.goto(f"{server.url}/curves?run={run}")
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        page.wait_for_function(f"() => {DRAWN}.length > 0")
        steps = page.evaluate(f"() => {DRAWN}")
        # Every step once, those from before the stop among them.
        assert steps == sorted(set(steps)) and steps[0] == 0 and max(steps) >= stopped - stopped % 10
        # The page draws what comes without being asked.
        page.wait_for_function(f"last => Math.max(...{DRAWN}) > last", arg=max(steps))
        runs_killed(only_run())


def runs_killed(folder: Path) -> None:
    launcher.kill_run(folder)
    assert runs.effective_status(folder)["state"] == "stopped"


def test_a_run_survives_the_death_of_the_app(
    browser: Browser, home: Path, text: Path, tmp_path: Path, server: Server
) -> None:
    """``kill -9`` of the app: its job goes on, and another server lists it."""
    from playwright.sync_api import expect

    plan = f"{SMALL}&steps={STEPS}&seed=7&text={quote(str(text))}"
    with running_app(home, tmp_path / "killed.log") as killed, browser.new_context() as context:
        context.set_default_timeout(120_000)
        page = context.new_page()
        start_in_the_browser(page, f"{killed.url}/pretraining?result=pocket-gpt2-fr&{plan}")
        page.close()
        folder = next(entry["folder"] for entry in runs.list_runs() if "-s7-" in entry["id"])
        os.kill(killed.pid, signal.SIGKILL)
        wait_for(lambda: int(runs.effective_status(folder).get("step") or 0) >= 5)
        page = context.new_page()
        page.goto(f"{server.url}/runs?run={folder.name}")
        expect(page.get_by_test_id("stMain").locator("p", has_text="Running").first).to_be_visible()
        runs_killed(folder)
