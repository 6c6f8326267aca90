"""The app as a real server process on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """A running app: its address, its process id, and how long it took until it answered."""

    url: str
    pid: int
    start_seconds: float


@contextlib.contextmanager
def running_app(home: Path, log: Path) -> Iterator[Server]:
    """Serve the app with that ``WECHSEL_HOME``, which is the user's own folder as well, until the block ends.

    Raises
    ------
    RuntimeError
        If it does not answer in time; the end of its log is in the message.
    """
    port = _free_port()
    options = ["--server.headless", "true", "--server.port", str(port)]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environment = os.environ | {"WECHSEL_HOME": str(home), "HOME": str(home), "HF_HUB_OFFLINE": "1"}
    begin = time.monotonic()
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield Server(f"http://127.0.0.1:{port}", server.pid, time.monotonic() - begin)
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
