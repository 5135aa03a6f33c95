"""What must hold between passes: a broken invariant is a defect of graphflow, never of the user's chain."""

from __future__ import annotations

from collections.abc import Iterator

from graphflow_compiler.errors import InternalError
from graphflow_compiler.ir import INPUT, Graph, Op
from graphflow_compiler.plan import Plan


def verify(subject: Graph | Plan, after: str) -> None:
    """Check every invariant that holds once the pass `after` has run.

    Raises:
        InternalError: one does not hold; the message carries what was broken, and the graph or plan.
    """
    broken = list(_broken_graph(subject) if isinstance(subject, Graph) else _broken_plan(subject))
    if broken:
        details = "\n".join(f"  {line}" for line in broken)
        raise InternalError(f"after {after}:\n{details}\nin {subject!r}\nThis is a defect of graphflow: please report it.")


def _broken_graph(graph: Graph) -> Iterator[str]:
    position = {node.id: index for index, node in enumerate(graph.nodes)}
    if len(position) != len(graph.nodes):
        yield "two nodes have one id"
    if not graph.nodes or graph.nodes[0].id != INPUT:
        yield "the first node is not the input"
    if graph.output not in position:
        yield f"the output {graph.output!r} is no node"
    fed: set[tuple[str, str | None]] = set()
    for edge in graph.edges:
        if edge.source not in position or edge.target not in position:
            yield f"an edge leads from {edge.source!r} to {edge.target!r}, which are not both nodes"
            continue
        if position[edge.source] >= position[edge.target]:
            yield f"`{edge.source}` does not come before `{edge.target}`"
        if edge.port not in {port.name for port in graph.by_id[edge.target].ports}:
            yield f"`{edge.target}` has no port {edge.port!r}"
        if (edge.target, edge.port) in fed:
            yield f"port {edge.port!r} of `{edge.target}` is fed twice"
        fed.add((edge.target, edge.port))
    for node in graph.nodes:
        yield from (
            f"port {port.name!r} of `{node.id}` is not fed"
            for port in node.ports
            if port.required and (node.id, port.name) not in fed
        )
        if node.op in (Op.BRANCH, Op.EACH) and not node.bodies:
            yield f"`{node.id}` has no body"


def _broken_plan(plan: Plan) -> Iterator[str]:
    staged = [node_id for stage in plan.stages for node_id in stage.nodes]
    if sorted(staged) != sorted(node.id for node in plan.nodes if node.id != INPUT):
        yield "not every node stands in exactly one stage"
    for stage in plan.stages:
        for before, node_id in zip(stage.nodes, stage.nodes[1:], strict=False):
            if [edge.source for edge in plan.edges_into[node_id]] != [before]:
                yield f"`{node_id}` is in the middle of {stage.id}, but takes more than what `{before}` gives"
    if plan.output != INPUT and (not plan.stages or all(plan.output != stage.nodes[-1] for stage in plan.stages)):
        yield "no stage ends in the output"
    if plan.streams == (not plan.streaming_begins):
        yield "the plan streams from nowhere, or begins to stream although it does not"
