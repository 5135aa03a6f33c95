"""The block itself: entered twice, left twice, never iterated, iterated elsewhere, several at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.leaving.chains import FEW, KINDS, Ledger, cleaning, fan_out, generators, sleeping, spread
from tests.leaving.watch import run


async def upstream() -> AsyncIterator[str]:
    while True:
        yield "a"


def opened(verb: str, chain: Any) -> Any:
    match verb:
        case "transform":
            return chain.transform(upstream())
        case "batch_as_completed":
            return chain.batch_as_completed(["a"] * 5)
        case _:
            return getattr(chain, verb)("a")


VERBS = pytest.mark.parametrize("verb", ["stream", "transform", "events", "batch_as_completed"])
SYNC_VERBS = pytest.mark.parametrize("verb", ["stream", "events", "batch_as_completed"])
SHAPES = pytest.mark.parametrize("make", [generators, fan_out], ids=["without tasks", "with tasks"])

# --- entering and leaving ----------------------------------------------------------------------------------


@VERBS
@SHAPES
def test_a_run_cannot_be_entered_twice(verb: str, make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        manager = opened(verb, make(Ledger()))
        async with manager:
            with pytest.raises(RuntimeError, match="call the verb again"):
                await manager.__aenter__()
        with pytest.raises(RuntimeError, match="call the verb again"):
            await manager.__aenter__()

    run(main)


@VERBS
@SHAPES
def test_a_run_cannot_be_left_twice_or_before_it_is_entered(verb: str, make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        manager = opened(verb, make(Ledger()))
        with pytest.raises(RuntimeError, match="was not entered, or has been left"):
            await manager.__aexit__(None, None, None)
        async with manager:
            pass
        with pytest.raises(RuntimeError, match="was not entered, or has been left"):
            await manager.__aexit__(None, None, None)

    run(main)


@SYNC_VERBS
@SHAPES
def test_a_sync_run_cannot_be_entered_twice(verb: str, make: Callable[[Ledger], Any]) -> None:
    manager = opened(verb, make(Ledger()).sync)
    with manager, pytest.raises(RuntimeError, match="call the verb again"):
        manager.__enter__()
    with pytest.raises(RuntimeError, match="call the verb again"):
        manager.__enter__()


@SYNC_VERBS
@SHAPES
def test_a_sync_run_cannot_be_left_twice_or_before_it_is_entered(verb: str, make: Callable[[Ledger], Any]) -> None:
    manager = opened(verb, make(Ledger()).sync)
    with pytest.raises(RuntimeError, match="was not entered, or has been left"):
        manager.__exit__(None, None, None)
    with manager:
        pass
    with pytest.raises(RuntimeError, match="was not entered, or has been left"):
        manager.__exit__(None, None, None)


@VERBS
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_never_iterated_leaves_nothing(verb: str, kind: str) -> None:
    ledger = Ledger()

    async def main() -> None:
        async with opened(verb, KINDS[kind].make(ledger)):
            pass
        assert not ledger.left_open()

    run(main) if not KINDS[kind].threads else trio.run(main)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_stream_that_is_never_iterated_leaves_nothing(kind: str) -> None:
    ledger = Ledger(moment=0)
    with KINDS[kind].make(ledger).sync.stream("a"):
        pass
    assert not ledger.left_open()


@VERBS
@SHAPES
def test_iterating_after_leaving_gives_nothing(verb: str, make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        async with opened(verb, make(Ledger())) as items:
            async for _ in items:
                break
        assert [item async for item in items] == []

    run(main)


@SYNC_VERBS
@SHAPES
def test_iterating_after_leaving_a_sync_run_gives_nothing(verb: str, make: Callable[[Ledger], Any]) -> None:
    with opened(verb, make(Ledger()).sync) as items:
        for _ in items:
            break
    assert list(items) == []


def test_a_sync_stream_gives_nothing_after_leaving_that_was_waiting_already() -> None:
    with generators(Ledger(width=1000)).sync.stream("a") as chunks:
        next(chunks)
    assert list(chunks) == []


@SHAPES
def test_a_part_of_a_run_can_be_read_before_the_rest(make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        ledger = Ledger()
        async with make(ledger).stream("a") as chunks:
            first = await anext(chunks)
            rest = [chunk async for chunk in chunks]
        assert len([first, *rest]) in {FEW, 2 * FEW}

    run(main)


# --- several runs ------------------------------------------------------------------------------------------


@SHAPES
def test_two_runs_of_one_chain_do_not_meet(make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        ledger = Ledger(width=100)
        chain = make(ledger)
        async with chain.stream("a") as left, chain.stream("b") as right:
            for _ in range(10):
                assert "a" in str(await anext(left))
                assert "b" in str(await anext(right))
        assert not ledger.left_open()

    run(main)


@SHAPES
def test_runs_can_be_left_in_any_order_in_tasks_of_their_own(make: Callable[[Ledger], Any]) -> None:
    async def main() -> None:
        ledger = Ledger(width=1000)
        chain = make(ledger)

        async def read(seconds: int) -> None:
            async with chain.stream("a") as chunks:
                await anext(chunks)
                await trio.sleep(seconds)

        async with trio.open_nursery() as nursery:
            for seconds in (3, 1, 2):
                nursery.start_soon(read, seconds)
        assert not ledger.left_open()

    run(main)


def test_two_sync_runs_of_one_chain_in_one_thread_do_not_meet_and_are_left_in_any_order() -> None:
    ledger = Ledger(width=1000)
    chain = fan_out(ledger)
    with contextlib.ExitStack() as stack:
        left = stack.enter_context(chain.sync.stream("a"))
        right_manager = chain.sync.stream("b")
        right = right_manager.__enter__()
        with chain.sync.stream("c") as third:
            for _ in range(200):
                assert [str(next(chunks))[-3] for chunks in (left, right, third)] == ["a", "b", "c"]
            right_manager.__exit__(None, None, None)
            assert "c" in str(next(third))
    assert not ledger.left_open()


# --- read elsewhere ----------------------------------------------------------------------------------------


def test_another_task_may_read() -> None:
    async def main() -> None:
        ledger = Ledger()
        got: list[Any] = []

        async def read(chunks: AsyncIterator[Any]) -> None:
            got.extend([chunk async for chunk in chunks])

        async with fan_out(ledger).stream("a") as chunks, trio.open_nursery() as nursery:
            nursery.start_soon(read, chunks)
        assert len(got) == 2 * FEW
        assert not ledger.left_open()

    run(main)


@pytest.mark.parametrize("has_tasks", [False, True], ids=["without tasks", "with tasks"])
def test_leaving_while_another_task_reads_is_refused_and_does_not_hang(has_tasks: bool) -> None:
    async def main() -> None:
        ledger = Ledger(width=10)
        chain: gf.Chain[Any, Any] = spread(ledger) | sleeping(ledger, "slow")
        if has_tasks:
            chain |= {"left": cleaning(ledger, "left"), "right": gf.passthrough()}

        async def read(chunks: AsyncIterator[Any]) -> None:
            async for _ in chunks:
                pass

        async with trio.open_nursery() as nursery:
            with pytest.raises(RuntimeError, match="another task was still iterating"):
                async with chain.stream("a") as chunks:
                    nursery.start_soon(read, chunks)
                    await trio.sleep(2.5)
            nursery.cancel_scope.cancel()
        assert not ledger.left_open()

    run(main)


def test_another_thread_may_read_and_ends_when_the_block_is_left() -> None:
    ledger = Ledger(width=1_000_000)
    has_begun = threading.Event()
    got: list[str] = []

    def read(chunks: Iterator[str]) -> None:
        for chunk in chunks:
            got.append(chunk)
            has_begun.set()

    with generators(ledger).sync.stream("a") as chunks:
        thread = threading.Thread(target=read, args=(chunks,))
        thread.start()
        has_begun.wait()
    thread.join()
    assert got
    assert ledger.produced < 1_000_000
    assert not ledger.left_open()


# --- what a run needs --------------------------------------------------------------------------------------


def test_a_run_that_cannot_begin_leaves_nothing() -> None:
    def initial() -> str:
        raise ValueError("no initial value")

    broken = gf.accumulator(initial=initial, step=lambda total, chunk: total, finish=lambda total: total)

    @gf.transform(accumulate=broken)
    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk

    async def main() -> None:
        chain = spread(Ledger()) | {"left": node, "right": gf.passthrough()}
        with pytest.raises(ValueError, match="no initial value"):
            async with chain.events("a") as events:
                async for _ in events:
                    pass
        with pytest.raises(ValueError, match="no initial value"):
            await chain.invoke("a")

    run(main)


def test_wrong_arguments_are_refused_before_the_block() -> None:
    chain = generators(Ledger())
    with pytest.raises(gf.UnmatchedFilterError):
        chain.sync.events("a", include_names=["nobody"])
    with pytest.raises(gf.NotInvokableError):
        gf.aggregate(numbers).sync.batch_as_completed(["a"])


async def numbers(word: str) -> AsyncIterator[int]:
    yield len(word)
