"""Items 75 to 85: tools, and chains that run inside functions."""

from __future__ import annotations

from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import hear_all
from tests.laws.simulation import simulate


@gf.aggregate
def reverse_word(word: str) -> str:
    return word[::-1]


@gf.tool
async def correct_tool(word: str) -> str:
    """A tool that runs another chain."""
    return await reverse_word.invoke(word)


@gf.aggregate
async def reverse_and_double(word: str) -> str:
    return await reverse_word.invoke(word) * 2


def test_75_a_tool_is_named_and_described_by_its_function() -> None:
    assert correct_tool.name == "correct_tool"
    assert correct_tool.description == "A tool that runs another chain."
    assert isinstance(correct_tool, gf.Chain)
    assert hear_all(correct_tool, "hello").events[-1].output == "olleh"
    assert simulate(lambda: correct_tool.invoke({"word": "hello"})) == "olleh"


def test_76_a_tool_starts_with_its_input_and_ends_with_its_output() -> None:
    start, *_, end = hear_all(correct_tool, "hello").events
    assert (start.event, start.data) == ("on_tool_start", {"input": "hello"})
    assert (end.event, end.data) == ("on_tool_end", {"output": "olleh"})


def test_77_a_tool_may_run_a_chain_and_nothing_is_passed_on() -> None:
    assert list(correct_tool.schema["properties"]) == ["word"]
    assert simulate(lambda: correct_tool.invoke("hello")) == "olleh"
    assert hear_all(correct_tool, "hello").names == ["correct_tool", "reverse_word"]


def test_78_a_nested_run_has_input_and_output_the_tool_as_its_parent_and_no_stream_event() -> None:
    heard = hear_all(correct_tool, "hello")
    assert heard.story == ["start correct_tool", "start reverse_word", "end reverse_word", "end correct_tool"]
    assert heard.start("reverse_word").data == {"input": "hello"}
    assert heard.end("reverse_word").data == {"input": "hello", "output": "olleh"}
    assert heard.start("reverse_word").parent_ids == [heard.start("correct_tool").run_id]


def test_79_nested_events_are_there_without_propagation() -> None:
    @gf.tool(thread=True)
    def plain_tool(word: str) -> str:
        """A tool that is not asynchronous."""
        return reverse_word.sync.invoke(word)

    assert hear_all(plain_tool, "hello").names == ["plain_tool", "reverse_word"]


def test_80_functions_propagate_by_themselves() -> None:
    heard = hear_all(reverse_and_double, "1234")
    assert heard.start("reverse_word").parent_ids == [heard.start("reverse_and_double").run_id]


def test_81_plain_and_asynchronous_functions_become_chains_of_their_name() -> None:
    for chain in (reverse_word, reverse_and_double):
        assert isinstance(chain, gf.Aggregate)
    assert (reverse_word.name, reverse_and_double.name) == ("reverse_word", "reverse_and_double")
    assert simulate(lambda: reverse_and_double.invoke("1234")) == "43214321"


def test_82_bare_and_declared_functions_have_the_same_events() -> None:
    def told(chain: gf.Chain[Any, Any]) -> list[Any]:
        return [(event.event, event.name, event.data) for event in hear_all(chain, "1234").events]

    async def reverse_and_double(word: str) -> str:
        return await reverse_word.invoke(word) * 2

    declared = gf.aggregate(reverse_and_double)
    assert told(gf.passthrough() | reverse_and_double) == told(gf.passthrough() | declared)


def test_83_a_function_starts_streams_one_chunk_and_ends() -> None:
    heard = hear_all(reverse_and_double, "1234")
    assert [event.data for event in heard.of("reverse_and_double")] == [
        {"input": "1234"},
        {"chunk": "43214321"},
        {"output": "43214321"},
    ]


def test_84_nested_runs_of_a_function_are_told() -> None:
    assert hear_all(reverse_and_double, "1234").story == [
        "start reverse_and_double",
        "start reverse_word",
        "end reverse_word",
        "stream reverse_and_double",
        "end reverse_and_double",
    ]


@pytest.mark.parametrize("verb", ["invoke", "stream"])
def test_85_a_model_streams_its_events_whichever_verb_a_function_uses(verb: str) -> None:
    model = gf.ScriptedChatModel(["a", "b"], name="model")

    @gf.aggregate
    async def function(text: str) -> str:
        if verb == "invoke":
            return (await model.invoke(text)).text
        async with model.stream(text) as chunks:
            return "".join([chunk.text async for chunk in chunks])

    heard = hear_all(function, "hello")
    assert [chunk.text for chunk in heard.chunks("model")] == ["a", "b"]
    assert heard.end("function").output == "ab"
