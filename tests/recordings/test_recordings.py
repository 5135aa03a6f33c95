"""Recordings: what is written comes back, plays back, and a bad file says what is wrong with it."""

from __future__ import annotations

import errno
import json
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import attrs
import hypothesis
import hypothesis.strategies as st
import pytest
import trio

import graphflow as gf
from graphflow import testing
from graphflow.recordings.values import DEEPEST, MOST_PARTS, read, written

model = gf.ScriptedChatModel("It leaves at 7:40.", first_delay=1, delay=0.5)
chain = gf.prompt("{question}") | model | gf.text()


async def recorded(path: Path, run: gf.Chain[Any, Any] = chain, value: Any = None, **options: Any) -> list[gf.Event]:
    async with gf.record(run.events({"question": "When?"} if value is None else value, **options), path) as events:
        return [event async for event in events]


def facts(event: gf.Event) -> tuple[object, ...]:
    return type(event), event.to_dict(), event.seq


# --- what is written comes back ----------------------------------------------------------------------------


def test_events_come_back_as_they_were_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    told = testing.run(recorded, path)
    recording = gf.replay(path)
    assert [facts(event) for event in recording] == [facts(event) for event in told]
    first = next(
        at for event, at in zip(recording, recording.times, strict=True) if event.event == "on_chat_model_stream"
    )
    assert first == 1
    assert recording.times[-1] == 1 + 4 * 0.5 - 0.5
    assert recording.is_complete
    assert recording.output == "It leaves at 7:40."
    assert recording.error is None
    assert len(recording) == len(told)


def test_a_sync_run_is_recorded_too(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    quick = gf.prompt("{question}") | gf.ScriptedChatModel("Hi there.") | gf.text()
    with gf.record(quick.sync.events({"question": "When?"}), path) as events:
        told = list(events)
    assert [facts(event) for event in gf.replay(path)] == [facts(event) for event in told]


def test_what_fails_is_recorded_and_raised(tmp_path: Path) -> None:
    def breaks(text: str) -> str:
        raise KeyError("no such train")

    path = tmp_path / "run.jsonl"
    with pytest.raises(KeyError, match="no such train"):
        testing.run(recorded, path, chain | breaks)
    recording = gf.replay(path)
    assert recording.is_complete
    assert isinstance(recording.error, gf.RecordedError)
    assert str(recording.error) == "KeyError: 'no such train'"
    assert recording.output is None


def test_a_run_that_was_left_early_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    async def some() -> None:
        async with gf.record(chain.events({"question": "When?"}), path) as events:
            async for event in events:
                if event.event == "on_chat_model_stream":
                    break

    testing.run(some)
    recording = gf.replay(path)
    assert not recording.is_complete
    assert recording.events[-1].event == "on_chat_model_stream"


DIES = """
import os, sys
import graphflow as gf

model = gf.ScriptedChatModel("It leaves at 7:40.")
with gf.record(model.sync.events("When?"), sys.argv[1]) as events:
    for number, event in enumerate(events):
        if number == 2:
            os._exit(3)
"""


def test_a_program_that_dies_leaves_every_event_that_it_got(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    died = subprocess.run([sys.executable, "-c", DIES, path], check=False)
    assert died.returncode == 3
    recording = gf.replay(path, allow_cut=True)
    assert [event.event for event in recording] == [
        "on_chat_model_start",
        "on_chat_model_stream",
        "on_chat_model_stream",
    ]
    assert not recording.is_complete


def test_an_event_is_in_the_file_before_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with gf.record(gf.ScriptedChatModel("Hi there.").sync.events("When?"), path) as events:
        for number, event in enumerate(events):
            assert facts(gf.replay(path).events[number]) == facts(event)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_second_recording_to_the_same_file_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    quick = gf.ScriptedChatModel("Hi there.")
    with gf.record(quick.sync.events("When?"), path) as events:
        next(events)
        with (
            pytest.raises(BlockingIOError, match=r"another recording is being written to this file.*run\.jsonl"),
            gf.record(quick.sync.events("When?"), path),
        ):
            pytest.fail("it was entered")
        told = list(events)
    assert len(gf.replay(path)) == len(told) + 1
    with gf.record(gf.ScriptedChatModel("x").sync.events("When?"), path) as events:
        told = list(events)
    assert [facts(event) for event in gf.replay(path)] == [facts(event) for event in told]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_where_the_file_system_has_no_locks_it_is_recorded_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(number: int) -> Callable[..., None]:
        def flock(file: object, operation: int) -> None:
            raise OSError(number, "refused")

        return flock

    path = tmp_path / "run.jsonl"
    monkeypatch.setattr("fcntl.flock", refuses(errno.ENOLCK))
    testing.run(recorded, path)
    assert gf.replay(path).is_complete
    monkeypatch.setattr("fcntl.flock", refuses(errno.EIO))
    with pytest.raises(OSError, match="refused"):
        testing.run(recorded, path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_what_is_no_file_can_be_recorded_to_by_several() -> None:
    quick = gf.ScriptedChatModel("Hi there.")
    with gf.record(quick.sync.events("When?"), "/dev/null") as events:
        next(events)
        with gf.record(quick.sync.events("When?"), "/dev/null") as others:
            assert list(others)


@attrs.frozen
class Train:
    number: int
    password: str = attrs.field(repr=False)


VALUES: list[Any] = [
    None, True, 0, -1, 1 << 40_000, 1.5, "text \ud800 \x00", [1, [2]], {"a": {"b": []}}, {"$": 1}, {1: 2, (3,): 4},
    (1, (2,)), {1, 2}, frozenset({"a"}), b"\x00\xff",
    gf.AIMessageChunk("Hi", id="1", usage=gf.Usage(1, 2, input_details={"cache_read": 1})),
    gf.AIMessageChunk(tool_call_chunks=[gf.ToolCallChunk(0, "c", "search", '{"q')]),
    gf.AIMessage([gf.TextBlock("a", index=1), gf.ReasoningBlock("b")], tool_calls=[gf.ToolCall("c", "f", {"x": 1})]),
    gf.HumanMessage([gf.ImageBlock(media_type="image/png", data=b"abc")], name="Ada"),
    gf.SystemMessage("be brief"), gf.ToolMessage("7:40", tool_call_id="c", status="error"),
    gf.Document("a text", {"page": 3}, score=0.5),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_values_come_back(value: Any) -> None:
    again = read(json.loads(json.dumps(written(value), allow_nan=False)))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_come_back(number: float) -> None:
    assert repr(read(json.loads(json.dumps(written(number), allow_nan=False)))) == repr(number)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@hypothesis.given(plain)
def test_any_plain_value_comes_back(value: object) -> None:
    assert read(json.loads(json.dumps(written(value), allow_nan=False))) == value


def test_of_other_classes_what_they_look_like_is_kept() -> None:
    again = read(json.loads(json.dumps(written({"train": Train(7, "secret")}))))
    assert again == {"train": gf.RecordedObject(f"{__name__}.Train", "Train(number=7)")}
    assert repr(again["train"]) == "Train(number=7)"


def test_a_repr_that_fails_or_has_no_end_does_no_harm() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no")

    class Long:
        def __repr__(self) -> str:
            return "x" * 100_000

    assert "whose repr raised ValueError" in read(written(Odd())).text
    assert len(read(written(Long())).text) == 2_000


def test_what_is_nested_too_deep_is_kept_as_text() -> None:
    value: list[Any] = []
    for _ in range(DEEPEST + 100):
        value = [value]
    assert "$" in json.dumps(written(value))


class Wordless(Exception):
    def __str__(self) -> str:
        raise LookupError("no response")


class Shapeless:
    def __repr__(self) -> str:
        raise LookupError("no shape")


@pytest.mark.parametrize(
    "holds", [None, {Shapeless()}, [Shapeless()], Shapeless()], ids=["none", "set", "list", "object"]
)
def test_an_error_arrives_as_itself_whatever_its_methods_and_those_of_values_raise(
    tmp_path: Path, holds: object
) -> None:
    def breaks(value: object) -> object:
        raise Wordless(value)

    path = tmp_path / "run.jsonl"
    with pytest.raises(Wordless):
        testing.run(recorded, path, gf.passthrough() | breaks, [holds])
    assert str(gf.replay(path).error) == "Wordless: <Wordless whose str raised LookupError>"


def test_the_items_of_a_set_have_an_order_that_does_not_change() -> None:
    one: set[str] = set()
    other: set[str] = set()
    for number in range(100):
        one.add(str(number))
        other.add(str(99 - number))
    assert json.dumps(written(one)) == json.dumps(written(other))


def parts_of(value: Any) -> int:
    """Count the parts of JSON."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        count += 1
    return count


@pytest.mark.parametrize("levels", [60, DEEPEST + 100])
@pytest.mark.parametrize(
    "hold", [lambda x: [x, x], lambda x: (x, x), lambda x: {"a": x, "b": x}, lambda x: {1: x, 2: x}]
)
def test_of_a_value_whose_parts_are_shared_a_bounded_part_is_written(
    hold: Callable[[object], object], levels: int
) -> None:
    value: object = "leaf"
    for _ in range(levels):
        value = hold(value)
    found = written(value)
    assert parts_of(found) < 10 * MOST_PARTS
    assert "<list, too deep or too large for a recording>".replace("list", type(value).__name__) in json.dumps(found)
    read(json.loads(json.dumps(found)))


def test_of_a_value_that_holds_itself_twice_a_bounded_part_is_written() -> None:
    value: list[Any] = []
    value += [value, value]
    assert parts_of(written(value)) < 10 * MOST_PARTS


def test_what_has_more_parts_than_are_written_is_left_out_and_the_rest_is_kept() -> None:
    again = read(written({"many": list(range(MOST_PARTS)), "few": [1, 2]}))
    assert again == {
        "many": gf.RecordedObject("builtins.list", "<list, too deep or too large for a recording>"),
        "few": [1, 2],
    }
    assert read(written(list(range(MOST_PARTS)))) == list(range(MOST_PARTS))


#: What JSON of sorted keys cannot be made of.
odd_keys = cast("dict[str, Any]", {1: 2, "b": 3})


class OwnBlock(gf.TextBlock):
    pass


class OwnText(str):
    __slots__ = ()


def deep(levels: int) -> Any:
    value: Any = "leaf"
    for _ in range(levels):
        value = {"a": value}
    return value


ODD: list[tuple[Any, str]] = [
    (gf.AIMessage(tool_calls=[gf.ToolCall("c", "f", deep(DEEPEST))]), "<AIMessage, too deep or too large"),
    (gf.AIMessage([gf.ToolCallBlock(gf.ToolCall("c", "f", {"x": [0] * MOST_PARTS}))]), "<AIMessage, too deep"),
    (gf.Document("a", deep(DEEPEST), id="1"), "<Document, too deep or too large"),
    (gf.HumanMessage([OwnBlock("a")]), "HumanMessage((OwnBlock("),
    (attrs.evolve(gf.Usage(), total_tokens=cast("int", "many")), "total_tokens=many"),
    (gf.ImageBlock(media_type="image/png", data=cast("bytes", 5)), "<ImageBlock whose repr raised TypeError>"),
]


@pytest.mark.parametrize(("value", "text"), ODD, ids=[text for _, text in ODD])
def test_a_message_that_would_not_be_read_again_is_kept_as_text(value: Any, text: str) -> None:
    (again,) = read(json.loads(json.dumps(written([value]))))
    assert isinstance(again, gf.RecordedObject)
    assert text in again.text


def test_texts_and_numbers_of_classes_of_their_own_come_back_plain_in_messages_and_documents() -> None:
    score = type("Score", (float,), {})(0.5)
    for value in (gf.HumanMessage(OwnText("hi")), gf.Document(OwnText("a"), odd_keys, id="1", score=score)):
        again = read(written(value))
        assert again == value
    assert (again.score, type(again.score), type(again.text)) == (0.5, float, str)


def test_a_document_is_written_whose_id_could_not_be_made() -> None:
    document = gf.Document("a", {"by": Shapeless()} | odd_keys, id="1")
    again = read(written(document))
    assert (again.text, again.id) == ("a", "1")


# --- played back -------------------------------------------------------------------------------------------


def test_it_plays_back_in_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    testing.run(recorded, path)
    recording = gf.replay(path)

    async def played(speed: float) -> tuple[list[gf.Event], float]:
        began = trio.current_time()
        async with recording.play(speed) as events:
            found = [event async for event in events]
        return found, trio.current_time() - began

    for speed in (1, 2, math.inf):
        found, took = testing.run(played, speed)
        assert found == list(recording)
        assert took == pytest.approx(recording.times[-1] / speed)


def test_its_model_stands_in_for_the_real_one(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    told = testing.run(recorded, path)
    replayed = gf.prompt("{question}") | gf.replay(path).model() | gf.text()

    async def streamed() -> list[str]:
        async with replayed.stream({"question": "Anything?"}) as chunks:
            return [chunk async for chunk in chunks]

    given = [event.chunk for event in told if event.event == "on_chat_model_stream"]
    assert testing.run(streamed) == [chunk.text for chunk in given]


def test_its_model_can_keep_the_time(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    testing.run(recorded, path)
    replayed = gf.replay(path).model(speed=1)

    async def timed() -> float:
        await replayed.invoke("Anything?")
        return trio.current_time()

    assert testing.run(timed) == pytest.approx(1 + 3 * 0.5, abs=1e-3)


def test_it_answers_every_call_in_turn_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    answers = iter(["one", "two words"])
    asked = gf.ScriptedChatModel(lambda messages: next(answers), name="oracle")
    testing.run(recorded, path, gf.each(asked | gf.text()), ["a", "b"])
    replayed = gf.replay(path).model("oracle")
    assert [replayed.sync.invoke("?").text for _ in range(2)] == ["one", "two words"]
    with pytest.raises(LookupError, match="was asked more often than recorded: 2 times"):
        replayed.sync.invoke("?")


def test_a_model_that_failed_fails_again(tmp_path: Path) -> None:
    class Failing(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            yield gf.AIMessageChunk("It lea")
            raise ConnectionError("cut")

    path = tmp_path / "run.jsonl"
    with pytest.raises(ConnectionError):
        testing.run(recorded, path, Failing(), "When?")
    with pytest.raises(gf.RecordedError, match="ConnectionError: cut"):
        gf.replay(path).model().sync.invoke("When?")


def test_a_model_whose_answer_was_left_gives_what_there_is_and_then_says_that_its_end_is_missing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.jsonl"

    async def leave() -> None:
        with trio.move_on_after(1.75):
            async with gf.record(model.events("When?"), path) as events:
                async for _ in events:
                    pass

    received: list[str] = []

    async def again() -> None:
        async with gf.replay(path).model().stream("When?") as chunks:
            async for chunk in chunks:
                received.append(chunk.text)

    testing.run(leave)
    with pytest.raises(EOFError, match=r"run\.jsonl: the recorded answer of `ScriptedChatModel` has no end"):
        testing.run(again)
    assert received == ["It", " leaves"]


def test_a_model_that_the_chain_itself_left_answers_as_far_as_it_was_read(tmp_path: Path) -> None:
    @gf.transform
    async def first(chunks: AsyncIterator[gf.AIMessageChunk]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk.text
            return

    path = tmp_path / "run.jsonl"
    testing.run(recorded, path, model | first, "When?")
    assert gf.replay(path).model().sync.invoke("When?").text == "It"


def test_without_the_outermost_run_it_is_not_known_to_be_complete(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    async def main() -> None:
        await recorded(path, include_types=["chat_model"])

    testing.run(main)
    recording = gf.replay(path)
    assert (recording.is_complete, recording.output, recording.error) == (False, None, None)
    assert recording.model().sync.invoke("?").text == "It leaves at 7:40."


def test_a_model_is_named_where_there_are_several_or_none(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    both = gf.ScriptedChatModel("a", name="first") | gf.text() | gf.ScriptedChatModel("b", name="second") | gf.text()
    testing.run(recorded, path, both, "x")
    recording = gf.replay(path)
    with pytest.raises(LookupError, match="it has 'first', 'second'"):
        recording.model()
    with pytest.raises(LookupError, match="it has 'first', 'second'"):
        recording.model("third")
    assert recording.model("second").sync.invoke("?").text == "b"
    testing.run(recorded, path, gf.passthrough(), "x")
    with pytest.raises(LookupError, match="it has none"):
        gf.replay(path).model()


def test_only_ends_are_enough_for_a_model(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    testing.run(recorded, path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"event":"stream"' not in line))
    assert gf.replay(path).model().sync.invoke("?").text == "It leaves at 7:40."


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_speeds_are_above_zero(tmp_path: Path, speed: float) -> None:
    path = tmp_path / "run.jsonl"
    testing.run(recorded, path)
    with pytest.raises(ValueError, match="above 0"):
        gf.replay(path).model(speed=speed)

    async def played() -> None:
        async with gf.replay(path).play(speed):
            pass

    with pytest.raises(ValueError, match="above 0"):
        testing.run(played)


# --- bad input ---------------------------------------------------------------------------------------------

GOOD_RUN = '{"run":"r","kind":"chain","name":"n","parents":[],"tags":[],"metadata":{}}\n'
HEAD = '{"graphflow_recording":1}\n'


def event_line(action: str, data: object) -> str:
    return json.dumps({"at": 1, "event": action, "of": "r", "data": data}) + "\n"


def run_line(run_id: str, parents: list[str]) -> str:
    return GOOD_RUN.replace('"r"', json.dumps(run_id)).replace("[]", json.dumps(parents), 1)


BAD: list[tuple[str, int, str]] = [
    ("", 0, "the file is empty"),
    ("hello\n", 1, "this is not JSON"),
    ("{}\n", 1, "this is no recording"),
    ('{"graphflow_recording":2}\n', 1, "has version 2, but this graphflow reads version 1"),
    (HEAD + "[1]\n", 2, "expected an object"),
    (HEAD + '{"at":NaN}\n', 2, "NaN stands where a number belongs"),
    (HEAD + GOOD_RUN[:-9], 2, "this line is cut"),
    (HEAD + GOOD_RUN.replace("chain", "train"), 2, "not 'train'"),
    (HEAD + GOOD_RUN.replace("[]", "[1]"), 2, 'a list of strings under "parents"'),
    (HEAD + GOOD_RUN.replace("{}", "3"), 2, '"metadata" is no object'),
    (HEAD + '{"at":1,"event":"end","of":"x","data":{}}\n', 2, "no line before tells of the run 'x'"),
    (HEAD + GOOD_RUN + '{"at":"1","event":"end","of":"r","data":{}}\n', 3, 'a number under "at"'),
    (HEAD + GOOD_RUN + '{"at":1,"event":"end","of":"r"}\n', 3, 'the key "data" is missing'),
    (HEAD + GOOD_RUN + '{"at":1,"event":"end","of":"r","data":3}\n', 3, '"data" is no object'),
    (HEAD + GOOD_RUN + '{"at":1,"event":"fly","of":"r","data":{}}\n', 3, "not 'fly'"),
    (HEAD + GOOD_RUN + '{"at":1,"event":"custom","of":"r","data":{}}\n', 3, '"label", which is missing'),
    (
        HEAD + GOOD_RUN + '{"at":1,"event":"stream","of":"r","data":{"$":"os.system"}}\n',
        3,
        "nothing that a recording holds",
    ),
    (HEAD + GOOD_RUN + '{"at":1,"event":"stream","of":"r","data":{"$":"Usage","x":1}}\n', 3, "not what a 'Usage' is"),
    (HEAD + GOOD_RUN + '{"at":1,"event":"stream","of":"r","data":{"$":"bytes","base64":"?"}}\n', 3, 'under "data"'),
    *((HEAD.replace("1}", f"{version}}}"), 1, "has version") for version in ("true", "1.0", '"1"', "[1]")),
    *(
        (
            HEAD + GOOD_RUN + event_line("end", {}).replace('"at": 1', f'"at": {at}'),
            3,
            'seconds under "at", from 0 to 1,000,',
        )
        for at in ("1" + 400 * "0", "1e999", "-1", "-1e-9", "1e10")
    ),
    (
        HEAD + GOOD_RUN + event_line("end", {}) + event_line("end", {}).replace('"at": 1', '"at": 0.5'),
        4,
        'expected under "at" no less than before, 1.0, found 0.5',
    ),
    *(
        (HEAD + GOOD_RUN + event_line("error", data), 3, 'expected an error under "data", "error", found ')
        for data in ({"error": 5}, {}, {"error": {"$": "tuple", "items": []}})
    ),
    (HEAD + GOOD_RUN + event_line("end", {"error": 5}), 3, "expected an error"),
    (HEAD + GOOD_RUN + GOOD_RUN.replace('"n"', '"m"'), 3, "the run 'r' is told of again; expected one line for a run"),
    (HEAD + run_line("r", ["r"]), 2, "expected under \"parents\" other runs than 'r', each once, found ['r']"),
    (HEAD + run_line("r", ["p", "p"]), 2, "each once, found ['p', 'p']"),
    (HEAD + run_line("p", ["r"]) + run_line("r", ["p"]), 3, "those of that run, ['r'], found []"),
    (HEAD + run_line("p", ["a"]) + run_line("r", ["b", "p"]), 3, "before 'p' those of that run, ['a'], found ['b']"),
    *(
        (
            HEAD + GOOD_RUN + event_line("stream", {"$": tag, **fields}),
            3,
            f"not what a '{tag}' is written as: {problem}",
        )
        for tag, fields, problem in (
            ("ImageBlock", {"media_type": "image/png", "data": 5}, "data is bytes | None, found 5"),
            ("ImageBlock", {"url": 5}, "url is str | None, found 5"),
            ("TextBlock", {"text": 5}, "text is str, found 5"),
            ("TextBlock", {"text": "a", "index": "1"}, "index is int | None, found '1'"),
            ("ReasoningBlock", {"text": "a", "signature": []}, "signature is str | None, found []"),
            ("ToolCallBlock", {"call": {}}, "call is ToolCall, found {}"),
            ("ToolCall", {"id": "1", "name": None}, "name is str, found None"),
            ("ToolCall", {"id": "1", "name": "f", "arguments": []}, "arguments is dict[str, Any], found []"),
            ("ToolCallChunk", {"index": True}, "index is int, found True"),
            ("ToolCallChunk", {"index": 0, "arguments_text": 5}, "arguments_text is str, found 5"),
            ("Usage", {"input_tokens": "a", "output_tokens": "b"}, "input_tokens is int, found 'a'"),
            ("Usage", {"input_details": {"cache_read": "6"}}, "input_details is Mapping[str, int], found"),
            ("HumanMessage", {"content": "a", "name": 5}, "name is str | None, found 5"),
            ("HumanMessage", {"content": 5}, "content is a str or a list of blocks, not int 5"),
            ("ToolMessage", {"content": "", "tool_call_id": "1", "status": "odd"}, "status is Literal["),
            ("AIMessage", {"usage": {}}, "usage is Usage | None, found {}"),
            ("AIMessageChunk", {"id": 5}, "id is str | None, found 5"),
            ("AIMessageChunk", {"tool_call_chunks": [5]}, "tool_call_chunks is tuple[ToolCallChunk, ...], found (5,)"),
            ("Document", {"text": "a", "score": "high"}, "score is float | None, found 'high'"),
            ("Document", {"text": "a", "score": 10**400}, "score is float | None, found 1000"),
            ("float", {"text": 10**400}, "expected a string, found 1000"),
            ("float", {"text": "1.5"}, "expected one of nan, inf, -inf, found '1.5'"),
            ("int", {"hex": 1}, "expected a string, found 1"),
            ("int", {}, "it has no key 'hex'"),
            ("bytes", {"base64": 5}, "expected a string, found 5"),
            ("tuple", {"items": "ab"}, "expected a list, found 'ab'"),
            ("set", {"items": [[]]}, "unhashable type"),
            ("dict", {"items": ["ab"]}, "expected a list of a key and a value, found 'ab'"),
            ("error", {"type": "E", "text": 5}, "expected a string, found 5"),
        )
    ),
    (HEAD + GOOD_RUN + '{"at":1,"event":"stream","of":"r","data":' + "[" * 100_000 + "]" * 100_000 + "}\n", 3, "JSON"),
]


@pytest.mark.parametrize(("text", "line", "problem"), BAD, ids=[problem for _, _, problem in BAD])
def test_a_bad_file_says_where_and_what_was_expected(tmp_path: Path, text: str, line: int, problem: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(gf.RecordingFormatError) as caught:
        gf.replay(path)
    assert caught.value.line == line
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(gf.RecordingFormatError, match="this is not UTF-8"):
        gf.replay(path)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphflow.recordings.reading.LONGEST_LINE", 100)
    path = tmp_path / "run.jsonl"
    path.write_text(HEAD + "x" * 101 + "\n")
    with pytest.raises(gf.RecordingFormatError, match="more than 100 characters"):
        gf.replay(path)
    monkeypatch.setattr("graphflow.recordings.reading.MOST_EVENTS", 0)
    path.write_text(HEAD + GOOD_RUN + '{"at":1,"event":"end","of":"r","data":{}}\n')
    with pytest.raises(gf.RecordingFormatError, match="more than 0 events"):
        gf.replay(path)


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(HEAD + "".join(GOOD_RUN.replace('"r"', f'"{number}"') for number in range(10)))
    assert not gf.replay(path).events
    monkeypatch.setattr("graphflow.recordings.reading.LONGEST_FILE", len(HEAD + GOOD_RUN * 4))
    with pytest.raises(gf.RecordingFormatError, match=r"the file has more than [\d,]+ characters up to here") as caught:
        gf.replay(path)
    assert caught.value.line == 6


def test_a_cut_file_can_be_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    told = testing.run(recorded, path)
    text = path.read_text()
    path.write_text(text[:-10])
    recording = gf.replay(path, allow_cut=True)
    assert len(recording) == len(told) - 1
    assert not recording.is_complete


@pytest.mark.parametrize("text", [HEAD[:-1], HEAD[:9], "hello"])
def test_of_a_file_whose_first_line_is_cut_nothing_can_be_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    for allow_cut in (False, True):
        with pytest.raises(gf.RecordingFormatError) as caught:
            gf.replay(path, allow_cut=allow_cut)
        assert str(caught.value) == (
            f'{path}:1: expected a whole line, {{"graphflow_recording":1}}, found {text!r}, which is cut: '
            "there is nothing to replay"
        )


@pytest.mark.parametrize(
    "options", [{"include_types": ["chat_model"], "allow_unmatched": True}, {"exclude_types": ["chain"]}, {}]
)
def test_runs_come_back_also_where_those_around_them_were_left_out(tmp_path: Path, options: dict[str, Any]) -> None:
    async def nested(question: str) -> str:
        return await chain.invoke({"question": question})

    async def main() -> list[gf.Event]:
        return await recorded(path, gf.each(gf.passthrough() | nested), ["When?", "Where?"], **options)

    path = tmp_path / "run.jsonl"
    told = testing.run(main)
    assert [facts(event) for event in gf.replay(path)] == [facts(event) for event in told]


@pytest.mark.parametrize("run", [chain, "run.jsonl", None], ids=["chain", "path", "nothing"])
def test_only_events_can_be_recorded(run: Any, tmp_path: Path) -> None:
    take: Callable[..., object] = gf.record
    with pytest.raises(TypeError, match=r"what chain\.events"):
        take(run, tmp_path / "run.jsonl")


def test_a_file_that_cannot_be_written_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        testing.run(recorded, tmp_path / "nowhere" / "run.jsonl")
