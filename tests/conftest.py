"""What holds for tests of several folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from wechsel_core import paths

#: Tests of browsers, and of processes that are stopped and killed while they work.
_BUSY = [Path(__file__).parent / folder for folder in ("e2e", "training")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a busy machine a browser may lose a gesture and a process its moment: such a test is asked once more.

    The report says so, and with ``--rerun-show-tracebacks`` what it failed with.
    """
    for item in items:
        if any(folder in item.path.parents for folder in _BUSY) and not item.get_closest_marker("budget"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``WECHSEL_HOME`` of the test's own, and no recorded runs."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path / "home"
