"""Measure a run: which node had the control when, what it took and gave, and how full the buffers were.

A stage is a path of nodes that one task runs, so at any time the control is at one place: in the code of one node, or
in one of the gaps before, between and behind them. A `StageMeter` adds up the time at every place. While the control
is before a node, that node waits for its input; while it is behind it, its output is blocked. So for every node its
own time, the time that it waits and the time that it is blocked add up to its lifetime: from when its stage begins
until it is done.

Nothing here runs unless a run is measured: by `explain_analyze`, or because somebody collects what all runs measure.
"""

from __future__ import annotations

import inspect
import threading
import types
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, final

import trio

from graphflow.runtime.closing import aclose, close
from graphflow.runtime.current import NOTHING
from graphflow_compiler.ir import INPUT, Node, NodeClass, NodeId, Op

if TYPE_CHECKING:
    from graphflow_compiler.plan import Plan, PlannedNode, Stage

T = TypeVar("T")

#: Nodes that have no function: what they give is counted where it passes, and they take no time of their own.
UNCALLED: Final = frozenset({Op.IDENTITY, Op.JOIN, Op.PROJECT})


@final
class Tally:
    """What is measured of one node, in all the executions of its plan. Times are in seconds.

    Attributes:
        runs: how many executions there were.
        begun: when the stage that it is in began, first.
        taken, given: how many chunks.
        first: when it gave its first chunk, from when the run began.
        over: when it was done.
        read_all: when a stream that it reads itself had ended.
        own, waiting, blocked, lifetime: summed up over its executions.
        held: the longest time without giving the event loop back.
        threaded: how much of `own` it was in a worker thread.
    """

    __slots__ = (
        "begun", "blocked", "first", "given", "held", "lifetime", "over", "own", "read_all", "runs", "taken",
        "threaded", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.runs = self.taken = self.given = 0
        self.begun: float | None = None
        self.first: float | None = None
        self.over: float | None = None
        self.read_all: float | None = None
        self.own = self.waiting = self.blocked = self.lifetime = self.held = self.threaded = 0.0


@final
class Meter:
    """What is measured of one plan.

    Args:
        plan: the plan.
        clock: tells the time, in seconds; also called from worker threads.
        began: when the run began.
        in_loop: whether it runs in an event loop, which its nodes may keep from others.

    Attributes:
        tallies: by node.
        most: by node and port, how many chunks waited at most to be read there.
        grown: what was told of every buffer that had to grow, which none should.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float], began: float, *, in_loop: bool = True) -> None:
        self.plan = plan
        self.clock = clock
        self.began = began
        self.in_loop = in_loop
        self.thread = threading.get_ident()
        self.tallies: dict[NodeId, Tally] = {node.id: Tally() for node in plan.nodes}
        self.most: dict[tuple[NodeId, str], int] = {}
        self.grown: list[Mapping[str, Any]] = []
        self._bodies: dict[int, Meter] = {
            id(body): Meter(body, clock, began, in_loop=in_loop) for node in plan.nodes for body in node.plans
        }

    @classmethod
    def of_loop(cls, plan: Plan) -> Meter:
        """Return what measures a run that begins now, by the clock of the event loop."""
        clock = trio.lowlevel.current_clock().current_time
        return cls(plan, clock, clock())

    def body(self, plan: Plan) -> Meter:
        """Return what is measured of a body."""
        return self._bodies[id(plan)]

    def now(self) -> float:
        """Return how long the run has gone on."""
        return self.clock() - self.began

    def gave(self, node_id: NodeId) -> None:
        """Count a chunk that a node gave."""
        tally = self.tallies[node_id]
        tally.given += 1
        if tally.first is None:
            tally.first = self.now()

    def passes(self, node_id: NodeId) -> bool:
        """Count a chunk that passes a node without a function. Returns whether to wait, like what tells of chunks."""
        if self.plan.by_id[node_id].op in UNCALLED:
            self.tallies[node_id].taken += 1
            self.gave(node_id)
        return False

    def teller(self, node_id: NodeId) -> Callable[[Any], bool]:
        """Return what is told of every chunk that passes a node."""
        return lambda chunk: self.passes(node_id)

    def given(self) -> None:
        """Say that the input was given, which is one value."""
        self.gave(INPUT)
        self.ended(INPUT)

    def ended(self, node_id: NodeId) -> None:
        """Say that a node is done."""
        tally = self.tallies[node_id]
        tally.over = max(tally.over or 0.0, self.now())

    def stage(self, stage: Stage) -> StageMeter:
        """Return what measures one execution of a stage."""
        return StageMeter(self, [self.plan.by_id[node_id] for node_id in stage.nodes])

    def waited(self, target: NodeId, port: str, count: int) -> None:
        """Say how many chunks wait to be read somewhere."""
        if count > self.most.get((target, port), -1):
            self.most[target, port] = count


# --- every run of the process ------------------------------------------------------------------------------


class Collector(Protocol):
    """Who is told what every run has measured. It may be told in any thread, and must not raise."""

    def over(self, meter: Meter, failure: BaseException | None) -> None:
        """Say that a run is over.

        Args:
            meter: what was measured of it.
            failure: what ended it; `GeneratorExit` where its reader left before the end.
        """


@final
class Collecting:
    """Who collects what is measured, if anybody does; every run looks here once, when it begins.

    It is one for the process, not for a context: what is collected may run in other threads and in other loops, which
    do not take over the context of whoever starts them.
    """

    __slots__ = ("collector",)

    def __init__(self) -> None:
        self.collector: Collector | None = None


COLLECTING: Final = Collecting()


# --- one stage ---------------------------------------------------------------------------------------------


@final
class StageMeter:
    """Where the control is while a stage runs. Places with even numbers are gaps; the first is before all nodes.

    Args:
        meter: what is measured of its plan.
        nodes: of the stage, in their order.

    Attributes:
        meter: the same.
    """

    def __init__(self, meter: Meter, nodes: list[PlannedNode]) -> None:
        self.meter = meter
        self._clock = meter.clock
        self._nodes = nodes
        self._places: dict[NodeId, int] = {node.id: 2 * index + 1 for index, node in enumerate(nodes)}
        self._times = [0.0] * (2 * len(nodes) + 1)
        self._place = 0
        self._begun = self._since = self._clock()
        self._held_from: float | None = None
        self._open: set[NodeId] = set(self._places)
        self._entered: set[NodeId] = set()
        self._passed = 0  # so many from the first on are done
        for node in nodes:
            tally = meter.tallies[node.id]
            tally.runs += 1
            if tally.begun is None:
                tally.begun = self._begun - meter.began

    # --- where the control is ---

    def _to(self, place: int) -> None:
        now = self._clock()
        before, passed = self._place, now - self._since
        self._times[before] += passed
        if before % 2 and passed:
            tally = self.meter.tallies[self._nodes[before // 2].id]
            if threading.get_ident() != self.meter.thread:
                tally.threaded += passed
        self._give_back(now)
        self._place, self._since = place, now
        self._take_loop(now)

    def _take_loop(self, now: float) -> None:
        """The code of a node runs, and if it does so in the thread of the loop, it holds that."""
        if self._place % 2 and self.meter.in_loop and threading.get_ident() == self.meter.thread:
            self._held_from = now

    def _give_back(self, now: float) -> None:
        """The loop is given back by a node, or the node is left."""
        if self._held_from is not None:
            tally = self.meter.tallies[self._nodes[self._place // 2].id]
            tally.held = max(tally.held, now - self._held_from)
            self._held_from = None

    def enter(self, node_id: NodeId) -> None:
        """The code of a node runs."""
        place = self._places[node_id]
        if node_id not in self._entered:
            self._entered.add(node_id)
            if not _reads(self._nodes[place // 2]):
                for earlier in self._nodes[self._passed : place // 2]:
                    self._done(earlier)  # it takes whole values: all of those are done
                self._passed = max(self._passed, place // 2)
        self._to(place)

    def leave(self, node_id: NodeId) -> None:
        """The code of a node has run, and what it gave goes on."""
        self._to(self._places[node_id] + 1)

    def gave(self, node_id: NodeId) -> None:
        """A node has given a chunk, which goes on."""
        self.leave(node_id)
        self.meter.gave(node_id)

    def before(self, node_id: NodeId) -> None:
        """A node asks for what flows into it."""
        self._to(self._places[node_id] - 1)

    def ended(self, node_id: NodeId) -> None:
        """A node gives nothing more; nor do those behind it that only pass on what it gives."""
        place = self._places[node_id]
        self._to(place + 1)
        self._done(self._nodes[place // 2])
        self._pass_on_no_more(place // 2 + 1)

    def _pass_on_no_more(self, index: int) -> None:
        for node in self._nodes[index:]:
            if node.op is not Op.MAP and node.op not in UNCALLED:
                break
            self._done(node)

    def finish(self) -> None:
        """The stage is over."""
        self._to(self._place)
        for node in self._nodes:
            self._done(node)

    def _done(self, node: Node) -> None:
        if node.id not in self._open:
            return
        self._open.discard(node.id)
        self._to(self._place)
        place, tally = self._places[node.id], self.meter.tallies[node.id]
        tally.own += self._times[place]
        tally.waiting += sum(self._times[:place])
        tally.blocked += sum(self._times[place + 1 :])
        tally.lifetime += self._since - self._begun
        self.meter.ended(node.id)

    # --- what is measured ---

    def function(self, node: PlannedNode, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of a node that measures what it does."""
        if node.op is Op.GENERATE:
            return function
        node_id, tally = node.id, self.meter.tallies[node.id]

        def call(*args: Any, **named: Any) -> Any:
            if node.op is Op.MAP or not _reads(node):
                tally.taken += 1
            self.enter(node_id)
            try:
                result = function(*args, **named)
            except BaseException:
                self.leave(node_id)
                raise
            if inspect.isawaitable(result):
                return self._awaited(node, result)
            self._returned(node)
            return result

        return call

    def _returned(self, node: PlannedNode) -> None:
        self.gave(node.id)
        if node.op is Op.CALL:
            self._done(node)

    async def _awaited(self, node: PlannedNode, result: Awaitable[T]) -> T:
        try:
            value = await self.stepped(result)
        except BaseException:
            self.leave(node.id)
            raise
        self._returned(node)
        return value

    def generator(self, node: PlannedNode, chunks: Iterator[T]) -> Iterator[T]:
        """Measure what a node yields that is read with `for`, perhaps in a worker thread."""
        return Given(self, node, chunks)

    def async_generator(self, node: PlannedNode, chunks: AsyncIterator[T]) -> AsyncIterator[T]:
        """Measure what a node yields that is read with `async for`."""
        return AsyncGiven(self, node, chunks)

    def begins(self, node: PlannedNode) -> None:
        """A node is asked for its first chunk: one that reads no stream has taken its value."""
        if not _reads(node):
            self.meter.tallies[node.id].taken += 1

    def input(self, node: PlannedNode, chunks: Iterator[T]) -> Iterator[T]:
        """Measure what a node reads with `for`."""
        while True:
            self.before(node.id)
            try:
                chunk: Any = next(chunks, NOTHING)
            finally:
                self.enter(node.id)
            if chunk is NOTHING:
                self._read_all(node)
                return
            self.meter.tallies[node.id].taken += 1
            yield chunk

    async def async_input(self, node: PlannedNode, chunks: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """Measure what a node reads with `async for`."""
        advance = chunks.__anext__
        while True:
            self.before(node.id)
            try:
                chunk = await advance()
            except StopAsyncIteration:
                self._read_all(node)
                return
            finally:
                self.enter(node.id)
            self.meter.tallies[node.id].taken += 1
            yield chunk

    def _read_all(self, node: PlannedNode) -> None:
        tally = self.meter.tallies[node.id]
        tally.read_all = max(tally.read_all or 0.0, self.meter.now())

    # --- what comes in from outside ---

    async def source(self, chunks: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """Measure how long the caller's stream is waited for."""
        async for chunk in chunks:
            yield chunk
            self._to(0)
        self.exhausted()

    def exhausted(self) -> None:
        """Say that nothing more comes in."""
        self._to(0)
        self._pass_on_no_more(0)

    def watch(self, ports: Iterable[str]) -> Watch:
        """Return what watches the reader of some ports of the first node."""
        return Watch(self, self._nodes[0].id, tuple(ports))

    def waits(self) -> None:
        """The stage asks for what others give it."""
        self._to(0)

    # --- the loop ---

    @types.coroutine
    def stepped(self, awaitable: Awaitable[T]) -> Generator[Any, Any, T]:
        """Await something, and notice whenever the event loop is given back."""
        steps = awaitable.__await__()
        answer: Any = None
        while True:
            try:
                # What never waits may be an iterator that takes no answers.
                told = next(steps) if answer is None else steps.send(answer)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            self._give_back(self._clock())
            answer = yield told  # errors come in like this, too: Trio sends outcomes, and throws nothing
            self._take_loop(self._clock())


@final
class Given(Iterator[T]):
    """What a node yields, measured. Unlike a generator, it closes that also if it was not asked for a chunk."""

    __slots__ = ("_begun", "_chunks", "_node", "_stage")

    def __init__(self, stage: StageMeter, node: PlannedNode, chunks: Iterator[T]) -> None:
        self._stage = stage
        self._node = node
        self._chunks = chunks
        self._begun = False

    @property
    def gi_frame(self) -> types.FrameType | None:
        """The frame of the node, by which its errors are found."""
        return getattr(self._chunks, "gi_frame", None)

    def __next__(self) -> T:
        stage, node_id = self._stage, self._node.id
        if not self._begun:
            self._begun = True
            stage.begins(self._node)
        stage.enter(node_id)
        try:
            chunk = next(self._chunks)
        except StopIteration:
            stage.ended(node_id)
            raise
        except BaseException:
            stage.leave(node_id)
            raise
        stage.gave(node_id)
        return chunk

    def close(self) -> None:
        """Close what the node yields, if it can be closed."""
        close(self._chunks)


@final
class AsyncGiven(AsyncIterator[T]):
    """The same of what is asynchronous."""

    __slots__ = ("_advance", "_begun", "_chunks", "_node", "_stage")

    def __init__(self, stage: StageMeter, node: PlannedNode, chunks: AsyncIterator[T]) -> None:
        self._stage = stage
        self._node = node
        self._chunks = chunks
        self._advance = chunks.__anext__
        self._begun = False

    @property
    def ag_frame(self) -> types.FrameType | None:
        """The frame of the node, by which its errors are found."""
        return getattr(self._chunks, "ag_frame", None)

    async def __anext__(self) -> T:
        stage, node_id = self._stage, self._node.id
        if not self._begun:
            self._begun = True
            stage.begins(self._node)
        stage.enter(node_id)
        try:
            chunk = await stage.stepped(self._advance())
        except StopAsyncIteration:
            stage.ended(node_id)
            raise
        except BaseException:
            stage.leave(node_id)
            raise
        stage.gave(node_id)
        return chunk

    async def aclose(self) -> None:
        """Close what the node yields, if it can be closed."""
        await aclose(self._chunks)


@final
class Watch:
    """Watches a reader of what other stages write."""

    def __init__(self, stage: StageMeter, target: NodeId, ports: tuple[str, ...]) -> None:
        self._stage = stage
        self._target = target
        self._ports = ports

    def asks(self, waiting: int) -> None:
        """It asks for chunks, while so many wait for it: there are never more than before it takes some."""
        for port in self._ports:
            self._stage.meter.waited(self._target, port, waiting)
        self._stage.waits()

    def gets(self, waiting: int) -> None:
        """It gets chunks; none, if there will be no more."""
        for port in self._ports:
            self._stage.meter.waited(self._target, port, waiting)
        if not waiting:
            self._stage.exhausted()


def counted(plan: Plan, stage: Stage) -> frozenset[NodeId]:
    """Return the nodes of a stage of which the chunks are counted where they pass."""
    return frozenset(node_id for node_id in stage.nodes if plan.by_id[node_id].op in UNCALLED)


def _reads(node: PlannedNode) -> bool:
    """Tell whether any port of a node takes chunks as they come."""
    return any(port.streams for port in node.ports)


def gave_nothing_in_time(node: PlannedNode, tally: Tally) -> bool:
    """Tell whether a node that is declared to stream was seen to read all of its stream before it gave anything."""
    return (
        node.node_class is NodeClass.TRANSFORM
        and node.op is Op.GENERATE
        and tally.read_all is not None
        and tally.taken > 1
        and (tally.first is None or tally.first >= tally.read_all)
    )
