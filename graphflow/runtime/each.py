"""Run a body once for every item of a list, several at a time, with the results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import trio

from graphflow.runtime.current import CURRENT, NOTHING
from graphflow.runtime.failures import Raised, only_errors
from graphflow.runtime.recorder import Tap
from graphflow.runtime.tasks import Parking, Work

if TYPE_CHECKING:
    from graphflow.runtime.execution import Execution
    from graphflow_compiler.plan import PlannedNode


@trio.lowlevel.enable_ki_protection
async def run_each(execution: Execution, node: PlannedNode, tap: Tap | None, items: Any) -> AsyncGenerator[Any, None]:
    """Yield a list of one result for every item, in order.

    Raises:
        TypeError: what it was given is no list.
    """
    if not isinstance(items, Iterable) or isinstance(items, str | bytes | Mapping):
        raise TypeError(f"`{node.id}` runs once for every item of a list, but was given {items!r:.60}")
    if node.limit == 1:
        for item in items:
            yield [await _result(execution, node, item)]
        return
    window = _Window(execution, node, tap)
    raised = Raised()
    with raised:
        for item in items:
            if window.is_full:
                yield [await window.next()]
            window.start(item)
        while window.is_busy:
            yield [await window.next()]
    with raised:
        raised.errors += await window.stop()
    raised.again()


@trio.lowlevel.disable_ki_protection
async def _result(execution: Execution, node: PlannedNode, item: Any) -> Any:
    (plan,) = node.plans
    try:
        return await execution.body(node, plan, item).run("value")
    except Exception as error:
        if node.rescue is None:
            raise
        return node.rescue(item, error)


@final
class _Item:
    """One item that is worked on."""

    __slots__ = ("error", "result", "work")

    def __init__(self) -> None:
        self.work = Work()
        self.result: Any = NOTHING
        self.error: BaseException | None = None


@final
class _Window:
    """The items that are worked on, in the order in which their results are given."""

    def __init__(self, execution: Execution, node: PlannedNode, tap: Tap | None) -> None:
        self._execution = execution
        self._node = node
        self._tap = tap
        self._items: deque[_Item] = deque()
        self._live = 0
        self._failed: _Item | None = None
        self._changed = Parking()

    @property
    def is_full(self) -> bool:
        """Tell whether no further item may be started."""
        return len(self._items) >= self._node.limit

    @property
    def is_busy(self) -> bool:
        """Tell whether results are still to come."""
        return bool(self._items)

    @trio.lowlevel.enable_ki_protection
    def start(self, value: Any) -> None:
        """Start to work on an item."""
        item = _Item()
        self._items.append(item)
        self._live += 1
        self._execution.nursery.start_soon(self._work, item, value, name=f"graphflow item of {self._node.id}")

    async def next(self) -> Any:
        """Wait for the next result in order; the first failure of any item is raised at once."""
        while self._items[0].result is NOTHING and self._failed is None:
            await self._changed.park()
        if self._failed is not None:
            error, self._failed.error = self._failed.error, None
            assert error is not None
            raise error
        return self._items.popleft().result

    async def stop(self) -> list[BaseException]:
        """End what is left, wait until it is gone, and return the errors that were not raised."""
        for item in self._items:
            item.work.end()
        with trio.CancelScope(shield=True):
            while self._live:
                await self._changed.park(ends=True)
        return only_errors(item.error for item in self._items if item.error is not None)

    @trio.lowlevel.enable_ki_protection
    async def _work(self, item: _Item, value: Any) -> None:
        CURRENT.set(self._tap.current if self._tap is not None else CURRENT.get())
        try:
            with item.work:
                item.work.begin()
                item.result = await _result(self._execution, self._node, value)
        except BaseException as error:
            item.error = error
            self._failed = self._failed or item
            if not only_errors([error]):
                raise
        finally:
            self._live -= 1
            self._changed.wake()
