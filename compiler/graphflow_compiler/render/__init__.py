"""How a plan or a graph is shown: one outline, and formats that lay it out.

`outline` puts a plan into words; the formats draw from nothing but the outline. What was measured in a run goes into
the same outline, so that a profile is shown by the same code as its plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from graphflow_compiler.ir import Graph
from graphflow_compiler.plan import Plan
from graphflow_compiler.profile import Profile
from graphflow_compiler.render.dot import as_dot
from graphflow_compiler.render.figures import as_json_of_profile, measured_outline
from graphflow_compiler.render.html import as_html
from graphflow_compiler.render.json import as_json
from graphflow_compiler.render.listing import as_listing
from graphflow_compiler.render.mermaid import as_mermaid
from graphflow_compiler.render.outline import Locate, Measured, Outline, outline_of
from graphflow_compiler.render.svg import as_svg
from graphflow_compiler.render.text import WIDTH, as_text

#: The formats of a plan besides text, by their names.
DRAWN: Final[dict[str, Callable[[Outline], str]]] = {
    "mermaid": as_mermaid,
    "dot": as_dot,
    "svg": as_svg,
    "html": as_html,
    "json": as_json,
}
FORMATS: Final = ("text", *DRAWN)


def render_plan(
    plan: Plan,
    format: str = "text",
    *,
    full: bool = False,
    width: int = WIDTH,
    measured: Measured | None = None,
    locate: Locate | None = None,
) -> str:
    """Show a plan.

    Args:
        plan: the plan.
        format: ``text`` for people; ``mermaid``, ``dot`` and ``svg`` to draw; ``html`` for a page; ``json``.
        full: of text, show every node of a long plan. The other formats have them all in any case.
        width: of a line of text, in characters.
        measured: figures of a run, in words, for every node that has some; see `outline.Measured`.
        locate: how locations are shown; files below the current directory from there on, others by their last two
            parts, if not given.

    Raises:
        ValueError: there is no such format.
        DrawingError: the drawing is made by a program that is not there.
    """
    return render_outline(outline_of(plan, measured=measured, locate=locate), format, full=full, width=width)


def render_profile(profile: Profile, format: str = "text", *, full: bool = False, width: int = WIDTH) -> str:
    """Show what was measured of a run, with its plan; args and errors as for `render_plan`."""
    text = render_outline(measured_outline(profile), format, full=full, width=width)
    return as_json_of_profile(profile, as_json(outline_of(profile.plan))) if format == "json" else text


def render_outline(outline: Outline, format: str = "text", *, full: bool = False, width: int = WIDTH) -> str:
    """Show an outline: args and errors as for `render_plan`."""
    if format not in FORMATS:
        raise ValueError(f"there is no format {format!r}: choose {', '.join(map(repr, FORMATS))}")
    if format == "text":
        return as_text(outline, full=full, width=width)
    return DRAWN[format](outline)


def render_graph(graph: Graph) -> str:
    """Show a graph, after any pass, with the facts that were found so far: a line a fact, without locations.

    The text is stable, so that it can be compared in golden files.
    """
    return as_listing(graph)
