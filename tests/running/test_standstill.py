"""A run that comes to a standstill because of its buffers, which plans make impossible, goes on with a larger one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from unittest import mock

import pytest
import trio
import trio.testing

import graphflow as gf
from graphflow import testing
from graphflow.runtime import standstill
from tests.fuzz.checks import all_bounded
from tests.laws.running import narrow, with_plan


@gf.aggregate
async def letters(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"{number} "


@gf.transform
async def passed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        await trio.lowlevel.checkpoint()
        yield chunk


@gf.transform
async def scoped(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with trio.CancelScope():
        async for chunk in chunks:
            yield chunk


@gf.transform
async def in_turn(left: AsyncIterator[str], right: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in left:
        yield chunk
    async for chunk in right:
        yield chunk


COUNT = 50
CHAIN = letters | {"left": passed, "right": passed} | in_turn
EXPECTED = "".join(f"{number} " for number in range(COUNT)) * 2


def too_small(chain: gf.Chain[int, str] = CHAIN) -> gf.Program[int, str]:
    """Return a program whose buffers are all bounded, against the plan."""
    program = chain.compile()
    return with_plan(program, narrow(all_bounded(program.plan, 4), 4))


def test_it_goes_on_and_warns() -> None:
    with pytest.warns(RuntimeWarning, match="a run of `sequence` had come to a standstill.*Please report it"):
        assert testing.run(too_small().invoke, COUNT) == EXPECTED


@pytest.mark.filterwarnings("ignore:a run of")
def test_listeners_are_told() -> None:
    async def told() -> list[object]:
        async with too_small().events(COUNT) as events:
            return [event.data async for event in events if event.name == standstill.GREW]

    grown = testing.run(told)
    assert grown
    assert all(set(each) == {"writer", "readers", "room"} for each in grown if isinstance(each, dict))
    assert next(each["room"] for each in grown if isinstance(each, dict)) == 8


@pytest.mark.filterwarnings("ignore:a run of")
def test_a_profile_says_so() -> None:
    async def profiled() -> gf.Profile:
        return await too_small().explain_analyze(COUNT)

    profile = testing.run(profiled)
    assert profile.output == EXPECTED
    assert profile.grown
    assert "a buffer had to grow, which should never happen: between stage" in str(profile)


def test_without_growth_it_would_wait_forever() -> None:
    async def in_time() -> None:
        with trio.fail_after(1000):
            await too_small().invoke(COUNT)

    with mock.patch.object(standstill, "GROWS", False), pytest.raises(trio.TooSlowError):
        testing.run(in_time)


@pytest.mark.filterwarnings("error")
def test_what_waits_for_something_else_is_no_standstill() -> None:
    @gf.transform
    async def slow(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            await trio.sleep(10)
            yield chunk

    async def slowly() -> list[object]:
        chain = letters | {"left": slow, "right": passed.with_config(buffer=1)}
        got: list[object] = []
        async with chain.stream(200) as records:
            async for record in records:
                await trio.sleep(1)
                got.append(record)
        return got

    assert len(testing.run(slowly)) == 400


@pytest.mark.filterwarnings("ignore:a run of")
def test_it_is_found_by_who_waits_for_a_whole_value() -> None:
    @gf.transform
    async def after(left: str, right: AsyncIterator[str]) -> AsyncIterator[str]:
        yield left
        async for chunk in right:
            yield chunk

    chain = letters | {"left": passed, "right": passed} | after
    assert testing.run(too_small(chain).invoke, COUNT) == EXPECTED


@pytest.mark.filterwarnings("ignore:a run of")
def test_it_is_found_where_nodes_run_in_tasks_of_their_own() -> None:
    count = 500  # they are ahead of their readers too
    chain = letters | {"left": scoped, "right": scoped.with_retry()} | in_turn
    expected = "".join(f"{number} " for number in range(count)) * 2
    assert testing.run(too_small(chain).invoke, count) == expected


@pytest.mark.filterwarnings("ignore:a run of")
def test_it_is_found_when_the_last_that_does_not_wait_ends() -> None:
    @gf.aggregate
    async def at_last(count: int) -> str:
        await trio.sleep(100)  # the others have come to a standstill long before
        return "!"

    @gf.transform
    async def then(first: AsyncIterator[str], last: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in first:
            yield chunk
        async for chunk in last:
            yield chunk

    chain = gf.parallel(first=CHAIN, last=at_last) | then
    assert testing.run(too_small(chain).invoke, COUNT) == EXPECTED + "!"


@pytest.mark.filterwarnings("ignore:a run of")
def test_it_is_found_by_who_waits_for_its_second_whole_value() -> None:
    @gf.aggregate
    async def late(count: int) -> str:
        await trio.sleep(100)  # the others have come to a standstill long before
        return "?"

    @gf.transform
    async def after(first: str, left: str, right: AsyncIterator[str]) -> AsyncIterator[str]:
        yield first + left
        async for chunk in right:
            yield chunk

    @gf.graph
    def chain(count: gf.Value[int]) -> gf.Value[str]:
        text = letters(count)
        return after(late(count), passed(text), passed(text))

    assert testing.run(too_small(chain).invoke, COUNT) == f"?{EXPECTED}"
