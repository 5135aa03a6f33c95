"""The events of one run, on their way to the one who listens: bounded, in order, drained in batches."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Final, final

import trio

from graphflow.events import Event
from graphflow.runtime.buffers import Parking

#: How many events may wait for the listener before nodes do.
CAPACITY: Final = 1024


@final
class EventLog:
    """A bounded queue of events with one reader. Appending never waits; `room` does, where a node can."""

    __slots__ = ("_error", "_events", "_open", "_reader", "_sequence", "_thread", "_token", "_writers")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._error: BaseException | None = None
        self._open = True
        self._sequence: Iterator[int] = itertools.count()
        self._reader = Parking()
        self._writers = Parking()
        self._thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()

    def next_seq(self) -> int:
        """Return the place of the next event."""
        return next(self._sequence)

    @property
    def full(self) -> bool:
        """Tell whether nodes should wait before they go on."""
        return self._open and len(self._events) >= CAPACITY

    def append(self, event: Event) -> None:
        """Add an event, from any thread."""
        if not self._open:
            return
        self._events.append(event)
        if threading.get_ident() == self._thread:
            self._reader.wake()
        else:
            self._token.run_sync_soon(self._reader.wake, idempotent=True)

    async def room(self) -> None:
        """Wait until the listener has caught up."""
        while self.full:
            await self._writers.park()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more events come: none that is appended, and an error, if there is one, after the last."""
        self._open = False
        self._error = self._error or error
        self._reader.wake()
        self._writers.wake()

    def take_error(self) -> BaseException | None:
        """Return the error that the run ended with, if nobody has got it: it is the caller's from now on."""
        error, self._error = self._error, None
        return error

    async def read(self) -> AsyncGenerator[Event, None]:
        """Iterate over the events until the log is closed and empty; then raise the error that it was closed with."""
        while True:
            while not self._events:
                if not self._open:
                    error = self.take_error()
                    if error is not None:
                        raise error
                    return
                await self._reader.park()
            events, self._events = self._events, []
            self._writers.wake()
            for event in events:
                yield event
