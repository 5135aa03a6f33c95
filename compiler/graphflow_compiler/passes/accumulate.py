"""Decide how the chunks of every edge into a whole port fold into a value.

A declaration may say it (`accumulate=`), else the type does; the output of an aggregate is a single chunk, and
stays one through nodes that give a chunk for a chunk. Where nothing says it, the edge is an error: no guess.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from graphflow_compiler.accumulate import (
    SINGLE,
    Accumulator,
    Merge,
    OneOrMore,
    Single,
    accumulator_of,
)
from graphflow_compiler.errors import CompileError, Diagnostic
from graphflow_compiler.flow import (
    before_keys,
    fold_at,
    fold_together,
    keys_of,
    output_keys,
    unfoldable,
    why_unfoldable,
)
from graphflow_compiler.ir import INPUT, Edge, Graph, Node, NodeId, Op
from graphflow_compiler.types import UNKNOWN, Record, field_type, record_of


def accumulate(graph: Graph) -> Graph:
    """Decide how the chunks of every edge into a whole port fold into a value.

    Raises:
        CompileError: chunks go into a whole port and nothing says how they fold.
    """
    return _accumulate(graph, _fold_of_input(graph.by_id[INPUT].output))


def _accumulate(graph: Graph, given: Accumulator | None) -> Graph:
    """Do it for a graph whose input folds as given."""
    folds: dict[NodeId, Accumulator | None] = {INPUT: given}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for node in graph.nodes:
        incoming = graph.edges_into[node.id]
        edges.extend(_folded(graph, node, edge, folds) for edge in incoming)
        whole = _with_bodies(graph, node, folds)
        if node.id != INPUT:
            folds[node.id] = node.accumulate or _fold_of_output(graph, whole, incoming, folds)
        nodes.append(whole.changed(folds=folds[node.id]))
    graph = graph.replace_all(nodes, edges)
    findings = [finding for node in graph.nodes for finding in _findings(graph, node, folds)]
    if findings:
        raise CompileError(findings)
    return graph


def _with_bodies(graph: Graph, node: Node, folds: dict[NodeId, Accumulator | None]) -> Node:
    """Return a node with its bodies accumulated: one that reads the stream that the node does, as that folds."""
    if not node.bodies:
        return node
    if node.op is not Op.WRAP or not node.ports[0].streams:
        return node.changed(bodies=tuple(map(accumulate, node.bodies)))
    (edge,) = graph.edges_into[node.id]
    given = _fold_along(graph, edge, folds)
    return node.changed(bodies=tuple(_accumulate(body, given) for body in node.bodies))


def _folded(graph: Graph, node: Node, edge: Edge, folds: dict[NodeId, Accumulator | None]) -> Edge:
    assert edge.port is not None
    if not _waits(node, edge):
        return edge
    port = node.port(edge.port)
    accumulator = port.fold or _fold_along(graph, edge, folds)
    wanted = record_of(port.type)
    if isinstance(accumulator, Merge) and wanted is not None:
        required = frozenset(field.name for field in wanted.fields if field.required)
        accumulator = attrs.evolve(accumulator, required=accumulator.required | required)
    return attrs.evolve(edge, accumulator=accumulator)


def _waits(node: Node, edge: Edge) -> bool:
    assert edge.port is not None
    return node.op is not Op.JOIN and not node.port(edge.port).streams


def _findings(graph: Graph, node: Node, folds: dict[NodeId, Accumulator | None]) -> Iterator[Diagnostic]:
    """Yield a finding for every port that waits for a value that nothing can tell, and for every body."""
    for edge in graph.edges_into[node.id]:
        if edge.accumulator is not None or not _waits(node, edge):
            continue
        source, key = unfoldable(graph, edge.source, edge.key, folds)
        declared = source.output if key is None else field_type(source.output, key)
        yield Diagnostic(
            "GF220",
            "error",
            f"`{node.name}` waits for its whole input, but nothing says how the chunks of "
            f"`{source.name}` become one value: {why_unfoldable(source, declared)}",
            node=node.id,
            location=edge.location or node.location,
            snippet=edge.snippet,
            hint=_mend(source, declared, node.name),
        )
    yield from _unfoldable_body(node)


def _unfoldable_body(node: Node) -> Iterator[Diagnostic]:
    """Yield a finding if the value of a body is asked that nothing can tell."""
    is_asked = node.op is Op.EACH or (node.policy is not None and node.policy.gives_whole)
    for body in node.bodies if is_asked else ():
        if body.by_id[body.output].folds is not None:
            continue
        folds = {one.id: one.folds for one in body.nodes}
        output, key = unfoldable(body, body.output, None, folds)
        declared = output.output if key is None else field_type(output.output, key)
        gives = "gives one result for every item" if node.op is Op.EACH else "gives the whole value of what it wraps"
        yield Diagnostic(
            "GF220",
            "error",
            f"`{node.name}` {gives}, but nothing says how the chunks of "
            f"`{output.name}` become one value: {why_unfoldable(output, declared)}",
            node=node.id,
            location=output.location or node.location,
            hint=_mend(output, declared, "..."),
        )


def _mend(source: Node, declared: object, target: str) -> str:
    say = f"say it where `{source.name}` is declared, with accumulate=gf.latest or another accumulator"
    if source.op is Op.BRANCH:
        say = f"let all alternatives of `{source.name}` fold alike"
    elif declared is UNKNOWN:
        say = f"annotate what `{source.name}` gives, such as AsyncIterator[str]; or {say}"
    return f"{say},\nor turn the chunks into a list first: {source.name} | gf.collect() | {target}"


def _fold_along(graph: Graph, edge: Edge, folds: dict[NodeId, Accumulator | None]) -> Accumulator | None:
    """Return how what flows along an edge folds; one key of a record may, though others do not."""
    return _fold_at(graph, edge.source, keys_of(edge), folds)


def _fold_at(
    graph: Graph, source: NodeId, path: tuple[str, ...], folds: dict[NodeId, Accumulator | None]
) -> Accumulator | None:
    """Return how what a node gives folds, at a key of a key of it, and so on."""
    while path and folds[source] is None:
        place = before_keys(graph, source, path)
        if place is None:
            return None
        source, path = place
    folded = folds[source]
    for key in path:
        folded = fold_at(key, folded)
    return folded


def _fold_of_output(
    graph: Graph, node: Node, incoming: tuple[Edge, ...], folds: dict[NodeId, Accumulator | None]
) -> Accumulator | None:
    match node.op:
        case Op.CALL:
            return SINGLE
        case Op.IDENTITY:
            return _fold_along(graph, incoming[0], folds)
        case Op.MAP:
            given = _fold_along(graph, incoming[0], folds)
            return SINGLE if isinstance(given, Single) else accumulator_of(node.output)
        case Op.PROJECT:
            return _projected(graph, node, incoming[0], folds)
        case Op.JOIN:
            together = fold_together((edge, _fold_along(graph, edge, folds)) for edge in incoming)
            return together or _fold_of_keys(graph, node, folds)
        case Op.WRAP if node.policy is not None and node.policy.gives_whole:
            return SINGLE
        case Op.BRANCH | Op.WRAP:
            return _of_branch(node)
        case _:
            return accumulator_of(node.output)


def _fold_of_keys(graph: Graph, join: Node, folds: dict[NodeId, Accumulator | None]) -> Accumulator | None:
    """Return how a record folds whose rest has a key that does not fold, if a new value takes the place of that key."""
    fields = [(key, _fold_along(graph, edge, folds)) for key, edge in output_keys(graph, join.id)]
    known = tuple((key, fold) for key, fold in fields if fold is not None and key != "...")
    return Merge(known) if len(known) == len(fields) else None


def _fold_of_input(declared: object) -> Accumulator:
    """Return how the caller's chunks fold: by their type, else there is exactly one."""
    if isinstance(declared, Record):
        fields = tuple((field.name, accumulator_of(field.type) or SINGLE) for field in declared.fields)
        return Merge(fields, rest=SINGLE)
    return accumulator_of(declared) or SINGLE


def _projected(graph: Graph, node: Node, edge: Edge, folds: dict[NodeId, Accumulator | None]) -> Accumulator | None:
    given = _fold_along(graph, edge, folds)
    if given is not None and not isinstance(given, Merge):
        return given
    fields: list[tuple[str, Accumulator]] = []
    for key in node.keys:
        accumulator = _fold_at(graph, edge.source, (*keys_of(edge), key), folds)
        if accumulator is None:
            return None
        fields.append((key, accumulator))
    return Merge(tuple(fields))


def _of_branch(node: Node) -> Accumulator | None:
    """Return what folds whichever alternative runs: one that gives a single chunk fits any other."""
    alternatives: list[Accumulator] = []
    for body in node.bodies:
        accumulator = body.by_id[body.output].folds
        if accumulator is None:
            return None
        if not isinstance(accumulator, Single) and accumulator not in alternatives:
            alternatives.append(accumulator)
    if not alternatives:
        return SINGLE
    single = any(isinstance(body.by_id[body.output].folds, Single) for body in node.bodies)
    if len(alternatives) > 1:
        return None
    return OneOrMore(alternatives[0]) if single else alternatives[0]
