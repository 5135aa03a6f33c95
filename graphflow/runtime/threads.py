"""Synchronous iterators among asynchronous ones: in place where that is safe, in a worker thread where it is not."""

from __future__ import annotations

import contextvars
import inspect
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, final

import trio

_DONE: Final = object()

#: For threads that wait for others: if their number had a limit, all of them could wait for one that may not begin.
_UNLIMITED: Final = trio.CapacityLimiter(math.inf)
#: For functions that work by themselves: as many at once as Trio allows, without a part in Trio's own allowance, which
#: may be held by threads that wait for a chain.
_LIMITED: Final[trio.lowlevel.RunVar[trio.CapacityLimiter]] = trio.lowlevel.RunVar("graphflow functions in threads")
#: Whether this runs for such a function, which waits for it.
_NESTED: Final[contextvars.ContextVar[bool]] = contextvars.ContextVar("graphflow_in_thread", default=False)


@final
class InThread(AsyncIterator[Any]):
    """An asynchronous view of a synchronous iterator, which a worker thread iterates, chunk by chunk.

    Attributes:
        iterator: what is iterated.
    """

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    async def __anext__(self) -> Any:
        chunk = await trio.to_thread.run_sync(next, self.iterator, _DONE, limiter=_UNLIMITED)
        if chunk is _DONE:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Close the iterator, if it can be closed and is at work."""
        iterator = self.iterator
        close = getattr(iterator, "close", None)
        if close is None or (inspect.isgenerator(iterator) and inspect.getgeneratorstate(iterator) != "GEN_SUSPENDED"):
            return
        # Closing runs the user's cleanup, which may block; it must finish also when this task is cancelled.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(close, limiter=_UNLIMITED)


@final
class Pulled(Iterator[Any]):
    """A synchronous view of an asynchronous stream, for code in a worker thread of the task that owns the stream.

    Where that is itself a view of an iterator, the thread iterates that: synchronous generators share one thread.
    """

    def __init__(self, chunks: AsyncIterator[Any]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[Any]:
        return self._chunks.iterator if isinstance(self._chunks, InThread) else self

    def __next__(self) -> Any:
        if isinstance(self._chunks, InThread):
            return next(self._chunks.iterator)
        chunk = trio.from_thread.run(anext, self._chunks, _DONE)
        if chunk is _DONE:
            raise StopIteration
        return chunk


async def in_thread(function: Callable[..., Any], *args: Any, waits: bool = False) -> Any:
    """Call a blocking function in a worker thread, and wait for it to end even if cancelled: no thread is left.

    Args:
        function: the function.
        args: its arguments.
        waits: it reads a stream, so that other nodes have to work on for it to end.
    """

    def call() -> Any:
        _NESTED.set(True)
        return function(*args)

    return await trio.to_thread.run_sync(call, limiter=_UNLIMITED if waits or _NESTED.get() else _limiter())


def _limiter() -> trio.CapacityLimiter:
    try:
        return _LIMITED.get()
    except LookupError:
        limiter = trio.CapacityLimiter(trio.to_thread.current_default_thread_limiter().total_tokens)
        _LIMITED.set(limiter)
        return limiter
