"""The same chains as langchain-core's LCEL writes them. It is imported where it runs: it need not be installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from importlib.util import find_spec
from typing import Any

from benchmarks.cases import LCEL, Side, Taken
from benchmarks.measuring import Take, on_asyncio
from benchmarks.work import last_of


def is_installed() -> bool:
    """Tell whether there is a peer to compare with."""
    return find_spec("langchain_core") is not None


def side(
    make: Callable[[], Callable[[int], Any]], count: int, on: Callable[[Callable[[int], Any]], Take] = on_asyncio
) -> Side:
    """Return the side of the peer, whose work is made when it first runs."""
    made: list[Take] = []

    def take(count: int) -> Taken:
        if not made:
            made.append(on(make()))
        return made[0](count)

    return Side(LCEL, take, count)


def source_of(generator: Callable[[int], AsyncIterator[Any]]) -> Callable[[AsyncIterator[int]], AsyncIterator[Any]]:
    """Return a source that takes its count from a stream, as the first step of a sequence does."""

    async def source(counts: AsyncIterator[int]) -> AsyncIterator[Any]:
        async for count in counts:
            async for chunk in generator(count):
                yield chunk

    return source


def each(function: Callable[[Any], Any]) -> Callable[[AsyncIterator[Any]], AsyncIterator[Any]]:
    """Return the transform that calls a function for every chunk: there is no other step of one chunk."""

    async def step(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            yield function(chunk)

    return step


def sequence(
    source: Callable[[int], AsyncIterator[Any]],
    steps: Iterable[Callable[[AsyncIterator[Any]], AsyncIterator[Any]]],
) -> Any:
    """Return a sequence of a source and transforms; the steps are named `step_0`, `step_1` and so on."""
    from langchain_core.runnables import RunnableGenerator

    chain: Any = RunnableGenerator(source_of(source), name="source")
    for index, step in enumerate(steps):
        chain = chain | RunnableGenerator(step, name=f"step_{index}")
    return chain


def streamed(chain: Any) -> Callable[[int], Any]:
    """Return the work of streaming a sequence."""

    async def work(count: int) -> object:
        return await last_of(chain.astream(count))

    return work
