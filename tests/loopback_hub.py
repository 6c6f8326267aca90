"""A Hugging Face hub of the test's own: the routes that its client uses, on this machine, faults included.

The client reads its environment when it is imported, so whatever talks to this hub runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.loopback import QuietHandler, running

ROOT = Path(__file__).parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub holds, how it misbehaves, and what it was asked."""

    url: str = ""
    repositories: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)  # open to "right-token" alone
    forbidden: set[str] = field(default_factory=set)
    cuts: dict[str, list[int]] = field(default_factory=dict)  # connection n for a file ends after so many bytes
    stalls: set[str] = field(default_factory=set)  # the next connection for a file says nothing after its headers
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    impostors: set[str] = field(default_factory=set)  # anything asked of these is answered with a page
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range
    closing: threading.Event = field(default_factory=threading.Event)

    def n_asked(self, part: str) -> int:
        return sum(part in path for _, path, _ in self.asked)

    def environment(self, home: Path, **variables: str) -> dict[str, str]:
        """Variables of a process that knows this hub alone, and nothing of the machine's own settings."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
        clean |= {"HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*", "PYTHONPATH": str(ROOT)}
        return clean | {"HF_ENDPOINT": self.url, "OMP_NUM_THREADS": "1"} | variables

    def run(self, script: str, *arguments: str, home: Path, **variables: str) -> list[str]:
        """The lines that a script prints."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *arguments], env=self.environment(home, **variables),
            capture_output=True, text=True, timeout=120, cwd=home.parent,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


def is_large(path: Path) -> bool:
    """Whether the hub would keep a file in its large file storage."""
    return path.suffix == ".safetensors"


def etag(path: Path) -> str:
    content = path.read_bytes()
    if is_large(path):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_HubHandler):
        state = hub

    with running(Handler) as url:
        hub.url = url
        try:
            yield hub
        finally:
            hub.closing.set()


class _HubHandler(QuietHandler):
    state: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append((self.command, path, self.headers.get("Range")))
        if path == "/" or any(f"/{name}/" in path for name in self.state.impostors):
            self.answer(200, body=b"<html>")
        elif path.startswith("/cdn/"):
            self.send_content(self.by_etag(path.rpartition("/")[2]))
        elif path.startswith("/api/models/"):
            self.answer_api(path.removeprefix("/api/models/"))
        else:
            name, _, rest = path[1:].partition("/resolve/")
            if self.allowed(name):
                self.resolve(name, rest.partition("/")[2])

    def allowed(self, name: str) -> bool:
        token = self.headers.get("Authorization")
        if name not in self.state.repositories:
            self.answer(404 if token else 401, {"X-Error-Code": "RepoNotFound"})
        elif name in self.state.forbidden:
            self.answer(403, {"X-Error-Message": "the token lacks the permission"})
        elif name in self.state.gated and token != "Bearer right-token":
            self.answer(403 if token else 401, {"X-Error-Code": "GatedRepo"})
        else:
            return True
        return False

    def answer_api(self, rest: str) -> None:
        name, kind, _ = rest.partition("/tree/")
        name = name.partition("/revision/")[0]
        if not self.allowed(name):
            return
        files = sorted(path for path in self.state.repositories[name].iterdir() if path.is_file())
        if not kind:
            siblings = [{"rfilename": path.name} for path in files]
            record: object = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "private": False}
        else:
            record = [self.tree_entry(path) for path in files]
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(record).encode())

    def tree_entry(self, path: Path) -> dict[str, object]:
        size = path.stat().st_size
        entry: dict[str, object] = {"type": "file", "path": path.name, "size": size, "oid": etag(path)[:40]}
        if is_large(path):
            entry["lfs"] = {"oid": etag(path), "size": size, "pointerSize": 134}
        return entry

    def resolve(self, name: str, filename: str) -> None:
        path = self.state.repositories[name] / filename
        if not path.is_file():
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        elif is_large(path):  # as the hub does: the file itself comes from another host
            self.answer(
                302,
                {
                    "Location": f"{self.state.url.replace('127.0.0.1', 'localhost')}/cdn/{etag(path)}",
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Etag": f'"{etag(path)}"',
                    "X-Linked-Size": str(path.stat().st_size),
                },
            )
        else:
            self.send_content(path, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag(path)}"'})

    def by_etag(self, wanted: str) -> Path:
        folders = self.state.repositories.values()
        return next(path for folder in folders for path in folder.iterdir() if etag(path) == wanted)

    def send_content(self, path: Path, headers: dict[str, str] | None = None) -> None:
        body = path.read_bytes()
        if self.command == "GET":
            body = self.state.sent_instead.get(path.name, body)
        asked = self.headers.get("Range") if self.state.ranges else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        headers = {**(headers or {}), "Content-Length": str(len(body) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.send_response(206 if start else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if path.name in self.state.stalls:
            self.state.stalls.remove(path.name)
            self.state.closing.wait(60)
            return
        cuts = self.state.cuts.get(path.name)
        self.write(body[start : start + cuts.pop(0)] if cuts else body[start:])

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.write(body)
