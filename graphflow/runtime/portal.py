"""Lead code that is not asynchronous into Trio.

From a plain thread the way leads to the portal: one background thread with a Trio loop for the whole process, which
starts at the first call and may outlive every ``with``; nothing else may. From a worker thread of a Trio task it leads
back to the loop of that task. What runs there, runs in a copy of the caller's context.

Whoever waits can be interrupted, by Ctrl-C or by the cancellation of the task that waits for the worker thread: what
they wait for is then ended, and has ended before the interruption goes on. A second Ctrl-C does not wait for that.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from time import perf_counter
from types import TracebackType
from typing import Final, Generic, Protocol, TypeVar, cast, final

import trio

from graphflow.runtime.failures import Raised, combined, only_errors
from graphflow.runtime.slices import SLICE
from graphflow.runtime.tasks import Parking, Work

T = TypeVar("T")

#: How many chunks a stream may be ahead of its reader in another thread.
AHEAD: Final = 64
#: How many it may be ahead if all of them took no longer than a slice: to wake the other thread costs as much as some
#: hundred chunks of a fast stream, so it is done seldom there, and only when a reader has none left.
AHEAD_IN_A_SLICE: Final = 1024

_GONE: Final = "the Trio loop that this runs in is not there: it has failed, or has ended, or this process is a fork"


def refuse_trio(verb: str, instead: str) -> None:
    """Refuse to block a Trio loop.

    Raises:
        RuntimeError: called from a Trio task, or from what else runs in the thread of a Trio loop.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(f"sync.{verb} would block the Trio task that called it; write {instead}")


# --- where it leads to -------------------------------------------------------------------------------------


class Loop(Protocol):
    """A Trio loop, as a thread outside of it sees it."""

    @property
    def is_alive(self) -> bool:
        """Tell whether it runs, in this process."""

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread."""

    def condition(self) -> Condition:
        """Return something to wait for."""


class Condition(Protocol):
    """What a thread waits for that happens in a loop."""

    def notify(self) -> None:
        """Say in the loop that something has changed."""

    def wait_for(self, is_true: Callable[[], bool], *, shielded: bool = False) -> None:
        """Wait in the thread until something is so; it is asked again whenever something has changed.

        Args:
            is_true: tells whether it is so.
            shielded: wait also if the task that waits for this thread is cancelled.
        """


@final
class Portal:
    """A thread with a Trio loop that runs until the process ends."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._has_ended = False
        self._token: trio.lowlevel.TrioToken | None = None
        self._conditions: weakref.WeakSet[_PortalCondition] = weakref.WeakSet()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), name="graphflow portal", daemon=True).start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        try:
            trio.run(self._serve, started)
        finally:
            self._has_ended = True
            started.set()
            for condition in list(self._conditions):
                condition.notify()

    async def _serve(self, started: threading.Event) -> None:
        self._token = trio.lowlevel.current_trio_token()
        started.set()
        await trio.sleep_forever()

    @property
    def is_alive(self) -> bool:
        """Tell whether its loop runs, in this process: a fork has the object, but not the thread."""
        return self._pid == os.getpid() and not self._has_ended

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread."""
        if self._token is None or not self.is_alive:
            raise RuntimeError(_GONE)
        self._token.run_sync_soon(function)

    def condition(self) -> Condition:
        """Return something to wait for."""
        condition = _PortalCondition(self)
        self._conditions.add(condition)
        return condition


@final
class _PortalCondition:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._changed = threading.Condition()

    def notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, is_true: Callable[[], bool], *, shielded: bool = False) -> None:
        while not is_true():
            if not self._portal.is_alive:  # asked before the lock is taken, which in a fork nobody would let go
                raise RuntimeError(_GONE)
            with self._changed:
                if self._portal.is_alive and not is_true():  # type: ignore[redundant-expr]  # it may have ended
                    self._changed.wait()


@final
class _Host:
    """The loop of the Trio task that waits for this worker thread."""

    is_alive: Final = True

    def soon(self, function: Callable[[], object]) -> None:
        trio.from_thread.run_sync(function)

    def condition(self) -> Condition:
        return _HostCondition()


@final
class _HostCondition:
    def __init__(self) -> None:
        self._waiter = Parking()

    def notify(self) -> None:
        self._waiter.wake()

    def wait_for(self, is_true: Callable[[], bool], *, shielded: bool = False) -> None:
        trio.from_thread.run(self._wait_for, is_true, shielded)

    async def _wait_for(self, is_true: Callable[[], bool], shielded: bool) -> None:
        with trio.CancelScope(shield=shielded):
            await trio.lowlevel.checkpoint_if_cancelled()  # a thread that never has to wait notices too
            while not is_true():
                await self._waiter.park()


_lock = threading.Lock()
_portal: Portal | None = None


def portal() -> Portal:
    """Return the portal of this process."""
    global _portal  # noqa: PLW0603  # one for the process, made when it is first asked for
    with _lock:
        if _portal is None or not _portal.is_alive:
            _portal = Portal()
        return _portal


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # a fork needs another
    _lock = threading.Lock()  # who held the old one is not there to let it go


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def is_hosted() -> bool:
    """Tell whether this is a worker thread of a Trio task; raises `trio.Cancelled` if that task is cancelled."""
    try:
        trio.from_thread.check_cancelled()
    except RuntimeError:
        return False
    return True


# --- what runs there ---------------------------------------------------------------------------------------


@final
class Job:
    """An asynchronous function that runs in a loop while a thread waits for it.

    Attributes:
        work: what ends when the thread leaves.
    """

    def __init__(self, loop: Loop, function: Callable[[], Awaitable[None]]) -> None:
        self.work = Work()
        self._loop = loop
        self._function = function
        self._scope = trio.CancelScope()
        self._raised = Raised()
        self._has_begun = False
        self._has_ended = False
        self._changed = loop.condition()

    # --- in the thread ---

    def start(self) -> None:
        """Start it, in a copy of the caller's context; it may be left from now on."""
        context = contextvars.copy_context()
        self._loop.soon(lambda: self._begin(context))

    def wait_for(self, is_true: Callable[[], bool]) -> None:
        """Wait until something is so, or the job has ended."""
        self._changed.wait_for(lambda: is_true() or self._has_ended)

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread."""
        self._loop.soon(function)

    def leave(self) -> None:
        """End it, and wait until it has ended.

        Whoever is interrupted while they wait, cancels its cleanup too; another interruption does not wait any more.
        """
        if self._has_ended or not self._loop.is_alive:
            return
        self._loop.soon(self._end)
        try:
            self._changed.wait_for(lambda: self._has_ended)
        except BaseException:
            self._loop.soon(self._scope.cancel)
            self._changed.wait_for(lambda: self._has_ended, shielded=True)
            raise

    def take_errors(self) -> list[BaseException]:
        """Return what it has raised: that is the caller's from now on."""
        errors, self._raised.errors = self._raised.errors, []
        return errors

    # --- in the loop ---

    def _begin(self, context: contextvars.Context) -> None:
        self._has_begun = True
        # A task of its own: what the job opens must not be open in the host's task while this thread does other things.
        trio.lowlevel.spawn_system_task(self._run, name="graphflow sync", context=context)

    def _end(self) -> None:
        self.work.end()
        if not self._has_begun:  # its thread was interrupted before it could start it
            self._has_ended = True
            self.notify()

    async def _run(self) -> None:
        raised = self._raised
        try:
            with raised, self._scope:
                await self._function()
            if raised.errors and not only_errors(raised.errors) and not self.work.told:
                raised.errors = [RuntimeError(_GONE)]  # cancelled, but not by the thread: all of the loop is
        finally:
            self._has_ended = True
            self._changed.notify()

    def notify(self) -> None:
        """Say that something has changed that the thread may wait for."""
        self._changed.notify()


def call(function: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous function to its end, from a thread that is no Trio task."""
    if is_hosted():
        return trio.from_thread.run(function)
    results: list[T] = []

    async def run() -> None:
        with job.work:
            job.work.begin()
            results.append(await function())

    job = Job(portal(), run)
    raised = Raised()
    with raised:
        job.start()
        job.wait_for(lambda: False)
    with raised:
        job.leave()
    outcome = combined(None, raised.errors + job.take_errors())
    if outcome is not None:
        raise outcome
    return results[0]


def opened(make: Callable[[], AbstractAsyncContextManager[AsyncIterator[T]]]) -> AbstractContextManager[Iterator[T]]:
    """Return an asynchronous stream as one that code in a thread can iterate inside a ``with``."""
    return _OpenedStream(make())


@final
class _OpenedStream(AbstractContextManager[Iterator[T]], Generic[T]):
    """A stream that runs in a loop, ahead of its reader in a thread by a bounded number of chunks."""

    def __init__(self, manager: AbstractAsyncContextManager[AsyncIterator[T]]) -> None:
        self._manager = manager
        self._job: Job | None = None
        self._reader: Generator[T, None, None] | None = None
        # One thread adds to it at one end, the other takes from it at the other: both are atomic, and need no lock.
        self._chunks: collections.deque[T] = collections.deque()
        self._is_full = False
        self._writer = Parking()

    def __enter__(self) -> Iterator[T]:
        if self._job is not None:
            raise RuntimeError("this run is open already, or is over: call the verb again for another one")
        self._job = Job(_Host() if is_hosted() else portal(), self._pump)
        self._reader = self._read(self._job)
        try:
            self._job.start()
        except BaseException:
            self._job.leave()
            raise
        return self._reader

    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._job is None or self._reader is None:
            raise RuntimeError("this run is not open: it was not entered, or has been left")
        kept = Raised()
        with kept:
            self._job.leave()
        with contextlib.suppress(ValueError):  # another thread iterates: it finds that the job has ended
            self._reader.close()
        self._reader = None
        outcome = combined(raised, kept.errors + self._job.take_errors())
        if outcome is not None and outcome is not raised:
            raise outcome

    def _read(self, job: Job) -> Generator[T, None, None]:
        waiting, take = self._chunks, self._chunks.popleft
        while True:
            job.wait_for(lambda: bool(waiting))
            if not waiting:
                break
            while waiting:
                yield take()
            if self._is_full:
                self._is_full = False
                job.soon(self._writer.wake)
        outcome = combined(None, job.take_errors())
        if outcome is not None:
            raise outcome

    async def _pump(self) -> None:
        job = self._job
        assert job is not None
        waiting, append = self._chunks, self._chunks.append
        async with self._manager as chunks:
            # What the reader's task would do ends with the work; the other tasks of the run live around it.
            with job.work:
                async with contextlib.aclosing(cast("AsyncGenerator[T, None]", chunks)):
                    job.work.begin()
                    most, ends = AHEAD, perf_counter() + SLICE
                    async for chunk in chunks:
                        append(chunk)
                        ahead = len(waiting)
                        if ahead == 1:
                            job.notify()
                        elif ahead < most:
                            pass
                        elif ahead < AHEAD_IN_A_SLICE and perf_counter() < ends:
                            most = ahead + AHEAD
                        else:
                            self._is_full = True  # before it looks again: the reader may have taken all since
                            while self._is_full and waiting:
                                await self._writer.park()
                            most, ends = AHEAD, perf_counter() + SLICE
