"""The nodes that the typing tests put together: T a transform, P a producer, A an aggregate, and bare functions."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypedDict

import graphflow as gf


def use(_: object) -> None: ...


# --- bare functions ---


async def streams(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


def streams_sync(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


async def produces(text: str) -> AsyncIterator[str]:
    yield text


def produces_sync(text: str) -> Iterator[str]:
    yield text


async def counts(text: str) -> int:
    return len(text)


def counts_sync(text: str) -> int:
    return len(text)


async def counts_chunks(chunks: AsyncIterator[str]) -> int:
    return len([chunk async for chunk in chunks])


def counts_chunks_sync(chunks: Iterator[str]) -> int:
    return len(list(chunks))


def joins(left: str, right: str) -> str:
    return left + right


def shortens(text: str) -> str:
    return text[:80]


async def streams_of_int(numbers: AsyncIterator[int]) -> AsyncIterator[str]:
    async for number in numbers:
        yield str(number)


async def produces_of_int(number: int) -> AsyncIterator[str]:
    yield str(number)


def takes_int(number: int) -> str:
    return str(number)


def records_of(text: str) -> dict[str, Any]:
    return {"key": {"key": text}}


def takes_any(value: dict[str, Any]) -> str:
    return str(value)


async def produces_of_any(value: dict[str, Any]) -> AsyncIterator[str]:
    yield str(value)


class Pair(TypedDict):
    left: str
    right: int


def takes_pair(pair: Pair) -> str:
    return pair["left"]


async def produces_of_pair(pair: Pair) -> AsyncIterator[str]:
    yield pair["left"]


async def reads_pairs(pairs: AsyncIterator[Pair]) -> AsyncIterator[str]:
    async for pair in pairs:
        yield pair["left"]


# --- declared nodes ---

T = gf.transform(streams)
P = gf.aggregate(produces)
A = gf.aggregate(shortens)

T_int = gf.transform(streams_of_int)
P_int = gf.aggregate(produces_of_int)
A_int = gf.aggregate(takes_int)
