"""Chains of thousands of nodes: no recursion, and work that grows with their length, counted in calls, never timed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import pytest

import graphflow as gf
from tests.laws.doses import is_long
from tests.laws.running import cut
from tests.laws.simulation import simulate

DEEP: Final = 5_000
#: How much more work twice as long a chain may take. Sorting and dictionaries that grow are why it is not exactly 2.
TWICE: Final = 2.2


@gf.chunkwise
def chunkwise(chunk: str) -> str:
    return chunk


@gf.chunkwise
async def chunkwise_async(chunk: str) -> str:
    return chunk


@gf.transform
async def transform(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform
def transform_sync(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


@gf.transform
async def transform_waiting(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    while (chunk := await anext(chunks, None)) is not None:
        yield chunk


@gf.aggregate
def aggregate(value: str) -> str:
    return value


@gf.aggregate
async def aggregate_async(value: str) -> str:
    return value


@gf.aggregate
async def reader(chunks: AsyncIterator[str]) -> str:
    return "".join([chunk async for chunk in chunks])


@gf.aggregate
async def producer(value: str) -> AsyncIterator[str]:
    for letter in value:
        yield letter


@gf.aggregate
def producer_sync(value: str) -> Iterator[str]:
    yield from value


@gf.graph
def fork_and_join(x: gf.Stream[str]) -> gf.Stream[str]:
    return both(first=transform(x), second=chunkwise(x))


@gf.transform
async def both(first: AsyncIterator[str], second: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in first:
        yield chunk
    async for _ in second:
        pass


def of(kind: gf.Chain[Any, Any]) -> Callable[[int], gf.Chain[Any, Any]]:
    """Return what makes a sequence of one chain, many times."""

    def declare(count: int) -> gf.Chain[Any, Any]:
        chain = kind
        for _ in range(count - 1):
            chain = chain | kind
        return chain

    return declare


def from_the_right(count: int) -> gf.Chain[Any, Any]:
    chain: gf.Chain[Any, Any] = chunkwise
    for _ in range(count - 1):
        chain = transform | chain
    return chain


def of_calls(count: int) -> gf.Chain[Any, Any]:
    @gf.graph
    def calls(x: gf.Stream[str]) -> gf.Stream[str]:
        for _ in range(count):
            x = transform(x)
        return x

    return calls


def assigns(count: int) -> gf.Chain[Any, Any]:
    chain: gf.Chain[Any, Any] = gf.parallel(a=chunkwise, b=aggregate)
    for number in range(count - 1):
        chain = chain | gf.assign({"ab"[number % 2]: gf.pick("ab"[(number + 1) % 2]) | chunkwise})
    return chain | gf.pick("a")


def wide(count: int) -> gf.Chain[Any, Any]:
    return gf.parallel({f"k{number}": transform for number in range(count)}) | gf.pick("k0")


KINDS: Final[dict[str, Callable[[int], gf.Chain[Any, Any]]]] = {
    "chunkwise": of(chunkwise),
    "asynchronous chunkwise": of(chunkwise_async),
    "transform": of(transform),
    "synchronous transform": of(transform_sync),
    "transform that waits": of(transform_waiting),
    "aggregate": of(aggregate),
    "asynchronous aggregate": of(aggregate_async),
    "reader": of(reader),
    "producer": of(producer),
    "synchronous producer": of(producer_sync),
    "passthrough": of(gf.passthrough()),
    "parallel and pick": of(gf.parallel(a=chunkwise) | gf.pick("a")),
    "branch": of(gf.branch((lambda value: False, transform), chunkwise)),
    "each": of(gf.each(aggregate)),
    "graph": of(fork_and_join),
    "declared from the right": from_the_right,
    "calls on handles": of_calls,
    "assigns": assigns,
    "many branches": wide,
}


#: The kinds that are always tried at full depth; the others, made of several nodes each or of these, in the long run.
DEEPEST: Final = ("chunkwise", "transform", "aggregate", "producer", "declared from the right")


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_of_thousands_of_nodes_runs(kind: str) -> None:
    chain = KINDS[kind](DEEP if kind in DEEPEST or is_long() else DEEP // 5)
    value: Any = ["a", "b"] if kind == "each" else "ab"

    async def main() -> tuple[list[Any], Any]:
        async with chain.transform(cut([value[:1], value[1:]])) as chunks:
            streamed = [chunk async for chunk in chunks]
        return streamed, await chain.invoke(value)

    streamed, invoked = simulate(main)
    assert invoked == value
    assert [item for chunk in streamed for item in chunk] == list(value)


@pytest.mark.parametrize("kind", KINDS)
def test_work_grows_with_the_length_of_a_chain(kind: str) -> None:
    value: Any = ["a", "b"] if kind == "each" else "ab"

    def work(count: int) -> None:
        chain = KINDS[kind](count)

        async def main() -> None:
            await chain.invoke(value)

        simulate(main)

    work(10)  # whatever is made once
    assert lines_of(work, 200) <= TWICE * lines_of(work, 100)


def test_the_work_of_an_error_grows_with_the_way_that_it_takes() -> None:
    @gf.transform
    async def fail(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            raise ValueError(chunk)
            yield chunk

    def work(count: int) -> None:
        chain = fail | of(transform_waiting)(count)

        async def main() -> None:
            with pytest.raises(ValueError, match="a"):
                await chain.invoke("a")

        simulate(main)

    work(10)
    assert lines_of(work, 200) <= TWICE * lines_of(work, 100)


def lines_of(work: Callable[[int], None], count: int) -> int:
    """Return how many lines of graphflow are run."""
    lines = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        if event == "call" and "graphflow" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(count)
    finally:
        sys.settrace(before)
    return lines
