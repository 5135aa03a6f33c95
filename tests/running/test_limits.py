"""How much may be at work at once: in a chain, or in a run and all that runs in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
import trio

import graphflow as gf
from tests.laws.simulation import simulate
from tests.running.test_standstill import in_turn, scoped


class Crew:
    """Counts how many work at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def work(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await trio.sleep(1)
        self.now -= 1

    def function(self) -> gf.Aggregate[int, int]:
        @gf.aggregate
        async def function(value: int) -> int:
            await self.work()
            return value

        return function

    def producer(self) -> gf.Producer[int, int]:
        @gf.aggregate(accumulate=gf.latest)
        async def producer(value: int) -> AsyncIterator[int]:
            await self.work()
            yield value

        return producer

    def chunkwise(self) -> gf.Chain[int, int]:
        @gf.chunkwise(accumulate=gf.latest)
        async def chunkwise(value: int) -> int:
            await self.work()
            return value

        return chunkwise


KINDS: Final[dict[str, Callable[[Crew], gf.Chain[int, int]]]] = {
    "function": Crew.function,
    "producer": Crew.producer,
    "chunkwise": Crew.chunkwise,
}

Use = Callable[[gf.Chain[int, int], int], Awaitable[Any]]


async def in_a_batch(chain: gf.Chain[int, int], limit: int) -> None:
    assert await chain.batch(list(range(9)), limit=limit) == list(range(9))


async def in_a_fork(chain: gf.Chain[int, int], limit: int) -> None:
    fan = gf.parallel({f"k{number}": chain for number in range(9)})
    assert await fan.invoke(1, limit=limit) == {f"k{number}": 1 for number in range(9)}


async def in_each(chain: gf.Chain[int, int], limit: int) -> None:
    assert await gf.each(chain, max_concurrency=9).invoke([1] * 9, limit=limit) == [1] * 9


async def nested(chain: gf.Chain[int, int], limit: int) -> None:
    @gf.aggregate
    async def outer(value: int) -> int:
        return await chain.invoke(value)

    await in_a_batch(outer, limit)
    await in_a_fork(outer, limit)


async def nested_in_a_generator(chain: gf.Chain[int, int], limit: int) -> None:
    @gf.aggregate(accumulate=gf.latest)
    async def outer(value: int) -> AsyncIterator[int]:
        async with chain.stream(value) as chunks:
            async for chunk in chunks:
                yield chunk

    await in_a_batch(outer, limit)


@pytest.mark.parametrize("limit", [1, 2, 4])
@pytest.mark.parametrize("use", [in_a_batch, in_a_fork, in_each, nested, nested_in_a_generator])
@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_of_a_run_holds_for_all_that_runs_in_it(kind: str, use: Use, limit: int) -> None:
    crew = Crew()
    simulate(lambda: use(KINDS[kind](crew), limit))
    assert crew.most == limit


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_of_a_chain_holds_wherever_its_runs_come_from(kind: str) -> None:
    crew = Crew()
    chain = KINDS[kind](crew).with_limit(2)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(chain.batch, [number] * 3)

    simulate(main)
    assert crew.most == 2
    assert "runs at most 2 times at once" in str(gf.compile(chain))


def test_chains_may_share_a_limit_also_one_inside_the_other() -> None:
    crew, limit = Crew(), gf.Limit(1)
    inner = crew.function().with_limit(limit)

    @gf.aggregate(limit=limit)
    async def outer(value: int) -> int:
        return await inner.invoke(value)

    assert simulate(lambda: outer.batch([1, 2, 3])) == [1, 2, 3]
    assert crew.most == 1


def test_a_limit_keeps_the_class_of_a_chain() -> None:
    crew = Crew()
    assert isinstance(crew.function().with_limit(1), gf.Aggregate)
    assert isinstance(crew.producer().with_limit(1), gf.Producer)
    assert isinstance(crew.chunkwise().with_limit(1), gf.Transform)


@pytest.mark.parametrize("way", ["leave", "cancel", "fail"])
def test_a_place_is_given_back_however_a_run_is_left(way: str) -> None:
    limit = gf.Limit(1)

    @gf.aggregate(limit=limit)
    async def node(value: int) -> AsyncIterator[int]:
        yield value
        if way == "fail":
            raise ValueError("broken")
        await trio.sleep(100)

    async def once() -> None:
        with trio.move_on_after(1 if way == "cancel" else 200):
            async with node.stream(1) as chunks:
                async for _ in chunks:
                    if way == "leave":
                        break

    async def main() -> None:
        for _ in range(3):
            try:
                await once()
            except ValueError:
                assert way == "fail"
            assert limit.limiter.borrowed_tokens == 0

    simulate(main)


def test_a_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        gf.Limit(0)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        simulate(lambda: Crew().function().invoke(1, limit=0))
    wrong: Any
    for wrong in ("2", 1.5, True):
        with pytest.raises(TypeError, match=f"a whole number, not {wrong!r}"):
            Crew().function().with_limit(wrong)


def test_threads_are_limited_too() -> None:
    now = most = 0

    @gf.aggregate(thread=True)
    def node(value: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        trio.from_thread.run(trio.sleep, 0.001)
        now -= 1
        return value

    trio.run(lambda: node.batch(list(range(6)), limit=1))
    assert most == 1


# --- nothing waits for ever --------------------------------------------------------------------------------

MANY: Final = 70


@gf.aggregate
async def model(text: str) -> AsyncIterator[str]:
    for _ in range(MANY):
        yield text


@gf.aggregate
async def look(text: str) -> str:
    await trio.lowlevel.checkpoint()
    return text


@gf.chunkwise
async def enrich(chunk: str) -> str:
    return await look.invoke(chunk)


@gf.aggregate
async def pause(text: str) -> str:
    await trio.sleep(1)
    return text


@gf.aggregate
async def joined(chunks: AsyncIterator[str]) -> str:
    return "".join([chunk async for chunk in chunks])


@gf.transform
async def passed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.aggregate
async def first(chunks: AsyncIterator[str]) -> str:
    async for chunk in chunks:
        return chunk
    return ""


@gf.aggregate
async def agent(text: str) -> AsyncIterator[str]:
    async with model.stream(text) as words:
        async for word in words:
            yield await look.invoke(word)


@gf.aggregate
async def agent_of_several(text: str) -> AsyncIterator[str]:
    async with model.stream(text) as words:
        async for word in words:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look.invoke, word)
                nursery.start_soon(look.invoke, word)
            yield word


@gf.aggregate
async def agent_of_batches(text: str) -> str:
    return "".join(await (model | enrich).batch([text] * 3))


#: Chains in which what holds a place stands before, around or beside what needs one.
ENTANGLED: Final[dict[str, gf.Chain[str, Any]]] = {
    "a stream into a node that waits": model | enrich,
    "a stream into a node that waits for a run": model | agent.with_config(name="again"),
    "streams that are read in turn": gf.parallel(left=pause | model, right=model) | in_turn,
    "a fork into nodes that wait": model | {"left": enrich, "right": joined, "both": enrich | enrich},
    "a nested stream": agent,
    "a nested stream with runs beside it": agent_of_several,
    "nested batches": agent_of_batches,
    "a retried stream": model.with_retry() | enrich,
    "a stream into what is retried": model | enrich.with_retry(),
    "items": gf.aggregate(lambda text: [text] * 5) | gf.each(model | enrich, max_concurrency=3),
    "one after the other": model | joined | agent,
}


@pytest.mark.parametrize("name", ENTANGLED)
@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("verb", ["invoke", "batch", "stream", "events", "nested"])
def test_a_limit_of_a_run_makes_nothing_wait_for_ever(name: str, limit: int, verb: str) -> None:
    chain = ENTANGLED[name]

    @gf.aggregate
    async def around(text: str) -> Any:
        return await chain.invoke(text)

    async def main() -> None:
        match verb:
            case "invoke":
                await chain.invoke("a", limit=limit)
            case "nested":
                await around.batch(["a", "b"], limit=limit)
            case "batch":
                await chain.batch(["a"] * 5, limit=limit)
            case "stream":
                async with chain.stream("a", limit=limit) as chunks:
                    async for _ in chunks:
                        await trio.sleep(0.1)
            case _:
                async with chain.events("a", limit=limit) as events:
                    async for _ in events:
                        pass

    simulate(main)


@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize("limit", [None, 1])
def test_a_limit_that_chains_share_makes_nothing_wait_for_ever(places: int, limit: int | None) -> None:
    shared = gf.Limit(places)
    models = model.with_limit(shared)

    @gf.aggregate
    async def outer(text: str) -> AsyncIterator[str]:
        async with models.stream(text) as words:
            async for word in words:
                yield await look.with_limit(shared).invoke(word)

    chains: list[gf.Chain[str, Any]] = [
        models | enrich.with_limit(shared),
        models | {"a": passed.with_limit(shared), "b": joined.with_limit(shared)},
        gf.parallel(left=models, right=models) | in_turn,
        models | (passed | enrich).with_limit(shared),
        pause | model | {"a": scoped.with_limit(shared) | first, "b": joined | pause | models},
        outer,
        outer.with_limit(shared),
        (models | joined.with_limit(shared)).with_limit(shared),
    ]

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for chain in chains:
                for _ in range(3):
                    nursery.start_soon(lambda one: one.invoke("a", limit=limit), chain)
            async with models.stream("a") as words:  # its reader needs a place too
                async for word in words:
                    await look.with_limit(shared).invoke(word)

    simulate(main)


def test_streams_do_not_take_turns_while_their_reader_keeps_up() -> None:
    is_open = most = 0

    @gf.aggregate
    async def counted(text: str) -> AsyncIterator[str]:
        nonlocal is_open, most
        is_open += 1
        most = max(most, is_open)
        for _ in range(MANY):
            await trio.sleep(0.1)
            yield text
        is_open -= 1

    async def main() -> None:
        await gf.parallel(a=counted, b=counted, c=counted).batch(["a"] * 3, limit=2)
        await (counted.with_limit(2) | passed).batch(["a"] * 5)

    simulate(main)
    assert most == 2


@pytest.mark.parametrize("limit", [None, 1, 3])
def test_errors_of_cleanups_arrive_under_a_limit_too(limit: int | None) -> None:
    @gf.aggregate
    async def inner(text: str) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("could not save")

    @gf.aggregate
    async def outer(text: str) -> str:
        return await inner.invoke(text)

    @gf.aggregate
    async def bad(text: str) -> str:
        await trio.sleep(1)
        raise ConnectionError("bad")

    async def cancelled() -> None:
        with trio.move_on_after(1):
            await outer.with_limit(1).invoke("a", limit=limit)

    with pytest.raises(OSError, match="could not save"):
        simulate(cancelled)
    if limit == 1:
        return  # they come one after the other
    with pytest.raises(ExceptionGroup) as raised:
        simulate(lambda: gf.parallel(a=outer, b=bad).invoke("a", limit=limit))
    assert raised.group_contains(OSError)
    assert raised.group_contains(ConnectionError)
