"""GF303 is told of the functions that run in a worker thread because of what they read, and of no others."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf

MAIN = threading.main_thread()
elsewhere: set[str] = set()


def seen(name: str) -> None:
    if threading.current_thread() is not MAIN:
        elsewhere.add(name)


@gf.aggregate
def letters(text: object) -> Iterator[str]:
    yield from str(text)


@gf.aggregate
async def letters_later(text: object) -> AsyncIterator[str]:
    for letter in str(text):
        yield letter


@gf.transform
def doubled(texts: Iterator[object]) -> Iterator[str]:
    seen("doubled")
    for text in texts:
        yield str(text) * 2


@gf.aggregate
def counted(texts: Iterator[object]) -> int:
    seen("counted")
    return sum(1 for _ in texts)


@gf.transform
def beside(texts: Iterator[object], times: int = 2) -> Iterator[str]:
    seen("beside")
    for text in texts:
        yield str(text) * times


@gf.transform
async def waited(texts: AsyncIterator[object]) -> AsyncIterator[str]:
    async for text in texts:
        yield str(text)


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.chunkwise
async def upper_later(text: str) -> str:
    return text.upper()


@gf.aggregate
def whole(text: str) -> str:
    return text


@gf.aggregate
async def whole_later(text: str) -> str:
    return text


@gf.aggregate(thread=True)
def whole_in_thread(text: str) -> str:
    return text


@gf.aggregate(thread=True)
def letters_in_thread(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
def words(text: str) -> list[str]:
    return text.split()


@gf.graph
def two_streams(text: gf.Value[str]) -> gf.Stream[str]:
    return beside(letters(text), times=len_of(text))


@gf.aggregate
def len_of(text: str) -> int:
    return len(text)


CHAINS: list[tuple[str, Callable[[], gf.Chain[Any, Any]], set[str]]] = [
    ("after the input", lambda: doubled | whole, set()),
    ("after a generator", lambda: letters | doubled, set()),
    ("after an asynchronous generator", lambda: letters_later | doubled, {"doubled"}),
    ("a function after a generator", lambda: letters | counted, set()),
    ("a function after an asynchronous generator", lambda: letters_later | counted, {"counted"}),
    ("after a chunkwise function", lambda: letters | upper | doubled, set()),
    ("after one that is awaited", lambda: letters | upper_later | doubled, {"doubled"}),
    ("after a transform that is awaited", lambda: letters | waited | doubled, {"doubled"}),
    ("after one that is itself in a thread", lambda: letters_later | doubled | counted, {"doubled", "counted"}),
    ("after a function", lambda: letters_later | whole | doubled, set()),
    ("after a function that is awaited", lambda: letters_later | whole_later | doubled, set()),
    ("after a function in a thread", lambda: letters_later | whole_in_thread | doubled, set()),
    ("after a generator in a thread", lambda: letters_in_thread | doubled, {"doubled"}),
    ("after a generator after an asynchronous one", lambda: letters_later | letters | doubled, set()),
    ("after an each", lambda: words | gf.each(whole) | doubled, {"doubled"}),
    ("after a branch", lambda: gf.branch((bool, letters), letters) | doubled, {"doubled"}),
    ("after what is wrapped", lambda: letters.with_retry(wait=0) | doubled, {"doubled"}),
    ("in a body", lambda: gf.branch((bool, letters_later | doubled), letters), {"doubled"}),
    ("in another stage", lambda: letters | {"a": doubled, "b": letters_later}, {"doubled"}),
    ("beside a whole port", lambda: two_streams, {"beside"}),
    ("in another stage, after a function", lambda: letters | {"a": letters | doubled, "b": letters_later}, set()),
    ("after branches that take turns", lambda: letters | {"a": upper, "b": upper} | doubled, {"doubled"}),
    ("after branches of which one may wait", lambda: letters | {"a": upper, "b": whole_later} | doubled, {"doubled"}),
]


@pytest.mark.parametrize(("chain", "expected"), [case[1:] for case in CHAINS], ids=[case[0] for case in CHAINS])
def test_a_function_is_noted_where_it_runs_in_a_worker_thread(
    chain: Callable[[], gf.Chain[Any, Any]], expected: set[str]
) -> None:
    program = gf.compile(chain())
    elsewhere.clear()
    trio.run(read, program)
    plans = [program.plan, *program.plan.nested]
    noted = {str(found.node) for plan in plans for found in plan.diagnostics if found.code == "GF303"}
    assert (noted, elsewhere) == (expected, expected)


async def read(program: gf.Program[Any, Any]) -> None:
    async with program.stream("a b") as chunks:
        async for _ in chunks:
            pass
