"""Answer questions about the shape of a directed graph, over plain node ids.

Every function takes the nodes, each once and in order of declaration, and the edges between them as pairs of source
and target, in which the same pair may occur several times. Node ids are any hashable but `None`. Answers depend on
those two orders alone, never on hashes; they come in near-linear time and without recursion.

This is the only module that imports networkx. It does so when a question needs it, never on import: a chain is mostly
declared in the order in which it runs, so that its answers can be read off, and a program of chains starts without
paying for that import.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import networkx as nx

NodeT = TypeVar("NodeT", bound=Hashable)


def topological_order(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> tuple[NodeT, ...]:
    """Order the nodes so that each stands after all its predecessors.

    Where several nodes could come next, the one declared first does.

    Raises:
        ValueError: the graph has a cycle.

    >>> topological_order(("d", "c", "b", "a"), (("a", "c"), ("c", "d")))
    ('b', 'a', 'c', 'd')
    """
    order = _order_outside_cycles(nodes, edges)
    if len(order) < len(nodes):
        raise ValueError("a graph with a cycle has no topological order")
    return order


def find_cycle(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> tuple[NodeT, ...] | None:
    """Find the nodes around one cycle, from the one declared first, or None if the graph is acyclic.

    >>> find_cycle(("a", "b", "c"), (("a", "b"), ("b", "c"), ("c", "b")))
    ('b', 'c')
    """
    unordered = set(nodes).difference(_order_outside_cycles(nodes, edges))
    if not unordered:
        return None
    import networkx as nx

    # Each of these nodes has a predecessor among them, so against the edges every walk runs into a cycle, and one
    # start is enough. Along the edges networkx would try one start after another, which is quadratic.
    backwards: nx.DiGraph[NodeT] = nx.DiGraph()
    backwards.add_edges_from((target, source) for source, target in edges if {source, target} <= unordered)
    position = _positions(nodes)
    start = min(unordered, key=position.__getitem__)
    around = [node for node, _ in reversed(nx.find_cycle(backwards, source=start))]
    first = around.index(min(around, key=position.__getitem__))
    return (*around[first:], *around[:first])


def generations(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> tuple[tuple[NodeT, ...], ...]:
    """Group the nodes by the length of the longest path that leads to them.

    The first generation is the nodes that no edge enters. Each is in order of declaration.

    Raises:
        ValueError: the graph has a cycle.

    >>> generations(("a", "b", "c", "d"), (("a", "b"), ("b", "c"), ("a", "d")))
    (('a',), ('b', 'd'), ('c',))
    """
    if _is_chain(nodes, edges):
        return tuple((node,) for node in nodes)
    import networkx as nx

    try:
        groups = list(nx.topological_generations(_graph(nodes, edges)))
    except nx.NetworkXUnfeasible:
        raise ValueError("a graph with a cycle has no generations") from None
    position = _positions(nodes)
    return tuple(tuple(sorted(group, key=position.__getitem__)) for group in groups)


def ancestors(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]], node: NodeT) -> AbstractSet[NodeT]:
    """Find the other nodes from which a path leads to `node`: a set, but one that iterates in order of declaration.

    >>> list(ancestors(("a", "b", "c", "d"), (("c", "b"), ("b", "a"), ("b", "d")), "a"))
    ['b', 'c']
    """
    if _is_chain(nodes, edges):
        return _as_declared(nodes, nodes[: nodes.index(node)])
    import networkx as nx

    return _as_declared(nodes, nx.ancestors(_graph(nodes, edges), node))


def descendants(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]], node: NodeT) -> AbstractSet[NodeT]:
    """Find the other nodes to which a path leads from `node`: a set, but one that iterates in order of declaration.

    >>> list(descendants(("a", "b", "c", "d"), (("c", "b"), ("b", "a"), ("b", "d")), "b"))
    ['a', 'd']
    """
    if _is_chain(nodes, edges):
        return _as_declared(nodes, nodes[nodes.index(node) + 1 :])
    import networkx as nx

    return _as_declared(nodes, nx.descendants(_graph(nodes, edges), node))


def two_edge_connected_components(
    nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]
) -> tuple[int | None, ...]:
    """Find for each edge the number of the component in which it lies, or None if it is a bridge.

    Directions are ignored. A bridge is an edge on no undirected cycle, so that no other path runs around it; of two
    edges between the same nodes neither is one. Two other edges lie in the same component if no single edge, taken
    away, separates them. Components are numbered by their first edges.

    >>> fork_and_join = (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"))
    >>> two_edge_connected_components(("a", "b", "c", "d", "e"), (*fork_and_join, ("d", "e")))
    (0, 0, 0, 0, None)
    >>> two_edge_connected_components(("a", "b", "c"), (("a", "b"), ("b", "c"), ("b", "c")))
    (None, 0, 0)
    """
    if _is_chain(nodes, edges):
        return (None,) * len(edges)
    import networkx as nx

    graph: nx.MultiGraph[NodeT] = nx.MultiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    graph.remove_edges_from(list(nx.bridges(graph)))
    component_of = {node: index for index, group in enumerate(nx.connected_components(graph)) for node in group}
    number_of: dict[int, int] = {}
    return tuple(
        number_of.setdefault(component_of[source], len(number_of))
        if component_of[source] == component_of[target]
        else None
        for source, target in edges
    )


def _order_outside_cycles(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> tuple[NodeT, ...]:
    """Order the nodes that are neither on a cycle nor behind one."""
    position = _positions(nodes)
    if all(position[source] < position[target] for source, target in edges):
        return tuple(nodes)
    import networkx as nx

    order: list[NodeT] = []
    with contextlib.suppress(nx.NetworkXUnfeasible):
        for node in nx.lexicographical_topological_sort(_graph(nodes, edges), key=position.__getitem__):
            order.append(node)
    return tuple(order)


def _positions(nodes: Sequence[NodeT]) -> dict[NodeT, int]:
    return {node: index for index, node in enumerate(nodes)}


def _is_chain(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> bool:
    return len(edges) == len(nodes) - 1 and all(map(operator.eq, edges, pairwise(nodes)))


def _as_declared(nodes: Sequence[NodeT], some: Iterable[NodeT]) -> AbstractSet[NodeT]:
    chosen = set(some)
    return dict.fromkeys(node for node in nodes if node in chosen).keys()


def _graph(nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]) -> nx.DiGraph[NodeT]:
    import networkx as nx

    graph: nx.DiGraph[NodeT] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return graph
