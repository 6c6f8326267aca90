"""Wait until a page has finished, and measure how long the app took to answer a gesture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: A page is still for this long before it counts as finished: a run may be followed by another.
STILL_MILLISECONDS = 400
POLL_MILLISECONDS = 50

_WATCH = """() => {
    if (window.lab) return;
    const app = () => document.querySelector('[data-testid="stApp"]');
    const busy = () => {
        const shown = app();
        return !shown || shown.getAttribute('data-test-script-state') !== 'notRunning'
            || shown.getAttribute('data-test-connection-state') !== 'CONNECTED'
            // Connected, the script not begun: the page has nothing on it yet.
            || document.querySelector('[data-testid="stElementContainer"]') === null
            || document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]') !== null;
    };
    window.lab = {changed: performance.now(), busy: true, asked: 0, drawn: 0};
    const look = () => {
        const now = busy();
        if (now || window.lab.busy) { window.lab.changed = performance.now(); }
        window.lab.busy = now;
    };
    look();
    // By the clock, not by frames: a browser that draws without a GPU may draw none for a while.
    setInterval(look, 16);
    // A run may begin and end between two looks, or within one update of the page, which then says nothing of it: what
    // the page and the server tell each other is heard too.
    const change = () => { window.lab.changed = performance.now(); };
    const heard = new WeakSet(), send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (...data) {
        if (!heard.has(this)) { heard.add(this); this.addEventListener('message', change); }
        change();
        return send.apply(this, data);
    };
    new MutationObserver(change).observe(document.documentElement, {
        subtree: true, attributes: true, attributeFilter: ['data-test-script-state', 'data-test-connection-state'],
    });
    // What is drawn on the page counts too: a chart may come after the script's end. Not what stands inside a canvas:
    // the table spells its cells out there for screen readers, a fixed moment after it has drawn them.
    const drawn = change => !(change.target.closest ? change.target : change.target.parentElement)?.closest('canvas');
    new MutationObserver(changes => { if (changes.some(drawn)) window.lab.drawn = performance.now(); }).observe(
        document.body, { subtree: true, childList: true, characterData: true },
    );
    for (const kind of ['keydown', 'click']) {
        window.addEventListener(kind, event => { window.lab.asked = event.timeStamp; }, true);
    }
}"""
_STILL = "still => window.lab && !window.lab.busy && performance.now() - window.lab.changed > still"


def visit(page: Page, address: str) -> None:
    """Open a page as a person does who waits for it: a gesture on a page that is still being drawn may be lost."""
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script of the page has run, nothing spins and no more runs follow."""
    page.evaluate(_WATCH)
    page.wait_for_function(_STILL, arg=STILL_MILLISECONDS, polling=POLL_MILLISECONDS)


def answer_seconds(page: Page, gesture: Callable[[], object]) -> float:
    """Seconds that a person waits for the answer to a gesture, as the browser sees it.

    From the gesture's key or click to the end of the last run that it caused, or to the last change of the page where
    that comes later. The page must have been settled. Raises ``AssertionError`` where the gesture causes no run at all.
    """
    settle(page)
    begin = float(page.evaluate("() => performance.now()"))
    gesture()
    page.wait_for_function("begin => window.lab.changed > begin", arg=begin, polling=POLL_MILLISECONDS)
    settle(page)
    end, asked = page.evaluate("() => [Math.max(window.lab.changed, window.lab.drawn), window.lab.asked]")
    return float(end - max(begin, asked)) / 1000
