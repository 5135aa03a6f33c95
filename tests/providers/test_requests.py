"""What the models send: messages of all kinds, tools and options, as each provider writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest
import trio

import graphflow as gf
from graphflow.components.messages import ImageBlock, ReasoningBlock, TextBlock, ToolCallBlock
from graphflow.providers.anthropic import messages_for_anthropic
from graphflow.providers.openai import messages_for_openai
from tests.providers.conftest import KEY, Loopback

pytest.importorskip("openai", reason="the extra `openai` is not installed")
pytest.importorskip("anthropic", reason="the extra `anthropic` is not installed")


@gf.tool
def forecast(city: str, days: int = 3) -> str:
    """Give the weather forecast.

    Args:
        city: name of the city.
    """
    return f"{city} {days}"


SCHEMA: Final = forecast.schema

CALL: Final = gf.ToolCall("call_1", "forecast", {"city": "Orlø"})
PICTURE: Final = ImageBlock(media_type="image/png", data=bytes(3))

CONVERSATION: Final = [
    gf.SystemMessage("Be brief."),
    gf.SystemMessage([TextBlock("Be kind.")]),
    gf.HumanMessage([TextBlock("What is this?"), PICTURE, ImageBlock(url="https://example.com/x.png")]),
    gf.AIMessage(
        [ReasoningBlock("Hm.", "c2VhbA=="), ReasoningBlock("Not sealed."), TextBlock("I see.")], tool_calls=[CALL]
    ),
    gf.ToolMessage("rain", name="forecast", tool_call_id="call_1"),
    gf.ToolMessage("no such city", tool_call_id="call_2", status="error"),
    gf.HumanMessage("And now?", name="ada"),
]


async def sent(model: gf.ChatModel, value: Any, loopback: Loopback) -> dict[str, Any]:
    """Run a model and return what the server got."""
    await model.invoke(value)
    base: str = vars(model)["_base_url"]
    return await trio.to_thread.run_sync(loopback.seen, base.removesuffix("/v1"))


def test_openai_gets_the_conversation_in_its_own_form(loopback: Loopback) -> None:
    model = gf.OpenAIChatModel(
        "test-model", base_url=f"{loopback.address('normal')}/v1", api_key=KEY, temperature=0.0, max_tokens=99
    ).bind(tools=[forecast], tool_choice="forecast", stop=["END"], seed=7, extra_body={"top_k": 4})
    seen = trio.run(sent, model, CONVERSATION, loopback)
    assert seen["path"] == "v1/chat/completions"
    assert seen["body"] == {
        "model": "test-model",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 99,
        "stop": ["END"],
        "seed": 7,
        "top_k": 4,
        "tool_choice": {"type": "function", "function": {"name": "forecast"}},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "forecast",
                    "description": "Give the weather forecast.",
                    "parameters": SCHEMA,
                },
            }
        ],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": "I see.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "forecast", "arguments": '{"city": "Orlø"}'},
                    }
                ],
            },
            {"role": "tool", "content": "rain", "tool_call_id": "call_1"},
            {"role": "tool", "content": "no such city", "tool_call_id": "call_2"},
            {"role": "user", "content": "And now?", "name": "ada"},
        ],
    }


def test_anthropic_gets_the_conversation_in_its_own_form(loopback: Loopback) -> None:
    model = gf.AnthropicChatModel("test-model", base_url=loopback.address("normal"), api_key=KEY, max_tokens=99).bind(
        tools=[forecast], tool_choice="required", stop="END"
    )
    seen = trio.run(sent, model, CONVERSATION, loopback)
    assert seen["path"] == "v1/messages"
    assert seen["body"] == {
        "model": "test-model",
        "stream": True,
        "max_tokens": 99,
        "stop_sequences": ["END"],
        "tool_choice": {"type": "any"},
        "tools": [{"name": "forecast", "description": "Give the weather forecast.", "input_schema": SCHEMA}],
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2VhbA=="},
                    {"type": "text", "text": "I see."},
                    {"type": "tool_use", "id": "call_1", "name": "forecast", "input": {"city": "Orlø"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": "no such city", "is_error": True},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    }


@dataclass
class Weather:
    city: str
    days: int


def test_a_schema_is_sent_as_each_provider_takes_it_and_the_answer_is_an_instance(loopback: Loopback) -> None:
    described = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    openai = gf.OpenAIChatModel("m", base_url=f"{loopback.address('json_answer')}/v1", api_key=KEY)
    anthropic = gf.AnthropicChatModel("m", base_url=loopback.address("json_answer"), api_key=KEY)
    for model in (openai, anthropic):
        assert model.with_schema(Weather).sync.invoke("hello") == Weather("Paris", 3)
    bodies = [loopback.seen(vars(model)["_base_url"].removesuffix("/v1"))["body"] for model in (openai, anthropic)]
    assert bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "Weather", "schema": described},
    }
    assert bodies[1]["output_config"] == {"format": {"type": "json_schema", "schema": described}}


def test_anthropic_is_asked_by_the_version_that_still_has_a_temperature(loopback: Loopback) -> None:
    model = gf.AnthropicChatModel("test-model", base_url=loopback.address("normal"), api_key=KEY, temperature=0.5)
    seen = trio.run(sent, model, "hello", loopback)
    assert seen["body"]["temperature"] == 0.5
    assert seen["headers"]["anthropic-version"] == "2023-06-01"


def test_what_a_model_answered_can_be_sent_back(loopback: Loopback) -> None:
    async def main() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        chunk = await gf.AnthropicChatModel("m", base_url=loopback.address("calls"), api_key=KEY).invoke("hello")
        other = await gf.OpenAIChatModel("m", base_url=f"{loopback.address('zeros')}/v1", api_key=KEY).invoke("hello")
        return messages_for_anthropic([chunk])[1], messages_for_openai([other])

    ours, theirs = trio.run(main)
    assert [block["input"] for block in ours[0]["content"]] == [{"city": "Paris"}, {}]
    calls = [(call["id"], call["function"]["arguments"]) for call in theirs[0]["tool_calls"]]
    assert calls == [("call_1", "{}"), ("call_2", '{"city": "Paris"}')]


def test_calls_in_the_content_are_sent_once_and_in_place() -> None:
    message = gf.AIMessage([ToolCallBlock(CALL), TextBlock("Wait.")])
    _, (turn,) = messages_for_anthropic([message])
    assert [block["type"] for block in turn["content"]] == ["tool_use", "text"]


def test_a_message_that_a_provider_cannot_take_is_refused_before_it_is_asked() -> None:
    with pytest.raises(ValueError, match="images in human messages only"):
        messages_for_openai([gf.AIMessage([PICTURE])])
    with pytest.raises(ValueError, match="only before all others"):
        messages_for_anthropic([gf.HumanMessage("hello"), gf.SystemMessage("Be brief.")])


def test_usage_that_is_counted_up_in_every_event_counts_once(loopback: Loopback) -> None:
    model = gf.OpenAIChatModel("m", base_url=f"{loopback.address('cached')}/v1", api_key=KEY)
    usage = trio.run(model.invoke, "hello").usage
    assert usage == gf.Usage(8, 40, input_details={"cache_read": 6}, output_details={"reasoning": 32})


def test_what_comes_from_the_cache_is_part_of_the_input(loopback: Loopback) -> None:
    model = gf.AnthropicChatModel("m", base_url=loopback.address("cached"), api_key=KEY)
    usage = trio.run(model.invoke, "hello").usage
    assert usage == gf.Usage(14, 40, input_details={"cache_creation": 0, "cache_read": 6})
