"""Write one generated function for every run of neighbouring chunkwise nodes in a stage.

A chunk then passes k nodes for the price of k calls, instead of k generators.

>>> print(write("shout__strip", (("shout", False), ("strip", False)), is_async=True))
async def shout__strip(chunks, shout, strip):
    async for chunk in chunks:
        chunk = shout(chunk)
        chunk = strip(chunk)
        yield chunk
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

import attrs

from graphflow_compiler.ir import NodeId, Op
from graphflow_compiler.plan import Cluster, Plan, PlannedNode, Stage


def fuse(plan: Plan) -> Plan:
    """Write one generated function for every run of neighbouring chunkwise nodes in a stage."""
    nodes = tuple(
        attrs.evolve(node, plans=tuple(fuse(body) for body in node.plans)) if node.plans else node
        for node in plan.nodes
    )
    stages = tuple(attrs.evolve(stage, clusters=tuple(_clusters(plan, stage))) for stage in plan.stages)
    return attrs.evolve(plan, nodes=nodes, stages=stages)


def _clusters(plan: Plan, stage: Stage) -> Iterable[Cluster]:
    run: list[PlannedNode] = []
    for node_id in stage.nodes:
        node = plan.by_id[node_id]
        keyed = any(edge.key is not None for edge in plan.edges_into[node_id])
        if node.op is Op.MAP and not (keyed and run):
            run.append(node)
            continue
        if run:
            yield cluster(run)
        run = [node] if node.op is Op.MAP else []
    if run:
        yield cluster(run)


def cluster(run: list[PlannedNode]) -> Cluster:
    """Return the generated function of a run of chunkwise nodes."""
    names = _unique(node.id for node in run)
    steps = tuple(zip(names, (node.is_async or node.thread for node in run), strict=True))
    name = "__".join(names) if len(names) <= 3 else f"{names[0]}__to__{names[-1]}"
    return Cluster(
        name,
        tuple(node.id for node in run),
        write(name, steps, is_async=True),
        "" if any(awaited for _, awaited in steps) else write(name, steps, is_async=False),
    )


def write(name: str, steps: tuple[tuple[str, bool], ...], *, is_async: bool) -> str:
    """Return the source of a generator that takes every chunk through `steps`: names, and whether to await."""
    prefix = "async " if is_async else ""
    lines = [f"{prefix}def {name}(chunks, {', '.join(step for step, _ in steps)}):"]
    lines.append(f"    {prefix}for chunk in chunks:")
    lines.extend(f"        chunk = {'await ' if awaited else ''}{step}(chunk)" for step, awaited in steps)
    lines.append("        yield chunk")
    return "\n".join(lines)


def _unique(ids: Iterable[NodeId]) -> list[str]:
    """Return a Python name for every node id, each once."""
    taken = {"chunk", "chunks"}
    names = []
    for node_id in ids:
        stem = re.sub(r"\W+", "_", node_id).strip("_") or "node"
        stem = f"_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        names.append(name)
    return names
