"""The loop over the passes: its order, its observer, and `verify`, which finds what a pass has broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest import mock

import attrs
import pytest

import graphflow as gf
import graphflow_compiler
from graphflow.lower import lower
from graphflow_compiler import pipeline
from graphflow_compiler.errors import InternalError
from graphflow_compiler.ir import Graph, NodeId, Op
from graphflow_compiler.passes.plan_stages import plan_stages
from graphflow_compiler.pipeline import GRAPH_PASSES, PASS_NAMES, PLAN_PASSES, compile_graph
from graphflow_compiler.plan import Fan, Plan, PlannedNode
from graphflow_compiler.verify import verify
from tests.passes.test_goldens import CASES, declared


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.chunkwise
async def upper(text: str) -> str:
    return text.upper()


@gf.aggregate
def told(loud: str, size: int = 0) -> str:
    return f"{loud}{size}"


@gf.aggregate
def words(text: str) -> list[str]:
    return text.split()


@gf.aggregate
def line(texts: list[str]) -> str:
    return " ".join(texts)


@gf.chunkwise
def quiet(text: str) -> str:
    return text.lower()


def chain() -> gf.Chain[Any, Any]:
    first: gf.Chain[Any, Any] = letters | {"loud": upper | upper, "size": len} | gf.passthrough() | told
    return gf.passthrough() | first | gf.branch((bool, letters), upper)


def wide_chain() -> gf.Chain[Any, Any]:
    """Return a chain with what the other lacks: an each, a policy, and a fan that runs in one task."""
    return (
        words | gf.each(letters) | line.with_retry(attempts=2) | {"left": quiet | quiet, "right": quiet | quiet | quiet}
    )


def graphs(chain: Callable[[], gf.Chain[Any, Any]] = chain) -> dict[str, Graph | Plan]:
    """Return what every pass gives."""
    seen: dict[str, Graph | Plan] = {}
    compile_graph(lower(chain()._declaration), observe=seen.__setitem__)
    return seen


def test_the_observer_sees_what_every_pass_gives_in_order() -> None:
    seen = graphs()
    assert tuple(seen) == PASS_NAMES
    kinds = [type(subject) for subject in seen.values()]
    assert kinds == [Graph] * len(GRAPH_PASSES) + [Plan] * (1 + len(PLAN_PASSES))


def test_each_pass_is_the_function_of_its_file() -> None:
    for step in (*GRAPH_PASSES, plan_stages, *PLAN_PASSES):
        assert step.__module__ == f"graphflow_compiler.passes.{step.__name__}"
        first = (step.__doc__ or "").splitlines()[0]
        assert first.endswith(".")
        assert first.partition(" ")[0] in {"Wire", "Compare", "Say", "Decide", "Find", "Cut", "Write"}


def test_passes_change_nothing_that_they_are_given() -> None:
    declaration = chain()._declaration
    graph = lower(declaration)
    kept: list[tuple[Graph | Plan, str]] = [(graph, repr(graph))]
    compile_graph(graph, observe=lambda name, subject: kept.append((subject, repr(subject))))
    assert [repr(subject) for subject, _ in kept] == [before for _, before in kept]


@pytest.mark.parametrize("case", [case for case in CASES if case.chunks][::3], ids=lambda case: case.title)
def test_equal_declarations_give_equal_plans(case: Any) -> None:
    one, other = (gf.Program(declared(case)).plan for _ in range(2))
    assert one == other or "fold" in str(one)  # accumulators of one's own are equal if their functions are


def test_compiling_again_gives_an_equal_plan() -> None:
    declaration = chain()._declaration
    assert compile_graph(lower(declaration)) == compile_graph(lower(declaration))


@pytest.mark.parametrize("name", ["normalise", "classify", "accumulate", "find_streaming_points"])
def test_a_graph_pass_that_is_run_again_changes_nothing(name: str) -> None:
    seen = graphs()
    step = next(step for step in GRAPH_PASSES if step.__name__ == name)
    graph = seen["find_streaming_points"]
    assert isinstance(graph, Graph)
    assert step(graph) == graph


# --- verify ------------------------------------------------------------------------------------------------


def without_node(graph: Graph) -> Graph:
    return attrs.evolve(graph, nodes=tuple(node for node in graph.nodes if node.id != "letters"))


def with_node_twice(graph: Graph) -> Graph:
    return attrs.evolve(graph, nodes=(*graph.nodes, graph.nodes[1]))


def without_input(graph: Graph) -> Graph:
    return attrs.evolve(graph, nodes=graph.nodes[1:], edges=graph.edges[1:])


def with_another_output(graph: Graph) -> Graph:
    return attrs.evolve(graph, output=NodeId("nowhere"))


def with_an_output_in_the_middle(graph: Graph) -> Graph:
    return attrs.evolve(graph, output=graph.nodes[1].id)


def in_another_order(graph: Graph) -> Graph:
    first, *others = graph.nodes
    return attrs.evolve(graph, nodes=(first, *reversed(others)))


def with_an_unknown_port(graph: Graph) -> Graph:
    first, *others = graph.edges
    return attrs.evolve(graph, edges=(attrs.evolve(first, port="nothing"), *others))


def without_an_edge(graph: Graph) -> Graph:
    return attrs.evolve(graph, edges=graph.edges[1:])


def with_an_edge_twice(graph: Graph) -> Graph:
    return attrs.evolve(graph, edges=(*graph.edges, graph.edges[0]))


def without_classes(graph: Graph) -> Graph:
    return graph.replace_nodes(lambda node: attrs.evolve(node, node_class=None))


def without_folds(graph: Graph) -> Graph:
    return attrs.evolve(graph, edges=tuple(attrs.evolve(edge, accumulator=None) for edge in graph.edges))


def without_a_body(graph: Graph) -> Graph:
    return graph.replace_nodes(lambda node: attrs.evolve(node, bodies=node.bodies[1:]))


def with_a_broken_body(graph: Graph) -> Graph:
    return graph.map_bodies(with_another_output)


def without_streaming(graph: Graph) -> Graph:
    return attrs.evolve(graph, streaming=None)


def streaming_from_nowhere(graph: Graph) -> Graph:
    assert graph.streaming is not None
    return attrs.evolve(graph, streaming=attrs.evolve(graph.streaming, streams=True, begins=()))


def without_an_item_body(graph: Graph) -> Graph:
    return graph.replace_nodes(lambda node: attrs.evolve(node, bodies=()) if node.op is Op.EACH else node)


def without_a_policy(graph: Graph) -> Graph:
    return graph.replace_nodes(lambda node: attrs.evolve(node, policy=None))


def without_a_class_of_its_own(graph: Graph) -> Graph:
    return attrs.evolve(graph, graph_class=None)


BROKEN_GRAPHS: list[tuple[Callable[[Graph], Graph], str]] = [
    (without_node, "which are not both nodes"),
    (with_node_twice, "two nodes have one id"),
    (without_input, "the first node is not the input"),
    (with_another_output, "the output 'nowhere' is no node"),
    (with_an_output_in_the_middle, "the output `passthrough` leads on to other nodes"),
    (in_another_order, "does not come before"),
    (with_an_unknown_port, "`passthrough` has no port 'nothing'"),
    (without_an_edge, "port 'chunks' of `passthrough` is not fed"),
    (with_an_edge_twice, "port 'chunks' of `passthrough` is fed twice"),
    (without_classes, "`letters` has no class"),
    (without_folds, "nothing folds what `passthrough` gives to port 'text' of `letters`"),
    (without_a_body, "`branch` has 1 bodies for 1 conditions"),
    (with_a_broken_body, "in `branch`: the output 'nowhere' is no node"),
    (without_streaming, "nothing says where streaming begins"),
    (streaming_from_nowhere, "streams from nowhere"),
    (without_a_class_of_its_own, "the graph has no class"),
]
BROKEN_WIDE_GRAPHS: list[tuple[Callable[[Graph], Graph], str]] = [
    (without_an_item_body, "`each` has 0 bodies, not one"),
    (without_a_policy, "`line` is wrapped, but has no policy, or nothing in it"),
]


@pytest.mark.parametrize(
    ("chain", "break_it", "expected"),
    [(chain, *case) for case in BROKEN_GRAPHS] + [(wide_chain, *case) for case in BROKEN_WIDE_GRAPHS],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_broken_graph_is_found_out(
    chain: Callable[[], gf.Chain[Any, Any]], break_it: Callable[[Graph], Graph], expected: str
) -> None:
    graph = graphs(chain)["find_streaming_points"]
    assert isinstance(graph, Graph)
    passed = PASS_NAMES[: len(GRAPH_PASSES)]
    verify(graph, passed)
    with pytest.raises(InternalError) as caught:
        verify(break_it(graph), passed)
    first, *found = str(caught.value).splitlines()
    assert first == "after find_streaming_points:"
    assert any(expected in line for line in found)
    assert found[-1] == "This is a defect of graphflow: please report it."


def with_a_node_in_no_stage(plan: Plan) -> Plan:
    return attrs.evolve(plan, stages=plan.stages[1:])


def with_another_reader(plan: Plan) -> Plan:
    return attrs.evolve(plan, stages=tuple(attrs.evolve(stage, own_task=True) for stage in plan.stages))


def with_stages_joined(plan: Plan) -> Plan:
    first, second, *others = plan.stages
    return attrs.evolve(plan, stages=(attrs.evolve(first, nodes=first.nodes + second.nodes), *others))


def with_stages_joined_where_streams_meet(plan: Plan) -> Plan:
    *others, before, last = plan.stages
    return attrs.evolve(plan, stages=(*others, attrs.evolve(last, nodes=before.nodes + last.nodes)))


def without_a_buffer(plan: Plan) -> Plan:
    return attrs.evolve(plan, buffers=plan.buffers[1:])


def with_clusters_turned_round(plan: Plan) -> Plan:
    def turned(stage: Any) -> Any:
        clusters = tuple(attrs.evolve(cluster, nodes=cluster.nodes[::-1]) for cluster in stage.clusters)
        return attrs.evolve(stage, clusters=clusters)

    return attrs.evolve(plan, stages=tuple(map(turned, plan.stages)))


def without_the_plan_of_a_body(plan: Plan) -> Plan:
    return attrs.evolve(plan, nodes=tuple(attrs.evolve(node, plans=()) for node in plan.nodes))


def with_a_broken_plan_of_a_body(plan: Plan) -> Plan:
    def broken(node: PlannedNode) -> PlannedNode:
        return attrs.evolve(node, plans=tuple(map(with_a_node_in_no_stage, node.plans)))

    return attrs.evolve(plan, nodes=tuple(map(broken, plan.nodes)))


def streaming_from_no_place(plan: Plan) -> Plan:
    return attrs.evolve(plan, streams=True, streaming_begins=())


def with_another_fan(change: Callable[[Fan], Fan]) -> Callable[[Plan], Plan]:
    def changed(plan: Plan) -> Plan:
        stages = (attrs.evolve(stage, fans=tuple(map(change, stage.fans))) for stage in plan.stages)
        return attrs.evolve(plan, stages=tuple(stages))

    return changed


@with_another_fan
def with_branches_exchanged(fan: Fan) -> Fan:
    (left, _), (right, _) = fan.branches
    return attrs.evolve(
        fan, branches=tuple(zip((left, right), [nodes for _, nodes in fan.branches][::-1], strict=True))
    )


@with_another_fan
def with_a_branch_turned_round(fan: Fan) -> Fan:
    return attrs.evolve(fan, branches=tuple((key, nodes[::-1]) for key, nodes in fan.branches))


def with_a_branch_that_leaves_its_stage(plan: Plan) -> Plan:
    (stage,) = plan.stages
    nodes = tuple(node_id for node_id in stage.nodes if node_id != "quiet.3")
    return attrs.evolve(plan, stages=(attrs.evolve(stage, nodes=nodes),))


BROKEN_PLANS: list[tuple[Callable[[Plan], Plan], str]] = [
    (with_a_node_in_no_stage, "not every node stands in exactly one stage"),
    (with_another_reader, "not exactly the stage that ends in the output is pulled by the reader"),
    (with_stages_joined, "`letters` is in the middle of s0, but gives to more than `upper`"),
    (with_stages_joined_where_streams_meet, "`told` is in the middle of s4, but takes more than what `passthrough.2`"),
    (without_a_buffer, "not every edge between two stages has exactly one buffer"),
    (with_clusters_turned_round, "are not pieces of it, in its order"),
    (without_the_plan_of_a_body, "`branch` has 0 plans for 2 bodies"),
    (with_a_broken_plan_of_a_body, "in `branch`: not every node stands in exactly one stage"),
    (streaming_from_no_place, "the plan streams from nowhere"),
]
BROKEN_WIDE_PLANS: list[tuple[Callable[[Plan], Plan], str]] = [
    (with_branches_exchanged, "the branches of the fan that ends in `parallel` are not what feeds it"),
    (with_a_branch_turned_round, "is in a fan, but takes more than what"),
    (with_a_branch_that_leaves_its_stage, "`line` begins a fan of s0, but gives to more than that"),
]


@pytest.mark.parametrize(
    ("chain", "break_it", "expected"),
    [(chain, *case) for case in BROKEN_PLANS] + [(wide_chain, *case) for case in BROKEN_WIDE_PLANS],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_broken_plan_is_found_out(
    chain: Callable[[], gf.Chain[Any, Any]], break_it: Callable[[Plan], Plan], expected: str
) -> None:
    plan = graphs(chain)["diagnose"]
    assert isinstance(plan, Plan)
    verify(plan, PASS_NAMES)
    with pytest.raises(InternalError) as caught:
        verify(break_it(plan), PASS_NAMES)
    assert any(expected in line for line in str(caught.value).splitlines())


def test_a_pass_that_breaks_a_graph_is_named() -> None:
    def classify(graph: Graph) -> Graph:
        return with_another_output(graph)

    passes = tuple(classify if step.__name__ == "classify" else step for step in GRAPH_PASSES)
    with (
        mock.patch.object(pipeline, "GRAPH_PASSES", passes),
        pytest.raises(InternalError, match=r"^after classify:\n  the output 'nowhere' is no node"),
    ):
        chain().compile()


# --- the package -------------------------------------------------------------------------------------------


def test_the_package_gives_what_the_compiler_is_used_by() -> None:
    assert dir(graphflow_compiler) == ["Graph", "Plan", "compile_graph"]
    assert graphflow_compiler.compile_graph is compile_graph
    assert graphflow_compiler.Graph is Graph
    assert graphflow_compiler.Plan is Plan
    with pytest.raises(AttributeError, match="module 'graphflow_compiler' has no attribute 'plans'"):
        _ = graphflow_compiler.plans
