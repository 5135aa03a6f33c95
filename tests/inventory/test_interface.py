"""Items 1 to 10: one interface for everything, and the verbs that it has."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear_all
from tests.inventory.guide import ANSWER, chunks_of, countries, extract_country_names, sky
from tests.laws.simulation import simulate


@gf.tool
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


@gf.aggregate
def generator(text: str) -> Iterator[str]:
    yield from text


@gf.graph
def graph(text: gf.Value[str]) -> gf.Stream[str]:
    return generator(shout(text))


class Echo(gf.TextModel):
    async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        yield text


@attrs.frozen
class Component:
    """A chain of every kind that the guide names, or that it makes one of.

    Attributes:
        streams: whether the chain gives its value in pieces; one that does not gives one chunk.
    """

    chain: gf.Chain[Any, Any]
    value: Any
    streams: bool


HELLO = {"question": "hello"}
COMPONENTS = {
    "chat model": Component(gf.ScriptedChatModel("Hi you"), "hello", streams=True),
    "text model": Component(Echo(), "hello", streams=True),
    "text parser": Component(gf.text(), "hello", streams=True),
    "JSON parser": Component(gf.json_parser(), "[1]", streams=True),
    "prompt": Component(gf.prompt("{question}"), HELLO, streams=False),
    "retriever": Component(gf.Retriever(lambda query: [gf.Document(query)]), "hello", streams=False),
    "tool": Component(shout, "hello", streams=False),
    "function": Component(gf.aggregate(lambda text: text), "hello", streams=False),
    "generator": Component(generator, "hello", streams=True),
    "passthrough": Component(gf.passthrough(), "hello", streams=True),
    "chain": Component(gf.prompt("{question}") | gf.ScriptedChatModel("Hi you") | gf.text(), HELLO, streams=True),
    "blocking chain": Component(gf.ScriptedChatModel("Hi you") | gf.text() | shout, "hello", streams=False),
    "dict": Component(gf.parallel(a=shout, b=generator), "hello", streams=True),
    "assign": Component(gf.assign(a=gf.pick("question") | shout), HELLO, streams=True),
    "branch": Component(gf.branch((bool, generator), shout), "hello", streams=False),
    "each": Component(gf.each(shout), ["hello", "you"], streams=True),
    "graph": Component(graph, "hello", streams=True),
}
components = pytest.mark.parametrize("one", COMPONENTS.values(), ids=list(COMPONENTS))


def bare(value: Any) -> Any:
    """Return an output without the id of the run that it comes from."""
    return value.text if isinstance(value, gf.AIMessageChunk) else value


def all_of(chunks: list[Any]) -> list[str]:
    """Return the chunks of a run as texts that can be compared: those of two keys come in any order."""
    return (
        sorted(repr(bare(chunk)) for chunk in chunks)
        if isinstance(chunks[0], dict)
        else [repr(bare(chunk)) for chunk in chunks]
    )


@components
def test_01_every_component_has_the_one_interface(one: Component) -> None:
    chain, value = one.chain, one.value
    assert isinstance(chain, gf.Chain)

    async def source() -> AsyncIterator[Any]:
        yield value

    async def main() -> list[Any]:
        invoked = bare(await chain.invoke(value))
        async with chain.stream(value) as chunks:
            streamed = all_of([chunk async for chunk in chunks])
        async with chain.transform(source()) as chunks:
            assert all_of([chunk async for chunk in chunks]) == streamed
        assert [bare(output) for output in await chain.batch([value, value])] == [invoked, invoked]
        async with chain.batch_as_completed([value]) as results:
            assert [(index, bare(output)) async for index, output in results] == [(0, invoked)]
        return [invoked, streamed]

    invoked, streamed = simulate(main)
    assert streamed
    assert bare(hear_all(chain, value).events[-1].output) == invoked
    assert bare(chain.sync.invoke(value)) == invoked
    with chain.sync.stream(value) as pieces:
        assert all_of(list(pieces)) == streamed
    assert gf.compile(chain).explain()


def test_02_sync_stream_iterates_over_chunks_of_the_final_output() -> None:
    with sky().sync.stream("what color is the sky?") as chunks:
        pieces = [chunk.content for chunk in chunks]
    assert "|".join([*map(str, pieces), ""]) == (
        "|The sky typically| appears blue during the day due to a phenomenon"
        "| called Rayleigh scattering, where| air molecules scatter sunlight||"
    )


def test_03_stream_iterates_over_the_same_chunks() -> None:
    for chain in (sky() | gf.text(), countries() | gf.json_parser()):
        with chain.sync.stream("what color is the sky?") as chunks:
            assert chunks_of(chain, "what color is the sky?") == list(chunks)


@components
def test_04_what_cannot_stream_gives_one_chunk_the_final_result(one: Component) -> None:
    chunks = [bare(chunk) for chunk in chunks_of(one.chain, one.value)]
    value = bare(simulate(lambda: one.chain.invoke(one.value)))
    assert gf.compile(one.chain).plan.streams is one.streams
    if not one.streams and one.chain.name != "branch":  # which may choose one that streams, as it does here
        assert chunks == [value]


def test_05_chunks_are_given_as_soon_as_they_are_there() -> None:
    times: list[float] = []

    async def main() -> None:
        model = gf.ScriptedChatModel(["a", "b", "c"], first_delay=2, delay=1)
        async with (gf.prompt("{q}") | model | gf.text()).stream({"q": "hi"}) as chunks:
            begun = trio.current_time()
            async for _ in chunks:
                times.append(trio.current_time() - begun)

    simulate(main)
    assert times == [2, 3, 4]


def test_06_events_tell_intermediate_steps_and_the_final_output() -> None:
    heard = hear_all(countries() | gf.json_parser(), "?")
    assert heard.chunks("ChatScripted")
    assert heard.chunks("json_parser") == heard.chunks("sequence") == chunks_of(countries() | gf.json_parser(), "?")
    with (countries() | gf.json_parser()).sync.events("?") as events:
        assert len(list(events)) == len(heard.events)


def test_08_components_can_be_used_one_by_one() -> None:
    async def main() -> str:
        (messages,) = await gf.prompt("Tell me about {topic}").batch([{"topic": "parrots"}])
        async with gf.ScriptedChatModel(ANSWER).stream(messages) as chunks:
            texts = [await gf.text().invoke(chunk) async for chunk in chunks]
        return "".join(texts)

    assert simulate(main) == "".join(ANSWER)


def test_09_a_chain_does_not_depend_on_how_it_is_run() -> None:
    chain = gf.prompt("{q}") | gf.ScriptedChatModel(ANSWER) | gf.text()

    async def source() -> AsyncIterator[Any]:
        yield {"q": "?"}

    async def main() -> None:
        async with chain.stream({"q": "?"}) as chunks:
            assert [chunk async for chunk in chunks] == ANSWER
        async with chain.transform(source()) as chunks:
            assert [chunk async for chunk in chunks] == ANSWER
        assert await chain.invoke({"q": "?"}) == "".join(ANSWER)
        assert await chain.batch([{"q": "?"}] * 3) == ["".join(ANSWER)] * 3
        async with chain.batch_as_completed([{"q": "?"}] * 3) as results:
            assert sorted([result async for result in results]) == [(index, "".join(ANSWER)) for index in range(3)]
        async with chain.events({"q": "?"}, include_types=["parser"]) as events:
            assert [event.chunk async for event in events if isinstance(event, gf.StreamEvent)] == ANSWER

    simulate(main)
    with chain.sync.stream({"q": "?"}) as pieces:
        assert list(pieces) == ANSWER
    assert chain.sync.invoke({"q": "?"}) == "".join(ANSWER)
    assert chain.sync.batch([{"q": "?"}] * 3) == ["".join(ANSWER)] * 3


def test_09_every_verb_stands_on_chains_and_programs() -> None:
    chain = countries() | gf.json_parser() | extract_country_names
    for verb in ("invoke", "stream", "transform", "events", "batch", "batch_as_completed", "sync"):
        assert hasattr(chain, verb)
        assert hasattr(gf.compile(chain), verb)


def test_10_the_version_can_be_asked() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"].count(".")) == ("graphflow-compiler", 2)
    assert importlib.metadata.version("graphflow-compiler") == project["version"]
