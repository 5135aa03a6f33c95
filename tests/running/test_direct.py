"""Plans of nodes that never wait: the synchronous verbs run them in the caller's thread, without an event loop."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear_all
from tests.laws.simulation import simulate


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    if chunk == "!":
        raise ValueError("no letter")
    return chunk.upper()


@gf.transform
def doubled(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk
        yield chunk


CHAIN = letters | upper | doubled


def where(value: object) -> str:
    return threading.current_thread().name


def test_what_never_waits_runs_in_the_thread_that_asks() -> None:
    assert gf.aggregate(where).sync.invoke(0) == threading.current_thread().name


async def somewhere(value: object) -> str:
    return threading.current_thread().name


def test_what_may_wait_runs_in_the_loop_of_the_portal() -> None:
    assert gf.aggregate(somewhere).sync.invoke(0) == "graphflow portal"


def test_streams_and_values_are_those_of_the_asynchronous_verbs() -> None:
    async def chunks() -> list[str]:
        async with CHAIN.stream("ab") as stream:
            return [chunk async for chunk in stream]

    with CHAIN.sync.stream("ab") as stream:
        assert list(stream) == simulate(chunks) == ["A", "A", "B", "B"]
    assert CHAIN.sync.invoke("ab") == simulate(lambda: CHAIN.invoke("ab")) == "AABB"


def test_records_and_their_keys_are_the_same_too() -> None:
    chain = letters | {"loud": upper, "size": len, "all": gf.passthrough()} | gf.pick("loud", "size")
    with chain.sync.stream("ab") as stream:
        assert list(stream) == [{"loud": "A"}, {"loud": "B"}, {"size": 2}]
    assert chain.sync.invoke("ab") == {"loud": "AB", "size": 2}


def test_an_error_has_the_note_of_its_node_and_the_run() -> None:
    with pytest.raises(ValueError, match="no letter") as caught, CHAIN.sync.stream("a!", run_id="here") as stream:
        list(stream)
    (note,) = caught.value.__notes__
    assert note.startswith("in node `upper` (")
    assert note.endswith("run here")
    with pytest.raises(ValueError, match="no letter") as caught:
        CHAIN.sync.invoke("!", run_id="there")
    assert [note.rpartition(" ")[2] for note in caught.value.__notes__] == ["there"]


def test_a_traceback_shows_the_line_of_the_generated_function_and_of_the_user() -> None:
    with pytest.raises(ValueError, match="no letter") as caught:
        CHAIN.sync.invoke("!")
    shown = "".join(traceback.format_exception(caught.value))
    assert "chunk = upper(chunk)" in shown
    assert 'raise ValueError("no letter")' in shown


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_leaving_early_closes_what_is_open_from_the_sink_upwards(taken: int) -> None:
    closed: list[str] = []

    @gf.aggregate
    def source(value: int) -> Iterator[str]:
        try:
            yield from "abc"
        finally:
            closed.append("source")

    @gf.transform
    def same(chunks: Iterator[str]) -> Iterator[str]:
        try:
            for chunk in chunks:  # noqa: UP028 - that would close the source first
                yield chunk
        finally:
            closed.append("same")

    with (source | same).sync.stream(0) as stream:
        for _ in range(taken):
            next(stream)
        assert not closed
    assert closed == (["same", "source"] if taken else [])
    assert list(stream) == []


def test_an_error_in_cleanup_arrives_with_the_error_of_the_body() -> None:
    @gf.aggregate
    def source(value: int) -> Iterator[str]:
        try:
            yield "a"
        finally:
            raise OSError("cleanup")

    with pytest.raises(ExceptionGroup) as caught, source.sync.stream(0) as stream:
        next(stream)
        raise ValueError("body")
    assert {type(error) for error in caught.value.exceptions} == {OSError, ValueError}


def test_a_result_that_has_to_be_awaited_is() -> None:
    async def later(text: str) -> str:
        await trio.sleep(0.001)
        return text + "!"

    def asks(text: str) -> Any:
        return later(text)

    assert (gf.aggregate(asks) | (lambda text: text * 2)).sync.invoke("a") == "a!a!"


def test_a_chain_that_is_returned_is_refused() -> None:
    def returns(text: str) -> Any:
        return upper

    with pytest.raises(gf.CompileError, match="returned a chain"):
        gf.aggregate(returns).sync.invoke("a")


def test_a_value_without_a_chunk_is_an_error_that_says_so() -> None:
    @gf.aggregate(accumulate=gf.latest)
    def nothing(value: int) -> Iterator[str]:
        yield from ()

    with pytest.raises(gf.EmptyStreamError, match="`nothing`"):
        nothing.sync.invoke(0)


def test_a_default_is_taken_where_a_key_is_not_there() -> None:
    def greet(name: str = "you") -> str:
        return f"hello {name}"

    record = gf.aggregate(lambda value: {} if value == "" else {"name": value})
    chain: gf.Chain[Any, Any] = record | gf.pick("name") | greet
    assert chain.sync.invoke("ada") == "hello ada"


def test_cancelling_the_task_that_waits_for_the_thread_ends_an_endless_stream() -> None:
    @gf.aggregate
    def endless(value: int) -> Iterator[str]:
        while True:
            yield "a"

    @gf.aggregate(thread=True)
    def reads(value: int) -> int:
        with endless.sync.stream(0) as stream:
            return sum(1 for _ in stream)

    async def main() -> bool:
        with trio.move_on_after(0.05) as scope:
            await reads.invoke(0)
        return scope.cancelled_caught

    assert trio.run(main)


def test_inside_a_run_that_somebody_listens_to_it_is_told_of() -> None:
    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        return CHAIN.sync.invoke(text)

    heard = hear_all(outer, "ab")
    assert "letters" in heard.names


def test_a_run_is_opened_once_and_left_once() -> None:
    opened = CHAIN.sync.stream("a")
    with pytest.raises(RuntimeError, match="not open"):
        opened.__exit__(None, None, None)
    with opened as stream:
        assert list(stream) == ["A", "A"]
    with pytest.raises(RuntimeError, match="open already"):
        opened.__enter__()
