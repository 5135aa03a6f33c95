"""One stream into many branches, and their outputs into one stream of records."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Final

import graphflow as gf
from benchmarks import lcel
from benchmarks.cases import HAND, NS, OURS, Case, Group, Side, at_most, faster
from benchmarks.measuring import on_trio
from benchmarks.tee import forked
from benchmarks.work import add_one_to_each, adding, numbers

CHUNKS: Final = 10_000


async def lasts_of(records: AsyncIterable[dict[str, int]]) -> object:
    """Read records to their end, and return how many there were, and the last number of every key."""
    count = 0
    lasts: dict[str, int] = {}
    async for record in records:
        count += 1
        lasts.update(record)
    return count, lasts


def case(name: str, width: int, ours: dict[str, Any], hand: dict[str, dict[str, Any]], peers: dict[str, Any]) -> Case:
    chain = gf.aggregate(numbers) | gf.parallel(ours)

    async def streamed(count: int) -> object:
        async with chain.stream(count) as records:
            return await lasts_of(records)

    async def by_hand(count: int) -> object:
        async with forked(numbers(count), **hand) as records:
            return await lasts_of(records)

    def peer() -> Callable[[int], Any]:
        from langchain_core.runnables import RunnableGenerator, RunnableParallel

        branches = {key: RunnableGenerator(branch) for key, branch in peers.items()}
        sequence: Any = RunnableGenerator(lcel.source_of(numbers)) | RunnableParallel(branches)
        return lambda count: lasts_of(sequence.astream(count))

    return Case(
        f"fork of {width} {name}, joined",
        NS,
        "record",
        (
            Side(OURS, on_trio(streamed), CHUNKS),
            Side(HAND, on_trio(by_hand), CHUNKS),
            lcel.side(peer, 2_000 // width),
        ),
        (at_most(2), faster(25)),
        units=lambda count: count * width,
    )


def cases() -> Iterator[Case]:
    for width in (2, 8, 32):
        functions = {f"b{n}": adding() for n in range(width)}
        yield case(
            "functions",
            width,
            {key: gf.chunkwise(function) for key, function in functions.items()},
            {"functions": functions},
            {key: lcel.each(function) for key, function in functions.items()},
        )
    for width in (2, 8, 32):
        generators = dict.fromkeys((f"b{n}" for n in range(width)), add_one_to_each)
        yield case(
            "generators",
            width,
            {key: gf.transform(generator) for key, generator in generators.items()},
            {"generators": generators},
            generators,
        )


GROUP = Group(
    "fork",
    "A fork, joined",
    """
    A source of 10,000 numbers into 2, 8 and 32 branches, which are functions of one chunk or asynchronous
    generators; the reader gets records of their outputs. By hand it is a tee for Trio (`benchmarks/tee.py`):
    one task for the source, one for every branch, and queues of 64 chunks with one writer and one reader, who
    takes all that is there at once. In LCEL it is a `RunnableParallel`.
    """,
    cases,
)
