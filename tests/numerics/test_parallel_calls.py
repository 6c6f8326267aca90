"""Calls side by side, ahead and alongside: results in order, exceptions where they are waited for."""

from __future__ import annotations

import threading

import pytest

from wechsel_core.numerics.parallel import alongside, begin, side_by_side


@pytest.fixture(params=["1", "2"], autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("OMP_NUM_THREADS", request.param)
    return int(request.param)


def fail() -> int:
    raise ValueError("no")


def test_side_by_side() -> None:
    assert side_by_side(lambda: 1, lambda: "two", lambda: None) == [1, "two", None]
    with pytest.raises(ValueError, match="no"):
        side_by_side(lambda: 1, fail)


def test_side_by_side_is_at_the_same_time(threads: int) -> None:
    if threads < 2:
        pytest.skip("on one core one call follows the other")
    meeting = threading.Barrier(2, timeout=30)
    assert sorted(side_by_side(meeting.wait, meeting.wait)) == [0, 1]


def test_begun_ahead(threads: int) -> None:
    started = threading.Event()
    result = begin(lambda: started.set() or 5)
    assert threads == 1 or started.wait(30)
    assert result() == 5 and started.is_set()
    failing = begin(fail)
    with pytest.raises(ValueError, match="no"):
        failing()


def test_alongside() -> None:
    done = []
    with alongside(lambda: done.append(1)):
        pass
    assert done == [1]
    with pytest.raises(ValueError, match="no"), alongside(fail):
        pass
    with pytest.raises(KeyError), alongside(fail):  # the block's own comes first
        raise KeyError
