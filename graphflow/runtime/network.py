"""The stages of one execution that run in tasks of their own, and what stands between them.

Errors of a stage travel with its chunks to whoever reads them; at the same time the stages that do not lie behind it
are told to end. Whoever reads the final output gets one error as itself, several as a group.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import attrs
import trio

from graphflow.errors import InputError
from graphflow.events import CustomEvent
from graphflow.runtime import standstill
from graphflow.runtime.buffers import Buffer, Log, Reader, Slot
from graphflow.runtime.code import select, without
from graphflow.runtime.current import CURRENT, NOTHING
from graphflow.runtime.failures import Raised, only_errors
from graphflow.runtime.isolated import Isolated
from graphflow.runtime.notes import annotate
from graphflow.runtime.slices import Slice
from graphflow.runtime.stage import StageRun
from graphflow.runtime.tasks import Parking, Work
from graphflow_compiler.accumulate import keeps_one
from graphflow_compiler.ir import INPUT, REST, Edge, NodeId, Op
from graphflow_compiler.plan import PlannedNode, Stage, StageId

if TYPE_CHECKING:
    from graphflow.runtime.execution import Execution


@attrs.frozen
class Outlet:
    """Where the output of a stage goes: to a buffer, on the terms of an edge.

    Attributes:
        buffer: the buffer.
        edge: the edge.
        put: writes a chunk, or what of it the edge takes; tells whether the writer has to wait for room.
    """

    buffer: Buffer
    edge: Edge
    put: Callable[[Any], bool]


def _put_along(edge: Edge, buffer: Buffer, target: PlannedNode) -> Callable[[Any], bool]:
    """Return what writes a chunk to a buffer, as far as an edge takes it and in the form in which its target does."""
    put: Callable[[Any], bool]
    if isinstance(buffer, Slot):
        put = buffer.put
    elif target.op is not Op.JOIN:
        put = buffer.log.put
    elif edge.port == REST:
        put = _put_rest(edge, buffer.log, target)
    else:
        put = _put_piece(edge.port or "", buffer.log, target)
    return put if edge.key is None else _put_key(edge.key, edge.source, put)


def _put_piece(port: str, log: Log, join: PlannedNode) -> Callable[[Any], bool]:
    place, put_from = join.keys.index(port), log.put_from
    return lambda chunk: put_from(place, {port: chunk})


def _put_rest(edge: Edge, log: Log, join: PlannedNode) -> Callable[[Any], bool]:
    def put(chunk: Any) -> bool:
        rest = without(chunk, join.keys, join.id, edge.source)
        return rest is not NOTHING and log.put_from(-1, rest)

    return put


def _put_key(key: str, giver: str, put: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def put_key(chunk: Any) -> bool:
        piece = select(chunk, key, giver)
        return piece is not NOTHING and put(piece)

    return put_key


@final
class Network:
    """What runs and waits between the stages of one execution.

    Args:
        execution: the execution.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._plan = execution.plan
        self._buffers: dict[tuple[NodeId, str | None], Buffer] = {}
        self._outlets_of: dict[NodeId, list[Outlet]] = {}
        self._over: set[StageId] = set()
        self._abandoned: dict[NodeId, int] = {}
        self._works: dict[StageId, Work] = {}
        self._live = 0
        self._all_gone = Parking()
        self._errors: list[BaseException] = []
        self._first_error: BaseException | None = None
        self._left: set[StageId] = set()
        self._waits = standstill.Waits(self._plan.output_stage.id, self._tasks_of, self._grown)
        self._helpers: dict[StageId, list[Isolated]] = {}

    # --- what stages ask ---

    def buffer(self, edge: Edge) -> Buffer:
        """Return what stands on an edge."""
        return self._buffers[edge.target, edge.port]

    def writer(self, node_id: NodeId) -> Callable[[Any], bool]:
        """Return what writes a chunk to all that read a node, and tells whether to wait for `room`."""
        # Readers of one log share what writes to it.
        puts = tuple(dict.fromkeys(outlet.put for outlet in self._outlets(node_id)))
        if len(puts) == 1:
            return puts[0]

        def put(chunk: Any) -> bool:
            is_full = False
            for one in puts:
                if one(chunk):
                    is_full = True
            return is_full

        return put

    def room(self, node_id: NodeId) -> Callable[[], Awaitable[None]]:
        """Return what waits until all that read a node have room: at the pace of the slowest."""
        buffers = [outlet.buffer for outlet in self._outlets(node_id)]
        logs = tuple(dict.fromkeys(buffer.log for buffer in buffers if isinstance(buffer, Reader)))
        waits, stage = self._waits, self._plan.by_id[node_id].stage or StageId(INPUT)
        if len(logs) == 1:
            return functools.partial(logs[0].room_for, stage, waits)

        async def room() -> None:
            for log in logs:
                await log.room_for(stage, waits)

        return room

    # --- its tasks ---

    def start(self) -> None:
        """Make the buffers, feed them with the input, and start the tasks."""
        self._make_buffers()
        outlets = self._outlets(INPUT)
        if outlets and not self._execution.is_streamed:
            self._deliver(outlets)
        elif outlets:
            self._spawn(StageId(INPUT), self._run_input, outlets)
        for stage in self._plan.stages:
            if stage.own_task:
                self._spawn(stage.id, self._run_stage, StageRun(self._execution, stage))

    def _make_buffers(self) -> None:
        accumulators = {(edge.target, edge.port): edge.accumulator for edge in self._plan.edges}
        logs: dict[NodeId, Log] = {}  # what several readers take as it is, is kept once
        joins: dict[NodeId, Reader] = {}
        for planned in self._plan.buffers:
            place = planned.target, planned.port
            if planned.kind == "call":
                continue
            if self._plan.by_id[planned.target].op is Op.JOIN:  # all its streams share one log, in order of arrival
                if planned.target not in joins:
                    joins[planned.target] = Reader(Log(), capacity=0, writers=0)
                joins[planned.target].add_writer(planned.capacity)
                self._buffers[place] = joins[planned.target]
            elif planned.kind == "fold":
                accumulator = accumulators[place]
                assert accumulator is not None
                self._buffers[place] = Slot(accumulator.fold())
            else:
                log = logs.setdefault(planned.source, Log()) if planned.key is None else Log()
                self._buffers[place] = Reader(log, planned.capacity)
            writer, reader = (self._plan.by_id[node_id].stage for node_id in (planned.source, planned.target))
            assert reader is not None
            self._waits.connect(self._buffers[place], writer or StageId(INPUT), reader)

    def add_helper(self, stage: StageId, helper: Isolated) -> None:
        """Say that a part of a stage runs in a task of its own."""
        self._helpers.setdefault(stage, []).append(helper)

    def _tasks_of(self, stage: StageId) -> list[trio.lowlevel.Task]:
        works = [self._works.get(stage), *(helper.work for helper in self._helpers.get(stage, ()))]
        return [work.task for work in works if work is not None and work.task is not None]

    def _grown(self, what: Mapping[str, Any]) -> None:
        """Tell everybody that a buffer has grown, which should not have been needed."""
        execution = self._execution
        for view in execution.base.views if execution.base is not None else ():
            view.listener.log.append(CustomEvent(view.run, dict(what), 0, standstill.GREW))
        if execution.meter is not None:
            execution.meter.grown.append(what)
        standstill.warn(self._plan.name, what)

    def _outlets(self, node_id: NodeId) -> list[Outlet]:
        outlets = self._outlets_of.get(node_id)
        if outlets is None:
            outlets = self._outlets_of[node_id] = []
            for edge in self._plan.edges_from[node_id]:
                buffer = self._buffers.get((edge.target, edge.port))
                if buffer is not None:
                    put = _put_along(edge, buffer, self._plan.by_id[edge.target])
                    outlets.append(Outlet(buffer, edge, put))
        return outlets

    def _deliver(self, outlets: list[Outlet]) -> None:
        """Give the caller's value to all who take it."""
        written: set[Callable[[Any], bool]] = set()  # readers of one log share what writes to it
        for outlet in outlets:
            key, value = outlet.edge.key, self._execution.input
            if key is not None:
                value = self._key_of_input(key)
                target = self._plan.by_id[outlet.edge.target]
                if value is NOTHING and outlet.edge.port is not None and target.port(outlet.edge.port).required:
                    raise InputError(f"`{self._plan.name}` takes a record with the key {key!r}, which its input lacks")
            accumulator = outlet.edge.accumulator
            if value is NOTHING:
                outlet.buffer.end()
            elif isinstance(outlet.buffer, Slot) and accumulator is not None and keeps_one(accumulator):
                outlet.buffer.set(value)
            else:
                if outlet.put not in written:
                    written.add(outlet.put)
                    outlet.put(self._execution.input)
                outlet.buffer.end()

    def _key_of_input(self, key: str) -> Any:
        given = self._execution.input
        if not isinstance(given, Mapping):
            raise InputError(
                f"`{self._plan.name}` takes a record with the key {key!r} (a dict), but was given {given!r:.80}"
            )
        return given.get(key, NOTHING)

    def _spawn(self, stage_id: StageId, run: Callable[..., Awaitable[None]], argument: Any) -> None:
        work = self._works[stage_id] = Work()
        self._live += 1
        self._waits.live += 1
        self._execution.nursery.start_soon(self._run_task, work, run, argument, name=f"graphflow stage {stage_id}")

    @trio.lowlevel.enable_ki_protection
    async def _run_task(self, work: Work, run: Callable[..., Awaitable[None]], argument: Any) -> None:
        if self._execution.base is not None:
            CURRENT.set(self._execution.base)
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
            await stage_run.begin("put")
        for error in raised.errors:
            stage_run.annotate(error)
        is_cancelled = bool(raised.errors) and not only_errors(raised.errors) and stage.id not in self._left
        self._errors += only_errors(await stage_run.close(is_cancelled=is_cancelled))
        self._finish(work, outlets, raised, stage)

    async def _run_input(self, outlets: list[Outlet]) -> None:
        chunks = self._execution.source()
        work = self._works[StageId(INPUT)]
        raised, closing = Raised(), Raised()
        with raised:
            work.begin()
            await _pump(chunks, self.writer(INPUT), self.room(INPUT), self._execution.slice())
        with closing:
            await chunks.aclose()
        for error in (*raised.errors, *closing.errors):
            if isinstance(error, Exception):
                annotate(error, self._plan, self._plan.by_id[INPUT], self._execution.run_id, self._execution.path)
        self._errors += only_errors(closing.errors)
        self._finish(work, outlets, raised)

    def _finish(self, work: Work, outlets: list[Outlet], raised: Raised, stage: Stage | None = None) -> None:
        """Say to the readers of a stage that it is done, or why not; whoever reads it gets the error."""
        try:
            self._tell_readers(work, outlets, raised, stage)
        finally:  # now that those who wait for it are awake
            self._waits.end(StageId(INPUT) if stage is None else stage.id)

    def _tell_readers(self, work: Work, outlets: list[Outlet], raised: Raised, stage: Stage | None) -> None:
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
        return all(len(self._plan.edges_from[edge.source]) == 1 for edge in self._plan.edges_into[stage.nodes[0]])

    def _behind(self, outlets: list[Outlet]) -> set[StageId]:
        """Return the stages that what a stage gives flows into."""
        found: set[StageId] = set()
        pending = [outlet.edge.target for outlet in outlets]
        while pending:
            stage_id = self._plan.by_id[pending.pop()].stage
            if stage_id is not None and stage_id not in found:
                found.add(stage_id)
                pending.extend(
                    edge.target for edge in self._plan.edges_from[self._plan.stage_by_id[stage_id].nodes[-1]]
                )
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
        for edge in self._plan.edges_into[stage.nodes[0]]:
            buffer = self._buffers.get((edge.target, edge.port))
            if buffer is None:
                continue
            buffer.abandon()
            self._abandoned[edge.source] = self._abandoned.get(edge.source, 0) + 1
            writer = self._plan.by_id[edge.source].stage or StageId(INPUT)
            work = self._works.get(writer)
            if work is not None and self._abandoned[edge.source] == len(self._outlets(edge.source)):
                if not is_cancelled and edge.source != INPUT:
                    self.leave([self._plan.stage_by_id[writer]])
                work.end()

    def leave(self, stages: Iterable[Stage]) -> None:
        """Say that stages will be told to end because nobody wants more of them: that is no failure."""
        for stage in stages:
            work = self._works.get(stage.id)
            if work is None or work.told:
                continue
            self._left.add(stage.id)
            self._execution.tell_left(stage)

    async def stop(self) -> list[BaseException]:
        """End what still runs, wait until it is gone, and return the errors that nobody has seen."""
        for work in self._works.values():
            work.end()
        if self._live:
            with trio.CancelScope(shield=True):
                while self._live:
                    await self._all_gone.park(ends=True)
        unseen = [error for buffer in self._buffers.values() for error in buffer.unseen]
        return only_errors([*self._errors, *unseen])


@trio.lowlevel.disable_ki_protection
async def _pump(
    chunks: AsyncIterator[Any], put: Callable[[Any], bool], room: Callable[[], Awaitable[None]], time: Slice
) -> None:
    """Write all chunks, at the pace of the slowest reader."""
    async for chunk in chunks:
        if put(chunk):
            await room()
        if time.due():
            await time.renew()
