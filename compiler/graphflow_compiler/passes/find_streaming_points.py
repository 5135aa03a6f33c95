"""Find where streaming of the final output begins, or which node makes it whole.

From the output the walk goes back through transforms. Where it ends, chunks begin: at the last blocking nodes, or
at the input. The output streams if chunks of at least one key are made piece by piece.
"""

from __future__ import annotations

import attrs

from graphflow_compiler.flow import origins, output_keys, streams
from graphflow_compiler.ir import INPUT, Graph, NodeClass, NodeId, Streaming


def find_streaming_points(graph: Graph) -> Graph:
    """Find where streaming of the final output begins, or which node makes it whole."""
    graph = graph.map_bodies(find_streaming_points)
    by_key = {key: streams(graph, edge.source) for key, edge in output_keys(graph, graph.output)}
    begins = origins(graph, graph.output)
    if not streams(graph, graph.output):
        return attrs.evolve(graph, streaming=Streaming(False, by_key, (), _last_aggregate(graph, begins)))
    return attrs.evolve(graph, streaming=Streaming(True, by_key, begins, None))


def _last_aggregate(graph: Graph, begins: tuple[NodeId, ...]) -> NodeId | None:
    aggregates = [
        node_id for node_id in begins if node_id != INPUT and graph.by_id[node_id].node_class is NodeClass.AGGREGATE
    ]
    return aggregates[-1] if aggregates else None
