"""Walks over a graph that several passes need, and what flows along its edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, final

import attrs

from graphflow_compiler.accumulate import SINGLE, Accumulator, Merge, Single, why_none
from graphflow_compiler.ir import INPUT, REST, Edge, Graph, Node, NodeClass, NodeId, Op

if TYPE_CHECKING:
    from graphflow_compiler.plan import Plan


def streaming_edges(graph: Graph | Plan, node_id: NodeId) -> list[Edge]:
    """Return the edges into the ports of a node that take chunks as they come."""
    streaming = [port.name for port in graph.by_id[node_id].ports if port.streams]
    return [edge for edge in graph.edges_into[node_id] if edge.port in streaming]


def origins(graph: Graph, node_id: NodeId, key: str | None = None) -> tuple[NodeId, ...]:
    """Return the nodes where the chunks of a node begin, or of one key of it, in topological order.

    From a transform the walk goes on through its streams; it ends at aggregates, producers and the input.
    Needs the classes that `classify` finds.
    """
    found: set[NodeId] = set()
    pending = [(node_id, key)]
    seen: set[tuple[NodeId, str | None]] = set()
    while pending:
        place = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        node = graph.by_id[place[0]]
        if node.op is Op.INPUT or node.node_class is not NodeClass.TRANSFORM:
            found.add(node.id)
        else:
            pending.extend(before(graph, node, place[1]))
    return tuple(found) if len(found) == 1 else tuple(node.id for node in graph.nodes if node.id in found)


def before(graph: Graph | Plan, node: Node, key: str | None) -> list[tuple[NodeId, str | None]]:
    """Return where the chunks of a transform come from, or those of one key of it."""
    if node.op in (Op.JOIN, Op.PROJECT, Op.IDENTITY):
        return list(_before_passed_on(graph, node, key))
    return [(edge.source, edge.key) for edge in streaming_edges(graph, node.id)]


def _before_passed_on(graph: Graph | Plan, node: Node, key: str | None) -> Iterator[tuple[NodeId, str | None]]:
    """Yield the same for a node that passes chunks on, or keys of them, as they are."""
    for edge in streaming_edges(graph, node.id):
        if node.op is Op.JOIN and edge.port != REST:
            if key is None or key == edge.port:
                yield edge.source, edge.key
        elif node.op is Op.PROJECT and edge.key is None:
            yield from ((edge.source, one) for one in node.keys if key is None or key == one)
        elif node.op in (Op.JOIN, Op.IDENTITY) and edge.key is None:
            if node.op is Op.IDENTITY or key not in node.keys:
                yield edge.source, key
        else:
            yield edge.source, edge.key


def keys_of(edge: Edge) -> tuple[str, ...]:
    """Return the key that an edge takes, as a path of keys."""
    return () if edge.key is None else (edge.key,)


def before_keys(graph: Graph, node_id: NodeId, path: tuple[str, ...]) -> tuple[NodeId, tuple[str, ...]] | None:
    """Return where that comes from which a node gives at a key, of a key and so on; None if the node makes it."""
    node = graph.by_id[node_id]
    edges = {edge.port: edge for edge in graph.edges_into[node_id]}
    if node.op is Op.JOIN and path[0] in edges:
        edge, path = edges[path[0]], path[1:]
    elif REST in edges:
        edge = edges[REST]
    elif node.op in (Op.IDENTITY, Op.PROJECT):
        (edge,) = edges.values()
    else:
        return None
    return edge.source, (*keys_of(edge), *path)


@final
class Streams:
    """Tells of nodes whether their chunks come while they are made, not as one finished value."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[NodeId, str | None], bool] = {}

    def __call__(self, node_id: NodeId, key: str | None = None) -> bool:
        """Tell it of a node, or of one key of it."""
        known = self._known
        pending = [((node_id, key), self._before(node_id, key))]
        while pending:
            place, places = pending[-1]
            unknown = [one for one in places if one not in known]
            if unknown:
                pending += ((one, self._before(*one)) for one in unknown)
            else:
                known.setdefault(place, any(known[one] for one in places))
                pending.pop()
        return known[node_id, key]

    def _before(self, node_id: NodeId, key: str | None) -> list[tuple[NodeId, str | None]]:
        """Return where the chunks of a node come from; what is known without them is noted."""
        node = self._graph.by_id[node_id]
        if node.op is Op.INPUT or node.node_class is not NodeClass.TRANSFORM:
            self._known[node_id, key] = node.op is Op.INPUT or node.node_class is NodeClass.PRODUCER
        return [] if (node_id, key) in self._known else before(self._graph, node, key)


def output_keys(graph: Graph, node_id: NodeId) -> Iterator[tuple[str, Edge]]:
    """Yield the keys of a record that a node puts together, each with the edge that its chunks come by.

    The rest of a record whose keys are not known is yielded under the key ``...``.
    """
    layers: list[list[tuple[str, Edge]]] = []
    assigned: set[str] = set()
    rest: Edge | None = None
    path: tuple[str, ...] = ()  # the keys of the node under which the record is
    while True:
        if path:
            place = before_keys(graph, node_id, path)
            if place is not None:
                node_id, path = place
                continue
        node = graph.by_id[node_id]
        edges = {edge.port: edge for edge in graph.edges_into[node.id]}
        if node.op is Op.JOIN and not path:
            layers.append([(key, edges[key]) for key in node.keys if key not in assigned])
            assigned.update(node.keys)
            if REST not in edges:
                break
            rest = edges[REST]
            node_id, path = rest.source, keys_of(rest)
        elif node.op is Op.IDENTITY and not path:
            (rest,) = edges.values()
            node_id, path = rest.source, keys_of(rest)
        elif node.op is Op.PROJECT and not path:
            (edge,) = edges.values()
            keys = [key for key in node.keys if key not in assigned]
            layers.append([(key, edge if edge.key else attrs.evolve(edge, key=key)) for key in keys])
            break
        else:
            if layers and rest is not None:
                layers.append([("...", rest)])
            break
    for layer in reversed(layers):
        yield from layer


def fold_at(key: str | None, given: Accumulator | None) -> Accumulator | None:
    """Return how what is at a key folds, `given` how the whole does; without a key, that is the whole."""
    if key is None or isinstance(given, Single):
        return given
    return given.of(key) if isinstance(given, Merge) else None


def fold_together(edges: Iterable[tuple[Edge, Accumulator | None]]) -> Accumulator | None:
    """Return how the record folds that several edges make, each with how it folds; None as soon as one has none."""
    fields: dict[str, Accumulator] = {}
    rest: Accumulator | None = None
    for edge, accumulator in edges:
        if accumulator is None or edge.port is None:
            return None
        if edge.port == REST:
            rest = accumulator
        else:
            fields[edge.port] = accumulator
    if isinstance(rest, Merge):
        kept = {key: accumulator for key, accumulator in rest.fields if key not in fields}
        return Merge(tuple((kept | fields).items()), rest=rest.rest)
    return Merge(tuple(fields.items()), rest=None if rest is None else SINGLE)


def unfoldable(
    graph: Graph | Plan, node_id: NodeId, key: str | None, folds: Mapping[NodeId, Accumulator | None]
) -> tuple[Node, str | None]:
    """Return where it begins that nothing says how the chunks of a node fold, or those of one key of it."""
    while True:
        node = graph.by_id[node_id]
        for body in node.bodies if node.op in (Op.BRANCH, Op.WRAP) else ():
            output = body.by_id[body.output]
            if output.folds is None:
                inside = unfoldable(body, output.id, None, {one.id: one.folds for one in body.nodes})
                if inside[0].id != INPUT:
                    return inside
                (edge,) = graph.edges_into[node_id]  # the body reads what the node does
                return unfoldable(graph, edge.source, edge.key or inside[1], folds)
        earlier = before(graph, node, key) if node.op in (Op.JOIN, Op.IDENTITY, Op.PROJECT) else ()
        found = next((one for one in earlier if fold_at(one[1], folds[one[0]]) is None), None)
        if found is None:
            return node, key
        node_id, key = found


def why_unfoldable(node: Node, declared: object) -> str:
    """Say in words why nothing says how the chunks of a node fold, which are of the declared type."""
    if node.op not in (Op.BRANCH, Op.WRAP):
        return why_none(declared)
    folds = (body.by_id[body.output].folds for body in node.bodies)
    names = ", ".join(dict.fromkeys(fold.name for fold in folds if fold is not None))
    return f"its alternatives fold in different ways ({names})"
