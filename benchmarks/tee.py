"""A fork written by hand for Trio: one task reads the source, and one works for every branch.

Between two tasks is a queue of one writer and one reader, who takes all that is there at once: while both have work, a
chunk costs an append, and a switch of tasks comes once in many chunks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import trio

CAPACITY: Final = 64

Branch = Callable[[AsyncIterator[Any]], AsyncGenerator[Any, None]]


class Waiting:
    """Where one task waits until another wakes it."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    def wake(self) -> None:
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    async def wait(self) -> None:
        self._task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


class Queue:
    """Chunks on their way from one writer to one reader.

    The writer appends to `chunks`, calls `reader.wake` and awaits `room` when there are `CAPACITY` of them. Who reads a
    queue of its own waits at `reader`; the reader of all branches waits at one place for all of them.
    """

    __slots__ = ("chunks", "ended", "reader", "writer")

    def __init__(self, reader: Waiting) -> None:
        self.chunks: list[Any] = []
        self.ended = False
        self.reader = reader
        self.writer = Waiting()

    async def room(self) -> None:
        while len(self.chunks) >= CAPACITY:
            await self.writer.wait()

    def end(self) -> None:
        self.ended = True
        self.reader.wake()

    def take(self) -> list[Any]:
        chunks, self.chunks = self.chunks, []
        self.writer.wake()
        return chunks

    async def read(self) -> AsyncGenerator[Any, None]:
        while True:
            while not self.chunks:
                if self.ended:
                    return
                await self.reader.wait()
            for chunk in self.take():
                yield chunk


async def tee(source: AsyncGenerator[Any, None], queues: list[Queue]) -> None:
    """Write every chunk to every queue."""
    async with aclosing(source):
        async for chunk in source:
            is_full = False
            for queue in queues:
                chunks = queue.chunks
                chunks.append(chunk)
                if len(chunks) == 1:
                    queue.reader.wake()
                elif len(chunks) >= CAPACITY:
                    is_full = True
            if is_full:
                for queue in queues:
                    await queue.room()
    for queue in queues:
        queue.end()


async def each(key: str, function: Callable[[Any], Any], queue: Queue, output: Queue) -> None:
    """Do the work of a branch that is a function of one chunk."""
    while True:
        while not queue.chunks:
            if queue.ended:
                output.end()
                return
            await queue.reader.wait()
        for chunk in queue.take():
            output.chunks.append({key: function(chunk)})
        output.reader.wake()
        await output.room()


async def drain(key: str, branch: Branch, queue: Queue, output: Queue) -> None:
    """Do the work of a branch that is a generator."""
    async for chunk in branch(queue.read()):
        output.chunks.append({key: chunk})
        if len(output.chunks) == 1:
            output.reader.wake()
        elif len(output.chunks) >= CAPACITY:
            await output.room()
    output.end()


async def joined(outputs: list[Queue], reader: Waiting) -> AsyncGenerator[Any, None]:
    """Iterate over the records of all branches as they come."""
    reading = outputs
    while reading:
        for queue in reading:
            if queue.chunks:
                for record in queue.take():
                    yield record
        reading = [queue for queue in reading if queue.chunks or not queue.ended]
        if reading and not any(queue.chunks for queue in reading):
            await reader.wait()


@asynccontextmanager
async def forked(
    source: AsyncGenerator[Any, None],
    *,
    functions: Mapping[str, Callable[[Any], Any]] | None = None,
    generators: Mapping[str, Branch] | None = None,
) -> AsyncIterator[AsyncIterator[Any]]:
    """Give every chunk to every branch; inside the ``async with``, iterate over records of what they give."""
    reader = Waiting()
    outputs: list[Queue] = []
    queues: list[Queue] = []

    def between() -> tuple[Queue, Queue]:
        queues.append(Queue(Waiting()))
        outputs.append(Queue(reader))
        return queues[-1], outputs[-1]

    async with trio.open_nursery() as nursery:
        for key, function in (functions or {}).items():
            nursery.start_soon(each, key, function, *between())
        for key, generator in (generators or {}).items():
            nursery.start_soon(drain, key, generator, *between())
        nursery.start_soon(tee, source, queues)
        async with aclosing(joined(outputs, reader)) as records:
            yield records
        nursery.cancel_scope.cancel()
