"""Items 49 to 68: what events are, and in which order they come. The classes of tests/events show the same in full."""

from __future__ import annotations

import functools
import operator
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import Heard, hear_all
from tests.inventory.guide import QUESTION, SEEDS, countries, extract_country_names, sky
from tests.laws.simulation import simulate

KEYS = {"event", "name", "run_id", "tags", "metadata", "data", "parent_ids"}


class Echo(gf.TextModel):
    """A text model that says what it is given."""

    async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        yield "Hello"
        yield " human!"


@gf.tool
def some_tool(x: int, y: str) -> dict[str, Any]:
    """Take two."""
    return {"x": x, "y": y}


@gf.aggregate
def format_docs(docs: list[gf.Document]) -> str:
    return ", ".join(doc.text for doc in docs)


DOCUMENTS = [gf.Document("hello world!"), gf.Document("goodbye world!")]
RETRIEVER = gf.Retriever(lambda query: DOCUMENTS)


def seed_chain() -> gf.Chain[Any, Any]:
    return countries("seed-2-events") | gf.json_parser()


def seed() -> Heard:
    return hear_all(seed_chain(), QUESTION)


def test_49_events_are_iterated_over_without_saying_a_version() -> None:
    async def main() -> list[str]:
        async with seed_chain().events(QUESTION) as events:
            return [event.event async for event in events]

    assert simulate(main)[0] == "on_chain_start"


def test_50_every_event_has_exactly_seven_keys() -> None:
    for event in seed().events:
        assert set(event.to_dict()) == KEYS
        assert all(getattr(event, key) == value for key, value in event.to_dict().items())


def test_51_the_event_is_made_of_the_type_and_what_happens() -> None:
    for event in seed().events:
        kind, action = event.event.removeprefix("on_").rsplit("_", 1)
        assert kind == event.kind
        assert action in ("start", "stream", "end")


@pytest.mark.parametrize(
    ("kind", "chain", "value"),
    [
        ("chat_model", sky(), "?"),
        ("llm", Echo(), "hello"),
        ("chain", format_docs, DOCUMENTS),
        ("tool", some_tool, {"x": 1, "y": "2"}),
        ("retriever", RETRIEVER, "hello"),
        ("prompt", gf.prompt("{question}"), {"question": "hello"}),
        ("parser", gf.text(), "hello"),
    ],
)
def test_52_53_every_type_starts_and_ends_and_all_but_three_stream(
    kind: str, chain: gf.Chain[Any, Any], value: Any
) -> None:
    told = {event.event for event in hear_all(chain, value).events}
    expected = {f"on_{kind}_start", f"on_{kind}_end"}
    if kind not in ("tool", "retriever", "prompt"):
        expected.add(f"on_{kind}_stream")
    assert told == expected


def test_54_data_of_a_chat_model() -> None:
    prompt = gf.prompt([("system", "Be brief."), ("human", "{q}")])
    heard = hear_all(prompt | gf.ScriptedChatModel(["hello", " world"], name="model"), "hi")
    messages = {"messages": [[gf.SystemMessage("Be brief."), gf.HumanMessage("hi")]]}
    assert heard.start("model").data == {"input": messages}
    assert [chunk.text for chunk in heard.chunks("model")] == ["hello", " world"]
    assert heard.end("model").input == messages
    assert heard.end("model").data["output"].text == "hello world"


def test_54_data_of_a_text_model() -> None:
    start, *_, end = hear_all(Echo(), "hello").events
    assert start.data == {"input": "hello"}
    assert end.data == {"output": "Hello human!"}
    heard = hear_all(Echo() | gf.passthrough(), "hello")
    assert heard.start("Echo").data == {"input": {"prompts": ["hello"]}}
    assert heard.chunks("Echo") == ["Hello", " human!"]


def test_54_data_of_a_function() -> None:
    heard = hear_all(RETRIEVER | format_docs, "hello")
    assert heard.start("format_docs").data == {"input": DOCUMENTS}
    assert heard.chunks("format_docs") == ["hello world!, goodbye world!"]
    assert heard.end("format_docs").data == {"input": DOCUMENTS, "output": "hello world!, goodbye world!"}


def test_54_data_of_a_tool() -> None:
    start, end = hear_all(some_tool, {"x": 1, "y": "2"}).events
    assert start.data == {"input": {"x": 1, "y": "2"}}
    assert end.data == {"output": {"x": 1, "y": "2"}}


def test_54_data_of_a_retriever() -> None:
    heard = hear_all(RETRIEVER | format_docs, "hello")
    assert heard.start("retriever").data == {"input": {"query": "hello"}}
    assert heard.end("retriever").data == {"input": {"query": "hello"}, "output": DOCUMENTS}


def test_54_data_of_a_prompt() -> None:
    heard = hear_all(gf.prompt("Say {question}") | sky(), {"question": "hello"})
    assert heard.start("prompt").data == {"input": {"question": "hello"}}
    assert heard.end("prompt").data == {"input": {"question": "hello"}, "output": [gf.HumanMessage("Say hello")]}


def test_55_chunk_input_and_output_stand_in_the_data() -> None:
    for event in seed().events:
        assert set(event.data) <= {"input", "chunk", "output"}
        assert ("chunk" in event.data) == isinstance(event, gf.StreamEvent)
        assert ("output" in event.data) == isinstance(event, gf.EndEvent)


def test_56_a_streamed_input_is_told_at_the_end() -> None:
    heard = seed()
    assert heard.start("json_parser").data == {}
    assert heard.end("json_parser").data["input"].text == "".join(SEEDS["seed-2-events"]["chunks"])


def test_57_run_ids_are_uuids_one_for_every_run() -> None:
    heard = seed()
    assert len({event.run_id for event in heard.events}) == 3
    for name in heard.names:
        (run_id,) = {event.run_id for event in heard.of(name)}
        assert str(uuid.UUID(run_id)) == run_id


def test_58_parent_ids_lead_from_the_root_to_the_parent() -> None:
    heard = seed()
    root = heard.start("sequence")
    assert root.parent_ids == []
    assert heard.start("ChatScripted").parent_ids == heard.start("json_parser").parent_ids == [root.run_id]


def test_59_names_are_those_of_classes_and_functions_or_given() -> None:
    assert hear_all(sky(), "?").names == ["ScriptedChatModel"]
    assert hear_all(sky().with_config(name="model"), "?").names == ["model"]
    assert hear_all(seed_chain() | extract_country_names, "?").names == [
        "sequence",
        "ChatScripted",
        "json_parser",
        "extract_country_names",
    ]


def test_60_steps_are_numbered_from_one_and_own_tags_come_after() -> None:
    heard = hear_all(countries().with_config(tags=["my_model"]) | gf.json_parser(), QUESTION)
    assert heard.start("sequence").tags == []
    assert heard.start("ChatScripted").tags == ["seq:step:1", "my_model"]
    assert heard.start("json_parser").tags == ["seq:step:2"]


def test_61_models_say_what_they_are_and_chains_nothing() -> None:
    model = gf.ScriptedChatModel("a", name="model", metadata={"model_name": "small", "temperature": 0.0})
    heard = hear_all(model | gf.text(), "?")
    assert heard.start("sequence").metadata == {}
    said = {"provider": "scripted", "model_type": "chat", "model_name": "small", "temperature": 0.0}
    assert all(event.metadata == said for event in heard.of("model"))
    assert heard.start("text").metadata == {}


def test_62_the_root_has_the_raw_input_at_its_start_and_only_the_output_at_its_end() -> None:
    start, *_, end = hear_all(sky(), "hello").events
    assert start.data == {"input": "hello"}
    assert set(end.data) == {"output"}
    assert set(seed().end("sequence").data) == {"output"}


def test_63_a_model_in_a_chain_starts_with_messages() -> None:
    assert seed().start("ChatScripted").data == {"input": {"messages": [[gf.HumanMessage(QUESTION)]]}}


def test_64_a_chain_of_two_steps_has_three_starts_the_parser_after_the_first_chunk() -> None:
    heard = seed()
    assert heard.names == ["sequence", "ChatScripted", "json_parser"]
    assert heard.story[:4] == ["start sequence", "start ChatScripted", "stream ChatScripted", "start json_parser"]


def test_65_a_parser_event_follows_the_model_event_that_caused_it() -> None:
    told = [event for event in seed().events if event.event in ("on_chat_model_stream", "on_parser_stream")]
    shown = [
        f"Chat model chunk: {event.chunk.text!r}" if event.kind == "chat_model" else f"Parser chunk: {event.chunk}"
        for event in told
    ]
    assert shown[:9] == [
        "Chat model chunk: ''",
        "Chat model chunk: '```'",
        "Chat model chunk: 'json\\n{\\n  \"countries\": ['",
        "Parser chunk: {'countries': []}",
        'Chat model chunk: \'\\n    {\\n      "name": "France",\'',
        "Parser chunk: {'countries': [{'name': 'France'}]}",
        "Chat model chunk: '\\n      \"population\": 67750000\\n    },'",
        "Parser chunk: {'countries': [{'name': 'France', 'population': 67750000}]}",
        'Chat model chunk: \'\\n    {\\n      "name": "Spain",\'',
    ]
    assert shown[-2:] == ["Chat model chunk: '\\n  ]\\n}\\n```'", "Chat model chunk: ''"]


def test_66_the_root_streams_the_chunk_of_the_last_step_right_after_it() -> None:
    events = seed().events
    for event in events:
        if event.event == "on_parser_stream":
            after = events[event.seq + 1]
            assert (after.name, after.event) == ("sequence", "on_chain_stream")
            assert after.chunk is event.chunk


def test_67_the_last_events_of_a_model_are_an_empty_chunk_and_the_sum() -> None:
    heard = hear_all(sky(), "hello")
    *_, last, end = heard.events
    assert (last.event, last.data["chunk"].text) == ("on_chat_model_stream", "")
    assert end.event == "on_chat_model_end"
    assert end.output == functools.reduce(operator.add, heard.chunks("ScriptedChatModel"))
    assert end.output.text.startswith("The sky typically appears blue")
    assert end.output.response_metadata["stop_reason"] == "end_turn"
    assert end.output.usage.total_tokens == 53


def test_68_a_listener_may_leave_early() -> None:
    async def main() -> int:
        count = 0
        async with seed_chain().events(QUESTION) as events:
            async for _ in events:
                count += 1
                if count > 30:
                    break
        return count

    assert simulate(main) == 31
