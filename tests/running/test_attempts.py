"""An attempt that ends while it waits for its input: the next one goes on with it, and nothing else is cancelled."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.laws.simulation import simulate


@gf.aggregate
async def slowly(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.sleep(1)
        yield letter


@gf.chunkwise
async def first(chunk: str) -> str:
    await trio.lowlevel.checkpoint()
    return chunk


def fails_once() -> gf.Transform[str, str]:
    fails = True

    @gf.chunkwise
    async def second(chunk: str) -> str:
        nonlocal fails
        await trio.lowlevel.checkpoint()
        if fails:
            fails = False
            raise ConnectionError("once")
        return chunk

    return second


@gf.transform
async def whole(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    yield "".join([chunk async for chunk in chunks])


@gf.transform
async def gives_up(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with trio.fail_after(0.5):
        first = await anext(chunks)
    yield first


@gf.transform
async def loud(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


keyed: gf.Chain[str, str] = gf.parallel(x=slowly) | gf.pick("x")


def joined(chunks: list[Any]) -> object:
    """Return what the chunks of text, or of a record of text, are together."""
    if isinstance(chunks[0], str):
        return "".join(chunks)
    return {key: "".join(chunk[key] for chunk in chunks if key in chunk) for key in "ab"}


#: What ends an attempt in the middle of a wait for its input, and what comes of it.
CHAINS: dict[str, tuple[Callable[[], gf.Chain[str, Any]], object]] = {
    "a stage fails while the one before waits": (lambda: (first | fails_once()).with_retry(wait=0), "abc"),
    "a stage fails, and another chain takes its place": (
        lambda: (first | fails_once()).with_fallbacks(loud),
        "ABC",
    ),
    "a branch fails while the other waits": (
        lambda: gf.parallel(a=whole, b=fails_once()).with_retry(wait=0),
        {"a": "abc", "b": "abc"},
    ),
    "it takes too long": (lambda: whole.with_timeout(first_chunk=0.5).with_fallbacks(loud), "ABC"),
    "it takes too long, several times": (
        lambda: whole.with_timeout(first_chunk=1.3).with_retry(attempts=3, wait=0),
        "abc",
    ),
    "its own scope cancels the wait": (lambda: gives_up.with_fallbacks(loud), "ABC"),
    "inside of another policy": (
        lambda: gives_up.with_fallbacks(whole.with_timeout(total=1)).with_timeout(total=100).with_fallbacks(loud),
        "ABC",
    ),
}


@pytest.mark.parametrize("before", [slowly, slowly | first, keyed], ids=["node", "line", "key"])
@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("verb", ["invoke", "stream", "events", "batch"])
def test_the_next_attempt_goes_on_with_the_input(name: str, before: gf.Chain[str, str], verb: str) -> None:
    make, expected = CHAINS[name]
    others: list[str] = []

    async def run() -> object:
        chain = before | make()
        if verb == "batch":
            (value,) = await chain.batch(["abc"])
            return value
        if verb == "events":
            async with chain.events("abc") as events:
                ends = [event async for event in events if isinstance(event, gf.EndEvent) and not event.parent_ids]
            return ends[-1].data["output"]
        if verb == "invoke":
            return await chain.invoke("abc")
        async with chain.stream("abc") as chunks:
            return joined([chunk async for chunk in chunks])

    async def main() -> object:
        async def other() -> None:
            await trio.sleep(50)
            others.append("done")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            outcome = await run()
        return outcome

    assert simulate(main) == expected
    assert others == ["done"]


def test_an_error_of_the_input_is_not_retried_where_another_comes_with_it() -> None:
    attempts = 0

    @gf.aggregate
    async def broken(text: str) -> AsyncIterator[str]:
        yield text
        await trio.sleep(1)
        raise OSError("the input")

    @gf.transform
    async def untidy(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        nonlocal attempts
        attempts += 1
        try:
            yield "".join([chunk async for chunk in chunks])
        finally:
            raise ValueError("in the cleanup")

    with pytest.raises(ExceptionGroup) as raised:
        simulate(lambda: (broken | gf.parallel(a=whole, b=untidy).with_retry(wait=10)).invoke("abc"))
    assert raised.group_contains(OSError)
    assert raised.group_contains(ValueError)
    assert attempts == 1


class Chunk:
    pass


@pytest.mark.parametrize(
    ("wrap", "is_kept"),
    [
        (lambda chain: chain, False),
        (lambda chain: chain.with_timeout(total=100), False),
        (lambda chain: chain.with_limit(3), False),
        (lambda chain: chain.with_retry(attempts=1), False),
        (lambda chain: chain.with_retry(attempts=2), True),
        (lambda chain: chain.with_fallbacks(chain), True),
    ],
    ids=["as it is", "timeout", "limit", "one attempt", "two attempts", "fallback"],
)
def test_an_input_is_kept_only_by_what_may_read_it_again(wrap: Callable[[Any], Any], is_kept: bool) -> None:
    live: weakref.WeakSet[Chunk] = weakref.WeakSet()
    most = 0

    async def source() -> AsyncIterator[Chunk]:
        for _ in range(1000):
            chunk = Chunk()
            live.add(chunk)
            yield chunk

    @gf.transform
    async def last(chunks: AsyncIterator[Chunk]) -> AsyncIterator[int]:
        nonlocal most
        async for chunk in chunks:  # noqa: B007  # nothing has gone out yet
            most = max(most, len(live))
        yield 1

    chain = wrap(last)

    async def main() -> None:
        async with chain.transform(source()) as chunks:
            async for _ in chunks:
                pass

    simulate(main)
    gc.collect()
    assert (most >= 1000) == is_kept
    assert (gf.compile(chain).plan.most_chunks is None) == is_kept


def test_an_error_of_the_cleanup_arrives_with_the_limit_that_led_to_it() -> None:
    @gf.aggregate
    async def untidy(text: str) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("could not save")

    with pytest.raises(ExceptionGroup) as raised:
        simulate(lambda: untidy.with_timeout(total=1).invoke("a"))
    limit, cleanup = raised.value.exceptions
    assert isinstance(limit, gf.TimeLimitError)
    assert isinstance(cleanup, OSError)
