"""Lead code that is not asynchronous into Trio: one background thread for the whole process.

The thread starts at the first call and may outlive every ``with``; nothing else may. What it runs, it runs in a copy
of the caller's context. Whoever waits for it can be interrupted: what they wait for is then cancelled, and has ended
before the interruption goes on.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Final, Generic, TypeVar, final

import trio

from graphflow.runtime.buffers import Parking
from graphflow.runtime.failures import combined

T = TypeVar("T")

#: How many chunks a stream may be ahead of its reader in another thread.
CAPACITY: Final = 64
_DONE: Final = object()


def refuse_trio(verb: str, instead: str) -> None:
    """Refuse to block a Trio task.

    Raises:
        RuntimeError: called from a Trio task.
    """
    if trio.lowlevel.in_trio_task():
        raise RuntimeError(f"sync.{verb} would block the Trio task that called it; write {instead}")


def in_trio_thread() -> bool:
    """Tell whether this is a worker thread of a Trio task, which then can run things for it."""
    try:
        trio.from_thread.check_cancelled()
    except RuntimeError:
        return False
    return True


@final
class Portal:
    """A thread with a Trio loop that runs until the process ends."""

    def __init__(self) -> None:
        started: threading.Event = threading.Event()
        self.pid = os.getpid()
        self._token: trio.lowlevel.TrioToken

        async def serve() -> None:
            self._token = trio.lowlevel.current_trio_token()
            started.set()
            await trio.sleep_forever()

        threading.Thread(target=trio.run, args=(serve,), name="graphflow portal", daemon=True).start()
        started.wait()

    def start(self, job: Callable[[], Awaitable[None]]) -> None:
        """Start a job, which must not raise, in a copy of the caller's context."""
        context = contextvars.copy_context()
        self.soon(lambda: trio.lowlevel.spawn_system_task(_awaited, job, context=context))

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread."""
        self._token.run_sync_soon(function)


async def _awaited(job: Callable[[], Awaitable[None]]) -> None:
    await job()


_lock: Final = threading.Lock()
_portal: Portal | None = None


def portal() -> Portal:
    """Return the portal of this process."""
    global _portal
    with _lock:
        if _portal is None or _portal.pid != os.getpid():  # a fork has the object, but not its thread
            _portal = Portal()
        return _portal


# --- one call ----------------------------------------------------------------------------------------------


def call(function: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous function to its end, from a thread that is no Trio task."""
    if in_trio_thread():
        return trio.from_thread.run(_returned, function)
    door = portal()
    scope = trio.CancelScope()
    ended = threading.Event()
    outcome: list[T] = []
    errors: list[BaseException] = []

    async def job() -> None:
        try:
            with scope:
                outcome.append(await function())
        except BaseException as error:  # it is raised where the result is waited for
            errors.append(error)
        finally:
            ended.set()

    door.start(job)
    try:
        ended.wait()
    except BaseException:  # KeyboardInterrupt: nothing may run on
        door.soon(scope.cancel)
        ended.wait()
        raise
    if errors:
        raise errors[0]
    return outcome[0]


async def _returned(function: Callable[[], Awaitable[T]]) -> T:
    return await function()


# --- one stream --------------------------------------------------------------------------------------------


def opened(make: Callable[[], AbstractAsyncContextManager[AsyncIterator[T]]]) -> AbstractContextManager[Iterator[T]]:
    """Return an asynchronous stream as one that code in a thread can iterate inside a ``with``."""
    return _HostedStream(make) if in_trio_thread() else _PortalStream(make)


@final
class _HostedStream(AbstractContextManager[Iterator[T]], Generic[T]):
    """A stream that the Trio task that waits for this thread iterates, step by step."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[AsyncIterator[T]]]) -> None:
        self._manager = make()

    def __enter__(self) -> Iterator[T]:
        return self._pulled(trio.from_thread.run(self._manager.__aenter__))

    @staticmethod
    def _pulled(chunks: AsyncIterator[T]) -> Iterator[T]:
        while True:
            chunk: Any = trio.from_thread.run(anext, chunks, _DONE)
            if chunk is _DONE:
                return
            yield chunk

    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        trio.from_thread.run(self._manager.__aexit__, exc_type, raised, traceback)


@final
class _PortalStream(AbstractContextManager[Iterator[T]], Generic[T]):
    """A stream that runs in the portal, ahead of its reader by a bounded number of chunks."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[AsyncIterator[T]]]) -> None:
        self._make = make
        self._portal = portal()
        self._changed = threading.Condition()
        self._chunks: list[T] = []
        self._ended = False
        self._leaving = False
        self._error: BaseException | None = None
        self._writer = Parking()
        self._scope = trio.CancelScope()

    def __enter__(self) -> Iterator[T]:
        self._portal.start(self._run)
        return self._read()

    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._portal.soon(self._leave)
        with self._changed:
            while not self._ended:
                self._changed.wait()
        if self._error is not None and self._error is not raised:
            outcome = combined(raised, [self._error])
            if outcome is not None:
                raise outcome

    # --- in the reader's thread ---

    def _read(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not self._chunks and not self._ended:
                    self._changed.wait()
                chunks, self._chunks = self._chunks, []
            if not chunks:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return
            self._portal.soon(self._writer.wake)
            yield from chunks

    # --- in the portal's thread ---

    def _leave(self) -> None:
        self._leaving = True
        self._writer.wake()
        self._scope.cancel()

    async def _run(self) -> None:
        try:
            async with self._make() as chunks:
                # The scope ends before the block does: leaving a stream cancels what it waits for, not its cleanup.
                with self._scope:
                    await self._pump(chunks)
        except BaseException as error:  # it is raised in the reader's thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    async def _pump(self, chunks: AsyncIterator[T]) -> None:
        async for chunk in chunks:
            with self._changed:
                self._chunks.append(chunk)
                waiting = len(self._chunks)
                if waiting == 1:
                    self._changed.notify_all()
            while len(self._chunks) >= CAPACITY and not self._leaving:
                await self._writer.park()
            if self._leaving:
                return
