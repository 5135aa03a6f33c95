"""Open a run and leave it: the context managers behind the verbs.

A run has a nursery only if its plan needs tasks, or if somebody listens to events. The nursery is entered and left by
these classes, never by a generator, and it is never cancelled as a whole: the body of the ``with`` runs inside it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar

import trio

from graphflow.events import Event, Filter
from graphflow.runtime.execution import Execution, Run
from graphflow.runtime.failures import combined, only_errors
from graphflow.runtime.log import EventLog
from graphflow.runtime.record import CURRENT, Listening, RunIds

T = TypeVar("T")


class Opened(AbstractAsyncContextManager[AsyncIterator[T]], Generic[T]):
    """A run while its ``with`` is open. Subclasses say what is iterated.

    Args:
        needs_nursery: whether anything of it runs in tasks.
    """

    def __init__(self, *, needs_nursery: bool) -> None:
        self._nursery_manager = trio.open_nursery() if needs_nursery else None
        self._nursery: trio.Nursery | None = None
        self._chunks: AsyncGenerator[T, None] | None = None

    async def __aenter__(self) -> AsyncIterator[T]:
        if self._chunks is not None:
            raise RuntimeError("this run is open already, or is over: call the verb again for another one")
        if self._nursery_manager is not None:
            self._nursery = await self._nursery_manager.__aenter__()
        self._chunks = self._open(self._nursery)
        return self._chunks

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._chunks is not None
        errors: list[BaseException] = []
        for leave in (self._chunks.aclose, self._leave, self._leave_nursery):
            try:
                await leave()
            except BaseException as error:  # all three are done, and what they raise is told together
                errors.append(error)
        if raised is None:
            outcome = combined(None, errors)
        elif only_errors(errors):
            outcome = combined(raised, errors)
        else:
            return
        if outcome is not None and outcome is not raised:
            raise outcome

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[T, None]:
        raise NotImplementedError

    async def _leave(self) -> None:
        """End what the iteration has not ended."""

    async def _leave_nursery(self) -> None:
        if self._nursery_manager is not None:
            # The nursery is not told of an error in the body: it would wrap it in a group.
            await self._nursery_manager.__aexit__(None, None, None)


class OpenedChunks(Opened[T]):
    """The final output of an execution.

    Args:
        begin: makes the execution in the run that it is given.
        needs_nursery: whether its plan needs tasks.
        run_id: the id of the run, if the caller gave one.
    """

    def __init__(self, begin: Callable[[Run], Execution], *, needs_nursery: bool, run_id: str | None) -> None:
        super().__init__(needs_nursery=needs_nursery)
        self._begin = begin
        self._run_id = run_id

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[T, None]:
        return self._begin(Run(nursery, inherited(self._run_id), self._run_id)).chunks()


def inherited(run_id: str | None) -> Listening | None:
    """Return who listens to a run that is nested in the current one; None where nobody does."""
    current = CURRENT.get()
    if current is None:
        return None
    listening = current.listening
    if run_id is not None:
        listening = Listening(listening.log, listening.filter, listening.ids.starting_with(run_id), listening.outputs)
    return listening


class OpenedEvents(Opened[Event]):
    """The events of an execution, which runs in a task of its own at the pace of the listener."""

    def __init__(
        self,
        begin: Callable[[Run], Execution],
        events: Filter,
        *,
        run_id: str | None,
        outputs: bool,
    ) -> None:
        super().__init__(needs_nursery=True)
        self._begin = begin
        self._filter = events
        self._run_id = run_id
        self._outputs = outputs
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        self._error: BaseException | None = None

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[Event, None]:
        assert nursery is not None
        log = EventLog()
        listening = Listening(log, self._filter, RunIds(self._run_id), self._outputs)
        execution = self._begin(Run(nursery, listening, self._run_id))
        nursery.start_soon(self._pump, execution, log, name="graphflow events")
        return self._read(log)

    async def _read(self, log: EventLog) -> AsyncGenerator[Event, None]:
        async for event in log.read():
            yield event
        await self._done.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def _pump(self, execution: Execution, log: EventLog) -> None:
        try:
            with self._scope:
                chunks = execution.chunks()
                try:
                    async for _ in chunks:
                        if log.full:
                            await log.room()
                finally:
                    await chunks.aclose()
        except trio.Cancelled:
            raise
        except BaseException as error:  # it is raised where the events are read, after the last of them
            self._error = error
        finally:
            log.close()
            self._done.set()

    async def _leave(self) -> None:
        self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._done.wait()
        if self._error is not None:
            raise self._error
