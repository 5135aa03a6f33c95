"""`graphflow_compiler.dag` against definitions so plain that they need no cleverness."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphflow_compiler import dag

Edges = tuple[tuple[str, str], ...]
Shape = tuple[tuple[str, ...], Edges]

LONG = 10_000


@st.composite
def graphs(draw: st.DrawFn) -> Shape:
    """Draw any small graph: with cycles, loops, parallel edges, and parts that do not hang together."""
    nodes = draw(st.permutations("abcdefg"[: draw(st.integers(0, 7))]))
    edges = draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)), max_size=12)) if nodes else []
    return tuple(nodes), tuple(edges)


@st.composite
def acyclic_graphs(draw: st.DrawFn) -> Shape:
    """Draw a small acyclic graph, declared in any order."""
    nodes, edges = draw(graphs())
    rank = {node: index for index, node in enumerate(draw(st.permutations(nodes)))}
    forwards = [(min(edge, key=rank.__getitem__), max(edge, key=rank.__getitem__)) for edge in edges]
    return nodes, tuple((source, target) for source, target in forwards if source != target)


def reached(edges: Edges, start: str) -> set[str]:
    """Give the nodes at the end of the paths of one edge or more that lead from `start`."""
    found: set[str] = set()
    while True:
        more = {target for source, target in edges if source in {start, *found}} - found
        if not more:
            return found
        found |= more


def connected(edges: Edges, one: str, other: str) -> bool:
    return one == other or other in reached(edges + tuple((target, source) for source, target in edges), one)


def without(edges: Edges, index: int) -> Edges:
    return edges[:index] + edges[index + 1 :]


@given(acyclic_graphs())
def test_order_takes_the_first_declared_of_the_nodes_that_could_come_next(shape: Shape) -> None:
    nodes, edges = shape
    order: list[str] = []
    while len(order) < len(nodes):
        waiting = {target for source, target in edges if source not in order}
        order.append(next(node for node in nodes if node not in order and node not in waiting))
    assert dag.topological_order(nodes, edges) == tuple(order)


@given(acyclic_graphs())
def test_generation_is_the_length_of_the_longest_path(shape: Shape) -> None:
    nodes, edges = shape

    def depth(node: str) -> int:
        return max((depth(source) + 1 for source, target in edges if target == node), default=0)

    expected = [tuple(node for node in nodes if depth(node) == level) for level in range(len(nodes))]
    assert dag.generations(nodes, edges) == tuple(group for group in expected if group)


@given(graphs())
def test_a_cycle_is_found_exactly_if_there_is_one(shape: Shape) -> None:
    nodes, edges = shape
    cycle = dag.find_cycle(nodes, edges)
    if cycle is None:
        assert not any(node in reached(edges, node) for node in nodes)
        assert sorted(dag.topological_order(nodes, edges)) == sorted(nodes)
    else:
        assert set(zip(cycle, (*cycle[1:], cycle[0]), strict=True)) <= set(edges)
        assert len(set(cycle)) == len(cycle)
        assert cycle[0] == min(cycle, key=nodes.index)


@given(graphs().filter(lambda shape: dag.find_cycle(*shape) is not None))
def test_a_graph_with_a_cycle_has_no_order_and_no_generations(shape: Shape) -> None:
    with pytest.raises(ValueError, match="cycle has no topological order"):
        dag.topological_order(*shape)
    with pytest.raises(ValueError, match="cycle has no generations"):
        dag.generations(*shape)


@given(graphs())
def test_ancestors_and_descendants_are_the_other_ends_of_paths(shape: Shape) -> None:
    nodes, edges = shape
    for node in nodes:
        below = [other for other in nodes if other in reached(edges, node) and other != node]
        above = [other for other in nodes if node in reached(edges, other) and other != node]
        assert list(dag.descendants(nodes, edges, node)) == below
        assert list(dag.ancestors(nodes, edges, node)) == above


@given(graphs())
def test_edges_share_a_component_if_no_single_edge_separates_them(shape: Shape) -> None:
    nodes, edges = shape
    components = dag.two_edge_connected_components(nodes, edges)
    assert len(components) == len(edges)
    for index, (source, target) in enumerate(edges):
        is_bridge = not connected(without(edges, index), source, target)
        assert (components[index] is None) == is_bridge
        for other, (start, _) in enumerate(edges[:index]):
            if components[index] is not None and components[other] is not None:
                together = all(connected(without(edges, cut), source, start) for cut in range(len(edges)))
                assert (components[index] == components[other]) == together


@given(graphs())
def test_components_are_numbered_by_their_first_edges(shape: Shape) -> None:
    numbers = [number for number in dag.two_edge_connected_components(*shape) if number is not None]
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


def test_of_two_edges_between_the_same_nodes_neither_is_a_bridge() -> None:
    assert dag.two_edge_connected_components(("a", "b"), (("a", "b"),)) == (None,)
    assert dag.two_edge_connected_components(("a", "b"), (("a", "b"), ("a", "b"))) == (0, 0)
    assert dag.two_edge_connected_components(("a", "b"), (("a", "b"), ("b", "a"))) == (0, 0)


def test_reached_nodes_are_a_set() -> None:
    above = dag.ancestors(("a", "b", "c"), (("a", "b"), ("b", "c")), "c")
    assert above == {"a", "b"}
    assert above | {"c"} == {"a", "b", "c"}


def test_an_edge_to_an_undeclared_node_is_an_error() -> None:
    with pytest.raises(KeyError, match="lost"):
        dag.topological_order(("a",), (("a", "lost"),))


@pytest.mark.parametrize("declared", ["as it runs", "backwards"])
def test_a_chain_of_ten_thousand_nodes_needs_no_recursion(declared: str) -> None:
    running = tuple(range(LONG))
    nodes = running if declared == "as it runs" else running[::-1]
    edges = tuple(pairwise(running))
    assert dag.topological_order(nodes, edges) == running
    assert dag.find_cycle(nodes, edges) is None
    assert dag.generations(nodes, edges) == tuple((node,) for node in running)
    assert dag.ancestors(nodes, edges, LONG - 1) == set(running[:-1])
    assert dag.descendants(nodes, edges, 0) == set(running[1:])
    assert dag.two_edge_connected_components(nodes, edges) == (None,) * (LONG - 1)
    ring = (*edges, (LONG - 1, 0))
    cycle = dag.find_cycle(nodes, ring)
    assert cycle is not None
    assert cycle[0] == nodes[0]
    assert set(cycle) == set(running)
    assert dag.two_edge_connected_components(nodes, ring) == (0,) * LONG


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_networkx_is_imported_for_no_chain() -> None:
    code = """
import sys
from graphflow_compiler import dag
shape = ("a", "b", "c"), (("a", "b"), ("b", "c"))
dag.topological_order(*shape), dag.find_cycle(*shape), dag.generations(*shape)
dag.ancestors(*shape, "b"), dag.descendants(*shape, "b"), dag.two_edge_connected_components(*shape)
print("networkx" in sys.modules)
"""
    assert run_python(code) == "False\n"


def test_answers_do_not_depend_on_hashes() -> None:
    code = """
import random
from graphflow_compiler import dag
chance = random.Random(7)
nodes = tuple(f"n{index}" for index in range(40))
pairs = [tuple(chance.sample(range(40), 2)) for _ in range(60)]
forwards = tuple((nodes[max(pair)], nodes[min(pair)]) for pair in pairs)
cyclic = tuple((nodes[one], nodes[other]) for one, other in pairs)
print(dag.topological_order(nodes, forwards), dag.generations(nodes, forwards), dag.find_cycle(nodes, cyclic))
print(dag.two_edge_connected_components(nodes, cyclic))
print(list(dag.ancestors(nodes, forwards, nodes[0])), list(dag.descendants(nodes, forwards, nodes[39])))
"""
    outputs = {run_python(code, PYTHONHASHSEED=seed) for seed in ("0", "1", "2")}
    assert len(outputs) == 1
