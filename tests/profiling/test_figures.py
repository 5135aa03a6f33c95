"""What `explain_analyze` measures is what happened: exact figures on a virtual clock, and sums that add up."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing

import graphflow as gf

Nodes = Mapping[str, gf.NodeProfile]


@gf.aggregate
async def source(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await trio.sleep(1)
        yield number


@gf.transform
async def slow(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        await trio.sleep(2.25)  # never at the same time as its source
        yield number


@gf.transform
async def late(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    kept = [number async for number in numbers]
    await trio.sleep(5)
    for number in kept:
        yield number


@gf.chunkwise
def more(number: int) -> int:
    return number + 1


@gf.chunkwise
async def nap(number: int) -> int:
    await trio.sleep(number)
    return number


@gf.aggregate
async def total(numbers: list[int]) -> int:
    await trio.sleep(3)
    return sum(numbers)


def measured(chain: gf.Chain[Any, Any], value: Any) -> gf.Profile:
    async def main() -> gf.Profile:
        return await chain.explain_analyze(value)

    profile = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    check(profile.nodes)
    if profile.first_chunk is not None:
        assert math.isclose(sum(step.took for step in profile.critical_path), profile.first_chunk, abs_tol=1e-9)
    return profile


def check(nodes: Nodes) -> None:
    """Check that the figures of every node, in bodies too, add up."""
    for figures in nodes.values():
        assert math.isclose(figures.own + figures.waiting + figures.blocked, figures.lifetime, abs_tol=1e-9)
        assert 0 <= figures.loop_held <= figures.lifetime + 1e-9
        for body in figures.bodies:
            check(body)


def times(figures: gf.NodeProfile) -> tuple[float, float, float]:
    return figures.own, figures.waiting, figures.blocked


def test_stages_that_overlap() -> None:
    profile = measured(source | slow | more, 3)
    nodes: Nodes = profile.nodes
    assert times(nodes["source"]) == (3, 0, 0)
    assert times(nodes["slow"]) == (6.75, 1, 0)
    assert times(nodes["more"]) == (0, 7.75, 0)
    assert [nodes[name].first_chunk for name in ("source", "slow", "more")] == [1, 3.25, 3.25]
    assert [nodes[name].done for name in ("source", "slow", "more")] == [3, 7.75, 7.75]
    assert [(nodes[name].chunks_in, nodes[name].chunks_out) for name in ("source", "slow", "more")] == [
        (1, 3),
        (3, 3),
        (3, 3),
    ]
    assert nodes["slow"].most_waiting == {"numbers": 3}
    assert (profile.first_chunk, profile.duration, profile.output) == (3.25, 7.75, [1, 2, 3])
    assert [(step.node, step.gave, step.took) for step in profile.critical_path] == [
        ("input", "all", 0),
        ("source", "first chunk", 1),
        ("slow", "first chunk", 2.25),
        ("more", "first chunk", 0),
    ]


def test_one_stage_that_takes_turns() -> None:
    @gf.transform
    async def quick(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield number

    nodes: Nodes = measured(source | quick | more, 2).nodes
    assert times(nodes["source"]) == (2, 0, 0)
    assert times(nodes["quick"]) == (0, 2, 0)
    assert nodes["quick"].most_waiting == {}


def test_a_writer_that_is_ahead_is_blocked() -> None:
    @gf.aggregate
    async def fast(count: int) -> AsyncIterator[int]:
        for number in range(count):
            await trio.lowlevel.checkpoint()
            yield number

    nodes: Nodes = measured(fast | slow, 100).nodes
    own, waiting, blocked = times(nodes["fast"])
    assert (own, waiting) == (0, 0)
    assert blocked > 0
    assert nodes["slow"].most_waiting == {"numbers": 64}


def test_what_waits_for_whole_values() -> None:
    profile = measured(source | gf.collect() | total | more, 3)
    nodes: Nodes = profile.nodes
    assert times(nodes["collect"]) == (0, 3, 0)
    assert times(nodes["total"]) == (3, 3, 0)
    assert (nodes["total"].chunks_in, nodes["total"].chunks_out) == (1, 1)
    assert [(step.node, step.gave, step.took) for step in profile.critical_path] == [
        ("input", "all", 0),
        ("source", "all", 3),
        ("collect", "all", 0),
        ("total", "first chunk", 3),
        ("more", "first chunk", 0),
    ]
    assert profile.output == 4


def test_a_fork() -> None:
    profile = measured(gf.parallel(a=source | slow, b=source | more), 2)
    nodes: Nodes = profile.nodes
    assert times(nodes["slow"]) == (4.5, 1, 0)
    assert times(nodes["parallel"]) == (0, 5.5, 0)
    assert (nodes["parallel"].chunks_in, nodes["parallel"].chunks_out) == (4, 4)
    assert [step.node for step in profile.critical_path] == ["input", "source.2", "more", "parallel"]


def test_a_fan_that_takes_turns() -> None:
    nodes: Nodes = measured(source | gf.parallel(a=more, b=more), 2).nodes
    assert [nodes[name].chunks_out for name in ("more", "more.2", "parallel")] == [2, 2, 4]
    assert times(nodes["more"]) == (0, 2, 0)


def test_bodies() -> None:
    nodes: Nodes = measured(gf.passthrough() | gf.each(nap, max_concurrency=2), [1, 2, 3]).nodes
    (body,) = nodes["each"].bodies
    inner: Nodes = body
    assert (inner["nap"].runs, inner["nap"].chunks_in, inner["nap"].own) == (3, 3, 6)
    assert nodes["each"].own == 4
    assert nodes["each"].chunks_out == 3

    chain = gf.passthrough() | gf.branch((lambda number: number > 1, nap), more)
    nodes = measured(chain, 4).nodes
    assert [inner_of(nodes, "branch", index).runs for index in (0, 1)] == [1, 0]
    assert nodes["branch"].own == 4


def inner_of(nodes: Nodes, name: str, body: int) -> gf.NodeProfile:
    return next(figures for node, figures in nodes[name].bodies[body].items() if node != "input")


def test_what_is_wrapped_and_tried_again() -> None:
    tries: list[int] = []

    @gf.transform
    async def flaky(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        tries.append(1)
        await trio.sleep(1)
        if len(tries) == 1:
            raise ValueError("the first time")
        async for number in numbers:
            yield number

    nodes: Nodes = measured(source | flaky.with_retry(attempts=2), 2).nodes
    assert inner_of(nodes, "flaky", 0).runs == 2
    assert nodes["flaky"].chunks_out == 2


def test_threads() -> None:
    @gf.chunkwise(thread=True)
    def blocks(number: int) -> int:
        time.sleep(0.01)
        return number

    @gf.transform
    def plain(numbers: Iterator[int]) -> Iterator[int]:
        yield from numbers

    profile = (source_without_waiting | blocks | plain).sync.explain_analyze(3)
    check(profile.nodes)
    nodes: Nodes = profile.nodes
    assert nodes["blocks"].in_threads >= 0.03
    assert nodes["blocks"].own >= nodes["blocks"].in_threads
    assert nodes["blocks"].loop_held == 0
    assert profile.output == [0, 1, 2]


@gf.aggregate
async def source_without_waiting(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def test_the_loop_that_is_held_is_told() -> None:
    @gf.transform
    async def holds(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            time.sleep(0.02)  # noqa: ASYNC251  # it is to be found out
            await trio.sleep(0.05)
            yield number

    nodes: Nodes = (source_without_waiting | holds).sync.explain_analyze(2).nodes
    assert 0.02 <= nodes["holds"].loop_held < nodes["holds"].own - 0.05


def test_a_transform_that_was_seen_to_wait_is_told() -> None:
    profile = measured(source | late, 3)
    (found,) = profile.diagnostics
    assert (found.code, found.severity, found.node) == ("GF401", "warning", "late")
    assert "`late` is planned to stream, but read all 3 chunks of its input before it gave one" in found.message
    assert found.hint is not None
    assert str(found.location).endswith(f"test_figures.py:{late_line()}")
    assert measured(source | slow, 3).diagnostics == ()
    assert measured(source | late, 1).diagnostics == ()  # of one chunk nobody can tell


def late_line() -> int:
    location = gf.compile(late).plan.nodes[1].location
    assert location is not None
    return location.line


def test_nothing_at_all() -> None:
    profile = measured(source, 0)
    assert (profile.first_chunk, profile.critical_path, profile.output) == (None, (), [])
    assert "no chunk came" in str(profile)


def test_records_in_and_out() -> None:
    chain = gf.parallel(a=more, b=gf.passthrough()) | gf.assign(c=gf.pick("a") | more) | gf.pick("c", "b")
    profile = measured(chain, 4)
    assert profile.output == {"c": 6, "b": 4}


# --- leaving -----------------------------------------------------------------------------------------------


def test_an_error_is_raised_as_itself() -> None:
    @gf.chunkwise
    def fails(number: int) -> int:
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom") as caught:
        measured(source | fails, 2)
    assert any("`fails`" in note for note in caught.value.__notes__)


def test_an_iterator_that_can_be_closed_is_closed() -> None:
    closed: list[int] = []

    class Numbers(Iterator[int]):
        """Like an open file: it is to be closed also when all of it was read, or none."""

        def __init__(self, count: int) -> None:
            self.left = count

        def __next__(self) -> int:
            if not self.left:
                raise StopIteration
            self.left -= 1
            return self.left

        def close(self) -> None:
            closed.append(self.left)

    @gf.aggregate
    def numbers(count: int) -> Iterator[int]:
        return Numbers(count)

    @gf.transform
    async def unread(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        yield 7

    assert measured(numbers, 3).nodes["numbers"].chunks_out == 3
    assert closed == [0]
    assert measured(numbers | unread, 3).nodes["unread"].chunks_out == 1
    assert closed == [0, 3]


def test_a_cancelled_run_leaves_nothing() -> None:
    closed: list[str] = []

    @gf.transform
    async def watched(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        try:
            async for number in numbers:
                yield number
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            closed.append("watched")

    async def main() -> None:
        with trio.move_on_after(1.5) as scope:
            await (source | watched | slow).explain_analyze(3)
        assert scope.cancelled_caught
        assert closed == ["watched"]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_function_whose_own_time_runs_out_goes_on() -> None:
    @gf.aggregate
    async def patient(seconds: int) -> int:
        with trio.move_on_after(1):
            await trio.sleep(seconds)
        await trio.sleep(2)
        return seconds

    profile = measured(patient, 10)
    assert times(profile.nodes["patient"]) == (3, 0, 0)
    assert profile.output == 10


def test_inside_a_run_that_somebody_listens_to_it_is_a_child() -> None:
    @gf.aggregate
    async def outer(count: int) -> int:
        profile = await (source | more | gf.passthrough()).explain_analyze(count)
        nodes: Nodes = profile.nodes
        return nodes["passthrough"].chunks_out

    async def main() -> None:
        names: list[str] = []
        async with outer.events(2) as events:
            async for event in events:
                if isinstance(event, gf.StartEvent):
                    names.append(event.name)
                last = event
        assert names == ["outer", "sequence", "source", "more", "passthrough"]
        assert last.data["output"] == 2

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_sync_refuses_a_trio_task() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"await chain\.explain_analyze"):
            more.sync.explain_analyze(1)

    trio.run(main)
    assert more.sync.explain_analyze(1).output == 2
