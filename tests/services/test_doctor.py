"""doctor: every figure as the machine has it, and for each thing that is wrong what to do about it."""

from __future__ import annotations

import http.server
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.loopback import QuietHandler, running
from wechsel_core import assets
from wechsel_core.assets import wheel
from wechsel_core.catalogue import load_catalogue
from wechsel_core.services import doctor


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both indexes answer, without a network; a home of the test's own."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "deep" / "home"))
    monkeypatch.setattr(wheel, "ask_index", lambda entry: None)
    monkeypatch.setattr("wechsel_core.assets.hub.hub_reachable", lambda: True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def checks() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in doctor.examine()}


def test_a_sound_machine_needs_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 8 << 30})())
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 100 << 30})())
    found = checks()
    assert all(entry["ok"] and entry["found"] and not entry["advice"] for entry in found.values())
    assert found["torch"]["found"] == version("torch") and found["memory"]["found"] == "8.0 GiB free"
    assert {"device", "pocket tier", "wheel tier", "hub tier", "memory", "disk"} < set(found)


def test_what_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def without(name: str) -> str:
        if name == "gensim":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", without)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1 << 30})())
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1 << 30})())
    monkeypatch.setattr(assets, "pocket_dir", lambda: tmp_path)
    monkeypatch.setattr("wechsel_core.assets.hub.hub_reachable", lambda: False)
    found = checks()
    for name, words in (
        ("gensim", "make install"),
        ("memory", "close other programs"),
        ("disk", "WECHSEL_HOME"),
        ("pocket tier", "check the repository out again"),
        ("hub tier", "connect to the internet"),
    ):
        assert not found[name]["ok"] and words in found[name]["advice"], name
    assert found["pocket tier"]["found"].startswith("0 of ")
    assert str(tmp_path / "deep" / "home") in found["disk"]["found"]
    assert found["torch"]["ok"]


def test_disk_is_that_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the nearest folder above it that is there: the home need not be made yet, and is not made by asking."""
    asked: list[Path] = []
    monkeypatch.setattr("shutil.disk_usage", lambda place: asked.append(place) or type("U", (), {"free": 3 << 30})())
    assert checks()["disk"]["found"].startswith("3.0 GiB")
    assert asked == [tmp_path] and not (tmp_path / "deep").exists()


def test_switched_off_hub_is_told_from_an_unreachable_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    entry = checks()["hub tier"]
    assert not entry["ok"] and "HF_HUB_OFFLINE" in entry["found"] and "unset" in entry["advice"]


def test_fetched_wheels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "is_present", lambda entry: entry.name == "glove-en-50d" or entry.tier == "pocket")
    total = len(load_catalogue().find(tier="wheel"))
    assert checks()["wheel tier"]["found"] == f"package index reachable, 1 of {total} fetched (glove-en-50d)"


ENTRY = next(entry for entry in load_catalogue().find(tier="wheel"))


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip without the settings of this machine."""
    monkeypatch.undo()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "*")


def test_package_index_that_answers(pip: None) -> None:
    name = ENTRY.where.split("==")[0]

    class Index(QuietHandler):
        def do_GET(self) -> None:
            file = f"{name.replace('-', '_')}-0.1-py3-none-any.whl"
            body = f'<a href="/{file}">{file}</a>'.encode() if self.path == f"/simple/{name}/" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.write(body)

    with running(Index) as url:
        assert wheel.ask_index(ENTRY, pip_arguments=["--index-url", f"{url}/simple"]) is None
        problem = wheel.ask_index(ENTRY, pip_arguments=["--index-url", f"{url}/elsewhere"])
        assert problem is not None and "has no wheel" in problem.found


def test_package_index_that_does_not(pip: None) -> None:
    with running(http.server.BaseHTTPRequestHandler) as url:
        pass  # nobody listens there any more
    problem = wheel.ask_index(ENTRY, pip_arguments=["--index-url", f"{url}/simple"])
    assert problem is not None and "cannot be reached" in problem.found and problem.remedy


def test_package_index_that_takes_too_long(pip: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "_ANSWER_SECONDS", 0.01)
    problem = wheel.ask_index(ENTRY)
    assert problem is not None and "cannot be reached" in problem.found
