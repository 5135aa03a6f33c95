"""Every start has exactly one end or error, however a run is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, hear_all, words
from tests.laws.simulation import simulate


@gf.aggregate
def same(value: Any) -> Any:
    return value


@gf.aggregate
async def ticks(value: Any) -> AsyncIterator[str]:
    for number in range(5):
        await trio.sleep(1)
        yield str(number)


@gf.transform
async def pulled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform
async def first(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk
        return


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.aggregate
async def slow(value: Any) -> str:
    await trio.sleep(100)
    return "slow"


@gf.aggregate
async def bad(value: Any) -> str:
    await trio.sleep(2)
    raise ValueError("bad")


@gf.aggregate
async def breaks_off(value: Any) -> AsyncIterator[str]:
    yield "one"
    await trio.sleep(1)
    raise ValueError("bad")


@gf.chunkwise
def refuses_two(chunk: str) -> str:
    if chunk == "2":
        raise ValueError("two")
    return chunk


def kinds_of_ends(heard: Heard) -> dict[str, str]:
    """How each run ended: ``"output"``, ``"left"`` or the name of the error."""
    ends: dict[str, str] = {}
    for event in heard.events:
        if isinstance(event, gf.EndEvent):
            ends[event.name] = "output" if "output" in event.data else "left"
        elif isinstance(event, gf.ErrorEvent):
            ends[event.name] = type(event.error).__name__
    return ends


def hear_inside(use: Any) -> Heard:
    """Listen to a node that does something with other chains."""

    @gf.aggregate
    async def outer(value: Any) -> str:
        await use()
        return "done"

    return hear_all(outer, 0)


CHAINS: dict[str, gf.Chain[Any, Any]] = {
    "one node": ticks,
    "sequence": ticks | pulled | upper,
    "kept sequence": ticks | (pulled | upper).with_config(name="inner"),
    "parallel": gf.parallel(a=ticks | pulled, b=ticks | upper, c=same),
    "fan in": gf.parallel(a=ticks, b=ticks | upper) | gf.aggregate(lambda record: record),
    "assign": gf.assign(a=ticks) | gf.pick("a"),
    "branch": gf.branch((bool, ticks | upper), ticks),
    "each": gf.each(ticks),
    "each side by side": gf.each(ticks | upper, max_concurrency=3),
}
VALUES: dict[str, Any] = {"assign": {"x": 1}, "each": [1, 2, 3], "each side by side": [1, 2, 3]}


# --- read to the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAINS)
def test_a_run_that_is_read_to_the_end_is_balanced(name: str) -> None:
    heard = hear_all(CHAINS[name], VALUES.get(name, "x"))
    assert set(kinds_of_ends(heard).values()) == {"output"}


# --- left early ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(8))
@pytest.mark.parametrize("name", CHAINS)
def test_a_nested_stream_that_is_left_early_is_balanced(name: str, count: int) -> None:
    async def use() -> None:
        async with CHAINS[name].stream(VALUES.get(name, "x")) as chunks:
            for _ in range(count):
                await anext(chunks, None)

    heard = hear_inside(use)
    assert not any(isinstance(event, gf.ErrorEvent) for event in heard.events) or name == "each side by side"


@pytest.mark.parametrize("count", [0, 1, 3, 8])
@pytest.mark.parametrize("name", CHAINS)
def test_nested_events_that_are_left_early_are_balanced_for_the_outer_listener(name: str, count: int) -> None:
    async def use() -> None:
        async with CHAINS[name].events(VALUES.get(name, "x")) as events:
            for _ in range(count):
                await anext(events, None)

    hear_inside(use)


def test_a_run_that_is_left_early_ends_without_output() -> None:
    async def use() -> None:
        async with (ticks | pulled).stream(0) as chunks:
            async for _ in chunks:
                break

    heard = hear_inside(use)
    assert kinds_of_ends(heard) == {"ticks": "left", "pulled": "left", "sequence": "left", "outer": "output"}
    assert heard.end("ticks").data == heard.end("sequence").data == {}


def test_a_run_whose_consumer_needs_no_more_ends_without_output() -> None:
    heard = hear_all(ticks | first | upper, 0)
    assert kinds_of_ends(heard) == {"ticks": "left", "first": "output", "upper": "output", "sequence": "output"}


def test_a_run_in_a_stage_of_its_own_ends_the_same_way() -> None:
    @gf.transform
    async def first_of_both(a: AsyncIterator[str], b: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in a:
            yield chunk
            return

    chain = gf.parallel(a=ticks.with_config(name="left"), b=ticks.with_config(name="right")) | first_of_both
    heard = hear_all(chain, 0)
    assert kinds_of_ends(heard) == {
        "left": "left",
        "right": "left",
        "parallel": "left",
        "first_of_both": "output",
        "sequence": "output",
    }


def test_leaving_before_anything_has_run_tells_nothing_of_the_nodes() -> None:
    async def use() -> None:
        async with (ticks | pulled).stream(0):
            pass

    heard = hear_inside(use)
    assert "ticks" not in heard.names


# --- failing ---------------------------------------------------------------------------------------------------


def test_a_failing_node_tells_its_error() -> None:
    heard = hear(same | bad | same.with_config(name="never"), "x")
    assert isinstance(heard.error, ValueError)
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {"same": "output", "bad": "ValueError", "sequence": "ValueError"}
    assert heard.end("bad").error is heard.end("sequence").error is heard.error
    assert heard.end("bad").data == {"error": heard.error, "input": "x"}


@pytest.mark.parametrize("kind", ["chain", "chat_model", "llm", "parser", "prompt", "retriever", "tool"])
def test_error_events_exist_for_every_kind(kind: str) -> None:
    class Chat(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            yield gf.AIMessageChunk("x")
            raise ValueError("bad")

    class Text(gf.TextModel):
        async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
            yield "x"
            raise ValueError("bad")

    def broken(query: str) -> Any:
        raise ValueError("bad")

    @gf.tool
    def tool(text: str) -> str:
        """Fail."""
        raise ValueError("bad")

    node: gf.Chain[Any, Any] = {
        "chain": bad,
        "chat_model": Chat(name="node"),
        "llm": Text(name="node"),
        "parser": gf.json_parser(),
        "prompt": gf.prompt("{a} {b}"),
        "retriever": gf.Retriever(broken),
        "tool": tool,
    }[kind]
    heard = hear(same | node.with_config(name="node"), "x" if kind != "parser" else "{]")
    assert heard.error is not None
    check_sound(heard.events)
    assert heard.end("node").event == f"on_{kind}_error"
    assert heard.end("node").error is heard.error


def test_a_failing_tool_tells_no_id_of_a_call_that_it_was_not_given() -> None:
    @gf.tool
    def failing(x: int) -> str:
        """Fail."""
        raise ValueError("Tool execution failed")

    heard = hear(failing, {"x": 42})
    assert heard.end("failing").data == {"error": heard.error, "input": {"x": 42}, "tool_call_id": None}


def test_what_is_before_a_failing_node_is_left_and_what_is_after_it_fails_with_it() -> None:
    chain = ticks | pulled | refuses_two | upper | same
    heard = hear(chain, 0)
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {
        "ticks": "left",
        "pulled": "left",
        "refuses_two": "ValueError",
        "upper": "ValueError",
        "same": "ValueError",
        "sequence": "ValueError",
    }
    assert all(heard.end(name).error is heard.error for name in ("refuses_two", "upper", "same"))
    assert [words(event) for event in heard.events[-6:]] == [
        "error refuses_two",
        "error upper",
        "error same",
        "end pulled",
        "end ticks",
        "error sequence",
    ]


def test_a_node_that_has_not_started_does_not_fail_with_its_input() -> None:
    heard = hear(bad | pulled | same, 0)
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {"bad": "ValueError", "sequence": "ValueError"}


def test_fused_nodes_fail_as_others_do() -> None:
    fused = upper.with_config(name="before") | refuses_two | upper.with_config(name="after")
    unfused = pulled.with_config(name="before") | refuses_two | pulled.with_config(name="after")
    for chain in (ticks | fused, ticks | unfused):
        heard = hear(chain, 0)
        check_sound(heard.events)
        assert kinds_of_ends(heard) == {
            "ticks": "left",
            "before": "left",
            "refuses_two": "ValueError",
            "after": "ValueError",
            "sequence": "ValueError",
        }


def test_fused_nodes_fail_with_their_input() -> None:
    heard = hear(breaks_off | upper | upper.with_config(name="second"), 0)
    assert set(kinds_of_ends(heard).values()) == {"ValueError"}
    assert heard.story[-4:] == ["error breaks_off", "error upper", "error second", "error sequence"]


@pytest.mark.parametrize("told", [["after"], ["before"], ["before", "after"]])
def test_fused_nodes_of_which_only_some_are_told_fail_the_same(told: list[str]) -> None:
    fused = upper.with_config(name="before") | refuses_two | upper.with_config(name="after")
    heard = hear(ticks | fused, 0, include_names=told)
    expected = {"before": "left", "after": "ValueError"}
    assert kinds_of_ends(heard) == {name: expected[name] for name in told}


def test_a_failing_sibling_cancels_the_others_and_each_tells_its_own_end() -> None:
    chain = gf.parallel(
        a=(same.with_config(name="done") | slow).with_config(name="cancelled"),
        b=(pulled | bad).with_config(name="failed"),
    )
    heard = hear(chain, "x")
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {
        "done": "output",
        "slow": "Cancelled",
        "cancelled": "Cancelled",
        "pulled": "output",
        "bad": "ValueError",
        "failed": "ValueError",
        "parallel": "ValueError",
    }


def test_a_failing_sibling_ends_what_waits_for_both() -> None:
    @gf.aggregate
    def both(a: str, b: str) -> str:
        return a + b

    heard = hear(gf.parallel(a=breaks_off, b=slow) | both, 0)
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {
        "breaks_off": "ValueError",
        "slow": "Cancelled",
        "parallel": "ValueError",
        "both": "ValueError",
        "sequence": "ValueError",
    }


def test_several_failures_are_each_told_and_the_whole_fails_with_the_group() -> None:
    @gf.aggregate
    async def also_bad(value: Any) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("also")

    heard = hear(gf.parallel(a=bad, b=also_bad), 0)
    check_sound(heard.events)
    assert isinstance(heard.error, ExceptionGroup)
    assert kinds_of_ends(heard) == {"bad": "ValueError", "also_bad": "KeyError", "parallel": "ExceptionGroup"}


def test_a_failing_item_or_alternative_is_told() -> None:
    for chain in (gf.each(bad), gf.each(bad, max_concurrency=2), gf.branch((bool, bad), same)):
        heard = hear(chain, [1])
        check_sound(heard.events)
        assert kinds_of_ends(heard) == {"bad": "ValueError", chain.name: "ValueError"}


def test_a_failing_predicate_fails_the_branch() -> None:
    heard = hear(gf.branch((lambda value: value.missing, same), same), 1)
    check_sound(heard.events)
    assert kinds_of_ends(heard) == {"branch": "AttributeError"}


def test_a_function_that_fails_before_it_gives_its_iterator_is_told() -> None:
    @gf.aggregate
    def opens(value: Any) -> Iterator[str]:
        raise ValueError("closed")

    assert not gf.compile(opens).plan["opens"].is_async
    heard = hear(same | opens, 0)
    check_sound(heard.events)
    assert kinds_of_ends(heard)["opens"] == "ValueError"


def test_a_failing_cleanup_is_told() -> None:
    @gf.aggregate
    async def untidy(value: Any) -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            raise ValueError("cleanup")

    heard = hear(untidy | first, 0)
    check_sound(heard.events)
    assert isinstance(heard.error, ValueError)
    assert kinds_of_ends(heard) == {"untidy": "ValueError", "first": "output", "sequence": "ValueError"}


def test_an_input_that_cannot_be_shown_fails_the_node_and_not_the_telling() -> None:
    heard = hear(gf.aggregate(lambda value: 5) | gf.ScriptedChatModel("x", name="model"), 0)
    check_sound(heard.events)
    assert isinstance(heard.error, TypeError)
    assert heard.start("model").data == {"input": 5}
    assert heard.end("model").error is heard.error


def test_an_accumulator_that_fails_does_not_fail_a_stream_that_nobody_folds() -> None:
    def fail(state: int, chunk: int) -> int:
        raise ValueError("bad")

    @gf.aggregate(accumulate=gf.accumulator(step=fail))
    def numbers(value: Any) -> Iterator[int]:
        yield 1
        yield 2

    heard = hear_all(numbers | gf.passthrough(), 0)
    assert heard.chunks("sequence") == [1, 2]
    assert heard.end("numbers").data == {"input": 0}
    assert heard.end("passthrough").data == {}


def test_a_source_that_fails_fails_what_reads_it() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("bad")

    async def use() -> None:
        with pytest.raises(ValueError, match="bad"):
            async with (pulled | upper | same).transform(source()) as chunks:
                async for _ in chunks:
                    pass

    heard = hear_inside(use)
    assert kinds_of_ends(heard) == {
        **dict.fromkeys(("pulled", "upper", "same", "sequence"), "ValueError"),
        "outer": "output",
    }


def test_wrong_input_fails_the_whole() -> None:
    heard = hear(gf.parallel(a=gf.pick("x") | same, b=gf.pick("x")), 5)
    assert heard.error is not None
    check_sound(heard.events)
    assert heard.story[0] == "start parallel"
    assert heard.end("parallel").error is heard.error


@pytest.mark.parametrize("name", ["sequence", "parallel", "each side by side"])
def test_all_events_of_a_failing_run_come_before_its_error(name: str) -> None:
    """The listener is slow: all that happened is still there when the error comes."""

    @gf.aggregate
    def fails(value: Any) -> str:
        for number in range(20):
            gf.emit("step", number)
        raise ValueError("bad")

    chain = {
        "sequence": ticks | same | fails,
        "parallel": gf.parallel(a=fails, b=slow),
        "each side by side": gf.each(fails, max_concurrency=3),
    }[name]
    got: list[gf.Event] = []

    async def main() -> None:
        async with chain.events([1]) as events:
            async for event in events:
                await trio.sleep(50)
                got.append(event)

    with pytest.raises(ValueError, match="bad"):
        simulate(main)
    check_sound(got)
    assert isinstance(got[-1], gf.ErrorEvent)
    assert [event.data for event in got if isinstance(event, gf.CustomEvent)] == list(range(20))


def test_a_failure_of_a_nested_run_that_is_caught_does_not_fail_the_node() -> None:
    async def use() -> None:
        with pytest.raises(ValueError, match="bad"):
            await (same | bad).invoke(1)

    heard = hear_inside(use)
    assert kinds_of_ends(heard) == {"same": "output", "bad": "ValueError", "sequence": "ValueError", "outer": "output"}


# --- cancelled -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 0.5, 1.5, 2.5])
@pytest.mark.parametrize("verb", ["invoke", "stream", "events"])
@pytest.mark.parametrize("name", CHAINS)
def test_a_nested_run_that_is_cancelled_is_balanced(name: str, verb: str, seconds: float) -> None:
    chain, value = CHAINS[name], VALUES.get(name, "x")

    async def use() -> None:
        with trio.move_on_after(seconds):
            if verb == "invoke":
                await chain.invoke(value)
            else:
                opened: Any = chain.stream(value) if verb == "stream" else chain.events(value)
                async with opened as items:
                    async for _ in items:
                        pass

    hear_inside(use)


def test_a_run_that_is_cancelled_fails_with_that() -> None:
    async def use() -> None:
        with trio.move_on_after(2.5):
            await (ticks | pulled | same).invoke(0)

    heard = hear_inside(use)
    assert kinds_of_ends(heard) == {
        "ticks": "Cancelled",
        "pulled": "Cancelled",
        "same": "Cancelled",
        "sequence": "Cancelled",
        "outer": "output",
    }


def test_nodes_that_are_cancelled_side_by_side_fail_with_that() -> None:
    async def use() -> None:
        with trio.move_on_after(2.5):
            await gf.parallel(a=ticks, b=slow).invoke(0)

    heard = hear_inside(use)
    assert kinds_of_ends(heard) == {
        "ticks": "Cancelled",
        "slow": "Cancelled",
        "parallel": "Cancelled",
        "outer": "output",
    }


# --- order -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAINS)
def test_parents_start_before_and_end_after_their_children(name: str) -> None:
    events = hear_all(CHAINS[name], VALUES.get(name, "x")).events
    first_and_last = (
        {event.run_id: event.seq for event in reversed(events)},
        {event.run_id: event.seq for event in events},
    )
    for event in events:
        for parent in event.parent_ids:
            assert first_and_last[0][parent] < event.seq < first_and_last[1][parent]
