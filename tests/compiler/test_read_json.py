"""Saved plans: what is written reads back as the same outline, and what is damaged is refused with the place."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from hypothesis import given

from graphflow_compiler.errors import GraphflowError
from graphflow_compiler.ir import NodeId
from graphflow_compiler.pipeline import compile_graph
from graphflow_compiler.plan import Plan
from graphflow_compiler.render import FORMATS, read_json, render_outline, render_plan
from graphflow_compiler.render.outline import inside
from graphflow_compiler.render.read_json import PlanFormatError, read_plan
from tests.compiler.test_render import GRAPHS, broken, everything, nested, rag
from tests.laws.doses import dose
from tests.laws.test_drawings import plans

READABLE: Final = [format for format in FORMATS if format != "svg"]


@dose(60)
@given(plan=plans())
def test_a_plan_reads_back_as_it_was_written(plan: Plan) -> None:
    assert_reads_back(plan)


@pytest.mark.parametrize("declared", [*GRAPHS.values(), everything], ids=lambda graph: graph.__name__)
def test_a_plan_of_any_kind_reads_back_as_it_was_written(declared: Callable[[], Any]) -> None:
    assert_reads_back(compile_graph(declared()))


def assert_reads_back(plan: Plan) -> None:
    outline = read_plan(plan.explain("json"))
    for format in READABLE:
        assert render_outline(outline, format, full=True) == render_plan(plan, format, full=True)


def test_measured_figures_read_back() -> None:
    measured = {NodeId("split"): {"self": "3 ms"}, inside(NodeId("route"), 0, NodeId("model")): {"chunks": "12"}}
    plan = compile_graph(nested())
    saved = render_plan(plan, "json", measured=measured)
    assert render_outline(read_plan(saved)) == render_plan(plan, measured=measured)


def test_a_plan_from_before_plans_said_how_much_they_hold_reads_still() -> None:
    shown = render_plan(compile_graph(rag()))
    said = "64 chunks at most wait in it\n"
    assert said in shown
    assert render_outline(read_plan(changed(lambda plan: plan.pop("most_chunks")))) == shown.replace(said, "")


# --- what is refused ---------------------------------------------------------------------------------------


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    plan = json.loads(compile_graph(rag()).explain("json"))
    change(plan)
    return json.dumps(plan)


REFUSED: dict[str, tuple[str | Callable[[dict[str, Any]], object], str]] = {
    "no text": ("", "line 1, column 1: this is not JSON: Expecting value"),
    "no JSON": ('{"graphflow_plan": 1,\n oops}', "line 2, column 2: this is not JSON"),
    "another document": ('{"nodes": []}', 'this is JSON, but no plan: it has no key "graphflow_plan"'),
    "a list": ("[]", "this is JSON, but no plan"),
    "deep": ("[" * 100_000, "this is nested deeper than any plan"),
    "a number of many digits": ('{"graphflow_plan": ' + "9" * 5_000 + "}", "this is not JSON that can be read"),
    "not a number": ('{"graphflow_plan": NaN}', "NaN stands where a number belongs"),
    "a later version": (
        lambda plan: plan.update(graphflow_plan=2),
        "this plan has version 2 of the format, but this graphflow reads version 1",
    ),
    "no version": (lambda plan: plan.update(graphflow_plan="1"), 'graphflow_plan: expected a whole number, found "1"'),
    "a key that is missing": (lambda plan: plan["nodes"][2].pop("reason"), 'nodes[2]: the key "reason" is missing'),
    "a class that there is not": (
        lambda plan: plan["nodes"][1].update({"class": "sink"}),
        'nodes[1].class: expected one of transform, aggregate, producer, found "sink"',
    ),
    "a flag that is a number": (
        lambda plan: plan["streaming"].update(streams=1),
        "streaming.streams: expected true or false, found 1",
    ),
    "a list that is none": (lambda plan: plan.update(edges={}), "edges: expected an array, found {}"),
    "an object that is none": (lambda plan: plan.update(streaming=[]), "streaming: expected an object, found []"),
    "a name that is long": (
        lambda plan: plan.update(name=["x" * 100]),
        'name: expected a string, found ["' + "x" * 55 + "...",
    ),
    "two nodes of one id": (
        lambda plan: plan["nodes"].append(plan["nodes"][1]),
        "nodes: two nodes have the same id",
    ),
    "no input": (lambda plan: plan["nodes"].pop(0), "nodes: the first node is `input`"),
    "an edge into nowhere": (
        lambda plan: plan["edges"][0].update(target="nobody"),
        "edges[0].target: there is no node `nobody`",
    ),
    "an edge backwards": (
        lambda plan: plan["edges"][-1].update(source="text", target="model"),
        "edges[5]: an edge leads from a node to one after it",
    ),
    "a buffer without an edge": (
        lambda plan: plan["buffers"][0].update(port="other"),
        "buffers: there is no edge for the buffer from `input` to `retriever`",
    ),
    "an unknown output": (lambda plan: plan.update(output="nobody"), "output: there is no node `nobody`"),
    "a beginning without a mark": (
        lambda plan: plan["streaming"].update(begins=["text"]),
        "streaming.begins: `text` is not marked as a node where the output begins",
    ),
    "stages in another order": (
        lambda plan: plan["stages"].reverse(),
        "stages: `prompt` stands before `retriever`, which leads into it",
    ),
    "a stage twice": (lambda plan: plan["stages"].append(plan["stages"][0]), "stages: two stages have the same id"),
    "a node in two stages": (
        lambda plan: plan["stages"][1].update(nodes=["retriever"]),
        "stages: a node stands in two stages",
    ),
    "a node in no stage": (lambda plan: plan["stages"].pop(1), "nodes: `passthrough` does not stand in its stage, s1"),
    "a stage of nobody": (
        lambda plan: plan["stages"][1]["nodes"].append("nobody"),
        "stages: a stage names a node that there is not, or the input",
    ),
    "a stage with a name of its own": (
        lambda plan: plan["stages"][1].update(id='"><script>'),
        'stages[1].id: expected s and a number, found "\\"><script>"',
    ),
    "an empty stage": (
        lambda plan: plan["stages"][1].update(nodes=[]),
        "stages[1].nodes: a stage has a node or more",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plan_is_refused_with_the_place(name: str) -> None:
    given, message = REFUSED[name]
    with pytest.raises(PlanFormatError, match=re.escape(message)) as raised:
        read_plan(given if isinstance(given, str) else changed(given))
    assert isinstance(raised.value, GraphflowError)
    assert isinstance(raised.value, ValueError)


def test_what_is_larger_than_any_plan_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    saved = compile_graph(nested()).explain("json")
    for limit, most, message in (
        ("MOST_CHARACTERS", 1_000, "a plan has at most 1,000 characters, but this text has"),
        ("MOST_NODES", 8, "a plan has at most 8 nodes"),
        ("MOST_NESTED", 0, "plans stand in plans at most 0 deep"),
    ):
        with monkeypatch.context() as patched, pytest.raises(PlanFormatError, match=message):
            patched.setattr(read_json, limit, most)
            read_plan(saved)
    read_plan(saved)


SAVED: Final = [json.loads(compile_graph(declared()).explain("json")) for declared in (nested, broken)]


DAMAGE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    2.5,
    "",
    "input",
    "s0",
    [],
    ["each"],
    {},
    {"a": 1},
    "'\"><script>alert(1)</script>",
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every object or array in a value with every key or index of it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@dose(300)
@given(data=st.data())
def test_whatever_is_damaged_is_refused_or_can_still_be_shown(data: st.DataObject) -> None:
    plan = copy.deepcopy(data.draw(st.sampled_from(SAVED)))
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(list(places(plan))))
        if data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(data.draw(st.sampled_from(DAMAGE)))
    try:
        outline = read_plan(json.dumps(plan))
    except PlanFormatError:
        return
    shown = {format: render_outline(outline, format) for format in READABLE}
    assert shown["html"].count("<script>") == 1, "nothing that is read is ever markup"
