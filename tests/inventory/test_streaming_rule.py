"""Items 11 to 19: what streams, and what breaks streaming."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear_all
from tests.inventory.guide import (
    ANSWER,
    QUESTION,
    SEEDS,
    TEXTS,
    chunks_of,
    countries,
    extract_country_names,
    extract_country_names_streaming,
    retrieval_chain,
)
from tests.laws.simulation import simulate


def test_11_streaming_is_possible_if_all_steps_take_chunks() -> None:
    chain = countries() | gf.json_parser() | extract_country_names_streaming
    plan = gf.compile(chain).plan
    assert plan.streams
    assert all(node.streams for node in plan.nodes)

    async def main() -> list[tuple[str, float]]:
        slow = gf.ScriptedChatModel(SEEDS["seed-1-astream"]["chunks"], delay=1)
        async with (slow | gf.json_parser() | extract_country_names_streaming).stream(QUESTION) as chunks:
            begun = trio.current_time()
            return [(chunk, trio.current_time() - begun) async for chunk in chunks]

    # each name comes with the chunk of the model that it is in, not with the last of them
    names = simulate(main)
    assert [name for name, _ in names] == ["France", "Spain", "Japan"]
    said = SEEDS["seed-1-astream"]["chunks"]
    assert [time for _, time in names] == [
        next(index for index, chunk in enumerate(said) if f'"{name}"' in chunk) for name, _ in names
    ]
    assert names[-1][1] < len(said) - 1


def test_12_steps_may_pass_tokens_through_or_stream_partial_json() -> None:
    assert chunks_of(countries() | gf.text(), QUESTION) == SEEDS["seed-1-astream"]["chunks"]
    assert chunks_of(countries() | gf.json_parser(), QUESTION) == SEEDS["seed-1-astream"]["outputs"]


def test_13_a_step_on_finished_inputs_breaks_streaming_and_is_named() -> None:
    chain = countries() | gf.json_parser() | extract_country_names
    plan = gf.compile(chain).plan
    assert not plan.streams
    assert plan.blocked_by == "extract_country_names"
    with pytest.raises(gf.NotStreamingError, match=r"extract_country_names[\s\S]*guide\.py"):
        plan.require_streaming()
    assert chunks_of(chain, QUESTION) == [["France", "Spain", "Japan"]]


def test_14_prompts_and_models_wait_for_their_whole_input_and_models_stream_their_output() -> None:
    @gf.transform
    async def words(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            for word in chunk.split():
                yield word + " "

    source: Any = gf.passthrough() | words
    chain = source | gf.prompt("Say {it}", name="ask") | gf.ScriptedChatModel(ANSWER, name="model")
    plan = gf.compile(chain).plan
    assert plan["ask"].node_class == "aggregate"
    assert plan["model"].node_class == "producer"
    heard = hear_all(chain, "one two three")
    assert heard.end("ask").output == [gf.HumanMessage("Say one two three ")]
    assert [chunk.text for chunk in heard.chunks("model")] == ANSWER


@pytest.mark.parametrize("parser", [gf.text(), gf.json_parser()], ids=["text", "json"])
def test_15_output_parsers_work_on_every_chunk(parser: gf.Chain[Any, Any]) -> None:
    assert parser.node_class == "transform"
    story = hear_all(gf.ScriptedChatModel(["[1", ",2]"], name="model") | parser.with_config(name="parser"), "?").story
    assert story[2:7] == ["stream model", "start parser", "stream parser", "stream sequence", "stream model"]


def plain(value):  # type: ignore[no-untyped-def]
    return value


async def generator(chunks):  # type: ignore[no-untyped-def]
    async for chunk in chunks:
        yield chunk


def plain_generator(chunks):  # type: ignore[no-untyped-def]
    yield from chunks


@pytest.mark.parametrize(
    ("function", "node_class"), [(plain, "aggregate"), (generator, "transform"), (plain_generator, "transform")]
)
def test_16_plain_functions_wait_and_generator_functions_transform(function: Any, node_class: str) -> None:
    chain = countries() | gf.text() | function
    assert gf.compile(chain).plan[function.__name__].node_class == node_class
    chunks = SEEDS["seed-1-astream"]["chunks"]
    assert chunks_of(chain, QUESTION) == (["".join(chunks)] if node_class == "aggregate" else chunks)


def test_17_a_retriever_gives_exactly_one_chunk() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        (documents,) = chunks_of(index.as_retriever(), "where did harrison work?")
    assert sorted(document.text for document in documents) == sorted(TEXTS)


def test_18_a_chain_with_blocking_steps_streams_after_the_last_of_them() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        chain = retrieval_chain(index)
        plan = gf.compile(chain).plan
        assert plan.streams
        assert plan.streaming_begins == ("ScriptedChatModel",)
        assert chunks_of(chain, "where did harrison work?") == ANSWER


def test_19_events_stream_from_intermediate_steps_although_the_tail_does_not() -> None:
    heard = hear_all(countries("seed-2-events") | gf.json_parser() | extract_country_names, QUESTION)
    assert heard.chunks("json_parser") == SEEDS["seed-2-events"]["outputs"]
    assert [chunk.text for chunk in heard.chunks("ChatScripted")] == SEEDS["seed-2-events"]["chunks"]
    assert heard.chunks("sequence") == [["France", "Spain", "Japan"]]
