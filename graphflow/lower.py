"""Flatten the tree of a declaration into one graph of the compiler.

Every step becomes a node, every sequence, fan and graph a scope around its nodes. The walk keeps a stack of its own
instead of recursing, so that a chain may be thousands of nodes deep.
"""

from __future__ import annotations

import contextvars
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from graphflow.declaration import (
    Branch,
    Configured,
    Declaration,
    Each,
    Fan,
    GraphFunction,
    Sequence,
    Step,
    Wrapped,
    first_name,
    name_of,
)
from graphflow.functions import brief
from graphflow_compiler.errors import compile_error
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
    Promise,
    Scope,
    ScopeId,
    SourceLocation,
)
from graphflow_compiler.types import UNKNOWN, Field, Record

if TYPE_CHECKING:
    from graphflow.handles import Tracer

_tracing: Final[contextvars.ContextVar[tuple[GraphFunction, ...]]] = contextvars.ContextVar("tracing", default=())


@attrs.frozen
class Feed:
    """What a node is fed with: the output of a node, or one key of it."""

    node: NodeId
    key: str | None = None


@attrs.frozen
class Surroundings:
    """What a declaration inherits from where it stands.

    Attributes:
        scope: the scope around it.
        tags: the user's tags that everything inside inherits.
        own_tags: the tags of this one place: its step, its key.
        metadata: inherited downwards.
        name: given by a configuration just outside.
        location, snippet: of the edge that leads here.
    """

    scope: ScopeId | None = None
    tags: tuple[str, ...] = ()
    own_tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = attrs.field(factory=dict)
    name: str | None = None
    location: SourceLocation | None = None
    snippet: str | None = None


Walk = Generator["Walk", Any, Feed]


def lower(declaration: Declaration) -> Graph:
    """Flatten the tree of a declaration into one graph.

    Raises:
        CompileError: a graph function went wrong: a cycle, a handle used as a plain value, an unknown parameter.
    """
    return Lowering().graph(declaration, Surroundings())


def _run(walk: Walk) -> Feed:
    """Run a walk that yields the walks that it depends on."""
    stack: list[Walk] = [walk]
    result: Feed | None = None
    while True:
        try:
            stack.append(stack[-1].send(result))
            result = None
        except StopIteration as stop:
            stack.pop()
            result = stop.value
            if not stack:
                assert result is not None
                return result


class Lowering:
    """One graph in the making; it gives every node and scope its id."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.scopes: dict[ScopeId, Scope] = {}
        self.promises: list[Promise] = []
        self._taken: set[str] = {INPUT}
        self._counts: dict[str, int] = {}

    def graph(self, declaration: Declaration, around: Surroundings) -> Graph:
        """Write the graph of a declaration, from the input on."""
        input_type: object = UNKNOWN
        inner = declaration
        while isinstance(inner, Configured | Sequence):
            inner = inner.inner if isinstance(inner, Configured) else inner.first
        if isinstance(inner, GraphFunction):
            input_type = _input_of(inner)
        self.nodes.append(Node(INPUT, "input", Op.INPUT, output=input_type))
        output = self.written(declaration, Feed(INPUT), around)
        if output.key is not None or output.node == INPUT:
            output = self.add(_identity(), output, around)  # the output of a graph is a node of its own
        return Graph(
            tuple(self.nodes), tuple(self.edges), output.node, tuple(self.scopes.values()), tuple(self.promises)
        )

    # --- pieces ---

    def new_id(self, name: str) -> str:
        """Return an id that contains the name and is not taken."""
        stem = name or "node"
        if stem not in self._taken:
            self._taken.add(stem)
            self._counts[stem] = 1
            return stem
        number = self._counts.get(stem, 1)
        while f"{stem}.{number}" in self._taken or number < 2:
            number += 1
        self._counts[stem] = number
        self._taken.add(f"{stem}.{number}")
        return f"{stem}.{number}"

    def place(self, node: Node, around: Surroundings) -> Node:
        """Add a node without edges."""
        name = around.name or node.name
        placed = node.changed(
            id=NodeId(self.new_id(name)),
            name=name,
            scope=around.scope,
            tags=_unique((*around.own_tags, *node.tags, *around.tags)),
            metadata={**around.metadata, **node.metadata},
            location=node.location or around.location,
        )
        self.nodes.append(placed)
        return placed

    def add(self, node: Node, feed: Feed, around: Surroundings) -> Feed:
        """Add a node that takes all that `feed` gives, or the one key of it that the node picks."""
        if node.op is Op.IDENTITY and node.keys:
            feed = Feed((feed if feed.key is None else self.add(_identity(), feed, around)).node, node.keys[0])
        if feed.key is not None and sum(port.required for port in node.ports) > 1:
            feed = self.add(_identity(), feed, around)  # its ports are fed by name, from a record of its own
        placed = self.place(node, around)
        port = placed.ports[0].name if len(placed.ports) == 1 else None
        self.connect(feed, placed, port, around)
        return Feed(placed.id)

    def connect(self, feed: Feed, node: Node, port: str | None, around: Surroundings) -> None:
        """Lead what `feed` gives to a port of a node; without one, `normalise` decides which."""
        self.edges.append(Edge(feed.node, node.id, port, feed.key, location=around.location, snippet=around.snippet))

    def _let_be_ahead(self, node_id: NodeId, buffer: int | None) -> None:
        """Note how far a node may be ahead of its readers, where somebody says so."""
        if buffer is not None:
            index = next(index for index in reversed(range(len(self.nodes))) if self.nodes[index].id == node_id)
            self.nodes[index] = self.nodes[index].changed(buffer=buffer)

    def scope(self, name: str, feed: Feed, around: Surroundings, location: SourceLocation | None) -> ScopeId:
        """Open a scope; its output is filled in by `close`."""
        name = around.name or name
        scope_id = ScopeId(self.new_id(f"{name}()"))
        self.scopes[scope_id] = Scope(
            scope_id,
            around.scope,
            name,
            output=INPUT,
            source=feed.node,
            source_key=feed.key,
            tags=_unique((*around.own_tags, *around.tags)),
            metadata=dict(around.metadata),
            location=location,
        )
        return scope_id

    def close(self, scope_id: ScopeId, output: Feed) -> None:
        """Say which node gives what the scope gives."""
        self.scopes[scope_id] = attrs.evolve(self.scopes[scope_id], output=output.node)

    def joined(
        self,
        name: str,
        feeds: Mapping[str, Feed],
        around: Surroundings,
        rest: Feed | None = None,
        record: object = UNKNOWN,
    ) -> Feed:
        """Add the node that makes one record stream of several streams, whose type may be declared."""
        ports = [Port(REST, streams=True)] if rest is not None else []
        ports += [Port(key, streams=True) for key in feeds]
        node = self.place(Node(NodeId(""), name, Op.JOIN, tuple(ports), record, keys=tuple(feeds)), around)
        if rest is not None:
            self.connect(rest, node, REST, around)
        for key, feed in feeds.items():
            self.connect(feed, node, key, around)
        return Feed(node.id)

    # --- the walk ---

    def written(self, declaration: Declaration, feed: Feed, around: Surroundings) -> Feed:
        """Write the nodes of a declaration, fed with `feed`; returns what it gives."""
        return _run(self.walk(declaration, feed, around))

    def fed(self, declaration: Declaration, feeds: Mapping[str, Feed], around: Surroundings) -> Feed:
        """Write the one node of a declaration, each of whose ports is fed by name; returns what it gives."""
        buffer: int | None = None
        while isinstance(declaration, Configured):
            around = _configured(declaration, around)
            buffer = declaration.buffer if buffer is None else buffer
            declaration = declaration.inner
        assert isinstance(declaration, Step)
        node = self.place(declaration.node, around)
        self._let_be_ahead(node.id, buffer)
        for port, feed in feeds.items():
            self.connect(feed, node, port, around)
        return Feed(node.id)

    def walk(self, declaration: Declaration, feed: Feed, around: Surroundings) -> Walk:
        """Write the nodes of a declaration; yields the walks into its parts, returns what it gives."""
        match declaration:
            case Step(node):
                return self.add(node, feed, around)
            case Configured():
                output: Feed = yield self.walk(declaration.inner, feed, _configured(declaration, around))
                self._let_be_ahead(output.node, declaration.buffer)
                return output
            case Sequence():
                output = yield self._sequence(declaration, feed, around)
                return output
            case Fan():
                output = yield self._fan(declaration, feed, around)
                return output
            case Branch():
                return self._branch(declaration, feed, around)
            case Each():
                return self._each(declaration, feed, around)
            case Wrapped():
                return self._wrapped(declaration, feed, around)
            case GraphFunction():
                return self._trace(declaration, feed, around)

    def _sequence(self, sequence: Sequence, feed: Feed, around: Surroundings) -> Walk:
        scope = self.scope("sequence", feed, around, sequence.location)
        before: Declaration | None = None
        for number, (part, location) in enumerate(_parts(sequence), start=1):
            feed = yield self.walk(
                part,
                feed,
                Surroundings(
                    scope,
                    around.tags,
                    (f"seq:step:{number}",),
                    around.metadata,
                    location=location or around.location,
                    snippet=around.snippet if before is None else f"{name_of(before)} | {first_name(part)}",
                ),
            )
            before = part
        self.close(scope, feed)
        return feed

    def _fan(self, fan: Fan, feed: Feed, around: Surroundings) -> Walk:
        scope = self.scope(fan.name, feed, around, fan.location)
        inside = Surroundings(
            scope,
            around.tags,
            metadata=around.metadata,
            location=around.location or fan.location,
            snippet=around.snippet,
        )
        feeds: dict[str, Feed] = {}
        for key, branch in fan.branches:
            snippet = f"{fan.name}({key}={first_name(branch)})"
            feeds[key] = yield self.walk(
                branch, feed, attrs.evolve(inside, own_tags=(f"map:key:{key}",), snippet=snippet)
            )
        output = self.joined(
            around.name or fan.name,
            feeds,
            inside,
            rest=feed if fan.assigns else None,
            record=UNKNOWN if fan.record is None else fan.record,
        )
        self.close(scope, output)
        return output

    def _branch(self, branch: Branch, feed: Feed, around: Surroundings) -> Feed:
        inside = Surroundings(tags=around.tags, metadata=around.metadata, location=branch.location)
        node = Node(
            NodeId(""),
            "branch",
            Op.BRANCH,
            (Port("value", streams=False),),
            bodies=tuple(
                Lowering().graph(one, attrs.evolve(inside, own_tags=(f"branch:{number}",)))
                for number, one in enumerate(branch.alternatives, start=1)
            ),
            conditions=branch.conditions,
            location=branch.location,
        )
        return self.add(node, feed, around)

    def _each(self, each: Each, feed: Feed, around: Surroundings) -> Feed:
        inside = Surroundings(tags=around.tags, metadata=around.metadata, location=each.location)
        node = Node(
            NodeId(""),
            "each",
            Op.EACH,
            (Port("items", streams=False),),
            bodies=(Lowering().graph(each.body, inside),),
            limit=each.limit,
            describe=each.describe,
            rescue=each.rescue,
            location=each.location,
        )
        return self.add(node, feed, around)

    def _wrapped(self, wrapped: Wrapped, feed: Feed, around: Surroundings) -> Feed:
        streams = all(body.node_class is NodeClass.TRANSFORM for body in wrapped.bodies)
        streams = streams and not wrapped.policy.takes_whole
        inside = Surroundings(tags=around.tags, metadata=around.metadata, location=wrapped.location)
        node = Node(
            NodeId(""),
            name_of(wrapped.bodies[0]),
            Op.WRAP,
            (Port("input", streams=streams),),
            bodies=tuple(Lowering().graph(body, inside) for body in wrapped.bodies),
            policy=wrapped.policy,
            suspends=streams,
            location=wrapped.location,
        )
        return self.add(node, feed, around)

    # --- graph functions ---

    def _trace(self, graph: GraphFunction, feed: Feed, around: Surroundings) -> Feed:
        """Call the function of a graph with handles, and write down what it does with them."""
        from graphflow.handles import Tracer, handle

        tracing = _tracing.get()
        if any(outer is graph for outer in tracing):
            around_it = " → ".join(f"`{one.name}`" for one in (*tracing[tracing.index(graph) :], graph))
            raise compile_error(
                "GF103",
                f"the graph has a cycle: {around_it}",
                location=around.location or graph.location,
                snippet=around.snippet,
                hint="a graph cannot lead back into itself: repeat inside one node, such as a function with a loop",
            )
        scope = self.scope(graph.name, feed, around, graph.location)
        inside = Surroundings(scope, around.tags, metadata=around.metadata, location=graph.location)
        tracer = Tracer(self, graph, inside)
        if len(graph.parameters) > 1:
            record = feed if feed.key is None else self.add(_identity(), feed, inside)
            feeds = [Feed(record.node, name) for name, _ in graph.parameters]
        else:
            feeds = [feed]
        handles = {
            name: handle(name, annotation, tracer, one)
            for (name, annotation), one in zip(graph.parameters, feeds, strict=True)
        }
        token = _tracing.set((*tracing, graph))
        try:
            result = graph.function(*handles.values()) if len(handles) == 1 else graph.function(**handles)
        finally:
            _tracing.reset(token)
            tracer.done = True
        output = self._returned(tracer, result)
        self.close(scope, output)
        return output

    def _returned(self, tracer: Tracer, result: object) -> Feed:
        """Return what the function of a graph returned, and note what its annotation promises of it."""
        graph, inside = tracer.graph, tracer.around
        several: Mapping[Any, Any] = result if isinstance(result, Mapping) else {"": result}
        if not (several and all(tracer.owns(one) for one in several.values())):
            raise compile_error(
                "GF112",
                f"the graph `{graph.name}` returns {brief(result)}, which is not what its nodes give",
                location=graph.location,
                hint="return a handle, such as `return parser(model(question))`, or a dict of handles",
            )
        odd = [key for key in several if not isinstance(key, str)]
        if odd:
            raise compile_error(
                "GF112",
                f"the graph `{graph.name}` returns a dict whose keys are not all strings: {brief(odd[0])}",
                location=graph.location,
                hint=f"return {{{str(odd[0])!r}: ...}}",
            )
        if isinstance(result, Mapping):
            feed = self.joined(graph.name, {key: one._feed for key, one in several.items()}, inside)
        else:
            feed = several[""]._feed
            assert inside.scope is not None
            if feed.key is not None or feed.node == self.scopes[inside.scope].source:
                feed = self.add(_identity(), feed, inside)  # what a graph gives is given by a node of its own
        if graph.promises_stream is not None:
            self.promises.append(
                Promise(feed.node, graph.promises_stream, graph.promised_type, graph.name, graph.location)
            )
        return feed


def _parts(sequence: Sequence) -> list[tuple[Declaration, SourceLocation | None]]:
    """Flatten nested sequences into their parts, each with the place of the `|` before it."""
    parts: list[tuple[Declaration, SourceLocation | None]] = []
    pending: list[tuple[Declaration, SourceLocation | None]] = [(sequence, None)]
    while pending:
        part, location = pending.pop()
        if isinstance(part, Sequence):
            pending.append((part.second, part.location))
            pending.append((part.first, location))
        else:
            parts.append((part, location))
    return parts


def _configured(configured: Configured, around: Surroundings) -> Surroundings:
    """Return what the inside of a configuration inherits: its own words win over those from further out."""
    return attrs.evolve(
        around,
        name=configured.name or around.name,
        tags=_unique((*configured.tags, *around.tags)),
        metadata={**around.metadata, **configured.metadata},
    )


def _input_of(graph: GraphFunction) -> object:
    """Return the type of the input of a graph function: a record of its parameters where it has several."""
    if len(graph.parameters) == 1:
        return _carried(graph.parameters[0][1])
    return Record(tuple(Field(name, _carried(annotation)) for name, annotation in graph.parameters))


def _carried(annotation: object) -> object:
    from graphflow.handles import carried_type

    return carried_type(annotation)


def _identity() -> Node:
    return Node(NodeId(""), "passthrough", Op.IDENTITY, (Port("chunks", streams=True),))


def _unique(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))
