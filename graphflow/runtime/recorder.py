"""Instrument one execution of a plan: a record for every run that a listener is told of, a tap for every node for them.

Filters are resolved here, before anything runs: a node that no one listens to has no tap, and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, final

import attrs
import trio

from graphflow.events import Run
from graphflow.runtime.current import CURRENT, NOTHING, Current, Listening, View
from graphflow.runtime.record import WHOLE_CHUNK, Intake, Piece, Record
from graphflow_compiler.accumulate import Accumulator, Single
from graphflow_compiler.flow import fold_along, fold_together
from graphflow_compiler.ir import INPUT, REST, Edge, NodeClass, NodeId, Op, Scope, ScopeId
from graphflow_compiler.plan import Plan, PlannedNode

#: Tags that say where a run stands: nothing inside it inherits them.
_PLACE: Final = re.compile(r"seq:step:\d+|map:key:.*|branch:\d+|retry:attempt:\d+", re.DOTALL)


@attrs.frozen(eq=False)
class Config:
    """What the caller of a verb says of the run."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = attrs.field(factory=dict)


@final
class Tap:
    """What is told of one node: its own run, the groups whose output it gives, the inputs that it feeds.

    Attributes:
        current: the run that the node's code runs in: its own, or if nobody is told of that the nearest around.
        outside: the run of the execution, which the nodes before it run in unless they have taps.
        listening: who listens.
        is_left: the node is cancelled because nobody wants more of it: it has not failed.
    """

    __slots__ = ("_feeds", "_input_error", "_outer", "_own", "current", "is_left", "listening", "outside")

    def __init__(self, listening: Listening, outside: Current, current: Current) -> None:
        self.listening = listening
        self.outside = outside
        self.current = current
        self.is_left = False
        self._own: list[Record] = []
        self._outer: list[tuple[Record, Piece]] = []
        self._feeds: list[tuple[Intake, Piece]] = []
        self._input_error: BaseException | None = None

    def tell(self, record: Record) -> None:
        """Tell of the node's own run."""
        self._own.append(record)
        record.expect_output()

    def tell_of_scope(self, record: Record, piece: Piece) -> None:
        """Tell of a scope whose output, or a piece of it, the node gives; inner scopes first."""
        self._outer.insert(0, (record, piece))
        record.expect_output()

    def feed(self, intake: Intake, piece: Piece) -> None:
        """Feed the input of a run."""
        self._feeds.append((intake, piece))

    def told(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a function of one chunk that runs in the node's run and tells of what it gives."""

        def step(chunk: Any) -> Any:
            self.start()
            token = CURRENT.set(self.current)
            try:
                result = function(chunk)
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
            finally:
                CURRENT.reset(token)
            self.chunk(result)
            return result

        return step

    # --- what the runtime tells ---

    def start(self) -> None:
        """Tell that the node has started."""
        for record in self._own:
            record.start()

    def chunk(self, chunk: object) -> None:
        """Tell of a chunk of the node."""
        for intake, piece in self._feeds:
            part = piece.of(chunk)
            if part is not NOTHING:
                intake.add(part)
        for record in self._own:
            record.chunk(chunk)
        for record, piece in self._outer:
            part = piece.of(chunk)
            if part is not NOTHING:
                record.chunk(part)

    def end(self) -> None:
        """Tell that the node is done."""
        for intake, _ in self._feeds:
            intake.end()
        for record in self._own:
            record.end()
        for record, _ in self._outer:
            record.end()

    def given(self, value: object) -> None:
        """Take the caller's value, for the runs that it is the input of, or goes through."""
        for intake, piece in self._feeds:
            part = piece.of(value)
            if part is not NOTHING:
                intake.give(part)
            else:
                intake.end()
        for record, piece in self._outer:
            part = piece.of(value)
            if part is not NOTHING:
                record.chunk(part)
            record.end()

    def fail(self, error: BaseException, *, from_input: bool) -> None:
        """Tell that the node has failed; by an error of its input only if it was already at work."""
        if isinstance(error, GeneratorExit) or (self.is_left and isinstance(error, trio.Cancelled)):
            return
        if from_input:
            self._input_error = error
        for record in self._own:
            if record.started or error is not self._input_error:
                record.fail(error)


@final
class Recorder:
    """The records and taps of one execution of a plan.

    Args:
        plan: the plan.
        listening: who listens.
        around: the run that this one is nested in.
        nearest: the nearest run around that somebody is told of, or the outermost; what a body of a node hangs on is
            its node, whoever is told of that.
        config: the name, tags and metadata of this run.
        run_id: the id of this run, if the caller gave one.
        input_is_value: the input is one whole value, not a stream.
        tells_value: False where only the value of the whole is asked: then the end event alone tells it.
        is_body: the plan is a body of the node `around`, not a chain of its own.
    """

    def __init__(
        self,
        plan: Plan,
        listening: Listening,
        around: Current | None,
        nearest: Current | None,
        config: Config,
        *,
        run_id: str | None,
        input_is_value: bool,
        tells_value: bool,
        is_body: bool,
    ) -> None:
        self.listening = listening
        self._plan = plan
        self._around = around
        self._nearest = nearest
        self._config = config
        self._run_id = run_id
        self._is_body = is_body
        self._tells_value = tells_value
        self._tags = _unique((*config.tags, *(around.tags if around is not None else ())))
        self._metadata = {**(around.metadata if around is not None else {}), **config.metadata}
        self._is_whole: dict[NodeId, bool] = {INPUT: input_is_value}
        self._root: Current | None = None
        self._currents: dict[ScopeId | NodeId, Current] = {}
        self._inside: dict[ScopeId | NodeId, Current] = {}
        self._base: Current | None = None
        self._records: list[Record] = []
        self._taps: dict[NodeId, Tap] = {}
        scopes = [(scope, self._new(scope, scope.parent)) for scope in plan.scopes]
        nodes = [(node, self._new(node, node.scope)) for node in plan.nodes if node.has_run]
        for scope, records in scopes:
            for record in records:
                self._add_scope(scope, record)
        for node, records in nodes:
            for record in records:
                self._add_node(node, record)

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return what is to be told of a node; None where nobody listens."""
        return self._taps.get(node_id)

    @property
    def base(self) -> Current:
        """The run that code runs in where nobody is told of its node: that of the whole."""
        assert self._base is not None, "every plan has a run"
        return self._base

    @property
    def run_id(self) -> str:
        """The id of the whole."""
        assert self._root is not None, "every plan has a run"
        return self._root.path[-1]

    def current(self, node: PlannedNode) -> Current:
        """Return the run of a node, whether or not anybody is told of it: what the runs of its bodies hang on."""
        return self._currents[node.id]

    def inside(self, node: PlannedNode) -> Current:
        """Return the run that a node's code runs in: its own, or if nobody is told of that the nearest around."""
        return self._inside[node.id]

    def give(self, value: object) -> None:
        """Take the caller's value, for the runs that it is the input of."""
        tap = self._taps.get(INPUT)
        if tap is not None:
            tap.given(value)

    def start(self) -> None:
        """Tell that the whole has started, where it is a group of nodes."""
        for record in self._records:
            if record.is_root and record.is_scope:
                record.start()

    def leave(self, nodes: Iterable[NodeId]) -> None:
        """Say that nobody wants more of some nodes, which will be cancelled."""
        for node_id in nodes:
            tap = self._taps.get(node_id)
            if tap is not None:
                tap.is_left = True

    def settle(self, error: BaseException | None) -> None:
        """Finish what has started and is not finished, children first.

        Args:
            error: what the whole failed with.
        """
        for record in reversed(self._records):
            record.leave(error if record.is_root else None)

    # --- making records ---

    def _new(self, place: Scope | PlannedNode, scope: ScopeId | None) -> list[Record]:
        """Make the records of one run: one for every listener that is told of it."""
        outside = self._around if scope is None else self._currents[scope]
        is_root = self._root is None
        takes_config = is_root and not self._is_body
        name = self._config.name or place.name if takes_config else place.name
        run_id = self._run_id if takes_config else None
        tags = _unique((*place.tags, *self._tags))
        metadata = {**self._metadata, **place.metadata}
        path = (*(outside.path if outside is not None else ()), run_id or self.listening.ids())
        above = outside.views if outside is not None else ()
        views: list[View] = []
        records: list[Record] = []
        for index, listener in enumerate(self.listening.listeners):
            run = Run(place.kind, name, path[-1], path[listener.depth : -1], tags, metadata)
            parent = above[index].record if index < len(above) else None
            record = None
            told = listener.filter.keeps(name, place.kind, tags)
            if told or (parent is not None and parent.needs_inside):
                record = Record(run, listener, parent, told=told, is_scope=isinstance(place, Scope), is_root=is_root)
                # What the listener has asked to run has the caller's own input, not what a node makes of it.
                is_asked = takes_config and index >= len(self._around.views if self._around is not None else ())
                record.tells_input_at_end &= not is_asked
                record.tells_chunks &= self._tells_chunks(place, takes_config)
                if isinstance(place, PlannedNode) and not is_asked:
                    record.present = place.present
                records.append(record)
            views.append(View(listener, run, record or parent))
        self._records += records
        inherited = tuple(tag for tag in tags if not _PLACE.fullmatch(tag))
        is_node = isinstance(place, PlannedNode)
        current = Current(self.listening, place.kind, path, inherited, metadata, tuple(views), is_own=is_node)
        around = self._nearest if scope is None else self._inside[scope]
        if around is not None and not any(record.told for record in records):
            inside = current.as_part_of(around)
        else:
            inside = current
        self._root = self._root or current
        self._base = self._base or inside
        self._currents[place.id], self._inside[place.id] = current, inside
        return records

    def _tells_chunks(self, place: Scope | PlannedNode, is_asked: bool) -> bool:
        """Tell whether chunks are events: not where they are one value and only values were asked for."""
        if isinstance(place, PlannedNode):
            return place.emits_chunks and (self._tells_value or not _gives_value(place))
        if self._tells_value or is_asked:
            return self._tells_value
        output = self._plan.by_id.get(place.output)
        if output is not None and output.op is not Op.JOIN:
            return not _gives_value(output)
        edges = place.given_by or self._plan.edges_into[place.output]
        return not all(_gives_value(self._plan.by_id[edge.source]) for edge in edges)

    def _add_scope(self, scope: Scope, record: Record) -> None:
        if scope.source is not None:
            self._feed(record, Edge(scope.source, scope.source, "input", scope.source_key))
        elif scope.fed_by:
            self._feed_record(record, scope.fed_by)
        if not scope.given_by:
            record.fold_output(self._plan.by_id[scope.output].folds)
            self._tap_of(scope.output).tell_of_scope(record, WHOLE_CHUNK)
            return
        record.fold_output(fold_together((edge, self._fold_along(edge)) for edge in scope.given_by))
        for edge, piece in _pieces(scope.given_by):
            self._tap_of(edge.source).tell_of_scope(record, piece)

    def _add_node(self, node: PlannedNode, record: Record) -> None:
        record.fold_output(node.folds)
        self._tap_of(node.id).tell(record)
        for edge in self._plan.edges_into[node.id]:
            self._feed(record, edge)

    def _feed(self, record: Record, edge: Edge) -> None:
        """Let a record know what flows along an edge, as far as that will be told."""
        is_whole = self._carries_whole(edge.source)
        is_told = record.told and (is_whole or record.wants_values)
        intake = Intake(self._fold_along(edge) if is_told else None, is_whole=is_whole)
        record.take_in(edge.port or "", intake)
        if is_told:
            self._tap_of(edge.source).feed(intake, Piece(edge.key))

    def _feed_record(self, record: Record, edges: tuple[Edge, ...]) -> None:
        """Let a record know the record that several nodes make together."""
        if not record.wants_values:
            return
        accumulator = fold_together((edge, self._fold_along(edge)) for edge in edges)
        intake = Intake(accumulator, is_whole=False, writers=len(edges))
        record.take_in("input", intake)
        for edge, piece in _pieces(edges):
            self._tap_of(edge.source).feed(intake, piece)

    # --- details ---

    def _tap_of(self, node_id: NodeId) -> Tap:
        tap = self._taps.get(node_id)
        if tap is None:
            current = self._inside.get(node_id, self.base)
            tap = self._taps[node_id] = Tap(self.listening, self.base, current)
        return tap

    def _fold_along(self, edge: Edge) -> Accumulator | None:
        return edge.accumulator or fold_along(edge, self._plan.by_id[edge.source].folds)

    def _carries_whole(self, node_id: NodeId) -> bool:
        """Tell whether what a node gives is one finished value: an aggregate's, or the caller's, one for one."""
        passed: list[NodeId] = []
        while node_id not in self._is_whole:
            node = self._plan.by_id[node_id]
            passed.append(node_id)
            if node.node_class is NodeClass.AGGREGATE:
                self._is_whole[node_id] = node.op is not Op.BRANCH or isinstance(node.folds, Single)
            elif node.op not in (Op.MAP, Op.IDENTITY, Op.PROJECT):
                self._is_whole[node_id] = False
            else:
                node_id = self._plan.edges_into[node_id][0].source
        is_whole = self._is_whole[node_id]
        self._is_whole.update(dict.fromkeys(passed, is_whole))
        return is_whole


def _pieces(edges: tuple[Edge, ...]) -> list[tuple[Edge, Piece]]:
    """Return what of each source goes into the record that the edges make together."""
    assigned = frozenset(edge.port for edge in edges if edge.port is not None and edge.port != REST)
    return [(edge, Piece(edge.key, edge.port, assigned)) for edge in edges]


def _gives_value(node: PlannedNode) -> bool:
    return node.node_class is NodeClass.AGGREGATE


def _unique(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))
