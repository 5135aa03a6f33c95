"""When a generator yields is read from its code: while it reads, after that, or without reading."""

# ruff: noqa: UP028  # that these loops are written out is what is tested

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnablePassthrough

from graphflow.lcel.yields import Gives, Takes, Yields, yields_of

CHAIN: RunnablePassthrough[Any] = RunnablePassthrough()


def each(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


async def each_asynchronous(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


def each_counted(chunks: Iterator[str]) -> Iterator[str]:
    for number, chunk in enumerate(chunks):
        if number:
            yield chunk


def each_by_expression(chunks: Iterator[str]) -> Iterator[str]:
    yield from (chunk.upper() for chunk in chunks)


def each_by_hand(chunks: Iterator[str]) -> Iterator[str]:
    reader = iter(chunks)
    while True:
        try:
            chunk = next(reader)
        except StopIteration:
            return
        yield chunk


def one_or_another(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        if chunk:
            yield chunk
        else:
            yield "-"


def cut(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        for letter in chunk:
            yield letter


def twice(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk
        yield chunk


def with_an_end(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk
    yield "."


def by_lines(chunks: Iterator[str]) -> Iterator[str]:
    line = ""
    for chunk in chunks:
        line += chunk
        if line.endswith("\n"):
            yield line
            line = ""
    if line:
        yield line


def header_first(chunks: Iterator[str]) -> Iterator[str]:
    yield "# "
    yield "".join(chunks)


def joined(chunks: Iterator[str]) -> Iterator[str]:
    yield "".join(chunks)


def added_up(chunks: Iterator[str]) -> Iterator[str]:
    text = ""
    for chunk in chunks:
        text += chunk
    yield text.upper()


async def listed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    texts = [chunk async for chunk in chunks]
    yield texts[-1]


def reversed_letters(chunks: Iterator[str]) -> Iterator[str]:
    for letter in reversed("".join(chunks)):
        yield letter


def without_reading(chunks: Iterator[str]) -> Iterator[str]:
    for word in ("have", "a", "nice", "day"):
        yield word


def delegated(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in changed(chunks):
        yield chunk


def changed(chunks: Iterable[str]) -> Iterator[str]:
    yield from chunks


@pytest.mark.parametrize(
    ("function", "takes", "gives"),
    [
        (each, Takes.CHUNKS, Gives.EACH),
        (each_asynchronous, Takes.CHUNKS, Gives.EACH),
        (each_counted, Takes.CHUNKS, Gives.EACH),
        (each_by_expression, Takes.CHUNKS, Gives.EACH),
        (each_by_hand, Takes.CHUNKS, Gives.EACH),
        (one_or_another, Takes.CHUNKS, Gives.EACH),
        (cut, Takes.CHUNKS, Gives.SEVERAL),
        (twice, Takes.CHUNKS, Gives.SEVERAL),
        (with_an_end, Takes.CHUNKS, Gives.SEVERAL),
        (by_lines, Takes.CHUNKS, Gives.UNKNOWN),
        (delegated, Takes.CHUNKS, Gives.UNKNOWN),
        (header_first, Takes.CHUNKS, Gives.SEVERAL),
        (joined, Takes.WHOLE, Gives.ONE),
        (added_up, Takes.WHOLE, Gives.ONE),
        (listed, Takes.WHOLE, Gives.ONE),
        (reversed_letters, Takes.WHOLE, Gives.SEVERAL),
        (without_reading, Takes.NOTHING, Gives.SEVERAL),
    ],
)
def test_when_a_generator_of_chunks_yields(function: Callable[..., Any], takes: Takes, gives: Gives) -> None:
    assert yields_of(function, of_chunks=True) == Yields(takes, gives)


def letters(text: str) -> Iterator[str]:
    for letter in text:
        yield letter


def once(text: str) -> Iterator[str]:
    yield text.upper()


def perhaps_more(text: str) -> Iterator[str]:
    yield text
    if text:
        yield text


@pytest.mark.parametrize(
    ("function", "gives"), [(letters, Gives.SEVERAL), (once, Gives.ONE), (perhaps_more, Gives.UNKNOWN)]
)
def test_how_often_a_generator_of_a_value_yields(function: Callable[..., Any], gives: Gives) -> None:
    assert yields_of(function, of_chunks=False) == Yields(Takes.WHOLE, gives)


def passed_on(value: object) -> Iterator[Any]:
    for chunk in CHAIN.stream(value):
        yield chunk


async def passed_on_asynchronously(value: object) -> AsyncIterator[Any]:
    async for chunk in CHAIN.astream(value):
        yield chunk


def passed_on_as_it_is(value: object) -> Iterator[Any]:
    yield from CHAIN.stream(value)


@pytest.mark.parametrize("function", [passed_on, passed_on_asynchronously, passed_on_as_it_is])
def test_a_stream_that_is_passed_on_is_found(function: Callable[..., Any]) -> None:
    read = yields_of(function, of_chunks=False)
    assert read is not None
    assert read.passes is not None
    assert read.passes.runnable is CHAIN
    assert read.passes.method in ("stream", "astream")


def with_a_word_more(value: object) -> Iterator[Any]:
    for chunk in CHAIN.stream(value):
        yield chunk
    yield "."


def test_a_stream_with_something_added_is_not_passed_on() -> None:
    assert yields_of(with_a_word_more, of_chunks=False) == Yields(Takes.WHOLE, Gives.SEVERAL)


def test_without_source_nothing_is_read() -> None:
    names: dict[str, Any] = {}
    exec("def told(chunks):\n    yield from chunks", names)
    assert yields_of(names["told"], of_chunks=True) is None
