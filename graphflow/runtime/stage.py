"""Run one stage of an execution: what its generated function asks for that waits, and how the stage is closed.

The function is written by the compiler: it says what happens to every chunk. What happens once in a run is here and
in `Workings`: wait for a value, choose a branch, open a generator. What was opened is closed from the sink upwards, by
the task that iterated it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, final

from graphflow.limits import Hold, limited, limited_stream
from graphflow.policies.policy import Policy
from graphflow.runtime import slices, threads
from graphflow.runtime.attempts import Attempts
from graphflow.runtime.buffers import Reader, Slot
from graphflow.runtime.code import CHAINLESS, settled
from graphflow.runtime.current import CURRENT, NOTHING
from graphflow.runtime.failures import combined
from graphflow.runtime.isolated import Isolated
from graphflow.runtime.recorder import Tap
from graphflow.runtime.workings import Workings, runs_in_thread
from graphflow_compiler.errors import EmptyStreamError
from graphflow_compiler.generate import Sink, Source
from graphflow_compiler.ir import INPUT, NodeId, Op
from graphflow_compiler.plan import CAPACITY

if TYPE_CHECKING:
    from graphflow.runtime.execution import Execution
    from graphflow.runtime.network import Network
    from graphflow_compiler.plan import PlannedNode, Stage


@final
class StageRun(Workings):
    """One stage in one execution."""

    __slots__ = ("_execution", "_is_observed")

    def __init__(self, execution: Execution, stage: Stage) -> None:
        super().__init__(execution, stage)
        self._execution = execution
        if execution.meter is not None:
            self._meter = execution.meter.stage(stage)
        self._is_observed = execution.meter is not None or execution.listening is not None

    # --- from outside ---

    def begin(self, sink: Sink) -> Any:
        """Call the function of the stage; returns the generator, or what is to be awaited."""
        execution = self._execution
        code = self._code = execution.code.function(self.stage, execution.mode(sink, self.stage))
        given = [self._argument(name, code.source) for name in code.source.parameters]
        begun = code.call(*given, *self._functions(code))
        frame = begun.ag_frame if code.source.is_generator else begun.cr_frame
        self._frames[frame] = code.source
        return begun

    def _argument(self, name: str, source: Source) -> Any:
        match name:
            case "stage":
                return self
            case "time":
                return self._execution.slice()
            case "turn":
                return self._execution.turn()
            case "clock":
                return slices.perf_counter
            case "value":
                return self._execution.input
            case "settled":
                return functools.partial(settled, self._plan)
            case "run_as":
                return CURRENT.set
            case "put":
                return self._network.writer(self.stage.nodes[-1])
            case "room":
                return self._network.room(self.stage.nodes[-1])
            case "limit":
                return self._execution.limit
            case "listening":
                return self._execution.listening
            case "outside":
                return self._execution.base
            case _:
                node_id = source.taps[name]
                return self._execution.teller(node_id) if name.startswith("tell_") else self._execution.tap(node_id)

    async def close(self, *, is_cancelled: bool = False) -> list[BaseException]:
        """Read nothing more, and close what was opened, from the sink upwards; returns the errors that this raises."""
        if self._execution.network is not None:
            self._execution.network.abandon_inputs(self.stage, is_cancelled=is_cancelled)
        errors = await self._closed()
        self._frames.clear()
        if self._meter is not None:
            self._meter.finish()
        return errors

    async def _closed(self) -> list[BaseException]:
        errors: list[BaseException] = []
        while self._held:
            generator = self._held.pop()
            try:
                if hasattr(generator, "aclose"):
                    await generator.aclose()
                elif hasattr(generator, "close"):
                    generator.close()
            except BaseException as error:  # everything is closed, whatever the others do
                self.annotate(error)
                errors.append(error)
        return errors

    # --- its beginning and end ---

    def start(self) -> None:
        """Start what the whole run needs: the function of its last stage says that somebody reads."""
        self._execution.start()

    async def end(self, failure: BaseException | None) -> None:
        """End the whole run, once; raises what went wrong, `failure` included."""
        if failure is not None:
            self.annotate(failure)
        await self._execution.end(failure)

    async def close_held(self) -> None:
        """Close what was opened so far, and let go what flows in: it is read no more."""
        if self._execution.network is not None:
            self._execution.network.abandon_inputs(self.stage, is_cancelled=False)
        outcome = combined(None, await self._closed())
        if outcome is not None:
            raise outcome

    # --- what comes in ---

    def source(self) -> AsyncIterator[Any]:
        """Return the caller's stream."""
        source: AsyncIterator[Any] = self.hold(self._execution.source(), self._plan.by_id[INPUT])
        return source if self._meter is None else self._hold(self._meter.source(source))

    @property
    def _network(self) -> Network:
        assert self._execution.network is not None
        return self._execution.network

    def reader(self, node_id: NodeId) -> Reader:
        """Return the reader of the stream that other stages write for a node."""
        edges = self._plan.edges_into[node_id]
        reader = self._network.buffer(edges[0])
        assert isinstance(reader, Reader)
        if self._meter is not None:
            reader.watch = self._meter.watch(edge.port for edge in edges if edge.port is not None)
        return reader

    async def wait(self, node_id: NodeId, port: str) -> Any:
        """Wait for the value of a port; `NOTHING` if there was no chunk and there is no initial value."""
        (edge,) = (edge for edge in self._plan.edges_into[node_id] if edge.port == port)
        slot = self._network.buffer(edge)
        assert isinstance(slot, Slot)
        tap = self._execution.tap(node_id)
        if tap is not None:
            slot.watch(tap.start)
        try:
            await slot.wait()
        except BaseException as error:
            if tap is not None:
                tap.fail(error, from_input=True)
            raise
        try:
            return slot.value()
        except EmptyStreamError:
            return NOTHING
        except Exception as error:
            self._failed(self._plan.by_id[node_id], error)
            raise

    async def ports(self, node_id: NodeId) -> dict[str, Any]:
        """Return what a node with several ports is called with: the values that it waits for, in order, its streams."""
        node = self._plan.by_id[node_id]
        tap = self._execution.tap(node_id)
        arguments: dict[str, Any] = {}
        edges = self._plan.edges_into[node_id]
        for edge in edges:
            buffer = self._network.buffer(edge)
            if tap is not None and isinstance(buffer, Slot):
                buffer.watch(tap.start)  # while it waits for one port, another may get its first chunk
        for edge in edges:
            assert edge.port is not None
            buffer = self._network.buffer(edge)
            if isinstance(buffer, Reader):
                if self._meter is not None:
                    buffer.watch = self._meter.watch([edge.port])
                arguments[edge.port] = self._hold(buffer.read())
                continue
            value = self._completed(node, edge.port, await self.wait(node_id, edge.port))
            if value is not NOTHING:
                arguments[edge.port] = value
        for port in node.ports:
            if port.streams and port.name in arguments:
                stream = self._input(node, arguments[port.name])
                arguments[port.name] = stream if node.is_async else threads.Pulled(stream)
        return arguments

    def once(self, value: Any, *, is_async: bool) -> Any:
        """Return a stream of one value; of none, where it is `NOTHING`."""
        chunks = iter(() if value is NOTHING else (value,))
        return self.lifted(chunks) if is_async else chunks

    def lifted(self, chunks: Iterator[Any]) -> AsyncIterator[Any]:
        """Return chunks that come without waiting as a stream that is read with `async for`."""
        stream: AsyncIterator[Any] = self._hold(_lifted(chunks, self._execution.slice()))
        return stream

    # --- calls ---

    async def call(self, node_id: NodeId, value: Any) -> Any:
        """Call the function of a node with a value, and tell of it; without one it takes its default."""
        node = self._plan.by_id[node_id]
        if value is NOTHING and node.op is Op.MAP:
            self.tell(node_id, value)
            return NOTHING
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        return await self.call_with(node_id, {} if value is NOTHING else {edge.port: value})

    async def call_with(self, node_id: NodeId, arguments: dict[str, Any]) -> Any:
        """Call the function of a node, and tell of it."""
        node = self._plan.by_id[node_id]
        tap = self._execution.tap(node_id)
        if tap is not None and not any(port.streams for port in node.ports):
            tap.start()  # one that reads its input itself starts when it does
        token = CURRENT.set(tap.current) if tap is not None else None
        try:
            limit = self._execution.limit
            # What reads a stream mostly waits, for what needs places itself.
            reads = node.op is not Op.MAP and any(port.streams for port in node.ports)
            if limit is not None and not reads and (node.is_async or node.thread):
                result = await limited(limit, self._result, node, arguments)
            else:
                result = await self._result(node, arguments)
        except BaseException as error:
            self._failed(node, error)
            raise
        finally:
            if token is not None:
                CURRENT.reset(token)
        if tap is not None:
            tap.start()
            tap.chunk(result)
            tap.end()
        return result

    async def _result(self, node: PlannedNode, arguments: dict[str, Any]) -> Any:
        if runs_in_thread(node, arguments):
            waits = any(isinstance(one, threads.Pulled) for one in arguments.values())
            result = await threads.in_thread(self.apply, node, arguments, waits=waits)
        else:
            result = self.apply(node, arguments)
        return result if type(result) in CHAINLESS else await settled(self._plan, node.id, result)

    async def reduce(self, node_id: NodeId, chunks: Any) -> Any:
        """Call the function of a node that reads its stream itself."""
        node = self._plan.by_id[node_id]
        return await self.call_with(node_id, {node.ports[0].name: self._readable(node, chunks)})

    def transform(self, node_id: NodeId, chunks: Any) -> Any:
        """Start the generator of a node on a stream."""
        node = self._plan.by_id[node_id]
        if self._is_observed or not node.is_async or node.keeps_open or len(node.ports) != 1:
            return super().transform(node_id, chunks)
        assert node.function is not None
        try:  # all else that stands around a call would do nothing here, and to open a run is mostly to open generators
            generator = node.function(chunks)
        except BaseException as error:
            self._failed(node, error)
            raise
        return self.hold(aiter(generator), node)

    def generate_with(self, node_id: NodeId, arguments: dict[str, Any]) -> Any:
        """Start the generator of a node; while it works, a node that waits for its input holds a place of a limit."""
        chunks = super().generate_with(node_id, arguments)
        node, limit = self._plan.by_id[node_id], self._execution.limit
        if limit is None or not hasattr(chunks, "__anext__") or any(port.streams for port in node.ports):
            return chunks
        return self._hold(limited_stream(Hold(limit), chunks))

    def _isolated(self, node: PlannedNode, chunks: Any) -> Any:
        """Let a generator that keeps a scope open run in a task of its own, in which nothing else can be cancelled."""
        self.hold(chunks, node)
        return self._apart(node, chunks)

    def _apart(self, node: PlannedNode, chunks: Any) -> Any:
        """Let a generator, and what it reads, run in a task of its own."""
        before = tuple(one for one in self._held if one is not chunks)
        # What measures it, and a limit, follow who is at work: it works only while it is waited for.
        ahead = node.buffer or CAPACITY
        if self._meter is not None or self._execution.limit is not None:
            ahead = 0
        isolated = Isolated(chunks, before, self._execution.nursery, ahead, has_scope=bool(node.keeps_open))
        if self._execution.network is not None:
            self._execution.network.add_helper(self.stage.id, isolated)
        # Held itself, not only what stands around it: only it can close what its task iterates.
        return self._hold(isolated)

    # --- composite nodes ---

    async def branch(self, node_id: NodeId, value: Any) -> AsyncIterator[Any]:
        """Choose the body whose predicate holds, and start it."""
        node = self._plan.by_id[node_id]
        tap = self._execution.tap(node_id)
        if tap is not None:
            tap.start()
        chosen = len(node.conditions)
        for index, predicate in enumerate(node.conditions):
            token = CURRENT.set(tap.current) if tap is not None else None
            if self._meter is not None:
                self._meter.enter(node_id)
            try:
                holds = predicate(value)
                if inspect.isawaitable(holds):
                    holds = await holds
            except BaseException as error:
                self._failed(node, error)
                raise
            finally:
                if token is not None:
                    CURRENT.reset(token)
            if holds:
                chosen = index
                break
        body = self._hold(self._execution.body(node, node.plans[chosen], value))
        return self._passed_on(node, tap, body.chunks())

    def each(self, node_id: NodeId, items: Any) -> AsyncIterator[Any]:
        """Run the body of a node for every item of a list."""
        node = self._plan.by_id[node_id]
        tap = self._execution.tap(node_id)
        if tap is not None:
            tap.start()
        return self._passed_on(node, tap, self.hold(self._execution.each(node, tap, items), node))

    def wrapped(self, node_id: NodeId, value: Any) -> AsyncIterator[Any]:
        """Run the bodies of a node, on its whole input, as its policy says."""
        tap = self._execution.tap(node_id)
        if tap is not None:
            tap.start()
        node = self._plan.by_id[node_id]
        return self._as_policy_says(node, tap, Attempts(self._execution, node, value=value))

    def wrapped_stream(self, node_id: NodeId, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Run the bodies of a node, on a stream, as its policy says."""
        node = self._plan.by_id[node_id]
        source = self._input(node, chunks)
        if node.keeps_input:  # an attempt may end while it waits for its input, which the next one goes on with
            source = self._apart(node, source)
        return self._as_policy_says(node, self._execution.tap(node_id), Attempts(self._execution, node, chunks=source))

    def _as_policy_says(self, node: PlannedNode, tap: Tap | None, attempts: Attempts) -> AsyncIterator[Any]:
        assert isinstance(node.policy, Policy)
        return self._passed_on(node, tap, self.hold(node.policy.chunks(attempts), node))

    def _passed_on(self, node: PlannedNode, tap: Tap | None, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        if self._meter is not None:
            chunks = self._hold(self._meter.async_generator(node, chunks))
        return chunks if tap is None else self._between(tap, chunks, resumes=False)

    # --- what is told ---

    def tell(self, node_id: NodeId, value: Any) -> None:
        """Tell all of a node that gives one value, or nothing, and count it, where somebody wants to know."""
        if self._execution.tap(node_id) is not None:
            super().tell(node_id, value)
        if self._execution.meter is not None and value is not NOTHING:
            self._execution.meter.passes(node_id)


async def _lifted(chunks: Iterator[Any], time: slices.Slice) -> AsyncGenerator[Any, None]:
    for chunk in chunks:
        yield chunk
        if time.due():  # whoever reads this may drop every chunk, and so never wait
            await time.renew()
