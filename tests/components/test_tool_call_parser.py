"""The parser of tool calls: arguments while they come, complete calls once, and errors for those that are not."""

from __future__ import annotations

import json
import pickle
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeAlias

import attrs
import pydantic
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import graphflow as gf
from tests.components.reading import lines_run, pieces
from tests.events.hearing import hear, hear_all


def chunk(
    *texts: tuple[int, str | None, str | None, str], id: str | None = None, content: str = ""
) -> gf.AIMessageChunk:
    return gf.AIMessageChunk(content, id=id, tool_call_chunks=[gf.ToolCallChunk(*text) for text in texts])


Call: TypeAlias = gf.StreamedToolCall[Any]


def read(chunks: Iterable[gf.AIMessage], **options: Any) -> tuple[list[list[Call]], Exception | None]:
    """Return what each chunk of a message gave, and the error."""
    given: list[list[Call]] = []

    async def source() -> AsyncIterator[gf.AIMessage]:
        for chunk in chunks:
            yield chunk

    async def main() -> None:
        async with gf.tool_calls(**options).transform(source()) as lists:
            async for calls in lists:
                given.append(calls)

    try:
        trio.run(main)
    except Exception as error:
        return given, error
    return given, None


def given_by(chunks: Iterable[gf.AIMessage], **options: Any) -> list[list[Call]]:
    given, error = read(chunks, **options)
    if error is not None:
        raise error
    return given


def folded(chunks: Iterable[gf.AIMessage], **options: Any) -> list[Call]:
    latest: dict[int, Call] = {}
    for calls in given_by(chunks, **options):
        latest.update({call.position: call for call in calls})
    return [latest[position] for position in sorted(latest)]


SEARCH = [
    chunk((0, "call_1", "search", ""), content="Let me look."),
    chunk((0, None, None, '{"query": "fer')),
    chunk((0, None, None, 'ries", "limit": 1')),
    chunk((0, None, None, "0}")),
]
TWO = [*SEARCH, chunk((1, "call_2", "add", '{"x": 1, ')), chunk((1, None, None, '"y": 2}'))]


def told(calls: Iterable[Call]) -> list[tuple[Any, ...]]:
    return [(call.position, call.id, call.name, call.arguments, call.complete) for call in calls]


def test_arguments_are_given_as_they_come() -> None:
    assert [told(calls) for calls in given_by(TWO)] == [
        [(0, "call_1", "search", {}, False)],
        [(0, "call_1", "search", {"query": "fer"}, False)],
        [(0, "call_1", "search", {"query": "ferries", "limit": 1}, False)],
        [(0, "call_1", "search", {"query": "ferries", "limit": 10}, True)],
        [(1, "call_2", "add", {"x": 1}, False)],
        [(1, "call_2", "add", {"x": 1, "y": 2}, True)],
    ]
    assert [told(calls)[0][3] for calls in given_by(SEARCH, scalars="complete")] == [
        {}, {"query": "ferries"}, {"query": "ferries", "limit": 10}
    ]  # fmt: skip


def test_calls_that_come_side_by_side_are_told_apart() -> None:
    mixed = [chunk((0, "a", "f", "{"), (1, "b", "g", "{")), chunk((1, None, None, "}"), (0, None, None, '"x": 1}'))]
    assert [told(calls) for calls in given_by(mixed)] == [
        [(0, "a", "f", {}, False), (1, "b", "g", {}, False)],
        [(1, "b", "g", {}, True), (0, "a", "f", {"x": 1}, True)],
    ]
    assert told(folded(mixed)) == [(0, "a", "f", {"x": 1}, True), (1, "b", "g", {}, True)]


def test_calls_at_one_index_with_ids_of_their_own_are_several() -> None:
    """As some servers write them."""
    assert told(folded([chunk((0, "a", "f", "{}")), chunk((0, "b", "f", '{"x": 1}'))])) == [
        (0, "a", "f", {}, True),
        (1, "b", "f", {"x": 1}, True),
    ]


def test_a_call_without_an_id_gets_that_of_the_message() -> None:
    chunks = [chunk((0, None, "f", "{"), id="run--1"), chunk((0, None, None, "}")), chunk((1, None, "f", "{}"))]
    assert [call.id for call in folded(chunks)] == [call.id for call in gf.sum_chunks(chunks).tool_calls]
    assert [call.id for call in folded(chunks)] == ["run--1-1", "run--1-2"]
    assert given_by(chunks)[0][0].id is None


def test_a_name_may_come_behind_the_arguments() -> None:
    late = [chunk((0, "a", None, '{"x": 1}')), chunk((0, None, "f", ""))]
    assert [told(calls) for calls in given_by(late)] == [
        [(0, "a", None, {"x": 1}, False)],
        [(0, "a", "f", {"x": 1}, True)],
    ]


def test_whole_messages_and_calls_in_blocks_are_complete_at_once() -> None:
    call = gf.ToolCall("a", "f", {"x": 1})
    whole: list[gf.AIMessage] = [gf.AIMessage("Hm.", tool_calls=[call]), gf.AIMessageChunk([gf.ToolCallBlock(call)])]
    for message in whole:
        assert [told(calls) for calls in given_by([message])] == [[(0, "a", "f", {"x": 1}, True)]]
    assert [
        call.position for call in folded([gf.AIMessageChunk([gf.ToolCallBlock(call)]), chunk((0, "b", "f", "{}"))])
    ] == [0, 1]
    assert given_by([gf.AIMessage("No call."), chunk(content="Nor here.")]) == []


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([""], "its arguments did not come"),
        ([" "], "its arguments did not come"),
        (['{"x": 1'], "its arguments are no JSON object (the text ended inside a number at character 7)"),
        (['{"x": "a', "b"], "its arguments are no JSON object (the text ended inside a string at character 9)"),
        (['{"x" 1}'], "its arguments are no JSON object (expected ':' at character 5)"),
        (['{"x": NaN}'], "its arguments are no JSON object (invalid literal at character 6)"),
        (["[1]"], "its arguments are no JSON object"),
        (["Sure: {}"], "its arguments are no JSON object"),
        (["\ufeff{}"], "its arguments are no JSON object"),
        (["{}", " {}"], "its arguments are not whole JSON (Extra data: line 1 column 4 (char 3))"),
        (["{} {}"], "its arguments are not whole JSON (Extra data: line 1 column 4 (char 3))"),
        (["{}```"], "its arguments are not whole JSON (Extra data: line 1 column 3 (char 2))"),
        (['{"x": ' * 300], "its arguments are no JSON object (nesting deeper than 200 at character 1200)"),
    ],
)
def test_a_call_that_is_cut_off_or_malformed_is_an_error_with_what_came(texts: list[str], reason: str) -> None:
    chunks = [chunk((0, "a", "f", texts[0])), *(chunk((0, None, None, text)) for text in texts[1:])]
    with pytest.raises(gf.IncompleteToolCallError) as caught:
        given_by(chunks)
    assert caught.value.reason == reason
    assert caught.value.partial == "".join(texts)
    assert (caught.value.call.id, caught.value.call.name) == ("a", "f")
    if "at character" in reason:
        assert isinstance(caught.value.__cause__, gf.JsonStreamError)
    with pytest.raises(gf.IncompleteToolCallError):
        gf.sum_chunks(chunks).tool_calls  # noqa: B018


def test_the_cause_has_the_arguments_as_far_as_they_could_be_read() -> None:
    with pytest.raises(gf.IncompleteToolCallError) as caught:
        given_by(SEARCH[:3])
    assert isinstance(caught.value.__cause__, gf.JsonStreamError)
    assert caught.value.__cause__.partial == {"query": "ferries", "limit": 1}
    assert caught.value.partial == '{"query": "ferries", "limit": 1'


def test_what_follows_the_arguments_is_an_error_also_before_the_name_comes() -> None:
    with pytest.raises(gf.IncompleteToolCallError, match="Extra data"):
        given_by([chunk((0, "a", None, "{} x")), chunk((0, None, "f", ""))])


def test_a_call_without_a_name_is_an_error() -> None:
    with pytest.raises(gf.IncompleteToolCallError, match=r"without a name .* it has no name"):
        given_by([chunk((0, "a", None, "{}"))])


def test_a_call_is_cut_off_where_another_begins_in_its_place() -> None:
    given, error = read([chunk((0, "a", "f", '{"x": ')), chunk((0, "b", "f", "{}")), chunk(content="more")])
    assert isinstance(error, gf.IncompleteToolCallError)
    assert error.call.id == "a"
    assert len(given) == 1


def test_complete_calls_come_before_the_error_of_another() -> None:
    chunks = [chunk((0, "a", "f", "{}"), (1, "b", "g", "{x")), chunk(content=" " * 20)]
    given, error = read(chunks)
    assert isinstance(error, gf.IncompleteToolCallError)
    assert [told(calls) for calls in given] == [[(0, "a", "f", {}, True), (1, "b", "g", {}, False)]]


def test_limits_are_those_of_json() -> None:
    with pytest.raises(gf.IncompleteToolCallError, match="text longer than 5 characters"):
        given_by(SEARCH, max_chars=5)
    with pytest.raises(gf.IncompleteToolCallError, match="nesting deeper than 1"):
        given_by([chunk((0, "a", "f", '{"x": [1]}'))], max_depth=1)
    with pytest.raises(ValueError, match="scalars must be"):
        gf.tool_calls(scalars="some")  # type: ignore[call-overload]


def test_text_has_no_tool_calls() -> None:
    with pytest.raises(gf.CompileError, match="`tool_calls` takes AIMessage, but"):
        gf.compile(gf.text() | gf.tool_calls())  # type: ignore[operator]
    with pytest.raises(TypeError, match="tool calls stand in the messages of a model, not in str: 'text'"):
        gf.tool_calls().sync.invoke("text")  # type: ignore[arg-type]


# --- typed arguments ----------------------------------------------------------------------------------------


@attrs.frozen
class Search:
    query: str
    limit: int = 5


class Add(pydantic.BaseModel):
    x: int
    y: int


@gf.tool
def search(query: str, limit: float = 5) -> str:
    """Search."""
    return query * int(limit)


@gf.tool
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


def test_complete_arguments_become_instances() -> None:
    values = [call.arguments for calls in given_by(SEARCH, schema=Search) for call in calls]
    assert values == [{}, {"query": "fer"}, {"query": "ferries", "limit": 1}, Search("ferries", 10)]
    assert folded(TWO[4:], schema=Add)[0].arguments == Add(x=1, y=2)
    both = folded(TWO, schema={"search": Search, "add": Add})
    assert [call.arguments for call in both] == [Search("ferries", 10), Add(x=1, y=2)]


def test_arguments_become_what_the_functions_of_tools_take() -> None:
    (first, second) = folded(TWO, tools=[search, add])
    assert (first.arguments, second.arguments) == ({"query": "ferries", "limit": 10.0}, {"x": 1, "y": 2})
    assert type(first.arguments["limit"]) is float


@pytest.mark.parametrize(
    ("options", "reason", "cause"),
    [
        ({"schema": Add}, "no valid Add: Field required (and 1 more) in x", pydantic.ValidationError),
        ({"schema": {"add": Add}}, "there is no tool `search` (there is `add`)", gf.UnknownToolError),
        ({"tools": [add]}, "there is no tool `search` (there is `add`)", gf.UnknownToolError),
    ],
)
def test_a_complete_call_that_is_none_of_those_is_an_error_with_the_call(
    options: dict[str, Any], reason: str, cause: type[Exception]
) -> None:
    with pytest.raises(gf.InvalidToolCallError) as caught:
        given_by(SEARCH, **options)
    assert caught.value.reason == reason
    assert caught.value.call == gf.ToolCall("call_1", "search", {"query": "ferries", "limit": 10})
    assert str(caught.value) == f"tool call `search` (id 'call_1') is not valid: {reason}"
    assert type(caught.value.__cause__) is cause
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.call, again.reason) == (caught.value.call, caught.value.reason)


def test_arguments_that_a_tool_does_not_take_are_told_all_at_once() -> None:
    with pytest.raises(gf.InvalidToolCallError) as caught:
        given_by([chunk((0, "a", "add", '{"x": "one"}'))], tools=[add])
    assert caught.value.reason == "x: expected int, got str 'one'; y: expected int, got nothing (it is missing)"


def test_wrong_options_are_told_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="choose one"):
        gf.tool_calls(schema=Search, tools=[search])  # type: ignore[call-overload]
    with pytest.raises(gf.CompileError, match="tool_calls was given no tool"):
        gf.tool_calls(tools=[])
    with pytest.raises(gf.CompileError, match="tool_calls takes a list of tools, not of <built-in"):
        gf.tool_calls(tools=[len])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="schema= names no tool"):
        gf.tool_calls(schema={})
    with pytest.raises(TypeError, match="none of what can be read"):
        gf.tool_calls(schema=complex)


# --- laws ---------------------------------------------------------------------------------------------------


ARGUMENTS = st.sampled_from(
    ["", "{}", " {} ", '{"x": 1}', '{"x": {"y": [1, "}"]}}', '{"x": "\\u00e9\\"}"}\n', "{", "}", '{"x"', "[]", "1", "null", '{"x": NaN}', "{}{}", "{}`", '{"x": "\t"}', "x{}", '{"x": 1,}']  # noqa: E501
)  # fmt: skip
NAMES = st.sampled_from(["f", "g", None])
IDS = st.sampled_from(["a", "b", None])
WHOLE = st.tuples(st.integers(0, 2), IDS, NAMES, ARGUMENTS)


@st.composite
def responses(draw: st.DrawFn) -> list[gf.AIMessageChunk]:
    """Calls whose arguments come in pieces, several of which may be in one chunk."""
    parts: list[tuple[int, str | None, str | None, str]] = []
    for index, id, name, text in draw(st.lists(WHOLE, max_size=3)):
        size = draw(st.integers(1, 4))
        texts = pieces(text, size) or [""]
        parts.append((index, id, name, texts[0]))
        parts += [(index, None, None, text) for text in texts[1:]]
    chunks, at = [], 0
    while at < len(parts):
        end = at + draw(st.integers(1, 3))
        chunks.append(chunk(*parts[at:end], id="m"))
        at = end
    return chunks


@given(responses())
def test_the_calls_are_those_of_the_whole_message(chunks: list[gf.AIMessageChunk]) -> None:
    try:
        expected = gf.sum_chunks(chunks).tool_calls
    except gf.IncompleteToolCallError:
        with pytest.raises(gf.IncompleteToolCallError):
            given_by(chunks)
        return
    calls = folded(chunks)
    assert [gf.ToolCall(call.id or "", call.name or "", call.arguments) for call in calls] == list(expected)
    assert all(call.complete for call in calls)


@given(responses())
def test_no_call_is_complete_twice_and_none_changes_after(chunks: list[gf.AIMessageChunk]) -> None:
    seen = [call for calls in read(chunks)[0] for call in calls]
    complete = [call.position for call in seen if call.complete]
    assert len(complete) == len(set(complete))
    for position in complete:
        assert [call.complete for call in seen if call.position == position][-1]


@pytest.mark.parametrize("text", ['{"x": 1}', " {} ", '{"x": {"y": [1, "}"]}}'])
def test_a_call_is_complete_with_the_bracket_that_closes_its_arguments(text: str) -> None:
    end = json.JSONDecoder().raw_decode(text.lstrip())[1] + len(text) - len(text.lstrip())
    for at in range(1, len(text) + 1):
        given, _ = read([chunk((0, "a", "f", text[:at]))])
        assert given[-1][-1].complete == (at >= end)


@pytest.mark.parametrize(
    "text",
    [
        lambda n: '{"x": "' + "a" * n + '"}',
        lambda n: '{"x": [' + "1, " * n + "1]}",
        lambda n: "{" + "".join(f'"k{key}": 1, ' for key in range(n)) + '"": 1}',
        lambda n: "{}" + " " * n,
        lambda n: " " * n + "{}",
    ],
)
def test_work_grows_with_the_text(text: Callable[[int], str]) -> None:
    def work(count: int) -> int:
        chunks = [chunk((0, "a", "f", piece)) for piece in pieces(text(count), 3)]
        return lines_run(lambda: given_by(chunks), "components")

    assert work(1600) <= 8.8 * work(200) + 500


# --- in chains ----------------------------------------------------------------------------------------------


def test_the_value_is_the_list_of_all_calls_each_as_it_came_last() -> None:
    chain = gf.ScriptedChatModel(TWO) | gf.tool_calls()
    assert told(chain.sync.invoke("?")) == told(folded(TWO))

    @gf.aggregate
    def run(calls: list[Call]) -> list[str]:
        return [f"{call.name}({call.arguments})" for call in calls if call.complete]

    expected = ["search({'query': 'ferries', 'limit': 10})", "add({'x': 1, 'y': 2})"]
    assert (chain | run).sync.invoke("?") == expected
    assert (gf.ScriptedChatModel("No call.") | gf.tool_calls() | run).sync.invoke("?") == []


def test_the_plan_streams() -> None:
    plan = gf.compile(gf.ScriptedChatModel(TWO) | gf.tool_calls()).plan
    assert plan.streams
    assert plan.nodes[-1].folds is not None
    assert plan.nodes[-1].folds.name == "latest of each call"


def test_events_tell_each_change_right_behind_the_chunk_that_made_it() -> None:
    heard = hear_all(gf.ScriptedChatModel(TWO) | gf.tool_calls(), "?")
    assert {event.kind for event in heard.of("tool_calls")} == {"parser"}
    told_of = {"stream ScriptedChatModel": "chunk", "stream tool_calls": "call"}
    assert [told_of[line] for line in heard.story if line in told_of] == ["chunk", "call"] * 6
    assert told(heard.end("tool_calls").output) == told(folded(TWO))


def test_the_event_of_a_call_that_was_cut_off_has_the_error() -> None:
    heard = hear(gf.ScriptedChatModel(SEARCH[:2]) | gf.tool_calls(), "?")
    assert isinstance(heard.error, gf.IncompleteToolCallError)
    assert heard.end("tool_calls").error is heard.error
