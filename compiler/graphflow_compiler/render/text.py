"""Lay an outline out as text: what streams, from where, after what, and why; then the stages, node by node.

Columns are aligned and lines wrapped at `WIDTH`. What is long and all alike is folded in the middle, never a node
that is marked, has bodies or is named in a diagnostic.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Buffer, Cluster, Stage
from graphflow_compiler.render.outline import MANY, EdgeLine, NodeLine, Outline, listed, printable, shortened

#: The width of a line, in characters; the standard form of diagnostics and what is nested deep may be wider.
WIDTH: Final = 110

#: More nodes in a stage, or more stages, than this are folded in the middle.
FOLD_ABOVE: Final = 40
#: More stages than this are folded where the plan has more than ten times `FOLD_ABOVE` nodes.
FOLD_STAGES_ABOVE: Final = 10
_HEAD: Final = 6
_TAIL: Final = 3

_GUTTER: Final = 4
_GAP: Final = "  "
_TITLES: Final = ("node", "class", "takes → gives", "folds by")
_WIDEST: Final = (28, 9, 46, 20)
_NARROWEST: Final = 40

_BUFFERS: Final[dict[str, str]] = {
    "call": "called in place",
    "fold": "folded as it comes",
    "bounded": "a queue of {capacity:,} chunks",
    "unbounded": "an unbounded queue",
}

ItemT = TypeVar("ItemT")


def text(outline: Outline) -> str:
    """Lay an outline out as text."""
    lines = [printable(outline.headline), *_body(outline, WIDTH, titles=True)]
    where = ""
    for where_now, diagnostic in outline.all_diagnostics():
        lines.append("")
        if where_now != where:
            lines.append(printable(f"{where_now}:"))
            where = where_now
        lines.extend(map(printable, str(diagnostic).splitlines()))
    return "\n".join(line.rstrip() for line in lines)


def _body(outline: Outline, width: int, *, titles: bool) -> Iterator[str]:
    """Yield what stands under the headline of a plan, or of a body."""
    for sentence in outline.verdict:
        yield from _wrapped(sentence, width, rest="  ")
    shown = _shown(outline)
    rows = [outline.by_id[INPUT], *(node for _, nodes in shown for node in nodes if isinstance(node, NodeLine))]
    table = _Table.fitting(rows, width)
    yield ""
    if titles:
        yield from table.row("", _TITLES)
    yield from table.node(outline.by_id[INPUT])
    for stage, nodes in shown:
        yield ""
        if isinstance(stage, _Gap):
            yield f"… {stage.count:,} more stages like these ({stage.first} to {stage.last})"
            continue
        who = "a task of its own" if stage.own_task else "pulled by the reader"
        yield from _wrapped(f"{stage.id.ljust(_GUTTER - 1)} {who}: {stage.reason}", width, rest=" " * _GUTTER)
        yield from table.stage(stage, nodes)


# --- what is shown of what is long -------------------------------------------------------------------------


@attrs.frozen
class _Gap:
    """Several of one kind that are not shown."""

    count: int
    first: str
    last: str


def _shown(outline: Outline) -> list[tuple[Stage | _Gap, list[NodeLine | _Gap]]]:
    """Return the stages and nodes that are shown, with what stands for the others."""
    kept = _worth_a_look(outline)
    stages_of_kept = {node.stage for node in outline.nodes if node.id in kept}
    many = len(outline.nodes) > 10 * FOLD_ABOVE
    stages = _folded(
        outline.stages,
        FOLD_STAGES_ABOVE if many else FOLD_ABOVE,
        lambda stage: stage.id in stages_of_kept,
        lambda stage: stage.id,
    )
    return [
        (stage, [] if isinstance(stage, _Gap) else _folded(
            [outline.by_id[node_id] for node_id in stage.nodes],
            FOLD_ABOVE,
            lambda node: node.id in kept,
            lambda node: node.id,
        ))
        for stage in stages
    ]


def _worth_a_look(outline: Outline) -> set[NodeId]:
    marked = [node.id for node in outline.nodes if node.mark]
    nested = [node.id for node in outline.nodes if node.bodies]
    named = [diagnostic.node for diagnostic in outline.diagnostics if diagnostic.node is not None]
    return {outline.output, *marked[:MANY], *nested[:MANY], *named[:MANY]}


def _folded(
    items: Sequence[ItemT], most: int, kept: Callable[[ItemT], bool], name: Callable[[ItemT], str]
) -> list[ItemT | _Gap]:
    if len(items) <= most:
        return list(items)
    shown: list[ItemT | _Gap] = []
    hidden: list[ItemT] = []

    def close() -> None:
        if len(hidden) > 1:
            shown.append(_Gap(len(hidden), name(hidden[0]), name(hidden[-1])))
        else:
            shown.extend(hidden)
        hidden.clear()

    for index, item in enumerate(items):
        if _HEAD <= index < len(items) - _TAIL and not kept(item):
            hidden.append(item)
        else:
            close()
            shown.append(item)
    return shown


# --- lines -------------------------------------------------------------------------------------------------


@attrs.frozen
class _Table:
    """The columns of one plan."""

    widths: tuple[int, ...]
    width: int

    @classmethod
    def fitting(cls, rows: Iterable[NodeLine], width: int) -> _Table:
        """Make the columns as wide as what they hold, within limits."""
        needed = [len(title) for title in _TITLES]
        for node in rows:
            needed = [max(pair) for pair in zip(needed, map(len, _cells(node)), strict=True)]
        return cls(tuple(map(min, needed, _WIDEST)), width)

    @property
    def second(self) -> int:
        """Where the second column begins, under which the evidence stands."""
        return _GUTTER + self.widths[0] + len(_GAP)

    def row(self, gutter: str, cells: Sequence[str], below: str = "") -> Iterator[str]:
        """Yield the lines of a row: each cell wrapped into its column."""
        columns = [_wrap(cell, width) for cell, width in zip(cells, self.widths, strict=True)]
        for index in range(max(map(len, columns))):
            parts = [
                (column[index] if index < len(column) else "").ljust(width)
                for column, width in zip(columns, self.widths, strict=True)
            ]
            yield (gutter if index == 0 else below).ljust(_GUTTER) + _GAP.join(parts)

    def stage(self, stage: Stage, nodes: Sequence[NodeLine | _Gap]) -> Iterator[str]:
        """Yield the lines of a stage, with brackets around what is fused."""
        clusters = {node_id: cluster for cluster in stage.clusters if len(cluster.nodes) > 1 for node_id in cluster.nodes}
        inside: Cluster | None = None
        for node in nodes:
            if isinstance(node, _Gap):
                bar = "  │ " if clusters.get(NodeId(node.last)) is inside and inside is not None else ""
                if inside is not None and not bar:
                    yield from self.fused(inside)
                inside = inside if bar else clusters.get(NodeId(node.last))
                bar = "  │ " if inside is not None else ""
                yield bar.ljust(_GUTTER) + f"… {node.count:,} more like these (`{node.first}` to `{node.last}`)"
                continue
            cluster = clusters.get(node.id)
            if inside is not None and cluster is not inside:
                yield from self.fused(inside)
            yield from self.node(node, "" if cluster is None else "│" if cluster is inside else "┌")
            inside = cluster
        if inside is not None:
            yield from self.fused(inside)

    def fused(self, cluster: Cluster) -> Iterator[str]:
        """Yield the line that closes a bracket."""
        what = f"{len(cluster.nodes):,} nodes fused into one function, {cluster.name}()"
        yield from _wrapped(what, self.width, first="  └ ", rest=" " * _GUTTER)
