"""Run a chain on several values side by side."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import trio

from graphflow.runtime.buffers import Log, Reader
from graphflow.runtime.failures import combined, only_errors
from graphflow.runtime.run import Opened
from graphflow.runtime.tasks import Parking, Work

Out = TypeVar("Out")

#: How many values are worked on at once, where the caller does not say.
MAX_CONCURRENCY: Final = 64


async def run_batch(
    invoke: Callable[[int, Any], Awaitable[Any]], values: Sequence[Any], limit: int | None, *, return_exceptions: bool
) -> list[Any]:
    """Return the outputs for all values, in their order; one failure cancels the others, unless it is returned."""
    results: list[Any] = [None] * len(values)
    opened = OpenedBatch(invoke, values, limit, return_exceptions=return_exceptions)
    async with opened as completed:
        async for index, result in completed:
            results[index] = result
    return results


class OpenedBatch(Opened[tuple[int, Any]]):
    """The outputs for several values, as each is done."""

    verb = "batch"

    def __init__(
        self,
        invoke: Callable[[int, Any], Awaitable[Any]],
        values: Sequence[Any],
        limit: int | None,
        *,
        return_exceptions: bool,
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"max_concurrency is how many values are worked on at once: at least 1, not {limit}")
        super().__init__(needs_nursery=True)
        self._invoke = invoke
        self._values = values
        self._limit = limit or MAX_CONCURRENCY
        self._return_exceptions = return_exceptions
        self._works: list[Work] = []
        self._pending = iter(enumerate(values))
        self._errors: list[BaseException] = []
        self._live = 0
        self._results = Reader(Log(), capacity=None)
        self._gone = Parking()

    def _open(self, nursery: trio.Nursery | None) -> AsyncGenerator[tuple[int, Any], None]:
        assert nursery is not None
        workers = min(self._limit, len(self._values))
        self._results = Reader(Log(), capacity=max(workers, 1))
        self._works = [Work() for _ in range(workers)]
        self._live = workers
        for number, work in enumerate(self._works):
            nursery.start_soon(self._run, work, name=f"graphflow batch {number}")
        if not workers:
            self._results.end()
        return self._results.read()

    @trio.lowlevel.enable_ki_protection
    async def _run(self, work: Work) -> None:
        try:
            with work:
                work.begin()
                await self._work_through()
        except BaseException as error:
            if not only_errors([error]):
                raise
            self._errors.append(error)
            self._end()
        finally:
            self._live -= 1
            self._gone.wake()
            if not self._live:  # errors are told when all are known, and nothing runs any more
                outcome = combined(None, self._errors)
                if outcome is None:
                    self._results.end()
                else:
                    self._results.fail(outcome)

    @trio.lowlevel.disable_ki_protection
    async def _work_through(self) -> None:
        for index, value in self._pending:
            try:
                result = await self._invoke(index, value)
            except Exception as error:
                if not self._return_exceptions:
                    raise
                result = error
            if self._results.log.put((index, result)):
                await self._results.log.room()

    def _end(self) -> None:
        for work in self._works:
            work.end()

    async def _close(self) -> None:
        self._end()
        with trio.CancelScope(shield=True):
            while self._live:
                await self._gone.park(ends=True)
        for error in self._results.unseen:
            raise error
