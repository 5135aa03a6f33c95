"""Run asynchronous code on a virtual clock, the same way every time.

`simulate` is `trio.run` with a clock that jumps to the next deadline as soon as every task waits and no worker thread
is at work, with a seeded scheduler, and with graphflow's time slices counted instead of measured. So a deadlock is
found at once, the order of tasks is part of an example, and nothing depends on the speed of the machine.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar
from unittest import mock

import trio
import trio.testing

from graphflow.runtime import slices

T = TypeVar("T")

#: In virtual seconds: far beyond all that nodes sleep, so that only a deadlock gets there.
DEADLOCKED: Final = 1e6


class CountedTime:
    """A clock that moves on by one step whenever it is read, or by as much as it is told to."""

    def __init__(self, step: float = 0.0003) -> None:
        self.now = 0.0
        self._step = step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def simulate(main: Callable[[], Awaitable[T]], *, seed: int = 0, time: Callable[[], float] | None = None) -> T:
    """Run `main` to its end and return what it returns; a deadlock raises `trio.TooSlowError`.

    Args:
        main: what is run.
        seed: of the order in which trio runs the tasks that could run.
        time: what graphflow measures its time slices with.
    """
    scheduler: Any = trio._core._run  # trio has no public way to seed it

    async def run() -> T:
        tasks = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(DEADLOCKED):
            result = await main()
        assert trio.lowlevel.current_statistics().tasks_living == tasks, "a task was left running"
        return result

    clock = trio.testing.MockClock(autojump_threshold=0)
    with (
        mock.patch.object(scheduler, "_r", random.Random(seed)),
        mock.patch.object(scheduler, "_ALLOW_DETERMINISTIC_SCHEDULING", True),
        mock.patch.object(slices, "perf_counter", time or CountedTime()),
        mock.patch.object(slices.turn(), "ends", 0.0),
        _waiting_for_threads(clock),
    ):
        return trio.run(run, clock=clock)


@contextlib.contextmanager
def _waiting_for_threads(clock: trio.testing.MockClock) -> Iterator[None]:
    """Hold the clock while a worker thread is at work, but not while it waits for a task."""
    run_in_thread, run_from_thread = trio.to_thread.run_sync, trio.from_thread.run
    working = 0

    def count(change: int) -> None:
        nonlocal working
        working += change
        clock.autojump_threshold = math.inf if working else 0

    async def to_thread(*args: Any, **kwargs: Any) -> Any:
        count(+1)
        try:
            return await run_in_thread(*args, **kwargs)
        finally:
            count(-1)

    def from_thread(function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        async def wait() -> Any:
            count(-1)
            try:
                return await function(*args)
            finally:
                count(+1)

        return run_from_thread(wait, **kwargs)

    with (
        mock.patch.object(trio.to_thread, "run_sync", to_thread),
        mock.patch.object(trio.from_thread, "run", from_thread),
    ):
        yield
    assert not working, "a thread was left running"
