"""Events are bounded: a listener that pauses stops the nodes, and gets everything when it goes on."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from graphflow.runtime.log import CAPACITY
from tests.events.hearing import check_sound
from tests.laws.simulation import simulate

MANY = 3 * CAPACITY
#: What may come on top of the capacity: what nodes make of one chunk, until one of them waits.
SLACK = 20


class Counted:
    """How many chunks the sources have given."""

    def __init__(self) -> None:
        self.given = 0

    def source(self) -> gf.Chain[Any, Any]:
        @gf.aggregate
        async def source(value: Any) -> AsyncIterator[str]:
            for _ in range(MANY):
                self.given += 1
                yield "x"

        return source

    def plain_source(self) -> gf.Chain[Any, Any]:
        @gf.aggregate
        def source(value: Any) -> Iterator[str]:
            for _ in range(MANY):
                self.given += 1
                yield "x"

        return source

    def thread_source(self) -> gf.Chain[Any, Any]:
        @gf.aggregate(thread=True)
        def source(value: Any) -> Iterator[str]:
            for _ in range(MANY):
                self.given += 1
                yield "x"

        return source


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.transform
def plain(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


@gf.transform
async def pulled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform
async def dropping(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        if chunk == "never":
            yield chunk


@gf.aggregate
def same(value: Any) -> Any:
    return value


@gf.aggregate
async def reading(chunks: AsyncIterator[str]) -> int:
    return len([chunk async for chunk in chunks])


def nested(verb: str) -> Callable[[Counted], gf.Chain[Any, Any]]:
    def make(counted: Counted) -> gf.Chain[Any, Any]:
        inner = counted.source() | pulled

        @gf.aggregate
        async def outer(value: Any) -> Any:
            if verb == "invoke":
                return await inner.invoke(value)
            opened: Any = inner.stream(value) if verb == "stream" else inner.events(value)
            async with opened as items:
                async for _ in items:
                    pass

        return outer

    return make


CHAINS: dict[str, Callable[[Counted], gf.Chain[Any, Any]]] = {
    "a source": lambda counted: counted.source(),
    "a plain source": lambda counted: counted.plain_source(),
    "a source in a thread": lambda counted: counted.thread_source(),
    "transforms": lambda counted: counted.source() | pulled | pulled,
    "plain transforms": lambda counted: counted.plain_source() | plain | plain,
    "fused nodes": lambda counted: counted.plain_source() | upper | upper,
    "a plain source that is folded": lambda counted: counted.plain_source() | same,
    "a source that is folded": lambda counted: counted.source() | upper | same,
    "a plain source that is read": lambda counted: counted.plain_source() | upper | reading,
    "a transform that drops all": lambda counted: counted.plain_source() | dropping,
    "branches of a fan": lambda counted: gf.parallel(a=counted.source() | upper, b=counted.plain_source() | plain),
    "a fan in": lambda counted: gf.parallel(a=counted.source(), b=pulled) | same,
    "an alternative": lambda counted: gf.branch((bool, counted.plain_source() | pulled), pulled),
    "an item": lambda counted: gf.aggregate(lambda text: [text]) | gf.each(counted.plain_source() | upper),
    "a run that is invoked": nested("invoke"),
    "a run that is streamed": nested("stream"),
    "a run that is listened to": nested("events"),
}


async def pause(chain: gf.Chain[Any, Any], counted: Counted, **options: Any) -> tuple[int, list[gf.Event]]:
    """Listen to the first event, wait for long, and then to the rest; returns how much was given meanwhile."""
    events: list[gf.Event] = []
    async with chain.events("x", **options) as stream:
        events.append(await anext(stream))
        await trio.sleep(1000)
        meanwhile = counted.given
        async for event in stream:
            events.append(event)
    return meanwhile, events


@pytest.mark.parametrize("name", CHAINS)
def test_a_listener_that_pauses_stops_the_sources(name: str) -> None:
    counted = Counted()
    chain = CHAINS[name](counted)
    meanwhile, events = simulate(lambda: pause(chain, counted))
    assert 0 < meanwhile <= CAPACITY + SLACK
    assert counted.given > 2 * CAPACITY
    check_sound(events)
    assert (
        len([event for event in events if event.name == "source" and isinstance(event, gf.StreamEvent)])
        == counted.given
    )


@pytest.mark.parametrize("name", CHAINS)
def test_a_listener_that_leaves_while_all_wait_for_it_ends_them(name: str) -> None:
    counted = Counted()
    chain = CHAINS[name](counted)

    async def main() -> None:
        async with chain.events("x") as stream:
            await anext(stream)
            await trio.sleep(1000)

    simulate(main)
    assert counted.given <= CAPACITY + SLACK


def test_a_long_chain_of_functions_waits_for_the_listener() -> None:
    calls = 0

    @gf.chunkwise
    def step(value: str) -> str:
        nonlocal calls
        calls += 1
        return value

    chain: gf.Chain[Any, Any] = same
    for _ in range(CAPACITY):
        chain = chain | step | same
    meanwhile: list[int] = []

    async def main() -> int:
        async with chain.events("x") as stream:
            await anext(stream)
            await trio.sleep(1000)
            meanwhile.append(calls)
            return len([event async for event in stream])

    total = simulate(main)
    assert calls == CAPACITY
    assert total > 6 * CAPACITY
    assert 0 < meanwhile[0] <= CAPACITY / 6 + SLACK


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_node_that_emits_at_every_chunk_waits_for_the_listener(told: bool) -> None:
    counted = Counted()

    @gf.chunkwise
    def chatty(chunk: str) -> str:
        gf.emit("said", chunk)
        return chunk

    options = {} if told else {"include_names": ["said"], "allow_unmatched": True}
    meanwhile, events = simulate(lambda: pause(counted.source() | chatty | same, counted, **options))
    assert 0 < meanwhile <= CAPACITY + SLACK
    assert len([event for event in events if isinstance(event, gf.CustomEvent)]) == MANY


def test_the_outer_listener_stops_what_is_listened_to_inside() -> None:
    """Also when the listener inside is eager."""
    counted = Counted()
    inner = counted.source() | pulled
    inside: list[gf.Event] = []

    @gf.aggregate
    async def outer(value: Any) -> None:
        async with inner.events(value) as events:
            async for event in events:
                inside.append(event)

    meanwhile, events = simulate(lambda: pause(outer, counted))
    assert 0 < meanwhile <= CAPACITY + SLACK
    check_sound(events)
    check_sound(inside)


def test_the_listener_inside_stops_it_too() -> None:
    counted = Counted()
    inner = counted.source() | pulled
    meanwhile: list[int] = []

    @gf.aggregate
    async def outer(value: Any) -> None:
        async with inner.events(value) as events:
            await anext(events)
            await trio.sleep(1000)
            meanwhile.append(counted.given)

    async def main() -> list[gf.Event]:
        async with outer.events("x") as events:
            return [event async for event in events]

    check_sound(simulate(main))
    assert 0 < meanwhile[0] <= CAPACITY + SLACK


def test_a_listener_that_keeps_up_never_stops_anything() -> None:
    counted = Counted()

    async def main() -> int:
        async with (counted.source() | pulled).events("x") as events:
            return len([event async for event in events])

    assert simulate(main) == 3 * MANY + 6


def test_listening_does_not_move_plain_generators_into_a_thread() -> None:
    threads: set[str] = set()

    @gf.aggregate
    def source(value: Any) -> Iterator[str]:
        threads.add(threading.current_thread().name)
        yield "a"

    @gf.transform
    def node(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            threads.add(threading.current_thread().name)
            trio.lowlevel.current_task()
            yield chunk

    async def main() -> list[str]:
        async with (source | node | upper | node | same).events("x") as events:
            return [event.event async for event in events]

    simulate(main)
    assert threads == {threading.current_thread().name}
