"""The loopback hub with the routes that a push takes: create, check the card, upload large files, commit."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.loopback import running
from tests.loopback_hub import COMMIT, Hub, _HubHandler

WRITER, READER = "right-token", "reader-token"
#: Before a script that pushes: the hub's client calls its own HTTP library in a way that this one calls outdated.
QUIET = "import warnings\nwarnings.filterwarnings('ignore', \"Use 'content=\", DeprecationWarning)\n"


@dataclass
class PushHub(Hub):
    """A hub that can be written to by ``WRITER``, and what was written."""

    root: Path = Path()
    private: set[str] = field(default_factory=set)
    stored: dict[str, bytes] = field(default_factory=dict)  # large files by their hash
    commits: list[list[dict[str, Any]]] = field(default_factory=list)
    broken_uploads: bool = False
    complaints: list[str] = field(default_factory=list)  # what it finds wrong with any card


@contextlib.contextmanager
def running_push_hub(root: Path) -> Iterator[PushHub]:
    hub = PushHub(root=root)

    class Handler(_PushHandler):
        state = hub

    with running(Handler) as url:
        hub.url = url
        yield hub


class _PushHandler(_HubHandler):
    state: PushHub

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.sent()
        self.state.asked.append(("POST", path, None))
        if path == "/api/validate-yaml":
            errors = [{"message": words} for words in self.state.complaints]
            self.answer_json({"errors": errors, "warnings": []}, 400 if errors else 200)
        elif self.headers.get("Authorization") != f"Bearer {WRITER}":
            self.answer_json({}, 403 if self.headers.get("Authorization") == f"Bearer {READER}" else 401)
        elif path == "/api/repos/create":
            self.create(json.loads(body))
        elif path.endswith("/preupload/main"):
            self.sort_files(json.loads(body))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.answer_json(
                {"transfer": "basic", "objects": [self.upload_of(one) for one in json.loads(body)["objects"]]}
            )
        else:
            name = path.removeprefix("/api/models/").removesuffix("/commit/main")
            self.commit(name, [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        body = self.sent()
        if self.state.broken_uploads:
            self.answer_json({}, 400)
            return
        self.state.stored[hashlib.sha256(body).hexdigest()] = body
        self.answer_json({})

    def sent(self) -> bytes:
        """The body, of known length or in chunks."""
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer_api(self, rest: str) -> None:
        if rest in self.state.repositories:
            self.answer_json({"id": rest, "sha": COMMIT, "siblings": [], "private": rest in self.state.private})
        else:
            super().answer_api(rest)

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.state.repositories:
            self.answer_json({"error": "there already", "url": f"{self.state.url}/{name}"}, 409)
            return
        folder = self.state.root / name.replace("/", "--")
        folder.mkdir()
        self.state.repositories[name] = folder
        if asked.get("visibility") == "private":
            self.state.private.add(name)
        self.answer_json({"url": f"{self.state.url}/{name}"})

    def sort_files(self, asked: dict[str, Any]) -> None:
        files = [
            {
                "path": one["path"], "shouldIgnore": False,
                "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
            }
            for one in asked["files"]
        ]  # fmt: skip
        self.answer_json({"files": files})

    def upload_of(self, asked: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.state.url}/upload/{asked['oid']}"
        return {**asked, "actions": {"upload": {"href": href, "header": {}}}}

    def commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        folder = self.state.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                (folder / value["path"]).write_bytes(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                (folder / value["path"]).write_bytes(self.state.stored[value["oid"]])
            elif line["key"] == "deletedFile":
                (folder / value["path"]).unlink()
        self.state.commits.append(lines)
        self.answer_json({"commitUrl": f"{self.state.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def answer_json(self, record: object, status: int = 200) -> None:
        self.answer(status, {"Content-Type": "application/json"}, json.dumps(record).encode())
