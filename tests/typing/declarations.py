"""What the decorators make of functions."""

import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any, assert_type

import graphflow as gf
from tests.typing.nodes import counts, counts_chunks_sync, counts_sync, joins, produces, streams, streams_sync, use

# --- transforms ---


@gf.transform
async def words(chunks: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    async for chunk in chunks:
        yield chunk.split()


@gf.transform
def words_sync(chunks: Iterator[str]) -> Iterator[list[str]]:
    for chunk in chunks:
        yield chunk.split()


@gf.transform
async def words_generated(chunks: AsyncIterable[str]) -> AsyncGenerator[list[str], None]:
    async for chunk in chunks:
        yield chunk.split()


@gf.transform(name="spaced", tags=["text"], metadata={"version": 2})
async def words_with_options(chunks: AsyncIterator[str], *, separator: str = " ") -> AsyncIterator[list[str]]:
    async for chunk in chunks:
        yield chunk.split(separator)


@gf.transform
async def marked(chunks: AsyncIterator[str], mark: str) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk + mark


assert_type(words, gf.Transform[str, list[str]])
assert_type(words_sync, gf.Transform[str, list[str]])
assert_type(words_generated, gf.Transform[str, list[str]])
assert_type(words_with_options, gf.Transform[str, list[str]])
assert_type(marked, gf.Transform[Any, str])
assert_type(gf.transform(streams), gf.Transform[str, str])
assert_type(gf.transform(streams_sync, thread=True), gf.Transform[str, str])

# --- chunkwise ---


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.chunkwise
async def upper_slowly(chunk: str) -> str:
    return chunk.upper()


@gf.chunkwise(thread=True)
def length_of_anything(chunk: dict[str, Any]) -> int:
    return len(chunk)


assert_type(upper, gf.Transform[str, str])
assert_type(upper_slowly, gf.Transform[str, str])
assert_type(length_of_anything, gf.Transform[dict[str, Any], int])
assert_type(gf.chunkwise(counts), gf.Transform[str, int])
assert_type(gf.chunkwise(str.upper, name="upper"), gf.Transform[str, str])

# --- aggregates and producers ---


@gf.aggregate
def length(text: str) -> int:
    return len(text)


@gf.aggregate
async def length_slowly(text: str) -> int:
    return len(text)


@gf.aggregate(thread=True)
def length_in_a_thread(text: str) -> int:
    return len(text)


@gf.aggregate(name="total")
async def chunks_counted(chunks: AsyncIterator[str]) -> int:
    return len([chunk async for chunk in chunks])


@gf.aggregate
def total(numbers: Iterable[int]) -> int:
    return sum(numbers)


@gf.aggregate
def keys(record: dict[str, Any]) -> list[str]:
    return list(record)


@gf.aggregate
async def keys_slowly(record: dict[str, Any]) -> list[str]:
    return list(record)


@gf.aggregate
async def shown(value: object) -> str:
    return str(value)


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.aggregate
def letters_sync(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
def letters_generated(text: str) -> Generator[str, None, None]:
    yield from text


@gf.aggregate(metadata={})
async def letters_of_anything(value: dict[str, Any]) -> AsyncIterator[str]:
    for letter in value:
        yield letter


assert_type(length, gf.Aggregate[str, int])
assert_type(length_slowly, gf.Aggregate[str, int])
assert_type(length_in_a_thread, gf.Aggregate[str, int])
assert_type(chunks_counted, gf.Aggregate[str, int])
assert_type(gf.aggregate(counts_chunks_sync), gf.Aggregate[Any, int])
assert_type(keys, gf.Aggregate[dict[str, Any], list[str]])
assert_type(keys_slowly, gf.Aggregate[dict[str, Any], list[str]])
assert_type(shown, gf.Aggregate[Any, str])
assert_type(letters, gf.Producer[str, str])
assert_type(letters_sync, gf.Producer[str, str])
assert_type(letters_generated, gf.Producer[str, str])
assert_type(letters_of_anything, gf.Producer[dict[str, Any], str])
assert_type(gf.aggregate(counts_sync), gf.Aggregate[str, int])
assert_type(gf.aggregate(produces), gf.Producer[str, str])

# --- several parameters, or none ---


@gf.aggregate
def between(left: str, text: str, *, right: str) -> str:
    return left + text + right


@gf.aggregate
async def produced_of_two(left: str, right: int) -> AsyncIterator[str]:
    yield left * right


@gf.aggregate
def of_two_with_any(left: str, right: dict[str, Any]) -> str:
    return left + str(right)


@gf.aggregate
def cut(text: str, *, limit: int) -> str:
    return text[:limit]


@gf.aggregate
def cut_by_default(text: str, limit: int = 80) -> str:
    return text[:limit]


@gf.aggregate
def hello() -> str:
    return "hello"


@gf.aggregate
async def hellos() -> AsyncIterator[str]:
    yield "hello"


assert_type(gf.aggregate(joins), gf.Aggregate[Any, str])
assert_type(between, gf.Aggregate[Any, str])
assert_type(produced_of_two, gf.Producer[Any, str])
assert_type(of_two_with_any, gf.Aggregate[Any, str])
assert_type(cut, gf.Aggregate[Any, str])
assert_type(cut.bind(limit=3), gf.Aggregate[Any, str])
assert_type(cut_by_default, gf.Aggregate[str, str])
assert_type(hello, gf.Aggregate[object, str])
assert_type(hellos, gf.Producer[object, str])


# --- what is awaited or iterated without being written as such ---


def declared(later: Callable[[str], Awaitable[int]], some: Callable[[str], AsyncIterator[int]]) -> None:
    assert_type(gf.aggregate(later), gf.Aggregate[str, Any])
    assert_type(gf.aggregate(some), gf.Producer[str, int])
    assert_type(length | shown | later, gf.Aggregate[str, int])


def refused() -> None:
    gf.transform(produces)  # type: ignore[arg-type]
    gf.transform(counts)  # type: ignore[arg-type]
    gf.transform(counts_sync)  # type: ignore[arg-type]
    gf.chunkwise(joins)  # type: ignore[arg-type]
    gf.aggregate(3)  # type: ignore[call-overload]
    gf.aggregate(counts, thred=True)  # type: ignore[call-overload]
    gf.aggregate(thread="yes")  # type: ignore[call-overload]
    use(length | letters)  # type: ignore[operator]
    use(words | letters)  # type: ignore[operator]


# A function of which the result is not known promises nothing: mypy infers `Any`, pyright an aggregate.
not_known: gf.Aggregate[Any, Any] = gf.aggregate(json.loads)
