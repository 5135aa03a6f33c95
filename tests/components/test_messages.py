"""What messages, chunks and their sums promise."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import operator
import pickle
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow.components.messages import (
    AIMessage,
    AIMessageChunk,
    Block,
    ChunkSum,
    HumanMessage,
    ImageBlock,
    IncompleteToolCallError,
    Message,
    ReasoningBlock,
    SystemMessage,
    TextBlock,
    ToolCall,
    ToolCallBlock,
    ToolCallChunk,
    ToolMessage,
    Usage,
    as_messages,
    sum_chunks,
)
from graphflow_compiler.accumulate import accumulator_of
from tests.events.hearing import hear_all
from tests.laws.simulation import simulate

untimed = settings(deadline=None)

# --- strategies -------------------------------------------------------------------------------------------

short_text = st.text(max_size=3)
maybe_index = st.none() | st.integers(0, 2)
counts = st.integers(0, 50)
details = st.dictionaries(st.sampled_from(["cache_read", "cache_creation", "audio"]), counts, max_size=3)
usages = st.builds(Usage, counts, counts, counts, input_details=details, output_details=details)
text_blocks = st.builds(TextBlock, short_text, index=maybe_index)
reasoning_blocks = st.builds(ReasoningBlock, short_text, st.none() | short_text, index=maybe_index)
image_blocks = st.builds(ImageBlock, url=st.just("https://example.org/cat.png"))
call_blocks = st.builds(ToolCallBlock, st.builds(ToolCall, st.just("call_9"), st.just("search")))
blocks = st.lists(text_blocks | reasoning_blocks | image_blocks | call_blocks, max_size=5)
pieces = st.builds(
    ToolCallChunk,
    st.integers(0, 2),
    st.none() | st.sampled_from(["call_1", "call_2"]),
    st.none() | st.sampled_from(["search", "add"]),
    short_text,
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=4), json_values, max_size=4)
metadata = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


def chunks_of(
    pieces: st.SearchStrategy[ToolCallChunk] = pieces, metadata: st.SearchStrategy[dict[str, Any]] = metadata
) -> st.SearchStrategy[AIMessageChunk]:
    return st.builds(
        AIMessageChunk,
        short_text | blocks,
        id=st.none() | st.sampled_from(["run-1", "run-2"]),
        name=st.none() | st.just("bot"),
        usage=st.none() | usages,
        response_metadata=metadata,
        tool_call_chunks=st.lists(pieces, max_size=3),
    )


# Sums of sums agree as long as no index is given to a second call, and no key holds now a dict, now a plain value.
regular_chunks = chunks_of(
    st.builds(
        lambda index, name, text: ToolCallChunk(index, f"call_{index}", name, text), counts, st.none(), short_text
    ),
    st.fixed_dictionaries(
        {}, optional={"model": st.none() | short_text, "nested": metadata.map(lambda m: {**m, "a": 1})}
    ),
)


def added(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    return functools.reduce(operator.add, chunks, AIMessageChunk())


# --- usage ------------------------------------------------------------------------------------------------


def test_usage_of_the_chunks_of_a_response_adds_up() -> None:
    first = Usage(8, 0, 8, input_details={"cache_creation": 0, "cache_read": 2})
    last = Usage(0, 40, 40, input_details={"cache_read": 1}, output_details={"reasoning": 30})

    assert first + last == Usage(
        8, 40, 48, input_details={"cache_creation": 0, "cache_read": 3}, output_details={"reasoning": 30}
    )


def test_usage_total_is_input_plus_output_unless_given() -> None:
    assert Usage(8, 40).total_tokens == 48
    assert Usage(8, 40, 50).total_tokens == 50


def test_usage_adds_to_usage_only() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Usage(1) + 1  # type: ignore[operator]


# --- the sum of chunks ------------------------------------------------------------------------------------


def test_chunks_of_a_response_add_up_to_the_response() -> None:
    chunks = [
        AIMessageChunk("", id="run-7", response_metadata={"model_name": "m"}, usage=Usage(8, 0)),
        AIMessageChunk("Hello", id="run-7"),
        AIMessageChunk("!", id="run-7"),
        AIMessageChunk("", response_metadata={"stop_reason": "end_turn", "stop_sequence": None}, usage=Usage(0, 40)),
    ]

    assert sum_chunks(chunks) == AIMessageChunk(
        "Hello!",
        id="run-7",
        response_metadata={"model_name": "m", "stop_reason": "end_turn", "stop_sequence": None},
        usage=Usage(8, 40, 48),
    )


@untimed
@given(st.lists(chunks_of(), max_size=6))
def test_sum_chunks_equals_repeated_addition(chunks: list[AIMessageChunk]) -> None:
    assert sum_chunks(chunks) == added(chunks)
    assert sum_chunks(iter(chunks)) == added(chunks)


@untimed
@given(chunks_of())
def test_the_empty_chunk_changes_nothing(chunk: AIMessageChunk) -> None:
    assert AIMessageChunk() + chunk == chunk == chunk + AIMessageChunk()
    assert sum_chunks([]) == AIMessageChunk()


@untimed
@given(st.lists(regular_chunks, max_size=6), st.integers(0, 6))
def test_sums_of_parts_add_up_to_the_sum(chunks: list[AIMessageChunk], cut: int) -> None:
    assert sum_chunks(chunks[:cut]) + sum_chunks(chunks[cut:]) == sum_chunks(chunks)


@untimed
@given(st.lists(chunks_of(), min_size=1, max_size=5))
def test_a_sum_asked_for_early_is_never_changed_later(chunks: list[AIMessageChunk]) -> None:
    before = copy.deepcopy(chunks)
    total = ChunkSum()
    seen = [(total.add(chunk).result(), copy.deepcopy(total.result())) for chunk in chunks]

    assert all(early == kept for early, kept in seen)
    assert [early for early, _ in seen] == [added(chunks[: n + 1]) for n in range(len(chunks))]
    assert chunks == before


MANY = 100_000


@pytest.mark.parametrize(
    ("make", "total"),
    [
        (
            lambda n: AIMessageChunk("word ", usage=Usage(0, 1), response_metadata={"n": n, f"k{n % 9}": {"n": n}}),
            AIMessageChunk(
                "word " * MANY,
                usage=Usage(0, MANY),
                response_metadata={
                    "n": MANY - 1,
                    **{f"k{k}": {"n": max(n for n in range(MANY - 9, MANY) if n % 9 == k)} for k in range(9)},
                },
            ),
        ),
        (
            lambda n: AIMessageChunk([TextBlock("a", index=0), ReasoningBlock("b", "c", index=1)]),
            AIMessageChunk([TextBlock("a" * MANY, index=0), ReasoningBlock("b" * MANY, "c" * MANY, index=1)]),
        ),
        (
            lambda n: AIMessageChunk([TextBlock("a")] if n % 2 else "b"),
            AIMessageChunk([TextBlock("ba" * (MANY // 2))]),
        ),
        (
            lambda n: AIMessageChunk(tool_call_chunks=[ToolCallChunk(n % 3, f"call_{n % 3}", "f", "1")]),
            AIMessageChunk(
                tool_call_chunks=[ToolCallChunk(k, f"call_{k}", "f", "1" * len(range(k, MANY, 3))) for k in range(3)]
            ),
        ),
    ],
    ids=["text, usage and metadata", "blocks", "text and blocks", "tool calls"],
)
def test_a_hundred_thousand_chunks_add_up_in_linear_time(
    make: Callable[[int], AIMessageChunk], total: AIMessageChunk
) -> None:
    """Were it quadratic, this would take hours."""
    assert sum_chunks(map(make, range(MANY))) == total


def test_a_stream_of_a_hundred_thousand_chunks_is_folded_and_told() -> None:
    model = gf.ScriptedChatModel(["word "] * MANY)
    assert simulate(lambda: model.invoke("hello")).text == "word " * MANY
    assert hear_all(model, "hello").events[-1].output.text == "word " * MANY


def test_a_fold_keeps_what_chunks_say_and_not_the_chunks() -> None:
    """So that no single step of it, such as the last, grows with the number of chunks."""
    accumulator = accumulator_of(AIMessageChunk)
    assert accumulator is not None
    fold = accumulator.fold()
    kept = []
    for n in range(3):
        chunk = AIMessageChunk(f"{n}", tool_call_chunks=[ToolCallChunk(0, "call_1", "f", "1")])
        fold.add(chunk)
        kept.append(weakref.ref(chunk))
    del chunk
    assert [one() for one in kept] == [None] * 3
    assert fold.value() == AIMessageChunk("012", tool_call_chunks=[ToolCallChunk(0, "call_1", "f", "111")])


def test_the_first_id_and_name_stay() -> None:
    total = (
        AIMessageChunk("a") + AIMessageChunk("b", id="run-1", name="one") + AIMessageChunk("c", id="run-2", name="two")
    )

    assert (total.id, total.name) == ("run-1", "one")


def test_response_metadata_merges_and_a_later_none_erases_nothing() -> None:
    first = AIMessageChunk(response_metadata={"a": 1, "b": {"x": 1, "deep": {"p": 1}}, "only": None})
    then = AIMessageChunk(response_metadata={"a": None, "b": {"y": 2, "deep": {"q": 2}}})
    last = AIMessageChunk(response_metadata={"a": 2})

    assert (first + then).response_metadata["a"] == 1
    assert (first + then + last).response_metadata == {
        "a": 2,
        "b": {"x": 1, "deep": {"p": 1, "q": 2}, "y": 2},
        "only": None,
    }
    assert first.response_metadata == {"a": 1, "b": {"x": 1, "deep": {"p": 1}}, "only": None}


def test_response_metadata_may_be_nested_to_any_depth() -> None:
    nested: dict[str, Any] = {}
    for _ in range(50_000):
        nested = {"in": nested}

    total = AIMessageChunk(response_metadata=nested) + AIMessageChunk("x")

    depth, level = 0, total.response_metadata
    while level:
        depth, level = depth + 1, level["in"]
    assert depth == 50_000


def test_chunks_add_to_chunks_only() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        AIMessageChunk("a") + AIMessage("b")  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        AIMessageChunk("a") + "b"  # type: ignore[operator]


# --- blocks -----------------------------------------------------------------------------------------------


def test_blocks_are_joined_by_kind_and_index() -> None:
    chunks = [
        AIMessageChunk([ReasoningBlock("Let me ", index=0)]),
        AIMessageChunk([ReasoningBlock("see.", index=0), TextBlock("The ", index=1)]),
        AIMessageChunk([ReasoningBlock("", "sig-", index=0)]),
        AIMessageChunk(
            [ReasoningBlock("", "nature", index=0), TextBlock("answer", index=1), TextBlock("Also", index=2)]
        ),
    ]

    total = sum_chunks(chunks)

    assert total.content == (
        ReasoningBlock("Let me see.", "sig-nature", index=0),
        TextBlock("The answer", index=1),
        TextBlock("Also", index=2),
    )
    assert total.to_message().content == (
        ReasoningBlock("Let me see.", "sig-nature"),
        TextBlock("The answer"),
        TextBlock("Also"),
    )


def test_blocks_without_an_index_join_their_neighbour_of_the_same_kind() -> None:
    image = ImageBlock(url="https://example.org/cat.png")
    total = (
        AIMessageChunk([TextBlock("a")]) + AIMessageChunk([TextBlock("b"), image]) + AIMessageChunk([TextBlock("c")])
    )

    assert total.content == (TextBlock("ab"), image, TextBlock("c"))


def test_text_and_blocks_add_up_to_blocks() -> None:
    total = AIMessageChunk("a") + AIMessageChunk("b") + AIMessageChunk([TextBlock("c")]) + AIMessageChunk("d")

    assert total.content == (TextBlock("abcd"),)
    assert total.text == "abcd"


@pytest.mark.parametrize("make", [HumanMessage, AIMessage, AIMessageChunk])
def test_text_is_the_text_blocks_put_together(make: Any) -> None:
    content: list[Block] = [TextBlock("a", index=0), ReasoningBlock("hm"), ImageBlock(url="u"), TextBlock("b", index=1)]

    assert make(content).text == "ab"
    assert make("plain").text == "plain"
    assert make([]).content == make(()).content == make("").content == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (3, "content is a str or a list of blocks, not int 3"),
        (None, "not NoneType None"),
        (["a"], r"content\[0\] is str 'a', not a block"),
        ([TextBlock("a"), {"type": "text"}], r"content\[1\] is a dict with the keys \"\['type'\]\", not a block"),
    ],
)
def test_content_of_another_type_is_refused(content: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        HumanMessage(content)
    with pytest.raises(TypeError, match=message):
        AIMessageChunk(content)


def test_an_image_is_a_url_or_typed_data() -> None:
    assert ImageBlock(media_type="image/png", data=b"\x00\x01").base64 == "AAE="
    for wrong in ({}, {"url": "u", "data": b"d"}, {"data": b"d"}, {"media_type": "image/png"}):
        with pytest.raises(ValueError, match="an ImageBlock"):
            ImageBlock(**wrong)
    with pytest.raises(ValueError, match="no data"):
        _ = ImageBlock(url="u").base64


# --- tool calls -------------------------------------------------------------------------------------------


def test_tool_call_pieces_are_joined_by_index() -> None:
    total = sum_chunks(
        [
            AIMessageChunk(tool_call_chunks=[ToolCallChunk(0, "call_a", "search", "")]),
            AIMessageChunk(
                tool_call_chunks=[ToolCallChunk(0, arguments_text='{"q": '), ToolCallChunk(1, "call_b", "now")]
            ),
            AIMessageChunk(tool_call_chunks=[ToolCallChunk(1, "", "", "{}"), ToolCallChunk(0, None, None, '"x"}')]),
        ]
    )

    assert total.tool_call_chunks == (
        ToolCallChunk(0, "call_a", "search", '{"q": "x"}'),
        ToolCallChunk(1, "call_b", "now", "{}"),
    )
    assert total.tool_calls == (ToolCall("call_a", "search", {"q": "x"}), ToolCall("call_b", "now", {}))


def test_another_id_at_the_same_index_is_another_call() -> None:
    total = sum_chunks(
        AIMessageChunk(tool_call_chunks=[piece])
        for piece in [
            ToolCallChunk(0, "call_a", "search", '{"q": 1}'),
            ToolCallChunk(0, "call_b", "search", '{"q":'),
            ToolCallChunk(0, None, None, " 2}"),
        ]
    )

    assert [call.arguments for call in total.tool_calls] == [{"q": 1}, {"q": 2}]


@untimed
@given(json_objects, st.data())
def test_a_tool_call_is_whole_whatever_its_pieces(arguments: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(arguments)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5))), len(text)]
    chunks = [AIMessageChunk(tool_call_chunks=[ToolCallChunk(0, "call_1", "search")])]
    for start, end in itertools.pairwise(cuts):
        chunks.append(AIMessageChunk(tool_call_chunks=[ToolCallChunk(0, arguments_text=text[start:end])]))

    assert sum_chunks(chunks).to_message().tool_calls == (ToolCall("call_1", "search", arguments),)


@untimed
@given(json_objects, st.data())
def test_a_truncated_tool_call_never_becomes_a_call(arguments: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(arguments)
    partial = text[: data.draw(st.integers(0, len(text) - 1))]
    whole = ToolCallChunk(0, "call_1", "now", "{}")
    total = AIMessageChunk(tool_call_chunks=[whole, ToolCallChunk(1, "call_2", "search", partial)])

    with pytest.raises(IncompleteToolCallError) as raised:
        total.to_message()
    assert raised.value.partial == partial
    assert raised.value.call == ToolCallChunk(1, "call_2", "search", partial)
    with pytest.raises(IncompleteToolCallError):
        _ = total.tool_calls


def test_an_incomplete_call_is_named_with_its_partial_text() -> None:
    total = AIMessageChunk(tool_call_chunks=[ToolCallChunk(2, "call_1", "search", '{"query": "tr')])

    with pytest.raises(IncompleteToolCallError) as raised:
        total.to_message()
    assert str(raised.value) == (
        "tool call `search` (index 2, id 'call_1') is not complete: its arguments are not whole JSON "
        '(Unterminated string starting at: line 1 column 11 (char 10)); so far: \'{"query": "tr\''
    )
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.call, str(again)) == (raised.value.call, str(raised.value))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (None, "{}", "it has no name"),
        ("f", "", "no arguments came"),
        ("f", "[1]", "a JSON list, not an object"),
        ("f", "null", "a JSON NoneType, not an object"),
        ("f", "{'a': 1}", "not whole JSON"),
        ("f", '{"a": 1} {', "not whole JSON"),
        ("f", '{"a": NaN}', "NaN is not JSON"),
        ("f", '{"a": ' + "[" * 100_000, "recursion"),
        ("f", '{"a": ' + "1" * 5_000 + "}", "integer string"),
    ],
)
def test_what_is_not_one_named_json_object_is_no_call(name: str | None, text: str, reason: str) -> None:
    with pytest.raises(IncompleteToolCallError, match=reason):
        AIMessageChunk(tool_call_chunks=[ToolCallChunk(0, "call_1", name, text)]).to_message()


def test_calls_without_an_id_get_one_of_their_own() -> None:
    pieces = [ToolCallChunk(0, None, "now", "{}"), ToolCallChunk(1, None, "now", "{}")]

    named = AIMessageChunk(id="run-7", tool_call_chunks=pieces)
    assert [call.id for call in named.tool_calls] == ["run-7-1", "run-7-2"]
    assert [call.id for call in AIMessageChunk(tool_call_chunks=pieces).tool_calls] == ["call-1", "call-2"]


def test_tool_call_blocks_count_among_the_tool_calls() -> None:
    first, second = ToolCall("call_1", "search", {"q": 1}), ToolCall("call_2", "search", {"q": 2})

    assert AIMessage([TextBlock("Let me look."), ToolCallBlock(first)], tool_calls=[second]).tool_calls == (
        first,
        second,
    )
    chunk = AIMessageChunk([ToolCallBlock(first)], tool_call_chunks=[ToolCallChunk(0, "call_2", "search", '{"q": 2}')])
    assert chunk.tool_calls == chunk.to_message().tool_calls == (first, second)


def test_a_call_given_twice_is_refused() -> None:
    call = ToolCall("call_1", "search")

    with pytest.raises(ValueError, match="'call_1' is given twice"):
        AIMessage([ToolCallBlock(call)], tool_calls=[call])


def test_tool_calls_are_tool_calls() -> None:
    with pytest.raises(TypeError, match=r"tool_calls\[0\] is a dict with the keys .*, not a ToolCall"):
        AIMessage(tool_calls=[{"name": "search"}])  # type: ignore[list-item]


# --- messages as values -----------------------------------------------------------------------------------


def test_a_chunk_stands_wherever_an_ai_message_does() -> None:
    chunk = AIMessageChunk("hello", usage=Usage(1, 2))

    def length(message: AIMessage) -> int:
        return len(message.text) + len(message.tool_calls)

    assert length(chunk) == 5
    assert isinstance(chunk, Message)
    assert as_messages([chunk]) == [chunk]


def test_to_message_keeps_everything() -> None:
    chunk = AIMessageChunk(
        "hello",
        id="run-1",
        name="bot",
        usage=Usage(1, 2),
        response_metadata={"a": {"b": 1}},
        tool_call_chunks=[ToolCallChunk(0, "call_1", "now", "{}")],
    )

    message = chunk.to_message()

    assert type(message) is AIMessage
    assert message == AIMessage(
        "hello",
        id="run-1",
        name="bot",
        usage=Usage(1, 2),
        response_metadata={"a": {"b": 1}},
        tool_calls=[ToolCall("call_1", "now")],
    )


MESSAGES: list[Message] = [
    SystemMessage("be brief"),
    HumanMessage([TextBlock("look"), ImageBlock(media_type="image/png", data=b"png")], name="ada", id="m1"),
    AIMessage("hi", tool_calls=[ToolCall("c", "f", {"a": [1]})], usage=Usage(1, 2), response_metadata={"m": {"n": 1}}),
    AIMessageChunk("hi", tool_call_chunks=[ToolCallChunk(0, "c", "f", "{")], usage=Usage(1)),
    ToolMessage("42", tool_call_id="c", status="error"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_are_frozen_hashable_values_that_survive_copies(message: Message) -> None:
    for twin in (copy.deepcopy(message), pickle.loads(pickle.dumps(message)), attrs.evolve(message)):
        assert twin == message
        assert hash(twin) == hash(message)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.content = "other"  # type: ignore[misc]


def test_messages_of_different_kinds_differ() -> None:
    assert len({SystemMessage("a"), HumanMessage("a"), AIMessage("a"), AIMessageChunk("a")}) == 4
    assert [message.role for message in MESSAGES] == ["system", "human", "ai", "ai", "tool"]


def test_a_message_keeps_its_own_copy_of_metadata() -> None:
    metadata = {"a": 1}
    message = AIMessage("x", response_metadata=metadata)
    metadata["a"] = 2

    assert message.response_metadata == {"a": 1}


def test_messages_fit_match_statements() -> None:
    match AIMessage(tool_calls=[ToolCall("call_1", "search", {"q": 1})]):
        case AIMessage(tool_calls=(ToolCall(name=name, arguments=arguments),)):
            assert (name, arguments) == ("search", {"q": 1})
        case _:
            pytest.fail("no match")


def test_reprs_are_short_and_show_what_is_there() -> None:
    assert list(map(repr, MESSAGES)) == [
        "SystemMessage('be brief')",
        "HumanMessage((TextBlock(text='look', index=None), ImageBlock(media_type='image/png', data=<3 bytes>)),"
        " id='m1', name='ada')",
        "AIMessage('hi', tool_calls=(ToolCall(id='c', name='f', arguments={'a': [1]}),),"
        " usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3), response_metadata={'m': {'n': 1}})",
        "AIMessageChunk('hi', usage=Usage(input_tokens=1, output_tokens=0, total_tokens=1),"
        " tool_call_chunks=(ToolCallChunk(index=0, id='c', name='f', arguments_text='{'),))",
        "ToolMessage('42', tool_call_id='c', status='error')",
    ]
    assert repr(AIMessageChunk("")) == "AIMessageChunk('')"
    assert repr(HumanMessage("x" * 10_000)) == f"HumanMessage('{'x' * 160}'... (10000 characters))"


# --- coercion ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("hello", [HumanMessage("hello")]),
        ("", [HumanMessage("")]),
        (SystemMessage("a"), [SystemMessage("a")]),
        ([], []),
        ([SystemMessage("a"), HumanMessage("b")], [SystemMessage("a"), HumanMessage("b")]),
        ((SystemMessage("a"), HumanMessage("b")), [SystemMessage("a"), HumanMessage("b")]),
        (("human", "hi"), [HumanMessage("hi")]),
        (
            [("system", "a"), ("user", "b"), ("assistant", "c"), ("ai", [TextBlock("d")])],
            [SystemMessage("a"), HumanMessage("b"), AIMessage("c"), AIMessage([TextBlock("d")])],
        ),
        ({"role": "user", "content": "hi", "name": "ada"}, [HumanMessage("hi", name="ada")]),
        (
            [{"role": "tool", "content": "42", "tool_call_id": "call_1", "status": "error"}],
            [ToolMessage("42", tool_call_id="call_1", status="error")],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                        {"id": "call_2", "name": "g", "arguments": {}},
                        ToolCall("call_3", "h"),
                    ],
                }
            ],
            [
                AIMessage(
                    tool_calls=[ToolCall("call_1", "f", {"a": 1}), ToolCall("call_2", "g"), ToolCall("call_3", "h")]
                )
            ],
        ),
    ],
)
def test_what_stands_for_messages_becomes_messages(value: Any, messages: list[Message]) -> None:
    assert as_messages(value) == messages


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "found int 3"),
        (None, "found NoneType None"),
        (b"hi", "found bytes"),
        ({"topic": "parrots"}, r"a message dict with a 'role'; found a dict with the keys \"\['topic'\]\""),
        (["hello"], r"found str 'hello' at \[0\]: write \(\"human\", text\)"),
        ([HumanMessage("a"), 3.5], r"found float 3.5 at \[1\]"),
        ([("alien", "hi")], r"expected a role \(system, .*\); found str 'alien' at \[0\]"),
        ([{"role": 3, "content": "hi"}], r"found int 3 at \[0\]"),
        (
            [{"role": "user", "content": 3}],
            r"this user message cannot be made at \[0\]: content is a str .*, not int 3",
        ),
        ([{"role": "user"}], "this user message cannot be made.*missing.*content"),
        ([{"role": "user", "content": "", "colour": "red"}], "unexpected keyword argument 'colour'"),
        ([("tool", "42")], "missing.*tool_call_id"),
        ([{"role": "ai", "content": "", "tool_calls": [{"name": "f"}]}], "expected a tool call with 'id', 'name'"),
        ([{"role": "ai", "tool_calls": 3}], "this ai message cannot be made"),
        ((message for message in MESSAGES), "found generator"),
    ],
)
def test_what_is_no_message_is_named(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        as_messages(value)
