"""Items 20 to 29: models and messages."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import hear_all
from tests.inventory.guide import SKY, chunks_of, sky
from tests.laws.simulation import simulate


def test_20_a_model_takes_a_bare_string() -> None:
    seen: list[list[gf.Message]] = []

    def script(messages: list[gf.Message]) -> str:
        seen.append(messages)
        return "Blue."

    model = gf.ScriptedChatModel(script)
    chunks_of(model, "what color is the sky?")
    simulate(lambda: model.invoke("what color is the sky?"))
    hear_all(model, "what color is the sky?")
    assert seen == [[gf.HumanMessage("what color is the sky?")]] * 3


def test_21_chunks_have_content_metadata_id_and_usage() -> None:
    chunk = chunks_of(sky(), "?")[0]
    assert isinstance(chunk, gf.AIMessageChunk)
    assert chunk.content == ""
    assert chunk.response_metadata == {"model_name": "claude-3-7-sonnet-20250219"}
    assert chunk.id is not None
    assert chunk.usage == gf.Usage(13, 0, 13, input_details={"cache_creation": 0, "cache_read": 0})


def test_22_the_first_chunk_carries_the_name_of_the_model_and_the_input_tokens() -> None:
    first = chunks_of(sky(), "?")[0]
    assert (first.text, first.response_metadata["model_name"]) == ("", "claude-3-7-sonnet-20250219")
    assert (first.usage.input_tokens, first.usage.output_tokens) == (13, 0)
    assert first.usage.input_details == {"cache_creation": 0, "cache_read": 0}


def test_23_the_last_chunk_carries_the_stop_reason_and_the_output_tokens() -> None:
    last = chunks_of(sky(), "?")[-1]
    assert (last.text, last.response_metadata) == ("", {"stop_reason": "end_turn", "stop_sequence": None})
    assert (last.usage.input_tokens, last.usage.output_tokens, last.usage.total_tokens) == (0, 40, 40)


def test_24_all_chunks_of_a_response_share_an_id_that_of_their_run() -> None:
    (alone,) = {chunk.id for chunk in chunks_of(sky(), "?")}
    assert alone.startswith("run--")
    assert uuid.UUID(alone.removeprefix("run--")).version == 4
    heard = hear_all(gf.prompt("{q}") | sky(), "?")
    assert {chunk.id for chunk in heard.chunks("ScriptedChatModel")} == {
        f"run--{heard.start('ScriptedChatModel').run_id}"
    }
    assert heard.end("ScriptedChatModel").output.id == f"run--{heard.start('ScriptedChatModel').run_id}"
    assert alone not in {chunk.id for chunk in chunks_of(sky(), "?")}


def test_25_chunks_add_up() -> None:
    chunks = chunks_of(sky(), "?")
    total = chunks[0] + chunks[1] + chunks[2] + chunks[3] + chunks[4]
    assert isinstance(total, gf.AIMessageChunk)
    assert total.text == "".join(chunk.text for chunk in chunks[:5])
    assert total.id == chunks[0].id
    assert total.response_metadata == {"model_name": "claude-3-7-sonnet-20250219"}


def test_26_usages_add_up() -> None:
    one = gf.AIMessageChunk("", usage=gf.Usage(8, 0, 8, input_details={"cache_creation": 0, "cache_read": 0}))
    other = gf.AIMessageChunk("", usage=gf.Usage(0, 40, 40))
    assert (one + other).usage == gf.Usage(8, 40, 48, input_details={"cache_creation": 0, "cache_read": 0})
    assert hear_all(sky(), "?").events[-1].data["output"].usage.total_tokens == 53


def test_27_response_metadata_merge() -> None:
    total = simulate(lambda: sky().invoke("?"))
    assert total.response_metadata == {
        "model_name": "claude-3-7-sonnet-20250219",
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }


def test_28_empty_chunks_are_chunks() -> None:
    assert [chunk.text for chunk in chunks_of(sky(), "?")] == [chunk.text for chunk in SKY]
    assert chunks_of(sky() | gf.text(), "?")[::5] == ["", ""]


@pytest.mark.parametrize(
    "part", [gf.SystemMessage("Be brief."), gf.HumanMessage("Why?"), gf.AIMessage("Because."), gf.AIMessageChunk("Be")]
)
def test_29_the_named_messages_exist_and_prompts_make_them(part: gf.Message) -> None:
    made: Any = simulate(lambda: gf.prompt([part, ("human", "{q}")]).invoke({"q": "Really?"}))
    assert made == [part, gf.HumanMessage("Really?")]
