"""Show an outline as a page: whether it streams and what to do, the picture, then every node with its evidence.

The page is one file that needs no other and no network. Without its script everything can still be read; with it, what
is known of a node is shown beside it, under the pointer or the keyboard's focus.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Final

from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Stage
from graphflow_compiler.render.drawing import Box, draw, ids, inner_prefix
from graphflow_compiler.render.folding import LONG, Gap, fold, shown_findings
from graphflow_compiler.render.layout import Layout, PlacedBox, PlacedFrame, PlacedLine, lay_out
from graphflow_compiler.render.outline import EdgeLine, Mark, NodeLine, Outline, listed, printable, shortened, who_runs

#: A picture of all nodes is drawn up to so many; the list below it has every node in any case.
MOST_BOXES: Final = 2_000

#: The heights of a box, in pixels: its padding, its name, and every other line.
_PADDING: Final = 14
_NAME: Final = 22
_LINE: Final = 17
#: How many of the edges into a node its box names.
_MOST_EDGES: Final = 3
#: How much of a type is shown, in characters.
_MOST_TYPE: Final = 240
#: How wide a column is in the units of the lines, and how round their corners are: across and down.
_COLUMN: Final = 100
_ROUND: Final = (2.5, 6.0)

_PALE_AND_FULL: Final = (
    "Pale: before its first chunk. Full: from its first chunk on. At the end of a line: its own time."
)
_LEGEND: Final = {
    "transform": "takes chunks as they come and gives chunks",
    "producer": "waits for its whole input, then gives chunks",
    "aggregate": "waits for its whole input, gives one value",
}
_LINES: Final = {
    "chunks": "chunks, as they come",
    "whole": "the whole value, once it is complete",
    "body": "into a plan inside a node",
}


def as_html(outline: Outline) -> str:
    """Show an outline as a page."""
    style, script = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(outline.name)} {_streams(outline)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            f'<body class="{"streams" if outline.streams else "blocked"}">',
            *_answer(outline),
            "<main>",
            *_findings(outline),
            *_waterfall(outline),
            *_picture(outline),
            *_every_node(outline),
            "</main>",
            '<div id="tip" role="tooltip" hidden></div>',
            f"<script>\n{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def in_frame(page: str) -> str:
    """Return a page inside a frame, for notebooks: neither changes how the other looks."""
    inside = page.replace("<head>", '<head><base href="about:srcdoc">', 1)  # else links lead out of the frame
    style = "width: 100%; height: 44rem; border: 0; color-scheme: light dark"
    return f'<iframe title="The plan" style="{style}" srcdoc="{html.escape(inside)}"></iframe>'


# --- words -------------------------------------------------------------------------------------------------


def _text(text: object) -> str:
    """Write a text so that nothing in it is read as HTML."""
    return html.escape(printable(str(text)))


def _code(text: object) -> str:
    return f"<code>{_text(text)}</code>"


def _type(text: str) -> str:
    return _code(shortened(text, _MOST_TYPE))


def _prose(sentence: str, links: Mapping[str, str]) -> str:
    """Write a sentence, with names in backticks as code, and as links where they are names of nodes."""

    def name(found: re.Match[str]) -> str:
        code = f"<code>{found[1]}</code>"
        target = links.get(html.unescape(found[1]))
        return code if target is None else f'<a href="#{target}">{code}</a>'

    return re.sub(r"`([^`]+)`", name, _text(sentence))


def _links(outline: Outline, subject: NodeId | None = None) -> dict[str, str]:
    """Return where names of nodes lead: ids are unique, names only mean the node that a sentence is about."""
    links = {printable(node_id): box_id for node_id, box_id in ids(outline).items()}
    if subject is not None and subject in outline.by_id:
        links[printable(outline.by_id[subject].name)] = links[printable(subject)]
    return links


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _streams(outline: Outline) -> str:
    return "streams" if outline.streams else "does not stream"


# --- the answer --------------------------------------------------------------------------------------------


def _answer(outline: Outline) -> Iterator[str]:
    """Yield what most people look for: does it stream, from where, or else what blocks it."""
    queues = [edge for node in outline.nodes for edge in node.inputs if edge.buffer and edge.buffer.kind == "bounded"]
    counts = (
        outline.node_class,
        _count(len(outline.nodes) - 1, "node"),
        _count(len(outline.stages), "stage"),
        _count(len(queues), "queue"),
    )
    sign = "▶" if outline.streams else "■"
    yield "<header>"
    yield f'<h1>{_text(outline.name)} <span class="types">{_type(outline.takes)} → {_type(outline.gives)}</span></h1>'
    yield f'<p class="counts">{" · ".join(counts)}</p>'
    yield f'<p class="verdict"><span aria-hidden="true">{sign}</span> {_streams(outline).capitalize()}</p>'
    yield from (f"<p>{_prose(sentence, {})}</p>" for sentence in outline.verdict_by_key)
    links = _links(outline, outline.blocked_by)
    yield from (f"<p>{_prose(sentence, links)}</p>" for sentence in outline.verdict_by_place)
    yield from (f"<p>{_prose(sentence, _links(outline))}</p>" for sentence in outline.run)
    yield "</header>"


def _findings(outline: Outline) -> Iterator[str]:
    """Yield what the compiler found, with what to do about it."""
    for each in shown_findings(outline):
        if isinstance(each, Gap):
            yield f"<p>{_prose(str(each), {})}</p>"
        else:
            where, diagnostic = each
            yield from _finding(where, diagnostic, {} if where else _links(outline, diagnostic.node))


def _finding(where: str, diagnostic: Diagnostic, links: Mapping[str, str]) -> Iterator[str]:
    yield f'<section class="finding {diagnostic.severity}">'
    yield f"<h2>{diagnostic.severity.capitalize()} <span>{_text(diagnostic.code)}</span></h2>"
    yield f"<p>{_prose(f'{where}: ' if where else '', {})}{_prose(diagnostic.message, links)}</p>"
    place = " · ".join(str(part) for part in (diagnostic.location, diagnostic.snippet) if part is not None)
    if place:
        yield f'<p class="where">{_text(place)}</p>'
    if diagnostic.hint:
        yield "<h3>What to do</h3>"
        yield f"<pre>{chr(10).join(map(_text, diagnostic.hint.splitlines()))}</pre>"
    yield "</section>"


# --- what was measured -------------------------------------------------------------------------------------


def _waterfall(outline: Outline) -> Iterator[str]:
    """Yield when which node was at work, below each other."""
    whole = max((span.done for span in outline.spans), default=0.0)
    if not whole:
        return
    box_ids = ids(outline)
    yield '<section class="waterfall" aria-label="When each node was at work">'
    yield "<h2>When each node was at work</h2>"
    yield f"<p>{_PALE_AND_FULL}</p>"
    for span in outline.spans:
        first = span.done if span.first is None else span.first
        bars = _bar("pale", span.began / whole, first / whole) + _bar("full", first / whole, span.done / whole)
        look = outline.by_id[span.node].node_class
        yield (
            f'<a class="span {look}" href="#{box_ids[span.node]}"><code>{_text(span.node)}</code>'
            f'<span class="track">{bars}</span><span class="own">{_text(span.own)}</span></a>'
        )
    yield "</section>"


def _bar(kind: str, start: float, end: float) -> str:
    return f'<span class="{kind}" style="left:{start:.2%};width:{max(end - start, 0.0):.2%}"></span>'


# --- the picture -------------------------------------------------------------------------------------------


def _picture(outline: Outline) -> Iterator[str]:
    """Yield the picture; where it is folded, also that of all nodes, and what switches to it."""
    layout = _placed(outline, full=False)
    is_folded = any(placed.box.node is None for placed in layout.boxes)
    yield '<section class="picture" aria-label="Picture">'
    if is_folded and len(outline.nodes) <= MOST_BOXES:
        label = f"Show all {len(outline.nodes) - 1:,} nodes"
        yield f'<p><input type="checkbox" id="full"><label for="full">{label}</label></p>'
        yield from _figure(layout, "folded")
        yield from _figure(_placed(outline, full=True), "full")
    else:
        yield from _figure(layout, "folded" if is_folded else "full")
    yield from _legend()
    yield "</section>"


def _legend() -> Iterator[str]:
    yield '<dl class="legend">'
    for name, meaning in _LEGEND.items():
        yield f'<div><dt class="class {name}">{name}</dt><dd>{meaning}</dd></div>'
    for name, meaning in _LINES.items():
        line = f'<svg class="key" viewBox="0 0 30 8" aria-hidden="true"><path class="{name}" d="M0 4H30"/></svg>'
        yield f"<div><dt>{line}</dt><dd>{meaning}</dd></div>"
    yield "</dl>"


def _placed(outline: Outline, *, full: bool) -> Layout:
    drawing = draw(outline, full=full)
    whole = drawing.all_boxes()
    return lay_out(drawing, {box.id: _PADDING + _NAME + _LINE * len(_lines_of(box)) for box in whole})


def _figure(layout: Layout, name: str) -> Iterator[str]:
    size = f"--columns:{layout.columns};height:{layout.height}px"
    view = f"0 0 {layout.columns * _COLUMN} {layout.height}"
    yield f'<div class="scroll {name}" tabindex="0" role="region" aria-label="Picture of the plan">'
    yield f'<div class="canvas" style="{size}">'
    yield from map(_frame, layout.frames)
    yield f'<svg viewBox="{view}" preserveAspectRatio="none" aria-hidden="true">'
    yield from map(_line, layout.lines)
    yield "</svg>"
    fed = {placed.link.target for placed in layout.lines}
    yield from (_box(placed, is_fed=placed.box.id in fed) for placed in layout.boxes)
    yield "</div></div>"


def _frame(placed: PlacedFrame) -> str:
    place = f"--column:{placed.column};--span:{placed.columns};top:{placed.top}px;height:{placed.height}px"
    stage = placed.group.stage
    kind = "body" if stage is None else "stage"
    says = f"{placed.group.title}: {stage.reason}" if stage is not None else placed.group.title
    title = f'<a href="#{placed.group.id}" title="{_text(says)}">{_prose(placed.group.title, {})}</a>'
    return f'<div class="frame {kind}" style="{place}">{title}</div>'


def _line(placed: PlacedLine) -> str:
    link = placed.link
    if link.edge is None:
        kind, says = "body", link.label
    else:
        kind, says = "whole" if link.edge.whole else "chunks", _edge_words(link.edge)
    ends = f'data-source="{link.source}" data-target="{link.target}"'
    return f'<path class="{kind}" {ends} d="{_rounded(placed.corners)}"><title>{_text(says)}</title></path>'


def _rounded(corners: tuple[tuple[float, int], ...]) -> str:
    """Write a path along corners, with each of them cut off a little."""
    points = [(x * _COLUMN, float(y)) for x, y in corners]
    path = [f"M{_point(points[0])}"]
    for (before, corner), (_, after) in pairwise(pairwise(points)):
        path.append(f"L{_point(_towards(corner, before))}Q{_point(corner)} {_point(_towards(corner, after))}")
    return "".join((*path, f"L{_point(points[-1])}"))


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    x, y = (at + max(-most, min(most, (to - at) / 2)) for at, to, most in zip(corner, other, _ROUND, strict=True))
    return x, y


def _point(point: tuple[float, float]) -> str:
    return " ".join(f"{value:.4g}" if value < 1 else f"{round(value, 1):g}" for value in point)


def _box(placed: PlacedBox, *, is_fed: bool) -> str:
    box = placed.box
    place = f'style="--column:{placed.column:g};top:{placed.top}px;height:{placed.height}px" data-box="{box.id}"'
    classes = " ".join(filter(None, ("box", box.look, _mark_class(box.mark), "fed" if is_fed else "")))
    named = [("name", _text(box.lines[0])), *_lines_of(box)]
    lines = "".join(f'<span class="{kind}">{line}</span>' for kind, line in named)
    if box.node is None:
        return f'<label class="{classes}" for="full" {place}>{lines}</label>'
    return f'<a class="{classes}" href="#{box.id}" aria-describedby="{box.id}-why" {place}>{lines}</a>'


def _mark_class(mark: Mark | None) -> str:
    return "" if mark is None else mark.name.lower()


def _mark_words(mark: Mark) -> str:
    return f"{mark.sign} {mark}"


def _lines_of(box: Box) -> list[tuple[str, str]]:
    """Return what a box says below its name, line by line, each with its kind."""
    node = box.node
    if node is None:
        return [("types", _text(line)) for line in box.lines[1:]]
    lines = [("types", _class(node) + _text(shortened(node.types, _MOST_TYPE)))]
    notable = [edge for edge in node.inputs if edge.notable]
    shown = notable if len(notable) <= _MOST_EDGES else notable[: _MOST_EDGES - 1]
    lines += [("edge", f"← {_text(' · '.join(filter(None, (edge.source, edge.label))))}") for edge in shown]
    if len(notable) > len(shown):
        lines.append(("edge", f"← and {len(notable) - len(shown):,} more"))
    if node.mark is not None:
        lines.append((f"mark {_mark_class(node.mark)}", _mark_words(node.mark)))
    if node.measured:
        lines.append(("figures", _text(node.figures)))
    return lines


def _class(node: NodeLine) -> str:
    return "" if node.id == INPUT else f'<b class="class">{node.node_class}</b> '


# --- every node --------------------------------------------------------------------------------------------


def _every_node(outline: Outline) -> Iterator[str]:
    yield '<section class="nodes">'
    yield "<h2>Every node</h2>"
    yield from _stages(outline, "", is_open=len(outline.nodes) <= LONG)
    yield "</section>"


def _stages(outline: Outline, prefix: str, *, is_open: bool) -> Iterator[str]:
    """Yield the nodes of a plan under their stages."""
    box_ids = ids(outline, prefix)
    yield "<ul>"
    yield from _card(outline.by_id[INPUT], box_ids)
    yield "</ul>"
    for stage in outline.stages:
        yield f'<details class="stage" id="{prefix}{stage.id}"{" open" if is_open else ""}>'
        yield f"<summary><b>{stage.id}</b> {who_runs(stage)}: {_prose(stage.reason, {})}"
        if not is_open:
            yield f"<br>{_count(len(stage.nodes), 'node')}: {_prose(listed(stage.nodes, 3), {})}"
        yield "</summary>"
        yield "<ul>"
        for node_id in stage.nodes:
            yield from _card(outline.by_id[node_id], box_ids)
        yield "</ul>"
        if stage.source:
            yield from _source(stage)
        yield "</details>"


def _card(node: NodeLine, box_ids: Mapping[NodeId, str]) -> Iterator[str]:
    box_id = box_ids[node.id]
    look = "input" if node.id == INPUT else str(node.node_class)
    marked = _mark_class(node.mark)
    mark = "" if node.mark is None else f' <span class="mark {marked}">{_mark_words(node.mark)}</span>'
    where = "" if node.location is None else f' <span class="where">{_text(node.location)}</span>'
    folds = f" · folds by {_text(node.folds)}" if node.folds else ""
    yield f'<li class="{f"card {look} {marked}".rstrip()}" id="{box_id}">'
    yield f"<h3>{_code(node.id)} {_class(node)}{mark}</h3>"
    yield f'<p id="{box_id}-why">{_prose(node.reason, {})}{where}</p>'
    yield f'<p class="types">{_type(node.types)}{folds}</p>'
    if node.turns:
        yield f"<p>{_text(node.turns)}</p>"
    if node.inputs:
        yield '<ul class="edges">'
        for edge in fold(node.inputs, lambda edge: edge.source):
            if isinstance(edge, Gap):
                yield f"<li>{_prose(str(edge), {})}</li>"
            else:
                origin = _prose(edge.origin, {printable(edge.source): box_ids[edge.source]})
                yield f"<li>← {origin}{_prose(_edge_words(edge).removeprefix(edge.origin), {})}</li>"
        yield "</ul>"
    if node.measured:
        figures = (f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in node.measured.items())
        yield f'<dl class="measured">{"".join(figures)}</dl>'
    for index, body in enumerate(node.bodies):
        prefix = inner_prefix(box_id, index)
        yield f'<details class="body" id="{prefix}">'
        yield f"<summary>{_prose(body.label, {})}: {_text(body.outline.headline)}</summary>"
        yield from (f"<p>{_prose(sentence, {})}</p>" for sentence in body.outline.verdict)
        yield from _stages(body.outline, prefix, is_open=True)
        yield "</details>"
    yield "</li>"


def _edge_words(edge: EdgeLine) -> str:
    """Say of an edge what there is to say, in one sentence."""
    carried = f" · {edge.carried}" if edge.carried else ""
    why = f", because {edge.why}" if edge.why else ""
    unchecked = f" · unchecked: {edge.unchecked}" if edge.unchecked else ""
    return f"{edge.ends}{carried}{why}{unchecked}"


def _source(stage: Stage) -> Iterator[str]:
    yield '<details class="source">'
    yield "<summary>the function that runs it</summary>"
    yield f"<pre>{chr(10).join(map(_text, stage.source.splitlines()))}</pre>"
    yield "</details>"
