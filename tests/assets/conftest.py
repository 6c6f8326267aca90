"""A server with a file that can be cut off, renewed or withheld."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.loopback import QuietHandler, running

CONTENT = bytes(range(256)) * 4000  # about 1 MB
HASH = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the loopback server does, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    version: str | None = '"1"'
    cuts: list[int] = field(default_factory=list)  # connection n ends after that many bytes
    status: int = 200
    location: str = ""
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    honours_ranges: bool = True
    stalls: int = 0  # so many connections stop half way and stay open
    closing: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(QuietHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            state.paths.append(self.path)
            if state.status != 200:
                self.send_response(state.status)
                self.send_header("Content-Length", "0")
                if state.location:
                    self.send_header("Location", state.location)
                self.end_headers()
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if self.headers.get("If-Range") != state.version or not state.honours_ranges:
                start = 0
            if start > len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            if state.version:
                self.send_header("ETag", state.version)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.stalls:
                state.stalls -= 1
                self.write(body[: len(body) // 2])
                state.closing.wait(30)
                return
            self.write(body[: state.cuts.pop(0)] if state.cuts else body)

    with running(Handler) as url:
        state.url = f"{url}/data.bin"
        try:
            yield state
        finally:
            state.closing.set()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
