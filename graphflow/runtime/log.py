"""The events of one run, on their way to the one who listens: bounded, and in one order, also those of threads."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final, final

import trio

from graphflow.events import Event
from graphflow.runtime.tasks import Parking

#: How many events may wait for the listener before nodes do.
CAPACITY: Final = 1024
#: How many are left when nodes go on: fewer, so that they go on with many events to make, not with one.
LOW: Final = CAPACITY // 2


@final
class EventLog:
    """A bounded queue of events with one reader. Appending never waits; `room` does, where a node can.

    Nodes may run in worker threads, and may run other chains in loops of other threads.

    Attributes:
        lock: held while a run tells something that has to come before, or after, what another run tells.
    """

    __slots__ = ("_error", "_events", "_is_awaited", "_open", "_reader", "_thread", "_token", "_waiting", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._events: deque[Event] = deque()
        self._error: BaseException | None = None
        self._open = True
        self._is_awaited = False  # set before the reader looks for the last time, so that no thread fails to wake it
        self._reader = Parking()
        self._waiting: dict[trio.lowlevel.TrioToken, Parking] = {}
        self._thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()

    def is_full(self) -> bool:
        """Tell whether nodes should wait before they go on."""
        return len(self._events) >= CAPACITY and self._open

    def append(self, event: Event) -> bool:
        """Add an event, from any thread; it gets its number when it is read.

        Returns:
            whether nodes should wait before they go on.
        """
        if not self._open:
            return False
        events = self._events
        events.append(event)
        if self._is_awaited:
            self._wake_reader()
        return len(events) >= CAPACITY

    def _wake_reader(self) -> None:
        self._is_awaited = False
        if threading.get_ident() == self._thread:
            self._reader.wake()
        else:
            _soon(self._token, self._reader.wake)

    async def room(self) -> None:
        """Wait until the listener has caught up."""
        while True:
            with self.lock:
                if not self.is_full():
                    return
                parking = self._waiting.setdefault(trio.lowlevel.current_trio_token(), Parking())
            await parking.park()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more events come: none that is appended, and an error, if there is one, after the last."""
        with self.lock:
            self._open = False
            self._error = self._error or error
        self._reader.wake()
        self._wake_waiting()

    def take_error(self) -> BaseException | None:
        """Return the error that the run ended with, if nobody has got it: it is the caller's from now on."""
        error, self._error = self._error, None
        return error

    async def read(self) -> AsyncGenerator[Event, None]:
        """Iterate over the events until the log is closed and empty; then raise the error that it was closed with."""
        events = self._events
        count = 0
        while True:
            while events:
                for _ in range(min(len(events), LOW)):
                    event = events.popleft()
                    event.seq = count
                    count += 1
                    yield event
                if self._waiting and len(events) <= LOW:
                    self._wake_waiting()
            if not self._open:
                break
            self._is_awaited = True
            if not events:
                await self._reader.park()
            self._is_awaited = False
        error = self.take_error()
        if error is not None:
            raise error

    def _wake_waiting(self) -> None:
        with self.lock:
            waiting, self._waiting = self._waiting, {}
        for token, parking in waiting.items():
            if token is self._token:
                parking.wake()
            else:
                _soon(token, parking.wake)


def _soon(token: trio.lowlevel.TrioToken, call: Callable[[], None]) -> None:
    with contextlib.suppress(trio.RunFinishedError):  # then nobody waits there any more
        token.run_sync_soon(call, idempotent=True)
