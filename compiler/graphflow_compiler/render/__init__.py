"""How a plan or a graph is shown: one outline, and formats that lay it out.

`outline` puts a plan into words; `text`, `mermaid`, `dot` and `json` draw from nothing but the outline. What was
measured in a run goes into the same outline, so that a profile is shown by the same code as its plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from graphflow_compiler.ir import Graph
from graphflow_compiler.plan import Plan
from graphflow_compiler.render.dot import as_dot
from graphflow_compiler.render.json import as_json
from graphflow_compiler.render.listing import as_listing
from graphflow_compiler.render.mermaid import as_mermaid
from graphflow_compiler.render.outline import Locate, Measured, Outline, outline_of
from graphflow_compiler.render.text import as_text

#: The formats of a plan, by their names.
FORMATS: Final[dict[str, Callable[[Outline], str]]] = {
    "text": as_text,
    "mermaid": as_mermaid,
    "dot": as_dot,
    "json": as_json,
}


def render_plan(
    plan: Plan, format: str = "text", *, measured: Measured | None = None, locate: Locate | None = None
) -> str:
    """Show a plan.

    Args:
        plan: the plan.
        format: ``text`` for people, ``mermaid`` and ``dot`` to draw, ``json`` for programs.
        measured: figures of a run, in words, for every node that has some; see `outline.Measured`.
        locate: how locations are shown; files below the current directory from there on, others by their last two
            parts, if not given.

    Raises:
        ValueError: there is no such format.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no format {format!r}: choose {', '.join(map(repr, FORMATS))}")
    return FORMATS[format](outline_of(plan, measured=measured, locate=locate))


def render_graph(graph: Graph) -> str:
    """Show a graph, after any pass, with the facts that were found so far: a line a fact, without locations.

    The text is stable, so that it can be compared in golden files.
    """
    return as_listing(graph)
