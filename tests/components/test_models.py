"""What the base classes of models promise to those who write one, and to those who use it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any, TypedDict

import attrs
import pydantic
import pytest

import graphflow as gf
from tests.events.hearing import hear, hear_all
from tests.laws.simulation import simulate


class Parrot(gf.ChatModel):
    """Says what it hears, and with which options."""

    async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
        for word in messages[-1].text.split():
            yield gf.AIMessageChunk(f"{word} ")
        yield gf.AIMessageChunk(json.dumps(options, sort_keys=True, default=str))


class Continuing(gf.TextModel):
    """The same, of text."""

    async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        yield f"{text}|"
        yield json.dumps(options, sort_keys=True, default=str)


MODELS: list[gf.ChatModel | gf.TextModel] = [Parrot(name="model"), Continuing(name="model")]
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def said(model: gf.Chain[Any, Any], value: object = "hello") -> str:
    answer: gf.AIMessageChunk | str = simulate(lambda: model.invoke(value))
    return answer if isinstance(answer, str) else answer.text


# --- one generator ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        gf.HumanMessage("hello"),
        [gf.SystemMessage("Be brief."), gf.HumanMessage("hello")],
        [("system", "Be brief."), ("human", "hello")],
        [{"role": "user", "content": "hello"}],
    ],
)
def test_whatever_stands_for_messages_will_do(value: Any) -> None:
    assert said(Parrot(), value) == "hello {}"


def test_a_model_of_text_gets_messages_as_a_text() -> None:
    assert said(Continuing(), [("system", "Be brief."), ("human", "hello")]) == "System: Be brief.\nHuman: hello|{}"
    assert said(gf.prompt("{x}") | Continuing(), {"x": "hello"}) == "Human: hello|{}"


@models
def test_a_model_streams_what_it_generates_and_is_a_producer(model: gf.Producer[Any, Any]) -> None:
    plan = gf.compile(gf.prompt("{x}") | model).plan
    assert (plan.streams, plan.streaming_begins) == (True, ("model",))
    heard = hear_all(model, "hello")
    assert len(heard.chunks("model")) == 2


def test_all_chunks_of_a_response_have_one_id_also_if_only_one_of_them_brings_it() -> None:
    chunks = [gf.AIMessageChunk("a"), gf.AIMessageChunk("b", id="theirs"), gf.AIMessageChunk("c")]
    alone = hear_all(gf.ScriptedChatModel(chunks, name="model"), "hello")
    assert {chunk.id for chunk in alone.chunks("model")} == {f"run--{alone.start('model').run_id}"}
    first = hear_all(gf.ScriptedChatModel(chunks[1:], name="model"), "hello")
    assert {chunk.id for chunk in first.chunks("model")} == {"theirs"}


def test_usage_is_told_once_however_many_chunks_and_nodes_there_are() -> None:
    script: list[str | gf.AIMessageChunk] = [
        gf.AIMessageChunk("", usage=gf.Usage(8, 0, 8)),
        "a",
        gf.AIMessageChunk("b", usage=gf.Usage(0, 40, 40)),
    ]
    chain = gf.prompt("{x}") | gf.ScriptedChatModel(script, name="model") | gf.text()
    heard = hear_all(chain, "hello")
    ends = [event for event in heard.events if isinstance(event, gf.EndEvent) and hasattr(event.output, "usage")]
    assert [(event.name, event.output.usage) for event in ends] == [("model", gf.Usage(8, 40, 48))]


@pytest.mark.parametrize("base", [gf.ChatModel, gf.TextModel])
def test_a_model_without_a_generator_cannot_be_made(base: Any) -> None:
    with pytest.raises(TypeError, match="abstract"):
        base()


def test_what_is_no_generator_of_chunks_is_told_with_what_to_write() -> None:
    class Returning(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> gf.AIMessageChunk:  # type: ignore[override]
            return gf.AIMessageChunk("hello")

    class Listing(gf.TextModel):
        def generate(self, text: str, /, **options: Any) -> list[str]:  # type: ignore[override]
            return [text]

    class Saying(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[str]:  # type: ignore[override]
            yield "hello"

    class Counting(gf.TextModel):
        async def generate(self, text: str, /, **options: Any) -> AsyncIterator[int]:  # type: ignore[override]
            yield 1

    wrong: dict[gf.Producer[Any, Any], str] = {
        Returning(): "`generate` of Returning gives <coroutine .*: yield the chunks of the answer in an `async def`",
        Listing(): r"`generate` of Listing gives \['hello'\], but it is to be an asynchronous generator",
        Saying(): r"`generate` of Saying yields AIMessageChunks, but gave 'hello': wrap it, AIMessageChunk\(text\)",
        Counting(): "`generate` of Counting yields strs, but gave 1",
    }
    for model, says in wrong.items():
        error = hear(model, "hello").error
        assert isinstance(error, TypeError)
        with pytest.raises(TypeError, match=says):
            raise error


# --- options ------------------------------------------------------------------------------------------------


@models
def test_what_is_bound_reaches_the_generator_and_what_is_bound_again_wins(model: gf.ChatModel) -> None:
    bound = model.bind(temperature=0.5, stop=["END"]).bind(temperature=0.7, tools=[])
    assert said(bound).endswith('{"stop": ["END"], "temperature": 0.7, "tools": []}')
    assert bound.options == {"temperature": 0.7, "stop": ["END"], "tools": []}
    assert said(model).endswith("{}")
    assert type(bound) is type(model)


@models
def test_events_say_what_a_model_is_and_how_it_was_asked(model: gf.ChatModel) -> None:
    described = type(model)(name="model", metadata={"provider": "us", "model_name": "parrot-1"})
    bound = described.bind(temperature=0.5, max_tokens=9, stop="END").with_config(metadata={"place": "here"})
    for chain in (bound, gf.prompt("{x}") | bound, gf.prompt("{x}") | bound.bind(seed=1)):
        heard = hear_all(chain, "hello")
        for event in heard.of("model"):
            assert event.metadata == {
                "provider": "us",
                "model_name": "parrot-1",
                "temperature": 0.5,
                "max_tokens": 9,
                "place": "here",
            }
    assert hear_all(described, "hello").start("model").metadata == {"provider": "us", "model_name": "parrot-1"}


@models
def test_a_bound_model_keeps_its_name_and_tags(model: gf.ChatModel) -> None:
    heard = hear_all(model.with_config(name="renamed", tags=["a"]).bind(temperature=1.0), "hello")
    assert heard.start("renamed").tags == ["a"]


def test_a_model_that_is_called_in_a_graph_may_be_bound_before() -> None:
    bound = Parrot().bind(temperature=0.5)

    @gf.graph
    def ask(text: gf.Value[str]) -> gf.Stream[gf.AIMessageChunk]:
        return bound(text)

    assert said(ask) == 'hello {"temperature": 0.5}'


# --- structured output ----------------------------------------------------------------------------------------


class Model(pydantic.BaseModel):
    name: str
    inhabitants: int = 0


@attrs.frozen
class Attrs:
    name: str
    inhabitants: int = 0


@dataclasses.dataclass
class Data:
    name: str
    inhabitants: int = 0


class Typed(TypedDict):
    name: str
    inhabitants: int


ORLO = '{"name": "Orlo", "inhabitants": 412}'


@pytest.mark.parametrize("schema", [Model, Attrs, Data, Typed])
def test_the_answer_is_an_instance_of_the_schema_which_the_model_is_told(schema: Any) -> None:
    told: list[dict[str, Any]] = []

    class Obedient(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            told.append(options)
            for letter in f"Sure: ```json\n{ORLO}\n``` Anything else?":
                yield gf.AIMessageChunk(letter)

    chain = gf.prompt("{x}") | Obedient().bind(temperature=0.0).with_schema(schema)
    assert simulate(lambda: chain.invoke({"x": "hello"})) == schema(name="Orlo", inhabitants=412)
    described = told[0]["response_format"]["json_schema"]
    assert described["name"] == schema.__name__
    assert {"name", "inhabitants"} == set(described["schema"]["properties"])
    assert described["schema"]["additionalProperties"] is False
    assert told[0]["temperature"] == 0.0


@pytest.mark.parametrize("schema", [Model, Attrs, Data, Typed])
@pytest.mark.parametrize(
    "answer", ["", "I do not know.", ORLO[:-1], ORLO[:20], '{"inhabitants": 412}', '{"name": 3, "inhabitants": []}']
)
def test_what_is_cut_off_or_does_not_fit_never_becomes_an_instance(schema: Any, answer: str) -> None:
    chain = gf.ScriptedChatModel([answer]).with_schema(schema)

    async def main() -> list[Any]:
        received = []
        with pytest.raises(gf.JsonStreamError):
            async with chain.stream("hello") as chunks:
                async for chunk in chunks:
                    received.append(chunk)
        return received

    assert simulate(main) == []


def test_a_name_that_is_no_name_to_providers_is_made_one() -> None:
    class Page(pydantic.BaseModel):
        number: int

    Page.__name__ = "Page[über, 'x']"
    told: list[dict[str, Any]] = []

    class Obedient(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            told.append(options)
            yield gf.AIMessageChunk('{"number": 3}')

    assert simulate(lambda: Obedient().with_schema(Page).invoke("hello")) == Page(number=3)
    assert told[0]["response_format"]["json_schema"]["name"] == "Page_ber_x_"


def test_a_class_that_has_no_json_schema_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="bytes has no JSON schema"):
        Parrot().with_schema(bytes)
