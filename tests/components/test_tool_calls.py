"""The calls of a message are run side by side and answered in their order; what goes wrong is told, or raised."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pydantic
import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, hear_all
from tests.laws.simulation import simulate


@gf.tool
async def wait(seconds: float) -> str:
    """Wait."""
    await trio.sleep(seconds)
    return f"{seconds:g} s"


@gf.tool
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@gf.tool
async def fail(after: float) -> str:
    """Fail."""
    await trio.sleep(after)
    raise ValueError(f"failed after {after:g} s")


TOOLS = [wait, double, fail]


def message(*calls: tuple[str, dict[str, Any]]) -> gf.AIMessage:
    """A message with these calls, whose ids are `call_1`, `call_2`..."""
    return gf.AIMessage(
        tool_calls=[gf.ToolCall(f"call_{n}", name, arguments) for n, (name, arguments) in enumerate(calls, start=1)]
    )


def waits(*seconds: float) -> gf.AIMessage:
    return message(*(("wait", {"seconds": one}) for one in seconds))


def answers(chain: gf.Chain[Any, Any], value: object) -> list[gf.ToolMessage]:
    result: list[gf.ToolMessage] = simulate(lambda: chain.invoke(value))
    return result


def error_of(chain: gf.Chain[Any, Any], value: object) -> BaseException:
    error = hear(chain, value).error
    assert error is not None
    return error


# --- what it gives -----------------------------------------------------------------------------------------


def test_every_call_is_answered_by_a_message_with_its_id_in_the_order_of_the_calls() -> None:
    called = message(("double", {"number": 21}), ("wait", {"seconds": 2}), ("double", {"number": 1}))
    assert answers(gf.call_tools(TOOLS), called) == [
        gf.ToolMessage("42", name="double", tool_call_id="call_1"),
        gf.ToolMessage("2 s", name="wait", tool_call_id="call_2"),
        gf.ToolMessage("2", name="double", tool_call_id="call_3"),
    ]


def test_a_message_without_calls_has_no_answers() -> None:
    assert answers(gf.call_tools(TOOLS), gf.AIMessage("Done.")) == []


def test_answers_stream_as_lists_of_one_as_soon_as_it_is_their_turn() -> None:
    async def main() -> list[tuple[float, list[str]]]:
        async with gf.call_tools(TOOLS).stream(waits(3, 1, 5, 4)) as chunks:
            return [(trio.current_time(), [one.text for one in chunk]) async for chunk in chunks]

    assert simulate(main) == [(3, ["3 s"]), (3, ["1 s"]), (5, ["5 s"]), (5, ["4 s"])]


@pytest.mark.parametrize(("limit", "takes"), [(1, 10), (2, 6), (4, 4), (64, 4)])
def test_calls_run_side_by_side_as_many_as_are_allowed(limit: int, takes: float) -> None:
    async def main() -> float:
        await gf.call_tools(TOOLS, max_concurrency=limit).invoke(waits(4, 2, 2, 2))
        return trio.current_time()

    assert simulate(main) == takes


def test_tools_in_threads_run_side_by_side_too() -> None:
    barrier = trio.Event()

    @gf.tool(thread=True)
    def meet(first: bool) -> str:
        """Wait for the other."""
        if first:
            trio.from_thread.run(barrier.wait)
        else:
            trio.from_thread.run_sync(barrier.set)
        return "met"

    called = message(("meet", {"first": True}), ("meet", {"first": False}))
    assert [one.text for one in answers(gf.call_tools([meet]), called)] == ["met", "met"]


def test_the_streamed_pieces_of_a_model_are_folded_to_whole_calls() -> None:
    pieces = [
        gf.ToolCallChunk(0, "call_1", "double", '{"num'),
        gf.ToolCallChunk(1, "call_2", "double", '{"number": 2}'),
        gf.ToolCallChunk(0, None, None, 'ber": 1}'),
    ]
    model = gf.ScriptedChatModel([gf.AIMessageChunk(tool_call_chunks=[piece]) for piece in pieces])
    assert [one.text for one in answers(model | gf.call_tools(TOOLS), "hello")] == ["2", "4"]


def test_arguments_arrive_as_the_tool_wants_them() -> None:
    @gf.tool
    def describe(place: Place, distance: float, by: tuple[str, ...] = ()) -> str:
        """Describe a place."""
        return f"{place} {distance!r} {by}"

    called = message(("describe", {"place": {"name": "Orlo"}, "distance": 1, "by": ["boat"]}))
    assert answers(gf.call_tools([describe]), called)[0].text == "Place(name='Orlo') 1.0 ('boat',)"


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    YES = "yes"


@attrs.frozen
class Place:
    name: str


@dataclasses.dataclass
class Journey:
    to: Place
    colour: Colour = Colour.RED


class Report(pydantic.BaseModel):
    day: int


@pytest.mark.parametrize(
    ("result", "content"),
    [
        ("text as it is: ünïcode", "text as it is: ünïcode"),
        ("", ""),
        (3, "3"),
        (None, "null"),
        (True, "true"),
        ({"a": [1, 2.5, None]}, '{"a": [1, 2.5, null]}'),
        ([], "[]"),
        (["ö"], '["ö"]'),
        ((1, 2), "[1, 2]"),
        ({"only"}, '["only"]'),
        (Journey(Place("Orlo")), '{"to": {"name": "Orlo"}, "colour": "red"}'),
        (Word.YES, "yes"),
        (Colour.RED, "red"),
        ([Colour.RED, Word.YES], '["red", "yes"]'),
        ([Report(day=2)], '[{"day": 2}]'),
        (Path("a"), '"a"'),
        ({(1, 2): "a key that is no text"}, "{(1, 2): 'a key that is no text'}"),
        ([gf.TextBlock("a"), gf.ImageBlock(url="u")], (gf.TextBlock("a"), gf.ImageBlock(url="u"))),
        (gf.ImageBlock(url="u"), (gf.ImageBlock(url="u"),)),
    ],
    ids=str,
)
def test_a_text_and_blocks_are_the_content_of_an_answer_and_of_anything_else_it_is_the_json(
    result: object, content: object
) -> None:
    @gf.tool
    def give() -> Any:
        """Give it."""
        return result

    (answer,) = answers(gf.call_tools([give]), message(("give", {})))
    assert answer == gf.ToolMessage(content, name="give", tool_call_id="call_1")  # type: ignore[arg-type]


def test_what_holds_itself_is_given_as_its_text() -> None:
    @gf.tool
    def give() -> Any:
        """Give it."""
        result: list[Any] = []
        result.append(result)
        return result

    assert answers(gf.call_tools([give]), message(("give", {})))[0].text == "[[...]]"


def test_a_tool_may_give_the_message_itself() -> None:
    @gf.tool
    async def give() -> gf.ToolMessage:
        """Give it."""
        return gf.ToolMessage("no such town", tool_call_id="?", status="error")

    assert answers(gf.call_tools([give]), message(("give", {}))) == [
        gf.ToolMessage("no such town", name="give", tool_call_id="call_1", status="error")
    ]


# --- events ------------------------------------------------------------------------------------------------


def tools_of(heard: Heard) -> list[tuple[str, str, object]]:
    """What is told of tools: the event, the name, the id of the call."""
    return [(event.event, event.name, event.metadata["tool_call_id"]) for event in heard.events if event.kind == "tool"]


def test_every_call_is_a_run_of_its_tool_with_the_id_of_the_call() -> None:
    heard = hear_all(gf.call_tools(TOOLS), message(("wait", {"seconds": 1}), ("double", {"number": 4})))
    assert sorted(tools_of(heard)) == [
        ("on_tool_end", "double", "call_2"),
        ("on_tool_end", "wait", "call_1"),
        ("on_tool_start", "double", "call_2"),
        ("on_tool_start", "wait", "call_1"),
    ]
    assert heard.start("double").data == {"input": {"number": 4}}
    assert heard.end("double").data == {
        "input": {"number": 4},
        "output": gf.ToolMessage("8", name="double", tool_call_id="call_2"),
    }
    names = {event.run_id: event.name for event in heard.events}
    assert [names[parent] for parent in heard.start("wait").parent_ids] == ["call_tools", "each", "branch"]


def test_filters_know_the_tools() -> None:
    chain = gf.ScriptedChatModel([""]) | gf.call_tools(TOOLS)
    assert hear(chain, "hello", include_types=["tool"]).error is None
    assert hear(chain, "hello", include_names=["double", "call_tools"]).error is None
    heard = hear(gf.call_tools(TOOLS), message(("double", {"number": 1})), include_types=["tool"])
    check_sound(heard.events, filtered=True)
    assert heard.names == ["double"]
    with pytest.raises(gf.UnmatchedFilterError, match="did you mean 'double'"):
        chain.events("hello", include_names=["doble"])


def test_a_chain_that_a_tool_runs_is_its_child_and_has_the_id_of_the_call() -> None:
    inner = gf.ScriptedChatModel("Rain.", name="inner")

    @gf.tool
    async def forecast(town: str) -> str:
        """Ask another model."""
        gf.emit("asked", town)
        return (await inner.invoke(town)).text

    heard = hear_all(gf.call_tools([forecast]), message(("forecast", {"town": "Orlo"}), ("forecast", {"town": "Sund"})))
    for start in (event for event in heard.of("inner") if isinstance(event, gf.StartEvent)):
        (parent,) = (
            event
            for event in heard.of("forecast")
            if isinstance(event, gf.StartEvent) and event.run_id == start.parent_ids[-1]
        )
        assert start.metadata["tool_call_id"] == parent.metadata["tool_call_id"]
    assert {event.metadata["tool_call_id"] for event in heard.of("asked")} == {"call_1", "call_2"}


def test_a_tool_keeps_its_name_tags_and_metadata() -> None:
    @gf.tool(name="twice", tags=["maths"], metadata={"version": 2})
    def function(number: int) -> int:
        """Double a number."""
        return 2 * number

    tool = function.with_config(tags=["more"], metadata={"owner": "us"})
    heard = hear_all(gf.call_tools([tool, double]), message(("twice", {"number": 1})))
    start = heard.start("twice")
    assert {"maths", "more"} <= set(start.tags)
    assert start.metadata == {"version": 2, "owner": "us", "tool_call_id": "call_1"}
    renamed = double.with_config(name="times_two")
    assert answers(gf.call_tools([renamed]), message(("times_two", {"number": 1})))[0].name == "times_two"


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_an_error_of_a_tool_is_raised_as_itself_and_told_with_the_id_of_the_call() -> None:
    heard = hear(gf.call_tools(TOOLS), message(("double", {"number": 1}), ("fail", {"after": 1})))
    check_sound(heard.events)
    assert isinstance(heard.error, ValueError)
    assert "in node `fail`" in "".join(heard.error.__notes__)
    told = heard.end("fail")
    assert isinstance(told, gf.ErrorEvent)
    assert told.data == {"error": heard.error, "input": {"after": 1}, "tool_call_id": "call_2"}
    assert told.metadata["tool_call_id"] == "call_2"


def test_an_error_cancels_the_other_calls() -> None:
    heard = hear(gf.call_tools(TOOLS), message(("wait", {"seconds": 100}), ("fail", {"after": 1})))
    check_sound(heard.events)
    assert isinstance(heard.error, ValueError)
    assert isinstance(heard.end("wait").error, trio.Cancelled)

    async def main() -> float:
        with contextlib.suppress(ValueError):
            await gf.call_tools(TOOLS).invoke(message(("wait", {"seconds": 100}), ("fail", {"after": 1})))
        return trio.current_time()

    assert simulate(main) == 1


def test_errors_of_several_calls_are_all_raised() -> None:
    @gf.tool
    async def resist(word: str) -> str:
        """Fail when it is cancelled."""
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError(word)
        return word

    error = error_of(gf.call_tools([*TOOLS, resist]), message(("resist", {"word": "no"}), ("fail", {"after": 1})))
    assert isinstance(error, ExceptionGroup)
    assert sorted(str(one) for one in error.exceptions) == ["failed after 1 s", "no"]


def test_a_tool_that_there_is_not_is_named_with_the_nearest() -> None:
    heard = hear(gf.call_tools(TOOLS), message(("duble", {"number": 1})))
    check_sound(heard.events)
    assert isinstance(heard.error, gf.UnknownToolError)
    assert str(heard.error) == "there is no tool `duble` (there is `wait`, `double`, `fail`); did you mean `double`?"
    assert (heard.error.name, heard.error.known) == ("duble", ("wait", "double", "fail"))
    told = heard.end("unknown_tool")
    assert (told.event, told.data["tool_call_id"], told.input) == ("on_tool_error", "call_1", {"number": 1})


def test_arguments_that_do_not_fit_are_all_named() -> None:
    heard = hear(gf.call_tools(TOOLS), message(("double", {"numer": "one"})))
    check_sound(heard.events)
    assert isinstance(heard.error, gf.InvalidArgumentsError)
    assert str(heard.error) == (
        "`double` cannot take these arguments:\n"
        "  numer: expected no such name (known: number), got str 'one'\n"
        "  number: expected int, got nothing (it is missing)"
    )
    assert heard.end("double").data["tool_call_id"] == "call_1"


@pytest.mark.parametrize("on_error", ["raise", "message"])
def test_a_call_that_was_cut_off_is_an_error_with_what_came_and_no_tool_runs(on_error: Any) -> None:
    pieces = [gf.ToolCallChunk(0, "call_1", "double", '{"number": 1}'), gf.ToolCallChunk(1, "call_2", "double", '{"nu')]
    cut = gf.AIMessageChunk(tool_call_chunks=pieces)
    heard = hear(gf.call_tools(TOOLS, on_error=on_error), cut)
    check_sound(heard.events)
    assert isinstance(heard.error, gf.IncompleteToolCallError)
    assert heard.error.partial == '{"nu'
    assert tools_of(heard) == []


def test_the_model_can_be_told_of_errors_while_the_other_calls_go_on() -> None:
    called = message(
        ("fail", {"after": 1}), ("wait", {"seconds": 5}), ("duble", {}), ("double", {"number": "one"}), ("silent", {})
    )

    @gf.tool
    def silent() -> str:
        """Fail without a word."""
        raise RuntimeError

    heard = hear_all(gf.call_tools([*TOOLS, silent], on_error="message"), called)
    given: list[gf.ToolMessage] = heard.events[-1].output
    assert [(one.tool_call_id, one.name, one.status, one.text) for one in given] == [
        ("call_1", "fail", "error", "ValueError: failed after 1 s"),
        ("call_2", "wait", "success", "5 s"),
        (
            "call_3",
            "duble",
            "error",
            "UnknownToolError: there is no tool `duble` "
            "(there is `wait`, `double`, `fail`, `silent`); did you mean `double`?",
        ),
        (
            "call_4",
            "double",
            "error",
            "InvalidArgumentsError: `double` cannot take these arguments:\n  number: expected int, got str 'one'",
        ),
        ("call_5", "silent", "error", "RuntimeError"),
    ]
    failed = [event.data["tool_call_id"] for event in heard.events if event.event == "on_tool_error"]
    assert sorted(failed) == ["call_1", "call_3", "call_4", "call_5"]


def test_a_function_says_what_the_model_is_told_or_raises() -> None:
    def explain(call: gf.ToolCall, error: Exception) -> str:
        if isinstance(error, gf.UnknownToolError):
            raise error
        return f"{call.name} is out of order"

    chain = gf.call_tools(TOOLS, on_error=explain)
    assert answers(chain, message(("fail", {"after": 0}))) == [
        gf.ToolMessage("fail is out of order", name="fail", tool_call_id="call_1", status="error")
    ]
    assert isinstance(error_of(chain, message(("duble", {}))), gf.UnknownToolError)


def test_being_cancelled_is_no_error_to_tell_the_model_of() -> None:
    told: list[Exception] = []

    def explain(call: gf.ToolCall, error: Exception) -> str:
        told.append(error)
        return ""

    async def main() -> bool:
        with trio.move_on_after(1) as scope:
            await gf.call_tools(TOOLS, on_error=explain).invoke(waits(100, 100))
        return scope.cancelled_caught

    assert simulate(main)
    assert told == []


def test_leaving_the_answers_ends_the_calls_that_still_run() -> None:
    ended: list[float] = []

    @gf.tool
    async def slow(seconds: float) -> str:
        """Wait."""
        try:
            await trio.sleep(seconds)
        finally:
            ended.append(trio.current_time())
        return "done"

    called = message(*(("slow", {"seconds": one}) for one in (1, 100, 100)))

    async def main() -> None:
        async with gf.call_tools([slow]).stream(called) as chunks:
            await anext(chunks)
        assert ended == [1, 1, 1]

    simulate(main)


def test_what_is_no_message_of_a_model_is_refused() -> None:
    assert "takes the message of a model, not str: 'hello'" in str(error_of(gf.call_tools(TOOLS), "hello"))
    with pytest.raises(gf.CompileError, match="`tool_calls` takes AIMessage, but `upper` gives str"):
        gf.compile(gf.aggregate(upper) | gf.call_tools(TOOLS))  # type: ignore[operator]


def upper(text: str) -> str:
    return text.upper()


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        ([], "call_tools was given no tool"),
        (double, "call_tools takes a list of tools, not <Tool double>"),
        ([upper], "call_tools takes a list of tools, not of <function upper"),
        ([double, double.with_config(tags=["again"])], "two tools are called `double`"),
    ],
)
def test_tools_that_cannot_be_called_by_name_are_refused(tools: Any, says: str) -> None:
    with pytest.raises(gf.CompileError, match="GF111") as raised:
        gf.call_tools(tools)
    assert says in str(raised.value)
    assert "test_tool_calls.py" in str(raised.value)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        gf.call_tools(TOOLS, max_concurrency=0)
    with pytest.raises(ValueError, match=r'on_error is "raise", "message", or a function .* not .ignore.'):
        gf.call_tools(TOOLS, on_error="ignore")  # type: ignore[arg-type]


def test_a_tool_gives_one_result_and_no_chunks() -> None:
    with pytest.raises(gf.CompileError, match="the tool `count` yields, but a tool gives one result"):

        @gf.tool
        async def count(to: int) -> AsyncIterator[int]:
            """Count."""
            yield to


def test_an_asynchronous_tool_is_not_for_a_thread() -> None:
    with pytest.raises(gf.CompileError, match="`sleep` is asynchronous, so it cannot run in a thread"):

        @gf.tool(thread=True)
        async def sleep() -> None:
            """Sleep."""


# --- the plan ----------------------------------------------------------------------------------------------


def test_the_plan_shows_the_tools_and_streams() -> None:
    plan = gf.compile(gf.ScriptedChatModel("") | gf.call_tools(TOOLS, max_concurrency=8, on_error="message")).plan
    assert plan.streams
    assert plan.streaming_begins == ("each",)
    assert plan.diagnostics == ()
    text = str(plan)
    assert "for every item, 8 at once, and an error is a result: branch · ToolCall → ToolMessage" in text
    assert "if `calls_double`: double · ToolCall → ToolMessage" in text
    assert "note[" not in text


# --- loops -------------------------------------------------------------------------------------------------


def counting(messages: list[gf.Message]) -> list[gf.AIMessageChunk]:
    """Ask for the double of 1, then for the double of that, and so on, up to 8; then say it."""
    numbers = [int(one.text) for one in messages if isinstance(one, gf.ToolMessage)]
    last = numbers[-1] if numbers else 1
    if last == 8:
        return [gf.AIMessageChunk("It is "), gf.AIMessageChunk("8.")]
    piece = gf.ToolCallChunk(0, f"call_{last}", "double", f'{{"number": {last}}}')
    return [gf.AIMessageChunk("Let me see. "), gf.AIMessageChunk(tool_call_chunks=[piece])]


MODEL = gf.ScriptedChatModel(counting, name="model")
STEP = gf.call_tools([double])


@gf.aggregate
async def invoking(question: str) -> str:
    """Run the model and its tools until there are no calls left."""
    messages: list[gf.Message] = [gf.HumanMessage(question)]
    while True:
        answer = (await MODEL.invoke(messages)).to_message()
        if not answer.tool_calls:
            return answer.text
        messages += [answer, *await STEP.invoke(answer)]


@gf.aggregate
async def streaming(question: str) -> AsyncIterator[str]:
    """Do the same, and say what the model says while it says it."""
    messages: list[gf.Message] = [gf.HumanMessage(question)]
    while True:
        answer = gf.AIMessageChunk()
        async with MODEL.stream(messages) as chunks:
            async for chunk in chunks:
                answer += chunk
                if chunk.text:
                    yield chunk.text
        if not answer.tool_calls:
            return
        messages += [answer, *await STEP.invoke(answer)]


@gf.graph
def in_a_graph(question: gf.Value[str]) -> gf.Stream[list[gf.ToolMessage]]:
    return STEP(MODEL(question))


@pytest.mark.parametrize(
    ("loop", "output"), [(invoking, "It is 8."), (streaming, "Let me see. Let me see. Let me see. It is 8.")]
)
def test_a_function_repeats_model_and_tools_until_no_calls_are_left(loop: gf.Chain[str, str], output: str) -> None:
    heard = hear_all(loop, "What is twice twice twice 1?")
    assert heard.events[-1].output == output
    told = [event for event in heard.events if isinstance(event, gf.StartEvent)]
    assert [event.name for event in told if event.name in ("model", "double")] == ["model", "double"] * 3 + ["model"]
    outer = heard.events[0].run_id
    assert all(event.parent_ids[0] == outer for event in told[1:])
    assert [event.metadata["tool_call_id"] for event in told if event.name == "double"] == [
        "call_1",
        "call_2",
        "call_4",
    ]


def test_the_step_is_a_node_of_a_graph_like_any_other() -> None:
    heard = hear_all(in_a_graph, "hello")
    assert heard.events[-1].output == [gf.ToolMessage("2", name="double", tool_call_id="call_1")]


@pytest.mark.parametrize("use", [lambda loop: loop, lambda loop: gf.parallel(a=loop, b=loop) | gf.pick("a")])
def test_a_loop_is_a_node_like_any_other(use: Callable[[gf.Chain[str, Any]], gf.Chain[str, str]]) -> None:
    assert simulate(lambda: use(invoking).invoke("What?")) == "It is 8."
