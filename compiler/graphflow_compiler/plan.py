"""What the compiler gives: a plan, in frozen data that says what will run where, and why.

A `Plan` holds the user's functions but no runtime: it can be printed, compared and drawn anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NewType, final

import attrs

from graphflow_compiler.errors import Diagnostic, NotStreamingError
from graphflow_compiler.ir import INPUT, Edge, Node, NodeClass, NodeId, Op, Scope, grouped, with_groups_of

StageId = NewType("StageId", str)
#: What a plan can be shown as.
Format = Literal["text", "mermaid", "dot", "svg", "html", "json"]
BufferKind = Literal["call", "fold", "bounded", "unbounded"]

#: How many chunks a bounded buffer holds, unless told otherwise.
CAPACITY = 64


@attrs.frozen(slots=False)
class PlannedNode(Node):
    """A node with its place in the plan.

    Attributes:
        stage: the stage that runs it; None for the input.
        plans: the plans of its bodies, for a branch or an each.
    """

    stage: StageId | None = None
    plans: tuple[Plan, ...] = ()

    @property
    def streams(self) -> bool:
        """Tell whether it gives its chunks as it makes them."""
        return self.node_class is not NodeClass.AGGREGATE


@attrs.frozen
class Cluster:
    """Neighbouring chunkwise nodes of one stage that run as one: a chunk passes them without a generator in between.

    Attributes:
        nodes: in the order in which a chunk passes them.
    """

    nodes: tuple[NodeId, ...]


@attrs.frozen
class Fan:
    """A fork and the join behind it that run in one task, because no branch ever waits: each chunk takes them in turn.

    Attributes:
        fork: the node whose output goes into every branch.
        join: the node that makes the records.
        branches: for every port of the join, the nodes before it.
    """

    fork: NodeId
    join: NodeId
    branches: tuple[tuple[str, tuple[NodeId, ...]], ...]


@attrs.frozen
class Stage:
    """What one task runs: a path of nodes, each pulled by the next, and fans whose branches never wait.

    Attributes:
        id: ``s0``, ``s1``... in topological order.
        nodes: in topological order; only the first, or the fan that begins at the input, takes from outside.
        reason: why the path begins where it does.
        own_task: False for the stage that whoever reads the output pulls in their own task.
        fans: the forks and joins inside it, found by `plan_stages`.
        clusters: what runs as one, found by `fuse`.
        write: writes `source`; found by `fuse`.
    """

    id: StageId
    nodes: tuple[NodeId, ...]
    reason: str
    own_task: bool
    fans: tuple[Fan, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    write: Callable[[], str] = attrs.field(default=str, eq=False, repr=False)

    @property
    def source(self) -> str:
        """The function that runs it, readable; written when it is asked for."""
        return self.write()


@attrs.frozen
class Buffer:
    """What stands between two stages on one edge.

    Attributes:
        source: the node that writes.
        target: the node that reads.
        port: the port of the target.
        key: the key that the edge takes of every record chunk, if it takes one.
        kind: ``call`` hands over directly, ``fold`` adds to the value that the port waits for and is never full,
            ``bounded`` makes a writer wait that is `capacity` chunks ahead, ``unbounded`` never does.
        capacity: in chunks, for ``bounded``.
        reason: why it is of this kind.
    """

    source: NodeId
    target: NodeId
    port: str
    key: str | None
    kind: BufferKind
    capacity: int | None
    reason: str


@attrs.frozen(slots=False)
class Plan:
    """What will run where, and why.

    Attributes:
        name: the name of the chain.
        nodes: in topological order; the input first.
        edges: every stream, in the order of the ports of their targets.
        output: the node whose chunks are the final output.
        stages: in topological order.
        buffers: one for every edge between stages, and from the input; found by `plan_buffers`.
        scopes: the runs that hold others, outermost first.
        streams: True if the final output, or any key of it, comes while it is made.
        streams_by_key: the same for every key of a record output.
        streaming_begins: the nodes whose first chunk can become the first final chunk; () when nothing streams.
        blocked_by: the node that makes the output whole, where it does not stream.
        diagnostics: warnings and notes; found by `diagnose`.
    """

    name: str
    nodes: tuple[PlannedNode, ...]
    edges: tuple[Edge, ...]
    output: NodeId
    stages: tuple[Stage, ...]
    scopes: tuple[Scope, ...]
    node_class: NodeClass
    streams: bool
    streams_by_key: Mapping[str, bool]
    streaming_begins: tuple[NodeId, ...]
    blocked_by: NodeId | None
    buffers: tuple[Buffer, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[NodeId, PlannedNode]:
        """The nodes by their ids."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def stage_by_id(self) -> Mapping[StageId, Stage]:
        """The stages by their ids."""
        return {stage.id: stage for stage in self.stages}

    @cached_property
    def input_stage(self) -> Stage | None:
        """The stage that reads the input in place, because nothing else takes it: through one edge, or one fan."""
        edges = self.edges_from[INPUT]
        stages = {self.by_id[edge.target].stage for edge in edges}
        if len(stages) != 1:
            return None
        (stage_id,) = stages
        assert stage_id is not None
        stage = self.stage_by_id[stage_id]
        return stage if len(edges) == 1 or any(fan.fork == INPUT for fan in stage.fans) else None

    @cached_property
    def output_stage(self) -> Stage:
        """The stage that ends in the output: whoever reads that pulls it in their own task."""
        return next(stage for stage in self.stages if not stage.own_task)

    @cached_property
    def edges_into(self) -> Mapping[NodeId, tuple[Edge, ...]]:
        """The edges by the node that they lead to."""
        return grouped(self.nodes, self.edges, lambda edge: edge.target)

    @cached_property
    def edges_from(self) -> Mapping[NodeId, tuple[Edge, ...]]:
        """The edges by the node that they come from."""
        return grouped(self.nodes, self.edges, lambda edge: edge.source)

    @cached_property
    def most_chunks(self) -> int | None:
        """How many chunks may wait at most: between its stages, and in the bodies of its nodes; None without a bound.

        What a port has folded of the chunks that it waits for, or a cache keeps, is not counted: it is one value in the
        making.
        """
        waiting = [_most_in_buffers(self), *(_most_in_node(node) for node in self.nodes)]
        return None if None in waiting else sum(one for one in waiting if one is not None)

    def changed(self, **changes: Any) -> Plan:
        """Return the plan with some of it changed; its nodes keep their ids."""
        return with_groups_of(self, attrs.evolve(self, **changes))

    def map_bodies(self, change: Callable[[Plan], Plan]) -> Plan:
        """Return the plan with the plan of every body changed."""
        if not self.nested:
            return self
        return self.changed(
            nodes=tuple(
                node.changed(plans=tuple(map(change, node.plans))) if node.plans else node for node in self.nodes
            )
        )

    @property
    def waits_for(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """For every node, the nodes that must have finished before its first chunk, in topological order.

        They are the ancestors of the ports that wait for a whole value; the input counts among them.
        """
        return _Waits(self)

    @cached_property
    def nested(self) -> tuple[Plan, ...]:
        """The plans of all bodies, directly in this plan."""
        return tuple(plan for node in self.nodes for plan in node.plans)

    def __getitem__(self, node_id: str) -> PlannedNode:
        """Return the node of that id.

        Raises:
            KeyError: there is none.
        """
        return self.by_id[NodeId(node_id)]

    def require_streaming(self) -> Plan:
        """Return the plan itself if its output streams.

        Raises:
            NotStreamingError: it does not; the message names the node that blocks, its line and the mend.
        """
        if not self.streams:
            raise NotStreamingError(
                attrs.evolve(diagnostic, severity="error")
                for diagnostic in self.diagnostics
                if diagnostic.code in ("GF301", "GF302")
            )
        return self

    def explain(self, format: Format = "text", *, full: bool = False) -> str:
        """Return the plan as text, as a drawing (``mermaid``, ``dot``, ``svg``), as a page (``html``) or as JSON.

        Args:
            format: which of them. ``svg`` is drawn by graphviz, which must be installed.
            full: of text, show every node of a long plan, where otherwise the middle of what is long is folded.

        Raises:
            ValueError: there is no such format.
            DrawingError: ``svg`` was asked for, and graphviz is not there.
        """
        from graphflow_compiler.render import render_plan  # the renderers read plans: imported when one is asked

        return render_plan(self, format, full=full)

    def __str__(self) -> str:
        return self.explain()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from graphflow_compiler.render.html import in_frame

        # No JSON: JupyterLab would show that, as a tree, rather than the page.
        return {
            "text/plain": self.explain("text"),
            "text/vnd.mermaid": self.explain("mermaid"),
            "text/html": in_frame(self.explain("html")),
        }


def _most_in_buffers(plan: Plan) -> int | None:
    shared: dict[NodeId, int] = {}  # what several readers take as it is, is kept once
    joins: dict[NodeId, list[int]] = {}
    own = 0
    for buffer in plan.buffers:
        if buffer.kind == "unbounded":
            return None
        if buffer.kind != "bounded" or buffer.capacity is None:
            continue
        if plan.by_id[buffer.target].op is Op.JOIN:
            joins.setdefault(buffer.target, []).append(buffer.capacity)
        elif buffer.key is None:
            shared[buffer.source] = max(shared.get(buffer.source, 0), buffer.capacity)
        else:
            own += buffer.capacity
    # The writers of a join share its room, and each writes its chunk before it sees that there is none.
    together = sum(sum(capacities) + len(capacities) - 1 for capacities in joins.values())
    return own + sum(shared.values()) + together


def _most_in_node(node: PlannedNode) -> int | None:
    """Return how many chunks wait in a node: ahead of one in a task of its own, in its bodies, for the ones before."""
    if node.keeps_input:
        return None  # what it has read is kept until it cannot fail any more: as much as that takes
    bodies = [plan.most_chunks for plan in node.plans]
    if None in bodies:
        return None
    most = max((one for one in bodies if one is not None), default=0)
    ahead = (node.buffer or CAPACITY) if node.keeps_open else 0
    results = node.limit if node.op is Op.EACH and node.limit > 1 else 0  # one of each item, until its turn comes
    return most * node.limit + ahead + results


@final
class _Waits(Mapping[NodeId, tuple[NodeId, ...]]):
    """`Plan.waits_for`, worked out when asked: all of them together would be quadratic in a long chain."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __getitem__(self, node_id: NodeId) -> tuple[NodeId, ...]:
        plan = self._plan
        node = plan.by_id[node_id]
        sources = {
            edge.source
            for edge in plan.edges_into[node_id]
            if node.op is not Op.JOIN and edge.port is not None and not node.port(edge.port).streams
        }
        before: set[NodeId] = set()
        pending = list(sources)
        while pending:
            current = pending.pop()
            if current not in before:
                before.add(current)
                pending.extend(edge.source for edge in plan.edges_into[current])
        return tuple(each.id for each in plan.nodes if each.id in before)

    def __iter__(self) -> Iterator[NodeId]:
        return (node.id for node in self._plan.nodes if node.id != INPUT)

    def __len__(self) -> int:
        return len(self._plan.nodes) - 1

    def __repr__(self) -> str:
        return repr(dict(self))  # no address in it: the same text on every run
