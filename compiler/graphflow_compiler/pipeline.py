"""The passes, in order, and the loop that runs them.

>>> [step.__name__ for step in (*GRAPH_PASSES, plan_stages, *PLAN_PASSES)]  # doctest: +NORMALIZE_WHITESPACE
['normalise', 'check_types', 'classify', 'accumulate', 'find_streaming_points',
 'plan_stages', 'fuse', 'plan_buffers', 'diagnose']
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from graphflow_compiler.ir import Graph
from graphflow_compiler.passes.accumulate import accumulate
from graphflow_compiler.passes.check_types import check_types
from graphflow_compiler.passes.classify import classify
from graphflow_compiler.passes.diagnose import diagnose
from graphflow_compiler.passes.find_streaming_points import find_streaming_points
from graphflow_compiler.passes.fuse import fuse
from graphflow_compiler.passes.normalise import normalise
from graphflow_compiler.passes.plan_buffers import plan_buffers
from graphflow_compiler.passes.plan_stages import plan_stages
from graphflow_compiler.plan import Plan
from graphflow_compiler.verify import verify

GraphPass = Callable[[Graph], Graph]
PlanPass = Callable[[Plan], Plan]
Observer = Callable[[str, Graph | Plan], None]

GRAPH_PASSES: Final[tuple[GraphPass, ...]] = (normalise, check_types, classify, accumulate, find_streaming_points)
PLAN_PASSES: Final[tuple[PlanPass, ...]] = (fuse, plan_buffers, diagnose)

#: The names of all passes in the order in which they run.
PASS_NAMES: Final[tuple[str, ...]] = tuple(step.__name__ for step in (*GRAPH_PASSES, plan_stages, *PLAN_PASSES))


def compile_graph(graph: Graph, observe: Observer = lambda name, subject: None) -> Plan:
    """Run all passes over a graph.

    Args:
        graph: as a declaration wrote it.
        observe: called with the name of every pass and what it gave, before the next one runs.

    Raises:
        CompileError: the graph cannot be run; it holds everything that the first failing pass found.
    """
    passed: list[str] = []

    def checked(step: Callable[..., object], subject: Graph | Plan) -> None:
        passed.append(step.__name__)
        verify(subject, passed)
        observe(step.__name__, subject)

    for graph_pass in GRAPH_PASSES:
        graph = graph_pass(graph)
        checked(graph_pass, graph)
    plan = plan_stages(graph)
    checked(plan_stages, plan)
    for plan_pass in PLAN_PASSES:
        plan = plan_pass(plan)
        checked(plan_pass, plan)
    return plan
