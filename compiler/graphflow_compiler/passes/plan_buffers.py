"""Decide what stands between two stages, so that no run can deadlock and memory stays bounded where it can.

A deadlock needs a cycle of waits: a writer that waits for a full buffer, a reader that waits for an empty one. Such a
cycle lies in one 2-edge-connected component of the undirected graph and has a sink, a node of the component that is
entered through a full port and left through an empty one, with another of its ports. So a stream port of a node with
another port in the same component gets an unbounded buffer; all others may be bounded. Ports that wait for the whole
value are never full, since every chunk is folded as it comes; a join takes from whichever stream comes first, so it
never waits for one of them.
"""

from __future__ import annotations

import functools

import attrs

from graphflow_compiler import dag
from graphflow_compiler.ir import INPUT, Edge, Op
from graphflow_compiler.plan import CAPACITY, Buffer, Plan


def plan_buffers(plan: Plan) -> Plan:
    """Decide what stands between two stages, so that no run can deadlock and memory stays bounded where it can."""
    nodes = tuple(
        node.changed(plans=tuple(plan_buffers(body) for body in node.plans)) if node.plans else node
        for node in plan.nodes
    )
    places = {node.id: node.stage or INPUT for node in plan.nodes}
    crossing = [edge for edge in plan.edges if places[edge.source] != places[edge.target]]
    components = dag.two_edge_connected_components(
        tuple(dict.fromkeys(places.values())), tuple((places[edge.source], places[edge.target]) for edge in crossing)
    )
    component_of = {id(edge): component for edge, component in zip(crossing, components, strict=True)}
    buffers = tuple(_buffer(plan, edge, component_of) for edge in crossing)
    return attrs.evolve(plan, nodes=nodes, buffers=buffers)


def _buffer(plan: Plan, edge: Edge, component_of: dict[int, int | None]) -> Buffer:
    assert edge.port is not None
    node = plan.by_id[edge.target]
    make = functools.partial(Buffer, edge.source, edge.target, edge.port, edge.key)
    if edge.source == INPUT and plan.input_stage is not None:
        several = len(plan.edges_from[INPUT]) > 1
        why = "the branches that share it take turns" if several else "the only consumer of the input reads it in place"
        return make("call", None, why)
    if node.op is Op.JOIN:
        why = "a join takes whichever stream comes first, so it never waits for the wrong one"
        return make("bounded", CAPACITY, why)
    if not node.port(edge.port).streams:
        return make("fold", None, "every chunk is folded as it comes: the port waits for the whole value")
    rivals = _rivals(plan, edge, component_of)
    if rivals:
        return make("unbounded", None, f"the same stream also leads to {rivals}, which may have to be read first")
    return make("bounded", CAPACITY, "a writer that is ahead waits")


def _rivals(plan: Plan, edge: Edge, component_of: dict[int, int | None]) -> str:
    """Name the other ports of the target in the same component; "" where there is none."""
    component = component_of[id(edge)]
    if component is None:
        return ""
    return ", ".join(
        f"`{other.port}`"
        for other in plan.edges_into[edge.target]
        if other is not edge and component_of[id(other)] == component
    )
