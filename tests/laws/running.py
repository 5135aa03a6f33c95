"""Run a described chain through a verb, on a virtual clock, and take down what happened."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final, Literal
from unittest import mock

import attrs

import graphflow as gf
from graphflow.runtime.code import Code
from graphflow_compiler.passes import plan_stages
from graphflow_compiler.plan import Buffer, Cluster, Plan, Stage
from tests.laws.graphs import Example, declare
from tests.laws.nodes import Watch
from tests.laws.simulation import simulate

#: Of every run.
RUN_ID: Final = "00000000-0000-4000-8000-000000000007"

Verb = Literal["invoke", "stream", "transform", "events", "explain_analyze"]
VERBS: Final[tuple[Verb, ...]] = ("invoke", "stream", "transform", "events")


@attrs.frozen
class Outcome:
    """What came out of a run.

    Attributes:
        chunks: of the final output; None where the verb does not give them.
        value: of the final output; None where the verb does not give it.
        error: what the verb raised.
        watch: what the nodes did.
    """

    chunks: list[Any] | None
    value: Any
    error: BaseException | None
    watch: Watch


def run(
    example: Example,
    verb: Verb,
    change: Callable[[Plan], Plan] = lambda plan: plan,
    nesting: int | None = None,
    *,
    watch: Watch | None = None,
    source_error: Exception | None = None,
) -> Outcome:
    """Declare, compile and run an example.

    Args:
        example: the chain with its input.
        verb: how it is run; `transform` gets the cut input.
        change: what is done to the plan before it runs.
        nesting: how many generators may nest in a stage; if given, no branches take turns in one task either.
        watch: what the nodes write into.
        source_error: what the cut input ends with.
    """
    watch = watch or Watch()
    with (
        mock.patch.object(plan_stages, "MAX_NESTING", nesting or plan_stages.MAX_NESTING),
        mock.patch.object(plan_stages, "MAX_BRANCH", 0 if nesting else plan_stages.MAX_BRANCH),
    ):
        program = gf.Program(declare(example.spec, watch))
    program = with_plan(program, change(program.plan))

    async def main() -> Outcome:
        chunks: list[Any] = []
        value: Any = None
        try:
            if verb == "invoke":
                value = await program.invoke(example.value, run_id=RUN_ID)
            elif verb == "explain_analyze":
                value = await program.explain_analyze(example.value, run_id=RUN_ID)
            elif verb == "events":
                async with program.events(example.value, run_id=RUN_ID) as events:
                    async for event in events:
                        if isinstance(event, gf.EndEvent) and not event.parent_ids:
                            value = event.data.get("output")
                        if isinstance(event, gf.StreamEvent) and not event.parent_ids:
                            chunks.append(event.chunk)
            else:
                opened = program.stream(example.value, run_id=RUN_ID)
                if verb == "transform":
                    opened = program.transform(cut(example.cuts, source_error), run_id=RUN_ID)
                async with opened as stream:
                    async for chunk in stream:
                        chunks.append(chunk)
        except Exception as error:
            return Outcome(chunks, value, error, watch)
        return Outcome(None if verb in ("invoke", "explain_analyze") else chunks, value, None, watch)

    outcome = simulate(main, seed=example.seed)
    assert not watch.open, "a node was left open"
    return outcome


async def cut(chunks: Iterable[Any], error: Exception | None = None) -> AsyncIterator[Any]:
    """Give chunks, and then an error."""
    for chunk in chunks:
        yield chunk
    if error is not None:
        raise error


# --- other plans for the same chain ------------------------------------------------------------------------


def with_plan(program: gf.Program[Any, Any], plan: Plan) -> gf.Program[Any, Any]:
    """Return a program that runs another plan of the same stages."""
    other = copy.copy(program)
    other.plan = plan
    other._code = Code(plan)
    return other


def unfused(plan: Plan) -> Plan:
    """Return the plan with a generated function for every chunkwise node by itself."""

    def change(stage: Stage) -> Stage:
        fused = [node_id for cluster in stage.clusters for node_id in cluster.nodes]
        return attrs.evolve(stage, clusters=tuple(Cluster((node_id,)) for node_id in fused))

    return attrs.evolve(with_bodies(plan, unfused), stages=tuple(map(change, plan.stages)))


def narrow(plan: Plan, capacity: int = 1) -> Plan:
    """Return the plan with other capacities of the bounded buffers."""

    def change(buffer: Buffer) -> Buffer:
        return attrs.evolve(buffer, capacity=capacity) if buffer.kind == "bounded" else buffer

    return attrs.evolve(
        with_bodies(plan, lambda body: narrow(body, capacity)), buffers=tuple(map(change, plan.buffers))
    )


def with_bodies(plan: Plan, change: Callable[[Plan], Plan]) -> Plan:
    nodes = tuple(attrs.evolve(node, plans=tuple(map(change, node.plans))) for node in plan.nodes)
    return attrs.evolve(plan, nodes=nodes)


#: Ways to run a chain that must make no difference: the verb, what is done to the plan, how deep a stage may nest.
WAYS: Final[Mapping[str, tuple[Verb, Callable[[Plan], Plan], int | None]]] = {
    "streamed": ("stream", lambda plan: plan, None),
    "unfused": ("stream", unfused, None),
    "narrow": ("stream", narrow, None),
    "apart": ("stream", lambda plan: narrow(unfused(plan)), 1),
    "told": ("events", lambda plan: plan, None),
    "told apart": ("events", narrow, 1),
}
