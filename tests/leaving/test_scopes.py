"""Generators that keep a nursery or a cancel scope open while they yield: what they cancel is their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
import trio.testing

import graphflow as gf


def virtually(work: Callable[[], Any]) -> Any:
    return trio.run(work, clock=trio.testing.MockClock(autojump_threshold=0))


@gf.transform
async def limited(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    """Give numbers for two seconds; then one more."""
    with trio.move_on_after(2):
        async for number in numbers:
            yield number
    yield -1


@gf.transform
async def failing(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    with trio.fail_after(2):
        async for number in numbers:
            yield number


@gf.transform
async def passing(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number


async def many(count: int = 10_000) -> AsyncIterator[int]:
    for number in range(count):
        yield number


CHAINS = {
    "last": limited,
    "followed": limited | passing,
    "followed by a function": limited | gf.chunkwise(lambda number: number),
    "after another": passing | limited,
    "twice": limited | limited,
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_deadline_that_expires_while_the_reader_is_busy_arrives_at_the_yield(name: str) -> None:
    async def work() -> list[int]:
        got = []
        async with CHAINS[name].transform(many()) as numbers:
            async for number in numbers:
                got.append(number)
                await trio.sleep(0.1)
        return got

    for _ in range(10):  # Trio wakes tasks in random order
        got = virtually(work)
        assert got == [*range(len(got) - 1), -1]
        assert 20 <= len(got) <= 20 + 3 * 64  # two seconds, and what is read ahead


def test_a_timeout_arrives_as_the_error_of_its_node() -> None:
    async def work() -> list[int]:
        got = []
        with pytest.raises(trio.TooSlowError) as caught:
            async with (failing | passing).transform(many()) as numbers:
                async for number in numbers:
                    got.append(number)
                    await trio.sleep(0.1)
        assert any("in node `failing`" in note for note in caught.value.__notes__)
        return got

    got = virtually(work)
    assert got == list(range(len(got)))


def test_a_child_that_fails_does_not_cancel_the_reader() -> None:
    async def crash() -> None:
        await trio.sleep(1)
        raise ValueError("a child")

    @gf.transform
    async def with_child(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            async for number in numbers:
                yield number

    async def work() -> int:
        finished = 0
        with pytest.raises(ExceptionGroup) as caught:
            async with with_child.transform(many()) as numbers:
                async for _ in numbers:
                    await trio.sleep(0.3)
                    finished += 1
        assert caught.group_contains(ValueError, match="a child")
        return finished

    assert virtually(work) >= 4


@pytest.mark.parametrize("way", ["break", "error", "cancel"])
def test_children_are_gone_when_the_with_is_left(way: str) -> None:
    seen: list[str] = []

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            seen.append("child")

    @gf.transform
    async def with_child(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                async for number in numbers:
                    yield number
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            seen.append("node")

    async def work() -> None:
        with trio.CancelScope() as scope:
            async with (with_child | passing).transform(many()) as numbers:
                async for number in numbers:
                    if number == 5:
                        if way == "break":
                            break
                        if way == "error":
                            raise KeyError("body")
                        scope.cancel()
                        await trio.lowlevel.checkpoint()
        seen.append("left")

    if way == "error":
        with pytest.raises(KeyError, match="body"):
            virtually(work)
        seen.append("left")
    else:
        virtually(work)
    assert seen == ["child", "node", "left"]


def test_what_it_reads_is_closed_by_the_task_that_iterates_it() -> None:
    tasks: dict[str, set[trio.lowlevel.Task]] = {}

    def noted(name: str, *, scope: bool = False) -> Any:
        async def node(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
            mine = tasks.setdefault(name, set())
            try:
                async for number in numbers:
                    mine.add(trio.lowlevel.current_task())
                    yield number
            finally:
                mine.add(trio.lowlevel.current_task())

        async def scoped(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
            mine = tasks.setdefault(name, set())
            with trio.CancelScope():
                try:
                    async for number in numbers:
                        mine.add(trio.lowlevel.current_task())
                        yield number
                finally:
                    mine.add(trio.lowlevel.current_task())

        return gf.transform(scoped if scope else node)

    async def work() -> None:
        chain = noted("first") | noted("second", scope=True) | noted("third")
        async with chain.transform(many()) as numbers:
            async for number in numbers:
                if number == 5:
                    break

    virtually(work)
    assert all(len(each) == 1 for each in tasks.values())
    assert tasks["first"] == tasks["second"] != tasks["third"]


async def all_of(chain: gf.Chain[Any, Any], **options: Any) -> list[int]:
    async with chain.transform(many(300), **options) as numbers:
        return [number async for number in numbers]


def test_it_gives_the_same_chunks_however_it_runs() -> None:
    chain = passing | limited | passing
    expected = [*range(300), -1]
    assert virtually(lambda: all_of(chain)) == expected
    assert virtually(lambda: all_of(chain, limit=1)) == expected
    listed = passing | limited | gf.collect()
    assert virtually(lambda: listed.invoke(3)) == [3, -1]
    assert listed.sync.invoke(3) == [3, -1]
    profile = virtually(lambda: listed.explain_analyze(3))
    assert (profile.nodes["limited"].chunks_out, profile.output) == (2, [3, -1])


def test_its_events_are_those_of_any_node() -> None:
    async def work() -> dict[str, list[str]]:
        chain = passing | limited | gf.collect()
        told: dict[str, list[str]] = {}
        async with chain.events(3) as events:
            async for event in events:
                told.setdefault(event.name, []).append(event.event)
        return told

    told = virtually(work)
    assert told["passing"] == ["on_chain_start", "on_chain_stream", "on_chain_end"]
    assert told["limited"] == ["on_chain_start", "on_chain_stream", "on_chain_stream", "on_chain_end"]


def test_it_stops_when_its_reader_pauses() -> None:
    made: list[int] = []

    @gf.transform
    async def counted(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        with trio.CancelScope():
            async for number in numbers:
                made.append(number)
                yield number

    async def work() -> None:
        async with counted.transform(many()) as numbers:
            async for number in numbers:
                if number == 3:
                    await trio.sleep(100)
                    break

    virtually(work)
    assert 4 <= len(made) <= 4 + 64 + 1


def test_it_runs_in_the_bodies_of_other_nodes() -> None:
    chain = gf.each(limited | gf.collect(), max_concurrency=2)
    assert virtually(lambda: chain.invoke([1, 2])) == [[1, -1], [2, -1]]
    branch = gf.branch((lambda number: number > 0, limited), passing) | gf.collect()
    assert virtually(lambda: branch.invoke(1)) == [1, -1]
    with_retry = limited.with_retry(attempts=2) | gf.collect()
    assert virtually(lambda: with_retry.invoke(1)) == [1, -1]


@gf.aggregate
async def slowly(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.sleep(0.1)
        yield letter


@gf.chunkwise
async def waiting(chunk: str) -> str:
    await trio.sleep(0.1)
    return chunk


@gf.aggregate
async def streams_another(text: str) -> AsyncIterator[str]:
    async with (slowly | waiting).stream(text) as chunks:  # it has a task, and so a nursery
        async for chunk in chunks:
            yield chunk


@gf.aggregate
async def hears_another(text: str) -> AsyncIterator[str]:
    async with slowly.events(text, include_types=["chain"]) as events:
        async for event in events:
            if isinstance(event, gf.StreamEvent):
                yield event.chunk


@gf.aggregate
async def does_many(text: str) -> AsyncIterator[str]:
    async with slowly.batch_as_completed([text]) as results:
        async for _, result in results:
            yield result


@pytest.mark.parametrize("chain", [streams_another, hears_another, does_many], ids=lambda chain: chain.name)
def test_a_node_may_yield_inside_of_a_run_and_its_reader_may_set_deadlines(chain: gf.Chain[str, str]) -> None:
    async def work() -> list[str]:
        got: list[str] = []
        async with chain.stream("abc") as chunks:
            while True:
                with trio.move_on_after(5):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return got
                got.append(chunk)

    assert "".join(virtually(work)) == "abc"
    assert virtually(lambda: chain.with_timeout(between_chunks=5, total=100).invoke("abc")) == "abc"
