"""Synchronous iterators among asynchronous ones: in place where that is safe, in a worker thread where it is not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, Final, final

import trio

_DONE: Final = object()


@final
class Pulled(Iterator[Any]):
    """A synchronous view of an asynchronous stream, for code in a worker thread of the task that owns the stream."""

    def __init__(self, chunks: AsyncIterator[Any]) -> None:
        self._chunks = chunks

    def __next__(self) -> Any:
        chunk = trio.from_thread.run(anext, self._chunks, _DONE)
        if chunk is _DONE:
            raise StopIteration
        return chunk


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a blocking function in a worker thread, and wait for it to end even if cancelled: no thread is left."""
    return await trio.to_thread.run_sync(lambda: function(*args, **kwargs))


async def iterate_in_thread(iterator: Iterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate over a synchronous generator in a worker thread, chunk by chunk."""
    try:
        while True:
            chunk = await trio.to_thread.run_sync(next, iterator, _DONE)
            if chunk is _DONE:
                return
            yield chunk
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            # Closing runs the user's cleanup, which may block; it must finish also when this task is cancelled.
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(close)
