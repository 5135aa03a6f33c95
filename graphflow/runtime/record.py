"""Records: what an instrumented run remembers to tell its events, and the current run as nodes see it.

A `Recorder` is made for every execution that somebody listens to. It knows which nodes and scopes the filter keeps;
for the others it makes nothing, so that they cost nothing.
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, final

import attrs

from graphflow.events import CustomEvent, EndEvent, ErrorEvent, Filter, Run, StartEvent, StreamEvent
from graphflow.runtime.log import EventLog
from graphflow_compiler.accumulate import SINGLE, Accumulator, Fold, Merge, Single
from graphflow_compiler.errors import EmptyStreamError, FoldError
from graphflow_compiler.ir import INPUT, Edge, NodeClass, NodeId, Op, Scope, ScopeId
from graphflow_compiler.plan import Plan, PlannedNode

NOTHING: Final = object()


@final
class RunIds:
    """The ids of all runs under one outermost run: UUIDs of a random prefix and a counter."""

    __slots__ = ("_first", "_numbers", "_prefix")

    def __init__(self, first: str | None = None) -> None:
        head = os.urandom(8).hex()
        # Version 4, variant 1: valid UUIDs whose random bits are drawn once.
        self._prefix = f"{head[:8]}-{head[8:12]}-4{head[12:15]}-8{head[13:16]}-"
        self._numbers = itertools.count(1)
        self._first = first

    def __call__(self) -> str:
        """Return the next id; the very first may have been given by the caller."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return f"{self._prefix}{next(self._numbers):012x}"

    def starting_with(self, first: str) -> RunIds:
        """Return ids of the same counter, of which the first is given."""
        ids = RunIds(first)
        ids._prefix, ids._numbers = self._prefix, self._numbers
        return ids


@attrs.frozen(eq=False)
class Listening:
    """What all executions under one outermost run share, once somebody listens.

    Attributes:
        log: where events go.
        filter: which runs are worth telling of.
        ids: the ids of the runs.
        outputs: whether end events carry folded inputs and outputs.
    """

    log: EventLog
    filter: Filter
    ids: RunIds
    outputs: bool = True


@attrs.frozen(eq=False)
class Current:
    """The run that a node's code is running in: what a chain that is run inside it hangs on.

    Attributes:
        listening: who listens.
        path: the ids of the runs around, this one last.
        tags, metadata: what runs inside inherit.
        run: the run itself, as its custom events show it.
        record: of the nearest run around that is told of, this one included; None where there is none.
    """

    listening: Listening
    path: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, object]
    run: Run
    record: Record | None


CURRENT: Final[contextvars.ContextVar[Current | None]] = contextvars.ContextVar("graphflow_run", default=None)


def emit(name: str, data: Any = None) -> None:
    """Make a custom event, which hangs on the run of the node that calls this; without a listener it does nothing.

    It never waits, and may be called from any thread that a node runs in.

    Args:
        name: the name of the event; `include_names` selects by it.
        data: what it carries.
    """
    current = CURRENT.get()
    if current is None:
        return
    listening = current.listening
    run = current.run
    is_told = current.record is not None and current.record.run is run
    if is_told and current.record is not None:
        current.record.start()
    elif not listening.filter.keeps(name, "custom", run.tags):
        return
    listening.log.append(CustomEvent(run, data, listening.log.next_seq(), name))


# --- one run -----------------------------------------------------------------------------------------------


@final
class Intake:
    """What flows into one port of a run that is told of: folded for its end event, or for its start if it is whole."""

    __slots__ = ("_fold", "_key", "_open", "_value", "is_whole")

    def __init__(self, fold: Fold, key: str | None, *, is_whole: bool) -> None:
        self._fold: Fold | None = fold
        self._key = key
        self._open = True
        self._value: object = NOTHING
        self.is_whole = is_whole

    def add(self, chunk: object) -> None:
        """Take a chunk that flows in."""
        if self._key is not None:
            if not (isinstance(chunk, Mapping) and self._key in chunk):
                return
            chunk = chunk[self._key]
        if self._fold is not None:
            try:
                self._fold.add(chunk)
            except FoldError:  # an event must not fail the run: it only lacks its input
                self._fold = None

    def end(self) -> None:
        """Say that nothing more flows in."""
        self._open = False

    def set(self, value: object) -> None:
        """Give the value as it is."""
        if self._key is not None:
            if not (isinstance(value, Mapping) and self._key in value):
                return
            value = value[self._key]
        self._value = value
        self._open = False

    def value(self) -> object:
        """Return the value, or `NOTHING` while it is not complete."""
        if self._value is NOTHING and not (self._open and not self.is_whole) and self._fold is not None:
            try:
                self._value = self._fold.value()
            except (EmptyStreamError, FoldError):
                return NOTHING
        return self._value


@final
class Record:
    """One run that is told of: it starts once, ends or errs once, after its parent starts and before that ends."""

    __slots__ = (
        "_done",
        "_fold",
        "_intakes",
        "_listening",
        "_open_children",
        "_open_outputs",
        "finished",
        "holds_others",
        "parent",
        "present",
        "run",
        "started",
        "tells_chunks",
        "tells_input_at_end",
    )

    def __init__(self, run: Run, listening: Listening, parent: Record | None) -> None:
        self.run = run
        self.parent = parent
        self.started = False
        self.finished = False
        self.holds_others = False
        self.tells_chunks = True
        self.tells_input_at_end = listening.outputs
        self.present: Callable[[Any], object] | None = None
        self._listening = listening
        self._fold: Fold | None = None
        self._intakes: dict[str, Intake] = {}
        self._open_children = 0
        self._open_outputs = 0
        self._done = False

    def fold_output(self, accumulator: Accumulator | None) -> None:
        """Fold its chunks for the end event, where something says how."""
        if accumulator is not None and self._listening.outputs:
            self._fold = accumulator.fold()

    def take_in(self, port: str, intake: Intake) -> None:
        """Add a port whose input is told."""
        self._intakes[port] = intake

    def expect_output(self) -> None:
        """Say that one more node gives its output."""
        self._open_outputs += 1

    # --- its life ---

    def start(self) -> None:
        """Tell that the run has started, if that was not told before."""
        if self.started:
            return
        self.started = True
        if self.parent is not None:
            self.parent.start()
            self.parent._open_children += 1
        whole = all(intake.is_whole for intake in self._intakes.values())
        self._append(StartEvent, self._input() if whole else {})

    def chunk(self, chunk: object) -> None:
        """Tell of a chunk."""
        self.start()
        if self._fold is not None:
            try:
                self._fold.add(chunk)
            except FoldError:  # the stream goes on: only the end event lacks its output
                self._fold = None
        if self.tells_chunks:
            self._append(StreamEvent, {"chunk": chunk})

    def end(self) -> None:
        """Say that a node that gives its output is done; the run ends when all are, and its children have ended."""
        self.start()
        self._open_outputs -= 1
        if self._open_outputs <= 0:
            self._done = True
            self._settle()

    def fail(self, error: BaseException) -> None:
        """Tell that the run has failed."""
        if self.finished:
            return
        self.start()
        data: dict[str, object] = {"error": error}
        if self.tells_input_at_end:
            data |= self._input()
        if self.run.kind == "tool":
            data["tool_call_id"] = getattr(error, "tool_call_id", None)
        self._finish(ErrorEvent, data)

    def close(self) -> None:
        """Tell that the run has ended early, because nobody wanted more of it."""
        if not self.finished:
            self._finish(EndEvent, {})

    def _settle(self) -> None:
        if not self._done or self._open_children or self.finished:
            return
        data: dict[str, object] = {}
        if self._fold is not None:
            with contextlib.suppress(EmptyStreamError, FoldError):  # then there is no output to tell
                data["output"] = self._fold.value()
        if self.tells_input_at_end:
            data |= self._input()
        self._finish(EndEvent, data)

    def _input(self) -> dict[str, object]:
        """Return the input as far as it is complete: of one port the value, of several a record."""
        values = {port: intake.value() for port, intake in self._intakes.items()}
        if not values or any(value is NOTHING for value in values.values()):
            return {}
        value = values if len(values) > 1 else next(iter(values.values()))
        return {"input": value if self.present is None else self.present(value)}

    def _finish(self, kind: type[EndEvent | ErrorEvent], data: dict[str, object]) -> None:
        self.finished = True
        self._append(kind, data)
        if self.parent is not None:
            self.parent._open_children -= 1
            self.parent._settle()

    def _append(self, kind: type[StartEvent | StreamEvent | EndEvent | ErrorEvent], data: dict[str, object]) -> None:
        log = self._listening.log
        log.append(kind(self.run, data, log.next_seq()))


# --- one node ----------------------------------------------------------------------------------------------


@final
class Tap:
    """What is told of one node: its own run, the scopes whose output it gives, the inputs that it feeds.

    Attributes:
        current: the run that the node's code runs in.
        outside: the run around it, which its upstream runs in.
        log: where its events go.
    """

    __slots__ = ("_feeds", "_input_error", "_outer", "_own", "current", "log", "outside")

    def __init__(self, log: EventLog, outside: Current | None) -> None:
        self.log = log
        self.outside = outside
        self.current = outside
        self._own: Record | None = None
        self._outer: list[tuple[Record, str | None]] = []
        self._feeds: list[Intake] = []
        self._input_error: BaseException | None = None

    def tell(self, record: Record, current: Current) -> None:
        """Tell of the node's own run."""
        self._own = record
        self.current = current
        record.expect_output()

    def tell_of_scope(self, record: Record, key: str | None) -> None:
        """Tell of a scope whose output, or whose key of the output, the node gives; inner scopes first."""
        self._outer.insert(0, (record, key))
        record.expect_output()

    def feed(self, intake: Intake) -> None:
        """Feed the input of a run."""
        self._feeds.append(intake)

    def start(self) -> None:
        """Tell that the node has started."""
        if self._own is not None:
            self._own.start()

    def chunk(self, chunk: object) -> None:
        """Tell of a chunk of the node."""
        for intake in self._feeds:
            intake.add(chunk)
        if self._own is not None:
            self._own.chunk(chunk)
        for record, key in self._outer:
            record.chunk(chunk if key is None else {key: chunk})

    def end(self) -> None:
        """Tell that the node is done."""
        for intake in self._feeds:
            intake.end()
        if self._own is not None:
            self._own.end()
        for record, _ in self._outer:
            record.end()

    def told(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a function of one chunk that runs in the node's run and tells of what it gives."""

        def step(chunk: Any) -> Any:
            self.start()
            token = CURRENT.set(self.current)
            try:
                result = function(chunk)
            except BaseException as error:
                self.fail(error, from_input=False)
                raise
            finally:
                CURRENT.reset(token)
            self.chunk(result)
            return result

        return step

    def told_async(self, function: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """Do the same for a function that is awaited."""

        async def step(chunk: Any) -> Any:
            self.start()
            token = CURRENT.set(self.current)
            try:
                result = await function(chunk)
            except BaseException as error:
                self.fail(error, from_input=False)
                raise
            finally:
                CURRENT.reset(token)
            self.chunk(result)
            return result

        return step

    def given(self, value: object) -> None:
        """Take the caller's value, for the runs that it is the input of."""
        for intake in self._feeds:
            intake.set(value)

    @property
    def has_failed(self) -> bool:
        """Tell whether the node's failure has been told."""
        return self._own is not None and self._own.finished

    def fail(self, error: BaseException, *, from_input: bool) -> None:
        """Tell that the node has failed; by an error of its input only if it was already at work."""
        if from_input:
            self._input_error = error
        if self._own is not None and (self._own.started or error is not self._input_error):
            self._own.fail(error)


# --- one execution -----------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Config:
    """What the caller of a verb says of the run."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = attrs.field(factory=dict)


@final
class Recorder:
    """The records and taps of one execution of a plan.

    Args:
        plan: the plan.
        listening: who listens.
        around: the run that this one is nested in.
        config: the name, tags and metadata of this run.
        input_is_value: the input is one whole value, not a stream.
        tells_value: False where only the value of the whole is asked: then the end event alone tells it.
        is_body: the plan is a body of the node `around`, not a chain of its own.
    """

    def __init__(
        self,
        plan: Plan,
        listening: Listening,
        around: Current | None,
        config: Config,
        *,
        input_is_value: bool,
        tells_value: bool = True,
        is_body: bool = False,
    ) -> None:
        self._plan = plan
        self._listening = listening
        self._around = around
        self._tags = tuple(dict.fromkeys((*config.tags, *(around.tags if around is not None else ()))))
        self._metadata = {**(around.metadata if around is not None else {}), **config.metadata}
        self._input_is_value = input_is_value
        self._tells_value = tells_value
        self._root_name = config.name
        self._expects_root = not is_body
        self._first_id = ""
        self._scopes: dict[ScopeId, Current] = {}
        self._records: list[Record] = []
        self._taps: dict[NodeId, Tap] = {}
        records = [self._new_scope(scope) for scope in plan.scopes]
        for scope, record in zip(plan.scopes, records, strict=True):
            if record is not None:
                self._add_scope(scope, record)
        for node in plan.nodes:
            if node.has_run:
                self._add_node(node)

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return what is to be told of a node; None where nobody listens."""
        return self._taps.get(node_id)

    @property
    def run_id(self) -> str:
        """The id of the whole."""
        return self._first_id

    def give(self, value: object) -> None:
        """Take the caller's value, for the runs that it is the input of."""
        tap = self._taps.get(INPUT)
        if tap is not None:
            tap.given(value)

    def start(self) -> None:
        """Tell that the whole has started, where it is a scope around several nodes."""
        if self._plan.scopes and self._records and self._records[0].run is self._scopes[self._plan.scopes[0].id].run:
            self._records[0].start()

    def settle(self, error: BaseException | None) -> None:
        """Finish what has started and is not finished, children first."""
        for record in reversed(self._records):
            if not record.started:
                continue
            if error is not None and record.holds_others:
                record.fail(error)
            else:  # a node that failed has told so itself; what is left was closed by its consumer
                record.close()

    # --- making records ---

    def _new_scope(self, scope: Scope) -> Record | None:
        outside = self._around if scope.parent is None else self._scopes[scope.parent]
        record, self._scopes[scope.id] = self._new(scope, outside)
        return record

    def _add_scope(self, scope: Scope, record: Record) -> None:
        record.holds_others = True
        if scope.source is not None:
            self._feed(record, scope.source, scope.source_key, "input")
        if scope.keyed:
            for key, node_id in scope.keyed:
                self._tap_of(node_id).tell_of_scope(record, key)
            return
        record.fold_output(self._plan.by_id[scope.output].folds)
        self._tap_of(scope.output).tell_of_scope(record, None)

    def _add_node(self, node: PlannedNode) -> None:
        record, current = self._new(node, self._outside(node))
        if record is None:
            return
        record.present = node.present if self._around is not None or node.scope is not None else None
        record.fold_output(node.folds)
        is_value = node.node_class is NodeClass.AGGREGATE
        record.tells_chunks = node.emits_chunks and (self._tells_value or not is_value)
        self._tap_of(node.id).tell(record, current)
        for edge in self._plan.edges_into[node.id]:
            self._feed(record, edge.source, edge.key, edge.port or "", fold_along(self._plan, edge))

    def _feed(
        self, record: Record, source: NodeId, key: str | None, port: str, accumulator: Accumulator | None = None
    ) -> None:
        """Let a record know what flows into it, as far as that will be told."""
        is_whole = carries_whole(self._plan, source, input_is_value=self._input_is_value)
        if accumulator is None:
            accumulator = fold_along(self._plan, Edge(source, source, key=key))
        if accumulator is None or not (is_whole or self._listening.outputs):
            # nothing says how it folds, or it would not be told
            record.take_in(port, Intake(SINGLE.fold(), key, is_whole=False))
            return
        intake = Intake(accumulator.fold(), key, is_whole=is_whole)
        record.take_in(port, intake)
        self._tap_of(source).feed(intake)

    def _outside(self, node: PlannedNode) -> Current | None:
        return self._around if node.scope is None else self._scopes[node.scope]

    def _tap_of(self, node_id: NodeId) -> Tap:
        tap = self._taps.get(node_id)
        if tap is None:
            node = self._plan.by_id[node_id]
            tap = self._taps[node_id] = Tap(self._listening.log, self._outside(node))
        return tap

    def _new(self, place: Scope | PlannedNode, outside: Current | None) -> tuple[Record | None, Current]:
        is_root, self._expects_root = self._expects_root, False
        run = Run(
            place.kind,
            self._root_name or place.name if is_root else place.name,
            self._listening.ids(),
            outside.path if outside is not None else (),
            tuple(dict.fromkeys((*place.tags, *self._tags))),
            {**self._metadata, **place.metadata},
        )
        self._first_id = self._first_id or run.run_id
        parent = outside.record if outside is not None else None
        record = None
        if self._listening.filter.keeps(run.name, run.kind, run.tags):
            record = Record(run, self._listening, parent)
            self._records.append(record)
            if is_root:
                record.tells_chunks = self._tells_value
                record.tells_input_at_end &= self._around is not None
        inherited = tuple(tag for tag in run.tags if not _is_place(tag))
        path = (*run.parent_ids, run.run_id)
        return record, Current(self._listening, path, inherited, run.metadata, run, record or parent)


def _is_place(tag: str) -> bool:
    """Tell whether a tag says where a run stands, which nothing inside it inherits."""
    return tag.startswith(("seq:step:", "map:key:", "branch:", "retry:attempt:"))


def fold_along(plan: Plan, edge: Edge) -> Accumulator | None:
    """Return how what flows along an edge folds."""
    if edge.accumulator is not None:
        return edge.accumulator
    folds = plan.by_id[edge.source].folds
    if edge.key is None or isinstance(folds, Single):
        return folds
    return folds.of(edge.key) if isinstance(folds, Merge) else None


def carries_whole(plan: Plan, node_id: NodeId, *, input_is_value: bool) -> bool:
    """Tell whether what a node gives is one finished value: an aggregate's, or the caller's, unchanged in number."""
    while True:
        if node_id == INPUT:
            return input_is_value
        node = plan.by_id[node_id]
        if node.node_class is NodeClass.AGGREGATE:
            return node.op is not Op.BRANCH
        if node.op not in (Op.MAP, Op.IDENTITY, Op.PROJECT):
            return False
        node_id = plan.edges_into[node_id][0].source

