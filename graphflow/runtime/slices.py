"""Fairness: loops that never have to wait still let others run, and notice that they were cancelled."""

from __future__ import annotations

from time import perf_counter
from typing import Final, final

import trio

#: How long a loop of graphflow may hold the event loop, in seconds.
SLICE: Final = 0.001
#: How many chunks pass between two looks at the clock.
STRIDE: Final = 16


@final
class Slice:
    """The time slice of one loop. ``if slice.due(): await slice.renew()`` after every chunk costs a few nanoseconds."""

    __slots__ = ("_count", "_ends")

    def __init__(self) -> None:
        self._count = 0
        self._ends = perf_counter() + SLICE

    def due(self) -> bool:
        """Tell whether the slice is used up; looks at the clock only now and then."""
        self._count += 1
        if self._count < STRIDE:
            return False
        self._count = 0
        return perf_counter() >= self._ends

    async def renew(self) -> None:
        """Let others run; raises `trio.Cancelled` if this task is cancelled."""
        await trio.lowlevel.checkpoint()
        self._ends = perf_counter() + SLICE
