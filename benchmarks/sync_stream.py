"""Streams for code that is not asynchronous."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import graphflow as gf
from benchmarks import invoke, lcel
from benchmarks.cases import HAND, NS, OURS, US, Case, Group, Side, at_most, within
from benchmarks.measuring import CPU, WALL, Clock, on_trio, plain
from benchmarks.work import STEPS, chain_of_functions, chain_of_generators, streamed

CHUNKS: Final = 100_000
UNDER_TRIO: Final = "`stream` under Trio"

s0, s1, s2, s3, *_ = STEPS


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def by_hand(count: int) -> Iterator[int]:
    for number in numbers(count):
        yield s3(s2(s1(s0(number))))


def last_of(chunks: Iterable[object]) -> object:
    last = None
    for chunk in chunks:
        last = chunk
    return last


def streamed_sync(chain: gf.Chain[int, Any]) -> Callable[[int], object]:
    def work(count: int) -> object:
        with chain.sync.stream(count) as chunks:
            return last_of(chunks)

    return work


def peer() -> Callable[[int], Any]:
    from langchain_core.runnables import RunnableGenerator

    def source(counts: Iterator[int]) -> Iterator[int]:
        for count in counts:
            yield from range(count)

    def each(step: Callable[[int], int]) -> Callable[[Iterator[int]], Iterator[int]]:
        def transform(chunks: Iterator[int]) -> Iterator[int]:
            for chunk in chunks:
                yield step(chunk)

        return transform

    chain: Any = RunnableGenerator(source)
    for step in STEPS[:4]:
        chain = chain | RunnableGenerator(each(step))
    return lambda count: last_of(chain.stream(count))


def stream_cases(clock: Clock, time: str) -> Iterator[Case]:
    all_sync: gf.Chain[int, Any] = gf.aggregate(numbers)
    for step in STEPS[:4]:
        all_sync = all_sync | gf.chunkwise(step)
    yield Case(
        f"sync.stream, nothing asynchronous, 4 functions, {time}",
        NS,
        "chunk",
        (
            Side(OURS, plain(streamed_sync(all_sync), clock), CHUNKS),
            Side(HAND, plain(lambda count: last_of(by_hand(count)), clock), CHUNKS),
            lcel.side(peer, 2_000, lambda work: plain(work, clock)),
        ),
        (at_most(1.5),),
    )
    for name, chain in (("4 functions", chain_of_functions(4)), ("4 generators", chain_of_generators(4))):
        yield Case(
            f"sync.stream, asynchronous source, {name}, {time}",
            NS,
            "chunk",
            (
                Side(OURS, plain(streamed_sync(chain), clock), CHUNKS),
                Side(UNDER_TRIO, on_trio(streamed(chain), clock), CHUNKS),
            ),
            (within(1_000, "ns"),),
        )


def invoke_case() -> Case:
    steps = STEPS[:4]
    return Case(
        "sync.invoke, 4 functions, wall time",
        US,
        "call",
        (
            Side(OURS, plain(invoke.called(invoke.chain_of(steps).sync.invoke), WALL), 500),
            Side(HAND, plain(invoke.called(invoke.hand_4), WALL), 20_000),
            lcel.side(lambda: invoke.called(invoke.peer(steps).invoke), 200, lambda work: plain(work, WALL)),
        ),
    )


def cases() -> Iterator[Case]:
    yield from stream_cases(WALL, "wall time")
    yield from stream_cases(CPU, "CPU time")
    yield invoke_case()


GROUP = Group(
    "sync",
    "Without async",
    """
    `chain.sync.stream` and `chain.sync.invoke` from a plain thread. With nothing asynchronous in the
    chain they are compared with a generator and calls written by hand, and with LCEL's `stream` and `invoke`. A
    chain with an asynchronous source runs in the loop of a background thread, and is compared with its own
    `stream` under Trio; LCEL cannot run asynchronous generators there.
    """,
    cases,
)
