"""Write the function that runs every stage; neighbouring chunkwise nodes of it become one step.

A chunk then passes k nodes for the price of k calls, instead of k generators.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import attrs

from graphflow_compiler.generate import Mode, write_stage
from graphflow_compiler.ir import NodeId, Op
from graphflow_compiler.plan import Cluster, Plan, Stage


def fuse(plan: Plan) -> Plan:
    """Write the function that runs every stage; neighbouring chunkwise nodes of it become one step."""
    plan = plan.map_bodies(fuse)
    fused = plan.changed(stages=tuple(_fused(plan, stage) for stage in plan.stages))
    stages = (attrs.evolve(stage, write=functools.partial(_source, fused, stage)) for stage in fused.stages)
    return fused.changed(stages=tuple(stages))


def _source(plan: Plan, stage: Stage) -> str:
    return write_stage(plan, stage, Mode("put" if stage.own_task else "yield")).text


def _fused(plan: Plan, stage: Stage) -> Stage:
    return attrs.evolve(stage, clusters=tuple(_clusters(plan, stage)))


def _clusters(plan: Plan, stage: Stage) -> Iterator[Cluster]:
    in_fans = {node_id for fan in stage.fans for _, nodes in fan.branches for node_id in nodes}
    run: list[NodeId] = []
    for node_id in stage.nodes:
        if node_id in in_fans:
            continue
        node = plan.by_id[node_id]
        keyed = any(edge.key is not None for edge in plan.edges_into[node_id])
        if run and (node.op is not Op.MAP or keyed):
            yield Cluster(tuple(run))
            run = []
        if node.op is Op.MAP:
            run.append(node_id)
    if run:
        yield Cluster(tuple(run))
