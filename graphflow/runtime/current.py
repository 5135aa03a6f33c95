"""The run that code runs in, as its nested runs and custom events find it, and who listens to it."""

from __future__ import annotations

import contextvars
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import attrs

from graphflow.events import CustomEvent, Filter, Run
from graphflow.limits import Limit
from graphflow.runtime.closing import aclose
from graphflow.runtime.log import EventLog

if TYPE_CHECKING:
    from graphflow.runtime.record import Record

NOTHING: Final = object()


@final
class RunIds:
    """The ids of all runs under one outermost run: UUIDs of a random prefix and a counter."""

    __slots__ = ("_numbers", "_prefix")

    def __init__(self) -> None:
        head = os.urandom(8).hex()
        # Version 4, variant 1: valid UUIDs whose random bits are drawn once.
        self._prefix = f"{head[:8]}-{head[8:12]}-4{head[12:15]}-8{head[13:16]}-"
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        """Return the next id."""
        return f"{self._prefix}{next(self._numbers):012x}"


@attrs.frozen(eq=False)
class Listener:
    """Somebody who reads the events of one run and of all inside it.

    Attributes:
        log: where the events go.
        filter: which runs are worth telling of.
        outputs: whether end events carry folded inputs and outputs.
        depth: how many runs are around the one that is listened to: this listener is not told of them.
    """

    log: EventLog
    filter: Filter
    outputs: bool
    depth: int


@attrs.frozen(eq=False)
class Listening:
    """Who listens to a run: whoever listens to the runs around it, and whoever listens to it alone.

    Attributes:
        ids: the ids of the runs.
        listeners: outermost first.
        limit: how much of all of it may be at work at once.
        is_full: tells whether nodes should wait for a listener before they go on.
    """

    ids: RunIds
    listeners: tuple[Listener, ...]
    limit: Limit | None = None
    is_full: Callable[[], bool] = attrs.field(init=False)

    @is_full.default
    def _any_is_full(self) -> Callable[[], bool]:
        if len(self.listeners) == 1:
            return self.listeners[0].log.is_full  # asked after every chunk
        return lambda: any(listener.log.is_full() for listener in self.listeners)

    async def room(self) -> None:
        """Wait until all listeners have caught up."""
        for listener in self.listeners:
            await listener.log.room()


@attrs.frozen(eq=False)
class View:
    """A run as one listener sees it.

    Attributes:
        listener: who sees it.
        run: what its events would say of it.
        record: of the nearest run around that has one, this one included; None where there is none.
    """

    listener: Listener
    run: Run
    record: Record | None


@attrs.frozen(eq=False)
class Current:
    """The run that a node's code is running in: what a chain that is run inside it hangs on.

    Attributes:
        listening: who listens.
        kind: the kind of the run.
        path: the ids of the runs around, this one last.
        tags, metadata: what runs inside inherit.
        views: the run as each listener sees it.
        is_own: it is the run of the very node whose code runs in it, not one around that.
    """

    listening: Listening
    kind: str
    path: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, object]
    views: tuple[View, ...]
    is_own: bool

    def as_part_of(self, around: Current) -> Current:
        """Return the run around instead, but with what runs inside this one inherit: nobody is told of this one."""
        views = around.views + self.views[len(around.views) :]
        return attrs.evolve(self, kind=around.kind, path=around.path, views=views, is_own=False)


CURRENT: Final[contextvars.ContextVar[Current | None]] = contextvars.ContextVar("graphflow_run", default=None)


async def within(current: Current | None, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate over chunks, and close them, while `current` is the current run; whoever takes a chunk keeps its own."""
    try:
        while True:
            token = CURRENT.set(current)
            try:
                chunk = await anext(chunks, NOTHING)
            finally:
                CURRENT.reset(token)
            if chunk is NOTHING:
                return
            yield chunk
    finally:
        await close_within(current, chunks)


async def close_within(current: Current | None, chunks: AsyncIterator[Any]) -> None:
    """Close chunks while `current` is the current run."""
    token = CURRENT.set(current)
    try:
        await aclose(chunks)
    finally:
        CURRENT.reset(token)


def emit(name: str, data: Any = None) -> None:
    """Make a custom event, which hangs on the run of the node that calls this; without a listener it does nothing.

    It never waits, and may be called from any thread that a node runs in. A filter keeps it with the run that it hangs
    on, or by its own name.

    Args:
        name: the name of the event.
        data: what it carries.
    """
    current = CURRENT.get()
    if current is None:
        return
    for view in current.views:
        record, run = view.record, view.run
        is_told = current.is_own and record is not None and record.run is run and record.told
        if view.listener.filter.keeps_custom(name, run, is_told=is_told):
            if record is not None:
                record.start()
            view.listener.log.append(CustomEvent(run, data, 0, name))
