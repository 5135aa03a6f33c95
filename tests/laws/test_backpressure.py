"""Law 6: pausing the consumer pauses the producers, within the buffers of the plan."""

from __future__ import annotations

from collections.abc import AsyncIterator

import hypothesis.strategies as st
import trio
from hypothesis import given

import graphflow as gf
from graphflow_compiler.plan import Plan
from tests.laws.doses import dose
from tests.laws.drawings import INPUT, Drawing, Meter, declare, drawings
from tests.laws.running import narrow, with_plan
from tests.laws.simulation import simulate

ENDLESS = 3000
EVENTS = 1024


async def counted(meter: Meter) -> AsyncIterator[str]:
    for number in range(ENDLESS):
        meter.given[INPUT] += 1
        yield f"{number}"


def room(plan: Plan) -> int:
    """Return how many chunks a plan says that it holds at most."""
    assert plan.most_chunks is not None
    return plan.most_chunks


def check_edges(plan: Plan, meter: Meter) -> None:
    """Check that no node is further ahead of its reader than the buffer between them allows."""
    capacity = {(buffer.target, buffer.port): buffer.capacity or 0 for buffer in plan.buffers}
    for edge in plan.edges:
        port = edge.port or ""
        if (edge.target, port) in meter.read and edge.source in meter.given:
            ahead = meter.given[edge.source] - meter.read[edge.target, port]
            assert ahead <= capacity.get((edge.target, edge.port or ""), 0) + 1  # the writer has one in its hand


@dose(100)
@given(drawings(roles=("transform",)), st.sampled_from([1, 2, 7, 64]), st.integers(0, 100), st.integers(0, 3))
def test_a_source_runs_no_further_ahead_of_a_paused_reader_than_the_buffers(
    drawing: Drawing, capacity: int, taken: int, seed: int
) -> None:
    meter = Meter()
    program = declare(drawing, {}, meter).compile()
    plan = narrow(program.plan, capacity)
    program = with_plan(program, plan)

    async def main() -> None:
        async with program.transform(counted(meter)) as chunks:
            for _ in range(taken):
                await anext(chunks)
            await trio.sleep(1000)
            assert meter.given[INPUT] <= taken + room(plan) + len(plan.stages)
            check_edges(plan, meter)

    simulate(main, seed=seed)


@dose(25)
@given(drawings(roles=("transform",)), st.integers(0, 3))
def test_a_source_runs_no_further_ahead_of_a_paused_listener_than_the_events(drawing: Drawing, seed: int) -> None:
    meter = Meter()

    @gf.aggregate
    async def source(value: int) -> AsyncIterator[str]:
        for number in range(value):
            meter.given[INPUT] += 1
            yield f"{number}"

    chain = source | declare(drawing, {}, meter)
    program = chain.compile()

    async def main() -> None:
        async with program.events(ENDLESS) as events:
            async for event in events:
                if isinstance(event, gf.StreamEvent):
                    break
            await trio.sleep(1000)
            assert meter.given[INPUT] <= EVENTS + room(program.plan) + len(program.plan.stages)

    simulate(main, seed=seed)


@dose(40)
@given(st.integers(1, 5), st.integers(0, 6), st.integers(0, 3))
def test_an_each_starts_no_more_items_than_it_may_work_on(limit: int, taken: int, seed: int) -> None:
    started: list[int] = []

    @gf.aggregate
    async def work(item: int) -> int:
        started.append(item)
        await trio.sleep(10 - item % 7)
        return item

    chain: gf.Chain[list[int], list[int]] = gf.each(work, max_concurrency=limit)

    async def main() -> None:
        async with chain.stream(list(range(100))) as chunks:
            for number in range(taken):
                assert await anext(chunks) == [number]
            await trio.sleep(1000)
            assert len(started) <= taken + limit

    simulate(main, seed=seed)
