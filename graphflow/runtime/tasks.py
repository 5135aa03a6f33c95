"""Tasks of a run: how they wait for each other, and how one is told to end.

A task that is told to end while it waits for another part of its run, or only lets others run, is not cancelled:
`GeneratorExit` arrives there, as it does where a generator is closed, and its nodes can clean up as after a ``break``.
What a node itself waits for is cancelled.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Final, final

import trio

from graphflow.limits import RESTING, lend_resting

#: Where the tasks are that wait for another part of a run; None once they are told to end.
_WAITING: Final[dict[trio.lowlevel.Task, Parking | None]] = {}


def require_trio(verb: str) -> None:
    """Refuse to run where no Trio loop runs.

    Raises:
        RuntimeError: this is no Trio task; the message says what to call instead.
    """
    if trio.lowlevel.in_trio_task():
        return
    where = "an asyncio task" if _in_asyncio() else "code that no Trio task runs"
    instead = f"await asyncio.to_thread(chain.sync.{verb}, ...)" if _in_asyncio() else f"chain.sync.{verb}(...)"
    raise RuntimeError(
        f"`{verb}` runs under Trio, and was called from {where}: write {instead}, or start with trio.run"
    )


def _in_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")  # where it runs, it is imported
    return asyncio is not None and asyncio._get_running_loop() is not None


@final
class Sleepers:
    """How many tasks wait, at several places."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


@final
class Parking:
    """Where tasks wait until somebody wakes them, without the cost of a scheduler tick while nobody has to.

    Attributes:
        tasks: those that wait.
        sleepers: counts them, with those of other places; None where nobody wants to know.
    """

    __slots__ = ("sleepers", "tasks")

    def __init__(self) -> None:
        self.tasks: deque[trio.lowlevel.Task] = deque()
        self.sleepers: Sleepers | None = None

    @trio.lowlevel.enable_ki_protection
    async def park(self, *, ends: bool = False) -> None:
        """Wait until `wake`; cancelled as any other wait.

        Args:
            ends: the task is about to end already, and waits for what has to end before: it is not told to once more.
        """
        task = trio.lowlevel.current_task()
        if RESTING:
            lend_resting(task)
        self.tasks.append(task)
        if self.sleepers is not None:
            self.sleepers.count += 1

        def abort(_: Any) -> trio.lowlevel.Abort:
            self.leave(task)
            return trio.lowlevel.Abort.SUCCEEDED

        if ends:
            await trio.lowlevel.wait_task_rescheduled(abort)
        else:
            await _wait(task, self, trio.lowlevel.wait_task_rescheduled(abort))  # noqa: ASYNC105  # it awaits it

    def leave(self, task: trio.lowlevel.Task) -> bool:
        """Let a task wait here no more; tells whether it did."""
        if task not in self.tasks:
            return False
        self.tasks.remove(task)
        if self.sleepers is not None:
            self.sleepers.count -= 1
        return True

    @trio.lowlevel.enable_ki_protection
    def wake(self) -> None:
        """Wake all that wait."""
        if self.sleepers is not None:
            self.sleepers.count -= len(self.tasks)
        while self.tasks:
            trio.lowlevel.reschedule(self.tasks.popleft())


@trio.lowlevel.enable_ki_protection
async def pause() -> None:
    """Let others run; raises `trio.Cancelled` if this task is cancelled."""
    await _wait(trio.lowlevel.current_task(), _NOWHERE, trio.lowlevel.checkpoint())  # noqa: ASYNC105  # it awaits it


#: Where those are that only let others run.
_NOWHERE: Final = Parking()


async def _wait(task: trio.lowlevel.Task, parking: Parking, wait: Awaitable[object]) -> None:
    _WAITING[task] = parking
    try:
        await wait
    finally:
        is_told = _WAITING.pop(task) is None
    if is_told:
        raise GeneratorExit


@final
class Work:
    """The work of one task: ``with work:`` around all of it, what it opens and closes included.

    Attributes:
        task: the task, while it works.
        told: it was told to end.
    """

    __slots__ = ("_scope", "task", "told")

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self.task: trio.lowlevel.Task | None = None
        self.told = False

    @trio.lowlevel.enable_ki_protection
    def __enter__(self) -> None:
        self.task = trio.lowlevel.current_task()
        self._scope.__enter__()

    def begin(self) -> None:
        """Begin, inside the ``with``, or go on; raises `GeneratorExit` if the task was told to end."""
        if self.told:
            raise GeneratorExit

    @trio.lowlevel.enable_ki_protection
    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.task = None
        return self._scope.__exit__(exc_type, raised, traceback) or (self.told and isinstance(raised, GeneratorExit))

    @trio.lowlevel.enable_ki_protection
    def end(self) -> None:
        """Tell the task to end: where it waits for its run, as a generator is closed; else by cancelling it."""
        if self.told:
            return
        self.told = True
        task = self.task
        if task is None:
            return
        if task not in _WAITING:
            self._scope.cancel()
            return
        parking, _WAITING[task] = _WAITING[task], None
        if parking is not None and parking.leave(task):
            trio.lowlevel.reschedule(task)
