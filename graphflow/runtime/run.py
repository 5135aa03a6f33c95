"""Open a run and leave it: the context managers behind the verbs.

A run has a nursery only if its plan needs tasks, or if somebody listens to events. The nursery is entered and left by
these classes, never by a generator, and it is never cancelled as a whole: the body of the ``with`` runs inside it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import AsyncGeneratorType, TracebackType
from typing import Any, Generic, TypeVar

import trio

from graphflow.events import Event, Filter
from graphflow.limits import Limit
from graphflow.runtime.current import CURRENT, Listener, Listening, RunIds
from graphflow.runtime.execution import Execution, Run
from graphflow.runtime.failures import Raised, combined, only_errors
from graphflow.runtime.log import EventLog
from graphflow.runtime.tasks import Work, require_trio

T = TypeVar("T")


class Opened(AbstractAsyncContextManager[AsyncIterator[T]], Generic[T]):
    """A run while its ``with`` is open. Subclasses say what is iterated.

    Args:
        needs_nursery: whether anything of it runs in tasks.

    Attributes:
        verb: the name of what opens it, for messages.
    """

    verb = "stream"

    def __init__(self, *, needs_nursery: bool) -> None:
        self._needs_nursery = needs_nursery
        self._nursery_manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None
        self._chunks: AsyncGenerator[T, None] | None = None
        self._entered = False

    @trio.lowlevel.enable_ki_protection  # a nursery that is entered halfway could not be left
    async def __aenter__(self) -> AsyncIterator[T]:
        if self._entered:
            raise RuntimeError("this run is open already, or is over: call the verb again for another one")
        require_trio(self.verb)
        self._entered = True
        if self._needs_nursery:
            self._nursery_manager = trio.open_nursery()
            self._nursery = await self._nursery_manager.__aenter__()
        try:
            self._chunks = self._open(self._nursery)
        except BaseException:
            await self._leave_nursery()
            raise
        return self._chunks

    @trio.lowlevel.enable_ki_protection  # Ctrl-C still ends what is waited for, then the rest is cleaned up
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._chunks is None:
            raise RuntimeError("this run is not open: it was not entered, or has been left")
        kept = Raised()
        for step in (self._leave, self._leave_nursery):
            with kept:
                await step()
        self._chunks = None
        outcome = combined(raised, kept.errors) if kept.errors else raised
        if outcome is not None and outcome is not raised:
            raise outcome

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[T, None]:
        raise NotImplementedError

    async def _close(self) -> None:
        """End what the iteration has not ended."""

    async def _leave(self) -> None:
        assert isinstance(self._chunks, AsyncGeneratorType)
        if self._chunks.ag_running:
            if self._nursery is not None:
                self._nursery.cancel_scope.cancel()
            raise RuntimeError("this run was left while another task was still iterating over it")
        kept = Raised()
        for close in (self._chunks.aclose, self._close):
            with kept:
                await close()
        kept.again()

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
        limit: how much of it may be at work at once.
    """

    def __init__(
        self, begin: Callable[[Run], Execution], *, needs_nursery: bool, run_id: str | None, limit: Limit | None
    ) -> None:
        super().__init__(needs_nursery=needs_nursery)
        self._begin = begin
        self._run_id = run_id
        self._limit = limit
        self._execution: Execution | None = None

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[T, None]:
        self._execution = self._begin(Run.here(nursery, self._run_id, self._limit))
        return self._execution.chunks()

    async def _close(self) -> None:
        assert self._execution is not None
        await self._execution.aclose()


@trio.lowlevel.enable_ki_protection
async def run_for_value(begin: Callable[[Run], Execution], run_id: str | None, limit: Limit | None) -> Any:
    """Run an execution that needs tasks to its end, and return the value of its output."""
    value: Any = None
    raised = Raised()
    manager = trio.open_nursery()
    nursery = await manager.__aenter__()
    with raised:
        value = await begin(Run.here(nursery, run_id, limit)).run("value")
    with raised:  # the nursery is not told of an error: it would wrap it in a group
        await manager.__aexit__(None, None, None)
    raised.again()
    return value


class OpenedEvents(Opened[Event]):
    """The events of an execution, which runs in a task of its own at the pace of the listener.

    Inside a node of a run that somebody listens to, it is nested in that like any other: both are told of it.
    """

    verb = "events"

    def __init__(
        self,
        begin: Callable[[Run], Execution],
        events: Filter,
        *,
        run_id: str | None,
        outputs: bool,
        limit: Limit | None,
    ) -> None:
        super().__init__(needs_nursery=True)
        self._begin = begin
        self._filter = events
        self._run_id = run_id
        self._outputs = outputs
        self._limit = limit
        self._work = Work()
        self._log: EventLog | None = None
        self._done = trio.Event()

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[Event, None]:
        assert nursery is not None
        self._log = log = EventLog()
        around = CURRENT.get()
        outer = Listening(RunIds(), ()) if around is None else around.listening
        listener = Listener(log, self._filter, self._outputs, depth=0 if around is None else len(around.path))
        listening = Listening(outer.ids, (*outer.listeners, listener), self._limit or outer.limit)
        execution = self._begin(Run(nursery, self._run_id, listening, around))
        nursery.start_soon(self._run, execution, log, name="graphflow events")
        return log.read()

    @trio.lowlevel.enable_ki_protection
    async def _run(self, execution: Execution, log: EventLog) -> None:
        """Run to the end, or until the listener leaves, and close the log with the error, if there is one."""
        raised = Raised()
        try:
            with raised, self._work:
                self._work.begin()
                await execution.run("drop")
            if not only_errors(raised.errors):
                raised.again()
        finally:
            log.close(combined(None, only_errors(raised.errors)))
            self._done.set()

    async def _close(self) -> None:
        assert self._log is not None
        self._log.close()
        self._work.end()
        with trio.CancelScope(shield=True):
            await self._done.wait()
        error = self._log.take_error()
        if error is not None:
            raise error
