"""What the function of a stage asks for that never waits: open generators, fold values, tell of both.

Every generator that is opened is remembered, so that whoever runs the stage can close it, and so that an error can be
traced to the node that raised it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from graphflow.errors import InputError
from graphflow.runtime import threads
from graphflow.runtime.code import Function
from graphflow.runtime.current import CURRENT, NOTHING
from graphflow.runtime.notes import annotate, find_node, frame_of, is_annotated
from graphflow.runtime.recorder import Tap
from graphflow.runtime.telling import Ends, Telling, async_input, sync_input, told, told_sync
from graphflow_compiler.errors import EmptyStreamError, FoldError
from graphflow_compiler.generate import Source
from graphflow_compiler.ir import NodeId
from graphflow_compiler.plan import Plan, PlannedNode, Stage

if TYPE_CHECKING:
    from graphflow.runtime.metering import StageMeter
    from graphflow_compiler.accumulate import Fold


class Surroundings(Protocol):
    """What a stage runs in."""

    @property
    def plan(self) -> Plan:
        """The plan that it is a stage of."""

    @property
    def run_id(self) -> str:
        """The id of the run, for notes on errors."""

    @property
    def path(self) -> tuple[str, ...]:
        """The names of what the plan stands in, outermost first, where it is the body of a node."""

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return what is to be told of a node; None where nobody listens."""


class Workings:
    """What one stage has opened in one execution.

    Attributes:
        stage: the stage.
    """

    __slots__ = ("_code", "_frames", "_held", "_last_told", "_meter", "_plan", "_run", "stage")

    def __init__(self, run: Surroundings, stage: Stage) -> None:
        self.stage = stage
        self._run = run
        self._plan = run.plan
        self._meter: StageMeter | None = None
        self._code: Function | None = None
        self._held: list[Any] = []
        self._frames: dict[FrameType, PlannedNode | Source] = {}
        self._last_told: tuple[Any, Ends] | None = None

    # --- what is open ---

    def hold(self, generator: Any, owner: PlannedNode | None = None) -> Any:
        """Remember to close what was opened, and for notes on its errors what runs in it."""
        self._held.append(generator)
        frame = getattr(generator, "ag_frame", None)  # most are such
        if frame is None:
            frame = frame_of(generator.iterator if isinstance(generator, threads.InThread) else generator)
        if frame is not None:
            runs = owner if owner is not None or self._code is None else self._code.source
            if runs is not None:
                self._frames[frame] = runs
        return generator

    def _hold(self, generator: Any) -> Any:
        self._held.append(generator)
        return generator

    def annotate(self, error: BaseException, at: PlannedNode | None = None) -> None:
        """Add the note that says which node raised an error, unless it has one: that `at` work, or one it reads."""
        if not isinstance(error, Exception) or isinstance(error, InputError):
            return
        run_id = self._run.run_id
        if is_annotated(error, run_id):
            return
        found = find_node(error, self._frames)
        if at is None or found is not None:
            at = self._plan.by_id[found or self.stage.nodes[-1]]
        annotate(error, self._plan, at, run_id, self._run.path)

    # --- whole values ---

    def fold(self, node_id: NodeId) -> Fold:
        """Start to fold the chunks of the only port of a node."""
        (edge,) = self._plan.edges_into[node_id]
        assert edge.accumulator is not None
        return edge.accumulator.fold()

    def folded(self, node_id: NodeId, value: Any) -> Any:
        """Fold the one chunk of a port, or none."""
        fold = self.fold(node_id)
        if value is not NOTHING:
            try:
                fold.add(value)
            except Exception as error:
                self._failed(self._plan.by_id[node_id], error)
                raise
        return self.whole(node_id, fold)

    def complete(self, node_id: NodeId, value: Any) -> Any:
        """Return the value of a port that is folded already; `NOTHING` if it is none and the parameter has a default.

        Raises:
            EmptyStreamError: it is none, and the parameter has no default.
        """
        if value is not NOTHING:
            return value
        node = self._plan.by_id[node_id]
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        return self._completed(node, edge.port, value)

    def _completed(self, node: PlannedNode, port: str, value: Any) -> Any:
        if value is not NOTHING:
            return value
        (edge,) = (edge for edge in self._plan.edges_into[node.id] if edge.port == port)
        assert edge.accumulator is not None
        return self._value_of(node, port, edge.accumulator.fold())

    def whole(self, node_id: NodeId, fold: Fold) -> Any:
        """Return what the chunks of a port fold to; `NOTHING` if there was none and the parameter has a default."""
        node = self._plan.by_id[node_id]
        tap = self._run.tap(node_id)
        if tap is not None:
            tap.start()
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        return self._value_of(node, edge.port, fold)

    def _value_of(self, node: PlannedNode, port: str, fold: Fold) -> Any:
        try:
            return fold.value()
        except EmptyStreamError as error:
            if not node.port(port).required:
                return NOTHING
            empty = EmptyStreamError(f"`{node.id}` waits for `{port}`, but {error}")
            self._failed(node, empty)
            raise empty from None

    def output_fold(self) -> Fold:
        """Start to fold the output."""
        folds = self._plan.by_id[self._plan.output].folds
        assert folds is not None
        return folds.fold()

    def output(self, fold: Fold) -> Any:
        """Return what the chunks of the output fold to.

        Raises:
            EmptyStreamError: there was none, and the accumulator has no initial value.
        """
        try:
            return fold.value()
        except EmptyStreamError as error:
            raise EmptyStreamError(f"the value of `{self._plan.name}` was asked, but {error}") from None

    # --- calls ---

    def apply(self, node: PlannedNode, arguments: dict[str, Any]) -> Any:
        """Call the function of a node with what its ports take."""
        function = self._function(node)
        return function(*arguments.values()) if len(node.ports) == 1 else function(**arguments)

    # --- generators ---

    def generate(self, node_id: NodeId, value: Any) -> Any:
        """Start the generator of a node on its whole input."""
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        return self.generate_with(node_id, {} if value is NOTHING else {edge.port: value})

    def generate_with(self, node_id: NodeId, arguments: dict[str, Any]) -> Any:
        """Start the generator of a node."""
        node = self._plan.by_id[node_id]
        tap = self._run.tap(node_id)
        if tap is not None and not any(port.streams for port in node.ports):
            tap.start()
        return self._told(tap, self._generated(node, tap, arguments))

    def transform(self, node_id: NodeId, chunks: Any) -> Any:
        """Start the generator of a node on a stream."""
        node = self._plan.by_id[node_id]
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        tap = self._run.tap(node_id)
        return self._told(tap, self._generated(node, tap, {edge.port: self._readable(node, chunks)}))

    def _generated(self, node: PlannedNode, tap: Tap | None, arguments: dict[str, Any]) -> Any:
        """Call a function that gives chunks; most give a generator, and do nothing before it is iterated."""
        token = CURRENT.set(tap.current) if tap is not None else None
        try:
            generator = self.apply(node, arguments)
        except BaseException as error:
            self._failed(node, error)
            raise
        finally:
            if token is not None:
                CURRENT.reset(token)
        if node.is_async:
            chunks = self._isolated(node, aiter(generator)) if node.keeps_open else aiter(generator)
            return self.hold(self._measured(node, chunks), node)
        iterator: Iterator[Any] = self._measured(node, iter(generator))
        return self.hold(threads.InThread(iterator) if runs_in_thread(node, arguments) else iterator, node)

    def _readable(self, node: PlannedNode, chunks: Any) -> Any:
        """Return a stream as a node reads it: with `for`, with `async for`, or with `for` in a worker thread."""
        stream = self._input(node, chunks)
        is_awaited = hasattr(stream, "__anext__")
        return threads.Pulled(stream) if is_awaited and not node.is_async else stream

    def _input(self, node: PlannedNode, chunks: Any) -> Any:
        return self._measured_input(node, self._told_input(node, chunks))

    def _told_input(self, node: PlannedNode, chunks: Any) -> Any:
        tap = self._run.tap(node.id)
        if tap is None:
            return chunks
        if not hasattr(chunks, "__anext__"):
            return self._hold(sync_input(tap, chunks))
        giver = self._last_told
        if giver is not None and giver[0] is chunks:  # one generator tells of both, between the two nodes
            giver[1].reader = tap
            return chunks
        return self._hold(async_input(tap, chunks))

    def _told(self, tap: Tap | None, chunks: Any) -> Any:
        if tap is None:
            return chunks
        if not hasattr(chunks, "__anext__"):
            return self._hold(told_sync(tap, chunks))
        return self._between(tap, chunks, resumes=True)

    def _between(self, tap: Tap, chunks: Any, *, resumes: bool) -> Any:
        ends = Ends(tap)
        stream = self._hold(told(ends, chunks, resumes=resumes))
        self._last_told = stream, ends
        return stream

    # --- what takes a task, if the stage is run by one: see `StageRun` ---

    def _isolated(self, node: PlannedNode, chunks: Any) -> Any:
        raise NotImplementedError("what runs without a loop has no asynchronous generators")

    # --- what is measured, if anything is ---

    def _functions(self, code: Function) -> Iterable[Callable[..., Any]]:
        """Return the functions that the function of the stage calls."""
        if self._meter is None:
            return code.functions
        return [self._function(self._plan.by_id[node_id]) for _, node_id in code.source.functions]

    def _function(self, node: PlannedNode) -> Callable[..., Any]:
        assert node.function is not None
        return node.function if self._meter is None else self._meter.function(node, node.function)

    def _measured(self, node: PlannedNode, chunks: Any) -> Any:
        if self._meter is None:
            return chunks
        return self._meter.async_generator(node, chunks) if node.is_async else self._meter.generator(node, chunks)

    def _measured_input(self, node: PlannedNode, chunks: Any) -> Any:
        if self._meter is None:
            return chunks
        if isinstance(chunks, threads.InThread):
            return self._hold(threads.InThread(self._meter.input(node, chunks.iterator)))
        if hasattr(chunks, "__anext__"):
            return self._hold(self._meter.async_input(node, chunks))
        return self._hold(self._meter.input(node, chunks))

    # --- what is told ---

    def tell(self, node_id: NodeId, value: Any) -> None:
        """Tell all of a node that gives one value, or nothing."""
        tap = self._run.tap(node_id)
        assert tap is not None
        if value is not NOTHING:
            tap.start()
            tap.chunk(value)
        tap.end()

    def telling(self, *node_ids: NodeId) -> Telling:
        """Return what tells that the nodes of a loop are done."""
        return Telling(node_ids, self._run.tap, self._frames)

    def input_failed(self, node_id: NodeId, error: BaseException) -> None:
        """Tell that what a node waits for has failed, or cannot be folded."""
        if isinstance(error, FoldError):
            self._failed(self._plan.by_id[node_id], error)
            return
        tap = self._run.tap(node_id)
        if tap is not None:
            tap.fail(error, from_input=True)

    def _failed(self, node: PlannedNode, error: BaseException) -> None:
        self.annotate(error, node)
        tap = self._run.tap(node.id)
        if tap is not None:
            tap.fail(error, from_input=False)


def runs_in_thread(node: PlannedNode, arguments: dict[str, Any]) -> bool:
    """Tell whether a node may block its thread: it is declared so, or it waits for an asynchronous stream."""
    return node.thread or any(isinstance(one, threads.Pulled) for one in arguments.values())
