"""Limits: how much may be at work at once, in a chain or in everything that one run starts."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
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

    What waits for something else under the same limit does not work meanwhile: it lends its place, so that a limit can
    never make the two wait for each other.
    """

    __slots__ = ("_around", "_is_held", "_lent", "_limiter")

    def __init__(self, limit: Limit) -> None:
        self._limiter = limit.limiter
        self._is_held = False
        self._lent = 0
        around = HELD.get()
        self._around = around if around is not None and around._limiter is self._limiter else None

    async def __aenter__(self) -> Self:
        if self._around is not None:
            self._around._lend()
        try:
            await self._acquire()
        except BaseException:
            if self._around is not None:
                await self._around._take_back()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()
        if self._around is not None:
            await self._around._take_back()

    async def _acquire(self) -> None:
        await self._limiter.acquire_on_behalf_of(self)
        self._is_held = True

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
        if not self._lent:
            await self._acquire()


#: The place that the code of the current node holds.
HELD: Final[contextvars.ContextVar[Hold | None]] = contextvars.ContextVar("graphflow_held", default=None)


async def limited(limit: Limit, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Await a function while there is a place for it."""
    async with Hold(limit) as hold:
        token = HELD.set(hold)
        try:
            return await function(*args)
        finally:
            HELD.reset(token)


async def limited_stream(limit: Limit, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate over the chunks of a node, which holds a place from its first step to its last."""
    async with Hold(limit) as hold:
        advance = chunks.__anext__
        while True:
            token = HELD.set(hold)
            try:
                chunk = await advance()
            except StopAsyncIteration:
                return
            finally:
                HELD.reset(token)
            yield chunk
