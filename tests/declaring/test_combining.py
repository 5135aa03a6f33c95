"""Chains made of chains: parallel, assign, pick, passthrough, branch, each, collect and fold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NotRequired, TypedDict

import pytest
import trio

import graphflow as gf


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


def chunks(chain: gf.Chain[Any, Any], given: object) -> list[Any]:
    async def read() -> list[Any]:
        async with chain.stream(given) as stream:
            return [chunk async for chunk in stream]

    return trio.run(read)


def of_key(key: str, records: list[dict[str, Any]]) -> list[Any]:
    return [record[key] for record in records if key in record]


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.chunkwise
def tripled(text: str) -> str:
    return text * 3


@gf.aggregate
def size(text: str) -> int:
    return len(text)


@gf.aggregate
async def ticks(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.sleep(1)
        yield letter


def timed(chain: gf.Chain[Any, Any], given: object) -> list[tuple[float, Any]]:
    """Return the chunks with the virtual time at which they came."""

    async def read() -> list[tuple[float, Any]]:
        async with chain.stream(given) as stream:
            return [(trio.current_time(), chunk) async for chunk in stream]

    return trio.run(read, clock=trio.testing.MockClock(autojump_threshold=0))


# --- parallel ----------------------------------------------------------------------------------------------


def test_parallel_gives_a_stream_of_records_in_order_per_key() -> None:
    given = chunks(letters | gf.parallel(loud=upper, long=tripled, size=size), "abc")
    assert all(len(record) == 1 for record in given)
    assert of_key("loud", given) == ["A", "B", "C"]
    assert of_key("long", given) == ["aaa", "bbb", "ccc"]
    assert of_key("size", given) == [3]


def test_between_keys_chunks_come_as_they_arrive_and_ties_as_declared() -> None:
    given = timed(ticks | gf.parallel(b=upper, a=tripled), "xyz")
    assert [sorted(key for _, record in given for key in record)] == [["a"] * 3 + ["b"] * 3]
    assert [when for when, _ in given] == [1, 1, 2, 2, 3, 3]


def test_what_comes_before_a_fork_runs_once() -> None:
    runs = []

    @gf.aggregate
    async def once(text: str) -> AsyncIterator[str]:
        runs.append(text)
        yield text

    assert value(once | gf.parallel(a=upper, b=tripled, c=size), "x") == {"a": "X", "b": "xxx", "c": 1}
    assert runs == ["x"]


def test_parallel_takes_a_dict_keywords_or_both() -> None:
    assert value(gf.parallel({"a b": upper}, c=size), "x") == {"a b": "X", "c": 1}


def test_the_value_of_parallel_has_its_keys_in_the_order_of_declaration() -> None:
    chain = gf.parallel(slow=letters | size, fast=upper)
    assert list(value(chain, "abc")) == ["slow", "fast"]


class Loud(TypedDict):
    loud: str
    size: NotRequired[int]


def test_a_parallel_may_say_which_record_it_gives() -> None:
    @gf.aggregate
    def line(loud: str, size: int) -> str:
        return f"{loud} {size}"

    both = gf.parallel(Loud, loud=upper, size=size)
    assert value(both, "ab") == {"loud": "AB", "size": 2}
    assert value(letters | both | line, "ab") == "AB 2"
    assert chunks(letters | gf.parallel(Loud, loud=upper), "ab") == [{"loud": "A"}, {"loud": "B"}]


def test_a_parallel_of_one_key() -> None:
    assert chunks(letters | gf.parallel(only=upper), "ab") == [{"only": "A"}, {"only": "B"}]


def test_a_key_may_hold_a_whole_chain() -> None:
    chain = gf.parallel(a=upper | letters | tripled, b=upper | size)
    assert value(chain, "ab") == {"a": "AAABBB", "b": 2}


def test_streams_by_key() -> None:
    plan = (letters | gf.parallel(loud=upper, size=size)).compile().plan
    assert plan.streams
    assert dict(plan.streams_by_key) == {"loud": True, "size": False}
    assert plan.streaming_begins == ("letters", "size")


# --- assign ------------------------------------------------------------------------------------------------


@gf.aggregate
def record(text: str) -> dict[str, str]:
    return {"text": text, "other": "kept"}


def test_assign_adds_keys_to_a_record() -> None:
    chain = record | gf.assign(size=lambda record: len(record["text"]))
    assert value(chain, "abc") == {"text": "abc", "other": "kept", "size": 3}


def test_an_assigned_key_replaces_a_passed_one() -> None:
    chain = record | gf.assign(text=lambda record: record["text"].upper())
    assert value(chain, "abc") == {"text": "ABC", "other": "kept"}
    assert of_key("text", chunks(chain, "abc")) == ["ABC"]


def size_of_text(record: dict[str, str]) -> int:
    return len(record["text"])


def test_an_assigned_key_comes_as_soon_as_it_exists() -> None:
    chain = ticks | gf.parallel(text=gf.passthrough()) | gf.assign(loud=gf.pick("text") | upper, size=size_of_text)
    given = timed(chain, "abc")
    assert [(when, record["loud"]) for when, record in given if "loud" in record] == [(1, "A"), (2, "B"), (3, "C")]
    assert [(when, record["text"]) for when, record in given if "text" in record] == [(1, "a"), (2, "b"), (3, "c")]
    assert [(when, record["size"]) for when, record in given if "size" in record] == [(3, 3)]


def test_assign_after_assign_streams_by_key() -> None:
    chain = (
        letters
        | gf.parallel(text=gf.passthrough())
        | gf.assign(size=gf.pick("text") | size)
        | gf.assign(loud=gf.pick("text") | upper)
    )
    assert dict(chain.compile().plan.streams_by_key) == {"text": True, "size": False, "loud": True}
    assert value(chain, "ab") == {"text": "ab", "size": 2, "loud": "AB"}


def test_assign_to_a_record_of_unknown_keys() -> None:
    plan = (record | gf.assign(size=len)).compile().plan
    assert dict(plan.streams_by_key) == {"...": False, "size": False}


# --- pick and passthrough ----------------------------------------------------------------------------------


def test_pick_takes_the_chunks_of_one_key() -> None:
    chain = letters | gf.parallel(loud=upper, long=tripled) | gf.pick("loud")
    assert chunks(chain, "ab") == ["A", "B"]


def test_pick_of_several_keys_gives_records() -> None:
    chain = letters | gf.parallel(loud=upper, long=tripled, size=size) | gf.pick("size", "loud")
    assert value(chain, "ab") == {"size": 2, "loud": "AB"}
    assert dict(chain.compile().plan.streams_by_key) == {"size": False, "loud": True}


def test_pick_passes_over_chunks_without_the_key() -> None:
    @gf.aggregate
    def mixed(text: str) -> Iterator[dict[str, str]]:
        yield {"a": "1"}
        yield {"b": "2"}
        yield {"a": "3", "b": "4"}

    assert chunks(mixed | gf.pick("a"), "") == ["1", "3"]
    assert chunks(mixed | gf.pick("a", "c"), "") == [{"a": "1"}, {"a": "3"}]


def test_what_pick_leaves_out_still_runs() -> None:
    runs = []

    @gf.aggregate
    def noted(text: str) -> str:
        runs.append(text)
        return text

    assert value(gf.parallel(a=upper, b=noted) | gf.pick("a"), "x") == "X"
    assert runs == ["x"]


def test_passthrough_changes_nothing() -> None:
    assert chunks(letters | gf.passthrough() | gf.passthrough(), "ab") == ["a", "b"]
    assert value(gf.passthrough(), {"any": "thing"}) == {"any": "thing"}
    nothing = object()
    assert value(gf.passthrough(), nothing) is nothing


# --- branch ------------------------------------------------------------------------------------------------


async def is_long(text: str) -> bool:
    await trio.lowlevel.checkpoint()
    return len(text) > 2


def test_branch_chooses_by_the_whole_value() -> None:
    asked = []

    def is_empty(text: str) -> bool:
        asked.append(text)
        return not text

    chain = letters | gf.branch((is_empty, lambda text: "nothing"), (is_long, letters), upper)
    assert chunks(chain, "") == ["nothing"]
    assert chunks(chain, "abc") == ["a", "b", "c"]
    assert chunks(chain, "ab") == ["AB"]
    assert asked == ["", "abc", "ab"]


def test_later_predicates_are_not_asked() -> None:
    def fails(text: str) -> bool:
        raise AssertionError("asked")

    assert value(gf.branch((lambda text: True, upper), (fails, size), size), "a") == "A"


def test_an_error_of_a_predicate_or_an_alternative_is_raised_as_itself() -> None:
    def fails(text: str) -> Any:
        raise KeyError(text)

    with pytest.raises(KeyError):
        value(gf.branch((fails, upper), upper), "a")
    with pytest.raises(KeyError):
        value(gf.branch((bool, fails), upper), "a")


def test_a_branch_of_producers_streams() -> None:
    plan = gf.branch((is_long, letters), letters | tripled).compile().plan
    assert plan.streams
    assert plan["branch"].node_class == "producer"


def test_a_branch_with_an_aggregate_says_which() -> None:
    plan = gf.branch((is_long, letters), size).compile().plan
    assert not plan.streams
    assert "its alternative `size` does not promise to stream" in plan["branch"].reason


# --- each --------------------------------------------------------------------------------------------------


@gf.aggregate
def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_each_gives_a_list_of_one_result_for_every_item_in_order(limit: int) -> None:
    @gf.aggregate
    async def slow(text: str) -> str:
        await trio.sleep(1 / len(text))
        return text.upper()

    async def read() -> list[Any]:
        async with (words | gf.each(slow, max_concurrency=limit)).stream("a bb ccc") as stream:
            return [chunk async for chunk in stream]

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(read, clock=clock) == [["A"], ["BB"], ["CCC"]]


def test_each_runs_ahead_as_far_as_it_may() -> None:
    running: list[int] = []

    @gf.aggregate
    async def slow(text: str) -> int:
        running.append(0)
        await trio.sleep(1)
        most = len(running)
        running.pop()
        return most

    clock = trio.testing.MockClock(autojump_threshold=0)
    most = trio.run((words | gf.each(slow, max_concurrency=2)).invoke, "a b c d", clock=clock)
    assert max(most) == 2


def test_each_takes_any_chain() -> None:
    chain = words | gf.each(letters | gf.parallel(loud=upper, size=size))
    assert value(chain, "ab c") == [{"loud": "AB", "size": 2}, {"loud": "C", "size": 1}]


def test_each_of_nothing_is_nothing() -> None:
    assert chunks(words | gf.each(size), "") == []
    assert value(words | gf.each(size), "") == []


def test_each_within_each() -> None:
    chain = gf.aggregate(lambda text: [text.split(), text.split()]) | gf.each(gf.each(upper))
    assert value(chain, "a b") == [["A", "B"], ["A", "B"]]


def test_each_needs_room_for_an_item() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        gf.each(size, max_concurrency=0)


# --- collect and fold --------------------------------------------------------------------------------------


def test_collect_makes_a_list_of_the_chunks() -> None:
    assert chunks(letters | gf.collect(), "abc") == [["a", "b", "c"]]
    assert value(letters | gf.collect() | len, "abc") == 3
    assert value(words | gf.each(size) | gf.collect(), "a bb") == [[1], [2]]


def test_collect_of_nothing_is_an_empty_list() -> None:
    assert value(letters | gf.collect(), "") == []


def test_fold_takes_an_accumulator() -> None:
    assert value(letters | gf.fold(gf.latest), "abc") == "c"
    total = gf.accumulator(initial=int, step=lambda state, chunk: state + len(chunk))
    assert value(letters | tripled | gf.fold(total), "abc") == 9


def test_fold_of_what_is_no_accumulator() -> None:
    with pytest.raises(TypeError, match=r"gf\.fold takes an accumulator"):
        gf.fold(sum)  # type: ignore[arg-type]


def test_an_own_accumulator_without_initial_value_needs_a_chunk() -> None:
    longest = gf.accumulator(step=lambda state, chunk: max(state, chunk, key=len), name="longest")
    assert value(words | gf.each(upper) | gf.fold(longest), "a bbb cc") == ["A"]
    with pytest.raises(gf.EmptyStreamError, match="`longest` has no initial value"):
        value(letters | gf.fold(longest), "")


def test_a_key_that_nothing_folds_may_be_replaced() -> None:
    @gf.transform
    async def lengths(chunks: AsyncIterator[str]) -> AsyncIterator[int]:
        async for chunk in chunks:
            yield len(chunk)

    def show(record: dict[str, object]) -> str:
        return repr(sorted(record.items()))

    record = gf.parallel(a=lengths, b=gf.passthrough())
    replaced = record | gf.assign(a=gf.pick("b")) | show
    assert replaced.sync.invoke("xyz") == "[('a', 'xyz'), ('b', 'xyz')]"
    with pytest.raises(gf.CompileError, match="GF220"):
        (record | gf.assign(c=gf.pick("b")) | show).compile()


def test_a_record_in_a_record_feeds_ports_by_name() -> None:
    @gf.aggregate
    def both(left: str, right: str) -> str:
        return left + right

    @gf.graph
    def nested(text: gf.Value[str]) -> gf.Value[str]:
        outer = gf.parallel(inner={"left": gf.passthrough(), "right": gf.aggregate(str.upper)})(text)
        return both(outer["inner"])

    assert nested.sync.invoke("x") == "xX"
