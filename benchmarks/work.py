"""The work that most cases share: numbers from a source, and steps that each add one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any, Final

import graphflow as gf

Step = Callable[[int], int]


async def numbers(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


def adding() -> Step:
    def add_one(number: int) -> int:
        return number + 1

    return add_one


#: Sixteen functions, each one of its own.
STEPS: Final = tuple(adding() for _ in range(16))


async def add_one_to_each(chunks: AsyncIterator[int]) -> AsyncGenerator[int, None]:
    async for chunk in chunks:
        yield chunk + 1


def chain_of_functions(k: int) -> gf.Chain[int, Any]:
    """Return a chain of a source and k functions of one chunk."""
    chain: gf.Chain[int, Any] = gf.aggregate(numbers)
    for step in STEPS[:k]:
        chain = chain | gf.chunkwise(step)
    return chain


def chain_of_generators(k: int) -> gf.Chain[int, Any]:
    """Return a chain of a source and k asynchronous generators."""
    chain: gf.Chain[int, Any] = gf.aggregate(numbers)
    for _ in range(k):
        chain = chain | gf.transform(add_one_to_each)
    return chain


async def last_of(chunks: AsyncIterable[object]) -> object:
    """Read a stream to its end, and return its last chunk."""
    last = None
    async for chunk in chunks:
        last = chunk
    return last


def streamed(chain: gf.Chain[int, Any]) -> Callable[[int], Any]:
    """Return the work of streaming a chain."""

    async def work(count: int) -> object:
        async with chain.stream(count) as chunks:
            return await last_of(chunks)

    return work
