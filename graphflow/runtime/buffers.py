"""What stands between two stages: a queue that hands over all it holds at once, or a value in the making."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, final

from graphflow.runtime.slices import Slice
from graphflow.runtime.tasks import Parking
from graphflow_compiler.accumulate import Fold

_NOTHING: Final = object()


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

    With a capacity, a writer that is that many chunks ahead waits; what the reader has taken counts until it has gone
    through all of it. An error of a writer arrives at the reader after the chunks before it; once read, it is the
    reader's. After the reader has left, writing does nothing.
    """

    __slots__ = ("_capacity", "_chunks", "_failures", "_in_hand", "_reader", "_writers", "_writing", "abandoned")

    def __init__(self, capacity: int | None, writers: int = 1) -> None:
        self._capacity = capacity
        self._writing = writers
        self._chunks: list[Any] = []
        self._in_hand = 0
        self._failures = Failures()
        self._reader = Parking()
        self._writers = Parking()
        self.abandoned = False

    # --- writing ---

    def add_writer(self, capacity: int | None) -> None:
        """Expect one writer more, for whom there is so much more room."""
        self._writing += 1
        self._capacity = None if self._capacity is None or capacity is None else self._capacity + capacity

    @property
    def full(self) -> bool:
        """Tell whether a writer has to wait before it writes again."""
        capacity = self._capacity
        return capacity is not None and len(self._chunks) + self._in_hand >= capacity and not self.abandoned

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
        # Only without a capacity may so much be there that a reader who drops every chunk would not wait for long.
        time = Slice() if self._capacity is None else None
        while True:
            while not self._chunks:
                error = self._failures.take()
                if error is not None:
                    raise error
                if self._writing <= 0:
                    return
                await self._reader.park()
            chunks, self._chunks = self._chunks, []
            self._in_hand = len(chunks)
            for chunk in chunks:
                yield chunk
                if time is not None and time.due():
                    await time.renew()
            self._in_hand = 0
            self._writers.wake()

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

    A chunk that cannot be folded is no failure of the writer: the reader gets the error, and the rest is dropped.
    """

    __slots__ = (
        "_done",
        "_failures",
        "_fold",
        "_has_begun",
        "_reader",
        "_started",
        "_unfoldable",
        "_value",
        "abandoned",
    )

    full: Final = False

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._value: object = _NOTHING
        self._failures = Failures()
        self._unfoldable: Exception | None = None
        self._done = False
        self._reader = Parking()
        self._has_begun = False
        self._started: Callable[[], None] | None = None
        self.abandoned = False

    def watch(self, started: Callable[[], None]) -> None:
        """Call a function, for events, when the first chunk comes; at once if one has come."""
        self._started = started
        if self._has_begun:
            self._begin()

    def _begin(self) -> None:
        self._has_begun = True
        started, self._started = self._started, None
        if started is not None:
            started()

    def put(self, chunk: object) -> None:
        """Fold a chunk."""
        if not self._has_begun:
            self._begin()
        if self.abandoned or self._unfoldable is not None:
            return
        try:
            self._fold.add(chunk)
        except Exception as error:
            self._unfoldable = error
            self._reader.wake()

    async def room(self) -> None:
        """Return at once: there is always room."""

    def set(self, value: object) -> None:
        """Give the value as it is, instead of chunks of it."""
        self._value = value
        self._begin()
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
        """Wait until the value is complete, or cannot be; raises the error of the writer, if it failed."""
        while not self._done and self._unfoldable is None:
            await self._reader.park()
        error = self._failures.take()
        if error is not None:
            raise error

    def value(self) -> object:
        """Return the value.

        Raises:
            EmptyStreamError: there was no chunk, and the accumulator has no initial value.
            Exception: a chunk could not be folded.
        """
        if self._unfoldable is not None:
            raise self._unfoldable
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
