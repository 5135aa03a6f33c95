"""List a graph as the passes see it: a line a fact, with those that are not found yet left out.

It is what `explain(after=...)` and the golden files of the passes show, so a change of one fact changes one line.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphflow_compiler.ir import Edge, Graph, Op, Promise, Scope, Streaming
from graphflow_compiler.render.outline import EdgeLine, NodeLine, labels, listed, node_lines, printable
from graphflow_compiler.types import show


def as_listing(graph: Graph) -> str:
    """List a graph."""
    return "\n".join(_lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    head = f"graph → {graph.output}"
    if graph.graph_class is not None:
        head += f", {graph.graph_class}"
    if graph.streaming is not None:
        head += f", {_streaming(graph.streaming)}"
    yield printable(head)
    for node, line in zip(graph.nodes, node_lines(graph, lambda location: location), strict=True):
        yield printable(_node(line))
        for edge in line.inputs:
            yield printable(f"    {_edge(edge)}")
        if line.reason and line.op is not Op.INPUT:
            yield printable(f"    because {line.reason}")
        for label, body in zip(labels(node), node.bodies, strict=True):
            yield printable(f"    {label}:")
            yield from (f"        {inner}" for inner in _lines(body))
    yield from (printable(_scope(scope)) for scope in graph.scopes)
    yield from (printable(_promise(promise)) for promise in graph.promises)


def _streaming(streaming: Streaming) -> str:
    by_key = ", ".join(f"{key!r} {'streams' if live else 'does not'}" for key, live in streaming.by_key.items())
    keys = f" ({by_key})" if by_key else ""
    if streaming.streams:
        return f"streams from {listed(streaming.begins)}{keys}"
    return f"does not stream{keys}" + (f", blocked by `{streaming.blocked_by}`" if streaming.blocked_by else "")


def _node(line: NodeLine) -> str:
    details = "".join(f" {word}" if said is True else f" {word}={said!r}" for word, said in line.details.items())
    cells = (line.node_class and str(line.node_class), line.folds and f"folds by {line.folds}")
    what = "" if line.op is Op.INPUT else f"{line.op}{details} "
    return ", ".join((f"{line.id}: {what}{line.types}", *filter(None, cells)))


def _edge(edge: EdgeLine) -> str:
    key = "" if edge.key is None else f"[{edge.key!r}]"
    facts = (
        "whole" if edge.whole else "",
        edge.folds and f"folds by {edge.folds}",
        edge.unchecked and f"unchecked: {edge.unchecked}",
    )
    return ", ".join((f"{edge.port or '?'} ← {edge.source}{key}", *filter(None, facts)))


def _scope(scope: Scope) -> str:
    inside = "" if scope.parent is None else f" in {scope.parent}"
    key = "" if scope.source_key is None else f"[{scope.source_key!r}]"
    source = f"{scope.source}{key}" if scope.source is not None else _led(scope.fed_by)
    output = _led(scope.given_by) if scope.given_by else scope.output
    return f"scope {scope.id}{inside}: {scope.kind} {scope.name!r} {source} → {output}"


def _led(edges: tuple[Edge, ...]) -> str:
    """Write what led into a join that was taken away."""
    parts = (f"{edge.port}: {edge.source}{'' if edge.key is None else f'[{edge.key!r}]'}" for edge in edges)
    return f"({', '.join(parts)})"


def _promise(promise: Promise) -> str:
    wrapper = "Stream" if promise.streams else "Value"
    return f"promise of {promise.graph!r}: {promise.node} is {wrapper}[{show(promise.type)}]"
