"""When runs start, and what start, end and error events know of inputs and outputs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear, hear_all


@gf.aggregate
def same(value: Any) -> Any:
    return value


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.chunkwise
async def lower(chunk: str) -> str:
    return chunk.lower()


@gf.transform
async def pulled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform
def plain(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


@gf.aggregate
async def reading(chunks: AsyncIterator[str]) -> str:
    return "".join([chunk async for chunk in chunks])


STREAMING = [upper, lower, pulled, plain, gf.passthrough()]


# --- when a node starts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [*STREAMING, same, reading], ids=lambda node: node.name)
def test_a_node_starts_at_its_first_input_chunk(node: gf.Chain[Any, Any]) -> None:
    story = hear_all(letters | node, "ab").story
    assert story[:4] == ["start sequence", "start letters", "stream letters", f"start {node.name}"]


@pytest.mark.parametrize("node", [*STREAMING, reading], ids=lambda node: node.name)
def test_a_node_whose_input_is_empty_starts_at_its_end(node: gf.Chain[Any, Any]) -> None:
    heard = hear_all(letters | node, "")
    assert heard.names == ["sequence", "letters", node.name]
    if node is not reading:
        assert heard.end(node.name).data == {"input": "", "output": ""}
        assert heard.end("sequence").data == {"output": ""}


def test_a_node_starts_when_it_gives_something_before_it_reads() -> None:
    @gf.transform
    async def headed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield "head:"
        async for chunk in chunks:
            yield chunk

    assert hear_all(pulled | headed, "a").story[:6] == [
        "start sequence",
        "start headed",
        "stream headed",
        "stream sequence",
        "start pulled",
        "stream pulled",
    ]


def test_a_node_starts_when_it_emits_something_before_it_reads() -> None:
    @gf.aggregate
    async def announced(chunks: AsyncIterator[str]) -> str:
        gf.emit("ready")
        return "".join([chunk async for chunk in chunks])

    story = hear_all(pulled | announced, "a").story
    assert story[:4] == ["start sequence", "start announced", "event ready", "start pulled"]


def test_a_node_of_several_parameters_starts_at_the_first_chunk_of_any() -> None:
    @gf.aggregate
    async def late(value: Any) -> str:
        await trio.sleep(2)
        return "late"

    @gf.aggregate
    async def early(value: Any) -> AsyncIterator[str]:
        yield "early"
        await trio.sleep(1)
        gf.emit("one second later")

    @gf.aggregate
    def both(first: str, second: str) -> str:
        return first + second

    story = hear_all(gf.parallel(first=late, second=early) | both, "x").story
    assert story.index("start both") < story.index("event one second later") < story.index("stream late")


def test_a_group_starts_with_the_first_node_in_it() -> None:
    story = hear_all(letters | (pulled | pulled).with_config(name="inner"), "a").story
    assert story.index("stream letters") < story.index("start inner") < story.index("start pulled")


def test_a_streaming_step_starts_before_the_one_before_it_ends() -> None:
    story = hear_all(letters | pulled, "ab").story
    assert story.index("start pulled") < story.index("end letters") < story.index("end pulled")


# --- the input of a start event --------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [*STREAMING, same, letters, reading], ids=lambda node: node.name)
def test_a_start_has_the_input_that_the_run_itself_has_got_whole(node: gf.Chain[Any, Any]) -> None:
    heard = hear_all((node | upper.with_config(name="last")).with_config(name="whole"), "x")
    assert heard.start("whole").data == {"input": "x"}
    assert heard.start(node.name).data == {"input": "x"}


@pytest.mark.parametrize("node", [*STREAMING, same, letters], ids=lambda node: node.name)
def test_a_start_has_the_input_that_an_aggregate_gave(node: gf.Chain[Any, Any]) -> None:
    heard = hear_all(letters | same.with_config(name="value") | node.with_config(name="last"), "xy")
    assert heard.start("value").data == {}
    assert heard.start("last").data == {"input": "xy"}


@pytest.mark.parametrize(
    "between", [*STREAMING, upper | lower], ids=["upper", "lower", "pulled", "plain", "passthrough", "two"]
)
def test_a_whole_value_stays_whole_through_chunkwise_nodes_only(between: gf.Chain[Any, Any]) -> None:
    chain = same | between | upper.with_config(name="last")
    is_whole = between.name not in ("pulled", "plain")
    assert bool(hear_all(chain, "xy").start("last").data) == is_whole


@pytest.mark.parametrize("node", [*STREAMING, same, reading], ids=lambda node: node.name)
def test_a_start_has_no_input_that_streams(node: gf.Chain[Any, Any]) -> None:
    assert hear_all(letters | node, "x").start(node.name).data == {}


def test_a_start_has_the_same_input_in_a_stage_of_its_own() -> None:
    @gf.aggregate
    def both(a: Any, b: Any) -> Any:
        return f"{a}{b}"

    @gf.graph
    def diamond(value: gf.Value[str]) -> Any:
        shared = same(value)
        return both(a=upper(shared), b=lower(letters(shared)))

    heard = hear_all(diamond, "xY")
    for name in ("same", "upper", "letters"):
        assert heard.start(name).data == {"input": "xY"}
    assert heard.start("lower").data == {}
    assert heard.start("both").data == {}
    assert heard.end("both").data == {"input": {"a": "XY", "b": "xy"}, "output": "XYxy"}


def test_a_start_has_the_one_key_that_the_node_takes() -> None:
    heard = hear_all(gf.aggregate(lambda value: {"a": value, "b": 0}) | gf.pick("a") | same, 1)
    assert heard.start("pick").data == {"input": 1}
    assert heard.start("same").data == {"input": 1}


def test_the_chosen_alternative_has_the_value_and_what_follows_has_what_it_gave() -> None:
    chain = gf.branch((bool, same.with_config(name="chosen")), same) | same.with_config(name="last")
    heard = hear_all(chain, "x")
    assert heard.start("branch").data == heard.start("chosen").data == heard.start("last").data == {"input": "x"}


def test_an_input_that_is_a_stream_is_told_at_the_end() -> None:
    async def source() -> AsyncIterator[str]:
        yield "x"
        yield "y"

    @gf.aggregate
    async def outer(value: Any) -> str:
        async with (pulled | upper).with_config(name="inner").transform(source()) as chunks:
            return "".join([chunk async for chunk in chunks])

    heard = hear_all(outer, 0)
    assert heard.start("inner").data == heard.start("pulled").data == {}
    assert heard.end("inner").data == {"input": "xy", "output": "XY"}
    assert heard.end("pulled").data == {"input": "xy", "output": "xy"}


# --- end events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "value"),
    [
        (letters, "ab"),
        (letters | pulled, "ab"),
        (gf.parallel(a=same), "ab"),
        (gf.assign(a=same), {"b": 1}),
        (gf.each(same), [1, 2]),
        (gf.branch((bool, letters), letters), "ab"),
        (gf.graph(lambda value: upper(letters(value))), "ab"),
        (gf.ScriptedChatModel("ab"), "ab"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_root_has_its_input_at_the_start_and_its_output_at_the_end(chain: gf.Chain[Any, Any], value: Any) -> None:
    start, *_, end = hear_all(chain, value).events
    assert start.data == {"input": value}
    assert set(end.data) == {"output"}


def test_everything_else_has_input_and_output_at_its_end() -> None:
    heard = hear_all(letters | pulled | same | gf.parallel(a=upper | lower), "aB")
    for event in heard.events[:-1]:
        if isinstance(event, gf.EndEvent):
            assert set(event.data) == {"input", "output"}
    assert heard.end("pulled").data == {"input": "aB", "output": "aB"}
    assert heard.end("parallel").data == {"input": "aB", "output": {"a": "ab"}}


def test_chunks_that_nothing_says_how_to_fold_leave_the_end_without_output() -> None:
    @gf.aggregate
    def numbers(value: int) -> Iterator[int]:
        yield 1
        yield 2

    @gf.chunkwise
    def double(chunk: int) -> int:
        return 2 * chunk

    heard = hear_all(numbers | double, 0)
    assert heard.end("numbers").data == {"input": 0}
    assert heard.end("double").data == {}
    assert heard.end("sequence").data == {}
    assert heard.chunks("sequence") == [2, 4]


def test_chunks_that_do_not_fold_as_they_promise_leave_the_end_without_output() -> None:
    @gf.aggregate
    def wrong(value: Any) -> Iterator[str]:
        yield "a"
        yield 1  # type: ignore[misc]

    heard = hear_all(wrong, 0)
    assert heard.chunks("wrong") == ["a", 1]
    assert heard.end("wrong").data == {}


def test_outputs_false_leaves_folded_inputs_and_outputs_out() -> None:
    chain = letters | pulled | same | upper
    heard = hear_all(chain, "ab", outputs=False)
    assert heard.story == hear_all(chain, "ab").story
    for event in heard.events:
        if isinstance(event, gf.EndEvent):
            assert event.data == {}
    assert heard.start("sequence").data == {"input": "ab"}
    assert heard.start("upper").data == {"input": "ab"}
    assert heard.chunks("pulled") == ["a", "b"]


@gf.aggregate
async def joined(left: str, right: str) -> str:
    return left + right


@pytest.mark.parametrize("told_of", [{}, {"include_names": ["group"]}], ids=["of all", "of the group"])
@pytest.mark.parametrize("outputs", [True, False], ids=["outputs", "no outputs"])
def test_a_group_that_several_streams_lead_into_shows_their_record_at_its_end(
    outputs: bool, told_of: dict[str, Any]
) -> None:
    chain = letters | {"left": lower, "right": pulled} | (joined | lower).with_config(name="group")
    heard = hear(chain, "AB", outputs=outputs, **told_of)
    assert heard.start("group").data == {}
    assert heard.chunks("group") == ["abab"]
    told = {"output": "abab", "input": {"left": "ab", "right": "AB"}} if outputs else {}
    assert heard.end("group").data == told


@pytest.mark.parametrize("told_of", [{}, {"include_names": ["group"]}], ids=["of all", "of the group"])
@pytest.mark.parametrize("outputs", [True, False], ids=["outputs", "no outputs"])
@pytest.mark.parametrize("value", [{"a": "1", "b": "2"}, {"b": "2"}], ids=["whole", "without a key"])
def test_a_group_at_the_input_shows_the_record_that_it_takes_a_key_of(
    outputs: bool, told_of: dict[str, Any], value: dict[str, str]
) -> None:
    group = (gf.pick("a") | lower).with_config(name="group")
    chain: gf.Chain[Any, Any] = gf.passthrough() | {"one": group, "other": gf.pick("b")}
    heard = hear(chain, value, outputs=outputs, **told_of)
    assert heard.start("group").data == {"input": value}
    assert heard.chunks("group") == [value[key] for key in value if key == "a"]
    output = {"output": value["a"]} if "a" in value else {}
    assert heard.end("group").data == ({**output, "input": value} if outputs else {})


# --- how components show their input ---------------------------------------------------------------------------


def test_a_model_shows_messages_in_a_chain_and_the_raw_input_alone() -> None:
    model = gf.ScriptedChatModel(["Hi", "!"], name="model")
    hello = {"messages": [[gf.HumanMessage("hello")]]}
    assert hear_all(model, "hello").start("model").data == {"input": "hello"}
    heard = hear_all(model | gf.text(), "hello")
    assert heard.start("model").data == {"input": hello}
    assert heard.end("model").input == hello
    assert heard.end("model").output == gf.AIMessageChunk("Hi!", id=f"run--{heard.start('model').run_id}")


def test_a_text_model_shows_prompts() -> None:
    class Echo(gf.TextModel):
        async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
            yield text

    heard = hear_all(gf.prompt([("system", "S"), ("human", "{a}")]) | Echo(), {"a": "hello"})
    assert heard.start("Echo").data == {"input": {"prompts": ["System: S\nHuman: hello"]}}


def test_a_prompt_shows_the_record_and_its_messages() -> None:
    heard = hear_all(gf.prompt("Say {a}", name="ask") | gf.ScriptedChatModel("x"), {"a": "hello"})
    assert heard.start("ask").data == {"input": {"a": "hello"}}
    assert heard.end("ask").data == {"input": {"a": "hello"}, "output": [gf.HumanMessage("Say hello")]}


def test_a_retriever_shows_its_query() -> None:
    found = [gf.Document("hello")]
    retriever = gf.Retriever(lambda query: found)
    heard = hear_all(retriever | same, "q")
    assert heard.start("retriever").data == {"input": {"query": "q"}}
    assert heard.end("retriever").data == {"input": {"query": "q"}, "output": found}


def test_a_tool_shows_its_arguments() -> None:
    @gf.tool
    def add(x: int, y: str) -> dict[str, Any]:
        """Take two."""
        return {"x": x, "y": y}

    given = {"x": 1, "y": "2"}
    assert [event.data for event in hear_all(add, given).events] == [{"input": given}, {"output": given}]


# --- what events hold ------------------------------------------------------------------------------------------


def test_events_never_change_afterwards() -> None:
    """Every event is shown as it comes, and again when the run is over."""

    @gf.aggregate
    def growing(value: Any) -> Iterator[list[int]]:
        for number in range(5):
            yield [number]

    shown: list[str] = []
    events: list[gf.Event] = []

    async def main() -> None:
        chain = growing | gf.passthrough() | gf.parallel(a=same, b=gf.passthrough()) | same
        async with chain.events(0) as stream:
            async for event in stream:
                events.append(event)
                shown.append(repr(event.to_dict()))

    trio.run(main)
    assert [repr(event.to_dict()) for event in events] == shown


def test_partial_json_in_events_is_a_snapshot() -> None:
    heard = hear_all(letters | gf.json_parser(), '{"a": [1, 2]}')
    snapshots = heard.chunks("json_parser")
    assert snapshots[0] == {}
    assert snapshots[-1] == {"a": [1, 2]}
    assert len({repr(snapshot) for snapshot in snapshots}) == len(snapshots)
