"""How much may be at work at once: in a chain, or in a run and all that runs in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
import trio

import graphflow as gf
from tests.laws.simulation import simulate


class Crew:
    """Counts how many work at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def work(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await trio.sleep(1)
        self.now -= 1

    def function(self) -> gf.Aggregate[int, int]:
        @gf.aggregate
        async def function(value: int) -> int:
            await self.work()
            return value

        return function

    def producer(self) -> gf.Producer[int, int]:
        @gf.aggregate(accumulate=gf.latest)
        async def producer(value: int) -> AsyncIterator[int]:
            await self.work()
            yield value

        return producer

    def chunkwise(self) -> gf.Chain[int, int]:
        @gf.chunkwise(accumulate=gf.latest)
        async def chunkwise(value: int) -> int:
            await self.work()
            return value

        return chunkwise


KINDS: Final[dict[str, Callable[[Crew], gf.Chain[int, int]]]] = {
    "function": Crew.function,
    "producer": Crew.producer,
    "chunkwise": Crew.chunkwise,
}

Use = Callable[[gf.Chain[int, int], int], Awaitable[Any]]


async def in_a_batch(chain: gf.Chain[int, int], limit: int) -> None:
    assert await chain.batch(list(range(9)), limit=limit) == list(range(9))


async def in_a_fork(chain: gf.Chain[int, int], limit: int) -> None:
    fan = gf.parallel({f"k{number}": chain for number in range(9)})
    assert await fan.invoke(1, limit=limit) == {f"k{number}": 1 for number in range(9)}


async def in_each(chain: gf.Chain[int, int], limit: int) -> None:
    assert await gf.each(chain, max_concurrency=9).invoke([1] * 9, limit=limit) == [1] * 9


async def nested(chain: gf.Chain[int, int], limit: int) -> None:
    @gf.aggregate
    async def outer(value: int) -> int:
        return await chain.invoke(value)

    await in_a_batch(outer, limit)
    await in_a_fork(outer, limit)


async def nested_in_a_generator(chain: gf.Chain[int, int], limit: int) -> None:
    @gf.aggregate(accumulate=gf.latest)
    async def outer(value: int) -> AsyncIterator[int]:
        async with chain.stream(value) as chunks:
            async for chunk in chunks:
                yield chunk

    await in_a_batch(outer, limit)


@pytest.mark.parametrize("limit", [1, 2, 4])
@pytest.mark.parametrize("use", [in_a_batch, in_a_fork, in_each, nested, nested_in_a_generator])
@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_of_a_run_holds_for_all_that_runs_in_it(kind: str, use: Use, limit: int) -> None:
    crew = Crew()
    simulate(lambda: use(KINDS[kind](crew), limit))
    assert crew.most == limit


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_of_a_chain_holds_wherever_its_runs_come_from(kind: str) -> None:
    crew = Crew()
    chain = KINDS[kind](crew).with_limit(2)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(chain.batch, [number] * 3)

    simulate(main)
    assert crew.most == 2
    assert "runs at most 2 times at once" in str(gf.compile(chain))


def test_chains_may_share_a_limit_also_one_inside_the_other() -> None:
    crew, limit = Crew(), gf.Limit(1)
    inner = crew.function().with_limit(limit)

    @gf.aggregate(limit=limit)
    async def outer(value: int) -> int:
        return await inner.invoke(value)

    assert simulate(lambda: outer.batch([1, 2, 3])) == [1, 2, 3]
    assert crew.most == 1


def test_a_limit_keeps_the_class_of_a_chain() -> None:
    crew = Crew()
    assert isinstance(crew.function().with_limit(1), gf.Aggregate)
    assert isinstance(crew.producer().with_limit(1), gf.Producer)
    assert isinstance(crew.chunkwise().with_limit(1), gf.Transform)


@pytest.mark.parametrize("way", ["leave", "cancel", "fail"])
def test_a_place_is_given_back_however_a_run_is_left(way: str) -> None:
    limit = gf.Limit(1)

    @gf.aggregate(limit=limit)
    async def node(value: int) -> AsyncIterator[int]:
        yield value
        if way == "fail":
            raise ValueError("broken")
        await trio.sleep(100)

    async def once() -> None:
        with trio.move_on_after(1 if way == "cancel" else 200):
            async with node.stream(1) as chunks:
                async for _ in chunks:
                    if way == "leave":
                        break

    async def main() -> None:
        for _ in range(3):
            try:
                await once()
            except ValueError:
                assert way == "fail"
            assert limit.limiter.borrowed_tokens == 0

    simulate(main)


def test_a_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        gf.Limit(0)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        simulate(lambda: Crew().function().invoke(1, limit=0))


def test_threads_are_limited_too() -> None:
    now = most = 0

    @gf.aggregate(thread=True)
    def node(value: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        trio.from_thread.run(trio.sleep, 0.001)
        now -= 1
        return value

    trio.run(lambda: node.batch(list(range(6)), limit=1))
    assert most == 1
