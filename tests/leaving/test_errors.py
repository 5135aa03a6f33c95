"""What arrives when a run is left: every error, once, as itself if it is the only one."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

import graphflow as gf
from tests.leaving.chains import Ledger, cleaning, passing, sleeping, spread
from tests.leaving.watch import run


class FirstError(Exception):
    pass


class SecondError(Exception):
    pass


class CleanupError(Exception):
    pass


@gf.aggregate
async def endless(word: str) -> AsyncIterator[str]:
    while True:
        yield word


def dirty(error: BaseException) -> Any:
    """A transform that fails when it is closed."""

    @gf.transform
    async def dirty(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            raise error

    return dirty


def failing(error: BaseException, after: int = 0) -> Any:
    """A transform that fails at a chunk."""

    @gf.transform
    async def failing(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        count = 0
        async for chunk in chunks:
            if count == after:
                raise error
            count += 1
            yield chunk

    return failing


def late(error: BaseException) -> Any:
    """A function that fails after a second."""

    @gf.aggregate
    async def late(word: str) -> str:
        await trio.sleep(1)
        raise error

    return late


# --- cleanup that fails ------------------------------------------------------------------------------------

TASKS = pytest.mark.parametrize("tasks", [False, True], ids=["in place", "in a task"])


def with_dirty(error: BaseException, *, tasks: bool) -> Any:
    """A chain with a node whose cleanup fails, in the reader's task or in one of its own."""
    chain = endless | dirty(error)
    return chain | {"left": passing(Ledger(), "left"), "right": passing(Ledger(), "right")} if tasks else chain


@TASKS
def test_an_error_in_a_cleanup_is_raised_on_leaving(tasks: bool) -> None:
    async def main() -> None:
        error = CleanupError()
        with pytest.raises(CleanupError) as caught:
            async with with_dirty(error, tasks=tasks).stream("a") as chunks:
                async for _ in chunks:
                    break
        assert caught.value is error
        assert "in node `dirty`" in error.__notes__[0]

    run(main)


@TASKS
def test_errors_in_the_body_and_in_a_cleanup_arrive_together(tasks: bool) -> None:
    async def main() -> None:
        in_cleanup, in_body = CleanupError(), FirstError()
        with pytest.raises(ExceptionGroup) as caught:
            async with with_dirty(in_cleanup, tasks=tasks).stream("a") as chunks:
                async for _ in chunks:
                    raise in_body
        assert caught.value.exceptions == (in_body, in_cleanup)

    run(main)


@TASKS
def test_an_error_in_a_cleanup_takes_the_place_of_a_cancellation(tasks: bool) -> None:
    async def main() -> None:
        error = CleanupError()
        with pytest.raises(CleanupError) as caught, trio.CancelScope() as scope:
            async with with_dirty(error, tasks=tasks).stream("a") as chunks:
                async for _ in chunks:
                    scope.cancel()
                    await trio.sleep_forever()
        assert caught.value is error
        assert not scope.cancelled_caught

    run(main)


@TASKS
def test_an_interrupt_in_the_body_arrives_as_itself_from_the_group_of_the_others(tasks: bool) -> None:
    async def main() -> None:
        error, interrupt = CleanupError(), KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt) as caught:
            async with with_dirty(error, tasks=tasks).stream("a") as chunks:
                async for _ in chunks:
                    raise interrupt
        assert caught.value is interrupt
        cause = interrupt.__cause__
        assert isinstance(cause, BaseExceptionGroup)
        assert cause.exceptions == (error,)

    run(main)


@pytest.mark.parametrize("verb", ["invoke", "stream", "events"])
def test_an_error_and_the_errors_in_cleanups_that_it_causes_arrive_together(verb: str) -> None:
    async def main() -> None:
        error, before, after = FirstError(), CleanupError("before"), CleanupError("after")
        chain = endless | dirty(before) | failing(error, after=2) | dirty(after)
        with pytest.raises(ExceptionGroup) as caught:
            if verb == "invoke":
                await chain.invoke("a")
            else:
                async with getattr(chain, verb)("a") as items:
                    async for _ in items:
                        pass
        # `after` is on the way of the error, so it takes its place and keeps it as its context
        assert set(caught.value.exceptions) == {before, after}
        assert after.__context__ is error

    run(main)


# --- several failures --------------------------------------------------------------------------------------


class Gate:
    """Where nodes wait until all do, to go on in the same moment: before one can be told of another's failure."""

    def __init__(self) -> None:
        self.opened = trio.Event()

    async def open(self) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self.opened.set()


async def fail_at_once(fail: Callable[[Gate], Awaitable[object]]) -> list[Any]:
    """Return what the errors carry that come out of something that waits at a gate."""
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.open)
        with pytest.raises(ExceptionGroup) as caught:
            await fail(gate)
    for error in caught.value.exceptions:
        assert "in node `work" in error.__notes__[0]
    return sorted(error.args[0] for error in caught.value.exceptions)


def at_gate(gate: Gate) -> Any:
    """A function that fails with what it is given, when the gate opens."""

    @gf.aggregate
    async def work(number: int) -> int:
        await gate.opened.wait()
        raise ValueError(number)

    return work


def test_branches_that_fail_at_once_arrive_together() -> None:
    @gf.aggregate
    def successor(number: int) -> int:
        return number + 1

    async def fail(gate: Gate) -> None:
        await gf.parallel(left=at_gate(gate), right=successor | at_gate(gate)).invoke(1)

    async def main() -> None:
        assert await fail_at_once(fail) == [1, 2]

    run(main)


def test_a_branch_that_fails_while_it_is_cancelled_arrives_with_the_error_that_cancelled_it() -> None:
    @gf.aggregate
    async def stubborn(word: str) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise second
        return word

    first, second = FirstError(), SecondError()

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await gf.parallel(left=late(first), right=stubborn).invoke("a")
        assert set(caught.value.exceptions) == {first, second}

    run(main)


def test_items_of_an_each_that_fail_at_once_arrive_together() -> None:
    async def main() -> None:
        assert await fail_at_once(lambda gate: gf.each(at_gate(gate), max_concurrency=3).invoke([1, 2, 3, 4])) == [
            1,
            2,
            3,
        ]

    run(main)


def test_values_of_a_batch_that_fail_at_once_arrive_together() -> None:
    async def main() -> None:
        assert await fail_at_once(lambda gate: at_gate(gate).batch([1, 2, 3, 4], max_concurrency=3)) == [1, 2, 3]

    run(main)


# --- errors that nobody has read yet -----------------------------------------------------------------------


def test_an_error_behind_a_paused_reader_arrives_after_the_chunks_before_it() -> None:
    async def main() -> None:
        error = FirstError()
        chain = spread(Ledger(width=10)) | failing(error, after=5) | {"left": gf.passthrough(), "right": slow}
        got: list[Any] = []
        with pytest.raises(FirstError) as caught:
            async with chain.stream("a") as chunks:
                async for chunk in chunks:
                    got.append(chunk)
                    await trio.sleep(100)  # it has failed long before this ends
        assert caught.value is error
        assert got.count({"left": "a"}) == 5

    slow = sleeping(Ledger(), "slow")
    run(main)


@pytest.mark.parametrize("verb", ["stream", "events"])
def test_an_error_that_the_reader_has_not_come_to_is_raised_on_leaving(verb: str) -> None:
    async def main() -> None:
        error = FirstError()
        chain = gf.parallel(left=spread(Ledger(width=10)), right=late(error))
        with pytest.raises(FirstError) as caught:
            async with getattr(chain, verb)("a") as items:
                async for _ in items:
                    await trio.sleep(100)
                    break
        assert caught.value is error

    run(main)


def test_an_error_that_the_reader_has_not_come_to_joins_the_error_of_the_body() -> None:
    async def main() -> None:
        in_node, in_body = FirstError(), SecondError()
        chain = gf.parallel(left=spread(Ledger(width=10)), right=late(in_node))
        with pytest.raises(ExceptionGroup) as caught:
            async with chain.stream("a") as chunks:
                async for _ in chunks:
                    await trio.sleep(100)
                    raise in_body
        assert caught.value.exceptions == (in_body, in_node)

    run(main)


def test_an_error_that_a_node_recovers_from_does_not_come_again() -> None:
    @gf.transform
    async def recovers(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                yield chunk
        except FirstError:
            yield "instead"

    async def main() -> None:
        chain = spread(Ledger(width=10)) | failing(FirstError(), after=1) | sleeping(Ledger(), "slow") | recovers
        async with chain.stream("a") as chunks:
            assert [chunk async for chunk in chunks] == ["a", "instead"]

    run(main)


def test_a_branch_that_a_node_recovers_from_does_not_come_again() -> None:
    @gf.transform
    async def recovers(records: AsyncIterator[dict[str, str]]) -> AsyncIterator[str]:
        try:
            async for record in records:
                yield record.get("left", "")
        except FirstError:
            yield "instead"

    async def main() -> None:
        chain = spread(Ledger(width=10)) | {
            "left": sleeping(Ledger(), "slow"),
            "right": failing(FirstError(), after=1) | sleeping(Ledger(), "right"),
        }
        async with (chain | recovers).stream("a") as chunks:
            assert [chunk async for chunk in chunks][-1] == "instead"

    run(main)


# --- cancellation and errors at once -----------------------------------------------------------------------


@TASKS
def test_an_error_of_a_body_that_is_cancelled_is_not_lost(tasks: bool) -> None:
    async def main() -> None:
        ledger, error = Ledger(), FirstError()
        chain = endless | cleaning(ledger, "middle")
        if tasks:
            chain = chain | {"left": cleaning(ledger, "left"), "right": cleaning(ledger, "right")}
        with pytest.raises(FirstError) as caught, trio.CancelScope() as scope:
            async with chain.stream("a") as chunks:
                async for _ in chunks:
                    scope.cancel()
                    raise error
        assert caught.value is error
        assert not scope.cancelled_caught
        assert not ledger.left_open()

    run(main)


def test_a_deadline_in_the_body_ends_the_wait_and_not_the_run_around_it() -> None:
    async def main() -> None:
        ledger = Ledger(width=10)
        chain = spread(ledger) | sleeping(ledger, "slow")
        async with chain.stream("a") as chunks:
            with trio.move_on_after(3.5) as scope:
                async for _ in chunks:
                    pass
            assert scope.cancelled_caught
            await trio.sleep(1)
        assert not ledger.left_open()

    run(main)


def test_a_run_in_a_nursery_that_is_cancelled_is_over_when_the_nursery_is() -> None:
    async def main() -> None:
        ledger = Ledger(width=10)
        chain = spread(ledger) | {"left": sleeping(ledger, "left"), "right": cleaning(ledger, "right")}

        async def read() -> None:
            async with chain.stream("a") as chunks:
                async for _ in chunks:
                    pass

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(read)
            await trio.sleep(2.5)
            nursery.cancel_scope.cancel()
        assert ledger.opened["left"] == 3
        assert not ledger.left_open()

    run(main)


def test_a_sibling_that_fails_cancels_a_run_and_its_error_arrives_alone() -> None:
    async def main() -> None:
        ledger = Ledger(width=10)
        chain = spread(ledger) | {"left": sleeping(ledger, "left"), "right": cleaning(ledger, "right")}

        async def read() -> None:
            async with chain.stream("a") as chunks:
                async for _ in chunks:
                    pass

        with pytest.RaisesGroup(FirstError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                nursery.start_soon(read)
                await trio.sleep(2.5)
                raise FirstError
        assert not ledger.left_open()

    run(main)


@pytest.mark.parametrize("verb", ["stream", "events", "batch_as_completed"])
def test_a_reader_that_shields_itself_from_a_cancelled_run_does_not_wait_for_ever(verb: str) -> None:
    async def main() -> None:
        ledger = Ledger(width=10)
        item = sleeping(ledger, "item")
        items_of_three = gf.aggregate(list_of_three) | gf.each(item, max_concurrency=2) | first_of_lists
        chain = gf.parallel(left=items_of_three, right=sleeping(ledger, "right"))
        value = ["a"] if verb == "batch_as_completed" else "a"
        with trio.CancelScope() as scope:
            async with getattr(chain, verb)(value) as items:
                with trio.CancelScope(shield=True):
                    scope.cancel()
                    async for _ in items:
                        pass
        assert scope.cancelled_caught
        assert not ledger.left_open()

    def list_of_three(word: str) -> list[str]:
        return [word] * 3

    @gf.transform
    async def first_of_lists(lists: AsyncIterator[list[str]]) -> AsyncIterator[str]:
        async for words in lists:
            yield words[0]

    run(main)


# --- runs in runs ------------------------------------------------------------------------------------------


def test_a_run_in_a_node_is_cancelled_with_it_and_its_error_arrives_as_itself() -> None:
    async def main() -> None:
        ledger, error = Ledger(width=10), FirstError()
        inner = spread(ledger) | {"left": sleeping(ledger, "left"), "right": cleaning(ledger, "right")}

        @gf.aggregate
        async def asks(word: str) -> str:
            return str(await inner.invoke(word))

        with pytest.raises(FirstError) as caught:
            await gf.parallel(asks=asks, late=late(error)).invoke("a")
        assert caught.value is error
        assert not ledger.left_open()

    run(main)


def test_an_error_in_a_run_in_a_node_has_a_note_of_either_run() -> None:
    async def main() -> None:
        inner = late(FirstError())

        @gf.aggregate
        async def asks(word: str) -> str:
            answer: str = await inner.invoke(word, run_id="00000000-0000-4000-8000-000000000001")
            return answer

        with pytest.raises(FirstError) as caught:
            await asks.invoke("a", run_id="00000000-0000-4000-8000-000000000002")
        assert ["`late`" in caught.value.__notes__[0], "`asks`" in caught.value.__notes__[1]] == [True, True]

    run(main)


def test_an_upstream_that_nobody_has_begun_to_read_is_closed() -> None:
    async def main() -> None:
        ledger = Ledger()

        async def upstream() -> AsyncIterator[str]:
            with ledger.open("upstream"):
                while True:
                    yield "a"

        source = upstream()
        await anext(source)
        async with (spread(ledger) | passing(ledger, "last")).transform(source):
            pass
        assert ledger.closed["upstream"] == 1
        assert ledger.steps["upstream"] == 0

    run(main)


def test_a_deadline_around_a_run_is_not_reached_by_a_run_that_is_over() -> None:
    async def main() -> None:
        with trio.move_on_after(math.inf) as scope:
            assert await (spread(Ledger(width=2)) | sleeping(Ledger(), "slow")).invoke("a") == "aa"
        assert not scope.cancelled_caught

    run(main)


def test_a_note_says_the_path_to_a_node_in_a_node() -> None:
    def breaks(text: str) -> str:
        raise KeyError(text)

    inner = gf.passthrough() | gf.aggregate(breaks)
    chain = gf.passthrough() | gf.parallel(left=gf.passthrough(), right=gf.each(inner).with_config(name="for each"))
    with pytest.raises(KeyError) as caught:
        chain.sync.invoke(["a"])
    (note,) = caught.value.__notes__
    assert note.startswith("in node `breaks` (")
    assert " in `sequence > parallel > for each > sequence`, run " in note


def test_a_note_says_no_path_where_there_is_only_the_chain() -> None:
    def breaks(text: str) -> str:
        raise KeyError(text)

    for chain in (gf.aggregate(breaks), gf.passthrough() | gf.aggregate(breaks)):
        with pytest.raises(KeyError) as caught:
            chain.sync.invoke("a")
        (note,) = caught.value.__notes__
        assert " in `" not in note
