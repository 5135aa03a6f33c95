"""Lay an outline out as text: what streams, from where, after what, and why; then the stages, node by node.

Columns are aligned and lines wrapped. What is long and all alike is folded in the middle, unless all is asked for.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Cluster
from graphflow_compiler.render.folding import FOLD_ABOVE, LONG, Gap, ShownStage, fold, shown_findings, shown_stages
from graphflow_compiler.render.outline import EdgeLine, NodeLine, Outline, printable, shortened, who_runs

#: The width of a line, in characters. Only diagnostics, in their standard form, and what is nested deep are wider.
WIDTH: Final = 110

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


def as_text(outline: Outline, *, full: bool = False, width: int = WIDTH) -> str:
    """Lay an outline out as text.

    Args:
        outline: what is to be shown.
        full: show every node, however many there are.
        width: of a line, in characters.
    """
    lines = [*_wrapped(outline.headline, width, rest="  "), *_body(outline, width, full=full, titles=True)]
    before = ""
    for each in shown_findings(outline, full=full):
        lines.append("")
        if isinstance(each, Gap):
            lines.append(str(each))
            continue
        where, diagnostic = each
        if where != before:
            lines.append(printable(f"{where}:"))
            before = where
        lines.extend(map(printable, str(diagnostic).splitlines()))
    return "\n".join(line.rstrip() for line in lines)


def _body(outline: Outline, width: int, *, full: bool, titles: bool) -> Iterator[str]:
    """Yield what stands under the headline of a plan, or of a body."""
    for sentence in (*outline.verdict, *outline.memory, *outline.run):
        yield from _wrapped(sentence, width, rest="  ")
    shown = shown_stages(outline, full=full)
    nodes = (node for each in shown if isinstance(each, ShownStage) for node in each.nodes)
    rows = [outline.by_id[INPUT], *(node for node in nodes if isinstance(node, NodeLine))]
    table = _Table.fitting(rows, width, full=full, opens_bodies=full or len(outline.nodes) <= LONG)
    yield ""
    if titles:
        yield from table.row("", _TITLES)
    yield from table.node(outline.by_id[INPUT])
    for each in shown:
        yield ""
        if isinstance(each, Gap):
            yield f"… {each.count:,} more stages like these ({each.first} to {each.last})"
            continue
        title = f"{each.stage.id.ljust(_GUTTER - 1)} {who_runs(each.stage)}: {each.stage.reason}"
        yield from _wrapped(title, width, rest=" " * _GUTTER)
        yield from table.stage(each)


# --- lines -------------------------------------------------------------------------------------------------


@attrs.frozen
class _Table:
    """The columns of one plan.

    Attributes:
        full: show every edge.
        opens_bodies: show the nodes of bodies, rather than one line for each body.
    """

    widths: tuple[int, ...]
    width: int
    full: bool
    opens_bodies: bool

    @classmethod
    def fitting(cls, rows: Iterable[NodeLine], width: int, *, full: bool, opens_bodies: bool) -> _Table:
        """Make the columns as wide as what they hold, within limits."""
        needed = tuple(map(len, _TITLES))
        for node in rows:
            needed = tuple(map(max, needed, (len(printable(cell)) for cell in _cells(node))))
        node_id, node_class, types, folds = needed
        node_id, folds = min(node_id, _WIDEST_ID), min(folds, _WIDEST_FOLD)
        room = width - _GUTTER - node_id - node_class - folds - 3 * len(_GAP)
        return cls((node_id, node_class, min(types, max(room, _NARROWEST)), folds), width, full, opens_bodies)

    def row(self, gutter: str, cells: Sequence[str], below: str = "") -> Iterator[str]:
        """Yield the lines of a row: each cell wrapped into its column."""
        columns = [_wrap(cell, width) for cell, width in zip(cells, self.widths, strict=True)]
        for index, parts in enumerate(itertools.zip_longest(*columns, fillvalue="")):
            line = _GAP.join(part.ljust(width) for part, width in zip(parts, self.widths, strict=True))
            yield (below if index else gutter).ljust(_GUTTER) + line

    def stage(self, shown: ShownStage) -> Iterator[str]:
        """Yield the lines of a stage, with brackets around what is fused."""
        fused = (cluster for cluster in shown.stage.clusters if len(cluster.nodes) > 1)
        clusters = {each: cluster for cluster in fused for each in cluster.nodes}
        open_cluster: Cluster | None = None
        for node in shown.nodes:
            cluster = clusters.get(NodeId(node.first) if isinstance(node, Gap) else node.id)
            goes_on = cluster is not None and cluster is open_cluster
            if open_cluster is not None and not goes_on:
                yield from self.fused(open_cluster)
            if isinstance(node, Gap):
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
            inner = max(self.width - len(bar), _NARROWEST)
            yield from _wrapped(f"{body.label}: {body.outline.headline}", self.width, first=corner, rest=bar + "  ")
            if not self.opens_bodies:
                continue
            for line in _body(body.outline, inner, full=self.full, titles=False):
                yield bar + line

    def edges(self, node: NodeLine) -> Iterator[str]:
        """Yield the lines of the edges into a node that have something to say; a reason that several share, once."""
        notable = [edge for edge in node.inputs if edge.notable]
        width = min(max((len(printable(edge.ends)) for edge in notable), default=0), _WIDEST_ENDS)
        for why, group in itertools.groupby(notable, key=lambda edge: edge.why):
            edges = fold(tuple(group), lambda edge: edge.source, above=len(node.inputs) if self.full else FOLD_ABOVE)
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
