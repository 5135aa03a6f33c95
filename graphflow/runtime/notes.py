"""Notes on errors: which node raised it, where that is declared, and in which run."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any

from graphflow_compiler.plan import Cluster, Plan, PlannedNode, Stage


def annotate(error: BaseException, node: PlannedNode, run_id: str) -> None:
    """Add the note that says where an error comes from, unless this run has added one."""
    marker = f"run {run_id}"
    if any(marker in note for note in getattr(error, "__notes__", ())):
        return
    place = f" ({node.location})" if node.location is not None else ""
    error.add_note(f"in node `{node.id}`{place}, {marker}")


def find_node(error: BaseException, plan: Plan, stage: Stage) -> PlannedNode:
    """Find the node of a stage that raised an error, by the frames of its traceback.

    Generators are nested, the last node outermost; so the frames of the nodes come from the last to the first, and
    the deepest one that is found is the one that raised. Without any, it is the node that gives the stage's output.
    """
    nodes = [plan.by_id[node_id] for node_id in stage.nodes]
    remaining = list(reversed(nodes))
    found = nodes[-1]
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        for index, node in enumerate(remaining):
            if node.function is not None and _runs(node.function, code):
                found = node
                remaining = remaining[index + 1 :]
                break
        else:
            found = _in_cluster(traceback, plan, stage.clusters) or found
        traceback = traceback.tb_next
    return found


def _runs(function: Callable[..., Any], code: CodeType) -> bool:
    while hasattr(function, "func") and hasattr(function, "keywords"):
        function = function.func
    function = getattr(function, "__func__", function)
    own = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)
    return own is code


def _in_cluster(traceback: TracebackType, plan: Plan, clusters: tuple[Cluster, ...]) -> PlannedNode | None:
    """Find the node by the line of a generated function that was running."""
    filename = traceback.tb_frame.f_code.co_filename
    if not filename.startswith("<graphflow "):
        return None
    for cluster in clusters:
        index = traceback.tb_lineno - 3  # two lines come before the first node: the `def` and the `for`
        if traceback.tb_frame.f_code.co_name == cluster.name and 0 <= index < len(cluster.nodes):
            return plan.by_id[cluster.nodes[index]]
    return None

