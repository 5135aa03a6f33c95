"""Cut the graph into stages: the paths that one task each pulls.

A new path begins where streams part or meet, where two nodes of a path would wait in turn although they could wait
at the same time, and where generators would nest too deep. Everything else is pulled in place, without a task.
"""

from __future__ import annotations

from typing import Final

import attrs

from graphflow_compiler.ir import INPUT, Graph, Node, NodeClass, NodeId, Op
from graphflow_compiler.plan import Plan, PlannedNode, Stage, StageId

#: Generators that may nest in one stage: far below what the recursion limit allows, also with events on.
MAX_NESTING: Final = 64


def plan_stages(graph: Graph) -> Plan:
    """Cut the graph into stages: the paths that one task each pulls."""
    assert graph.streaming is not None
    assert graph.graph_class is not None
    paths: list[_Path] = []
    ends: dict[NodeId, _Path] = {}
    for node in graph.nodes:
        if node.op is Op.INPUT:
            continue
        before = _previous(graph, node)
        path = None if before is None else ends.pop(before, None)
        reason = _why_apart(graph, node, path)
        if path is None or reason:
            path = _Path(reason)
            paths.append(path)
        path.append(node)
        ends[node.id] = path
    stages = tuple(
        Stage(
            StageId(f"s{index}"),
            tuple(node.id for node in path.nodes),
            path.reason,
            own_task=path.nodes[-1].id != graph.output or bool(graph.edges_from[graph.output]),
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
    fields = {field.name: getattr(node, field.name) for field in attrs.fields(Node)}
    return PlannedNode(**fields, stage=stage, plans=tuple(plan_stages(body) for body in node.bodies))


class _Path:
    """A stage in the making."""

    def __init__(self, reason: str) -> None:
        self.nodes: list[Node] = []
        self.reason = reason
        self.nesting = 0
        self.suspending: Node | None = None

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
    return source if len(graph.edges_from[source]) == 1 and source != graph.output else None


def _why_apart(graph: Graph, node: Node, path: _Path | None) -> str:
    incoming = graph.edges_into[node.id]
    if path is None:
        if len(incoming) > 1:
            return f"{len(incoming)} streams meet in `{node.id}`"
        source = incoming[0].source if incoming else INPUT
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
