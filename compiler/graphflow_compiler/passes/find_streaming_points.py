"""Find where streaming of the final output begins, or which node makes it whole.

From the output the walk goes back through transforms. Where it ends, chunks begin: at the last blocking nodes, or
at the input. The output streams if chunks of at least one key are made piece by piece.
"""

from __future__ import annotations

from graphflow_compiler.errors import CompileError, Diagnostic
from graphflow_compiler.flow import Streams, origins, output_keys
from graphflow_compiler.ir import Graph, Streaming
from graphflow_compiler.types import show


def find_streaming_points(graph: Graph) -> Graph:
    """Find where streaming of the final output begins, or which node makes it whole.

    Raises:
        CompileError: the annotation of a graph promises a stream, and it gives a finished value.
    """
    graph = graph.map_bodies(find_streaming_points)
    streams = Streams(graph)
    _hold_to_promises(graph, streams)
    by_key = {key: streams(edge.source, edge.key) for key, edge in output_keys(graph, graph.output)}
    begins = origins(graph, graph.output)
    if not streams(graph.output):
        return graph.changed(streaming=Streaming(False, by_key, (), begins[-1]))  # all of them are aggregates
    return graph.changed(streaming=Streaming(True, by_key, begins, None))


def _hold_to_promises(graph: Graph, streams: Streams) -> None:
    broken = [promise for promise in graph.promises if promise.streams and not streams(promise.node)]
    findings = []
    for promise in broken:
        node = graph.by_id[origins(graph, promise.node)[-1]]
        findings.append(
            Diagnostic(
                "GF112",
                "error",
                f"the graph `{promise.graph}` promises Stream[{show(promise.type)}], "
                f"but returns a finished value: {node.reason}",
                node=node.id,
                location=promise.location,
                hint=f"promise Value[{show(promise.type)}], or write `{node.name}` as a transform (@gf.transform)",
            )
        )
    if findings:
        raise CompileError(findings)
