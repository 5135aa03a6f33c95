"""What docs/explanation/differences.md says of graphflow is so: one test for every row of its tables."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

import graphflow as gf
from tests.docs.pages import ROOT

T = TypeVar("T")

PAGE = (ROOT / "docs" / "explanation" / "differences.md").read_text(encoding="utf-8")
#: The defects that were found in LangChain's LCEL, which the page takes one by one.
DEFECTS = {f"B{number:02}" for number in range(1, 60)}
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


def run(function: Callable[[], Awaitable[T]]) -> T:
    """Run under a virtual clock; a run that waits for nothing fails instead of hanging."""

    async def in_time() -> T:
        with trio.fail_after(60):
            return await function()

    return trio.run(in_time, clock=MockClock(autojump_threshold=0))


async def chunks_of(chain: gf.Chain[Any, Any], value: object = "q") -> list[Any]:
    """Return the chunks of a run."""
    async with chain.stream(value) as chunks:
        return [chunk async for chunk in chunks]


async def read_into(seen: list[Any], chain: gf.Chain[Any, Any]) -> None:
    """Add the chunks of a run to a list, as far as they come."""
    async with chain.stream("q") as chunks:
        async for chunk in chunks:
            seen.append(chunk)


async def events_of(chain: gf.Chain[Any, Any], value: object = "q", **options: Any) -> list[gf.Event]:
    """Return the events of a run."""
    async with chain.events(value, **options) as events:
        return [event async for event in events]


def said(events: list[gf.Event]) -> list[tuple[str, str]]:
    """Return what happened to whom."""
    return [(event.event, event.name) for event in events]


def words(number: int = 5, *, delay: float = 0.0, made: list[int] | None = None) -> gf.Producer[str, str]:
    """Return a chain that gives words, and writes down how many it has made, and -1 when it is closed."""

    @gf.aggregate
    async def words(_: str) -> AsyncIterator[str]:
        try:
            for count in range(number):
                await trio.sleep(delay)
                if made is not None:
                    made.append(count)
                yield f"{count} "
        finally:
            if made is not None:
                made.append(-1)

    return words


def json_of(*pieces: str, **options: Any) -> gf.Chain[Any, Any]:
    """Return a model that says JSON in these pieces, parsed."""
    chain: gf.Chain[Any, Any] = gf.ScriptedChatModel(pieces) | gf.json_parser(**options)
    return chain


@gf.chunkwise
def same(chunk: str) -> str:
    return chunk


@gf.aggregate
def whole(value: Any) -> Any:
    return value


@gf.aggregate
async def failing(_: str) -> str:
    await trio.sleep(0.01)
    raise ValueError("boom")


def slow(ends: list[str]) -> gf.Aggregate[str, str]:
    """Return a chain that takes a second, and writes down how it ends."""

    @gf.aggregate
    async def slow(text: str) -> str:
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            ends.append("cancelled")
            raise
        ends.append("finished")
        return text

    return slow


# --- the table ---------------------------------------------------------------------------------------------


def test_every_row_of_the_table_has_a_test() -> None:
    rows = re.findall(r"^\| (B\d\d) \|", PAGE, flags=re.MULTILINE)
    tests = [name for name in globals() if name.startswith("test_b")]
    tested = {number.upper() for name in tests for number in re.findall(r"(?<=_)b\d\d(?=_)", name)}
    assert sorted(rows) == sorted(DEFECTS)
    assert tested == DEFECTS


def test_every_heading_names_items_of_the_inventory() -> None:
    numbers = re.findall(r"^### ([\d, ]+)\. ", PAGE, flags=re.MULTILINE)
    items = [int(number) for heading in numbers for number in heading.split(",")]
    assert len(items) == len(set(items))
    assert all(1 <= item <= 85 for item in items)


# --- leaving and failing -----------------------------------------------------------------------------------


def test_b01_an_early_break_has_closed_the_source_when_the_block_is_left() -> None:
    made: list[int] = []

    async def main() -> None:
        async with (words(made=made) | same).stream("q") as chunks:
            async for _ in chunks:
                break
        assert made == [0, -1]

    run(main)


@pytest.mark.parametrize("chain", ["b02", "b03"])
def test_b02_b03_a_synchronous_break_stops_the_source(chain: str) -> None:
    made: list[int] = []
    source = words(100_000, made=made)
    with (source | same if chain == "b02" else source | gf.text()).sync.stream("q") as chunks:
        for _ in chunks:
            break
    assert made[-1] == -1
    assert len(made) <= 1024 + 2


def test_b04_a_failing_branch_cancels_its_sibling() -> None:
    ends: list[str] = []

    async def main() -> None:
        with pytest.raises(ValueError, match="boom"):
            await gf.parallel(a=failing, b=slow(ends)).invoke("q")
        assert ends == ["cancelled"]

    run(main)


def test_b05_a_failing_branch_of_a_stream_cancels_its_sibling() -> None:
    ends: list[str] = []

    async def main() -> None:
        with pytest.raises(ValueError, match="boom"):
            await chunks_of(gf.parallel(a=failing, b=slow(ends)))
        assert ends == ["cancelled"]

    run(main)


def test_b06_a_synchronous_failure_does_not_wait_for_its_sibling() -> None:
    ends: list[str] = []
    with pytest.raises(ValueError, match="boom"):
        gf.parallel(a=failing, b=slow(ends)).sync.invoke("q")
    assert ends == ["cancelled"]


def test_b07_two_failures_arrive_together() -> None:
    @gf.aggregate
    async def also_failing(_: str) -> str:
        try:
            await trio.sleep(1)
        finally:
            raise KeyError("too")

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await gf.parallel(a=failing, b=also_failing).invoke("q")
        assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}

    for _ in range(10):
        run(main)


def test_b08_leaving_a_stream_of_branches_stops_the_others() -> None:
    made: list[int] = []

    async def main() -> None:
        async with gf.parallel(slow=words(delay=0.1, made=made), fast=same).stream("q") as records:
            async for _ in records:
                break
        before = list(made)
        await trio.sleep(5)
        assert made == before

    run(main)


def test_b09_a_pausing_listener_pauses_the_run_and_leaving_ends_it() -> None:
    made: list[int] = []

    async def main() -> None:
        async with (words(100_000, made=made) | same).events("q") as events:
            async for _ in events:
                break
            await trio.sleep(5)
            assert len(made) < 1100
        assert made[-1] == -1

    run(main)


def test_b40_a_run_that_its_reader_left_ends_without_output() -> None:
    inner = (words(100) | same).with_config(name="inner")

    @gf.aggregate
    async def reads_one(text: str) -> str:
        async with inner.stream(text) as chunks:
            async for chunk in chunks:
                return chunk
        return ""

    async def main() -> None:
        events = await events_of(reads_one)
        end = [event for event in events if event.name == "inner"][-1]
        assert isinstance(end, gf.EndEvent)
        assert end.output is None

    run(main)


def test_b53_leaving_a_synchronous_stream_does_not_wait_for_a_branch() -> None:
    made: list[int] = []
    with gf.parallel(slow=words(delay=30, made=made), fast=same).sync.stream("q") as records:
        for _ in records:
            break
    assert made == [-1]


# --- sharing -----------------------------------------------------------------------------------------------


def test_b10_a_chain_in_two_branches_runs_twice_and_a_handle_is_shared() -> None:
    calls: list[str] = []

    @gf.aggregate
    def expensive(text: str) -> str:
        calls.append(text)
        return text

    @gf.graph
    def diamond(text: gf.Value[str]) -> dict[str, gf.Value[Any]]:
        shared = expensive(text)
        return {"a": whole(shared), "b": whole(shared)}

    async def main() -> None:
        await gf.parallel(a=expensive | whole, b=expensive | whole).invoke("q")
        assert len(calls) == 2
        await (expensive | {"a": whole, "b": whole}).invoke("q")
        assert len(calls) == 3
        await diamond.invoke("q")
        assert len(calls) == 4

    run(main)


def test_b41_branches_share_the_chunk_object() -> None:
    @gf.aggregate
    async def record(_: str) -> AsyncIterator[dict[str, int]]:
        yield {"x": 1}

    @gf.chunkwise
    def identity(chunk: dict[str, int]) -> int:
        return id(chunk)

    async def main() -> None:
        value = await (record | {"a": identity, "b": identity} | gf.collect()).invoke("q")
        assert len({number for chunk in value for number in chunk.values()}) == 1

    run(main)


def test_b42_an_event_holds_the_chunk_itself() -> None:
    @gf.aggregate
    async def record(_: str) -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}

    @gf.chunkwise
    def changing(chunk: dict[str, int]) -> dict[str, int]:
        chunk["n"] = 999
        return chunk

    async def main() -> None:
        chunks = [event.chunk for event in await events_of(record | changing, include_names=["record"])]
        assert {"n": 999} in chunks

    run(main)


# --- what streams ------------------------------------------------------------------------------------------


def test_b11_a_plain_function_that_blocks_is_told() -> None:
    plan = gf.compile(words() | whole).plan
    assert [one.code for one in plan.diagnostics] == ["GF301"]
    with pytest.raises(gf.NotStreamingError):
        plan.require_streaming()


def test_b20_a_branch_waits_for_its_input_and_the_plan_says_so() -> None:
    chosen = gf.branch((bool, words()), words())
    assert "decides on its whole input" in gf.compile(words() | chosen).plan["branch"].reason


def test_b35_each_streams_and_has_events() -> None:
    @gf.aggregate
    async def waits(seconds: int) -> float:
        await trio.sleep(seconds)
        return trio.current_time()

    async def main() -> None:
        (first,), (second,) = await chunks_of(gf.each(waits), [1, 5])
        assert second - first == pytest.approx(5)
        assert ("on_chain_end", "waits") in said(await events_of(gf.each(waits), [1]))

    run(main)


def test_b36_an_assigned_key_comes_as_soon_as_it_exists() -> None:
    @gf.aggregate
    async def records(_: str) -> AsyncIterator[dict[str, str]]:
        for number in range(3):
            await trio.sleep(1)
            yield {"q": str(number)}

    @gf.transform
    async def doubled(records: AsyncIterator[dict[str, str]]) -> AsyncIterator[str]:
        async for record in records:
            yield record["q"] * 2

    async def main() -> None:
        chunks = await chunks_of(records | gf.assign(twice=doubled))
        assert [key for chunk in chunks for key in chunk] == ["q", "twice"] * 3

    run(main)


def test_b47_text_is_parsed_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    hops: list[object] = []
    to_thread, start = trio.to_thread.run_sync, threading.Thread.start

    async def seen_to_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        hops.append(function)
        return await to_thread(function, *args, **options)

    def seen_start(thread: threading.Thread) -> None:
        hops.append(thread)
        start(thread)

    monkeypatch.setattr(trio.to_thread, "run_sync", seen_to_thread)
    monkeypatch.setattr(threading.Thread, "start", seen_start)
    answer = gf.ScriptedChatModel('["a", "b"]') | gf.text()
    assert "".join(run(lambda: chunks_of(answer))) == '["a", "b"]'
    assert run(lambda: chunks_of(answer | gf.json_parser()))[-1] == ["a", "b"]
    assert hops == []
    trio.run(chunks_of, answer | gf.chunkwise(str.upper, thread=True))
    assert hops  # so a hop would have been seen


def test_b54_a_model_that_is_invoked_in_a_function_streams_its_events() -> None:
    model = gf.ScriptedChatModel("a b", name="model")

    @gf.aggregate
    async def asks(text: str) -> str:
        return (await model.invoke(text)).text

    assert said(run(lambda: events_of(asks))).count(("on_chat_model_stream", "model")) == 2


# --- values ------------------------------------------------------------------------------------------------


def test_b12_a_top_level_array_arrives_as_it_is() -> None:
    async def main() -> None:
        chain = json_of("[1", ", 2", ", 3]") | whole
        assert await chain.invoke("q") == [1, 2, 3]
        assert await chunks_of(chain) == [[1, 2, 3]]

    run(main)


def test_b13_events_tell_the_same_value() -> None:
    events = run(lambda: events_of(json_of("[1", ", 2", ", 3]")))
    assert [event.output for event in events if isinstance(event, gf.EndEvent)][1:] == [[1, 2, 3]] * 2


def test_b14_numbers_are_not_added_up() -> None:
    assert run(lambda: chunks_of(json_of("67", "39", "15") | whole)) == [673915]


def test_b15_chunks_of_mixed_types_are_an_error() -> None:
    @gf.aggregate
    async def mixed(_: str) -> AsyncIterator[Any]:
        for chunk in ("a", 1, "c"):
            yield chunk

    @gf.aggregate
    async def promised(_: str) -> AsyncIterator[str]:
        for chunk in ("a", 1, "c"):
            yield chunk  # type: ignore[misc]

    async def main() -> None:
        with pytest.raises(gf.CompileError, match="GF220"):
            gf.compile(mixed | whole)
        with pytest.raises(gf.FoldError):
            await (promised | whole).invoke("q")

    run(main)


def test_b16_an_empty_stream_has_a_value_or_a_clear_error() -> None:
    @gf.transform
    async def numbers(pieces: AsyncIterator[str]) -> AsyncIterator[int]:
        async for piece in pieces:
            yield len(piece)

    async def main() -> None:
        assert await (words(0) | whole).invoke("q") == ""
        with pytest.raises(gf.EmptyStreamError):
            await (words(0) | numbers | gf.fold(gf.accumulator(step=max))).invoke("q")

    run(main)


def test_b37_a_missing_key_is_an_error() -> None:
    @gf.aggregate
    def record(_: str) -> dict[str, Any]:
        return {"a": 1}

    async def main() -> None:
        with pytest.raises(gf.CompileError, match="GF106"):
            gf.compile({"a": same, "b": same} | gf.pick("c"))
        with pytest.raises(gf.EmptyStreamError):
            await (record | gf.pick("c")).invoke("q")

    run(main)


# --- JSON --------------------------------------------------------------------------------------------------


def test_b43_stream_and_invoke_refuse_the_same_text() -> None:
    async def main() -> None:
        for text in ("hi", '{"a": [1, 2'):
            with pytest.raises(gf.JsonStreamError):
                await json_of(text).invoke("q")
            with pytest.raises(gf.JsonStreamError):
                await chunks_of(json_of(text))
        assert await json_of('{"a": [1, 2', on_incomplete="keep").invoke("q") == {"a": [1, 2]}

    run(main)


def test_b44_a_refined_number_is_a_change() -> None:
    last = run(lambda: chunks_of(json_of('{"a": 1', ".0}")))[-1]
    assert repr(last) == "{'a': 1.0}"


def test_b45_half_a_pair_of_surrogates_is_held_back() -> None:
    assert run(lambda: chunks_of(json_of('{"a": "\\ud83d', '\\ude00"}'))) == [{"a": ""}, {"a": "\N{GRINNING FACE}"}]


def test_b56_partial_strings_and_numbers_can_be_held_back() -> None:
    pieces = ('{"n": "Sp', 'ain", "p": 47', "350", "000}")

    async def main() -> None:
        assert (await chunks_of(json_of(*pieces)))[0] == {"n": "Sp"}
        complete = await chunks_of(json_of(*pieces, scalars="complete"))
        assert complete == [{}, {"n": "Spain"}, {"n": "Spain", "p": 47350000}]

    run(main)


def test_b57_a_wrong_bracket_is_an_error() -> None:
    async def main() -> None:
        for text in ('{"a": 1]', "[1}"):
            with pytest.raises(gf.JsonStreamError, match="expected"):
                await json_of(text).invoke("q")
        assert await json_of('{"a": 1}}').invoke("q") == {"a": 1}
        with pytest.raises(gf.JsonStreamError):
            await json_of('{"a": 1}}', trailing="error").invoke("q")

    run(main)


def test_b58_no_key_disappears_while_an_escape_is_cut() -> None:
    chunks = run(lambda: chunks_of(json_of('{"ok": 1, "a": "caf', "\\u00", 'e9"}')))
    assert chunks == [{"ok": 1, "a": "caf"}, {"ok": 1, "a": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}]


# --- functions ---------------------------------------------------------------------------------------------


def test_b17_a_generator_is_the_same_node_bare_and_declared() -> None:
    def bracketed(chunks):  # type: ignore[no-untyped-def]
        for chunk in chunks:
            yield f"<{chunk}>"

    async def main() -> None:
        expected = ["<0 >", "<1 >"]
        assert await chunks_of(words(2) | bracketed) == expected
        assert await chunks_of(words(2) | gf.transform(bracketed)) == expected

    trio.run(main)  # in a thread, for which no virtual clock waits


def test_b18_callable_objects_are_recognised_and_generator_expressions_are_not() -> None:
    class Bracketed:
        def __call__(self, chunks: Iterator[str]) -> Iterator[str]:
            for chunk in chunks:
                yield f"<{chunk}>"

    async def main() -> None:
        assert await chunks_of(words(2) | Bracketed()) == ["<0 >", "<1 >"]
        assert len(await chunks_of(words(2) | (lambda text: (letter for letter in text)))) == 1

    trio.run(main)


def test_b19_plain_and_asynchronous_generators_work_everywhere() -> None:
    @gf.transform
    def plain(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield f"<{chunk}>"

    @gf.transform
    async def asynchronous(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield f"<{chunk}>"

    expected = ["<0 >", "<1 >"]
    for node in (plain, asynchronous):
        with (words(2) | node).sync.stream("q") as chunks:
            assert list(chunks) == expected
        assert trio.run(chunks_of, words(2) | node) == expected


def test_b50_types_that_do_not_fit_are_found_by_the_compiler() -> None:
    @gf.aggregate
    def rows(text: list[dict[str, int]]) -> int:
        return len(text)

    with pytest.raises(gf.CompileError, match="GF201"):
        gf.compile(words() | rows)  # type: ignore[operator]
    with pytest.raises(gf.CompileError, match="question"):
        gf.compile({"context": same} | gf.prompt("{context} {question}"))


def test_b52_a_generator_with_too_many_parameters_is_told() -> None:
    def stage(chunks, extra):  # type: ignore[no-untyped-def]
        yield from chunks

    with pytest.raises(gf.CompileError, match="`chunks` and `extra`"):
        gf.compile(words() | stage)  # type: ignore[operator]


# --- asyncio and Trio --------------------------------------------------------------------------------------


def test_b24_a_context_variable_set_in_a_step_is_seen_by_the_next() -> None:
    @gf.aggregate
    async def setting(text: str) -> str:
        VARIABLE.set("set")
        return text

    @gf.aggregate
    async def getting(_: str) -> str:
        return VARIABLE.get()

    async def main() -> None:
        assert await (setting | getting).invoke("q") == "set"
        assert await chunks_of(setting | getting) == ["set"]

    run(main)


def test_b25_a_context_variable_can_be_reset_in_a_generator() -> None:
    ends: list[str] = []

    @gf.transform
    async def setting(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        token = VARIABLE.set("set")
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            VARIABLE.reset(token)
            ends.append("reset")

    async def main() -> None:
        await chunks_of(words() | setting)
        async with (words() | setting).stream("q") as chunks:
            async for _ in chunks:
                break
        assert ends == ["reset"] * 2

    run(main)


def test_b26_a_timeout_inside_a_node_works() -> None:
    @gf.transform
    async def hurried(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with trio.fail_after(2.5):
            async for chunk in chunks:
                yield chunk

    async def main() -> None:
        seen: list[str] = []
        with pytest.raises(trio.TooSlowError):
            await read_into(seen, words(delay=1) | hurried)
        assert seen == ["0 ", "1 "]
        assert trio.current_time() < 3

    run(main)


def test_b27_a_nursery_inside_a_node_works() -> None:
    @gf.transform
    async def with_child(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async def child() -> None:
            await trio.sleep(2.5)
            raise ValueError("child")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            async for chunk in chunks:
                yield chunk

    async def main() -> None:
        seen: list[str] = []
        with pytest.raises(ExceptionGroup) as caught:
            await read_into(seen, words(10, delay=1) | with_child)
        assert caught.group_contains(ValueError, match="child")
        assert len(seen) == 2

    run(main)


def test_b28_chains_run_under_trio_and_from_asyncio_in_a_thread() -> None:
    async def under_asyncio() -> str:
        return await asyncio.to_thread(same.sync.invoke, "q")

    assert trio.run(same.invoke, "q") == "q"
    assert asyncio.run(under_asyncio()) == "q"


def test_b46_blocking_functions_run_side_by_side() -> None:
    meeting = threading.Barrier(32, timeout=30)

    @gf.aggregate(thread=True)
    def blocking(_: str) -> int:
        return meeting.wait()

    assert len(gf.parallel({f"k{number}": blocking for number in range(32)}).sync.invoke("q")) == 32


# --- limits ------------------------------------------------------------------------------------------------


def test_b34_a_chain_of_thousands_of_nodes_streams() -> None:
    chain: gf.Chain[Any, Any] = words(3)
    for _ in range(2000):
        chain = chain | same
    assert run(lambda: chunks_of(chain)) == ["0 ", "1 ", "2 "]


def test_b38_max_concurrency_holds_for_the_verb_or_node_that_has_it() -> None:
    live = peak = 0

    @gf.aggregate
    async def counted(text: str) -> str:
        nonlocal live, peak
        live += 1
        peak = max(peak, live)
        await trio.sleep(1)
        live -= 1
        return text

    async def main() -> None:
        nonlocal peak
        await counted.batch("abcdefghij", max_concurrency=2)
        assert peak == 2
        peak = 0
        await gf.each(counted, max_concurrency=3).invoke(list("abcdefghij"))
        assert peak == 3
        peak = 0
        await gf.parallel(dict.fromkeys("abcdefghij", counted)).invoke("q")
        assert peak == 10

    run(main)


def test_b39_a_failing_batch_cancels_the_rest() -> None:
    done: list[str] = []

    @gf.aggregate
    async def work(text: str) -> str:
        if text == "bad":
            raise ValueError(text)
        await trio.sleep(len(text))
        done.append(text)
        return text

    async def main() -> None:
        with pytest.raises(ValueError, match="bad"):
            await work.batch(["a", "bb", "bad"])
        async with work.batch_as_completed(["a", "bb", "ccc"]) as results:
            async for _ in results:
                break
        await trio.sleep(30)
        assert done == ["a"]

    run(main)


# --- events ------------------------------------------------------------------------------------------------


def test_b29_the_first_event_of_a_filter_has_its_own_input() -> None:
    start, *_, end = run(lambda: events_of(json_of('{"a": 1}'), "the question", include_names=["json_parser"]))
    assert "input" not in start.data
    assert end.data["input"].text == '{"a": 1}'


def test_b30_the_data_of_a_custom_event_is_left_alone() -> None:
    payload = {"x": 1}

    @gf.aggregate
    def telling(text: str) -> str:
        gf.emit("progress", payload)
        gf.emit("progress", "half")
        return text

    events = run(lambda: events_of(telling | whole, include_names=["telling"]))
    assert [event.data for event in events if isinstance(event, gf.CustomEvent)] == [{"x": 1}, "half"]
    assert payload == {"x": 1}


def test_b31_every_start_has_an_end_or_an_error() -> None:
    async def main() -> None:
        events: list[gf.Event] = []

        async def listen() -> None:
            async with (words() | same | failing).events("q") as stream:
                async for event in stream:
                    events.append(event)

        with pytest.raises(ValueError, match="boom"):
            await listen()
        starts = [event.run_id for event in events if isinstance(event, gf.StartEvent)]
        ends = [event.run_id for event in events if isinstance(event, gf.EndEvent | gf.ErrorEvent)]
        assert sorted(starts) == sorted(ends)
        assert [event.name for event in events if isinstance(event, gf.ErrorEvent)] == ["failing", "sequence"]

    run(main)


def test_b32_a_chain_that_is_run_in_a_worker_thread_keeps_its_parent() -> None:
    inner = whole.with_config(name="inner")

    @gf.aggregate(thread=True)
    def outer(text: str) -> Any:
        return inner.sync.invoke(text)

    events = trio.run(events_of, outer)
    assert next(event for event in events if event.name == "inner").parent_ids == [events[0].run_id]


def test_b48_a_run_id_that_is_given_twice_loses_no_event() -> None:
    run_id = "77777777-7777-4777-8777-777777777777"
    inner = whole.with_config(name="inner")

    @gf.aggregate
    async def outer(text: str) -> Any:
        return await inner.invoke(text, run_id=run_id)

    names = said(run(lambda: events_of(outer, run_id=run_id)))
    assert ("on_chain_end", "inner") in names
    assert names[-1] == ("on_chain_end", "outer")


def test_b49_events_can_be_read_in_code_that_is_not_asynchronous() -> None:
    with same.sync.events("q") as events:
        assert [event.event for event in events] == ["on_chain_start", "on_chain_stream", "on_chain_end"]


def test_b51_a_text_model_streams_its_events() -> None:
    class Letters(gf.TextModel):
        async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
            for letter in text:
                yield letter

    events = run(lambda: events_of(same | Letters(), "ab", include_types=["llm"]))
    assert [event.event for event in events] == ["on_llm_start", "on_llm_stream", "on_llm_stream", "on_llm_end"]
    assert events[0].input == {"prompts": ["ab"]}


def test_b55_a_streaming_step_starts_before_the_one_before_it_ends() -> None:
    names = said(run(lambda: events_of(words(1) | same)))
    assert names.index(("on_chain_start", "same")) < names.index(("on_chain_end", "words"))


# --- not offered -------------------------------------------------------------------------------------------


def failing_first(times: int) -> gf.Producer[str, str]:
    left = times

    @gf.aggregate
    async def letters(text: str) -> AsyncIterator[str]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise ValueError("not now")
        for letter in text:
            yield letter

    return letters


def test_b21_a_stream_is_retried_until_its_first_chunk() -> None:
    assert run(lambda: chunks_of(failing_first(2).with_retry(attempts=3, wait=0), "ab")) == ["a", "b"]


def test_b22_what_has_gone_out_is_not_taken_back_by_a_fallback_unless_it_is_held_back() -> None:
    @gf.aggregate
    async def breaks(text: str) -> AsyncIterator[str]:
        yield "par"
        raise ValueError("mid-stream")

    whole = failing_first(0)
    with pytest.raises(ValueError, match="mid-stream"):
        run(lambda: chunks_of(breaks.with_fallbacks(whole), "ab"))
    assert run(lambda: chunks_of(breaks.with_fallbacks(whole, until="end"), "ab")) == ["ab"]


def test_b23_a_fallback_in_mid_chain_streams() -> None:
    passes = gf.transform(doubled)
    chain = failing_first(0) | passes.with_fallbacks(passes)
    assert gf.compile(chain).plan.streams
    assert run(lambda: chunks_of(chain, "ab")) == ["aa", "bb"]


async def doubled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk * 2


def test_b59_a_cache_serves_streams_and_values_alike() -> None:
    calls: list[float] = []

    def script(_: list[gf.Message]) -> str:
        calls.append(trio.current_time())
        return "a"

    model = gf.ScriptedChatModel(script).with_cache()

    async def main() -> None:
        message = await model.invoke("q")
        assert message.text == "".join(chunk.text for chunk in await chunks_of(model)) == "a"
        assert len(calls) == 1

    run(main)


def test_b33_branches_of_plain_functions_take_turns_and_others_come_as_they_arrive() -> None:
    @gf.chunkwise
    async def waiting(chunk: str) -> str:
        await trio.lowlevel.checkpoint()  # Trio shuffles what is ready at the same moment
        return chunk

    def keys(records: list[dict[str, str]]) -> str:
        return "".join(key for record in records for key in record)

    for _ in range(20):
        records = run(lambda: chunks_of(words(6) | {"a": same, "b": same, "c": same}))
        assert keys(records) == "abc" * 6
        records = run(lambda: chunks_of(words(6) | {"a": waiting, "b": waiting, "c": waiting}))
        assert sorted(keys(records)) == sorted("abc" * 6)
        for key in "abc":
            assert [record[key] for record in records if key in record] == [f"{number} " for number in range(6)]
