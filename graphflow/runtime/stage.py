"""Run one stage: a path of nodes, each pulling the one before it, in one task.

Blocking nodes are awaited one after another, so a path of thousands of functions nests nothing; what streams after
the last of them nests as deep as the plan allows. Every generator that is opened is remembered, and closed from the
sink upwards by the task that iterated it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, final

from graphflow.declaration import Declared
from graphflow.errors import InputError
from graphflow.places import location_of
from graphflow.runtime import threads
from graphflow.runtime.buffers import Queue, Slot
from graphflow.runtime.current import CURRENT, NOTHING, close_within
from graphflow.runtime.failures import combined
from graphflow.runtime.flows import AsyncStream, Flow, SyncStream, Whole, as_async, as_sync, drain, mapped, selector
from graphflow.runtime.generated import cluster_function
from graphflow.runtime.notes import annotate, find_node, frame_of, is_annotated
from graphflow.runtime.recorder import Tap
from graphflow_compiler.accumulate import keeps_one
from graphflow_compiler.errors import EmptyStreamError, FoldError, compile_error
from graphflow_compiler.ir import INPUT, REST, Edge, NodeId, Op
from graphflow_compiler.plan import Cluster, PlannedNode, Stage

if TYPE_CHECKING:
    from graphflow.runtime.execution import Execution


def _nothing_started() -> None:
    """Do nothing: nobody listens."""


@final
class StageRun:
    """One stage in one execution."""

    def __init__(self, execution: Execution, stage: Stage) -> None:
        self._execution = execution
        self._plan = execution.plan
        self.stage = stage
        self._held: list[Any] = []
        self._frames: dict[FrameType, PlannedNode | Cluster] = {}
        self._at: PlannedNode = execution.plan.by_id[stage.nodes[0]]
        self._slice = execution.slice()

    # --- from outside ---

    async def flow(self) -> Flow:
        """Run the stage up to its last blocking node; what streams from there on is left to iterate."""
        clusters = {cluster.nodes[0]: cluster for cluster in self.stage.clusters}
        fused: set[NodeId] = set()
        flow: Flow | None = None
        for node_id in self.stage.nodes:
            if node_id in fused:
                continue
            self._at = node = self._plan.by_id[node_id]
            edges = self._plan.edges_into[node_id]
            if len(edges) > 1 and node.op is not Op.JOIN:
                flow = await self._several_ports(node)
            else:
                flow = await self._incoming(edges[0]) if flow is None else self._along(edges[0], flow)
                if node_id in clusters:
                    flow = await self._cluster(clusters[node_id], flow)
                    fused.update(clusters[node_id].nodes)
                else:
                    flow = await self._node(node, edges[0], flow)
            if self._held and isinstance(flow, Whole):  # nothing of what came before is read any more
                outcome = combined(None, await self.close())
                if outcome is not None:
                    raise outcome
            if self._slice.due():
                await self._slice.renew()
        assert flow is not None
        return flow

    async def stream(self) -> AsyncIterator[Any]:
        """Run the stage, and return what it gives as an asynchronous stream."""
        return self._async_input(None, await self.flow())

    async def close(self, *, is_cancelled: bool = False) -> list[BaseException]:
        """Read nothing more, and close what was opened, from the sink upwards; returns the errors that this raises."""
        self._execution.abandon_inputs(self.stage, is_cancelled=is_cancelled)
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
        self._frames.clear()
        return errors

    def hold(self, generator: Any, owner: PlannedNode | Cluster | None = None) -> Any:
        """Remember to close what was opened, and for notes on its errors what runs in it."""
        self._held.append(generator)
        runs = generator.iterator if isinstance(generator, threads.InThread) else generator
        frame = None if owner is None else frame_of(runs)
        if frame is not None and owner is not None:
            self._frames[frame] = owner
        return generator

    def annotate(self, error: BaseException, at: PlannedNode | None = None) -> None:
        """Add the note that says which node raised an error, unless it has one: that `at` work, or one it reads."""
        run_id = self._execution.run_id
        if not isinstance(error, Exception) or isinstance(error, InputError) or is_annotated(error, run_id):
            return
        found = find_node(error, self._frames)
        annotate(error, (at or self._at) if found is None else self._plan.by_id[found], run_id)

    # --- what comes in ---

    def _tap(self, node_id: NodeId) -> Tap | None:
        return self._execution.tap(node_id)

    async def _incoming(self, edge: Edge) -> Flow:
        buffer = self._execution.buffer(edge)
        if isinstance(buffer, Queue):
            return AsyncStream(self.hold(buffer.read()))
        if isinstance(buffer, Slot):
            value = await self._slot_value(edge, buffer)
            return SyncStream(iter(())) if value is NOTHING else Whole(value, is_folded=True)
        flow = self._execution.input_flow()
        if isinstance(flow, AsyncStream):
            self.hold(flow.chunks, self._plan.by_id[INPUT])
        return self._along(edge, flow)

    async def _slot_value(self, edge: Edge, slot: Slot) -> Any:
        """Wait for the value of a port; `NOTHING` if there was no chunk and there is no initial value."""
        tap = self._tap(edge.target)
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
            self._failed(self._plan.by_id[edge.target], tap, error)
            raise

    def _along(self, edge: Edge, flow: Flow) -> Flow:
        """Take the key of an edge, where it takes one."""
        if edge.key is None:
            return flow
        giver = "the input" if edge.source == INPUT else edge.source
        change, keep = selector(edge.key, giver)
        return self._held_flow(self._plan.by_id[edge.target], mapped(flow, change, keep))

    # --- one node ---

    async def _node(self, node: PlannedNode, edge: Edge, flow: Flow) -> Flow:
        tap = self._tap(node.id)
        assert edge.port is not None
        port = node.port(edge.port) if node.op is not Op.JOIN else node.ports[0]
        match node.op:
            case Op.IDENTITY | Op.INPUT:
                return self._tapped(tap, flow)
            case Op.PROJECT:
                return self._tapped(tap, self._held_flow(node, mapped(flow, *_projection(node))))
            case Op.JOIN:
                return self._tapped(tap, self._joined(node, edge, flow))
            case Op.GENERATE if port.streams:
                return self._transform(node, tap, port.name, flow)
        if port.streams:  # it returns one value, but reads the stream itself
            return await self._valued(node, tap, {port.name: self._reading(node, tap, flow)})
        value = await self._folded(node, edge, flow)
        return await self._whole(node, tap, {} if value is NOTHING else {port.name: value})

    async def _folded(self, node: PlannedNode, edge: Edge, flow: Flow) -> Any:
        """Wait for the value of a port; `NOTHING` if the stream gave none and the parameter has a default.

        Raises:
            EmptyStreamError: the stream gave none, and the parameter has no default.
        """
        tap = self._tap(node.id)
        assert edge.accumulator is not None
        assert edge.port is not None
        if isinstance(flow, Whole):
            if flow.is_folded or keeps_one(edge.accumulator):
                return flow.value
            flow = SyncStream(iter((flow.value,)))
        fold = edge.accumulator.fold()
        try:
            await drain(flow, fold, tap.start if tap is not None else _nothing_started, self._execution.slice())
        except FoldError as error:
            self._failed(node, tap, error)
            raise
        except BaseException as error:
            if tap is not None:
                tap.fail(error, from_input=True)
            raise
        try:
            return fold.value()
        except EmptyStreamError as error:
            if not node.port(edge.port).required:
                return NOTHING
            empty = EmptyStreamError(f"`{node.id}` waits for `{edge.port}`, but {error}")
            self._failed(node, tap, empty)
            raise empty from None

    async def _whole(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Flow:
        """Run a node that has its whole input."""
        if tap is not None:
            tap.start()
        match node.op:
            case Op.BRANCH:
                value = next(iter(arguments.values()))
                return self._tapped(tap, await self._branch(node, tap, value))
            case Op.EACH:
                items = next(iter(arguments.values()))
                return self._tapped(tap, AsyncStream(self.hold(self._execution.each(node, tap, items), node)))
            case Op.GENERATE:
                return self._tapped(tap, self._generate(node, tap, arguments), resumes=True)
            case _:
                return await self._valued(node, tap, arguments)

    async def _valued(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Whole:
        """Run a node that returns one value; one that reads its input itself starts when it does."""
        result = await self._call(node, tap, arguments)
        if tap is not None:
            tap.chunk(result)
            tap.end()
        return Whole(result)

    async def _call(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Any:
        token = CURRENT.set(tap.current) if tap is not None else None
        try:
            if _runs_in_thread(node, arguments):
                result = await self._in_thread(node, arguments)
            else:
                result = _apply(node, arguments)
                if inspect.isawaitable(result):
                    result = await result
            return _refuse_chain(node, result)
        except BaseException as error:
            self._failed(node, tap, error)
            raise
        finally:
            if token is not None:
                CURRENT.reset(token)

    async def _in_thread(self, node: PlannedNode, arguments: dict[str, Any]) -> Any:
        waits = any(isinstance(one, threads.Pulled) for one in arguments.values())
        return await threads.in_thread(_apply, node, arguments, waits=waits)

    def _failed(self, node: PlannedNode, tap: Tap | None, error: BaseException) -> None:
        self.annotate(error, node)
        if tap is not None:
            tap.fail(error, from_input=False)

    # --- generators ---

    def _generator(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Any:
        """Call a node's function that gives chunks; most give a generator, and do nothing before it is iterated."""
        token = CURRENT.set(tap.current) if tap is not None else None
        try:
            return _apply(node, arguments)
        except BaseException as error:
            self._failed(node, tap, error)
            raise
        finally:
            if token is not None:
                CURRENT.reset(token)

    def _generate(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Flow:
        """Start a generator, to be iterated in place or in a worker thread."""
        generator = self._generator(node, tap, arguments)
        if hasattr(generator, "__anext__") or hasattr(generator, "__aiter__"):
            return AsyncStream(self.hold(aiter(generator), node))
        iterator: Iterator[Any] = iter(generator)
        if _runs_in_thread(node, arguments):
            return AsyncStream(self.hold(threads.InThread(iterator), node))
        return SyncStream(self.hold(iterator, node))

    def _transform(self, node: PlannedNode, tap: Tap | None, port: str, flow: Flow) -> Flow:
        """Start a transform on what flows into it."""
        is_sync = not node.is_async
        chunks: Any
        if is_sync and not node.thread and not isinstance(flow, AsyncStream):
            chunks = as_sync(flow) if tap is None else self.hold(_sync_input(tap, as_sync(flow)))
        else:
            stream = self._async_input(tap, flow)
            chunks = threads.Pulled(stream) if is_sync else stream
        return self._tapped(tap, self._generate(node, tap, {port: chunks}), resumes=True)

    def _async_input(self, tap: Tap | None, flow: Flow) -> AsyncIterator[Any]:
        stream = as_async(flow, self._execution.slice())
        if not isinstance(flow, AsyncStream):
            self.hold(stream)
        return stream if tap is None else self.hold(_async_input(tap, stream))

    def _reading(self, node: PlannedNode, tap: Tap | None, flow: Flow) -> Any:
        """Return the stream that an aggregate reads itself."""
        if node.is_async:
            return self._async_input(tap, flow)
        if isinstance(flow, AsyncStream):
            return threads.Pulled(self._async_input(tap, flow))
        return as_sync(flow) if tap is None else self.hold(_sync_input(tap, as_sync(flow)))

    async def _cluster(self, cluster: Cluster, flow: Flow) -> Flow:
        """Run neighbouring chunkwise nodes: of a whole value one by one, of a stream as one generated function."""
        nodes = [self._plan.by_id[node_id] for node_id in cluster.nodes]
        if isinstance(flow, Whole):
            for node in nodes:
                tap = self._tap(node.id)
                if tap is not None:
                    tap.start()
                result = await self._call(node, tap, {node.ports[0].name: flow.value})
                if tap is not None:
                    tap.chunk(result)
                    tap.end()
                flow = Whole(result)
                if self._slice.due():
                    await self._slice.renew()
            return flow
        taps = [self._tap(node.id) for node in nodes]
        steps = [_step(node, tap) for node, tap in zip(nodes, taps, strict=True)]
        is_sync = isinstance(flow, SyncStream) and bool(cluster.sync_source)
        chunks = flow.chunks if is_sync and isinstance(flow, SyncStream) else self._async_input(None, flow)
        generator = self.hold(cluster_function(cluster, is_async=not is_sync)(chunks, *steps), cluster)
        told = _ClusterTap(cluster, taps, self._frames) if any(taps) else None
        return self._tapped(told, SyncStream(generator) if is_sync else AsyncStream(generator))

    def _tapped(self, tap: Tap | _ClusterTap | None, flow: Flow, *, resumes: bool = False) -> Flow:
        """Tell of what a node gives; `resumes` if iterating runs the node's own code."""
        if tap is None:
            return flow
        match flow:
            case Whole(value):
                tap.start()
                tap.chunk(value)
                tap.end()
                return flow
            case SyncStream(chunks):
                return SyncStream(self.hold(_told_sync(tap, chunks, resumes=resumes)))
            case AsyncStream(stream):
                return AsyncStream(self.hold(_told(tap, stream, resumes=resumes)))

    def _held_flow(self, node: PlannedNode, flow: Flow) -> Flow:
        if not isinstance(flow, Whole):
            self.hold(flow.chunks, node)
        return flow

    # --- several ports ---

    async def _several_ports(self, node: PlannedNode) -> Flow:
        """Run a node that takes several ports: the values it waits for first, in order, then its streams."""
        tap = self._tap(node.id)
        arguments: dict[str, Any] = {}
        streams: dict[str, Flow] = {}
        for edge in self._plan.edges_into[node.id]:
            buffer = self._execution.buffer(edge)
            if tap is not None and isinstance(buffer, Slot):
                buffer.watch(tap.start)  # while it waits for one port, another may get its first chunk
        for edge in self._plan.edges_into[node.id]:
            assert edge.port is not None
            port = node.port(edge.port)
            flow = await self._incoming(edge)
            if port.streams:
                streams[edge.port] = flow
                continue
            value = await self._folded(node, edge, flow)
            if value is not NOTHING:
                arguments[edge.port] = value
        if not streams:
            return await self._whole(node, tap, arguments)
        for name, flow in streams.items():
            stream = self._async_input(tap, flow)
            arguments[name] = stream if node.is_async else threads.Pulled(stream)
        if node.op is Op.CALL:
            return await self._valued(node, tap, arguments)
        return self._tapped(tap, self._generate(node, tap, arguments), resumes=True)

    # --- composite nodes ---

    def _joined(self, node: PlannedNode, edge: Edge, flow: Flow) -> Flow:
        if self._execution.buffer(edge) is not None:
            return flow  # the writers of its queue have put their chunks under their keys
        key = node.ports[0].name
        change: Callable[[Any], Any] = dict if key == REST else lambda chunk: {key: chunk}
        return self._held_flow(node, mapped(flow, change, lambda _: True))

    async def _branch(self, node: PlannedNode, tap: Tap | None, value: Any) -> Flow:
        """Choose the body whose predicate holds, and start it."""
        chosen = len(node.conditions)
        for index, predicate in enumerate(node.conditions):
            token = CURRENT.set(tap.current) if tap is not None else None
            try:
                holds = predicate(value)
                if inspect.isawaitable(holds):
                    holds = await holds
            except BaseException as error:
                self._failed(node, tap, error)
                raise
            finally:
                if token is not None:
                    CURRENT.reset(token)
            if holds:
                chosen = index
                break
        body = self.hold(self._execution.body(node, node.plans[chosen], value))
        return AsyncStream(body.chunks())


# --- pieces ------------------------------------------------------------------------------------------------


def _runs_in_thread(node: PlannedNode, arguments: dict[str, Any]) -> bool:
    """Tell whether a node may block its thread: it is declared so, or it waits for an asynchronous stream."""
    return node.thread or any(isinstance(one, threads.Pulled) for one in arguments.values())


def _apply(node: PlannedNode, arguments: dict[str, Any]) -> Any:
    assert node.function is not None
    if len(node.ports) == 1:
        return node.function(*arguments.values())
    return node.function(**arguments)


def _refuse_chain(node: PlannedNode, result: Any) -> Any:
    if isinstance(result, Declared):
        raise compile_error(
            "GF108",
            f"`{node.name}` returned a chain (`{result.name}`) instead of a value",
            location=location_of(node.function) if node.function is not None else None,
            hint="choose between chains with gf.branch((predicate, chain), ..., default), "
            "or run the chain in the function: return await chain.invoke(value)",
        )
    return result


def _step(node: PlannedNode, tap: Tap | None) -> Callable[[Any], Any]:
    """Return what a cluster calls for one of its nodes: its function, in a thread or told of where that is asked."""
    assert node.function is not None
    function = node.function
    if node.thread:
        function = functools.partial(threads.in_thread, node.function)
    if tap is None:
        return function
    return tap.told_async(function) if node.is_async or node.thread else tap.told(function)


@final
class _ClusterTap:
    """What is told of a cluster as a whole: when its nodes end or fail. What they give, their steps tell."""

    __slots__ = ("_cluster", "_frames", "_taps", "current", "listening", "outside")

    def __init__(
        self, cluster: Cluster, taps: list[Tap | None], frames: Mapping[FrameType, PlannedNode | Cluster]
    ) -> None:
        self._cluster = cluster
        self._taps = taps
        self._frames = frames
        first = next(tap for tap in taps if tap is not None)
        self.listening = first.listening
        self.outside = self.current = first.outside

    def start(self) -> None:
        """Tell nothing: its steps do."""

    def chunk(self, chunk: object) -> None:
        """Tell nothing: its steps do."""

    def end(self) -> None:
        """Tell that all its nodes are done."""
        for tap in self._taps:
            if tap is not None:
                tap.end()

    def fail(self, error: BaseException, *, from_input: bool) -> None:
        """Tell that one of its nodes has failed, and those after it by their input; those before it are closed."""
        found = find_node(error, self._frames)
        failed = self._cluster.nodes.index(found) if found in self._cluster.nodes else -1
        for index, tap in enumerate(self._taps):
            if tap is not None and index >= failed:
                tap.fail(error, from_input=index > failed)


def _projection(node: PlannedNode) -> tuple[Callable[[Any], Any], Callable[[Any], bool]]:
    keys = node.keys

    def change(chunk: Any) -> Any:
        return {key: chunk[key] for key in keys if key in chunk}

    def keep(chunk: Any) -> bool:
        if not hasattr(chunk, "keys"):
            raise InputError(f"`{node.id}` takes keys of records, but got {chunk!r:.60}")
        return any(key in chunk for key in keys)

    return change, keep


async def _async_input(tap: Tap, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Tell of a node's first chunk of input, and let what stands before it run outside of its run."""
    try:
        while True:
            token = CURRENT.set(tap.outside)
            try:
                chunk = await anext(chunks, NOTHING)
            finally:
                CURRENT.reset(token)
            tap.start()
            if chunk is NOTHING:
                return
            yield chunk
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=True)
        raise


def _sync_input(tap: Tap, chunks: Iterator[Any]) -> Iterator[Any]:
    while True:
        token = CURRENT.set(tap.outside)
        try:
            chunk = next(chunks, NOTHING)
        except BaseException as error:
            tap.fail(error, from_input=True)
            raise
        finally:
            CURRENT.reset(token)
        tap.start()
        if chunk is NOTHING:
            return
        yield chunk


async def _told(tap: Tap | _ClusterTap, chunks: AsyncIterator[Any], *, resumes: bool) -> AsyncGenerator[Any, None]:
    """Tell of every chunk that a node gives; while the node's code runs, its run is the current one."""
    current = tap.current if resumes else tap.outside
    listening = tap.listening
    try:
        while True:
            token = CURRENT.set(current)
            try:
                chunk = await anext(chunks, NOTHING)
            finally:
                CURRENT.reset(token)
            if chunk is NOTHING:
                tap.end()
                return
            tap.chunk(chunk)
            if listening.full:
                await listening.room()
            try:
                yield chunk
            except GeneratorExit:
                if resumes:  # what the node does while it is closed is still of its run
                    await close_within(current, chunks)
                raise
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=not resumes)
        raise


def _told_sync(tap: Tap | _ClusterTap, chunks: Iterator[Any], *, resumes: bool) -> Iterator[Any]:
    """Do the same without waiting for the listener: whoever takes the chunks does that."""
    current = tap.current if resumes else tap.outside
    try:
        while True:
            token = CURRENT.set(current)
            try:
                chunk = next(chunks, NOTHING)
            finally:
                CURRENT.reset(token)
            if chunk is NOTHING:
                tap.end()
                return
            tap.chunk(chunk)
            try:
                yield chunk
            except GeneratorExit:
                close = getattr(chunks, "close", None)
                if resumes and close is not None:
                    token = CURRENT.set(current)
                    try:
                        close()
                    finally:
                        CURRENT.reset(token)
                raise
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=not resumes)
        raise
