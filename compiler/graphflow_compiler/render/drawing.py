"""Turn an outline into boxes, groups and links: what mermaid and dot both draw, each in its own syntax.

Ids are positions (``n0``, ``s1``, ``n3b0n1`` for a node in a body), so that no name of the user's can be mistaken for
a keyword. Labels are plain text; each syntax escapes them in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.render.outline import EdgeLine, Mark, NodeLine, Outline, printable, shortened

#: How much of a type is drawn.
_MOST = 60


@attrs.frozen
class Box:
    """A node: an id, the lines of its label, and what decides its shape and colours."""

    id: str
    lines: tuple[str, ...]
    look: str
    mark: Mark | None


@attrs.frozen
class Link:
    """An arrow; a dotted one leads from a node to a body of it."""

    source: str
    target: str
    label: str
    dotted: bool = False


@attrs.frozen
class Group:
    """A frame around boxes and other frames: a stage, or a body."""

    id: str
    title: str
    boxes: tuple[Box, ...] = ()
    groups: tuple[Group, ...] = ()


@attrs.frozen
class Drawing:
    """All there is to draw: frames and boxes outside of any, then the arrows."""

    title: tuple[str, ...]
    boxes: tuple[Box, ...]
    groups: tuple[Group, ...]
    links: tuple[Link, ...]


def draw(outline: Outline) -> Drawing:
    """Turn an outline into boxes, groups and links."""
    whole = _group(outline, "")
    title = tuple(map(printable, (outline.headline, *outline.verdict)))
    return Drawing(title, whole.boxes, whole.groups, tuple(_links(outline, "")))


def _group(outline: Outline, prefix: str, title: str = "") -> Group:
    ids = _ids(outline, prefix)
    stages = tuple(
        Group(
            f"{prefix}{stage.id}",
            f"{stage.id} · {'a task of its own' if stage.own_task else 'pulled by the reader'}",
            tuple(_box(outline.by_id[node_id], ids[node_id]) for node_id in stage.nodes),
        )
        for stage in outline.stages
    )
    bodies = tuple(
        _group(body.outline, f"{ids[node.id]}b{index}", title=printable(f"{node.id}: {body.label}"))
        for node in outline.nodes
        for index, body in enumerate(node.bodies)
    )
    return Group(prefix, title, (_box(outline.by_id[INPUT], ids[INPUT]),), (*stages, *bodies))


def _box(node: NodeLine, box_id: str) -> Box:
    mark = () if node.mark is None else (f"{node.mark.sign} {node.mark}",)
    lines = (node.id, shortened(node.types, _MOST), *mark, *((node.figures,) if node.measured else ()))
    return Box(box_id, tuple(map(printable, lines)), "input" if node.id == INPUT else str(node.node_class), node.mark)


def _links(outline: Outline, prefix: str) -> Iterator[Link]:
    ids = _ids(outline, prefix)
    for node in outline.nodes:
        for edge in node.inputs:
            yield Link(ids[edge.source], ids[edge.target], printable(_label(edge)))
    for node in outline.nodes:
        for index, body in enumerate(node.bodies):
            inner = f"{ids[node.id]}b{index}"
            yield Link(ids[node.id], _ids(body.outline, inner)[INPUT], printable(body.label), dotted=True)
            yield from _links(body.outline, inner)


def _ids(outline: Outline, prefix: str) -> dict[NodeId, str]:
    return {node.id: f"{prefix}n{index}" for index, node in enumerate(outline.nodes)}


def _label(edge: EdgeLine) -> str:
    port = "" if edge.sole else edge.port or ""
    key = "" if edge.key is None else f"[{edge.key!r}]"
    return " · ".join(filter(None, (port, key, edge.kind, "unchecked" if edge.unchecked else "")))
