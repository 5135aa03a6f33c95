"""Lay an outline out as text: what streams, from where, after what, and why; then the stages, node by node.

Columns are aligned and lines wrapped at `WIDTH`. What is long and all alike is folded in the middle, but never a node
that is marked, has bodies or is named in a diagnostic.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Cluster, Stage
from graphflow_compiler.render.outline import MANY, EdgeLine, NodeLine, Outline, printable, shortened

#: The width of a line, in characters. Only diagnostics, in their standard form, and what is nested deep are wider.
WIDTH: Final = 110

#: More nodes in a stage, or more stages, than this are folded in the middle.
FOLD_ABOVE: Final = 40
#: More stages than this are folded where the plan has more than ten times `FOLD_ABOVE` nodes.
FOLD_STAGES_ABOVE: Final = 10
_HEAD: Final = 4
_TAIL: Final = 2

_GUTTER: Final = 4
_OPEN, _BAR, _CLOSE = "  ┌ ", "  │ ", "  └ "
_GAP: Final = "  "
_TITLES: Final = ("node", "class", "takes → gives", "folds by")
#: The widest that ids, folds and the ends of edges may be in their columns; types take the room that is left.
_WIDEST_ID: Final = 28
_WIDEST_FOLD: Final = 12
_WIDEST_ENDS: Final = 46
_NARROWEST: Final = 24
#: What is longer, such as a type of many keys, is cut.
_LONGEST: Final = 240

ItemT = TypeVar("ItemT")


def as_text(outline: Outline) -> str:
    """Lay an outline out as text."""
    lines = [*_wrapped(outline.headline, WIDTH, rest="  "), *_body(outline, WIDTH, titles=True)]
    before = ""
    for where, diagnostic in outline.all_diagnostics():
        lines.append("")
        if where != before:
            lines.append(printable(f"{where}:"))
            before = where
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

    def __str__(self) -> str:
        return printable(f"… {self.count:,} more like these (`{self.first}` to `{self.last}`)")


def _shown(outline: Outline) -> list[tuple[Stage | _Gap, list[NodeLine | _Gap]]]:
    """Return the stages and their nodes that are shown, with what stands for the others."""
    kept = _worth_a_look(outline)
    stages_kept = {outline.by_id[node_id].stage for node_id in kept}
    is_long = len(outline.nodes) > 10 * FOLD_ABOVE

    def nodes_of(stage: Stage | _Gap) -> list[NodeLine | _Gap]:
        if isinstance(stage, _Gap):
            return []
        nodes = [outline.by_id[node_id] for node_id in stage.nodes]
        return _folded(nodes, lambda node: node.id, kept=lambda node: node.id in kept)

    stages = _folded(
        outline.stages,
        lambda stage: stage.id,
        kept=lambda stage: stage.id in stages_kept,
        above=FOLD_STAGES_ABOVE if is_long else FOLD_ABOVE,
    )
    return [(stage, nodes_of(stage)) for stage in stages]


def _worth_a_look(outline: Outline) -> set[NodeId]:
    marked = [node.id for node in outline.nodes if node.mark]
    nested = [node.id for node in outline.nodes if node.bodies]
    named = [diagnostic.node for diagnostic in outline.diagnostics if diagnostic.node is not None]
    return {outline.output, *marked[:MANY], *nested[:MANY], *named[:MANY]}


def _folded(
    items: Sequence[ItemT],
    name: Callable[[ItemT], str],
    *,
    kept: Callable[[ItemT], bool] = lambda item: False,
    above: int = FOLD_ABOVE,
) -> list[ItemT | _Gap]:
    """Leave out what stands in the middle of more than so many items, except those that are kept."""
    if len(items) <= above:
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
        needed = tuple(map(len, _TITLES))
        for node in rows:
            needed = tuple(map(max, needed, (len(printable(cell)) for cell in _cells(node))))
        node_id, node_class, types, folds = needed
        node_id, folds = min(node_id, _WIDEST_ID), min(folds, _WIDEST_FOLD)
        room = width - _GUTTER - node_id - node_class - folds - 3 * len(_GAP)
        return cls((node_id, node_class, min(types, max(room, _NARROWEST)), folds), width)

    def row(self, gutter: str, cells: Sequence[str], below: str = "") -> Iterator[str]:
        """Yield the lines of a row: each cell wrapped into its column."""
        columns = [_wrap(cell, width) for cell, width in zip(cells, self.widths, strict=True)]
        for index, parts in enumerate(itertools.zip_longest(*columns, fillvalue="")):
            line = _GAP.join(part.ljust(width) for part, width in zip(parts, self.widths, strict=True))
            yield (below if index else gutter).ljust(_GUTTER) + line

    def stage(self, stage: Stage, nodes: Sequence[NodeLine | _Gap]) -> Iterator[str]:
        """Yield the lines of a stage, with brackets around what is fused."""
        clusters = {each: cluster for cluster in stage.clusters if len(cluster.nodes) > 1 for each in cluster.nodes}
        open_cluster: Cluster | None = None
        for node in nodes:
            cluster = clusters.get(NodeId(node.first) if isinstance(node, _Gap) else node.id)
            goes_on = cluster is not None and cluster is open_cluster
            if open_cluster is not None and not goes_on:
                yield from self.fused(open_cluster)
            if isinstance(node, _Gap):
                yield (_BAR if goes_on else "").ljust(_GUTTER) + str(node)
                open_cluster = cluster if goes_on else None
                continue
            yield from self.node(node, "" if cluster is None else _BAR if goes_on else _OPEN)
            open_cluster = cluster
        if open_cluster is not None:
            yield from self.fused(open_cluster)

    def fused(self, cluster: Cluster) -> Iterator[str]:
        """Yield the line that closes a bracket."""
        what = f"{len(cluster.nodes):,} nodes fused into one step"
        yield from _wrapped(what, self.width, first=_CLOSE, rest=" " * _GUTTER)

    def node(self, node: NodeLine, bracket: str = "") -> Iterator[str]:
        """Yield the lines of a node: what leads into it, its row, the evidence, its bodies."""
        yield from self.edges(node)
        below = _BAR if bracket else ""
        yield from self.row(f"  {node.mark.sign}" if node.mark else bracket, _cells(node), below)
        folds = (f"folds by {node.folds}",) if node.folds and "(" in node.folds else ()
        for line in (*node.evidence, *folds):
            yield from _wrapped(line, self.width, first=below.ljust(_GUTTER + self.widths[0] + len(_GAP)))
        for body in node.bodies:
            corner, bar = ("    └ ", "      ") if body is node.bodies[-1] else ("    ├ ", "    │ ")
            yield from _wrapped(f"{body.label}: {body.outline.headline}", self.width, first=corner, rest=bar + "  ")
            for line in _body(body.outline, max(self.width - len(bar), _NARROWEST), titles=False):
                yield bar + line

    def edges(self, node: NodeLine) -> Iterator[str]:
        """Yield the lines of the edges into a node that have something to say; a reason that several share, once."""
        notable = [edge for edge in node.inputs if edge.notable]
        width = min(max((len(printable(edge.ends)) for edge in notable), default=0), _WIDEST_ENDS)
        for why, group in itertools.groupby(notable, key=lambda edge: edge.why):
            edges = _folded(tuple(group), lambda edge: edge.source)
            for edge in edges:
                line = str(edge)
                if isinstance(edge, EdgeLine):
                    reason = f", because {why}" if why and len(edges) == 1 else ""
                    line = f"← {edge.ends.ljust(width)}{_GAP}{edge.carried}{reason}"
                yield from _wrapped(line, self.width, first=" " * _GUTTER, rest=" " * (_GUTTER + 2))
            if why and len(edges) > 1:
                yield from _wrapped(f"because {why}", self.width, first=" " * (_GUTTER + 2))


def _cells(node: NodeLine) -> tuple[str, ...]:
    return (node.id, str(node.node_class), node.types, (node.folds or "nothing").partition("(")[0])


def _wrapped(line: str, width: int, first: str = "", rest: str | None = None) -> Iterator[str]:
    """Yield a line, broken where it is too wide; what follows stands under `rest`, or else under its beginning."""
    rest = " " * len(first) if rest is None else rest
    room = max(width - max(len(first), len(rest)), _NARROWEST)
    for index, part in enumerate(_wrap(line, room)):
        yield (rest if index else first) + part


def _wrap(line: str, width: int) -> list[str]:
    return textwrap.wrap(printable(shortened(line, _LONGEST)), width, break_on_hyphens=False) or [""]
