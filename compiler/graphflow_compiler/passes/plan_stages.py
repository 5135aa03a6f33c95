"""Cut the graph into stages: the paths that one task each pulls.

A new path begins where streams part or meet, where two nodes of a path would wait in turn although they could wait
at the same time, and where generators would nest too deep. Everything else is pulled in place, without a task: also
a fork and the join behind it, if no branch between them ever waits, so that nothing is lost by running them in turn.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Final

from graphflow_compiler.ir import INPUT, Graph, Node, NodeClass, NodeId, Op
from graphflow_compiler.plan import Fan, Plan, PlannedNode, Stage, StageId
from graphflow_compiler.types import may_be_awaitable

#: Generators that may nest in one stage: far below what the recursion limit allows, also with events on.
MAX_NESTING: Final = 64
#: Nodes in one branch of a fan that runs in place; longer ones are paths of their own.
MAX_BRANCH: Final = 32

#: Callables whose results never have to be awaited, though nothing is annotated.
_PLAIN_CALLABLES: Final = (
    BuiltinFunctionType,
    MethodDescriptorType,
    operator.itemgetter,
    operator.attrgetter,
    type,
)


def plan_stages(graph: Graph) -> Plan:
    """Cut the graph into stages: the paths that one task each pulls."""
    assert graph.streaming is not None
    assert graph.graph_class is not None
    fans = dict(_fans(graph))
    fan_of = {node_id: fan for fan in fans.values() for _, nodes in fan.branches for node_id in nodes}
    paths: list[_Path] = []
    ends: dict[NodeId, _Path] = {}
    inside: dict[NodeId, _Path] = {}  # by the fans whose joins are still to come
    for node in graph.nodes:
        if node.op is Op.INPUT:
            continue
        fan = fans.get(node.id) or fan_of.get(node.id)
        if fan is not None and fan.join not in inside and not _goes_on(ends.get(fan.fork), fan):
            del fans[fan.join]  # its branches are paths of their own
            for _, nodes in fan.branches:
                for node_id in nodes:
                    del fan_of[node_id]
            fan = None
        path = inside.get(fan.join) if fan is not None else None
        if path is None:
            before = fan.fork if fan is not None else _previous(graph, node)
            path = None if before is None else ends.pop(before, None)
            reason = _why_apart(graph, node, path)
            if path is None or reason:
                path = _Path(reason)
                paths.append(path)
        if fan is None:
            path.append(node)
        else:
            path.append_to_fan(node, fan)
            inside[fan.join] = path
        if fan is None or node.id == fan.join:
            ends[node.id] = path
    stages = tuple(
        Stage(
            StageId(f"s{index}"),
            tuple(node.id for node in path.nodes),
            path.reason,
            own_task=path.nodes[-1].id != graph.output,
            fans=tuple(path.fans),
        )
        for index, path in enumerate(paths)
    )
    place = {node_id: stage.id for stage in stages for node_id in stage.nodes}
    return Plan(
        name=graph.scopes[0].name if graph.scopes else graph.by_id[graph.output].name,
        nodes=tuple(_planned(node, place.get(node.id)) for node in graph.nodes),
        edges=graph.edges,
        output=graph.output,
        stages=stages,
        scopes=graph.scopes,
        node_class=graph.graph_class,
        streams=graph.streaming.streams,
        streams_by_key=graph.streaming.by_key,
        streaming_begins=graph.streaming.begins,
        blocked_by=graph.streaming.blocked_by,
    )


def _planned(node: Node, stage: StageId | None) -> PlannedNode:
    planned = object.__new__(PlannedNode)  # one field more would be asked of every node otherwise: see Node.changed
    planned.__dict__.update(node.__dict__, stage=stage, plans=tuple(plan_stages(body) for body in node.bodies))
    return planned


class _Path:
    """A stage in the making."""

    def __init__(self, reason: str) -> None:
        self.nodes: list[Node] = []
        self.reason = reason
        self.nesting = 0
        self.suspending: Node | None = None
        self.fans: list[Fan] = []

    def append_to_fan(self, node: Node, fan: Fan) -> None:
        """Add a node of a fan, all of whose nodes are one generator."""
        self.nodes.append(node)
        if node.id == fan.join:
            self.fans.append(fan)
            self.nesting += 1

    def append(self, node: Node) -> None:
        fuses = bool(self.nodes) and node.op is Op.MAP is self.nodes[-1].op
        self.nodes.append(node)
        if node.node_class is NodeClass.TRANSFORM:
            self.nesting += 0 if fuses else 1  # neighbouring chunkwise nodes are one generator
            self.suspending = node if node.suspends else self.suspending
        else:  # a blocking node takes one value: nothing before it is left to nest or to overlap with
            self.nesting = 1
            self.suspending = node if node.suspends and node.node_class is NodeClass.PRODUCER else None


def _previous(graph: Graph, node: Node) -> NodeId | None:
    """Return the node whose path this one could go on: the only one before it, if it has no other consumer."""
    incoming = graph.edges_into[node.id]
    if len(incoming) != 1 or incoming[0].source == INPUT:
        return None
    source = incoming[0].source
    return source if len(graph.edges_from[source]) == 1 else None


def _why_apart(graph: Graph, node: Node, path: _Path | None) -> str:
    incoming = graph.edges_into[node.id]
    if path is None:
        if len(incoming) > 1:
            return f"{len(incoming)} streams meet in `{node.id}`"
        source = incoming[0].source
        if source == INPUT:
            return "it begins at the input"
        return f"`{source}` has several consumers"
    if node.node_class is not NodeClass.TRANSFORM:
        return ""
    if node.suspends and path.suspending is not None:
        return f"`{node.id}` and `{path.suspending.id}` both wait for something of their own, so their waits overlap"
    if path.nesting >= MAX_NESTING:
        return f"{MAX_NESTING} generators nest before `{node.id}`, and the recursion limit is finite"
    return ""


# --- fans --------------------------------------------------------------------------------------------------


def _goes_on(path: _Path | None, fan: Fan) -> bool:
    """Tell whether a fan can go on the path that its fork ends."""
    return fan.fork == INPUT if path is None else path.nesting < MAX_NESTING


def _fans(graph: Graph) -> Iterator[tuple[NodeId, Fan]]:
    """Find the joins whose branches all begin at one fork, lead nowhere else and never wait."""
    for join in graph.nodes:
        if join.op is not Op.JOIN or len(graph.edges_into[join.id]) < 2:
            continue
        branches: list[tuple[str, tuple[NodeId, ...]]] = []
        forks: set[NodeId] = set()
        for edge in graph.edges_into[join.id]:
            assert edge.port is not None
            nodes, fork = _branch_before(graph, edge.source)
            branches.append((edge.port, nodes))
            forks.add(fork)
        (fork, *others) = forks
        if not others and len(graph.edges_from[fork]) == len(branches):
            yield join.id, Fan(fork, join.id, tuple(branches))


def _branch_before(graph: Graph, node_id: NodeId) -> tuple[tuple[NodeId, ...], NodeId]:
    """Return the nodes that never wait on the way to a join, the last of them given, and what stands before them."""
    nodes: list[NodeId] = []
    while len(nodes) < MAX_BRANCH and _never_waits(graph, node_id):
        nodes.append(node_id)
        (edge,) = graph.edges_into[node_id]
        node_id = edge.source
    return tuple(reversed(nodes)), node_id


def _never_waits(graph: Graph, node_id: NodeId) -> bool:
    """Tell whether a node, one link of a path, is done with what it gets as soon as it gets it."""
    node = graph.by_id[node_id]
    if len(graph.edges_into[node_id]) != 1 or len(graph.edges_from[node_id]) != 1:
        return False
    match node.op:
        case Op.IDENTITY | Op.PROJECT:
            return True
        case Op.MAP:
            return not (node.is_async or node.thread)
        case Op.CALL:
            (edge,) = graph.edges_into[node_id]
            streams = edge.port is not None and node.port(edge.port).streams
            return not (node.is_async or node.thread or streams) and _gives_plain_value(node)
        case _:
            return False


def _gives_plain_value(node: Node) -> bool:
    """Tell whether a function that is not asynchronous certainly gives nothing that has to be awaited."""
    function = node.function
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, _PLAIN_CALLABLES):
        return True
    return not may_be_awaitable(node.output)
