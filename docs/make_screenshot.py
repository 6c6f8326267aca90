"""Make ``neighbours.png``: initialise a French GPT-2, start the app on loopback, and photograph the Neighbours page."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PORT = 8599
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-quic", "--use-angle=swiftshader"]


def main() -> None:
    """Write the picture beside this file."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "WECHSEL_HOME": home}
        result = Path(home) / "results" / "french"
        command = [sys.executable, "-m", "wechsel_core", "init", "--target-language", "fr", "--out", str(result)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(PORT)]
        server = subprocess.Popen([*command, "--server.headless", "true"], cwd=ROOT, env=environment)
        try:
            _wait()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                page = browser.new_page(viewport={"width": 1280, "height": 1100})
                page.goto(f"http://127.0.0.1:{PORT}/neighbours?result=french&q=supprimer")
                page.get_by_test_id("stPlotlyChart").wait_for()
                page.wait_for_timeout(3000)  # the table's canvas draws a moment after the chart
                page.screenshot(path=Path(__file__).with_name("neighbours.png"))
                browser.close()
        finally:
            server.terminate()


def _wait() -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health")
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise TimeoutError("the app did not start")


main()
