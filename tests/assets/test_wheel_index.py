"""Wheels through pip from a package index of the test's own: progress, a killed fetch, a broken transfer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.assets.conftest import names
from tests.loopback import QuietHandler, running
from wechsel_core.assets import fetch, is_present, verify
from wechsel_core.assets.files import file_sha256
from wechsel_core.catalogue import Asset
from wechsel_core.errors import AssetError

ROOT = Path(__file__).parents[2]
WHEEL = "big_data-1.0-py3-none-any.whl"
CONTENT = os.urandom(2_000_000)  # does not shrink in the zip
FETCH = """
import json, sys
from pathlib import Path
from wechsel_core.assets import fetch
from wechsel_core.catalogue import Asset
record = json.loads(sys.argv[1])
fetch(Asset(**record | {"members": tuple(record["members"])}), cache=Path(sys.argv[2]))
"""


@dataclass
class Index:
    wheel: Path
    pause: bool = True  # the first transfer stops half way until `go`
    cut: bool = False  # every transfer ends half way
    go: threading.Event = field(default_factory=threading.Event)

    @property
    def entry(self) -> Asset:
        return Asset(
            "big", "vectors", "wheel", "big-data==1.0", "CC0", members=("big_data/vectors",),
            n_bytes=self.wheel.stat().st_size, sha256=file_sha256(self.wheel),
        )  # fmt: skip


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    state = Index(tmp_path / WHEEL)
    with zipfile.ZipFile(state.wheel, "w") as wheel:
        wheel.writestr("big_data/vectors", CONTENT)
        wheel.writestr("big_data-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: big-data\nVersion: 1.0\n")
        wheel.writestr("big_data-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("big_data-1.0.dist-info/RECORD", "")

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            page = f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
            is_wheel = self.path.startswith("/files/")
            body = state.wheel.read_bytes() if is_wheel else page
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            if is_wheel:
                self.send_header("Cache-Control", "max-age=365000000, immutable")
            self.end_headers()
            self.write(body[: len(body) // 2])
            if is_wheel and state.cut:
                self.close_connection = True
                return
            if is_wheel and state.pause:
                state.pause = False
                state.go.wait(30)
            self.write(body[len(body) // 2 :])

    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    with running(Handler) as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        try:
            yield state
        finally:
            state.go.set()


def test_progress_is_pips(index: Index, tmp_path: Path) -> None:
    seen = []

    def progress(share: float, text: str) -> None:
        seen.append((share, text))
        if share > 0.3:
            index.go.set()

    path = fetch(index.entry, progress=progress, cache=tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    verify(index.entry, cache=tmp_path / "cache")
    half = [text for share, text in seen if 0.3 < share < 0.7 and text.startswith("fetching big-data==1.0")]
    assert half and half[0].endswith("1.0 MB")
    assert seen[-1] == (1.0, "unpacked big")


def test_killed_fetch_starts_clean(index: Index, tmp_path: Path) -> None:
    entry, cache = index.entry, tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, json.dumps(asdict(entry)), str(cache)], start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 500_000 for path in cache.rglob("*") if path.is_file()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert not is_present(entry, cache=cache)
        left = names(cache / "assets")
        assert [name for name in left if not name.startswith(".")] == [] and len(left) == 2  # a lock and a partial one
        path = fetch(entry, cache=cache)
        assert path.read_bytes() == CONTENT
        assert [name for name in names(cache / "assets") if "partial" in name] == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # pip outlives its parent


def test_broken_transfer(index: Index, tmp_path: Path) -> None:
    index.cut = True
    with pytest.raises(AssetError, match=r"big-data==1.0 did not come whole; .*; fetch it again"):
        fetch(index.entry, cache=tmp_path / "cache")
    assert not is_present(index.entry, cache=tmp_path / "cache")
    assert [name for name in names(tmp_path / "cache" / "assets") if "lock" not in name] == []
    index.cut = index.pause = False
    assert fetch(index.entry, cache=tmp_path / "cache").read_bytes() == CONTENT
