"""Draw an outline as a mermaid flowchart: one subgraph a stage, a shape and a colour a class.

Everything is drawn, however long the plan is; mermaid itself refuses more than 500 edges, unless ``maxEdges`` is set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from graphflow_compiler.render.drawing import Box, Group, Link, draw
from graphflow_compiler.render.outline import Mark, Outline

_SHAPES: Final = {
    "input": ("[/", "/]"),
    "transform": ("(", ")"),
    "aggregate": ("[", "]"),
    "producer": ("([", "])"),
}
#: Text and background are both set, so that every box reads the same in light and dark surroundings.
_CLASSES: Final = {
    "input": "fill:#eceff1,stroke:#546e7a,color:#17212b",
    "transform": "fill:#d9f0df,stroke:#2e7d4f,color:#10301d",
    "aggregate": "fill:#fde4c8,stroke:#b35c00,color:#3d2000",
    "producer": "fill:#d8e7fb,stroke:#2b62b0,color:#0f2542",
}
_MARKED: Final = {
    Mark.BEGINS: "stroke-width:4px",
    Mark.WHOLE: "stroke-width:4px,stroke-dasharray:6 3",
    Mark.MAYBE: "stroke-width:4px,stroke-dasharray:6 3",
    Mark.BLOCKS: "stroke:#c62828,stroke-width:4px",
}


def as_mermaid(outline: Outline) -> str:
    """Draw an outline as a mermaid flowchart."""
    drawn = draw(outline)
    title = json.dumps(" — ".join(drawn.title), ensure_ascii=False)  # a quoted string of JSON is one of YAML as well
    lines = ["---", f"title: {title}", "---", "flowchart TD"]
    lines.extend(f"    {_box(box)}" for box in drawn.boxes)
    for group in drawn.groups:
        lines.extend(_group(group, "    "))
    lines.extend(f"    {_link(link)}" for link in drawn.links)
    lines.extend(f"    classDef {name} {style}" for name, style in _CLASSES.items())
    lines.extend(f"    classDef {mark.name.lower()} {style}" for mark, style in _MARKED.items())
    lines.extend(_marked(drawn.boxes, drawn.groups))
    return "\n".join(lines)


def escape(label: str) -> str:
    """Escape a text for a quoted label: what mermaid, its preprocessor or HTML would read becomes an entity.

    >>> escape('a "quoted" list<str>')
    'a #quot;quoted#quot; list#lt;str#gt;'
    """
    label = re.sub(r"[#&`%\\\\]", lambda found: f"#{ord(found[0])};", label)
    label = label.replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    # mermaid takes the last semicolon of a line with one of these words and a colon for the end of a statement
    return label.replace("style", "st#121;le").replace("classDef", "class#68;ef")


def _group(group: Group, indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {group.id}["{escape(group.title)}"]'
    for box in group.boxes:
        yield f"{indent}    {_box(box)}"
    for inner in group.groups:
        yield from _group(inner, indent + "    ")
    yield f"{indent}end"


def _box(box: Box) -> str:
    opening, closing = _SHAPES[box.look]
    return f'{box.id}{opening}"{"<br/>".join(map(escape, box.lines))}"{closing}:::{box.look}'


def _link(link: Link) -> str:
    arrow = "-.->" if link.dotted else "-->"
    label = f'|"{escape(link.label)}"|' if link.label else ""
    return f"{link.source} {arrow}{label} {link.target}"


def _marked(boxes: tuple[Box, ...], groups: tuple[Group, ...]) -> Iterator[str]:
    for box in boxes:
        if box.mark is not None:
            yield f"    class {box.id} {box.mark.name.lower()}"
    for group in groups:
        yield from _marked(group.boxes, group.groups)
