"""Notes on errors: which node raised it, where that is declared, and in which run."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType

from graphflow_compiler.generate import Source
from graphflow_compiler.ir import NodeId
from graphflow_compiler.plan import Plan, PlannedNode


def is_annotated(error: BaseException, run_id: str) -> bool:
    """Tell whether a run has added its note to an error."""
    return any(note.endswith(f", run {run_id}") for note in getattr(error, "__notes__", ()))


def annotate(error: BaseException, plan: Plan, node: PlannedNode, run_id: str, around: tuple[str, ...] = ()) -> None:
    """Add the note that says where an error comes from.

    Args:
        error: the error.
        plan: the plan that the node is in.
        node: the node.
        run_id: the id of the run.
        around: the path to the node whose body the plan is.
    """
    place = f" ({node.location})" if node.location is not None else ""
    path = (*around, *path_to(plan, node))
    inside = f" in `{' > '.join(path)}`" if len(path) > 1 else ""  # one name is that of the chain itself
    error.add_note(f"in node `{node.id}`{place}{inside}, run {run_id}")


def path_to(plan: Plan, node: PlannedNode) -> tuple[str, ...]:
    """Return the names of the groups that a node stands in, outermost first."""
    scopes = {scope.id: scope for scope in plan.scopes}
    path: list[str] = []
    scope = scopes.get(node.scope) if node.scope is not None else None
    while scope is not None:
        path.append(scope.name)
        scope = scopes.get(scope.parent) if scope.parent is not None else None
    return tuple(reversed(path))


def frame_of(generator: object) -> FrameType | None:
    """Return the frame that a generator runs in; None for an iterator that is none, or one that has ended."""
    frame: FrameType | None = getattr(generator, "ag_frame", None) or getattr(generator, "gi_frame", None)
    return frame


def find_node(error: BaseException, frames: Mapping[FrameType, PlannedNode | Source]) -> NodeId | None:
    """Find the node that raised an error, by the frames of its traceback: the deepest that a node runs in is its own.

    Args:
        error: what was raised.
        frames: those of the generators of nodes, and those of generated functions, with what runs in them.
    """
    found: NodeId | None = None
    traceback = error.__traceback__
    while traceback is not None:
        owner = frames.get(traceback.tb_frame)
        if isinstance(owner, PlannedNode):
            found = owner.id
        elif owner is not None:
            found = owner.lines.get(traceback.tb_lineno, found)
        traceback = traceback.tb_next
    return found
