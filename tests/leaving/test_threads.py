"""The sync verbs: from several threads, from worker threads of a run, from where they would block a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

import graphflow as gf
from graphflow.runtime import portal
from tests.leaving.chains import FEW, Ledger, cleaning, fan_out, generators, passing, per_chunk, spread, sync_passing
from tests.leaving.watch import PATIENCE, run


class NodeError(Exception):
    pass


# --- plain threads -----------------------------------------------------------------------------------------


def test_several_threads_run_chains_at_once() -> None:
    ledger = Ledger(width=200)
    chain = fan_out(ledger)
    everybody = threading.Barrier(8)

    def work(word: str) -> int:
        everybody.wait(PATIENCE)
        with chain.sync.stream(word) as chunks:
            count = sum(1 for chunk in chunks if word in chunk.values())
        assert chain.sync.invoke(word) == {"left": word * 200, "right": word * 200}
        with chain.sync.events(word) as events:
            assert any(event.event == "on_chain_end" for event in events)
        return count

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, "abcdefgh")) == [400] * 8
    assert not ledger.left_open()


def test_threads_that_leave_early_do_not_disturb_the_others() -> None:
    ledger = Ledger(width=2000)
    chain = generators(ledger)

    def work(number: int) -> int:
        count = 0
        with chain.sync.stream("a") as chunks:
            for _ in chunks:
                count += 1
                if number % 2 and count == 10:
                    break
        return count

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [2000, 10] * 4
    assert not ledger.left_open()


def test_a_sync_verb_runs_beside_an_asyncio_loop() -> None:
    async def main() -> str:
        answer: str = generators(Ledger()).sync.invoke("a")
        return answer

    assert asyncio.run(main()) == "a" * FEW


def test_a_sync_verb_runs_in_a_thread_of_an_asyncio_loop() -> None:
    async def main() -> str:
        return await asyncio.to_thread(generators(Ledger()).sync.invoke, "a")

    assert asyncio.run(main()) == "a" * FEW


# --- where it would block a loop ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["invoke", "stream", "events", "batch", "batch_as_completed"])
def test_a_sync_verb_in_a_trio_task_is_refused_and_names_the_other(verb: str) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=rf"sync\.{verb} would block .*; write .*chain\.{verb}\("):
            getattr(generators(Ledger()).sync, verb)("a")

    run(main)


def test_a_sync_verb_in_a_plain_function_of_a_chain_is_refused() -> None:
    inner = generators(Ledger())

    @gf.aggregate
    def asks(word: str) -> str:
        answer: str = inner.sync.invoke(word)
        return answer

    with pytest.raises(RuntimeError, match="would block the Trio task"):
        trio.run(asks.invoke, "a")
    assert asks.sync.invoke("a")  # without a loop there is none to block


def test_a_sync_verb_in_a_callback_of_the_loop_is_refused() -> None:
    refused: list[str] = []
    has_called = threading.Event()

    def callback() -> None:
        try:
            generators(Ledger()).sync.invoke("a")
        except RuntimeError as error:
            refused.append(str(error))
        has_called.set()

    portal.portal().soon(callback)
    assert has_called.wait(PATIENCE)
    assert "would block" in refused[0]


# --- worker threads of a run -------------------------------------------------------------------------------


def test_a_run_in_a_worker_thread_is_a_child_of_the_run_that_it_is_called_in() -> None:
    inner = generators(Ledger())

    @gf.aggregate(thread=True)
    def asks(word: str) -> str:
        with inner.sync.stream(word) as chunks:
            return str(inner.sync.invoke(word)) + "".join(chunks)

    async def main() -> None:
        threads = set(threading.enumerate())
        async with asks.events("a", include_names=["asks", "middle"], allow_unmatched=True) as events:
            seen = [event async for event in events]
        (asked,) = {event.run_id for event in seen if event.name == "asks"}
        nested = [event for event in seen if event.name == "middle"]
        assert len({event.run_id for event in nested}) == 2
        assert {event.parent_ids[0] for event in nested} == {asked}
        assert not [thread for thread in set(threading.enumerate()) - threads if "portal" in thread.name]

    trio.run(main)


def test_a_worker_thread_of_the_users_own_runs_in_the_loop_that_waits_for_it() -> None:
    loops: list[object] = []

    @gf.aggregate
    async def where(word: str) -> str:
        loops.append(trio.lowlevel.current_trio_token())
        return word

    async def main() -> None:
        await trio.to_thread.run_sync(where.sync.invoke, "a")
        assert loops == [trio.lowlevel.current_trio_token()]

    trio.run(main)


def test_an_error_in_a_run_in_a_worker_thread_arrives_as_itself() -> None:
    error = NodeError()

    @gf.aggregate
    async def fails(word: str) -> str:
        raise error

    @gf.aggregate(thread=True)
    def asks(word: str) -> str:
        with fails.sync.stream(word) as chunks:
            return "".join(chunks)

    with pytest.raises(NodeError) as caught:
        asks.sync.invoke("a")
    assert caught.value is error
    assert ["`fails`" in caught.value.__notes__[0], "`asks`" in caught.value.__notes__[1]] == [True, True]


def test_a_generator_in_a_thread_may_hold_a_stream_open_where_it_yields() -> None:
    ledger = Ledger(width=1000)
    inner = fan_out(ledger)

    @gf.aggregate(thread=True)
    def around(word: str) -> Iterator[str]:
        with ledger.open("around"), inner.sync.stream(word) as chunks:
            for chunk in chunks:
                yield next(iter(chunk.values()))

    async def main() -> None:
        async with (around | passing(ledger, "last")).stream("a") as chunks:
            for _ in range(10):
                with trio.move_on_after(60):  # a scope that is left while the generator waits
                    await anext(chunks)
        assert not ledger.left_open()

    trio.run(main)
    assert ledger.produced < 1000


def test_streams_in_one_worker_thread_may_be_left_in_any_order() -> None:
    ledger = Ledger(width=1000)
    chain = fan_out(ledger)

    def work() -> None:
        left, right = chain.sync.stream("a"), chain.sync.stream("b")
        chunks = left.__enter__()
        others = right.__enter__()
        assert next(chunks) != next(others)
        left.__exit__(None, None, None)
        assert "b" in str(next(others))
        right.__exit__(None, None, None)

    async def main() -> None:
        await trio.to_thread.run_sync(work)
        assert not ledger.left_open()

    trio.run(main)


def test_a_stream_in_an_abandoned_thread_ends_when_it_is_left() -> None:
    ledger = Ledger(width=100_000)
    chain = fan_out(ledger)
    may_go_on, is_over = threading.Event(), threading.Event()

    def work(scope: trio.CancelScope) -> None:
        try:
            with chain.sync.stream("a") as chunks:
                next(chunks)
                trio.from_thread.run_sync(scope.cancel)
                may_go_on.wait(PATIENCE)
        finally:
            is_over.set()

    async def main() -> None:
        with trio.CancelScope() as scope:
            await trio.to_thread.run_sync(work, scope, abandon_on_cancel=True)
        assert scope.cancelled_caught
        may_go_on.set()
        while not is_over.is_set():
            await trio.sleep(0.001)
        assert not ledger.left_open()

    trio.run(main)


# --- many threads at once ----------------------------------------------------------------------------------


def test_more_bridged_generators_than_trio_has_worker_threads_do_not_wait_for_each_other() -> None:
    ledger = Ledger(width=2)
    chain = (
        spread(ledger)
        | sync_passing(ledger, "first")
        | cleaning(ledger, "middle")
        | sync_passing(ledger, "second")
        | per_chunk(ledger, "third", thread=True)
    )

    async def main() -> None:
        with trio.fail_after(PATIENCE):
            assert await chain.batch(["a"] * 60, max_concurrency=60) == ["aa"] * 60
        assert not ledger.left_open()

    trio.run(main)


def test_more_nested_runs_in_threads_than_trio_has_worker_threads_do_not_wait_for_each_other() -> None:
    limit = 40  # of Trio's own worker threads
    everybody = threading.Barrier(limit)

    @gf.aggregate(thread=True)
    def inner(word: str) -> str:
        return word

    @gf.aggregate(thread=True)
    def outer(word: str) -> str:
        everybody.wait(PATIENCE)
        return inner.sync.invoke(word)

    async def main() -> None:
        with trio.fail_after(PATIENCE):
            assert await outer.batch(["a"] * limit, max_concurrency=limit) == ["a"] * limit

    trio.run(main)


# --- what ends a thread that reads -------------------------------------------------------------------------


def test_a_thread_that_waits_for_a_chunk_is_ended_with_the_task_that_waits_for_it() -> None:
    ledger = Ledger()

    @gf.aggregate
    async def silent(word: str) -> AsyncIterator[str]:
        with ledger.open("silent"):
            await trio.sleep_forever()
            yield word

    @gf.aggregate(thread=True)
    def asks(word: str) -> str:
        with ledger.open("asks"), silent.sync.stream(word) as chunks:
            return "".join(chunks)

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asks.invoke, "a")
                while not ledger.opened["silent"]:
                    await trio.sleep(0.001)
                scope.cancel()
        assert scope.cancelled_caught
        assert not ledger.left_open()

    trio.run(main)


def test_a_portal_that_dies_fails_who_waits_for_it_and_the_next_call_gets_another() -> None:
    before = portal.portal()

    @gf.aggregate
    async def kills(word: str) -> str:
        async def crash() -> None:
            raise NodeError("in a system task")

        trio.lowlevel.spawn_system_task(crash)
        await trio.sleep_forever()
        return word

    (thread,) = [thread for thread in threading.enumerate() if thread.name == "graphflow portal"]
    failures: list[Any] = []
    hook, threading.excepthook = threading.excepthook, failures.append
    try:
        with pytest.raises(RuntimeError, match="it has failed"):
            kills.sync.invoke("a")
        thread.join(PATIENCE)
    finally:
        threading.excepthook = hook
    assert len(failures) == 1
    assert generators(Ledger()).sync.invoke("a") == "a" * FEW
    assert portal.portal() is not before


@pytest.mark.parametrize("verb", ["invoke", "stream"])
def test_who_is_interrupted_before_the_run_begins_does_not_wait_for_it(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon, calls = portal.Portal.soon, []

    def interrupted_once(self: portal.Portal, function: Callable[[], object]) -> None:
        calls.append(function)
        if len(calls) == 1:
            raise KeyboardInterrupt
        soon(self, function)

    ledger = Ledger()
    chain = generators(ledger)
    monkeypatch.setattr(portal.Portal, "soon", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        if verb == "invoke":
            chain.sync.invoke("a")
        else:
            with chain.sync.stream("a"):
                pass
    assert not ledger.left_open()
