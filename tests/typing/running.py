"""What the verbs give, on chains and on programs, and what configuring keeps."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, assert_type

import graphflow as gf
from graphflow.sync import SyncVerbs
from tests.typing.nodes import A, P, T, counts, use

chain = T | counts

assert_type(chain, gf.Aggregate[str, int])
assert_type(chain.compile(), gf.Program[str, int])
assert_type(gf.compile(chain), gf.Program[str, int])
assert_type(chain.with_config(name="count", tags=["text"]), gf.Aggregate[str, int])
assert_type(T.with_config(metadata={}), gf.Transform[str, str])
assert_type(P.with_config(name="tokens") | T, gf.Producer[str, str])
assert_type(chain.sync, SyncVerbs[str, int])
assert_type(chain.stream("a text"), AbstractAsyncContextManager[AsyncIterator[int]])
assert_type(chain.sync.events("a text"), AbstractContextManager[Iterator[gf.Event]])


def named(given: gf.Chain[str, str]) -> None:
    assert_type(given.name, str)
    assert_type(given.compile().plan.streams, bool)


async def running(source: AsyncIterator[str]) -> None:
    assert_type(await chain.invoke("a text", name="run", tags=["now"], metadata={}, run_id=None), int)
    assert_type(await gf.compile(chain).invoke("a text"), int)
    async with chain.stream("a text") as chunks:
        async for chunk in chunks:
            assert_type(chunk, int)
    async with gf.compile(P).transform(source) as texts:
        assert_type([text async for text in texts], list[str])
    async with chain.events("a text", include_names=["count"]) as events:
        async for event in events:
            assert_type(event, gf.StartEvent | gf.StreamEvent | gf.EndEvent | gf.ErrorEvent | gf.CustomEvent)
    assert_type(await chain.batch(["a", "b"]), list[int])
    assert_type(await chain.batch(["a", "b"], max_concurrency=2, return_exceptions=True), list[int | Exception])
    async with chain.batch_as_completed(["a", "b"]) as results:
        async for index, result in results:
            assert_type(index, int)
            assert_type(result, int)
    async with chain.batch_as_completed(["a", "b"], return_exceptions=True) as outcomes:
        assert_type([outcome async for outcome in outcomes], list[tuple[int, int | Exception]])


def blocking() -> None:
    assert_type(chain.sync.invoke("a text"), int)
    with P.sync.stream("a text") as chunks:
        for chunk in chunks:
            assert_type(chunk, str)


def any_streaming(streaming: gf.Streaming[str, str]) -> None:
    assert_type(streaming.sync.invoke("a text"), str)
    assert_type(streaming.with_config(name="x") | A, gf.Aggregate[str, str])


def any_input(record: gf.Chain[dict[str, Any], str], anything: gf.Transform[object, str]) -> None:
    use(record.sync.invoke({"a": 1}))
    narrowed: gf.Transform[int, object] = anything
    use(narrowed)


async def refused(source: AsyncIterator[int]) -> None:
    await chain.invoke(3)  # type: ignore[arg-type]
    use(chain.stream(b"a text"))  # type: ignore[arg-type]
    use(chain.transform(source))  # type: ignore[arg-type]
    await chain.batch([1, 2])  # type: ignore[list-item]
    chain.sync.invoke(3)  # type: ignore[arg-type]
    await gf.compile(chain).invoke(3)  # type: ignore[arg-type]
    gf.compile(T | gf.each(T))  # type: ignore[operator]
    narrowed: gf.Chain[object, str] = T  # type: ignore[assignment]
    use(narrowed)
