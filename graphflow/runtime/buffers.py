"""What stands between two stages: a queue that hands over all it holds at once, or a value in the making."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Final, final

import trio

from graphflow_compiler.accumulate import Fold

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
class Failures:
    """What writers have failed with, until a reader gets it.

    Attributes:
        unseen: the errors that no reader has got.
    """

    __slots__ = ("_elsewhere", "unseen")

    def __init__(self) -> None:
        self.unseen: list[BaseException] = []
        self._elsewhere: BaseException | None = None

    def add(self, error: BaseException, *, is_own: bool) -> None:
        """Keep an error; one that is not the writer's own is told elsewhere too, so that nobody need see it here."""
        if is_own:
            self.unseen.append(error)
        else:
            self._elsewhere = error

    def take(self) -> BaseException | None:
        """Return the next error, which is the caller's from now on; None if there is no other."""
        if self.unseen:
            return self.unseen.pop(0)
        error, self._elsewhere = self._elsewhere, None
        return error


@final
class Queue:
    """A stream from one or more writers to one reader, who takes everything that is there at once.

    With a capacity, a writer that is that many chunks ahead waits. An error of a writer arrives at the reader after
    the chunks before it; once read, it is the reader's. After the reader has left, writing does nothing.
    """

    __slots__ = ("_capacity", "_chunks", "_failures", "_reader", "_writers", "_writing", "abandoned")

    def __init__(self, capacity: int | None, writers: int = 1) -> None:
        self._capacity = capacity
        self._writing = writers
        self._chunks: list[Any] = []
        self._failures = Failures()
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

    def fail(self, error: BaseException, *, is_own: bool = True) -> None:
        """Say that one writer has failed: the reader gets the error after the chunks before it."""
        self._failures.add(error, is_own=is_own)
        self.end()

    # --- reading ---

    async def read(self) -> AsyncGenerator[Any, None]:
        """Iterate over the chunks until all writers are done."""
        while True:
            while not self._chunks:
                error = self._failures.take()
                if error is not None:
                    raise error
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

    @property
    def unseen(self) -> list[BaseException]:
        """The errors that no reader has got."""
        return self._failures.unseen


@final
class Slot:
    """The value in the making of a port that waits for it: every chunk is folded as it comes, so it is never full.

    Attributes:
        started: called at the first chunk, for events.
    """

    __slots__ = ("_done", "_failures", "_fold", "_reader", "_value", "abandoned", "started")

    full: Final = False

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._value: object = _NOTHING
        self._failures = Failures()
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

    def fail(self, error: BaseException, *, is_own: bool = True) -> None:
        """Say that the writer has failed: whoever asks for the value gets the error."""
        self._failures.add(error, is_own=is_own)
        self.end()

    async def wait(self) -> None:
        """Wait until the value is complete; raises the error of the writer, if it failed."""
        while not self._done:
            await self._reader.park()
        error = self._failures.take()
        if error is not None:
            raise error

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

    @property
    def unseen(self) -> list[BaseException]:
        """The errors that no reader has got."""
        return self._failures.unseen


Buffer = Queue | Slot
