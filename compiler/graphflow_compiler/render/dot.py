"""Draw an outline in the dot language of graphviz: one cluster a stage, a shape and a colour a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graphflow_compiler.render.drawing import Box, Group, Link, draw
from graphflow_compiler.render.outline import Mark, Outline

_LOOKS: Final = {
    "input": 'shape=parallelogram, style=filled, fillcolor="#eceff1", color="#546e7a", fontcolor="#17212b"',
    "transform": 'shape=box, style="rounded,filled", fillcolor="#d9f0df", color="#2e7d4f", fontcolor="#10301d"',
    "aggregate": 'shape=box, style=filled, fillcolor="#fde4c8", color="#b35c00", fontcolor="#3d2000"',
    "producer": 'shape=ellipse, style=filled, fillcolor="#d8e7fb", color="#2b62b0", fontcolor="#0f2542"',
}
_MARKED: Final = {
    Mark.BEGINS: "penwidth=4",
    Mark.WHOLE: "penwidth=2, peripheries=2",
    Mark.MAYBE: "penwidth=2, peripheries=2",
    Mark.BLOCKS: 'penwidth=4, color="#c62828"',
}


def as_dot(outline: Outline) -> str:
    """Draw an outline in the dot language."""
    drawn = draw(outline)
    lines = [
        "digraph plan {",
        f"    label={quoted(*drawn.title)}; labelloc=t; compound=true; bgcolor=transparent;",
        '    fontname="Helvetica,Arial,sans-serif"; fontcolor="#808080";',
        '    node [fontname="Helvetica,Arial,sans-serif"];',
        '    edge [fontname="Helvetica,Arial,sans-serif", color="#808080", fontcolor="#808080"];',
    ]
    lines.extend(f"    {_box(box)}" for box in drawn.boxes)
    for group in drawn.groups:
        lines.extend(_group(group, "    "))
    lines.extend(f"    {_link(link)}" for link in drawn.links)
    return "\n".join([*lines, "}"])


def quoted(*lines: str) -> str:
    r"""Write lines as one quoted label.

    >>> print(quoted('a "b"', r"c\d", "e&amp;"))
    "a \"b\"\nc\\d\ne&amp;amp;"
    """
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _group(group: Group, indent: str) -> Iterator[str]:
    yield f"{indent}subgraph cluster_{group.id} {{"
    yield f'{indent}    label={quoted(group.title)}; style=rounded; color="#808080";'
    for box in group.boxes:
        yield f"{indent}    {_box(box)}"
    for inner in group.groups:
        yield from _group(inner, indent + "    ")
    yield f"{indent}}}"


def _box(box: Box) -> str:
    mark = f", {_MARKED[box.mark]}" if box.mark is not None else ""
    return f"{box.id} [label={quoted(*box.lines)}, {_LOOKS[box.look]}{mark}];"


def _link(link: Link) -> str:
    attributes = [f"label={quoted(link.label)}"] if link.label else []
    attributes += ["style=dashed"] if link.dotted else []
    return f"{link.source} -> {link.target}" + (f" [{', '.join(attributes)}]" if attributes else "") + ";"
