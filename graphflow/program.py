"""Programs: a plan with the verbs that run it."""

from __future__ import annotations

import functools
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, final, overload

import attrs

from graphflow.errors import InputError, NotInvokableError
from graphflow.events import Event, Filter
from graphflow.limits import Limit
from graphflow.lower import lower
from graphflow.runtime.batches import OpenedBatch, run_batch
from graphflow.runtime.code import Code
from graphflow.runtime.current import CURRENT, RunIds
from graphflow.runtime.direct import DirectRun, DirectStream, is_direct
from graphflow.runtime.execution import Execution, Run
from graphflow.runtime.metering import COLLECTING
from graphflow.runtime.recorder import Config
from graphflow.runtime.run import OpenedChunks, OpenedEvents, run_for_value
from graphflow.runtime.tasks import require_trio
from graphflow_compiler.ir import Graph, Op
from graphflow_compiler.pipeline import PASS_NAMES, compile_graph
from graphflow_compiler.plan import Format, Plan

if TYPE_CHECKING:
    from graphflow.chain import Chain
    from graphflow.sync import SyncVerbs
    from graphflow_compiler.profile import Profile

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


@final
class Program(Generic[In, Out]):
    """A compiled chain: its `plan`, and the verbs that run it. Made by `compile`.

    Attributes:
        plan: what will run where, and why.
    """

    def __init__(self, chain: Chain[In, Out]) -> None:
        self._chain = chain
        self.plan: Plan = compile_graph(lower(chain._declaration))
        self._code = Code(self.plan)
        self._needs_nursery = needs_nursery(self.plan)
        self._streams_input = _shares_input([self.plan])

    # --- what it is ---

    def explain(self, format: Format = "text", *, after: str | None = None, full: bool = False) -> str:
        """Return the plan as text, as a drawing (``mermaid``, ``dot``, ``svg``), as a page (``html``) or as JSON.

        Args:
            format: which of them. ``svg`` is drawn by graphviz, which must be installed.
            after: the name of a pass: what that pass gave, instead of the finished plan.
            full: of text, show every node of a long plan, where otherwise the middle of what is long is folded.

        Raises:
            ValueError: there is no such format or pass, or the pass gives no plan yet, which only text can show.
            DrawingError: ``svg`` was asked for, and graphviz is not there.
        """
        if after is None:
            return self.plan.explain(format, full=full)
        from graphflow_compiler.render import render_graph, render_plan

        if after not in PASS_NAMES:
            raise ValueError(f"there is no pass {after!r}; the passes are {', '.join(PASS_NAMES)}")
        seen: dict[str, Graph | Plan] = {}
        compile_graph(lower(self._chain._declaration), observe=seen.__setitem__)
        subject = seen[after]
        if isinstance(subject, Plan):
            return render_plan(subject, format, full=full)
        if format != "text":
            raise ValueError(f"what {after!r} gives is no plan yet: it can only be shown as 'text', not as {format!r}")
        return render_graph(subject)

    def __str__(self) -> str:
        return self.explain()

    def __repr__(self) -> str:
        return f"<Program {self.plan.name}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.plan._repr_mimebundle_(include, exclude)

    # --- verbs ---

    async def invoke(
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
        """Run on one value and return the value of the whole output: the fold of what `stream` gives.

        Args:
            value: the input.
            name: the name of this run, in its events and errors.
            tags: for the events of this run and of all inside it.
            metadata: likewise.
            run_id: a UUID for this run; one is made if not given.
            limit: how many of its nodes that wait for something, or work in threads, may do so at once: of the run, of
                all that runs in it, and of other runs that are given the same `Limit`.

        Raises:
            NotInvokableError: nothing says how the output's chunks become one value.
            EmptyStreamError: the output gave no chunk, and has no initial value.
            Exception: what a node raises, as itself; several errors as an `ExceptionGroup`.
        """
        require_trio("invoke")
        straight = self._code.straight
        if straight is not None and limit is None and CURRENT.get() is None and COLLECTING.collector is None:
            try:
                output: Out = await straight(value)
            except Exception as error:
                if not isinstance(error, InputError):
                    straight.annotate(error, run_id or RunIds()())
                raise
            return output
        self._require_accumulator()
        config = _config(name, tags, metadata)
        begin = functools.partial(Execution, code=self._code, value=value, config=config, tells_value=False)
        if self._needs_nursery:
            output = await run_for_value(begin, run_id, _limit(limit))
        else:
            output = await begin(Run.here(None, run_id, _limit(limit))).run("value")
        return output

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
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run on one value; inside the ``async with``, iterate over the chunks of the final output.

        Leaving the block, however, leaves nothing running. Args and errors as for `invoke`; errors of nodes are
        raised by the iteration, or on leaving if they were not reached.
        """
        begin = functools.partial(Execution, code=self._code, value=value, config=_config(name, tags, metadata))
        return OpenedChunks[Out](begin, needs_nursery=self._needs_nursery, run_id=run_id, limit=_limit(limit))

    def transform(
        self,
        source: AsyncIterable[In],
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run on an input that is itself a stream: `source` is iterated at the pace of the reader, and closed.

        Args and errors as for `stream`.

        Raises:
            TypeError: the source is not an asynchronous iterable.
        """
        if not hasattr(source, "__aiter__"):
            raise TypeError(f"transform takes an asynchronous iterable of chunks, not {source!r:.60}; see stream")
        begin = functools.partial(Execution, code=self._code, source=source, config=_config(name, tags, metadata))
        needs = self._needs_nursery or self._streams_input
        return OpenedChunks[Out](begin, needs_nursery=needs, run_id=run_id, limit=_limit(limit))

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
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Run on one value; inside the ``async with``, iterate over the events of every run in it.

        Inside a node of a run that somebody listens to already, both listeners are told: to this one, the run is the
        outermost; to the other, a child of the node.

        Args:
            value: the input.
            include_names: keep the runs of these names; the three includes together keep what any of them names.
            include_types: keep the runs of these kinds.
            include_tags: keep the runs with one of these tags, which are inherited by all inside.
            exclude_names: leave out the runs of these names, whatever the includes say.
            exclude_types: likewise, by kind.
            exclude_tags: likewise, by tag.
            allow_unmatched: accept a filter that names nothing of the plan, but of a run nested in a node.
            outputs: False leaves folded inputs and outputs out of end events, so that they cost no memory.
            name: as for `invoke`.
            tags: as for `invoke`.
            metadata: as for `invoke`.
            run_id: as for `invoke`.
            limit: as for `invoke`.

        Raises:
            UnmatchedFilterError: a filter names what the plan does not have.
            Exception: what a node raises, after the last event.
        """
        config = _config(name, tags, metadata)
        chosen = Filter.of(
            include_names=include_names,
            include_types=include_types,
            include_tags=include_tags,
            exclude_names=exclude_names,
            exclude_types=exclude_types,
            exclude_tags=exclude_tags,
        )
        if not allow_unmatched:
            chosen.check(self.plan, name, config.tags)
        begin = functools.partial(Execution, code=self._code, value=value, config=config)
        return OpenedEvents(begin, chosen, run_id=run_id, outputs=outputs, limit=_limit(limit))

    async def explain_analyze(
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
        """Run once on one value with measuring compiled in, read all of the output, and return what was measured.

        Args and errors as for `stream`. What is measured is this run: its first compilation of code, a cold cache and
        a slow server are in the figures like all else.
        """
        from graphflow.profiling import measured

        require_trio("explain_analyze")
        return await measured(
            self._code,
            value,
            _config(name, tags, metadata),
            needs_nursery=self._needs_nursery,
            run_id=run_id,
            limit=_limit(limit),
        )

    @overload
    async def batch(
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
    async def batch(
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

    async def batch(
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
        """Run on several values side by side and return their outputs, in the order of the values.

        Args:
            values: the inputs.
            max_concurrency: how many are worked on at once; 64 if not given.
            return_exceptions: give an error in the place of its output, instead of raising it.
            name: as for `invoke`, for the run of every value.
            tags: as for `invoke`, for the run of every value.
            metadata: as for `invoke`, for the run of every value.
            limit: as for `invoke`; all values share it.
            run_id: the ids of the runs, one for each value. Of a single one, for several values, the others are made:
                version 5 UUIDs of it and the index of the value.

        Raises:
            Exception: the error of a value, which cancels the others; several as an `ExceptionGroup`.
            ValueError: max_concurrency is less than 1, or there are not as many ids as values.
        """
        given = list(values)
        invoke = self._invoke_of(len(given), name, tags, metadata, run_id, _limit(limit))
        return await run_batch(invoke, given, max_concurrency, return_exceptions=return_exceptions)

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
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out]]]: ...

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
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out | Exception]]]: ...

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
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Any]]]:
        """Run on several values; inside the ``async with``, iterate over ``(index, output)`` as each is done.

        Leaving the block cancels what is not done. Args and errors as for `batch`.
        """
        given = list(values)
        invoke = self._invoke_of(len(given), name, tags, metadata, run_id, _limit(limit))
        return OpenedBatch(invoke, given, max_concurrency, return_exceptions=return_exceptions)

    @functools.cached_property
    def sync(self) -> SyncVerbs[In, Out]:
        """The same verbs for code that is not asynchronous."""
        from graphflow.sync import SyncVerbs

        return SyncVerbs(self)

    # --- what the synchronous verbs ask ---

    @functools.cached_property
    def is_direct(self) -> bool:
        """Whether no node ever waits, so that the plan runs without an event loop."""
        return is_direct(self.plan)

    def invoke_directly(self, value: In, /, *, run_id: str | None) -> Out:
        """Run on one value in the caller's thread, without an event loop."""
        self._require_accumulator()
        output: Out = DirectRun(self._code, value, run_id).value(self._code)
        return output

    def stream_directly(self, value: In, /, *, run_id: str | None) -> AbstractContextManager[Iterator[Out]]:
        """Do so, chunk by chunk."""
        return DirectStream[Out](self._code, value, run_id)

    # --- details ---

    def _invoke_of(
        self,
        count: int,
        name: str | None,
        tags: Iterable[str],
        metadata: Mapping[str, object] | None,
        run_id: str | Sequence[str] | None,
        limit: Limit | None,
    ) -> Callable[[int, In], Awaitable[Out]]:
        """Return what runs on one of several values, given with its index."""
        self._require_accumulator()
        config = _config(name, tags, metadata)
        ids = _ids(run_id, count)

        def invoke(index: int, value: In) -> Awaitable[Out]:
            return self.invoke(
                value, name=name, tags=config.tags, metadata=config.metadata, run_id=ids[index], limit=limit
            )

        return invoke

    def _require_accumulator(self) -> None:
        if self.plan.by_id[self.plan.output].folds is None:
            (reason,) = [one for one in self.plan.diagnostics if one.code == "GF306"]
            raise NotInvokableError(str(attrs.evolve(reason, severity="error")))


def compile(chain: Chain[In, Out], /) -> Program[In, Out]:
    """Compile a chain.

    Raises:
        CompileError: it cannot be run; the message says what is wrong, where, and what to write instead.
    """
    from graphflow.declare import as_chain

    return as_chain(chain).compile()


def needs_nursery(plan: Plan) -> bool:
    """Tell whether running a plan on a value takes tasks."""
    return (
        any(stage.own_task for stage in plan.stages)
        or any(node.keeps_open for node in plan.nodes)
        or any(node.op is Op.EACH and node.limit > 1 for node in plan.nodes)
        or any(needs_nursery(body) for body in plan.nested)
        or any(node.keeps_input for node in plan.nodes)
        or any(node.op is Op.WRAP and node.ports[0].streams and _shares_input(node.plans) for node in plan.nodes)
    )


def _shares_input(bodies: Iterable[Plan]) -> bool:
    """Tell whether the input of any of several plans, where it is a stream, needs a task."""
    return any(body.input_stage is not body.output_stage for body in bodies)


def _config(name: str | None, tags: Iterable[str], metadata: Mapping[str, object] | None) -> Config:
    if isinstance(tags, str):
        raise TypeError(f"tags takes several strings, not the string {tags!r}: write [{tags!r}]")
    return Config(name, tuple(tags), dict(metadata or {}))


def _limit(limit: int | Limit | None) -> Limit | None:
    return None if limit is None else Limit.of(limit)


def _ids(run_id: str | Sequence[str] | None, count: int) -> Sequence[str | None]:
    """Return the ids of several runs."""
    if run_id is None:
        return [None] * count
    if isinstance(run_id, str):
        return [run_id, *(str(uuid.uuid5(uuid.UUID(run_id), str(index))) for index in range(1, count))]
    if len(run_id) != count:
        raise ValueError(f"run_id has {len(run_id)} ids for {count} values: give one for each, or a single one")
    return run_id
