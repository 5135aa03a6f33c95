"""The events of one run, on their way to the one who listens: bounded, and in one order, also those of threads."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, final

import trio

from graphflow.events import Event, Run
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

    __slots__ = ("_count", "_error", "_events", "_open", "_reader", "_thread", "_token", "_waiting", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._events: deque[Event] = deque()
        self._count = 0
        self._error: BaseException | None = None
        self._open = True
        self._reader = Parking()
        self._waiting: dict[trio.lowlevel.TrioToken, Parking] = {}
        self._thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()

    @property
    def full(self) -> bool:
        """Tell whether nodes should wait before they go on."""
        return len(self._events) >= CAPACITY and self._open

    def append(self, kind: Callable[..., Event], run: Run, data: Any, *more: str) -> None:
        """Add an event, from any thread, and give it its place."""
        with self.lock:
            if not self._open:
                return
            self._events.append(kind(run, data, self._count, *more))
            self._count += 1
        if threading.get_ident() == self._thread:
            self._reader.wake()
        else:
            _soon(self._token, self._reader.wake)

    async def room(self) -> None:
        """Wait until the listener has caught up."""
        while True:
            with self.lock:
                if not self.full:
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
        while True:
            while self._events:
                with self.lock:
                    event = self._events.popleft()
                if self._waiting and len(self._events) <= LOW:
                    self._wake_waiting()
                yield event
            if self._open:
                await self._reader.park()
                continue
            error = self.take_error()
            if error is not None:
                raise error
            return

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
