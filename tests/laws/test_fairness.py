"""Law 7: loops that never have to wait still let others run in about a millisecond, and notice that they are cancelled.

Nodes work by moving a clock on that graphflow measures its slices with, so nothing here takes or measures real time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
import trio

import graphflow as gf
from graphflow.runtime.slices import SLICE
from tests.laws.simulation import CountedTime, simulate

#: How many chunks an endless source gives before it is plain that nobody stops it.
ENOUGH: Final = 20_000
#: How many turns the other task has before it cancels.
TURNS: Final = 20

Case = Callable[["Work"], gf.Chain[Any, Any]]


class Work(CountedTime):
    """The clock, which moves only while a node works."""

    def __init__(self, seconds: float) -> None:
        super().__init__(step=0)
        self.seconds = seconds
        self.done = 0

    def __call__(self) -> float:
        return self.now

    def do(self) -> None:
        self.now += self.seconds
        self.done += 1
        assert self.done < ENOUGH, "it was cancelled long ago"


def endless(work: Work) -> gf.Producer[int, int]:
    @gf.aggregate(accumulate=gf.latest)
    def endless(value: int) -> Iterator[int]:
        for number in itertools.count():
            work.do()
            yield number

    return endless


def endless_async(work: Work) -> gf.Producer[int, int]:
    @gf.aggregate(accumulate=gf.latest)
    async def endless(value: int) -> AsyncIterator[int]:
        for number in itertools.count():
            work.do()
            yield number

    return endless


@gf.chunkwise(accumulate=gf.latest)
def add(chunk: int) -> int:
    return chunk + 1


@gf.chunkwise(accumulate=gf.latest)
async def add_later(chunk: int) -> int:
    return chunk + 1


@gf.transform(accumulate=gf.latest)
async def keep(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        yield chunk


@gf.transform(accumulate=gf.latest)
async def drop(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        if chunk < 0:
            yield chunk


@gf.chunkwise
def record(chunk: int) -> dict[str, int]:
    return {"a": chunk}


@gf.aggregate
async def unpaced(ports: AsyncIterator[int]) -> int:
    return sum([chunk async for chunk in ports])


@gf.transform(accumulate=gf.latest)
async def second_first(first: AsyncIterator[int], second: AsyncIterator[int]) -> AsyncIterator[int]:
    async for _ in second:
        pass
    async for chunk in first:
        yield chunk


@gf.graph
def crossing(x: gf.Stream[int]) -> Any:
    return second_first(first=x, second=drop(x))


def items(work: Work, limit: int) -> gf.Chain[Any, Any]:
    @gf.aggregate
    def item(value: int) -> int:
        work.do()
        return value

    @gf.aggregate
    def listed(value: int) -> list[int]:
        return list(range(ENOUGH))

    return listed | gf.each(item, max_concurrency=limit)


def plain(work: Work) -> gf.Chain[Any, Any]:
    @gf.aggregate
    def step(value: int) -> int:
        work.do()
        return value

    chain: gf.Chain[Any, Any] = step
    for _ in range(1000):
        chain = chain | step
    return chain


def plain_chunkwise(work: Work) -> gf.Chain[Any, Any]:
    @gf.chunkwise
    def step(value: int) -> int:
        work.do()
        return value

    chain: gf.Chain[Any, Any] = step
    for _ in range(1000):
        chain = chain | step
    return chain


CASES: Final[dict[str, Case]] = {
    "a generator": endless,
    "an asynchronous generator": endless_async,
    "a generated function": lambda work: endless(work) | add | add,
    "a generated function that awaits": lambda work: endless(work) | add_later,
    "nested generators": lambda work: endless(work) | keep | add | keep,
    "a filter after a generator": lambda work: endless(work) | drop,
    "a filter after a generated function": lambda work: endless(work) | add | drop,
    "a fold": lambda work: endless(work) | gf.fold(gf.latest),
    "a fold of an asynchronous generator": lambda work: endless_async(work) | gf.fold(gf.latest),
    "a reader": lambda work: endless(work) | unpaced,
    "a fork and a join": lambda work: endless(work) | {"a": add, "b": keep},
    "folds of a fork": lambda work: endless_async(work) | {"a": gf.fold(gf.latest), "b": gf.fold(gf.latest)},
    "a filter after a queue": lambda work: endless(work) | {"a": add | drop, "b": drop},
    "a key that no chunk has": lambda work: endless_async(work) | record | gf.pick("b"),
    "keys that no chunk has": lambda work: endless_async(work) | record | gf.pick("b", "c"),
    "an assign": lambda work: endless_async(work) | record | gf.assign(a=gf.pick("a")),
    "streams that cross": lambda work: endless(work) | crossing,
    "an each": lambda work: items(work, 1),
    "an each of several at once": lambda work: items(work, 3),
    "a branch": lambda work: gf.branch((lambda value: False, add), endless(work) | add),
    "plain functions": plain,
    "plain chunkwise functions": plain_chunkwise,
}


async def streamed(chain: gf.Chain[Any, Any]) -> None:
    async with chain.stream(1) as chunks:
        async for _ in chunks:
            pass


async def told(chain: gf.Chain[Any, Any]) -> None:
    async with chain.events(1) as events:
        async for _ in events:
            pass


async def invoked(chain: gf.Chain[Any, Any]) -> None:
    await chain.invoke(1)


async def again_and_again(chain: gf.Chain[Any, Any]) -> None:
    while True:
        await chain.invoke(1)


class Steps(trio.abc.Instrument):
    """How long tasks hold the event loop."""

    def __init__(self, work: Work) -> None:
        self.longest = 0.0
        self._work = work
        self._began = work.now

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = self._work.now

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, self._work.now - self._began)


def check(work: Work, run: Callable[[], Awaitable[None]]) -> None:
    """Run beside a task that cancels the run after having had several turns."""
    steps = Steps(work)

    async def main() -> None:
        trio.lowlevel.add_instrument(steps)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            for _ in range(TURNS):
                await trio.lowlevel.checkpoint()
            assert work.done
            nursery.cancel_scope.cancel()

    simulate(main, time=work)
    assert steps.longest <= 1.5 * SLICE + work.seconds


@pytest.mark.parametrize("seconds", [SLICE / 50, SLICE / 4, SLICE * 3], ids=["fast", "medium", "slow"])
@pytest.mark.parametrize("verb", [invoked, streamed, told], ids=["invoked", "streamed", "told"])
@pytest.mark.parametrize("case", CASES)
def test_others_run_and_cancel(
    case: str, verb: Callable[[gf.Chain[Any, Any]], Awaitable[None]], seconds: float
) -> None:
    work = Work(seconds)
    chain = CASES[case](work)
    if verb is invoked and chain.compile().plan[chain.compile().plan.output].folds is None:
        chain = chain | gf.fold(gf.latest)
    check(work, functools.partial(verb, chain))


def test_others_run_while_a_chain_of_plain_functions_is_invoked_again_and_again() -> None:
    work = Work(SLICE / 50)

    @gf.aggregate
    def step(value: int) -> int:
        work.do()
        return value

    check(work, functools.partial(again_and_again, step))
    check(work, functools.partial(again_and_again, gf.parallel(a=step, b=step)))
