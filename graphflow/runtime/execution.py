"""Execute a plan once: its buffers, the tasks of its stages, and the final output to pull.

Errors of a stage travel with its chunks to whoever reads them; at the same time the stages that do not lie behind it
are cancelled. Whoever reads the final output gets one error as itself, several as a group. However the output is
left, leaving it closes every generator, cancels every task and waits until all are gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import attrs
import trio

from graphflow.errors import InputError
from graphflow.runtime.buffers import Buffer, Queue, Slot
from graphflow.runtime.current import CURRENT, NOTHING, Current, Listening, RunIds, within
from graphflow.runtime.each import run_each
from graphflow.runtime.failures import Raised, combined, only_errors
from graphflow.runtime.flows import AsyncStream, Flow, SyncStream, Whole
from graphflow.runtime.notes import annotate
from graphflow.runtime.recorder import Config, Recorder, Tap
from graphflow.runtime.slices import Slice
from graphflow.runtime.stage import StageRun
from graphflow.runtime.tasks import Parking, Work
from graphflow_compiler.accumulate import keeps_one
from graphflow_compiler.errors import EmptyStreamError
from graphflow_compiler.ir import INPUT, REST, Edge, NodeId, Op
from graphflow_compiler.plan import Plan, PlannedNode, Stage, StageId

if TYPE_CHECKING:
    from graphflow_compiler.accumulate import Accumulator


@final
class Run:
    """What all executions of one call of a verb share.

    Attributes:
        nursery: where their tasks live; None where the plan needs none.
        given_id: the id that the caller gave it.
        listening: who listens to events; None where nobody does.
        around: the run that it is nested in, if that is listened to.
    """

    __slots__ = ("_id", "around", "given_id", "listening", "nursery")

    def __init__(
        self, nursery: trio.Nursery | None, run_id: str | None, listening: Listening | None, around: Current | None
    ) -> None:
        self.nursery = nursery
        self.given_id = run_id
        self.listening = listening
        self.around = around
        self._id: str | None = run_id

    @classmethod
    def here(cls, nursery: trio.Nursery | None, run_id: str | None) -> Run:
        """Return a run that is nested in the current one, if there is one."""
        around = CURRENT.get()
        return cls(nursery, run_id, around.listening if around is not None else None, around)

    @property
    def run_id(self) -> str:
        """The id of the run, for the notes on its errors; drawn when it is first asked for."""
        if self._id is None:
            self._id = RunIds()()
        return self._id

    def know_id(self, run_id: str) -> None:
        """Use the id that its events have."""
        self._id = run_id


@attrs.frozen
class Outlet:
    """Where the output of a stage goes: to a buffer, on the terms of an edge."""

    buffer: Buffer
    edge: Edge
    join: PlannedNode | None

    def write(self, chunk: Any) -> None:
        """Write a chunk, or what of it the edge takes."""
        key = self.edge.key
        if key is not None:
            if not isinstance(chunk, Mapping):
                raise TypeError(f"key {key!r} was asked of `{self.edge.source}`, which gave {chunk!r:.60}: no record")
            if key not in chunk:
                return
            chunk = chunk[key]
        if self.join is None:
            self.buffer.put(chunk)
        elif self.edge.port != REST:
            self.buffer.put({self.edge.port: chunk})
        else:
            rest = self._rest(self.join, chunk)
            if rest or not chunk:
                self.buffer.put(rest)

    def _rest(self, join: PlannedNode, chunk: Any) -> dict[str, Any]:
        if not isinstance(chunk, Mapping):
            raise TypeError(f"`{join.id}` adds keys to a record, but `{self.edge.source}` gave {chunk!r:.60}")
        return {key: piece for key, piece in chunk.items() if key not in join.keys}


@final
class Execution:
    """A plan, once.

    Args:
        run: what it belongs to.
        plan: the plan.
        value: the input, where it is one value.
        source: the input, where it is a stream.
        config: what the caller said of the run.
        tells_value: whether events tell the value of the whole as a chunk too.
        body_of: the run of the node that the plan is a body of, and the run that the node's code runs in; None if it
            is no body, or nobody listens.
    """

    def __init__(
        self,
        run: Run,
        plan: Plan,
        *,
        value: Any = NOTHING,
        source: AsyncIterable[Any] | None = None,
        config: Config | None = None,
        tells_value: bool = True,
        body_of: tuple[Current, Current] | None = None,
    ) -> None:
        self.plan = plan
        self._run = run
        self._value = value
        self._source = source
        self._source_begun = False
        self._tells_value = tells_value
        self._recorder: Recorder | None = None
        if run.listening is not None:
            around, nearest = body_of or (run.around, run.around)
            self._recorder = Recorder(
                plan,
                run.listening,
                around,
                nearest,
                config or Config(),
                run_id=run.given_id,
                input_is_value=source is None,
                tells_value=tells_value,
                is_body=body_of is not None,
            )
            if body_of is None:
                run.know_id(self._recorder.run_id)
        self._buffers: dict[tuple[NodeId, str], Buffer] = {}
        self._outlets_of: dict[NodeId, list[Outlet]] = {}
        self._over: set[StageId] = set()
        self._abandoned: Counter[NodeId] = Counter()
        self._works: dict[StageId, Work] = {}
        self._output: AsyncGenerator[Any, None] | None = None
        self._last: StageRun | None = None
        self._live = 0
        self._all_gone = Parking()
        self._errors: list[BaseException] = []
        self._first_error: BaseException | None = None
        self._left: set[StageId] = set()

    # --- what its stages ask ---

    @property
    def run_id(self) -> str:
        """The id of the run, for notes on errors."""
        return self._run.run_id

    @property
    def nursery(self) -> trio.Nursery:
        """Where tasks of this execution live."""
        assert self._run.nursery is not None, "a plan that needs tasks was opened without a nursery"
        return self._run.nursery

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return what is to be told of a node; None where nobody listens."""
        return self._recorder.tap(node_id) if self._recorder is not None else None

    def buffer(self, edge: Edge) -> Buffer | None:
        """Return what stands on an edge; None where it hands over directly."""
        return self._buffers.get((edge.target, edge.port or ""))

    def input_flow(self) -> Flow:
        """Return the caller's input, for its only consumer."""
        if self._source is None:
            return Whole(self._value)
        return AsyncStream(self._told_input(self._source))

    def slice(self) -> Slice:
        """Return the time slice of a loop that keeps at the pace of who listens."""
        return Slice(self._run.listening)

    def body(self, node: PlannedNode, plan: Plan, value: Any) -> Execution:
        """Return an execution of a body, nested in the run of its node."""
        told = self._recorder
        body_of = (told.current(node), told.inside(node)) if told is not None else None
        config = Config(metadata=node.describe(value)) if node.describe is not None else None
        return Execution(self._run, plan, value=value, config=config, tells_value=self._tells_value, body_of=body_of)

    def each(self, node: PlannedNode, tap: Tap | None, items: Any) -> AsyncGenerator[Any, None]:
        """Run the body of an each for every item."""
        return run_each(self, node, tap, items)

    # --- the output ---

    @trio.lowlevel.enable_ki_protection
    async def value(self, accumulator: Accumulator) -> Any:
        """Run to the end and return the value of the output.

        Raises:
            EmptyStreamError: the output gave no chunk and its accumulator has no initial value.
        """
        value: Any = None
        raised = Raised()
        with raised:
            value = await self.folded(self.chunks(), accumulator)
        with raised:
            await self.aclose()
        raised.again()
        return value

    @trio.lowlevel.disable_ki_protection
    async def folded(self, chunks: AsyncIterator[Any], accumulator: Accumulator) -> Any:
        """Fold the chunks of the output.

        Raises:
            EmptyStreamError: there was none, and the accumulator has no initial value.
        """
        output = self.plan.by_id[self.plan.output]
        fold = accumulator.fold()
        async for chunk in chunks:
            try:
                fold.add(chunk)
            except Exception as error:
                annotate(error, output, self.run_id)
                raise
        try:
            return fold.value()
        except EmptyStreamError as error:
            empty = EmptyStreamError(f"the value of `{self.plan.name}` was asked, but {error}")
            annotate(empty, output, self.run_id)
            raise empty from None

    def chunks(self) -> AsyncGenerator[Any, None]:
        """Return the chunks of the final output, to be iterated once; whoever asks for them awaits `aclose` at last."""
        chunks = self._chunks()
        self._output = chunks if self._recorder is None else within(self._recorder.base, chunks)
        return self._output

    @trio.lowlevel.enable_ki_protection
    async def aclose(self) -> None:
        """Close every generator, end every task and wait until all are gone; raises the errors that nobody has got."""
        raised = Raised()
        if self._output is not None:
            with raised:
                await self._output.aclose()
        with raised:  # the iteration has done this, unless it was interrupted halfway
            await self._end(None)
        with raised:
            await self._close_source()
        raised.again()

    async def _chunks(self) -> AsyncGenerator[Any, None]:
        stage = next(stage for stage in self.plan.stages if not stage.own_task)
        self._last = stage_run = StageRun(self, stage)
        failure: BaseException | None = None
        try:
            self._start()
            flow = await stage_run.flow()
            time = self.slice()
            if isinstance(flow, Whole):
                yield flow.value
            elif isinstance(flow, SyncStream):
                for chunk in flow.chunks:
                    yield chunk
                    if time.due():
                        await time.renew()
            else:
                async for chunk in flow.chunks:
                    yield chunk
                    if time.due():
                        await time.renew()
        except BaseException as error:
            failure = error
            stage_run.annotate(error)
        await self._end(failure)

    @trio.lowlevel.enable_ki_protection
    async def _end(self, failure: BaseException | None) -> None:
        """Close the last stage and end the others, once; raises what went wrong, `failure` included."""
        stage_run, self._last = self._last, None
        if stage_run is None:
            return
        errors = await stage_run.close(is_cancelled=isinstance(failure, trio.Cancelled))
        if failure is None or isinstance(failure, GeneratorExit):
            self._leave(self.plan.stages)
        outcome = combined(failure, errors + await self._stop())
        if self._recorder is not None:
            self._recorder.settle(None if isinstance(outcome, GeneratorExit) else outcome)
        if outcome is not None:
            raise outcome

    async def _close_source(self) -> None:
        """Close the caller's stream also if nobody has begun to read it."""
        close = getattr(self._source, "aclose", None)
        if close is not None and not self._source_begun:
            await close()

    # --- its tasks ---

    @trio.lowlevel.enable_ki_protection
    def _start(self) -> None:
        """Make the buffers, feed them with the input, and start the tasks."""
        plan = self.plan
        if self._recorder is not None:
            if self._source is None:
                self._recorder.give(self._value)
            self._recorder.start()
        self._make_buffers()
        outlets = self._outlets(INPUT)
        if outlets and self._source is None:
            self._deliver(outlets)
        elif outlets:
            assert self._source is not None
            self._spawn(StageId(INPUT), self._run_input, outlets)
        for stage in plan.stages:
            if stage.own_task:
                self._spawn(stage.id, self._run_stage, StageRun(self, stage))

    def _make_buffers(self) -> None:
        accumulators = {(edge.target, edge.port): edge.accumulator for edge in self.plan.edges}
        joins: dict[NodeId, Queue] = {}
        for planned in self.plan.buffers:
            place = planned.target, planned.port
            if planned.kind == "call":
                continue
            if self.plan.by_id[planned.target].op is Op.JOIN:  # all its streams share one queue, in order of arrival
                queue = joins.setdefault(planned.target, Queue(capacity=0, writers=0))
                queue.add_writer(planned.capacity)
                self._buffers[place] = queue
            elif planned.kind == "fold":
                accumulator = accumulators[place]
                assert accumulator is not None
                self._buffers[place] = Slot(accumulator.fold())
            else:
                self._buffers[place] = Queue(planned.capacity)

    def _outlets(self, node_id: NodeId) -> list[Outlet]:
        outlets = self._outlets_of.get(node_id)
        if outlets is not None:
            return outlets
        outlets = self._outlets_of[node_id] = []
        for edge in self.plan.edges_from[node_id]:
            buffer = self.buffer(edge)
            if buffer is not None:
                target = self.plan.by_id[edge.target]
                outlets.append(Outlet(buffer, edge, target if target.op is Op.JOIN else None))
        return outlets

    def _deliver(self, outlets: list[Outlet]) -> None:
        """Give the caller's value to all who take it."""
        for outlet in outlets:
            key, value = outlet.edge.key, self._value
            if key is not None:
                value = self._key_of_input(key)
                target = self.plan.by_id[outlet.edge.target]
                if value is NOTHING and outlet.edge.port is not None and target.port(outlet.edge.port).required:
                    raise InputError(f"`{self.plan.name}` takes a record with the key {key!r}, which its input lacks")
            accumulator = outlet.edge.accumulator
            if value is NOTHING:
                outlet.buffer.end()
            elif isinstance(outlet.buffer, Slot) and accumulator is not None and keeps_one(accumulator):
                outlet.buffer.set(value)
            else:
                outlet.write(self._value)
                outlet.buffer.end()

    def _key_of_input(self, key: str) -> Any:
        if not isinstance(self._value, Mapping):
            raise InputError(
                f"`{self.plan.name}` takes a record with the key {key!r} (a dict), but was given {self._value!r:.80}"
            )
        return self._value.get(key, NOTHING)

    def _spawn(self, stage_id: StageId, run: Callable[..., Awaitable[None]], argument: Any) -> None:
        work = self._works[stage_id] = Work()
        self._live += 1
        self.nursery.start_soon(self._run_task, work, run, argument, name=f"graphflow stage {stage_id}")

    @trio.lowlevel.enable_ki_protection
    async def _run_task(self, work: Work, run: Callable[..., Awaitable[None]], argument: Any) -> None:
        if self._recorder is not None:
            CURRENT.set(self._recorder.base)
        try:
            with work:
                await run(argument)
        finally:
            self._live -= 1
            self._all_gone.wake()

    async def _run_stage(self, stage_run: StageRun) -> None:
        stage = stage_run.stage
        outlets = self._outlets(stage.nodes[-1])
        work = self._works[stage.id]
        raised = Raised()
        with raised:
            work.begin()
            await _pump(stage_run.stream, outlets, self.slice())
        for error in raised.errors:
            stage_run.annotate(error)
        is_cancelled = bool(raised.errors) and not only_errors(raised.errors) and stage.id not in self._left
        self._errors += only_errors(await stage_run.close(is_cancelled=is_cancelled))
        self._finish(work, outlets, raised, stage)

    async def _run_input(self, outlets: list[Outlet]) -> None:
        assert self._source is not None
        chunks = self._told_input(self._source)

        async def stream() -> AsyncIterator[Any]:
            return chunks

        work = self._works[StageId(INPUT)]
        raised, closing = Raised(), Raised()
        with raised:
            work.begin()
            await _pump(stream, outlets, self.slice())
        with closing:
            await chunks.aclose()
        for error in (*raised.errors, *closing.errors):
            if isinstance(error, Exception):
                annotate(error, self.plan.by_id[INPUT], self.run_id)
        self._errors += only_errors(closing.errors)
        self._finish(work, outlets, raised)

    def _finish(self, work: Work, outlets: list[Outlet], raised: Raised, stage: Stage | None = None) -> None:
        """Say to the readers of a stage that it is done, or why not; whoever reads it gets the error."""
        if not raised.errors:
            for outlet in outlets:
                outlet.buffer.end()
            return
        if work.told and not only_errors(raised.errors):
            if self._first_error is not None:  # else all who could read this are told to end, or have left
                for outlet in outlets:
                    outlet.buffer.fail(self._first_error, is_own=False)
            return
        (error,) = raised.errors
        for outlet in outlets:
            outlet.buffer.fail(error)
        if not only_errors([error]):
            raise error
        if error is self._first_error and stage is not None and self._only_follows(stage):
            return  # whatever does not lie behind this stage was told to end before
        if self._first_error is None:
            self._first_error = error
        behind = self._behind(outlets)
        for stage_id, other in self._works.items():
            if stage_id not in behind and other is not work:
                other.end()

    def _only_follows(self, stage: Stage) -> bool:
        """Tell whether all that a stage reads is read by nobody else."""
        return all(len(self.plan.edges_from[edge.source]) == 1 for edge in self.plan.edges_into[stage.nodes[0]])

    def _behind(self, outlets: list[Outlet]) -> set[StageId]:
        """Return the stages that what a stage gives flows into."""
        found: set[StageId] = set()
        pending = [outlet.edge.target for outlet in outlets]
        while pending:
            stage_id = self.plan.by_id[pending.pop()].stage
            if stage_id is not None and stage_id not in found:
                found.add(stage_id)
                pending.extend(edge.target for edge in self.plan.edges_from[self.plan.stage_by_id[stage_id].nodes[-1]])
        return found

    def abandon_inputs(self, stage: Stage, *, is_cancelled: bool) -> None:
        """Say that nobody reads what flows into a stage any more; who writes only that is told to end.

        Args:
            stage: the stage that is over.
            is_cancelled: it was cancelled itself, so that what stands before it is not closed by its consumer.
        """
        if stage.id in self._over:
            return
        self._over.add(stage.id)
        for edge in self.plan.edges_into[stage.nodes[0]]:
            buffer = self.buffer(edge)
            if buffer is None:
                continue
            buffer.abandon()
            self._abandoned[edge.source] += 1
            writer = self.plan.by_id[edge.source].stage or StageId(INPUT)
            work = self._works.get(writer)
            if work is not None and self._abandoned[edge.source] == len(self._outlets(edge.source)):
                if not is_cancelled and edge.source != INPUT:
                    self._leave([self.plan.stage_by_id[writer]])
                work.end()

    def _leave(self, stages: Iterable[Stage]) -> None:
        """Say that stages will be told to end because nobody wants more of them: that is no failure."""
        for stage in stages:
            work = self._works.get(stage.id)
            if work is None or work.told:
                continue
            self._left.add(stage.id)
            if self._recorder is not None:
                self._recorder.leave(stage.nodes)

    async def _stop(self) -> list[BaseException]:
        """End what still runs, wait until it is gone, and return the errors that nobody has seen."""
        for work in self._works.values():
            work.end()
        if self._live:
            with trio.CancelScope(shield=True):
                while self._live:
                    await self._all_gone.park(ends=True)
        unseen = [error for buffer in self._buffers.values() for error in buffer.unseen]
        return only_errors([*self._errors, *unseen])

    # --- details ---

    async def _told_input(self, source: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
        """Iterate over the caller's stream, and close it if it can be closed."""
        tap = self.tap(INPUT)
        self._source_begun = True
        chunks: AsyncIterator[Any] = aiter(source)
        if self._recorder is not None:
            chunks = within(self._run.around, chunks)  # it is the caller's, and runs in the caller's run
        try:
            async for chunk in chunks:
                if tap is not None:
                    tap.chunk(chunk)
                yield chunk
            if tap is not None:
                tap.end()
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()


@trio.lowlevel.disable_ki_protection
async def _pump(stream: Callable[[], Awaitable[AsyncIterator[Any]]], outlets: list[Outlet], time: Slice) -> None:
    """Write all chunks to all outlets, at the pace of the slowest."""
    async for chunk in await stream():
        for outlet in outlets:
            outlet.write(chunk)
        for outlet in outlets:
            if outlet.buffer.full:
                await outlet.buffer.room()
        if time.due():
            await time.renew()
