"""Run a generator in a task of its own: one that keeps a scope open while it yields, or whose readers may give up.

A reader may give up waiting, as an attempt does that takes too long: another goes on where it was.

A scope acts on the task that opened it. In this task nothing runs but the generator and what it reads, so a scope can
cancel nothing else. While the task waits for its reader, a scope of the generator may still expire: the cancellation is
then thrown into the generator, at its ``yield``, where the scope that it belongs to catches it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, final

import trio

from graphflow.runtime.failures import Raised, combined, only_errors
from graphflow.runtime.tasks import Parking, Work


@final
class Isolated(AsyncIterator[Any]):
    """The chunks of a generator that runs in a task of its own, for one reader.

    Args:
        generator: what runs there, from when it is first asked for a chunk.
        before: the generators that it reads, outermost first: that task iterates them, so it closes them too.
        nursery: where the task lives.
        capacity: how many chunks it may be ahead of its reader; with 0 it works only while the reader waits for it.
        has_scope: it keeps a nursery or cancel scope open while it yields.
    """

    __slots__ = (
        "_before",
        "_capacity",
        "_chunks",
        "_error",
        "_gone",
        "_has_scope",
        "_is_asked",
        "_is_live",
        "_nursery",
        "_reader",
        "_writer",
        "generator",
        "work",
    )

    def __init__(
        self,
        generator: AsyncGenerator[Any, Any],
        before: Sequence[Any],
        nursery: trio.Nursery,
        capacity: int,
        *,
        has_scope: bool,
    ) -> None:
        self.generator = generator
        self._has_scope = has_scope
        self.work: Work | None = None  # once it is at work
        self._before = before
        self._nursery = nursery
        self._capacity = capacity
        self._chunks: deque[Any] = deque()
        self._is_asked = False
        self._is_live = False
        self._error: BaseException | None = None
        self._reader = Parking()
        self._writer = Parking()
        self._gone = Parking()

    # --- its reader ---

    async def __anext__(self) -> Any:
        if self.work is None:
            self._start()
        chunks = self._chunks
        while not chunks:
            self._raise_error()
            if not self._is_live:
                raise StopAsyncIteration
            self._is_asked = True
            self._writer.wake()
            await self._reader.park()
        chunk = chunks.popleft()
        if len(chunks) * 2 == self._capacity:  # not earlier, so that it goes on with many chunks to make
            self._writer.wake()
        return chunk

    async def aclose(self) -> None:
        """End the task, wait until it is gone, and raise what its reader has not got."""
        if self.work is not None:
            self.work.end()
            with trio.CancelScope(shield=True):
                while self._is_live:
                    await self._gone.park(ends=True)
        self._chunks.clear()
        self._raise_error()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    # --- its task ---

    def _start(self) -> None:
        self.work = Work()
        self._is_live = True
        self._nursery.start_soon(self._run, self.work, name="graphflow generator with a scope")

    @trio.lowlevel.enable_ki_protection
    async def _run(self, work: Work) -> None:
        raised = Raised()
        try:
            with work:
                with raised:
                    work.begin()
                    await self._pump(work)
                for generator in (self.generator, *reversed(self._before)):
                    with raised:
                        await _close(generator)
        finally:
            self._is_live = False
            self._error = combined(None, only_errors(raised.errors))
            self._reader.wake()
            self._gone.wake()
        if self._error is None and not work.told:
            raised.again()  # a cancellation from outside of the run

    @trio.lowlevel.disable_ki_protection
    async def _pump(self, work: Work) -> None:
        """Write all chunks, at the pace of the reader."""
        generator = self.generator
        step = generator.__anext__()
        while True:
            try:
                chunk = await step
            except StopAsyncIteration:
                return
            self._chunks.append(chunk)
            self._is_asked = False
            self._reader.wake()
            try:
                while not self._has_room():
                    work.begin()  # it may be told to end while a scope of the generator expires
                    await self._writer.park()
            except trio.Cancelled as cancelled:
                if not self._has_scope:
                    raise
                step = generator.athrow(cancelled)
            else:
                step = generator.__anext__()

    def _has_room(self) -> bool:
        return len(self._chunks) < self._capacity or (self._is_asked and not self._chunks)


async def _close(generator: Any) -> None:
    if hasattr(generator, "aclose"):
        await generator.aclose()
    elif hasattr(generator, "close"):
        generator.close()
