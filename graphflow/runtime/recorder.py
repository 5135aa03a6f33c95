"""Instrument one execution of a plan: a record for every run that a listener is told of, a tap for every node for them.

Filters are resolved here, before anything runs: a node that no one listens to has no tap, and costs nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final

import attrs
import trio

from graphflow.events import Run, StreamEvent
from graphflow.runtime.current import NOTHING, Current, Listening, View
from graphflow.runtime.record import WHOLE_CHUNK, Folding, Intake, Piece, Record
from graphflow_compiler.accumulate import Accumulator, Single
from graphflow_compiler.flow import fold_at, fold_together
from graphflow_compiler.generate import Mode, Sink
from graphflow_compiler.ir import INPUT, REST, Edge, NodeClass, NodeId, Op, Scope, ScopeId
from graphflow_compiler.plan import Plan, PlannedNode, Stage

#: Tags that say where a run stands: nothing inside it inherits them.
_PLACE: Final = re.compile(r"seq:step:\d+|map:key:.*|branch:\d+|retry:attempt:\d+", re.DOTALL)


#: Tells of a chunk, and gives whether to wait for the listeners before there are more.
Tell = Callable[[Any], bool]


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
        encloses: a body reads the node's input, so that of an error of that it tells first.
        outside: the run of the execution, which the nodes before it run in unless they have taps.
        listening: who listens.
        take: what folds the chunks that the node reads, if anything does.
        is_left: the node is cancelled because nobody wants more of it: it has not failed.
        started: it has told that the node has started.
    """

    def __init__(self, listening: Listening, outside: Current, current: Current, *, encloses: bool) -> None:
        self.listening = listening
        self.outside = outside
        self.current = current
        self.encloses = encloses
        self.is_left = False
        self.started = False
        self.take: Tell | None = None
        self._foldings: list[tuple[Accumulator, Folding]] = []
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

    def read(self, folding: Folding) -> None:
        """Fold what the node reads, where nobody is told of the node that gives it."""
        self.take = _folded_into(folding)

    @property
    def is_of_node(self) -> bool:
        """Tell whether it tells of the node's own run."""
        return bool(self._own)

    def folding(self, accumulator: Accumulator | None) -> Folding | None:
        """Return what folds the chunks of the node in one way: all who are told of that share it."""
        if accumulator is None:
            return None
        for known, folding in self._foldings:
            if known == accumulator:
                return folding
        folding = Folding(accumulator)
        self._foldings.append((accumulator, folding))
        return folding

    # --- what the runtime tells ---

    def start(self) -> None:
        """Tell that the node has started."""
        self.started = True
        for record in self._own:
            record.start()

    @functools.cached_property
    def chunk(self) -> Tell:
        """What tells of a chunk of the node, which has started; gives whether to wait for the listeners."""
        emitting = [record for record in self._own if record.tells_chunks]
        foldings = [folding for _, folding in self._foldings]
        steps: list[Tell] = []
        if foldings and emitting:
            steps.append(_folded_and_emitted(foldings.pop(), emitting.pop(0)))
        steps += map(_folded_into, foldings)
        pieces = [(intake.folding, piece) for intake, piece in self._feeds if piece is not WHOLE_CHUNK]
        steps += [_folded_piece(folding, piece) for folding, piece in pieces if folding is not None]
        steps += map(_emitted, emitting)
        steps += [_told_of_scope(record, piece) for record, piece in self._outer]
        if len(steps) == 1:
            return steps[0]
        if len(steps) == 2:
            first, second = steps

            def tell(chunk: Any) -> bool:
                is_full = first(chunk)
                return second(chunk) or is_full

            return tell

        def tell_all(chunk: Any) -> bool:
            is_full = False
            for step in steps:
                is_full = step(chunk) or is_full
            return is_full

        return tell_all

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
            if part is NOTHING:
                intake.end()
            elif intake.give(part) and intake.folding is not None:
                _folded_into(intake.folding)(part)
        for record, piece in self._outer:
            _told_of_scope(record, piece)(value)
            record.end()

    def fail(self, error: BaseException, *, from_input: bool) -> None:
        """Tell that the node has failed; by an error of its input only if it was already at work."""
        if isinstance(error, GeneratorExit) or (self.is_left and isinstance(error, trio.Cancelled)):
            return
        if from_input:
            self._input_error = error
            if self.encloses:
                return
        for record in self._own:
            if record.started or error is not self._input_error:
                record.fail(error)


def _folded_into(folding: Folding) -> Tell:
    def fold(chunk: Any) -> bool:
        try:
            folding.add(chunk)
        except Exception:
            folding.give_up()
        return False

    return fold


def _folded_piece(folding: Folding, piece: Piece) -> Tell:
    fold = _folded_into(folding)

    def fold_piece(chunk: Any) -> bool:
        part = piece.of(chunk)
        return part is not NOTHING and fold(part)

    return fold_piece


def _folded_and_emitted(folding: Folding, record: Record) -> Tell:
    """Return what does both in one call: nearly every node that is told of needs it for every chunk."""
    run, append = record.run, record.log.append

    def tell(chunk: Any) -> bool:
        try:
            folding.add(chunk)
        except Exception:
            folding.give_up()
        return append(StreamEvent(run, chunk, 0))

    return tell


def _emitted(record: Record) -> Tell:
    run, append = record.run, record.log.append
    return lambda chunk: append(StreamEvent(run, chunk, 0))


def _told_of_scope(record: Record, piece: Piece) -> Tell:
    """Return what tells of a chunk of a scope, which may start with it."""
    fold = _folded_into(record.folding) if record.folding is not None and piece is not WHOLE_CHUNK else None
    emit = _emitted(record) if record.tells_chunks else None

    def tell(chunk: Any) -> bool:
        part = chunk if piece is WHOLE_CHUNK else piece.of(chunk)
        if part is NOTHING:
            return False
        if not record.started:
            record.start()
        if fold is not None:
            fold(part)
        return emit is not None and emit(part)

    return tell


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
        self._tags = _unique((*(() if is_body else config.tags), *(around.tags if around is not None else ())))
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

    def mode(self, sink: Sink, stage: Stage, *, streamed: bool) -> Mode:
        """Return which version of the function of a stage tells what is to be told."""
        taps = {node_id: tap for node_id in stage.nodes if (tap := self._taps.get(node_id)) is not None}
        told = frozenset(node_id for node_id, tap in taps.items() if tap.is_of_node)
        return Mode(sink, streamed, told, frozenset(taps) - told, is_limited=self.listening.limit is not None)

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
        own = self._config.tags if is_root and self._is_body else ()
        tags = _unique((*own, *place.tags, *self._tags))
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
            tap = self._tap_of(scope.output)
            if record.wants_values:
                record.folding = tap.folding(self._plan.by_id[scope.output].folds)
            tap.tell_of_scope(record, WHOLE_CHUNK)
            return
        folds = fold_together((edge, self._fold_along(edge)) for edge in scope.given_by)
        if folds is not None and record.wants_values:
            record.folding = Folding(folds)
        for edge, piece in _pieces(scope.given_by):
            self._tap_of(edge.source).tell_of_scope(record, piece)

    def _add_node(self, node: PlannedNode, record: Record) -> None:
        tap = self._tap_of(node.id)
        if record.wants_values:
            record.folding = tap.folding(node.folds)
        tap.tell(record)
        edges = self._plan.edges_into[node.id]
        reads = node.op is Op.GENERATE and node.is_async and len(edges) == 1 and len(self.listening.listeners) == 1
        for edge in edges:
            self._feed(record, edge, reads=reads and edge.port is not None and node.port(edge.port).streams)

    def _feed(self, record: Record, edge: Edge, *, reads: bool = False) -> None:
        """Let a record know what flows along an edge, as far as that will be told.

        Args:
            record: the record.
            edge: the edge.
            reads: the node reads it as a stream, through what tells of it, which can fold it then.
        """
        is_whole = self._carries_whole(edge.source)
        is_told = record.told and (is_whole or record.wants_values)
        if not is_told:
            record.take_in(edge.port or "", Intake(None, is_whole=is_whole))
            return
        accumulator = self._fold_along(edge)
        giver = self._taps.get(edge.source)
        if reads and edge.source != INPUT and not (giver is not None and giver.is_of_node):
            folding = None if accumulator is None else Folding(accumulator)
            record.take_in(edge.port or "", Intake(folding, is_whole=is_whole, writers=0))
            if folding is not None:
                self._tap_of(edge.target).read(folding)
            return
        tap = self._tap_of(edge.source)
        if edge.key is None:
            intake = Intake(tap.folding(accumulator), is_whole=is_whole)
            tap.feed(intake, WHOLE_CHUNK)
        else:
            intake = Intake(None if accumulator is None else Folding(accumulator), is_whole=is_whole)
            tap.feed(intake, Piece(edge.key))
        record.take_in(edge.port or "", intake)

    def _feed_record(self, record: Record, edges: tuple[Edge, ...]) -> None:
        """Let a record know the record that several nodes make together."""
        if not record.wants_values:
            return
        accumulator = fold_together((edge, self._fold_along(edge)) for edge in edges)
        intake = Intake(None if accumulator is None else Folding(accumulator), is_whole=False, writers=len(edges))
        record.take_in("input", intake)
        for edge, piece in _pieces(edges):
            self._tap_of(edge.source).feed(intake, piece)

    # --- details ---

    def _tap_of(self, node_id: NodeId) -> Tap:
        tap = self._taps.get(node_id)
        if tap is None:
            current = self._inside.get(node_id, self.base)
            encloses = self._plan.by_id[node_id].op is Op.WRAP
            tap = self._taps[node_id] = Tap(self.listening, self.base, current, encloses=encloses)
        return tap

    def _fold_along(self, edge: Edge) -> Accumulator | None:
        return edge.accumulator or fold_at(edge.key, self._plan.by_id[edge.source].folds)

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
