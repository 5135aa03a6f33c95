"""Fairness: loops that never have to wait still let others run, and notice that they were cancelled."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import TYPE_CHECKING, Final, final

from graphflow.runtime.tasks import pause

if TYPE_CHECKING:
    from graphflow.runtime.current import Listening

#: How long graphflow may hold the event loop, in seconds.
SLICE: Final = 0.001
#: How many chunks pass at most between two looks at the clock.
STRIDE: Final = 16


@final
class _Turn(threading.local):
    """When graphflow should next let others run, in the event loop of this thread.

    All loops of a thread share it, so that it also ends where each of them is short: a task that invokes a chain of
    plain functions again and again lets others run once in a slice, not once in a call.
    """

    ends = 0.0


_turn: Final = _Turn()


@final
class Slice:
    """What one loop asks whether it is time to let others run.

    ``if slice.due(): await slice.renew()`` after every chunk costs a few nanoseconds: the clock is looked at often
    while chunks take long, and ever less while they do not.

    Args:
        listening: who listens to what the loop makes happen: it must not run away from them.
    """

    __slots__ = ("_left", "_listening", "_looked", "_stride")

    def __init__(self, listening: Listening | None = None) -> None:
        self._listening = listening
        self._left = 1
        self._stride = 1
        self._looked = 0.0

    def due(self) -> bool:
        """Tell whether the slice is used up."""
        if self._listening is not None and self._listening.full:
            return True
        self._left -= 1
        if self._left:
            return False
        now = perf_counter()
        took, self._looked = now - self._looked, now
        if took > SLICE:
            self._stride = 1
        elif took < SLICE / 4 and self._stride < STRIDE:
            self._stride *= 2
        self._left = self._stride
        return now >= _turn.ends

    async def renew(self) -> None:
        """Let others run; notices if this task is cancelled, or told to end."""
        if self._listening is not None and self._listening.full:
            await self._listening.room()
        else:
            await pause()
        _turn.ends = perf_counter() + SLICE
