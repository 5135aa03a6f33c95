"""What stands between stages: a log that hands over all it holds at once, or a value in the making."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from graphflow.runtime.slices import Slice
from graphflow.runtime.tasks import Parking
from graphflow_compiler.accumulate import Fold

if TYPE_CHECKING:
    from graphflow.runtime.metering import Watch
    from graphflow.runtime.standstill import Waits
    from graphflow_compiler.plan import StageId

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

    @property
    def has_any(self) -> bool:
        """Whether there is an error to take."""
        return bool(self.unseen) or self._elsewhere is not None

    def take(self) -> BaseException | None:
        """Return the next error, which is the caller's from now on; None if there is no other."""
        if self.unseen:
            return self.unseen.pop(0)
        error, self._elsewhere = self._elsewhere, None
        return error


@final
class Log:
    """Chunks on their way from writers to readers, each kept once, until the last reader has gone through it.

    A writer that is further ahead of a reader than that one's capacity waits, at the pace of the slowest. A log of one
    reader is a queue; of several, what a fork writes.
    """

    __slots__ = (
        "_bound",
        "_bounding",
        "_chunks",
        "_gone",
        "_hindmost",
        "_limit",
        "_places",
        "_readers",
        "_waiting",
        "_writers",
    )

    def __init__(self) -> None:
        self._chunks: list[Any] = []
        self._places: list[int] = []  # of the writers of these, where there are several
        self._gone = 0  # how many chunks came before the first of these
        self._hindmost = 0  # how many readers have gone through no more than that
        self._bound = sys.maxsize  # how many chunks there may be in all before a writer has to wait
        self._bounding = 0  # how many readers say so
        self._limit = sys.maxsize  # how many of the chunks that are here there may be, likewise
        self._readers: list[Reader] = []
        self._waiting = Parking()
        self._writers = Parking()

    # --- writing ---

    def put(self, chunk: object) -> bool:
        """Write a chunk; tells whether the writer has to wait for `room` before it writes again."""
        if not self._readers:
            return False
        self._chunks.append(chunk)
        if self._waiting.tasks:
            self._waiting.wake()
        return len(self._chunks) >= self._limit

    def put_from(self, place: int, chunk: object) -> bool:
        """Write a chunk as one of several writers, of which those with lower places come first in a tie."""
        if not self._readers:
            return False
        self._places.append(place)
        self._chunks.append(chunk)
        if self._waiting.tasks:
            self._waiting.wake()
        return len(self._chunks) >= self._limit

    async def room(self) -> None:
        """Wait until there is room for a chunk."""
        while self.keeps_waiting:
            await self._writers.park()

    async def room_for(self, stage: StageId, waits: Waits) -> None:
        """Do the same where others can see it.

        Args:
            stage: who waits here.
            waits: who in this execution waits for whom.
        """
        while self._readers and len(self._chunks) >= self._limit:
            if waits.sleepers.count + 1 >= waits.live and waits.look(stage, self):
                continue  # something has grown, perhaps this
            await self._writers.park()

    @property
    def keeps_waiting(self) -> bool:
        """Whether a writer has to wait."""
        return bool(self._readers) and len(self._chunks) >= self._limit

    def slowest(self) -> list[Reader]:
        """Return the readers because of whom there is no room."""
        return [one for one in self._readers if one.capacity is not None and one.position + one.capacity == self._bound]

    def room_in_all(self) -> int:
        """Return how many chunks there may be, at the least, that a reader has not gone through."""
        return min((one.capacity for one in self._readers if one.capacity is not None), default=sys.maxsize)

    def grow(self) -> int:
        """Give all readers twice the room, let the writers go on, and return how much room there is now."""
        for reader in self._readers:
            if reader.capacity is not None:
                reader.capacity *= 2
        self._rebound()
        self._limit = self._bound - self._gone
        self._writers.wake()
        return self.room_in_all()

    # --- readers: what has to be known of all is counted, so that no step of one looks at all of them ---

    def add(self, reader: Reader) -> None:
        """Let one more read, from the first chunk on."""
        self._readers.append(reader)
        self._hindmost += 1
        self.limit(reader)

    def limit(self, reader: Reader) -> None:
        """Let the capacity of a reader count, which has read nothing yet."""
        if reader.capacity is None:
            return
        if reader.capacity < self._bound or len(self._readers) == 1:
            self._bound, self._bounding = reader.capacity, 0
        self._bounding += reader.capacity == self._bound
        self._limit = self._bound

    def move(self, reader: Reader, position: int) -> None:
        """Say how far a reader has gone."""
        before, reader.position = reader.position, position
        self._let_go(reader, before)

    def remove(self, reader: Reader) -> None:
        """Let a reader read no more."""
        if reader in self._readers:
            self._readers.remove(reader)
            self._let_go(reader, reader.position)
            if not self._readers:
                self._chunks.clear()
                self._places.clear()
                self._writers.wake()

    def _let_go(self, reader: Reader, position: int) -> None:
        """Drop what all have gone through, and let the writers go on, if that reader was the last in its way."""
        moved = False
        if position == self._gone:
            self._hindmost -= 1
            if not self._hindmost and self._readers:
                moved = self._drop()
        if reader.capacity is not None and position + reader.capacity == self._bound:
            self._bounding -= 1
            if not self._bounding:
                moved = self._rebound()
        if moved:
            self._limit = self._bound - self._gone
            if self._writers.tasks and len(self._chunks) < self._limit:
                self._writers.wake()

    def _drop(self) -> bool:
        positions = [reader.position for reader in self._readers]
        first = min(positions)
        self._hindmost = positions.count(first)
        del self._chunks[: first - self._gone]
        del self._places[: first - self._gone]
        self._gone = first
        return True

    def _rebound(self) -> bool:
        bounds = [reader.position + reader.capacity for reader in self._readers if reader.capacity is not None]
        self._bound = min(bounds, default=sys.maxsize)
        self._bounding = bounds.count(self._bound)
        return True


@final
class Reader:
    """One who reads a log, and takes everything that is there at once.

    What a reader has taken counts as there until it has gone through all of it. An error of a writer arrives after the
    chunks before it; once it has, it is the reader's. After the reader has left, nobody writes for it.

    Args:
        log: what it reads.
        capacity: how far a writer may be ahead of it; None is as far as it likes.
        writers: how many write for it.

    Attributes:
        position: how many chunks it has gone through.
        watch: who measures it; None where nobody does.
        stage: the stage that reads; None outside of an execution.
        waits: who waits for whom there.
    """

    __slots__ = ("_failures", "_taken", "_writing", "capacity", "log", "position", "stage", "waits", "watch")

    def __init__(self, log: Log, capacity: int | None, writers: int = 1) -> None:
        self.log = log
        self.capacity = capacity
        self.position = 0
        self._taken = 0
        self._writing = writers
        self._failures = Failures()
        self.watch: Watch | None = None
        self.stage: StageId | None = None
        self.waits: Waits | None = None
        log.add(self)

    def add_writer(self, capacity: int | None) -> None:
        """Expect one writer more, for whom there is so much more room."""
        self._writing += 1
        self.capacity = None if self.capacity is None or capacity is None else self.capacity + capacity
        self.log.limit(self)

    def end(self) -> None:
        """Say that one writer is done."""
        self._writing -= 1
        self.log._waiting.wake()

    def fail(self, error: BaseException, *, is_own: bool = True) -> None:
        """Say that one writer has failed: the reader gets the error after the chunks before it."""
        self._failures.add(error, is_own=is_own)
        self.end()

    async def take(self) -> list[Any]:
        """Return all chunks that are there, and wait if there is none; an empty list once all writers are done.

        What was taken before counts as gone through.
        """
        log = self.log
        if self.watch is not None:
            self.watch.asks(log._gone + len(log._chunks) - self.position)
        if self._taken:
            taken, self._taken = self._taken, 0
            log.move(self, self.position + taken)
        has_waited = False
        while self.position == log._gone + len(log._chunks):
            error = self._failures.take()
            if error is not None:
                raise error
            if self._writing <= 0:
                if self.watch is not None:
                    self.watch.gets(0)
                return []
            waits = self.waits
            if waits is not None and waits.sleepers.count + 1 >= waits.live:
                waits.look(self.stage, self)
            await log._waiting.park()
            has_waited = True
        first = self.position - log._gone
        if self.watch is not None:
            self.watch.gets(len(log._chunks) - first)
        chunks = log._chunks[first:]
        self._taken = len(chunks)
        if has_waited and log._places:  # all of it came in one step of the loop: that is a tie
            places = log._places[first:]
            chunks = [chunks[index] for index in sorted(range(len(chunks)), key=places.__getitem__)]
        return chunks

    async def read(self) -> AsyncGenerator[Any, None]:
        """Iterate over the chunks until all writers are done."""
        # Only without a capacity may so much be there that a reader who drops every chunk would not wait for long.
        time = Slice() if self.capacity is None else None
        while chunks := await self.take():
            for chunk in chunks:
                yield chunk
                if time is not None and time.due():
                    await time.renew()

    @property
    def parkings(self) -> Sequence[Parking]:
        """Where tasks wait for chunks of the log, and where they wait for room."""
        return self.log._waiting, self.log._writers

    @property
    def keeps_waiting(self) -> bool:
        """Whether there is nothing to read yet."""
        log = self.log
        is_told = self._writing <= 0 or self._failures.has_any
        return not is_told and self.position == log._gone + len(log._chunks)

    def abandon(self) -> None:
        """Say that the reader has left."""
        self.log.remove(self)

    @property
    def unseen(self) -> list[BaseException]:
        """The errors that the reader has not got."""
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
        "stage",
        "waits",
    )

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
        self.stage: StageId | None = None
        self.waits: Waits | None = None

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

    def put(self, chunk: object) -> bool:
        """Fold a chunk; there is always room for more."""
        if not self._has_begun:
            self._begin()
        if not self.abandoned and self._unfoldable is None:
            try:
                self._fold.add(chunk)
            except Exception as error:
                self._unfoldable = error
                self._reader.wake()
        return False

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
        while self.keeps_waiting:
            waits = self.waits
            if waits is not None and waits.sleepers.count + 1 >= waits.live:
                waits.look(self.stage, self)
            await self._reader.park()
        error = self._failures.take()
        if error is not None:
            raise error

    @property
    def parkings(self) -> Sequence[Parking]:
        """Where a task waits for the value."""
        return (self._reader,)

    @property
    def keeps_waiting(self) -> bool:
        """Whether the value is not complete yet."""
        return not self._done and self._unfoldable is None

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


Buffer = Reader | Slot
