"""Items 1 to 10: one interface for everything, and the verbs that it has."""

from __future__ import annotations

import contextlib
import importlib.metadata
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

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


COMPONENTS: list[tuple[gf.Chain[Any, Any], Any]] = [
    (gf.ScriptedChatModel("Hi"), "hello"),
    (gf.text(), "hello"),
    (gf.json_parser(), "[1]"),
    (gf.prompt("{question}"), {"question": "?"}),
    (gf.Retriever(lambda query: [gf.Document(query)]), "hello"),
    (shout, "hello"),
    (gf.aggregate(lambda text: text), "hello"),
    (generator, "hello"),
    (gf.prompt("{question}") | gf.ScriptedChatModel("Hi") | gf.text(), "hello"),
    (gf.parallel(a=shout, b=generator), "hello"),
    (graph, "hello"),
]
IDS = ["model", "text", "json", "prompt", "retriever", "tool", "function", "generator", "chain", "dict", "graph"]


@pytest.mark.parametrize(("chain", "value"), COMPONENTS, ids=IDS)
def test_01_every_component_has_the_one_interface(chain: gf.Chain[Any, Any], value: Any) -> None:
    async def main() -> None:
        invoked = await chain.invoke(value)
        async with chain.stream(value) as chunks:
            assert [chunk async for chunk in chunks]
        assert repr(await chain.batch([value, value])) == repr([invoked, invoked]) or chain.name == "ScriptedChatModel"

    simulate(main)
    assert hear_all(chain, value).events
    assert gf.compile(chain).explain()


def test_02_sync_stream_iterates_over_chunks_of_the_final_output() -> None:
    with (sky() | gf.text()).sync.stream("what color is the sky?") as chunks:
        pieces = list(chunks)
    assert pieces[0] == pieces[-1] == ""
    assert pieces[1] == "The sky typically"


def test_03_stream_iterates_over_the_same_chunks() -> None:
    chain = sky() | gf.text()
    with chain.sync.stream("what color is the sky?") as chunks:
        assert chunks_of(chain, "what color is the sky?") == list(chunks)


@pytest.mark.parametrize(("chain", "value"), COMPONENTS, ids=IDS)
def test_04_what_cannot_stream_gives_one_chunk_the_final_result(chain: gf.Chain[Any, Any], value: Any) -> None:
    chunks = chunks_of(chain, value)
    if not gf.compile(chain).plan.streams:
        assert chunks == [simulate(lambda: chain.invoke(value))]


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
    assert heard.chunks("json_parser") == heard.chunks("sequence")
    with (countries() | gf.json_parser()).sync.events("?") as events:
        assert len(list(events)) == len(heard.events)


def test_08_components_can_be_used_one_by_one() -> None:
    async def main() -> str:
        messages = await gf.prompt("Tell me about {topic}").invoke({"topic": "parrots"})
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
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # only on the path, not installed
        assert importlib.metadata.version("graphflow-compiler") == project["version"]
