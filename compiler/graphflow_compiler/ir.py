"""What a declaration becomes: a graph of nodes, in frozen data.

A `Graph` is written by a declaration, changed by the passes through `changed`, and read by nothing but the
compiler. It holds user functions without ever calling them. Fields under "found by passes" are empty in a fresh
graph; each names the pass that fills it.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NewType, Protocol, Self, TypeVar

import attrs

from graphflow_compiler.accumulate import Accumulator
from graphflow_compiler.types import UNKNOWN

NodeId = NewType("NodeId", str)
ScopeId = NewType("ScopeId", str)

#: The node that stands for what the caller gives to a chain.
INPUT: Final = NodeId("input")


@attrs.frozen
class SourceLocation:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Op(enum.StrEnum):
    """What a node does with its ports; the runtime has one way of running each."""

    INPUT = "input"  # the caller's value or stream
    CALL = "call"  # function(ports) -> one value
    GENERATE = "generate"  # function(ports) -> an iterator of chunks
    MAP = "map"  # function(chunk) -> chunk
    IDENTITY = "identity"  # every chunk, unchanged
    PROJECT = "project"  # of every record chunk, some keys
    JOIN = "join"  # one record stream from several streams
    BRANCH = "branch"  # one of the bodies, chosen by the whole value
    EACH = "each"  # the body once for every item of a list
    WRAP = "wrap"  # the bodies, as a policy runs them: again, in turn, for so long


class NodeClass(enum.StrEnum):
    """Whether a node streams: the question that the compiler exists to answer."""

    TRANSFORM = "transform"
    AGGREGATE = "aggregate"
    PRODUCER = "producer"


class Policy(Protocol):
    """How the bodies of a wrapped chain are run: the compiler asks what that means for its stream, no more."""

    @property
    def gives_whole(self) -> bool:
        """Whether the output is held back until it is complete, so that it is one value."""

    @property
    def takes_whole(self) -> bool:
        """Whether the whole input has to be there before anything runs."""

    @property
    def may_repeat(self) -> bool:
        """Whether a body may run after another has read some of the input, so that the input is kept."""

    def explain(self, names: Sequence[str]) -> str:
        """Say in words what is done with the bodies, given what their outputs are called."""


@attrs.frozen
class Port:
    """A place where a node takes input.

    Attributes:
        name: the parameter's name; in a join, the key.
        streams: True takes chunks as they come, False waits for the whole value.
        type: the declared type of a chunk (of the whole value, where it does not stream).
        required: False if the parameter has a default, which is used where nothing feeds it.
        fold: how chunks become the whole value, where the port says it itself rather than the stream.
    """

    name: str
    streams: bool
    type: object = UNKNOWN
    required: bool = True
    fold: Accumulator | None = None


#: The port of a join that takes a whole record, of which it passes the keys that it does not assign.
REST: Final = "**"


@attrs.frozen
class Edge:
    """A stream from one node to a port of another.

    Attributes:
        source: the node that gives the chunks.
        target: the node that takes them.
        port: the port of the target; None until `normalise` has decided which.
        key: of every record chunk take this key only; chunks without it do not flow.
        location: where the edge was declared, with the expression as `snippet`.
        accumulator: how the chunks fold, found by `accumulate` for ports that wait for the whole value.
        unchecked: why the types could not be compared, found by `check_types`; "" where they were.
    """

    source: NodeId
    target: NodeId
    port: str | None = None
    key: str | None = None
    location: SourceLocation | None = attrs.field(default=None, eq=False)
    snippet: str | None = None
    accumulator: Accumulator | None = None
    unchecked: str = ""


@attrs.frozen
class Scope:
    """A run that holds others: a sequence, a parallel, an assign or a graph.

    Attributes:
        id: unique in the graph.
        parent: the scope around it, None for the outermost.
        name, kind, tags, metadata: what its events carry; tags and metadata with what is inherited.
        source, source_key: what it is fed with; None where that was a join that was taken away.
        output: the node whose chunks are the scope's own; where it was a join that was taken away, its id still.
        fed_by, given_by: the edges that led into the join that was taken away, where it fed the scope or gave its
            output: together they make the record.
    """

    id: ScopeId
    parent: ScopeId | None
    name: str
    output: NodeId
    source: NodeId | None = INPUT
    source_key: str | None = None
    kind: str = "chain"
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = attrs.field(factory=dict)
    fed_by: tuple[Edge, ...] = ()
    given_by: tuple[Edge, ...] = ()
    location: SourceLocation | None = attrs.field(default=None, eq=False)


@attrs.frozen
class Promise:
    """What the annotation of a `@graph` says of one of its outputs, for the compiler to hold it to."""

    node: NodeId
    streams: bool
    type: object
    graph: str
    location: SourceLocation | None = attrs.field(default=None, eq=False)


@attrs.frozen(slots=False)
class Node:
    """One step of a chain.

    Attributes:
        id: unique in the graph, made of the name; the same for the same declaration.
        name: the label, which may repeat; the name of its run.
        op: what it does with its ports.
        ports: where it takes input, in the order of its parameters.
        output: the declared type of what it gives: of a chunk, or of the value.
        function: the user's, or a component's; called with what its only port takes, or with several ports by name.
        is_async: calling (or iterating) the function needs `await`.
        thread: it runs in a worker thread because the user said so.
        suspends: it awaits something of its own, by the look of its code.
        keeps_open: the `with` that its generator yields in and that may be a nursery or a cancel scope, in words: it
            runs in a task of its own, so that nothing else can be cancelled by it.
        buffer: how many chunks it may be ahead of who reads it, where the user says so.
        accumulate: how its output folds, where the declaration says so.
        scope: the scope that it stands in, None where it is the whole chain.
        kind, tags, metadata: what its events carry; tags and metadata with what is inherited.
        emits_chunks: False for the kinds whose chunks are no events: prompts, retrievers and tools.
        present: how its input is shown in events, where that is not the input itself.
        keys: what a join assigns, what a projection keeps.
        bodies: the graphs that a branch chooses from, that `each` repeats, that a policy runs.
        conditions: the predicates of a branch, one fewer than its bodies.
        policy: how the bodies of a wrapped chain are run.
        limit: how many bodies of an `each` may run at once.
        describe: what the events of everything inside the body of an `each` say of the item, as metadata.
        rescue: what an `each` gives for an item whose body failed with an error; without it the error is raised.
        location: where it was declared.

        node_class, reason: found by `classify`, with the evidence in words.
        folds: how its output folds, found by `accumulate`; None where nothing says it.
    """

    id: NodeId
    name: str
    op: Op
    ports: tuple[Port, ...] = ()
    output: object = UNKNOWN
    function: Callable[..., Any] | None = attrs.field(default=None, eq=False, repr=False)
    is_async: bool = False
    thread: bool = False
    suspends: bool = False
    keeps_open: str = ""
    buffer: int | None = None
    accumulate: Accumulator | None = None
    scope: ScopeId | None = None
    kind: str = "chain"
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = attrs.field(factory=dict)
    emits_chunks: bool = True
    present: Callable[[Any], object] | None = attrs.field(default=None, eq=False, repr=False)
    keys: tuple[str, ...] = ()
    bodies: tuple[Graph, ...] = ()
    conditions: tuple[Callable[[Any], Any], ...] = attrs.field(default=(), eq=False, repr=False)
    policy: Policy | None = attrs.field(default=None, eq=False)
    limit: int = 1
    describe: Callable[[Any], Mapping[str, object]] | None = attrs.field(default=None, eq=False, repr=False)
    rescue: Callable[[Any, Exception], Any] | None = attrs.field(default=None, eq=False, repr=False)
    location: SourceLocation | None = attrs.field(default=None, eq=False)
    node_class: NodeClass | None = None
    reason: str = ""
    folds: Accumulator | None = None

    @property
    def keeps_input(self) -> bool:
        """Whether what it has read of a stream is kept, since another of its bodies may read that again."""
        return self.policy is not None and self.policy.may_repeat and self.ports[0].streams

    def changed(self, **changes: object) -> Self:
        """Return the node with some attributes changed: what every pass does to every node.

        `attrs.evolve` looks at each of the thirty attributes, and made half of the time that compiling took.
        """
        node = object.__new__(type(self))
        node.__dict__.update(self.__dict__)
        node.__dict__.update(changes)
        return node

    def port(self, name: str) -> Port:
        """Return the port of that name.

        Raises:
            KeyError: there is none.
        """
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(name)

    @property
    def has_run(self) -> bool:
        """Tell whether it has a run of its own in events: a join and the input have none."""
        return self.op not in (Op.JOIN, Op.INPUT)


@attrs.frozen
class Streaming:
    """Where streaming of the final output begins; found by `find_streaming_points`.

    Attributes:
        streams: True if any key of the output streams.
        by_key: the same for each key of a record output, in the order of its keys; empty otherwise.
        begins: the nodes whose first chunk can become the first final chunk.
        blocked_by: the node that makes the output whole, where it does not stream.
    """

    streams: bool
    by_key: Mapping[str, bool]
    begins: tuple[NodeId, ...]
    blocked_by: NodeId | None


@attrs.frozen(slots=False)
class Graph:
    """Nodes and the streams between them, with one input and one output.

    Attributes:
        nodes: the input first; in topological order once `normalise` has run.
        edges: in the order of the ports of their targets.
        output: the node whose chunks are the final output.
        scopes: the runs that hold others, outermost first.
        promises: what annotations of graphs say.
        graph_class: what the whole graph is when it is used as a node; found by `classify`.
        streaming: found by `find_streaming_points`.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    output: NodeId
    scopes: tuple[Scope, ...] = ()
    promises: tuple[Promise, ...] = ()
    graph_class: NodeClass | None = None
    streaming: Streaming | None = None

    @cached_property
    def by_id(self) -> Mapping[NodeId, Node]:
        """The nodes by their ids."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def edges_into(self) -> Mapping[NodeId, tuple[Edge, ...]]:
        """The edges by the node that they lead to."""
        return grouped(self.nodes, self.edges, lambda edge: edge.target)

    @cached_property
    def edges_from(self) -> Mapping[NodeId, tuple[Edge, ...]]:
        """The edges by the node that they come from."""
        return grouped(self.nodes, self.edges, lambda edge: edge.source)

    def changed(self, **changes: Any) -> Graph:
        """Return the graph with some of it changed; its nodes keep their ids."""
        return with_groups_of(self, attrs.evolve(self, **changes))

    def replace_all(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> Graph:
        """Return the graph with every node and every edge changed, or left as it was, in the same order."""
        same = len(edges) == len(self.edges) and all(map(operator.is_, edges, self.edges))
        return self.changed(nodes=tuple(nodes), edges=self.edges if same else tuple(edges))

    def replace_nodes(self, change: Callable[[Node], Node]) -> Graph:
        """Return the graph with every node changed."""
        return self.changed(nodes=tuple(change(node) for node in self.nodes))

    def map_bodies(self, change: Callable[[Graph], Graph]) -> Graph:
        """Return the graph with every body of its branches and eaches changed."""
        if not any(node.bodies for node in self.nodes):
            return self
        return self.replace_nodes(
            lambda node: node.changed(bodies=tuple(map(change, node.bodies))) if node.bodies else node
        )


def grouped(
    nodes: Iterable[Node], edges: Iterable[Edge], end: Callable[[Edge], NodeId]
) -> Mapping[NodeId, tuple[Edge, ...]]:
    """Return the edges by the node at one of their ends."""
    groups: dict[NodeId, tuple[Edge, ...]] = dict.fromkeys((node.id for node in nodes), ())
    several: dict[NodeId, list[Edge]] = {}
    for edge in edges:
        node_id = end(edge)
        group = groups[node_id]
        if not group:
            groups[node_id] = (edge,)  # mostly the only one: a list for each would keep the garbage collector busy
        else:
            several.setdefault(node_id, [*group]).append(edge)
    groups.update((node_id, tuple(group)) for node_id, group in several.items())
    return groups


class _HasEdges(Protocol):
    @property
    def edges(self) -> tuple[Edge, ...]: ...


Grouped = TypeVar("Grouped", bound=_HasEdges)


def with_groups_of(old: Grouped, new: Grouped) -> Grouped:
    """Let a graph or plan keep the groups of its edges that it was made from, if its edges are the same.

    Most passes change no edge, and to group those of a long chain anew for each of them takes longer than the pass.
    """
    if new.edges is old.edges:
        for name in ("edges_into", "edges_from"):
            if name in vars(old):
                vars(new)[name] = vars(old)[name]
    return new
