"""Limits: how much may be at work at once, in a chain or in everything that one run starts."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self, final

import trio


@final
class Limit:
    """So many at once, of all that it is given to: chains (`with_limit`) or runs (``limit=``).

    Each event loop has its own count.

    Args:
        total: how many, at least 1.

    Attributes:
        total: the same.

    >>> Limit(4)
    Limit(4)
    """

    def __init__(self, total: int) -> None:
        if type(total) is not int:
            raise TypeError(f"a limit is how many may be at work at once: a whole number, not {total!r}")
        if total < 1:
            raise ValueError(f"a limit is how many may be at work at once: at least 1, not {total!r}")
        self.total = total
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("graphflow limit")

    @classmethod
    def of(cls, limit: int | Limit) -> Limit:
        """Return the limit, made of a number if it is one."""
        return limit if isinstance(limit, Limit) else cls(limit)

    def __repr__(self) -> str:
        return f"Limit({self.total})"

    @property
    def limiter(self) -> trio.CapacityLimiter:
        """What counts in this event loop."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(self.total)
            self._limiter.set(limiter)
            return limiter


@final
class Hold:
    """One place of a limit, while something is at work in it: ``async with Hold(limit):``.

    What waits does not work, so that a limit never makes the two wait for each other that need it:

    - A node that waits for a run inside of it lends its place, of whatever limit that run needs one. So does a chain
      under a limit that runs another under the same.
    - A stream that nobody asks for its next chunk rests. It lends its place where its reader, or a task that its reader
      has started, waits for one; and where its reader waits for another part of its run, such as room in a buffer.

    Nothing that holds a place of a node waits for another place. One that `wraps` nodes is held while these wait for
    theirs, and never the other way round.

    Args:
        limit: the limit.
        wraps: it is of a chain rather than of a node: what runs inside of it is its work.
    """

    __slots__ = (
        "_is_held",
        "_is_over",
        "_is_wanted",
        "_lenders",
        "_lends_rest",
        "_lent",
        "_limiter",
        "_outer",
        "_reader",
        "_wraps",
    )

    def __init__(self, limit: Limit, *, wraps: bool = False) -> None:
        self._limiter = limit.limiter
        self._wraps = wraps
        self._outer = HELD.get()
        self._lenders: list[Hold] = []
        self._is_held = False
        self._is_over = False
        self._is_wanted = False
        self._lent = 0
        self._reader: trio.lowlevel.Task | None = None  # while it rests
        self._lends_rest = False

    async def __aenter__(self) -> Self:
        node = next((one for one in self._around() if not one._wraps), None)
        same = next((one for one in self._around() if one._limiter is self._limiter), None)
        self._lenders = [one for one in dict.fromkeys((node, same)) if one is not None]
        for one in self._lenders:
            one._lend()
        try:
            await self._acquire()
        except BaseException as error:
            await _take_back(self._lenders, error)
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True  # another task may have to end yet that waits in it
        self._wake()
        self._release()
        await _take_back(self._lenders, raised)

    async def while_it_waits(self, wait: Awaitable[Any]) -> Any:
        """Await something that does not belong to what is at work here, such as its input."""
        token = HELD.set(self._outer)
        self._lend()
        raised: BaseException | None = None
        try:
            return await wait
        except BaseException as error:
            raised = error
            raise
        finally:
            HELD.reset(token)
            await _take_back((self,), raised)

    # --- rest ---

    def rest(self) -> None:
        """Say that it works only when this task asks for more."""
        task = self._reader = trio.lowlevel.current_task()
        RESTING.setdefault(task, {})[self] = None
        if task in _WAITING_BELOW:
            self._lend_rest()

    async def resume(self) -> None:
        """Say that it works again, and wait for its place, if that was lent."""
        self._wake()
        if self._lends_rest:
            self._lends_rest = False
            await self._take_back()

    def _wake(self) -> None:
        if self._reader is not None:
            resting = RESTING[self._reader]
            del resting[self]
            if not resting:
                del RESTING[self._reader]
            self._reader = None

    def _lend_rest(self) -> None:
        if not self._lends_rest:
            self._lends_rest = True
            self._lend()

    # --- details ---

    def _around(self) -> Iterator[Hold]:
        """Yield the places that what is at work here works in, from the inside out."""
        outer = self._outer
        while outer is not None:
            yield outer
            outer = outer._outer

    async def _acquire(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._limiter.acquire_on_behalf_of_nowait(self)
        except trio.WouldBlock:
            waiting = tuple(_with_ancestors(trio.lowlevel.current_task()))
            for task in waiting:
                _WAITING_BELOW[task] = _WAITING_BELOW.get(task, 0) + 1
                lend_resting(task)
            self._is_wanted = True
            try:
                await self._limiter.acquire_on_behalf_of(self)
            finally:
                self._is_wanted = False
                for task in waiting:
                    _WAITING_BELOW[task] -= 1
                    if not _WAITING_BELOW[task]:
                        del _WAITING_BELOW[task]
        self._is_held = True

    @property
    def _needs_place(self) -> bool:
        return not self._lent and not self._is_over

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._limiter.release_on_behalf_of(self)

    def _lend(self) -> None:
        self._lent += 1
        self._release()

    async def _take_back(self) -> None:
        """Wait for a place again, once all that it was lent for is over."""
        self._lent -= 1
        if self._is_held or self._is_wanted or not self._needs_place:
            return
        await self._acquire()
        if not self._needs_place:  # any more
            self._release()


async def _take_back(lenders: Iterable[Hold], raised: BaseException | None) -> None:
    """Let those who have lent a place take it back; an error on its way out is not lost to a cancellation."""
    cancelled: trio.Cancelled | None = None
    for one in lenders:
        try:
            await one._take_back()
        except trio.Cancelled as error:
            cancelled = error
    if cancelled is not None and raised is None:
        raise cancelled


def _with_ancestors(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """Yield a task, the one that has started it, and so on."""
    current: trio.lowlevel.Task | None = task
    while current is not None:
        yield current
        current = None if current.parent_nursery is None else current.parent_nursery.parent_task


#: The place that the code of the current node holds.
HELD: Final[contextvars.ContextVar[Hold | None]] = contextvars.ContextVar("graphflow_held", default=None)

#: The places of the streams that a task reads, and does not ask for a chunk.
RESTING: Final[dict[trio.lowlevel.Task, dict[Hold, None]]] = {}

#: How many tasks wait for a place, by task: itself, or what it has started.
_WAITING_BELOW: Final[dict[trio.lowlevel.Task, int]] = {}


def lend_resting(task: trio.lowlevel.Task) -> None:
    """Lend the places of all streams that a task reads: it waits for something else."""
    for hold in tuple(RESTING.get(task, ())):
        hold._lend_rest()


async def limited(limit: Limit, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Await a function while there is a place for it."""
    async with Hold(limit) as hold:
        token = HELD.set(hold)
        try:
            return await function(*args)
        finally:
            HELD.reset(token)


async def limited_stream(hold: Hold, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate over the chunks of what holds a place from its first step to its last, but where it lends that."""
    async with hold:
        advance = chunks.__anext__
        while True:
            await hold.resume()
            token = HELD.set(hold)
            try:
                chunk = await advance()
            except StopAsyncIteration:
                return
            finally:
                HELD.reset(token)
            hold.rest()
            yield chunk
