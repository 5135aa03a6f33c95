"""Asynchronous generators that transform chunks: one nested in the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from benchmarks import lcel
from benchmarks.cases import NS, OURS, Case, Group, Side, at_most, faster
from benchmarks.measuring import on_trio
from benchmarks.work import add_one_to_each, chain_of_generators, last_of, numbers, streamed

CLOSING = "closing nest"
BARE = "bare nest"


def bare(k: int) -> Callable[[int], AsyncIterator[int]]:
    def nest(count: int) -> AsyncIterator[int]:
        chunks = numbers(count)
        for _ in range(k):
            chunks = add_one_to_each(chunks)
        return chunks

    return nest


@asynccontextmanager
async def closing(count: int, k: int) -> AsyncIterator[AsyncIterator[int]]:
    """Nest the same, close every generator from the sink upwards, and add a note to an error."""
    opened = [numbers(count)]
    for _ in range(k):
        opened.append(add_one_to_each(opened[-1]))
    try:
        yield opened[-1]
    except Exception as error:
        error.add_note(f"in a nest of {k} generators")
        raise
    finally:
        for generator in reversed(opened):
            await generator.aclose()


def case(k: int) -> Case:
    async def closed(count: int) -> object:
        async with closing(count, k) as chunks:
            return await last_of(chunks)

    nest = bare(k)
    return Case(
        f"asynchronous generators, k = {k}",
        NS,
        "chunk",
        (
            Side(OURS, on_trio(streamed(chain_of_generators(k))), 100_000),
            Side(CLOSING, on_trio(closed), 100_000),
            Side(BARE, on_trio(lambda count: last_of(nest(count))), 100_000),
            lcel.side(lambda: lcel.streamed(lcel.sequence(numbers, [add_one_to_each] * k)), 16_000 // (k + 4)),
        ),
        (at_most(1.15, CLOSING), at_most(1.15, BARE), faster(80)),
    )


def cases() -> Iterator[Case]:
    for k in (1, 4, 16):
        yield case(k)


GROUP = Group(
    "generators",
    "Asynchronous generators",
    """
    The same source and k asynchronous generators that add one. By hand they are nested: in the *closing nest*
    inside an `async with` that closes them all and adds a note to an error, which is what graphflow promises;
    in the *bare nest* without it.
    """,
    cases,
)
