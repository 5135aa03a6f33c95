"""What is to be shown of a plan or graph, in words, before any format: the one description that all of them draw from.

An `Outline` says everything once: which cells a node has, how its types are written, where it was declared, what is
marked and in which words. `text`, `mermaid`, `dot` and `json` only lay it out. Figures that were measured in a run are
cells like any other, so that a plan and its profile are printed by the same lines of code.
"""

from __future__ import annotations

import enum
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Final

import attrs

from graphflow_compiler.accumulate import Accumulator
from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import (
    INPUT,
    REST,
    Edge,
    Graph,
    Node,
    NodeClass,
    NodeId,
    Op,
    Port,
    Scope,
    ScopeId,
    SourceLocation,
)
from graphflow_compiler.plan import Buffer, Plan, PlannedNode, Stage, StageId
from graphflow_compiler.types import UNKNOWN, field_type, show

#: How a location is shown: a function from where it is to where it is said to be.
Locate = Callable[[SourceLocation], SourceLocation]

#: What was measured, in words: for every node its figures by their names. A node of a body goes by `inside`.
Measured = Mapping[NodeId, Mapping[str, str]]

#: What tells one edge from another.
_Ends = tuple[NodeId, NodeId, str | None, str | None]

#: How many names a sentence lists before it says how many more there are.
MANY: Final = 8


def inside(node_id: NodeId, body: int, inner: NodeId) -> NodeId:
    """Return the id by which a node in a body of another is measured.

    >>> inside(NodeId("route"), 1, NodeId("model"))
    'route/1/model'
    """
    return NodeId(f"{node_id}/{body}/{inner}")


class Mark(enum.StrEnum):
    """Why a node is worth a look."""

    BEGINS = "streaming begins here"
    WHOLE = "comes out whole, as one chunk"
    MAYBE = "may come out whole, as one chunk"
    BLOCKS = "blocks the output"

    @property
    def sign(self) -> str:
        """A sign for where there is no room for words."""
        return _SIGNS[self]


_SIGNS: Final = {Mark.BEGINS: "▶", Mark.WHOLE: "▷", Mark.MAYBE: "▷", Mark.BLOCKS: "■"}


@attrs.frozen
class PortLine:
    """A port, with its declared type or, where nothing is declared, the type that flows into it."""

    name: str
    streams: bool
    required: bool
    fed: bool
    type: str
    fold: str | None


@attrs.frozen
class EdgeLine:
    """An edge, with what stands on it.

    Attributes:
        source, target, port, key, unchecked, location, snippet: as in the edge.
        whole: the port waits for the whole value.
        folds: how the chunks become that value.
        buffer: what stands between two stages.
        sole: its port is the only one of the target.
        source_folds: how the chunks of the source fold.
        ports: how many ports the target has.
    """

    source: NodeId
    target: NodeId
    port: str | None
    key: str | None
    whole: bool
    folds: str | None
    unchecked: str
    location: SourceLocation | None
    snippet: str | None
    buffer: Buffer | None
    sole: bool
    source_folds: str | None
    ports: int

    @property
    def notable(self) -> bool:
        """Tell whether it says more than that the one node follows the other."""
        folds_differently = self.folds is not None and self.folds != self.source_folds
        return self.buffer is not None or self.key is not None or self.ports > 1 or folds_differently

    @property
    def into(self) -> str:
        """The port, in words."""
        return "the rest" if self.port == REST else "a port" if self.port is None else f"`{self.port}`"

    @property
    def ends(self) -> str:
        """What leads where, the target being known."""
        return self.origin if self.sole else f"{self.origin} into {self.into}"

    @property
    def origin(self) -> str:
        """What it leads from, in words."""
        return f"`{self.source}`" if self.key is None else f"key {self.key!r} of `{self.source}`"

    @property
    def kind(self) -> str:
        """The kind of the buffer and its capacity; "" within a stage."""
        if self.buffer is None:
            return ""
        return self.buffer.kind + (f" {self.buffer.capacity:,}" if self.buffer.capacity is not None else "")

    @property
    def label(self) -> str:
        """What a drawing says of it."""
        port = "" if self.sole else self.port or ""
        key = "" if self.key is None else f"[{self.key!r}]"
        return " · ".join(filter(None, (port, key, self.kind, "unchecked" if self.unchecked else "")))

    @property
    def carried(self) -> str:
        """The kind of the buffer, and how chunks fold on their way."""
        if self.kind == "fold":
            return f"fold by {self.folds}"
        return ", ".join(filter(None, (self.kind, self.folds and f"folds by {self.folds}")))

    @property
    def why(self) -> str:
        """The reason of the buffer."""
        return "" if self.buffer is None else self.buffer.reason


@attrs.frozen
class Body:
    """A plan inside a node, with the words that say when it runs."""

    label: str
    outline: Outline


@attrs.frozen
class NodeLine:
    """A node, cell by cell; `turns` says that what leads into it takes turns."""

    id: NodeId
    name: str
    op: Op
    kind: str
    node_class: NodeClass | None
    ports: tuple[PortLine, ...]
    gives: str
    folds: str | None
    reason: str
    location: SourceLocation | None
    inputs: tuple[EdgeLine, ...]
    scope: ScopeId | None
    tags: tuple[str, ...]
    metadata: Mapping[str, object]
    details: Mapping[str, object]
    stage: StageId | None = None
    mark: Mark | None = None
    turns: str = ""
    bodies: tuple[Body, ...] = ()
    measured: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def types(self) -> str:
        """What it takes and what it gives."""
        match self.op, self.ports:
            case Op.INPUT, _:
                return self.gives
            case Op.JOIN, _:
                return f"→ {self.gives}"
            case _, (port,):
                return f"{port.type} → {self.gives}"
        mixed = len({port.streams for port in self.ports}) > 1
        parameters = (
            f"{port.name}{'' if port.required or port.fed else '?'}: "
            + (f"Stream[{port.type}]" if mixed and port.streams else port.type)
            for port in self.ports
        )
        return f"({', '.join(parameters)}) → {self.gives}"

    @property
    def evidence(self) -> tuple[str, ...]:
        """The lines that say why it is what it is: its mark, the reason, what is not sure, what was measured."""
        where = f" ({self.location})" if self.location is not None else ""
        unchecked = (
            f"unchecked: {'' if edge.sole else f'{edge.into}: '}{edge.unchecked}"
            for edge in self.inputs
            if edge.unchecked
        )
        lines = (
            str(self.mark or ""),
            self.reason + where,
            self.turns,
            *unchecked,
            self.figures and f"measured: {self.figures}",
        )
        return tuple(filter(None, lines))

    @property
    def figures(self) -> str:
        """What was measured, in one line."""
        return " · ".join(f"{name} {figure}".rstrip() for name, figure in self.measured.items())


@attrs.frozen
class Beginning:
    """A node where chunks of the output begin, with the nodes that must be done before."""

    node: NodeId
    mark: Mark
    waits: tuple[NodeId, ...]

    def __str__(self) -> str:
        what = {
            Mark.BEGINS: "streaming begins at",
            Mark.WHOLE: "one whole chunk comes from",
            Mark.MAYBE: "one whole chunk, or several, come from",
        }[self.mark]
        if not self.waits:
            return f"{what} `{self.node}`" + (", with its first chunk" if self.node == INPUT else ", at once")
        return f"{what} `{self.node}`, once {listed(self.waits)} {'is' if len(self.waits) == 1 else 'are'} done"


@attrs.frozen
class Span:
    """When a node was at work in a run that was measured, in seconds from its beginning.

    Attributes:
        node: the node.
        began, first, done: when its stage began, when it gave its first chunk, if it did, and when it was done.
        own: its own time, in words.
    """

    node: NodeId
    began: float
    first: float | None
    done: float
    own: str


@attrs.frozen(slots=False)
class Outline:
    """A plan in words.

    Attributes:
        name, takes, gives, node_class: of the whole chain.
        streams, streams_by_key, begins, blocked_by: as in the plan.
        beginnings: the first of `begins`, with what they wait for.
        nodes: in topological order, the input first; each with its edges.
        stages, output: as in the plan.
        scopes, diagnostics: as in the plan, with locations as they are shown.
        most_chunks: as in the plan.
        run: what was measured of the whole, a sentence each.
        spans: when its nodes were at work, where that was measured.
    """

    name: str
    takes: str
    gives: str
    node_class: NodeClass
    streams: bool
    streams_by_key: Mapping[str, bool]
    begins: tuple[NodeId, ...]
    beginnings: tuple[Beginning, ...]
    blocked_by: NodeId | None
    nodes: tuple[NodeLine, ...]
    stages: tuple[Stage, ...]
    output: NodeId
    scopes: tuple[Scope, ...]
    diagnostics: tuple[Diagnostic, ...]
    most_chunks: int | None = 0
    run: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()

    @functools.cached_property
    def by_id(self) -> Mapping[NodeId, NodeLine]:
        """The nodes by their ids."""
        return {node.id: node for node in self.nodes}

    @property
    def headline(self) -> str:
        """The plan in one line."""
        streams = "streams" if self.streams else "does not stream"
        return f"{self.name} · {shortened(self.takes)} → {shortened(self.gives)} · {self.node_class} · {streams}"

    @property
    def verdict(self) -> tuple[str, ...]:
        """Whether the output streams, from where, after what, or else why not: a sentence each."""
        return (*self.verdict_by_key, *self.verdict_by_place)

    @property
    def verdict_by_key(self) -> Iterable[str]:
        """Which keys of the output stream, and which do not."""
        live = [key for key, streams in self.streams_by_key.items() if streams]
        whole = [key for key, streams in self.streams_by_key.items() if not streams]
        if live:
            yield f"{listed(live)} {'streams' if len(live) == 1 else 'stream'}"
        if whole:
            yield f"{listed(whole)} {'does' if len(whole) == 1 else 'do'} not stream"

    @property
    def verdict_by_place(self) -> Iterable[str]:
        """From which nodes the output comes and after what, or which node blocks it."""
        yield from map(str, self.beginnings)
        if len(self.begins) > len(self.beginnings):
            yield f"… and so at {len(self.begins) - len(self.beginnings):,} more nodes"
        if self.blocked_by is not None:
            node = self.by_id[self.blocked_by]
            where = f" ({node.location})" if node.location is not None else ""
            yield f"blocked by `{node.id}`{where}: {node.reason}"

    @property
    def memory(self) -> Iterable[str]:
        """How many chunks may wait in it, where any may."""
        if self.most_chunks is None:
            yield "what waits in it has no bound: see what is unbounded, or keeps its input"
        elif self.most_chunks:
            yield f"{self.most_chunks:,} chunks at most wait in it"

    def all_diagnostics(self) -> Iterable[tuple[str, Diagnostic]]:
        """Yield every diagnostic, those of bodies too, with the words that say in which body; "" for the plan's own."""
        for diagnostic in self.diagnostics:
            yield "", diagnostic
        for node in self.nodes:
            for body in node.bodies:
                here = f"in `{node.id}`, {body.label}"
                for where, diagnostic in body.outline.all_diagnostics():
                    yield f"{here}, {where}" if where else here, diagnostic


def outline_of(plan: Plan, *, measured: Measured | None = None, locate: Locate | None = None) -> Outline:
    """Put a plan into words.

    Args:
        plan: the plan, whole.
        measured: figures of a run, to be shown with the nodes.
        locate: how locations are shown; below the current directory, or by their last two parts, if not given.
    """
    words = _Words(locate or short_locations())
    measured = measured or {}
    buffers: dict[_Ends, Buffer] = {(each.source, each.target, each.port, each.key): each for each in plan.buffers}
    marks = {node_id: _mark_of_beginning(plan.by_id[node_id]) for node_id in plan.streaming_begins}
    if plan.blocked_by is not None:
        marks[plan.blocked_by] = Mark.BLOCKS

    turns = turns_of(plan.stages)

    def planned(node: PlannedNode) -> NodeLine:
        return attrs.evolve(
            words.node(plan, node, buffers),
            stage=node.stage,
            turns=turns.get(node.id, ""),
            mark=marks.get(node.id),
            measured=measured.get(node.id, {}),
            bodies=tuple(
                Body(
                    label,
                    outline_of(body, measured=_measured_inside(measured, node.id, index), locate=words.locate),
                )
                for index, (label, body) in enumerate(zip(labels(node), node.plans, strict=True))
            ),
        )

    waits_for = plan.waits_for
    return Outline(
        name=plan.name,
        takes=show(plan.by_id[INPUT].output),
        gives=show(plan.by_id[plan.output].output),
        node_class=plan.node_class,
        streams=plan.streams,
        streams_by_key=plan.streams_by_key,
        begins=plan.streaming_begins,
        beginnings=tuple(
            Beginning(node_id, marks[node_id], () if node_id == INPUT else waits_for[node_id])
            for node_id in plan.streaming_begins[:MANY]
        ),
        blocked_by=plan.blocked_by,
        nodes=tuple(map(planned, plan.nodes)),
        stages=plan.stages,
        output=plan.output,
        scopes=tuple(attrs.evolve(scope, location=words.location(scope.location)) for scope in plan.scopes),
        diagnostics=tuple(map(words.diagnostic, plan.diagnostics)),
        most_chunks=plan.most_chunks,
    )


def turns_of(stages: Iterable[Stage]) -> dict[NodeId, str]:
    """Say of every join in a stage that what leads into it takes turns."""
    return {
        fan.join: f"its {len(fan.branches):,} branches take turns in one task, since none of them ever waits"
        for stage in stages
        for fan in stage.fans
    }


def _mark_of_beginning(node: PlannedNode) -> Mark:
    if node.streams:
        return Mark.BEGINS
    return Mark.MAYBE if node.op is Op.BRANCH else Mark.WHOLE


def node_lines(graph: Graph, locate: Locate) -> Iterable[NodeLine]:
    """Put the nodes of a graph into words, as far as the passes have come."""
    words = _Words(locate)
    return (words.node(graph, node, {}) for node in graph.nodes)


def labels(node: Node) -> tuple[str, ...]:
    """Say of every body of a node when it runs."""
    if node.op is Op.EACH:
        how = f"{node.limit:,} at once" if node.limit > 1 else "one after another"
        return (f"for every item, {how}" + (", and an error is a result" if node.rescue is not None else ""),)
    if node.op is Op.WRAP:
        return ("first", *("instead of that",) * (len(node.bodies) - 1)) if len(node.bodies) > 1 else ("inside",)
    conditions = (f"if `{getattr(condition, '__name__', type(condition).__name__)}`" for condition in node.conditions)
    return (*conditions, "otherwise")[: len(node.bodies)] if node.bodies else ()


def who_runs(stage: Stage) -> str:
    """Say which task runs a stage."""
    return "a task of its own" if stage.own_task else "pulled by the reader"


def listed(names: Sequence[str], most: int = MANY) -> str:
    """List names in a sentence.

    >>> listed(["a", "b", "c"]), listed("abcdef", 3)
    ('`a`, `b` and `c`', '`a`, `b`, `c` and 3 more')
    """
    quoted = [f"`{name}`" for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(quoted)} and {len(names) - most:,} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


def shortened(text: str, most: int = 90) -> str:
    """Cut a text that is too long to be read.

    >>> shortened("a record of a thousand keys", 12)
    'a record of…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def printable(text: str) -> str:
    r"""Write what would break a line, or could not be seen, as its escape.

    >>> print(printable("two\nlines"))
    two\nlines
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def short_locations() -> Locate:
    """Return what shows a file from the current directory on, or else by its last two parts."""
    try:
        here: PurePath | None = PurePath(os.getcwd())
    except OSError:  # the directory is gone
        here = None

    @functools.cache
    def short(file: str) -> str:
        path = PurePath(file)
        if not path.is_absolute():
            return file
        if here is not None and path.is_relative_to(here):
            return path.relative_to(here).as_posix()
        return PurePath(*path.parts[1:][-2:]).as_posix()

    return lambda location: SourceLocation(short(location.file), location.line)


@attrs.frozen
class _Words:
    """Puts parts of a plan or graph into words."""

    locate: Locate

    def location(self, location: SourceLocation | None) -> SourceLocation | None:
        return None if location is None else self.locate(location)

    def diagnostic(self, diagnostic: Diagnostic) -> Diagnostic:
        return attrs.evolve(diagnostic, location=self.location(diagnostic.location))

    def node(
        self,
        graph: Graph | Plan,
        node: Node,
        buffers: Mapping[_Ends, Buffer],
    ) -> NodeLine:
        incoming = graph.edges_into[node.id]
        feeding = {edge.port: edge for edge in incoming}
        return NodeLine(
            id=node.id,
            name=node.name,
            op=node.op,
            kind=node.kind,
            node_class=node.node_class,
            ports=tuple(_port(graph, port, feeding.get(port.name)) for port in node.ports),
            gives=show(node.output),
            folds=_name(node.folds),
            reason=node.reason,
            location=self.location(node.location),
            inputs=tuple(
                self._edge(graph, node, edge, buffers.get((edge.source, edge.target, edge.port, edge.key)))
                for edge in incoming
            ),
            scope=node.scope,
            tags=node.tags,
            metadata=node.metadata,
            details=_details(node),
        )

    def _edge(self, graph: Graph | Plan, node: Node, edge: Edge, buffer: Buffer | None) -> EdgeLine:
        return EdgeLine(
            source=edge.source,
            target=edge.target,
            port=edge.port,
            key=edge.key,
            whole=_waits(node, edge),
            folds=_name(edge.accumulator),
            unchecked=edge.unchecked,
            location=self.location(edge.location),
            snippet=edge.snippet,
            buffer=buffer,
            sole=is_sole(node.op, node.ports),
            source_folds=_name(graph.by_id[edge.source].folds),
            ports=len(node.ports),
        )


def _port(graph: Graph | Plan, port: Port, edge: Edge | None) -> PortLine:
    known = port.type
    if known is UNKNOWN and edge is not None:
        known = graph.by_id[edge.source].output
        if edge.key is not None:
            found = field_type(known, edge.key)
            known = UNKNOWN if found is None else found
    return PortLine(port.name, port.streams, port.required, edge is not None, show(known), _name(port.fold))


def is_sole(op: Op, ports: Sequence[object]) -> bool:
    """Tell whether an edge into a node of these ports needs no port to be named."""
    return len(ports) == 1 and op is not Op.JOIN


def _name(accumulator: Accumulator | None) -> str | None:
    return None if accumulator is None else accumulator.name


def _waits(node: Node, edge: Edge) -> bool:
    """Tell whether the edge leads into a port that waits for the whole value, as far as it is known into which."""
    if node.op is Op.JOIN:
        return False
    return any(not port.streams and (port.name == edge.port or is_sole(node.op, node.ports)) for port in node.ports)


def _details(node: Node) -> Mapping[str, object]:
    """Return what a declaration says beyond ports and types, as far as it says anything."""
    details: dict[str, object] = {}
    if node.keys:
        details["keys"] = list(node.keys)
    if node.op is Op.EACH:
        details["limit"] = node.limit
    details |= {
        word: True
        for word, is_so in (("async", node.is_async), ("thread", node.thread), ("suspends", node.suspends))
        if is_so
    }
    if node.keeps_open:
        details["keeps_open"] = node.keeps_open
    if node.buffer is not None:
        details["buffer"] = node.buffer
    if node.accumulate is not None:
        details["accumulate"] = node.accumulate.name
    if not node.emits_chunks:
        details["emits_chunks"] = False
    return details


def _measured_inside(measured: Measured, node_id: NodeId, body: int) -> Measured:
    prefix = inside(node_id, body, NodeId(""))
    return {NodeId(key[len(prefix) :]): figures for key, figures in measured.items() if key.startswith(prefix)}
