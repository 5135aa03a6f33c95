"""No drawing differs from its plan: every format of random plans is read back, whole and folded, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import given

import graphflow as gf
from graphflow_compiler.plan import Plan
from graphflow_compiler.render import folding, render_plan
from graphflow_compiler.render.drawing import draw
from graphflow_compiler.render.layout import Layout, lay_out
from graphflow_compiler.render.outline import outline_of, printable
from tests.compiler.drawn import arrows, names, read_dot, read_html, read_mermaid
from tests.laws import drawings, graphs
from tests.laws.doses import dose
from tests.laws.nodes import Watch


def plans() -> st.SearchStrategy[Plan]:
    """Draw plans: of chains of all kinds, with bodies, and of graphs of transforms, aggregates and producers."""
    chains = graphs.examples(threads=False).map(lambda example: graphs.declare(example.spec, Watch()))
    shapes = drawings.drawings().map(lambda drawing: drawings.declare(drawing, {}))
    return st.one_of(chains, shapes).map(lambda chain: chain.compile().plan)


@dose(200)
@given(plan=plans())
def test_every_drawing_has_the_nodes_and_edges_of_its_plan(plan: Plan) -> None:
    expected = sorted(arrows(plan))
    called = {box_id: printable(node_id) for box_id, node_id in names(plan)}
    for format, read in (("mermaid", read_mermaid), ("dot", read_dot), ("html", read_html)):
        drawn = read(render_plan(plan, format))
        assert drawn.arrows == expected, format
        assert drawn.names == called, format


@pytest.fixture(scope="module", autouse=True)
def folds_early() -> Iterator[None]:
    """Fold small plans as if they were long."""
    with mock.patch.multiple(folding, LONG=3, FOLD_ABOVE=3, FOLD_ABOVE_IF_LONG=2, _HEAD=1, _TAIL=1):
        yield


@dose(200)
@given(plan=plans())
def test_a_folded_drawing_has_the_edges_of_what_it_shows_and_of_what_stands_for_the_rest(plan: Plan) -> None:
    with mock.patch.multiple(folding, MANY=1):
        page = render_plan(plan, "html")
    figure = "folded" if 'class="scroll folded"' in page else "full"
    drawn = read_html(page, figure)
    boxes = {node: box for node, box in boxes_of(plan, set(drawn.names)) if box is not None}
    kept = {(boxes[source], boxes[target]) for source, target in arrows(plan) if source in boxes and target in boxes}
    assert set(drawn.arrows) == {(source, target) for source, target in kept if source != target}


def boxes_of(plan: Plan, drawn: set[str], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield for every node which box shows it: its own, or the one before it in its stage or the stages, if that stands
    for several; None for what is in a body of a node without a box of its own."""
    ids = {node.id: f"{prefix}n{index}" for index, node in enumerate(plan.nodes)}
    yield f"{prefix}n0", f"{prefix}n0"
    box = ""
    for stage in plan.stages:
        for node_id in stage.nodes:
            if ids[node_id] in drawn:
                box = ids[node_id]
            elif f"{ids[node_id]}more" in drawn:
                box = f"{ids[node_id]}more"
            assert box == ids[node_id] or box.endswith("more"), "a node is hidden, and nothing stands for it"
            yield ids[node_id], box
    for node in plan.nodes:
        for index, body in enumerate(node.plans):
            inner = f"{ids[node.id]}b{index}"
            if ids[node.id] in drawn:
                yield from boxes_of(body, drawn, inner)


# --- where it stands ---------------------------------------------------------------------------------------


@dose(200)
@given(plan=plans(), full=st.booleans())
def test_nothing_in_a_picture_stands_in_the_way_of_anything_else(plan: Plan, full: bool) -> None:
    drawing = draw(outline_of(plan), full=full)
    layout = lay_out(drawing, {box.id: 40 + 10 * len(box.lines) for box in drawing.all_boxes()})
    assert_boxes_are_apart(layout)
    assert_frames_hold_what_is_theirs(layout)
    assert_lines_lead_from_box_to_box_and_through_none(layout)


def assert_boxes_are_apart(layout: Layout) -> None:
    for index, one in enumerate(layout.boxes):
        assert 0 <= one.column <= layout.columns - 1
        assert one.top >= 0
        assert one.top + one.height <= layout.height
        for other in layout.boxes[index + 1 :]:
            below = one.top + one.height < other.top or other.top + other.height < one.top
            assert below or abs(one.column - other.column) >= 1


def assert_frames_hold_what_is_theirs(layout: Layout) -> None:
    for frame in layout.frames:
        inside = {
            placed.box.id
            for placed in layout.boxes
            if frame.column <= placed.column <= frame.column + frame.columns - 1
            and frame.top < placed.top
            and placed.top + placed.height < frame.top + frame.height
        }
        assert inside == {box.id for box in frame.group.all_boxes()}


def assert_lines_lead_from_box_to_box_and_through_none(layout: Layout) -> None:
    boxes = {placed.box.id: placed for placed in layout.boxes}
    assert len(layout.lines) == len({id(placed.link) for placed in layout.lines})
    for placed in layout.lines:
        source, target = boxes[placed.link.source], boxes[placed.link.target]
        (start, top), (end, bottom) = placed.corners[0], placed.corners[-1]
        assert top == source.top + source.height
        assert bottom == target.top
        assert source.column < start < source.column + 1
        assert end == target.column + 0.5
        for (x, y), (to_x, to_y) in zip(placed.corners, placed.corners[1:], strict=False):
            assert x == to_x or y == to_y, "a line goes across or down"
            assert y <= to_y, "a line never goes back up"
            for box in layout.boxes:
                across = min(x, to_x) < box.column + 0.95 and max(x, to_x) > box.column + 0.05
                assert not (across and y < box.top + box.height and to_y > box.top), "a line runs through a box"


def test_a_line_goes_round_a_box_that_stands_in_the_middle_of_two_columns() -> None:
    same = gf.passthrough()

    @gf.transform
    def upper(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield chunk.upper()

    @gf.graph
    def inner(chunks: gf.Stream[str]) -> Any:
        return {"a": same(chunks), "b": upper(chunks), "c": upper(chunks)}

    @gf.graph
    def outer(chunks: gf.Stream[str]) -> Any:
        one = same(chunks)
        return {"a": upper(chunks), "b": same(one), "c": same(one), "d": inner(chunks)}

    drawing = draw(outline_of(outer.compile().plan), full=False)
    layout = lay_out(drawing, {box.id: 40 + 10 * len(box.lines) for box in drawing.all_boxes()})
    assert any(placed.column % 1 for placed in layout.boxes)
    assert_lines_lead_from_box_to_box_and_through_none(layout)
