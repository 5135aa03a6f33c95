"""The verbs for code that is not asynchronous: `chain.sync.invoke(x)`, `with chain.sync.stream(x) as chunks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, final, overload

from graphflow.limits import Limit
from graphflow.runtime import direct, portal

if TYPE_CHECKING:
    from graphflow.events import Event
    from graphflow.program import Program
    from graphflow_compiler.profile import Profile

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


@final
class SyncVerbs(Generic[In, Out]):
    """The verbs of a program, blocking: from any thread, also beside a running event loop.

    Called from a node that runs in a worker thread (`thread=True`), they run inside the run of that node. Called from
    a Trio task they raise `RuntimeError`: that would block the loop.
    """

    def __init__(self, program: Program[In, Out]) -> None:
        self._program = program

    def invoke(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> Out:
        """Run on one value and return the value of the whole output. See `Program.invoke`."""
        portal.refuse_trio("invoke", "`await chain.invoke(...)`")
        if self._program.is_direct and not direct.is_listened_to():
            output: Out = self._program.invoke_directly(value, run_id=run_id)
            return output
        return portal.call(
            lambda: self._program.invoke(value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit)
        )

    def stream(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractContextManager[Iterator[Out]]:
        """Run on one value; inside the ``with``, iterate over the chunks of the output. See `Program.stream`."""
        portal.refuse_trio("stream", "`async with chain.stream(...) as chunks`")
        if self._program.is_direct and not direct.is_listened_to():
            return self._program.stream_directly(value, run_id=run_id)
        return portal.opened(
            lambda: self._program.stream(value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit)
        )

    def events(
        self,
        value: In,
        /,
        *,
        include_names: Iterable[str] | None = None,
        include_types: Iterable[str] | None = None,
        include_tags: Iterable[str] | None = None,
        exclude_names: Iterable[str] | None = None,
        exclude_types: Iterable[str] | None = None,
        exclude_tags: Iterable[str] | None = None,
        allow_unmatched: bool = False,
        outputs: bool = True,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractContextManager[Iterator[Event]]:
        """Run on one value; inside the ``with``, iterate over the events of the run. See `Program.events`."""
        portal.refuse_trio("events", "`async with chain.events(...) as events`")
        return portal.opened(
            lambda: self._program.events(
                value,
                include_names=include_names,
                include_types=include_types,
                include_tags=include_tags,
                exclude_names=exclude_names,
                exclude_types=exclude_types,
                exclude_tags=exclude_tags,
                allow_unmatched=allow_unmatched,
                outputs=outputs,
                name=name,
                tags=tags,
                metadata=metadata,
                run_id=run_id,
                limit=limit,
            )
        )

    def explain_analyze(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> Profile:
        """Run once on one value and return what was measured. See `Program.explain_analyze`.

        It is measured in an event loop also if it could run without one.
        """
        portal.refuse_trio("explain_analyze", "`await chain.explain_analyze(...)`")
        return portal.call(
            lambda: self._program.explain_analyze(
                value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit
            )
        )

    @overload
    def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out]: ...

    @overload
    def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out | Exception]: ...

    def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out] | list[Out | Exception]:
        """Run on several values side by side and return their outputs in order. See `Program.batch`."""
        portal.refuse_trio("batch", "`await chain.batch(...)`")
        return portal.call(
            lambda: self._program.batch(
                values,
                max_concurrency=max_concurrency,
                return_exceptions=return_exceptions,
                name=name,
                tags=tags,
                metadata=metadata,
                run_id=run_id,
                limit=limit,
            )
        )

    @overload
    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractContextManager[Iterator[tuple[int, Out]]]: ...

    @overload
    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractContextManager[Iterator[tuple[int, Out | Exception]]]: ...

    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractContextManager[Iterator[tuple[int, Any]]]:
        """Run on several values; iterate over ``(index, output)`` as each is done. See `Program.batch_as_completed`."""
        portal.refuse_trio("batch_as_completed", "`async with chain.batch_as_completed(...) as results`")
        return portal.opened(
            lambda: self._program.batch_as_completed(
                values,
                max_concurrency=max_concurrency,
                return_exceptions=return_exceptions,
                name=name,
                tags=tags,
                metadata=metadata,
                run_id=run_id,
                limit=limit,
            )
        )
