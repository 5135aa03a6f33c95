"""Walks over a graph that several passes need: back from a node to where its chunks begin."""

from __future__ import annotations

from collections.abc import Iterator

from graphflow_compiler.ir import REST, Edge, Graph, NodeClass, NodeId, Op


def streaming_edges(graph: Graph, node_id: NodeId) -> Iterator[Edge]:
    """Yield the edges into the ports of a node that take chunks as they come."""
    node = graph.by_id[node_id]
    for edge in graph.edges_into[node_id]:
        if edge.port is not None and node.port(edge.port).streams:
            yield edge


def origins(graph: Graph, node_id: NodeId) -> tuple[NodeId, ...]:
    """Return the nodes where the chunks of a node begin, in topological order.

    From a transform the walk goes on through its streams; it ends at aggregates, producers and the input.
    Needs the classes that `classify` finds.
    """
    found: set[NodeId] = set()
    seen: set[NodeId] = set()
    pending = [node_id]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        node = graph.by_id[current]
        if node.op is Op.INPUT or node.node_class is not NodeClass.TRANSFORM:
            found.add(current)
        else:
            pending.extend(edge.source for edge in streaming_edges(graph, current))
    return tuple(node.id for node in graph.nodes if node.id in found)


def streams(graph: Graph, node_id: NodeId) -> bool:
    """Tell whether the chunks of a node come while they are made, rather than as one finished value."""
    return any(
        graph.by_id[origin].op is Op.INPUT or graph.by_id[origin].node_class is NodeClass.PRODUCER
        for origin in origins(graph, node_id)
    )


def output_keys(graph: Graph, node_id: NodeId) -> Iterator[tuple[str, Edge]]:
    """Yield the keys of a join with the edge that feeds each; the keys of a join before it are among them.

    The rest of a record whose keys are not known is yielded under the key ``...``.
    """
    node = graph.by_id[node_id]
    if node.op is not Op.JOIN:
        return
    for edge in graph.edges_into[node_id]:
        if edge.port != REST:
            assert edge.port is not None
            yield edge.port, edge
            continue
        known = list(output_keys(graph, edge.source)) if edge.key is None else []
        if known:
            yield from ((key, inner) for key, inner in known if key not in node.keys)
        else:
            yield "...", edge
