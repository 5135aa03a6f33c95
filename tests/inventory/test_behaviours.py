"""Behaviours of LCEL's events and chunks that are worth having, in our names; `behaviours.py` lists them all."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypedDict

import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, hear, hear_all
from tests.inventory.behaviours import BEHAVIOURS, RULES, Behaviour
from tests.inventory.guide import chunks_of
from tests.inventory.items import exists
from tests.laws.simulation import simulate

TEXT = "foo-lish"


class Letters(gf.TextModel):
    """A text model that says the same whatever it is asked, letter by letter."""

    def __init__(self, answer: str, name: str = "llm") -> None:
        super().__init__(name=name)
        self.answer = answer

    async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        for letter in self.answer:
            yield letter


@gf.aggregate
def reverse(text: str) -> str:
    return text[::-1]


def told(heard: Heard) -> list[tuple[str, str, Any]]:
    """Return what every event says: which, of whom, with what."""
    return [(event.event, event.name, event.data) for event in heard.events]


PROMPT = gf.prompt([("system", "You are nice."), ("human", "{question}")])


# --- the list ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [*RULES, *BEHAVIOURS], ids=lambda behaviour: behaviour.label)
def test_a_behaviour_is_shown_by_tests_and_its_difference_is_on_the_page(behaviour: Behaviour) -> None:
    assert behaviour.tests
    assert [test for test in behaviour.tests if not exists(test)] == []
    assert bool(behaviour.difference) == bool(behaviour.differs)


def test_no_test_of_a_behaviour_is_missing_from_the_list() -> None:
    here = [name for name in globals() if name.startswith("test_") and "behaviour" not in name]
    listed = {test.partition("::")[2] for behaviour in BEHAVIOURS for test in behaviour.tests}
    assert set(here) <= listed


# --- functions and filters ---------------------------------------------------------------------------------------


def test_a_filter_by_name_leaves_the_three_events_of_a_function() -> None:
    chain = reverse.with_config(name="1") | reverse.with_config(name="2") | reverse.with_config(name="3")
    assert told(hear(chain, "hello", include_names=["1"])) == [
        ("on_chain_start", "1", {"input": "hello"}),
        ("on_chain_stream", "1", {"chunk": "olleh"}),
        ("on_chain_end", "1", {"output": "olleh", "input": "hello"}),
    ]


def test_a_record_that_a_function_gives_is_its_chunk_and_its_output() -> None:
    @gf.aggregate
    def answer(record: dict[str, str]) -> dict[str, str]:
        return {"answer": "goodbye"}

    assert told(hear_all(answer, {"question": "hello"})) == [
        ("on_chain_start", "answer", {"input": {"question": "hello"}}),
        ("on_chain_stream", "answer", {"chunk": {"answer": "goodbye"}}),
        ("on_chain_end", "answer", {"output": {"answer": "goodbye"}}),
    ]


def test_a_model_that_a_plain_function_invokes_is_told_between_its_start_and_its_chunk() -> None:
    model = gf.ScriptedChatModel(["hello", " ", "world"], name="model")

    @gf.aggregate(thread=True)
    def function(text: str) -> str:
        return model.sync.invoke(text).text

    heard = hear_all(function, "hello")
    between = ["start model", *["stream model"] * 3, "end model"]
    assert heard.story == ["start function", *between, "stream function", "end function"]
    messages = {"messages": [[gf.HumanMessage("hello")]]}
    assert heard.start("model").data == {"input": messages}
    assert heard.end("model").data["input"] == messages
    assert heard.end("model").data["output"].text == heard.end("function").output == "hello world"


def test_names_tags_and_metadata_of_a_chain_and_of_its_parts_meet() -> None:
    model = gf.ScriptedChatModel("hi", name="model", metadata={"a": "b"}).with_config(tags=["my_model"])
    prompt = PROMPT.with_config(name="my_template", tags=["my_template"])
    chain = (prompt | model).with_config(name="my_chain", tags=["my_chain"], metadata={"foo": "bar"})
    heard = hear_all(chain, {"question": "hello"})
    assert (heard.events[0].name, heard.events[0].metadata) == ("my_chain", {"foo": "bar"})
    assert set(heard.start("my_template").tags) == {"my_chain", "my_template", "seq:step:1"}
    assert heard.start("my_template").metadata == {"foo": "bar"}
    assert heard.start("my_template").data == {"input": {"question": "hello"}}
    messages = [gf.SystemMessage("You are nice."), gf.HumanMessage("hello")]
    assert heard.end("my_template").data == {"input": {"question": "hello"}, "output": messages}
    assert set(heard.start("model").tags) == {"my_chain", "my_model", "seq:step:2"}
    assert heard.start("model").metadata.items() >= {"a": "b", "foo": "bar"}.items()


# --- tools, retrievers, models -----------------------------------------------------------------------------------


@gf.tool
def parameterless() -> str:
    """Say hello."""
    return "hello"


@gf.tool
async def running_a_chain() -> str:
    """Say what a chain says, which LCEL would have to be given callbacks for."""
    return await reverse.invoke("dlrow")


@gf.tool
def with_parameters(x: int, y: str) -> dict[str, Any]:
    """Take two."""
    return {"x": x, "y": y}


@pytest.mark.parametrize(
    ("tool", "given", "result"),
    [
        (parameterless, {}, "hello"),
        (running_a_chain, {}, "world"),
        (with_parameters, {"x": 1, "y": "2"}, {"x": 1, "y": "2"}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_tools_have_their_arguments_and_their_result_and_no_chunks(
    tool: gf.Tool[Any], given: dict[str, Any], result: object
) -> None:
    assert [one for one in told(hear_all(tool, given)) if one[1] == tool.name] == [
        ("on_tool_start", tool.name, {"input": given}),
        ("on_tool_end", tool.name, {"output": result}),
    ]


def test_a_tool_within_a_chain_ends_with_its_input_too() -> None:
    @gf.tool
    def concat(a: str, b: str) -> str:
        """Put two texts together."""
        return a + b

    given = {"a": "hello", "b": "world"}
    heard = hear_all(concat | reverse, given)
    assert [event.data for event in heard.of("concat")] == [
        {"input": given},
        {"input": given, "output": "helloworld"},
    ]
    assert heard.events[-1].output == "dlrowolleh"


def test_what_follows_a_retriever_has_its_documents() -> None:
    documents = [gf.Document("hello world!"), gf.Document("goodbye world!")]

    @gf.aggregate
    def format_docs(docs: list[gf.Document]) -> str:
        return ", ".join(doc.text for doc in docs)

    heard = hear_all(gf.Retriever(lambda query: documents) | format_docs, "hello")
    joined = "hello world!, goodbye world!"
    assert heard.start("retriever").data == {"input": {"query": "hello"}}
    assert heard.end("retriever").data == {"input": {"query": "hello"}, "output": documents}
    assert [event.data for event in heard.of("format_docs")] == [
        {"input": documents},
        {"chunk": joined},
        {"input": documents, "output": joined},
    ]
    assert [event.data for event in heard.of("sequence")] == [{"input": "hello"}, {"chunk": joined}, {"output": joined}]


def test_a_text_model_is_shown_the_roles_and_gives_one_text() -> None:
    heard = hear_all(PROMPT | Letters("abc"), {"question": "hello"})
    prompts = {"prompts": ["System: You are nice.\nHuman: hello"]}
    assert heard.start("llm").data == {"input": prompts}
    assert heard.end("llm").data == {"input": prompts, "output": "abc"}
    assert heard.chunks("sequence") == ["a", "b", "c"]
    assert heard.events[-1].output == "abc"


def test_a_model_may_be_chosen_by_the_input() -> None:
    chain = gf.branch(
        (lambda text: text == "bye", gf.ScriptedChatModel(["Goodbye", " ", "world"]) | gf.text()),
        gf.ScriptedChatModel(["Hello", " ", "world"]) | gf.text(),
    )
    assert chunks_of(chain, "bye") == ["Goodbye", " ", "world"]
    assert chunks_of(chain, "hi") == ["Hello", " ", "world"]


def test_a_node_of_ones_own_streams() -> None:
    @gf.aggregate
    async def custom(text: str) -> AsyncIterator[str]:
        for letter in "123":
            yield letter

    assert told(hear_all(custom, "hello")) == [
        ("on_chain_start", "custom", {"input": "hello"}),
        *(("on_chain_stream", "custom", {"chunk": letter}) for letter in "123"),
        ("on_chain_end", "custom", {"output": "123"}),
    ]


def test_a_model_in_a_chain_in_a_tool_streams() -> None:
    model = gf.ScriptedChatModel(["hello", " ", "world"], name="model")

    @gf.tool
    async def asking(question: str) -> str:
        """Ask a model."""
        return (await (gf.passthrough() | model).invoke(question)).text

    heard = hear_all(asking, "hello")
    assert [chunk.text for chunk in heard.chunks("model")] == ["hello", " ", "world"]
    assert len(heard.start("model").parent_ids) == 2


def test_a_tool_emits_between_its_start_and_its_end() -> None:
    @gf.tool
    def counting(x: int) -> int:
        """Count on."""
        gf.emit("event1", {"x": x})
        return x + 1

    heard = hear_all(counting, {"x": 2})
    assert [event.data for event in heard.events] == [{"input": {"x": 2}}, {"x": 2}, {"output": 3}]
    assert [event.event for event in heard.events] == ["on_tool_start", "on_custom_event", "on_tool_end"]


def test_a_failing_tool_tells_the_call_that_its_error_knows() -> None:
    class Refused(Exception):
        tool_call_id = "test-tool-call-id-123"

    @gf.tool
    def failing(x: int) -> str:
        """Fail."""
        raise Refused("Tool execution failed")

    heard = hear(failing, {"x": 42})
    assert isinstance(heard.error, Refused)
    assert heard.end("failing").data == {
        "error": heard.error,
        "input": {"x": 42},
        "tool_call_id": "test-tool-call-id-123",
    }


# --- what streams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [gf.text(), gf.text() | gf.passthrough()], ids=["text", "passthrough"])
def test_a_deep_chain_gives_every_letter(end: gf.Chain[Any, Any]) -> None:
    chunks = chunks_of(PROMPT | Letters(TEXT) | end, {"question": "What?"})
    assert chunks == list(TEXT)


@pytest.mark.parametrize("key", [operator.itemgetter("str"), gf.pick("str")], ids=["function", "pick"])
def test_an_assign_passes_a_streamed_key_on_and_streams_its_own(key: Any) -> None:
    chain = PROMPT | Letters(TEXT) | {"str": gf.text()} | gf.assign(hello=key | Letters(TEXT))
    given = {"question": "What?"}
    chunks = chunks_of(chain, given)
    assert [chunk["str"] for chunk in chunks if "str" in chunk] == list(TEXT)
    assert [chunk["hello"] for chunk in chunks if "hello" in chunk] == list(TEXT)
    assert len(chunks) == 16
    assert simulate(lambda: chain.invoke(given)) == {"str": TEXT, "hello": TEXT}


def test_an_assigned_chain_that_gives_nothing_adds_no_key() -> None:
    @gf.transform
    async def nothing(records: AsyncIterator[dict[str, int]]) -> AsyncIterator[int]:
        async for record in records:
            if not record:
                yield 0

    assert chunks_of(gf.assign(b=nothing), {"a": 1}) == [{"a": 1}]


def test_all_branches_of_a_fan_on_a_stream_give_their_chunks() -> None:
    texts = {"chat": "i'm a chatbot", "llm": "i'm a textbot", "passthrough": "i'm a textbot"}
    fan = {
        "chat": gf.ScriptedChatModel(list(texts["chat"])) | gf.text(),
        "llm": Letters(texts["llm"]),
        "passthrough": gf.passthrough(),
    }
    chain = PROMPT | Letters(texts["passthrough"]) | fan
    chunks = chunks_of(chain, {"question": "What?"})
    assert len(chunks) == 39
    for key, text in texts.items():
        assert [chunk[key] for chunk in chunks if key in chunk] == list(text)
    assert simulate(lambda: chain.invoke({"question": "What?"})) == texts


def add(one: int, other: int) -> int:
    return one + other


@gf.aggregate(accumulate=gf.accumulator(step=add))
async def one_two_three(_: object) -> AsyncIterator[int]:
    for number in (1, 2, 3):
        yield number


class OneTwoThree:
    async def __call__(self, _: object) -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number


@pytest.mark.parametrize(
    "chain",
    [one_two_three, gf.aggregate(OneTwoThree(), accumulate=gf.accumulator(step=add))],
    ids=["function", "object"],
)
def test_a_generator_of_numbers_adds_up_as_it_says(chain: gf.Chain[Any, int]) -> None:
    assert simulate(lambda: chain.invoke("")) == 6
    assert chunks_of(chain, "") == [1, 2, 3]
    assert simulate(lambda: chain.batch(["", ""])) == [6, 6]
    assert chain.sync.invoke("") == 6


def test_numbers_that_nobody_says_how_to_add_up_are_streamed_and_not_invoked() -> None:
    @gf.aggregate
    async def numbers(_: object) -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number

    assert chunks_of(numbers, "") == [1, 2, 3]
    with pytest.raises(gf.NotInvokableError, match="int has no accumulator"):
        simulate(lambda: numbers.invoke(""))


def test_a_function_that_gives_a_range_gives_one_chunk_and_one_that_gives_a_model_is_refused() -> None:
    assert chunks_of(gf.aggregate(lambda _: range(5)), "") == [range(5)]
    with pytest.raises(gf.CompileError, match=r"returned a chain[\s\S]*gf\.branch"):
        chunks_of(gf.aggregate(lambda _: Letters("abc")), "")


def test_bound_parameters_are_given_and_the_later_binding_wins() -> None:
    @gf.aggregate
    def plus(x: int, n: int) -> int:
        return x + n

    assert simulate(lambda: plus.bind(n=1).invoke(3)) == 4
    assert chunks_of(plus.bind(n=1), 3) == [4]
    assert simulate(lambda: plus.bind(n=1).bind(n=5).invoke(3)) == 8


def test_a_branch_asks_its_predicates_in_order_and_no_more_than_it_must() -> None:
    asked: Counter[str] = Counter()

    def is_one(x: int) -> bool:
        asked["is_one"] += 1
        return x == 1

    def is_large(x: int) -> bool:
        asked["is_large"] += 1
        return x > 5

    def ten_times(x: int) -> int:
        if x > 500:
            raise ValueError("x is too large")
        return 10 * x

    chain = gf.branch((is_one, lambda x: x + 1), (is_large, ten_times), lambda x: x - 1)
    assert simulate(lambda: chain.invoke(1)) == 2
    assert asked == {"is_one": 1}
    assert simulate(lambda: chain.invoke(10)) == 100
    assert asked == {"is_one": 2, "is_large": 1}
    assert simulate(lambda: chain.invoke(0)) == -1
    assert asked == {"is_one": 3, "is_large": 2}
    with pytest.raises(ValueError, match="x is too large"):
        simulate(lambda: chain.invoke(1000))
    assert simulate(lambda: chain.batch([1, 10, 0])) == [2, 100, -1]
    with pytest.raises(gf.CompileError, match="at least one pair and a default"):
        gf.branch(ten_times)  # type: ignore[call-overload]


def test_a_branch_streams_what_it_chooses() -> None:
    model = PROMPT | Letters("i'm a textbot") | gf.text()
    chain = gf.branch((lambda text: "hello" in text, model), lambda text: text)
    assert chunks_of(chain, "hello") == list("i'm a textbot")
    assert chunks_of(chain, "bye") == ["bye"]


def test_an_input_of_a_batch_that_fails_is_not_given_to_later_steps() -> None:
    seen: list[list[str]] = [[], [], [], []]

    def step(number: int, refused: str) -> gf.Chain[str, str]:
        @gf.aggregate
        async def node(text: str) -> str:
            seen[number].append(text)
            await trio.sleep(1)
            if text.startswith(refused):
                raise ValueError(text)
            return text + "a"

        return node

    chain = step(0, "bux") | step(1, "bar") | step(2, "baz") | step(3, "foo")
    inputs = ["foo", "bar", "baz", "qux"]
    results = simulate(lambda: chain.batch(inputs, return_exceptions=True))
    assert [repr(result) for result in results] == [
        "ValueError('fooaaa')",
        "ValueError('bara')",
        "ValueError('bazaa')",
        "'quxaaaa'",
    ]
    assert [len(texts) for texts in seen] == [4, 4, 3, 2]
    with pytest.raises(ValueError, match=r"^bara\b"):
        simulate(lambda: chain.batch(inputs))


class Listed(TypedDict):
    alist: list[str]


def test_lists_in_records_are_put_together() -> None:
    @gf.aggregate
    def listing(_: object) -> Iterator[Listed]:
        for number in "0123":
            yield {"alist": [number]}

    heard = hear_all(listing, "")
    assert heard.chunks("listing") == [{"alist": [number]} for number in "0123"]
    assert heard.end("listing").output == {"alist": ["0", "1", "2", "3"]}


def test_a_chain_shows_its_steps_and_keys() -> None:
    chain = {"context": reverse | reverse, "question": gf.passthrough()} | PROMPT | Letters(TEXT) | gf.text()
    assert repr(chain) == "<Producer {context, question} | prompt | llm | text>"
    assert repr(gf.aggregate(lambda x: x * 2)) == "<Aggregate lambda>"


def test_json_in_a_fence_is_shown_as_it_grows_and_the_prose_around_it_is_not() -> None:
    said = [
        "Here:\n```json\n",
        '{"a": ',
        "1",
        ', "b": [',
        "2",
        ", 3",
        '], "c": "x',
        'y"',
        "}\n```",
        "\nThat is ",
        "[9].",
    ]
    snapshots = chunks_of(gf.ScriptedChatModel(said) | gf.json_parser(), "?")
    assert snapshots == [
        {},
        {"a": 1},
        {"a": 1, "b": []},
        {"a": 1, "b": [2]},
        {"a": 1, "b": [2, 3]},
        {"a": 1, "b": [2, 3], "c": "x"},
        {"a": 1, "b": [2, 3], "c": "xy"},
    ]
    with pytest.raises(gf.JsonStreamError):
        simulate(lambda: (gf.ScriptedChatModel("hi") | gf.json_parser()).invoke("?"))
