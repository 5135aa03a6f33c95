"""What stands between two stages: a queue that hands over all it holds at once, or a value in the making."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Final, final

import trio

from graphflow_compiler.accumulate import Fold
from graphflow_compiler.errors import InternalError

_NOTHING: Final = object()


@final
class Parking:
    """Where tasks wait until somebody wakes them, without the cost of a scheduler tick while nobody has to."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: deque[trio.lowlevel.Task] = deque()

    async def park(self) -> None:
        """Wait until `wake`; cancelled as any other wait."""
        task = trio.lowlevel.current_task()
        self._tasks.append(task)

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._tasks.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def wake(self) -> None:
        """Wake all that wait."""
        while self._tasks:
            trio.lowlevel.reschedule(self._tasks.popleft())


@final
class Queue:
    """A stream from one or more writers to one reader, who takes everything that is there at once.

    With a capacity, a writer that is that many chunks ahead waits. An error of a writer arrives at the reader after
    the chunks before it; once read, it is the reader's. After the reader has left, writing does nothing.
    """

    __slots__ = ("_capacity", "_chunks", "_error", "_reader", "_writers", "_writing", "abandoned")

    def __init__(self, capacity: int | None, writers: int = 1) -> None:
        self._capacity = capacity
        self._writing = writers
        self._chunks: list[Any] = []
        self._error: BaseException | None = None
        self._reader = Parking()
        self._writers = Parking()
        self.abandoned = False

    # --- writing ---

    @property
    def full(self) -> bool:
        """Tell whether a writer has to wait before it writes again."""
        return self._capacity is not None and len(self._chunks) >= self._capacity and not self.abandoned

    def put(self, chunk: object) -> None:
        """Write a chunk; whoever finds the queue `full` afterwards awaits `room`."""
        if not self.abandoned:
            self._chunks.append(chunk)
            self._reader.wake()

    async def room(self) -> None:
        """Wait until the queue is not full."""
        while self.full:
            await self._writers.park()

    def end(self) -> None:
        """Say that one writer is done."""
        self._writing -= 1
        self._reader.wake()

    def fail(self, error: BaseException) -> None:
        """Say that one writer has failed: the reader gets the error after the chunks before it."""
        if self._error is None:
            self._error = error
        self.end()

    # --- reading ---

    async def read(self) -> AsyncGenerator[Any, None]:
        """Iterate over the chunks until all writers are done."""
        while True:
            while not self._chunks:
                if self._error is not None:
                    raise self.take_error()
                if self._writing <= 0:
                    return
                await self._reader.park()
            chunks, self._chunks = self._chunks, []
            self._writers.wake()
            for chunk in chunks:
                yield chunk

    def abandon(self) -> None:
        """Say that the reader has left."""
        self.abandoned = True
        self._chunks.clear()
        self._writers.wake()

    def take_error(self) -> BaseException:
        """Return the error of a writer, which is the caller's from now on."""
        error, self._error = self._error, None
        if error is None:
            raise InternalError("an error was taken from a queue that has none")
        return error

    @property
    def unseen(self) -> BaseException | None:
        """The error that no reader has got."""
        return self._error


@final
class Slot:
    """The value in the making of a port that waits for it: every chunk is folded as it comes, so it is never full.

    Attributes:
        started: called at the first chunk, for events.
    """

    __slots__ = ("_done", "_error", "_fold", "_reader", "_value", "abandoned", "started")

    full: Final = False

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._value: object = _NOTHING
        self._error: BaseException | None = None
        self._done = False
        self._reader = Parking()
        self.abandoned = False
        self.started: Any = None

    def put(self, chunk: object) -> None:
        """Fold a chunk."""
        if self.started is not None:
            self.started()
            self.started = None
        if not self.abandoned:
            self._fold.add(chunk)

    async def room(self) -> None:
        """Return at once: there is always room."""

    def set(self, value: object) -> None:
        """Give the value as it is, instead of chunks of it."""
        self._value = value
        self.end()

    def end(self) -> None:
        """Say that the writer is done."""
        self._done = True
        self._reader.wake()

    def fail(self, error: BaseException) -> None:
        """Say that the writer has failed: whoever asks for the value gets the error."""
        self._error = error
        self.end()

    async def wait(self) -> None:
        """Wait until the value is complete; raises the error of the writer, if it failed."""
        while not self._done:
            await self._reader.park()
        if self._error is not None:
            raise self.take_error()

    def value(self) -> object:
        """Return the value.

        Raises:
            EmptyStreamError: there was no chunk, and the accumulator has no initial value.
        """
        if self._value is _NOTHING:
            self._value = self._fold.value()
        return self._value

    def abandon(self) -> None:
        """Say that the reader has left."""
        self.abandoned = True

    def take_error(self) -> BaseException:
        """Return the error of the writer, which is the caller's from now on."""
        error, self._error = self._error, None
        if error is None:
            raise InternalError("an error was taken from a slot that has none")
        return error

    @property
    def unseen(self) -> BaseException | None:
        """The error that no reader has got."""
        return self._error


Buffer = Queue | Slot
