"""Open a stream, take one chunk, leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any, Final

import graphflow as gf
from benchmarks import lcel
from benchmarks.cases import HAND, OURS, US, Case, Group, Side, faster, within
from benchmarks.chunkwise import hand_4
from benchmarks.generators import closing
from benchmarks.measuring import on_trio
from benchmarks.work import STEPS, add_one_to_each, chain_of_functions, chain_of_generators, numbers

K: Final = 4
MANY: Final = 1_000  # what the source would give


async def first_by_hand_of_functions() -> object:
    async with aclosing(hand_4(MANY)) as chunks:
        async for chunk in chunks:
            return chunk
    return None


async def first_by_hand_of_generators() -> object:
    async with closing(MANY, K) as chunks:
        async for chunk in chunks:
            return chunk
    return None


def first_of(chain: gf.Chain[int, Any]) -> Callable[[], Any]:
    async def work() -> object:
        async with chain.stream(MANY) as chunks:
            async for chunk in chunks:
                return chunk
        return None

    return work


def peers_first(steps: Any) -> Callable[[], Callable[[int], Any]]:
    def make() -> Callable[[int], Any]:
        chain = lcel.sequence(numbers, steps)

        async def first() -> object:
            async with aclosing(chain.astream(MANY)) as chunks:
                async for chunk in chunks:
                    return chunk
            return None

        async def works(count: int) -> object:
            # It leaves generators that nobody can close; the loop says so of each when it ends.
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            return await again_and_again(first)(count)

        return works

    return make


def again_and_again(work: Callable[[], Any]) -> Callable[[int], Any]:
    async def works(count: int) -> object:
        for _ in range(count):
            result = await work()
        return result

    return works


def case(name: str, chain: gf.Chain[int, Any], by_hand: Callable[[], Any], steps: list[Any]) -> Case:
    return Case(
        f"open, one chunk, leave: {name}",
        US,
        "run",
        (
            Side(OURS, on_trio(again_and_again(first_of(chain))), 1_000),
            Side(HAND, on_trio(again_and_again(by_hand)), 5_000),
            lcel.side(peers_first(steps), 100),
        ),
        (within(25, "µs"), faster(10)),
    )


def cases() -> Iterator[Case]:
    functions = [lcel.each(step) for step in STEPS[:K]]
    yield case("4 functions", chain_of_functions(K), first_by_hand_of_functions, functions)
    yield case("4 generators", chain_of_generators(K), first_by_hand_of_generators, [add_one_to_each] * K)


GROUP = Group(
    "opening",
    "Open, one chunk, leave",
    """
    `async with chain.stream(...)`, left after the first of many chunks, inside a running loop. By hand it is
    the loop of functions, closed, and the closing nest. LCEL's stream is closed too.
    """,
    cases,
)
