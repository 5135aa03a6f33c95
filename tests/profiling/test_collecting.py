"""What all runs measure is collected: by every verb, in any thread, however they end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest
import trio

import graphflow as gf
from graphflow import testing
from graphflow.collecting import MOST_SHOWN, collecting
from graphflow.profiling import profile_of
from graphflow.runtime.metering import COLLECTING, Meter
from tests.profiling.test_figures import check


class Kept:
    """Keeps what every run tells."""

    def __init__(self) -> None:
        self.profiles: list[gf.Profile] = []
        self.failures: list[BaseException | None] = []

    def over(self, meter: Meter, failure: BaseException | None) -> None:
        self.profiles.append(profile_of(meter, meter.now(), None))
        self.failures.append(failure)


@pytest.fixture
def kept() -> Iterator[Kept]:
    before = COLLECTING.collector
    COLLECTING.collector = kept = Kept()
    yield kept
    COLLECTING.collector = before


@gf.transform
async def echo(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform
def doubled(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk
        yield chunk


@gf.aggregate
def shout(text: str) -> str:
    return text.upper()


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.aggregate
def nested(text: str) -> str:
    return shout.sync.invoke(text) + "!"


async def pieces() -> AsyncIterator[str]:
    yield "a"
    yield "b"


@testing.virtual_time
async def every_verb(chain: gf.Chain[str, str]) -> list[object]:
    outputs: list[object] = [await chain.invoke("ab")]
    async with chain.stream("ab") as chunks:
        outputs.append([chunk async for chunk in chunks])
    async with chain.transform(pieces()) as chunks:
        outputs.append([chunk async for chunk in chunks])
    async with chain.events("ab") as events:
        outputs.append([(event.event, event.name, event.data) async for event in events])
    outputs.append(await chain.batch(["ab", "c"]))
    async with chain.batch_as_completed(["ab"]) as results:
        outputs.append([result async for result in results])
    outputs.append((await chain.explain_analyze("ab")).output)
    return outputs


CHAINS: list[gf.Chain[str, str]] = [
    shout,
    shout | shout,
    echo | echo,
    doubled | upper,
    gf.parallel(a=upper, b=gf.passthrough()) | gf.pick("a"),
    gf.branch((str.isupper, echo), shout),
    shout.with_retry(attempts=2),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_every_verb_is_measured_and_gives_what_it_gives_without(chain: gf.Chain[str, str], kept: Kept) -> None:
    COLLECTING.collector = None
    expected = every_verb(chain)
    COLLECTING.collector = kept
    assert every_verb(chain) == expected
    assert kept.failures == [None] * 8
    for profile in kept.profiles:
        check(profile.nodes)
        assert profile.nodes[profile.plan.output].chunks_out >= 1


@pytest.mark.parametrize("chain", CHAINS)
def test_so_is_every_verb_of_sync_also_where_it_needs_no_loop(chain: gf.Chain[str, str], kept: Kept) -> None:
    def outputs() -> list[object]:
        with chain.sync.stream("ab") as chunks:
            return [chain.sync.invoke("ab"), list(chunks), chain.sync.batch(["ab", "c"])]

    COLLECTING.collector = None
    expected = outputs()
    COLLECTING.collector = kept
    assert outputs() == expected
    assert kept.failures == [None] * 4
    for profile in kept.profiles:
        check(profile.nodes)
        assert profile.nodes[profile.plan.output].chunks_out >= 1


@pytest.mark.parametrize("chain", [doubled | upper | shout, gf.parallel(a=upper, b=gf.passthrough()) | gf.pick("a")])
def test_a_chain_that_runs_without_a_loop_counts_what_it_counts_in_one(chain: gf.Chain[str, str], kept: Kept) -> None:
    assert chain.compile().is_direct
    chain.sync.invoke("x")
    chain.sync.explain_analyze("x")
    direct, looped = kept.profiles
    for node_id, figures in direct.nodes.items():
        twin = looped.nodes[node_id]
        assert (figures.chunks_in, figures.chunks_out, figures.runs) == (twin.chunks_in, twin.chunks_out, twin.runs)
        assert figures.loop_held == 0


def test_what_runs_in_the_callers_thread_still_does(kept: Kept) -> None:
    """In an event loop, the node could not run another chain with `sync`."""
    assert nested.sync.invoke("a") == "A!"
    assert [profile.plan.name for profile in kept.profiles] == ["shout", "nested"]


def test_runs_that_are_left_or_fail_are_told_with_what_was_measured(kept: Kept) -> None:
    @gf.transform
    async def failing(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk
            raise KeyError(chunk)

    @testing.virtual_time
    async def leave() -> None:
        chain = echo | echo
        async with chain.stream("a") as chunks:
            await anext(chunks)
        async with chain.stream("a"):
            pass
        with pytest.raises(KeyError):
            await (echo | failing).invoke("a")
        with trio.move_on_after(1):
            await gf.ScriptedChatModel("one two", delay=3).invoke("a")

    leave()
    assert [type(failure) for failure in kept.failures] == [GeneratorExit, GeneratorExit, KeyError, trio.Cancelled]
    assert [profile.nodes[profile.plan.output].chunks_out for profile in kept.profiles] == [1, 0, 1, 1]
    assert kept.profiles[-1].duration == 1


def test_so_are_those_without_a_loop(kept: Kept) -> None:
    @gf.aggregate
    def failing(text: str) -> str:
        raise KeyError(text)

    with doubled.sync.stream("a") as chunks:
        assert next(chunks) == "a"
    with doubled.sync.stream("a"):
        pass
    with pytest.raises(KeyError):
        failing.sync.invoke("a")
    with pytest.raises(KeyError), failing.sync.stream("a") as chunks:
        next(chunks)
    assert [type(failure) for failure in kept.failures] == [GeneratorExit, GeneratorExit, KeyError, KeyError]
    assert [profile.nodes[profile.plan.output].chunks_out for profile in kept.profiles] == [1, 0, 0, 0]


# --- what is shown of many ---------------------------------------------------------------------------------


def titles(texts: list[str]) -> list[str]:
    return [text.partition("\n")[0] for text in texts]


def test_of_several_runs_of_a_chain_the_slowest_is_shown() -> None:
    @gf.aggregate
    async def nap(seconds: int) -> int:
        await trio.sleep(seconds)
        return seconds

    @testing.virtual_time
    async def run() -> None:
        for seconds in (1, 3, 2):
            await nap.invoke(seconds)

    with collecting() as collected:
        run()
    (text,) = collected.take()
    assert text.startswith("`nap`: 3 runs, the slowest\n\nnap · int → int")
    assert "own time 3 s" in text
    assert collected.take() == []


def test_a_chain_that_was_made_twice_is_the_same() -> None:
    def made() -> gf.Chain[str, str]:
        return shout | echo

    with collecting() as collected:
        made().sync.invoke("a")
        made().sync.invoke("a")
        (echo | shout).sync.invoke("a")
    assert titles(collected.take()) == ["`sequence`: 2 runs, the slowest", "`sequence`: 1 run"]


def test_of_many_chains_the_first_are_shown() -> None:
    chains = [shout.with_config(name=f"n{index}") for index in range(20)]
    with collecting() as collected:
        for chain in chains:
            chain.sync.invoke("a")
    shown = titles(collected.take())
    assert shown[:MOST_SHOWN] == [f"`n{index}`: 1 run" for index in range(MOST_SHOWN)]
    assert shown[MOST_SHOWN:] == ["and 10 runs of other chains: only 10 are shown"]


def test_the_inner_of_two_collects_instead_of_the_outer() -> None:
    with collecting() as outer:
        with collecting() as inner:
            shout.sync.invoke("a")
        echo.sync.invoke("a")
    assert (titles(inner.take()), titles(outer.take())) == (["`shout`: 1 run"], ["`echo`: 1 run"])


def test_nothing_is_kept_of_what_goes_through() -> None:
    class Big:
        pass

    @gf.aggregate
    def make(text: str) -> Big:
        return Big()

    with collecting() as collected:
        made = weakref.ref(make.sync.invoke("a"))
        gc.collect()
        assert made() is None
    assert len(collected.take()) == 1
