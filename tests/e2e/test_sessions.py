"""Ten people at once on one server: each sees their own selection, and a session costs little memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e.server import running_app
from tests.e2e.settled import visit
from wechsel_core.services import results

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

EXAMPLE = "pocket-gpt2-fr"
WORDS = ["fichier", "supprimer", "langue", "texte", "page", "image", "ligne", "mot", "nom", "monde"]
LARGEST_GROWTH = 50 * 1024**2  # bytes a session


def test_ten_sessions(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import expect

    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    tokens = {word: results.find_token(EXAMPLE, word) for word in WORDS}
    with running_app(tmp_path, tmp_path / "server.log") as server:
        contexts = [browser.new_context() for _ in WORDS]
        process = psutil.Process(server.pid)
        listening = {taken.laddr.ip for taken in process.net_connections("inet") if taken.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}, "nobody on the network can start jobs here"

        def open_in(context, address: str):
            opened = context.new_page()
            opened.set_default_timeout(120_000)
            visit(opened, f"{server.url}/{address}")
            return opened

        # What all sessions share (libraries, the example, its model) is there after the first visit.
        first = browser.new_context()
        for address in ("neighbours", "map", "sentence", "health", "compare"):
            open_in(first, f"{address}?result={EXAMPLE}").close()
        before = process.memory_full_info().uss
        pages = {}
        for context, (word, token) in zip(contexts, tokens.items(), strict=True):
            pages[word] = open_in(context, f"neighbours?result={EXAMPLE}&q={word}&token={token}")
        # Every second one goes on to another page and another search.
        for word in WORDS[::2]:
            visit(pages[word], f"{server.url}/map?result={EXAMPLE}&q={word}&token={tokens[word]}")
        after = process.memory_full_info().uss
        for word in WORDS[1::2]:
            expect(pages[word].get_by_test_id("stCode").first).to_contain_text(word)
            expect(pages[word]).to_have_url(re.compile(rf"token={tokens[word]}\b"))
        for word in WORDS[::2]:
            expect(pages[word]).to_have_url(re.compile(rf"q={word}\b"))
        assert (after - before) / len(WORDS) < LARGEST_GROWTH
        for context in (first, *contexts):
            context.close()
