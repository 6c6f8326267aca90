"""Block loops on the machine's cores: one thread a block, and BLAS on one thread inside each.

What a block holds depends on the problem alone, and BLAS does not share a block out among threads, which would round
differently from one number of threads to the next: a result has the same bits on every number of cores. Threads of
Python's own, which compiled loops and BLAS set free, rather than numba's parallel loops: two callers at a time are
safe whatever threading layer numba finds, and no idle pool spins beside BLAS.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

_T = TypeVar("_T")


def worker_count() -> int:
    """Threads to take: what OMP_NUM_THREADS says, else the cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_blocks(work: Callable[[int], Any], starts: Iterable[int], *, most: int | None = None) -> None:
    """Call ``work`` with every start, on as many threads as the machine has, at most ``most``.

    The first exception, an interrupt included, cancels the blocks that have not begun.
    """
    starts = list(starts)
    workers = min(worker_count(), len(starts), most or len(starts))
    if workers <= 1:
        for start in starts:
            work(start)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, starts):
            pass


def side_by_side(*work: Callable[[], _T]) -> list[_T]:
    """What each of the calls returns, made on a thread each where the machine has the cores."""
    results: list[Any] = [None] * len(work)

    def call(number: int) -> None:
        results[number] = work[number]()

    run_blocks(call, range(len(work)))
    return results


def begin(work: Callable[[], _T]) -> Callable[[], _T]:
    """Start a call on a thread of its own; what is returned waits for its result, or raises what it raised.

    On one core nothing is won: there the call is made when its result is asked for.
    """
    if worker_count() <= 1:
        return work
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result


@contextmanager
def alongside(work: Callable[[], object]) -> Iterator[None]:
    """Run a call on a thread while the block runs, and wait for it; its exception is raised if the block raised none."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        yield
        future.result()


_lock = threading.Lock()
_users = 0
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread in the whole process; the last of several at a time gives the others back.

    Every one for itself, the second of two that overlap would take the first one's limit for the machine's.
    """
    global _users, _limits
    with _lock:
        if not _users:
            _limits = threadpool_limits(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _limits.restore_original_limits()
