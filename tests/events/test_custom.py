"""`gf.emit`: custom events from every kind of node and thread; it never waits, and needs no listener."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from graphflow.runtime.log import CAPACITY
from tests.events.hearing import check_sound, hear, hear_all
from tests.laws.simulation import simulate


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.aggregate
def function(value: Any) -> Any:
    gf.emit("told", value)
    return value


@gf.aggregate
async def coroutine(value: Any) -> Any:
    gf.emit("told", value)
    await trio.lowlevel.checkpoint()
    return value


@gf.aggregate(thread=True)
def thread(value: Any) -> Any:
    gf.emit("told", value)
    return value


@gf.aggregate
def producer(value: Any) -> Iterator[str]:
    gf.emit("told", value)
    yield value


@gf.aggregate
async def async_producer(value: Any) -> AsyncIterator[str]:
    gf.emit("told", value)
    yield value


@gf.aggregate(thread=True)
def thread_producer(value: Any) -> Iterator[str]:
    gf.emit("told", value)
    yield value


@gf.transform
def transform(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        gf.emit("told", chunk)
        yield chunk


@gf.transform
async def async_transform(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        gf.emit("told", chunk)
        yield chunk


@gf.transform(thread=True)
def thread_transform(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        gf.emit("told", chunk)
        yield chunk


@gf.chunkwise
def chunkwise(chunk: Any) -> Any:
    gf.emit("told", chunk)
    return chunk


@gf.chunkwise
async def async_chunkwise(chunk: Any) -> Any:
    gf.emit("told", chunk)
    return chunk


@gf.chunkwise(thread=True)
def thread_chunkwise(chunk: Any) -> Any:
    gf.emit("told", chunk)
    return chunk


@gf.aggregate
async def reading(chunks: AsyncIterator[str]) -> str:
    text = "".join([chunk async for chunk in chunks])
    gf.emit("told", text)
    return text


@gf.tool
def tool(value: str) -> str:
    """Tell."""
    gf.emit("told", value)
    return value


class Model(gf.ChatModel):
    async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
        gf.emit("told", messages[0].text)
        yield gf.AIMessageChunk("x")


def search(query: str) -> list[gf.Document]:
    gf.emit("told", query)
    return []


NODES: list[gf.Chain[Any, Any]] = [
    function,
    coroutine,
    thread,
    producer,
    async_producer,
    thread_producer,
    transform,
    async_transform,
    thread_transform,
    chunkwise,
    async_chunkwise,
    thread_chunkwise,
    reading,
    tool,
    Model(name="model"),
    gf.Retriever(search),
]
IN_EVERY_PLACE: dict[str, Callable[[gf.Chain[Any, Any]], gf.Chain[Any, Any]]] = {
    "alone": lambda node: node,
    "first": lambda node: node | gf.passthrough(),
    "last": lambda node: letters | node,
    "among others": lambda node: letters | upper | node | gf.passthrough(),
    "in a task": lambda node: gf.parallel(a=node, b=letters),
    "in a branch": lambda node: gf.branch((bool, node), letters),
    "in an each": lambda node: (
        gf.aggregate(lambda value: [value]) | gf.each(node | gf.fold(gf.latest), max_concurrency=2)
    ),
}


@pytest.mark.parametrize("place", IN_EVERY_PLACE)
@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_custom_event_hangs_on_the_run_of_its_node(node: gf.Chain[Any, Any], place: str) -> None:
    heard = hear_all(IN_EVERY_PLACE[place](node), "X")
    (custom,) = [event for event in heard.events if isinstance(event, gf.CustomEvent)]
    own = heard.start(node.name)
    assert (custom.event, custom.name, custom.data) == ("on_custom_event", "told", "X")
    assert (custom.run_id, custom.parent_ids, custom.tags, custom.kind) == (
        own.run_id,
        own.parent_ids,
        own.tags,
        own.kind,
    )
    assert own.seq < custom.seq < heard.end(node.name).seq


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_without_a_listener_emit_does_nothing(node: gf.Chain[Any, Any]) -> None:
    simulate(lambda: node.invoke("X"))


def test_outside_of_a_run_emit_does_nothing() -> None:
    gf.emit("nobody hears")


def test_anything_can_be_emitted_and_nothing_is_changed() -> None:
    data: list[Any] = [{"x": 1}, "text", None, 7, ["list"], object()]

    @gf.aggregate
    def node(value: Any) -> Any:
        for number, one in enumerate(data):
            gf.emit(str(number), one)
        gf.emit("nothing")
        return value

    heard = hear_all(node, 0)
    emitted = [event.data for event in heard.events if isinstance(event, gf.CustomEvent)]
    assert all(one is other for one, other in zip(emitted, [*data, None], strict=True))
    assert data[0] == {"x": 1}


def test_events_of_a_generator_come_between_its_chunks() -> None:
    @gf.aggregate
    def steps(value: Any) -> Iterator[str]:
        gf.emit("before")
        yield "a"
        gf.emit("between")
        yield "b"
        gf.emit("after")

    assert hear_all(steps, 0).story == [
        "start steps",
        "event before",
        "stream steps",
        "event between",
        "stream steps",
        "event after",
        "end steps",
    ]


@pytest.mark.parametrize("fails", [False, True], ids=["left", "failed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "asynchronous"])
def test_what_a_generator_emits_while_it_is_closed_is_of_its_run(is_async: bool, fails: bool) -> None:
    def source(value: Any) -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            gf.emit("closing")

    async def async_source(value: Any) -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            await trio.lowlevel.checkpoint()
            gf.emit("closing")

    @gf.transform
    async def first(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk
            if fails:
                raise ValueError("enough")
            return

    node = gf.aggregate(async_source if is_async else source).with_config(name="source")
    chain: Any = node
    heard = hear(chain | first, 0)
    check_sound(heard.events)
    (custom,) = [event for event in heard.events if isinstance(event, gf.CustomEvent)]
    assert custom.run_id == heard.start("source").run_id


def test_emitting_never_waits() -> None:
    """A node that emits far more than the listener may be behind goes on, in one go."""
    count = 3 * CAPACITY
    emitted: list[int] = []
    got: list[int] = []

    @gf.aggregate
    def chatty(value: Any) -> Any:
        for number in range(count):
            gf.emit("n", number)
            emitted.append(number)
        return value

    async def main() -> None:
        async with chatty.events(0) as events:
            async for event in events:
                if isinstance(event, gf.CustomEvent):
                    got.append(event.data)
                await trio.lowlevel.checkpoint()
                assert not emitted or len(emitted) == count

    simulate(main)
    assert got == list(range(count))


def test_events_of_many_threads_are_all_told_in_one_order() -> None:
    threads, each = 8, 300

    @gf.aggregate
    async def crowd(value: Any) -> Any:
        async with trio.open_nursery() as nursery:
            for thread in range(threads):
                nursery.start_soon(trio.to_thread.run_sync, talk, thread)
        return value

    def talk(thread: int) -> None:
        for number in range(each):
            gf.emit("talk", (thread, number))

    heard = hear_all(crowd, 0)
    said = [event.data for event in heard.events if isinstance(event, gf.CustomEvent)]
    assert len(said) == threads * each
    for thread in range(threads):
        assert [number for one, number in said if one == thread] == list(range(each))


def test_a_thread_that_was_given_the_context_can_emit() -> None:
    @gf.aggregate(thread=True)
    def node(value: Any) -> Any:
        context = contextvars.copy_context()
        own = threading.Thread(target=context.run, args=(gf.emit, "from afar", 1))
        own.start()
        own.join()
        return value

    heard = hear_all(node, 0)
    assert [event.name for event in heard.events] == ["node", "from afar", "node", "node"]


def test_a_thread_that_goes_on_when_the_run_is_over_is_not_heard_and_does_no_harm() -> None:
    release, done = threading.Event(), threading.Event()

    @gf.aggregate
    def node(value: Any) -> Any:
        def late() -> None:
            release.wait()
            gf.emit("late")
            done.set()

        threading.Thread(target=contextvars.copy_context().run, args=(late,)).start()
        return value

    heard = hear_all(node, 0)
    release.set()
    assert done.wait(10)
    assert heard.story == ["start node", "stream node", "end node"]


def test_a_nursery_inside_a_node_emits_for_the_node() -> None:
    async def child(number: int) -> None:
        gf.emit("child", number)

    @gf.aggregate
    async def parent(value: Any) -> Any:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(child, number)
        return value

    heard = hear_all(parent, 0)
    custom = [event for event in heard.events if isinstance(event, gf.CustomEvent)]
    assert sorted(event.data for event in custom) == [0, 1, 2]
    assert {event.run_id for event in custom} == {heard.start("parent").run_id}


def test_neighbours_that_are_fused_emit_each_for_itself() -> None:
    chain = letters | chunkwise.with_config(name="one") | chunkwise.with_config(name="two")
    assert len(gf.compile(chain).plan.stages[0].clusters) == 1
    heard = hear_all(chain, "ab")
    runs = {heard.start(name).run_id: name for name in ("one", "two")}
    emitted = [(runs[event.run_id], event.data) for event in heard.events if isinstance(event, gf.CustomEvent)]
    assert emitted == [("one", "a"), ("two", "a"), ("one", "b"), ("two", "b")]
