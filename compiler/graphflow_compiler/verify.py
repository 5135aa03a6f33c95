"""What must hold between passes: a broken invariant is a defect of graphflow, never of the user's chain."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from graphflow_compiler.errors import InternalError
from graphflow_compiler.ir import INPUT, Edge, Graph, Node, Op
from graphflow_compiler.plan import Plan, Stage

_WITH_BODIES: Final = (Op.BRANCH, Op.EACH, Op.WRAP)


def verify(subject: Graph | Plan, passed: Collection[str]) -> None:
    """Check every invariant that holds once some passes have run: `passed`, the last of them at the end.

    Raises:
        InternalError: one does not hold; the message carries what was broken, and the graph or plan.
    """
    broken = list(_broken_graph(subject, passed) if isinstance(subject, Graph) else _broken_plan(subject, passed))
    if broken:
        details = "\n".join(f"  {line}" for line in broken)
        raise InternalError(
            f"after {list(passed)[-1]}:\n{details}\nin {subject!r}\nThis is a defect of graphflow: please report it."
        )


def _broken_graph(graph: Graph, passed: Collection[str]) -> Iterator[str]:
    broken = list(_broken_shape(graph))
    if broken:
        yield from broken
        return
    if "classify" in passed:
        unclassified = [node.id for node in graph.nodes if not (node.node_class and node.reason)]
        yield from (f"`{node_id}` has no class, or no reason for it" for node_id in unclassified)
    for node in graph.nodes:
        if node.op in _WITH_BODIES:
            yield from _broken_bodies(node)
        for body in node.bodies:
            yield from (f"in `{node.id}`: {line}" for line in _broken_graph(body, passed))
    for edge in graph.edges if "accumulate" in passed else ():
        if edge.accumulator is None and _is_whole(graph, edge):
            yield f"nothing folds what `{edge.source}` gives to port {edge.port!r} of `{edge.target}`"
    if "classify" in passed and graph.graph_class is None:
        yield "the graph has no class"
    if "find_streaming_points" in passed:
        if graph.streaming is None:
            yield "nothing says where streaming begins"
        elif graph.streaming.streams == (not graph.streaming.begins):
            yield "the output streams from nowhere, or begins to stream although it does not"


def _broken_shape(graph: Graph) -> Iterator[str]:
    position = {node.id: index for index, node in enumerate(graph.nodes)}
    if len(position) != len(graph.nodes):
        yield "two nodes have one id"
    if not graph.nodes or graph.nodes[0].id != INPUT:
        yield "the first node is not the input"
    if graph.output not in position:
        yield f"the output {graph.output!r} is no node"
    elif any(edge.source == graph.output for edge in graph.edges):
        yield f"the output `{graph.output}` leads on to other nodes"
    for edge in graph.edges:
        if edge.source not in position or edge.target not in position:
            yield f"an edge leads from {edge.source!r} to {edge.target!r}, which are not both nodes"
            return
        if position[edge.source] >= position[edge.target]:
            yield f"`{edge.source}` does not come before `{edge.target}`"
    for node in graph.nodes:
        edges, ports = graph.edges_into[node.id], node.ports
        if len(edges) == len(ports) == 1 and edges[0].port == ports[0].name:
            continue  # as nearly all of a long chain
        fed = [edge.port for edge in edges]
        if fed == [port.name for port in ports]:
            continue
        for name, times in Counter(fed).items():
            if all(port.name != name for port in node.ports):
                yield f"`{node.id}` has no port {name!r}"
            if times > 1:
                yield f"port {name!r} of `{node.id}` is fed twice"
        yield from (
            f"port {port.name!r} of `{node.id}` is not fed"
            for port in node.ports
            if port.required and port.name not in fed
        )


def _broken_bodies(node: Node) -> Iterator[str]:
    match node.op:
        case Op.BRANCH if len(node.bodies) != len(node.conditions) + 1:
            yield f"`{node.id}` has {len(node.bodies)} bodies for {len(node.conditions)} conditions"
        case Op.EACH if len(node.bodies) != 1:
            yield f"`{node.id}` has {len(node.bodies)} bodies, not one"
        case Op.WRAP if node.policy is None or not node.bodies:
            yield f"`{node.id}` is wrapped, but has no policy, or nothing in it"


def _is_whole(graph: Graph, edge: Edge) -> bool:
    node = graph.by_id[edge.target]
    return edge.port is not None and node.op is not Op.JOIN and not node.port(edge.port).streams


def _broken_path(plan: Plan, stage: Stage) -> Iterator[str]:
    """Check that what a stage runs is one path, but for its fans."""
    inside = set(stage.nodes)
    branches = {node_id for fan in stage.fans for _, nodes in fan.branches for node_id in nodes}
    forks = {fan.fork for fan in stage.fans}
    joins = {fan.join for fan in stage.fans}
    path = [node_id for node_id in stage.nodes if node_id not in branches]
    for before, node_id in itertools.pairwise(path):
        edges = plan.edges_into[node_id]
        if node_id not in joins and not (len(edges) == 1 and edges[0].source == before):
            yield f"`{node_id}` is in the middle of {stage.id}, but takes more than what `{before}` gives"
        if before not in forks and len(plan.edges_from[before]) != 1:
            yield f"`{before}` is in the middle of {stage.id}, but gives to more than `{node_id}`"
    for fan in stage.fans:
        fed = {edge.port: edge.source for edge in plan.edges_into[fan.join]}
        if fed != {port: nodes[-1] if nodes else fan.fork for port, nodes in fan.branches}:
            yield f"the branches of the fan that ends in `{fan.join}` are not what feeds it"
        for _, nodes in fan.branches:
            for before, node_id in itertools.pairwise((fan.fork, *nodes)):
                if [edge.source for edge in plan.edges_into[node_id]] != [before]:
                    yield f"`{node_id}` is in a fan, but takes more than what `{before}` gives"
        if not {edge.target for edge in plan.edges_from[fan.fork]} <= inside:
            yield f"`{fan.fork}` begins a fan of {stage.id}, but gives to more than that"


def _broken_plan(plan: Plan, passed: Collection[str]) -> Iterator[str]:
    staged = [node_id for stage in plan.stages for node_id in stage.nodes]
    if sorted(staged) != sorted(node.id for node in plan.nodes if node.id != INPUT):
        yield "not every node stands in exactly one stage"
    for stage in plan.stages:
        yield from _broken_path(plan, stage)
        fused = [node_id for cluster in stage.clusters for node_id in cluster.nodes]
        chosen = set(fused)
        if fused != [node_id for node_id in stage.nodes if node_id in chosen]:
            yield f"the clusters of {stage.id} are not pieces of it, in its order"
    if [stage.nodes[-1] for stage in plan.stages if not stage.own_task] != [plan.output]:
        yield "not exactly the stage that ends in the output is pulled by the reader"
    if "plan_buffers" in passed:
        place = {node.id: node.stage for node in plan.nodes}
        crossing = [edge for edge in plan.edges if place[edge.source] != place[edge.target]]
        ends = sorted((edge.target, str(edge.port)) for edge in crossing)
        if ends != sorted((buffer.target, buffer.port) for buffer in plan.buffers):
            yield "not every edge between two stages has exactly one buffer"
    if plan.streams == (not plan.streaming_begins):
        yield "the plan streams from nowhere, or begins to stream although it does not"
    for node in plan.nodes:
        if len(node.plans) != len(node.bodies):
            yield f"`{node.id}` has {len(node.plans)} plans for {len(node.bodies)} bodies"
        for body in node.plans:
            yield from (f"in `{node.id}`: {line}" for line in _broken_plan(body, passed))
