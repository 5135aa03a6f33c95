"""What is told of two plans that differ: everything that has changed, and nothing that has not."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from hypothesis import given

from graphflow_compiler.accumulate import LATEST
from graphflow_compiler.ir import Graph, Node, NodeId, Op
from graphflow_compiler.pipeline import compile_graph
from graphflow_compiler.plan import Plan
from graphflow_compiler.render.difference import Change, Sign, as_difference, differences
from graphflow_compiler.render.outline import Outline, outline_of
from graphflow_compiler.types import UNKNOWN
from tests.compiler.test_render import (
    broken,
    fan,
    graph,
    line_of,
    mixed,
    model,
    nested,
    node,
    parser,
    prompt,
    rag,
    stream,
    whole,
)
from tests.laws.doses import dose
from tests.laws.test_drawings import plans


def outline(declared: Graph) -> Outline:
    return outline_of(compile_graph(declared))


def changed(old: Graph, new: Graph) -> list[tuple[str, str, str]]:
    return [(each.what, each.sign.value, each.text) for each in differences(outline(old), outline(new))]


def as_call(one: Node, takes: object) -> Node:
    """Return a node as a plain function of its whole input."""
    return attrs.evolve(one, op=Op.CALL, ports=(whole("chunk", takes),))


@dose(60)
@given(plan=plans())
def test_a_plan_does_not_differ_from_itself(plan: Plan) -> None:
    assert differences(outline_of(plan), outline_of(plan)) == ()


@dose(60)
@given(old=plans(), new=plans())
def test_what_one_plan_has_and_the_other_has_not_is_told_both_ways(old: Plan, new: Plan) -> None:
    forth, back = (differences(outline_of(a), outline_of(b)) for a, b in ((old, new), (new, old)))
    assert (forth == ()) == (back == ())
    turned = {Sign.ADDED: Sign.REMOVED, Sign.REMOVED: Sign.ADDED, Sign.CHANGED: Sign.CHANGED}
    for what in ("node", "edge", "stage", "buffer", "finding"):
        signs = sorted(each.sign for each in forth if each.what == what)
        assert signs == sorted(turned[each.sign] for each in back if each.what == what), what
    assert as_difference(forth)


@pytest.mark.parametrize("declared", [rag, broken, fan, nested, mixed], ids=lambda graph: graph.__name__)
def test_equal_plans_have_no_differences(declared: Callable[[], Graph]) -> None:
    assert as_difference(differences(outline(declared()), outline(declared()))) == "no change"


def test_where_streaming_begins_is_told_with_where_it_began() -> None:
    old = line_of("chain", prompt(topic=str), model(), parser())
    again = attrs.evolve(model(), id=NodeId("again"), ports=(whole("text", str),))
    new = line_of("chain", prompt(topic=str), model(), parser(), again)
    assert changed(old, new)[0] == (
        "output",
        "~",
        "streaming begins at `again`, once `input`, `prompt`, `model` and `text` are done; "
        "before: streaming begins at `model`, once `input` and `prompt` are done",
    )


def test_a_key_that_no_longer_streams_is_told_as_a_loss() -> None:
    new = fan().replace_nodes(lambda one: as_call(one, UNKNOWN) if one.id == "text" else one)
    found = differences(outline(fan()), outline(new))
    assert Change("output", Sign.CHANGED, "key 'joke' no longer streams", stops=True) in found
    back = differences(outline(new), outline(fan()))
    assert Change("output", Sign.CHANGED, "key 'joke' streams now", stops=False) in back


def test_a_node_is_told_by_what_is_different_of_it() -> None:
    old = line_of("chain", node("load", Op.CALL, whole("text", str), output=str, line=1))
    new = line_of(
        "chain",
        node(
            "load",
            Op.GENERATE,
            whole("text", bytes),
            output=list,
            line=9,
            kind="parser",
            thread=True,
            accumulate=LATEST,
        ),
    )
    (text,) = [text for what, _, text in changed(old, new) if what == "node" and "`load`" in text]
    assert text == (
        "`load` is a producer now, was an aggregate: `load` waits for its whole input, then yields; "
        "has the types bytes → list, had str → str; folds by latest, folded by single; "
        "has events of kind parser, had chain; accumulate — → 'latest', thread — → True"
    )


def test_an_edge_between_nodes_that_stay_is_told() -> None:
    nodes = [
        node("one", Op.CALL, whole("text", str), output=str),
        node("two", Op.CALL, whole("text", str), output=str),
        node("both", Op.CALL, whole("left", str), whole("right", str), output=str),
    ]
    edges = [("input", "one"), ("input", "two"), ("one", "both", "left"), ("two", "both", "right")]
    crossed = [*edges[:2], ("one", "both", "right"), ("two", "both", "left")]
    found = [
        (sign, text)
        for what, sign, text in changed(graph("g", nodes, edges), graph("g", nodes, crossed))
        if what == "edge"
    ]
    assert found == [
        ("-", "from `one` to `left` of `both`"),
        ("-", "from `two` to `right` of `both`"),
        ("+", "from `two` to `left` of `both`"),
        ("+", "from `one` to `right` of `both`"),
    ]


def test_a_buffer_of_another_kind_is_told_with_the_reason() -> None:
    def chain(streams: bool) -> Graph:
        port = stream("text", str) if streams else whole("text", str)
        nodes = [
            node("one", Op.CALL, whole("text", str), output=str),
            node("two", Op.GENERATE, port, output=str, is_async=True),
            node("both", Op.JOIN, stream("left"), stream("right"), keys=("left", "right")),
        ]
        edges = [("input", "one"), ("input", "two"), ("one", "both", "left"), ("two", "both", "right")]
        return graph("g", nodes, edges)

    buffers = [(sign, text) for what, sign, text in changed(chain(False), chain(True)) if what == "buffer"]
    assert buffers == [
        ("~", "bounded 64, was fold, from `input` to `two`, because a writer that is ahead waits"),
    ]


def test_what_changes_in_a_body_is_told_with_its_place_and_is_no_loss_of_the_output() -> None:
    old, new = nested(), nested()
    route = new.by_id[NodeId("route")]
    shouting = route.bodies[1]
    louder = shouting.replace_nodes(lambda one: as_call(one, str) if one.id == "exclaim" else one)
    bodies = (route.bodies[0], louder, route.bodies[2])
    new = new.replace_nodes(lambda one: attrs.evolve(one, bodies=bodies) if one.id == "route" else one)
    found = differences(outline(old), outline(new))
    assert not any(each.stops for each in found)
    inside = [each.text for each in found if each.text.startswith("in `route`, if `is_loud`: ")]
    assert any("the output no longer streams: blocked by `exclaim`" in text for text in inside)
    assert any("`exclaim` is an aggregate now, was a transform" in text for text in inside)


def test_branches_that_come_and_go_are_counted() -> None:
    new = nested().replace_nodes(
        lambda one: (
            attrs.evolve(one, bodies=one.bodies[1:], conditions=one.conditions[1:]) if one.id == "route" else one
        )
    )
    assert any("has 2 bodies, had 3" in text for _, _, text in changed(nested(), new))


def test_a_stage_that_another_task_runs_is_told_with_the_reason() -> None:
    def chain(*more: Node) -> Graph:
        nodes = [
            node("left", Op.GENERATE, stream("text", str), output=str, is_async=True),
            node("right", Op.GENERATE, stream("text", str), output=str, is_async=True),
            node("both", Op.JOIN, stream("left"), stream("right"), keys=("left", "right")),
            *more,
        ]
        edges = [("input", "left"), ("input", "right"), ("left", "both", "left"), ("right", "both", "right")]
        if more:
            edges += [("both", "twice", "one"), ("input", "twice", "two")]
        return graph("g", nodes, edges)

    twice = node("twice", Op.GENERATE, stream("one"), stream("two"), output=str, is_async=True)
    stages = [(sign, text) for what, sign, text in changed(chain(), chain(twice)) if what == "stage"]
    assert stages == [
        ("+", "`twice`, pulled by the reader: 2 streams meet in `twice`"),
        ("~", "`both`, a task of its own now: 2 streams meet in `both`"),
    ]
