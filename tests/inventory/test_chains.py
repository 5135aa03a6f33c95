"""Items 30 to 38: chains and what becomes one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import hear_all
from tests.inventory.guide import ANSWER, TEMPLATE, TEXTS, chunks_of, retrieval_chain
from tests.laws.simulation import simulate


def test_30_prompt_model_and_parser_are_put_together_by_a_bar() -> None:
    chain = gf.prompt("tell me a joke about {topic}") | gf.ScriptedChatModel(ANSWER) | gf.text()
    assert chunks_of(chain, {"topic": "parrot"}) == ANSWER


def test_31_templates_take_records_and_have_several_lines_and_holes() -> None:
    joke = gf.prompt("tell me a joke about {topic}")
    assert simulate(lambda: joke.invoke({"topic": "parrot"})) == [gf.HumanMessage("tell me a joke about parrot")]
    filled = simulate(lambda: gf.prompt(TEMPLATE).invoke({"context": "C", "question": "Q"}))
    assert filled == [gf.HumanMessage(TEMPLATE.replace("{context}", "C").replace("{question}", "Q"))]


def test_32_the_text_parser_takes_the_text_of_every_chunk() -> None:
    assert chunks_of(gf.ScriptedChatModel(ANSWER) | gf.text(), "?") == ANSWER


def test_33_functions_generator_functions_and_dicts_become_chains() -> None:
    def shout(text: str) -> str:
        return text.upper()

    async def twice(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk
            yield chunk

    chain = gf.ScriptedChatModel(["a", "b"]) | gf.text()
    assert chunks_of(chain | shout, "?") == ["AB"]
    assert chunks_of(chain | twice, "?") == ["a", "a", "b", "b"]
    assert simulate(lambda: (chain | {"one": shout, "all": gf.passthrough()}).invoke("?")) == {"one": "AB", "all": "ab"}


def test_34_a_dict_on_the_left_of_a_bar_is_a_fan_out() -> None:
    chain = {"topic": gf.passthrough(), "tone": lambda _: "dry"} | gf.prompt("A {tone} joke about {topic}")
    assert isinstance(chain, gf.Chain)
    assert simulate(lambda: chain.invoke("parrots")) == [gf.HumanMessage("A dry joke about parrots")]


def test_35_the_values_of_a_fan_out_may_be_configured_chains_and_passthroughs() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        heard = hear_all(retrieval_chain(index), "where did harrison work?")
    assert heard.start("Docs").kind == "retriever"
    assert heard.end("passthrough").output == "where did harrison work?"


def test_36_the_output_of_a_fan_out_is_a_record_that_fills_a_prompt() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        heard = hear_all(retrieval_chain(index), "where did harrison work?")
    assert set(heard.end("parallel").output) == {"context", "question"}
    (message,) = heard.end("prompt").output
    assert "Question: where did harrison work?" in message.text


@pytest.mark.parametrize(
    "chain",
    [gf.ScriptedChatModel("a"), gf.ScriptedChatModel("a") | gf.text(), gf.parallel(a=gf.text())],
    ids=["component", "chain", "fan"],
)
def test_37_components_and_chains_take_a_name_and_tags(chain: gf.Chain[Any, Any]) -> None:
    start = hear_all(chain.with_config(name="Docs", tags=["mine"]), "hello").events[0]
    assert (start.name, start.tags) == ("Docs", ["mine"])
    assert chain.name != "Docs"


def test_38_chains_stream_in_code_that_is_not_asynchronous() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index, retrieval_chain(index).sync.stream("where?") as chunks:
        assert list(chunks) == ANSWER
