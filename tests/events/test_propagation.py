"""A chain that is run inside a node is a child run of that node, whatever the node is and however it runs the chain.

One row for every kind of code that can run a chain. `test_nested.py` goes further: the places where a node may stand,
all verbs, deeper nesting, filters, listeners inside listeners.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any

import outcome
import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, listen


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    if chunk == "?":
        raise ValueError("not a letter")
    return chunk.upper()


#: What every row runs: two nodes, so that there is a run of the whole and one of each.
INNER = (letters | upper).with_config(name="inner")


def listed(text: str) -> list[str]:
    return [text]


@gf.aggregate
async def spelled(text: str) -> AsyncIterator[str]:
    yield text


# --- the rows: each makes a chain with a node called `outer`, which runs INNER once on its input -------------------


def tool_asynchronous() -> gf.Chain[Any, Any]:
    @gf.tool
    async def outer(text: str) -> str:
        """Run another chain."""
        return await INNER.invoke(text)

    return outer


def tool_plain_in_a_thread() -> gf.Chain[Any, Any]:
    @gf.tool(thread=True)
    def outer(text: str) -> str:
        """Run another chain."""
        return INNER.sync.invoke(text)

    return outer


def tool_called_by_a_message() -> gf.Chain[Any, Any]:
    def called(text: str) -> gf.AIMessage:
        return gf.AIMessage(tool_calls=[gf.ToolCall("call_1", "outer", {"text": text})])

    tool = tool_asynchronous()
    assert isinstance(tool, gf.Tool)
    return gf.aggregate(called) | gf.call_tools([tool])


def function_asynchronous() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        return await INNER.invoke(text)

    return outer


def function_plain_in_a_thread() -> gf.Chain[Any, Any]:
    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        return INNER.sync.invoke(text)

    return outer


def function_plain_that_returns_what_is_awaited() -> gf.Chain[Any, Any]:
    return gf.aggregate(INNER.invoke, name="outer")


def function_of_a_stream() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(chunks: AsyncIterator[str]) -> str:
        return await INNER.invoke("".join([chunk async for chunk in chunks]))

    return outer


def function_of_two_values() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str, other: str) -> str:
        return await INNER.invoke(text)

    return {"text": gf.passthrough(), "other": gf.passthrough()} | outer


def function_bound() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str, chain: gf.Chain[str, str]) -> str:
        return await chain.invoke(text)

    return outer.bind(chain=INNER)


def bare_function() -> gf.Chain[Any, Any]:
    async def outer(text: str) -> str:
        return await INNER.invoke(text)

    return gf.passthrough() | outer


def method() -> gf.Chain[Any, Any]:
    class Runner:
        async def outer(self, text: str) -> str:
            return await INNER.invoke(text)

    return gf.aggregate(Runner().outer)


def object_that_can_be_called() -> gf.Chain[Any, Any]:
    class Outer:
        async def __call__(self, text: str) -> str:
            return await INNER.invoke(text)

    return gf.aggregate(Outer(), name="outer")


def partial_function() -> gf.Chain[Any, Any]:
    async def outer(chain: gf.Chain[str, str], text: str) -> str:
        return await chain.invoke(text)

    return gf.aggregate(functools.partial(outer, INNER))


def chunkwise_asynchronous() -> gf.Chain[Any, Any]:
    @gf.chunkwise
    async def outer(chunk: str) -> str:
        return await INNER.invoke(chunk)

    return spelled | upper.with_config(name="before") | outer | upper.with_config(name="after")


def chunkwise_plain_in_a_thread() -> gf.Chain[Any, Any]:
    @gf.chunkwise(thread=True)
    def outer(chunk: str) -> str:
        return INNER.sync.invoke(chunk)

    return spelled | outer


def transform_asynchronous_between_chunks() -> gf.Chain[Any, Any]:
    @gf.transform
    async def outer(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield "<"
            yield await INNER.invoke(chunk)
            yield ">"

    return spelled | outer


def transform_asynchronous_before_its_input() -> gf.Chain[Any, Any]:
    @gf.transform
    async def outer(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield await INNER.invoke("abc")
        async for chunk in chunks:
            yield chunk

    return spelled | outer


def transform_asynchronous_in_its_cleanup() -> gf.Chain[Any, Any]:
    @gf.transform
    async def outer(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await INNER.invoke("abc")

    return spelled | outer


def transform_asynchronous_that_is_left() -> gf.Chain[Any, Any]:
    @gf.transform
    async def first(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk
            return

    return transform_asynchronous_in_its_cleanup() | first


def transform_plain_in_a_thread() -> gf.Chain[Any, Any]:
    @gf.transform(thread=True)
    def outer(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield "<"
            yield INNER.sync.invoke(chunk)
            yield ">"

    return letters | gf.fold(gf.concat) | outer


def transform_plain_after_an_asynchronous_stream() -> gf.Chain[Any, Any]:
    @gf.transform
    def outer(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield INNER.sync.invoke(chunk)

    return spelled | outer


def transform_of_a_stream_and_a_value() -> gf.Chain[Any, Any]:
    @gf.transform
    async def outer(title: str, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield await INNER.invoke(title)
        async for chunk in chunks:
            yield chunk

    return {"title": gf.passthrough(), "chunks": spelled} | outer


def producer_asynchronous() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> AsyncIterator[str]:
        yield "<"
        yield await INNER.invoke(text)
        yield ">"

    return outer


def producer_plain_in_a_thread() -> gf.Chain[Any, Any]:
    @gf.aggregate(thread=True)
    def outer(text: str) -> Iterator[str]:
        yield "<"
        yield INNER.sync.invoke(text)
        yield ">"

    return outer


def generator_that_streams_the_inner_chain() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> AsyncIterator[str]:
        async with INNER.stream(text) as chunks:
            async for chunk in chunks:
                yield chunk

    return outer


def chat_model() -> gf.Chain[Any, Any]:
    class Outer(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            yield gf.AIMessageChunk("<")
            yield gf.AIMessageChunk(await INNER.invoke(messages[-1].text))

    return Outer(name="outer") | gf.text()


def text_model() -> gf.Chain[Any, Any]:
    class Outer(gf.TextModel):
        async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
            yield "<"
            yield await INNER.invoke(text)

    return Outer(name="outer")


def retriever() -> gf.Chain[Any, Any]:
    def search(query: str) -> list[gf.Document]:
        return [gf.Document(INNER.sync.invoke(query))]

    return gf.Retriever(search, name="outer")


def predicate_of_a_branch() -> gf.Chain[Any, Any]:
    async def holds(text: str) -> bool:
        return bool(await INNER.invoke(text))

    return gf.branch((holds, spelled), letters).with_config(name="outer")


def alternative_of_a_branch() -> gf.Chain[Any, Any]:
    return gf.branch((bool, function_asynchronous()), letters)


def body_of_an_each() -> gf.Chain[Any, Any]:
    return gf.aggregate(listed) | gf.each(function_asynchronous())


def body_of_an_each_side_by_side() -> gf.Chain[Any, Any]:
    return gf.aggregate(listed) | gf.each(function_asynchronous(), max_concurrency=4)


def branch_of_a_parallel() -> gf.Chain[Any, Any]:
    return gf.parallel(a=function_asynchronous(), b=spelled)


def key_that_is_assigned() -> gf.Chain[Any, Any]:
    async def outer(record: dict[str, str]) -> str:
        return await INNER.invoke(record["text"])

    return {"text": gf.passthrough()} | gf.assign(a=outer)


def node_of_a_graph() -> gf.Chain[Any, Any]:
    node = function_asynchronous()

    @gf.graph
    def graph(text: gf.Value[str]) -> gf.Value[str]:
        return node(text)

    return graph


def worker_thread_of_trio() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        return await trio.to_thread.run_sync(INNER.sync.invoke, text)

    return outer


def worker_thread_that_calls_back() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        return await trio.to_thread.run_sync(lambda: trio.from_thread.run(INNER.invoke, text))

    return outer


def worker_thread_with_a_loop_of_its_own() -> gf.Chain[Any, Any]:
    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        return trio.run(INNER.invoke, text)

    return outer


def worker_thread_of_the_users_own() -> gf.Chain[Any, Any]:
    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        results: list[outcome.Outcome[str]] = []
        context = copy_context()

        def work() -> None:
            results.append(context.run(outcome.capture, INNER.sync.invoke, text))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return results[0].unwrap()

    return outer


def nursery_in_a_function() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(INNER.invoke, text)
        return text

    return outer


def nursery_in_a_nursery() -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        async def child(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            task_status.started()
            async with trio.open_nursery() as inside:
                inside.start_soon(INNER.invoke, text)

        async with trio.open_nursery() as nursery:
            await nursery.start(child)
        return text

    return outer


def nursery_behind_a_channel() -> gf.Chain[Any, Any]:
    """A generator hands its chunks to tasks, and takes their results from a channel."""

    @gf.aggregate
    async def outer(text: str) -> str:
        send, receive = trio.open_memory_channel[str](0)

        async def work() -> None:
            async with send:
                await send.send(await INNER.invoke(text))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            return await receive.receive()

    return outer


ROWS: list[Callable[[], gf.Chain[Any, Any]]] = [
    tool_asynchronous,
    tool_plain_in_a_thread,
    tool_called_by_a_message,
    function_asynchronous,
    function_plain_in_a_thread,
    function_plain_that_returns_what_is_awaited,
    function_of_a_stream,
    function_of_two_values,
    function_bound,
    bare_function,
    method,
    object_that_can_be_called,
    partial_function,
    chunkwise_asynchronous,
    chunkwise_plain_in_a_thread,
    transform_asynchronous_between_chunks,
    transform_asynchronous_before_its_input,
    transform_asynchronous_in_its_cleanup,
    transform_asynchronous_that_is_left,
    transform_plain_in_a_thread,
    transform_plain_after_an_asynchronous_stream,
    transform_of_a_stream_and_a_value,
    producer_asynchronous,
    producer_plain_in_a_thread,
    generator_that_streams_the_inner_chain,
    chat_model,
    text_model,
    retriever,
    predicate_of_a_branch,
    alternative_of_a_branch,
    body_of_an_each,
    body_of_an_each_side_by_side,
    branch_of_a_parallel,
    key_that_is_assigned,
    node_of_a_graph,
    worker_thread_of_trio,
    worker_thread_that_calls_back,
    worker_thread_with_a_loop_of_its_own,
    worker_thread_of_the_users_own,
    nursery_in_a_function,
    nursery_in_a_nursery,
    nursery_behind_a_channel,
]


# --- what holds of every row ---------------------------------------------------------------------------------


def heard_of(row: Callable[[], gf.Chain[Any, Any]], value: str = "abc", **options: Any) -> Heard:
    return trio.run(lambda: listen(row(), value, **options))


@pytest.mark.parametrize("row", ROWS)
def test_a_chain_that_is_run_inside_is_a_child_run(row: Callable[[], gf.Chain[Any, Any]]) -> None:
    heard = heard_of(row)
    assert heard.error is None
    check_sound(heard.events)
    outer, inner = heard.start("outer"), heard.start("inner")
    assert inner.parent_ids == [*outer.parent_ids, outer.run_id]
    for name in ("letters", "upper"):
        inside = [event for event in heard.of(name) if inner.run_id in event.parent_ids]
        assert {tuple(event.parent_ids) for event in inside} == {(*inner.parent_ids, inner.run_id)}
        assert isinstance(inside[-1], gf.EndEvent)
    assert heard.end("inner").output == "ABC"


@pytest.mark.parametrize("row", ROWS)
def test_it_hangs_on_the_outermost_run_where_nobody_is_told_of_the_node(row: Callable[[], gf.Chain[Any, Any]]) -> None:
    everything = heard_of(row)
    heard = heard_of(row, include_names=["inner"], allow_unmatched=True)
    check_sound(heard.events, filtered=True)
    assert heard.names == ["inner"]
    assert len(heard.start("inner").parent_ids) == 1
    assert everything.events[0].parent_ids == []


@pytest.mark.parametrize("row", ROWS)
def test_it_inherits_tags_and_metadata_of_the_call(row: Callable[[], gf.Chain[Any, Any]]) -> None:
    heard = heard_of(row, tags=["called"], metadata={"by": "us"})
    inner = heard.start("inner")
    assert "called" in inner.tags
    assert inner.metadata["by"] == "us"


#: Rows whose input is not what the inner chain gets.
FIXED = {
    transform_asynchronous_before_its_input,
    transform_asynchronous_in_its_cleanup,
    transform_asynchronous_that_is_left,
}


@pytest.mark.parametrize("row", [row for row in ROWS if row not in FIXED])
def test_its_error_is_told_of_it_and_then_of_the_node(row: Callable[[], gf.Chain[Any, Any]]) -> None:
    heard = heard_of(row, "a?")
    check_sound(heard.events)
    outer, inner = heard.end("outer"), heard.end("inner")
    assert isinstance(inner, gf.ErrorEvent)
    assert isinstance(outer, gf.ErrorEvent)
    assert isinstance(inner.error, ValueError)
    assert inner.seq < outer.seq
    assert heard.error is outer.error


def test_plain_code_in_the_event_loop_is_told_to_await() -> None:
    """It cannot wait for a chain without holding the loop; so there is nothing to nest."""

    def outer(text: str) -> str:
        return INNER.sync.invoke(text)

    def generator(text: str) -> Iterator[str]:
        yield INNER.sync.invoke(text)

    step = gf.accumulator(step=lambda text, chunk: text + INNER.sync.invoke(chunk), initial=str)
    for chain in (gf.aggregate(outer), gf.chunkwise(outer), gf.aggregate(generator), letters | gf.fold(step)):
        error = hear(chain, "abc").error
        assert isinstance(error, RuntimeError)
        assert "await chain.invoke(...)" in str(error)
