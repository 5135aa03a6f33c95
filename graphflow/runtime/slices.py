"""Fairness: loops that never have to wait still let others run, and notice that they were cancelled."""

from __future__ import annotations

import threading
from time import perf_counter as perf_counter  # generated functions read the same clock
from typing import TYPE_CHECKING, Final, final

from graphflow.runtime.tasks import pause

if TYPE_CHECKING:
    from graphflow.runtime.current import Listening

#: How long graphflow may hold the event loop, in seconds.
SLICE: Final = 0.001
#: How many chunks pass at most between two looks at the clock.
STRIDE: Final = 16


@final
class Turn:
    """When graphflow should next let others run, in the event loop of one thread.

    All loops of a thread share it, so that it also ends where each of them is short: a task that invokes a chain of
    plain functions again and again lets others run once in a slice, not once in a call.

    Attributes:
        ends: the time of `perf_counter` at which it does.
    """

    __slots__ = ("ends",)

    def __init__(self) -> None:
        self.ends = 0.0

    async def renew(self) -> None:
        """Let others run; notices if this task is cancelled, or told to end."""
        await pause()
        self.ends = perf_counter() + SLICE


@final
class ListenedTurn:
    """The turn of this thread, in a run that must not run away from who listens to it."""

    __slots__ = ("_listening", "_turn")

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._turn = _turns.here

    @property
    def ends(self) -> float:
        """The time of `perf_counter` at which to let others run: it is over if a listener is behind."""
        return 0.0 if self._listening.is_full() else self._turn.ends

    async def renew(self) -> None:
        """Wait for the listeners, or let others run."""
        if self._listening.is_full():
            await self._listening.room()
        else:
            await self._turn.renew()


@final
class _Turns(threading.local):
    def __init__(self) -> None:
        self.here = Turn()


_turns: Final = _Turns()


def turn() -> Turn:
    """Return the turn of this thread."""
    return _turns.here


@final
class Slice:
    """What one loop asks whether it is time to let others run.

    A loop counts its chunks down from what `look` returned, which costs it a few nanoseconds a chunk: the clock is
    looked at often while chunks take long, and ever less while they do not.

    Args:
        listening: who listens to what the loop makes happen: it must not run away from them.
    """

    __slots__ = ("_left", "_listening", "_looked", "_stride", "_turn")

    def __init__(self, listening: Listening | None = None) -> None:
        self._listening = listening
        self._turn = _turns.here
        self._left = 1
        self._stride = 1
        self._looked = 0.0

    def look(self) -> int:
        """Return after how many chunks to look again; 0 if the slice is used up."""
        if self._listening is not None and self._listening.is_full():
            return 0
        now = perf_counter()
        took, self._looked = now - self._looked, now
        if took > SLICE:
            self._stride = 1
        elif took < SLICE / 4 and self._stride < STRIDE:
            self._stride *= 2
        return 0 if now >= self._turn.ends else self._stride

    async def renew(self) -> int:
        """Let others run, and return after how many chunks to look again; notices if this task is to end."""
        if self._listening is not None and self._listening.is_full():
            await self._listening.room()
            self._turn.ends = perf_counter() + SLICE
        else:
            await self._turn.renew()
        return self._stride

    def due(self) -> bool:
        """Count one chunk, and tell whether the slice is used up: then await `renew`."""
        self._left -= 1
        if self._left:
            return False
        left = self.look()
        self._left = left or self._stride
        return not left
