"""Block loops on threads: every block once, errors come through, BLAS gets its threads back."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tests.numerics.threads import threads
from wechsel_core.numerics.parallel import one_blas_thread, run_blocks, worker_count


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("most", [None, 1, 3])
def test_every_block_once(number: int, most: int | None) -> None:
    done = np.zeros(40, dtype=int)
    used = set()

    def work(start: int) -> None:
        done[start : start + 10] += 1
        used.add(threading.get_ident())

    with threads(number):
        run_blocks(work, range(0, 40, 10), most=most)
    assert (done == 1).all() and 1 <= len(used) <= min(number, most or number)


def test_nothing_to_do() -> None:
    run_blocks(pytest.fail, [])


@pytest.mark.parametrize("number", [1, 3])
def test_the_first_error_stops_the_rest(number: int) -> None:
    """Blocks that have begun come to their end; of a thousand, most never begin."""
    begun = []

    def work(start: int) -> None:
        begun.append(start)
        if start == 2:
            raise ArithmeticError("block 2")
        threading.Event().wait(0.001)

    with threads(number), pytest.raises(ArithmeticError, match="block 2"):
        run_blocks(work, range(1000))
    assert len(begun) < 900


@pytest.mark.parametrize(("asked", "expected"), [("3", 3), ("1", 1), ("0", None), ("", None), ("2,1", None)])
def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch, asked: str, expected: int | None) -> None:
    """OMP_NUM_THREADS if it is a number, else the cores that the process may use."""
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {2, 3, 5, 7}, raising=False)
    assert worker_count() == (expected or 4)


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_gets_its_threads_back_after_the_last_of_two_that_overlap() -> None:
    with threadpool_limits(2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert blas_threads() == {2}
