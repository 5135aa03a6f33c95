"""Turn an outline into boxes, groups and links: what mermaid, dot and HTML all draw, each in its own syntax.

Ids are positions (``n0``, ``s1``, ``n3b0n1`` for a node in a body), so that no name of the user's can be mistaken for
a keyword. Labels are plain text; each syntax escapes them in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Stage
from graphflow_compiler.render.folding import Gap, shown_stages
from graphflow_compiler.render.outline import EdgeLine, Mark, NodeLine, Outline, printable, shortened, who_runs

#: How much of a type is drawn.
_MOST = 60


@attrs.frozen
class Box:
    """A node: an id, the lines of its label, and what decides its shape and colours.

    Attributes:
        node: what it stands for; None for what stands for several nodes that are left out.
    """

    id: str
    lines: tuple[str, ...]
    look: str
    mark: Mark | None = None
    node: NodeLine | None = None


@attrs.frozen
class Link:
    """An arrow.

    Attributes:
        edge: what it stands for; None for one that leads from a node into a body of it.
    """

    source: str
    target: str
    label: str
    edge: EdgeLine | None = None

    @property
    def dotted(self) -> bool:
        """Tell whether it leads into a body."""
        return self.edge is None


@attrs.frozen
class Group:
    """A frame around boxes and other frames.

    Attributes:
        stage: what it stands for; None for a body, and for the whole plan.
    """

    id: str
    title: str
    boxes: tuple[Box, ...] = ()
    groups: tuple[Group, ...] = ()
    stage: Stage | None = None

    def all_boxes(self) -> Iterator[Box]:
        """Yield the boxes in it, and in the frames in it."""
        yield from self.boxes
        for group in self.groups:
            yield from group.all_boxes()


@attrs.frozen
class Drawing:
    """All there is to draw: frames and boxes outside of any, then the arrows."""

    title: tuple[str, ...]
    boxes: tuple[Box, ...]
    groups: tuple[Group, ...]
    links: tuple[Link, ...]

    def all_boxes(self) -> Iterator[Box]:
        """Yield the boxes outside of frames and in them."""
        yield from self.boxes
        for group in self.groups:
            yield from group.all_boxes()


def draw(outline: Outline, *, full: bool = True) -> Drawing:
    """Turn an outline into boxes, groups and links; of a long plan without `full`, what stands for most of them."""
    whole = _Plan(outline, "", full)
    group = whole.group("")
    title = tuple(map(printable, (outline.headline, *outline.verdict)))
    return Drawing(title, group.boxes, group.groups, tuple(whole.links()))


def ids(outline: Outline, prefix: str = "") -> dict[NodeId, str]:
    """Return the ids that the nodes of a plan have in drawings."""
    return {node.id: f"{prefix}n{index}" for index, node in enumerate(outline.nodes)}


def inner_prefix(box_id: str, body: int) -> str:
    """Return what the ids in a body of a node begin with.

    >>> inner_prefix("n3", 0)
    'n3b0'
    """
    return f"{box_id}b{body}"


class _Plan:
    """A plan that is drawn: which of its nodes are, and by which boxes."""

    def __init__(self, outline: Outline, prefix: str, full: bool) -> None:
        self._outline = outline
        self._prefix = prefix
        self._full = full
        self._ids = ids(outline, prefix)
        self._shown = shown_stages(outline, full=full)
        #: The box of every node: its own, or the one that stands for those left out.
        self._boxes = {INPUT: self._ids[INPUT]}
        for each in self._shown:
            if isinstance(each, Gap):
                self._stand_in(node_id for stage in each.items for node_id in stage.nodes)
                continue
            for node in each.nodes:
                if isinstance(node, Gap):
                    self._stand_in(hidden.id for hidden in node.items)
                else:
                    self._boxes[node.id] = self._ids[node.id]
        self._bodies = [
            (node, body.label, _Plan(body.outline, inner_prefix(self._ids[node.id], index), full))
            for node in outline.nodes
            if self._boxes[node.id] == self._ids[node.id]
            for index, body in enumerate(node.bodies)
        ]

    def _stand_in(self, hidden: Iterable[NodeId]) -> None:
        first, *others = hidden
        self._boxes |= dict.fromkeys((first, *others), f"{self._ids[first]}more")

    def group(self, title: str) -> Group:
        """Return the frame around all."""
        outline = self._outline
        loose = [_box(outline.by_id[INPUT], self._boxes[INPUT])]
        stages = []
        for each in self._shown:
            if isinstance(each, Gap):
                text = f"… {each.count:,} more stages like these", f"{each.first} to {each.last}"
                loose.append(Box(self._boxes[each.items[0].nodes[0]], text, "gap"))
                continue
            stage = each.stage
            title = f"{stage.id} · {who_runs(stage)}"
            stages.append(Group(f"{self._prefix}{stage.id}", title, tuple(map(self._box, each.nodes)), stage=stage))
        bodies = (plan.group(printable(f"{node.id}: {label}")) for node, label, plan in self._bodies)
        return Group(self._prefix, title, tuple(loose), (*stages, *bodies))

    def _box(self, node: NodeLine | Gap[NodeLine]) -> Box:
        if isinstance(node, Gap):
            text = f"… {node.count:,} more like these", printable(f"{node.first} to {node.last}")
            return Box(self._boxes[node.items[0].id], text, "gap")
        return _box(node, self._boxes[node.id])

    def links(self) -> Iterator[Link]:
        """Yield the arrows; between what stands for several, one for all of them."""
        drawn = set()
        for node in self._outline.nodes:
            for edge in node.inputs:
                source, target = self._boxes[edge.source], self._boxes[edge.target]
                stands_in = source != self._ids[edge.source] or target != self._ids[edge.target]
                if not stands_in:
                    yield Link(source, target, printable(edge.label), edge)
                elif source != target and (source, target) not in drawn:
                    drawn.add((source, target))
                    yield Link(source, target, "", edge)
        for node, label, plan in self._bodies:
            yield Link(self._boxes[node.id], plan._ids[INPUT], printable(label))
            yield from plan.links()


def _box(node: NodeLine, box_id: str) -> Box:
    mark = () if node.mark is None else (f"{node.mark.sign} {node.mark}",)
    lines = (node.id, shortened(node.types, _MOST), *mark, *((node.figures,) if node.measured else ()))
    look = "input" if node.id == INPUT else str(node.node_class)
    return Box(box_id, tuple(map(printable, lines)), look, node.mark, node)
