"""Run the bodies of a wrapped chain, one at a time, each on the same input."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from graphflow.runtime.current import NOTHING
from graphflow.runtime.failures import combined

if TYPE_CHECKING:
    from graphflow.limits import Hold
    from graphflow.runtime.execution import Execution
    from graphflow_compiler.plan import PlannedNode


@final
class Attempts:
    """What a policy runs: the bodies of a node, on its input.

    A stream is read as far as the bodies read it. If the policy may begin another one, it is kept so that the next can
    read it again, until the policy says that there will be no next one.

    Args:
        execution: the execution that the node is in.
        node: the node.
        value: the whole input, where the node waits for that.
        chunks: the input, where it is a stream. If the policy may begin another body, a cancelled wait for its next
            chunk must do it no harm: a body may end while it waits.

    Attributes:
        name: what the node is called.
        value_given: the whole input.
        hold: the place of a limit that the bodies work in: they do not while they wait for the input.
    """

    def __init__(
        self, execution: Execution, node: PlannedNode, *, value: Any = NOTHING, chunks: AsyncIterator[Any] | None = None
    ) -> None:
        self.name = node.name
        self.value_given = value
        self.hold: Hold | None = None
        self._input_error: Exception | None = None
        self._execution = execution
        self._node = node
        self._chunks = chunks
        self._kept: list[Any] = []
        self._keeps = node.keeps_input
        self._has_ended = False
        self._body: Execution | None = None

    @property
    def count(self) -> int:
        """How many bodies there are."""
        return len(self._node.plans)

    async def __aenter__(self) -> Attempts:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except BaseException as error:
            outcome = combined(raised, [error])
            if outcome is not None and outcome is not raised:
                raise outcome from None

    def begin(self, index: int = 0, *, tags: tuple[str, ...] = ()) -> AsyncGenerator[Any, None]:
        """Start a body from the beginning of the input; returns its output.

        Args:
            index: which of them.
            tags: what the events of its outermost run are tagged with.
        """
        source = None if self._chunks is None else self._input(self._chunks)
        plan = self._node.plans[index]
        self._body = self._execution.body(self._node, plan, self.value_given, source=source, tags=tags)
        return self._body.chunks()

    async def value(self) -> Any:
        """Return the value of the output of the body that was begun, instead of its chunks."""
        assert self._body is not None
        body, self._body = self._body, None
        return await body.run("value")

    async def close(self) -> None:
        """Close what was begun, and wait until it is gone."""
        body, self._body = self._body, None
        if body is not None:
            await body.aclose()

    def comes_from_input(self, error: Exception) -> bool:
        """Tell whether it is, or has in it, what the input failed with: no further attempt can mend that."""
        if isinstance(error, ExceptionGroup):
            return any(self.comes_from_input(one) for one in error.exceptions)
        return error is self._input_error

    def forget_input(self) -> None:
        """Say that the input need not be kept any more."""
        self._keeps = False

    async def _input(self, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """Read the input from its beginning: what was read before, then what is still to come."""
        index = 0
        while True:
            if index < len(self._kept):
                chunk = self._kept[index]
                index += 1
            else:
                if not self._keeps:
                    self._kept.clear()
                    index = 0
                if self._has_ended:
                    return
                if self._input_error is not None:
                    raise self._input_error
                try:
                    coming = anext(chunks, NOTHING)
                    chunk = await (coming if self.hold is None else self.hold.while_it_waits(coming))
                except Exception as error:
                    self._input_error = error
                    raise
                if chunk is NOTHING:
                    self._has_ended = True
                    return
                if self._keeps:
                    self._kept.append(chunk)
                    index += 1
            yield chunk
