"""The shapes that are easiest to get wrong, written out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypedDict

import pytest
import trio
from hypothesis import given

import graphflow as gf
from graphflow import testing
from tests.laws.doses import dose
from tests.laws.running import cut, narrow, with_plan
from tests.laws.simulation import simulate

MANY = 1000


async def collected(chain: gf.Chain[Any, Any], value: Any) -> list[Any]:
    async with chain.stream(value) as chunks:
        return [chunk async for chunk in chunks]


def streamed(chain: gf.Chain[Any, Any], value: Any) -> list[Any]:
    return simulate(lambda: collected(chain, value))


def invoked(chain: gf.Chain[Any, Any], value: Any) -> Any:
    return simulate(lambda: chain.invoke(value))


@gf.aggregate
async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@gf.transform(accumulate=gf.latest)
async def same(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        yield chunk


@gf.aggregate
async def total(chunks: AsyncIterator[int]) -> int:
    return sum([chunk async for chunk in chunks])


# --- reconvergence -----------------------------------------------------------------------------------------


@gf.transform
async def shares(chunks: AsyncIterator[int], whole: int) -> AsyncIterator[float]:
    async for chunk in chunks:
        yield chunk / whole


def test_a_transform_gets_the_whole_of_the_stream_that_it_then_reads() -> None:
    @gf.graph
    def normalised(count: gf.Value[int]) -> Any:
        stream = numbers(count)
        return shares(chunks=same(stream), whole=total(stream))

    given = streamed(normalised, MANY)
    assert given == [number / sum(range(MANY)) for number in range(MANY)]
    kinds = {buffer.port: buffer.kind for buffer in normalised.compile().plan.buffers if buffer.target == "shares"}
    assert kinds == {"chunks": "unbounded", "whole": "fold"}


def test_two_producers_that_read_wholes_alone_have_bounded_buffers() -> None:
    @gf.transform
    async def in_turn(left: AsyncIterator[int], right: AsyncIterator[int]) -> AsyncIterator[int]:
        async for chunk in right:
            yield chunk
        async for chunk in left:
            yield chunk

    @gf.aggregate
    def again(count: int) -> Iterator[int]:
        yield from range(count)

    @gf.graph
    def shown(count: gf.Value[int]) -> Any:
        return in_turn(left=numbers(count), right=again(count))

    assert streamed(shown, MANY) == [*range(MANY), *range(MANY)]
    kinds = {buffer.port: buffer.kind for buffer in shown.compile().plan.buffers if buffer.target == "in_turn"}
    assert kinds == {"left": "bounded", "right": "bounded"}


def test_a_producer_that_waits_for_the_stream_of_another_makes_it_unbounded() -> None:
    @gf.transform
    async def in_turn(left: AsyncIterator[int], right: AsyncIterator[int]) -> AsyncIterator[int]:
        async for chunk in right:
            yield chunk
        async for chunk in left:
            yield chunk

    @gf.aggregate
    def again(count: int) -> Iterator[int]:
        yield count

    @gf.graph
    def shown(count: gf.Value[int]) -> Any:
        stream = numbers(count)
        return in_turn(left=same(stream), right=again(total(stream)))

    assert streamed(shown, MANY) == [sum(range(MANY)), *range(MANY)]
    kinds = {buffer.port: buffer.kind for buffer in shown.compile().plan.buffers if buffer.target == "in_turn"}
    assert kinds["left"] == "unbounded"


def test_streams_that_keep_in_step_have_bounded_buffers() -> None:
    @gf.chunkwise
    async def loud(chunk: str) -> str:
        await trio.lowlevel.checkpoint()
        return chunk.upper()

    @gf.chunkwise
    async def either(record: dict[str, str]) -> str:
        return record.get("left", record.get("right", ""))

    @dose(60)
    @given(testing.chains([loud], join=either))
    def holds(chain: gf.Chain[str, str]) -> None:
        program = chain.compile()
        kinds = {buffer.kind for plan in (program.plan, *program.plan.nested) for buffer in plan.buffers}
        assert "unbounded" not in kinds

        async def narrowly() -> list[str]:
            async def source() -> AsyncIterator[str]:
                for chunk in "abc" * 10:
                    yield chunk

            async with with_plan(program, narrow(program.plan, 1)).transform(source()) as chunks:
                return [chunk async for chunk in chunks]

        assert set("".join(testing.run(narrowly))) == set("ABC")

    holds()


@pytest.mark.parametrize("first", ["left", "right"])
def test_two_streams_of_one_fork_are_read_one_after_the_other(first: str) -> None:
    @gf.transform
    async def both(left: AsyncIterator[int], right: AsyncIterator[int]) -> AsyncIterator[str]:
        streams = {"left": left, "right": right}
        for name in (first, "right" if first == "left" else "left"):
            async for chunk in streams[name]:
                yield f"{name}{chunk}"

    @gf.graph
    def forked(count: gf.Value[int]) -> gf.Stream[str]:
        stream = numbers(count)
        return both(left=same(stream), right=stream)

    given = streamed(forked, MANY)
    other = "right" if first == "left" else "left"
    assert given == [f"{name}{number}" for name in (first, other) for number in range(MANY)]


def test_two_streams_of_one_fork_whose_rates_differ_do_not_deadlock() -> None:
    @gf.transform
    async def rarely(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
        async for chunk in chunks:
            if chunk % 100 == 99:
                yield chunk

    @gf.transform
    async def pairs(often: AsyncIterator[int], seldom: AsyncIterator[int]) -> AsyncIterator[tuple[int, int]]:
        async for one in seldom:
            yield await anext(often), one

    @gf.graph
    def forked(count: gf.Value[int]) -> gf.Stream[tuple[int, int]]:
        stream = numbers(count)
        return pairs(often=stream, seldom=rarely(stream))

    assert streamed(forked, MANY) == [(number, 100 * number + 99) for number in range(10)]


def test_a_synchronous_transform_of_several_ports_reads_them_as_it_likes() -> None:
    @gf.transform
    def both(left: Iterator[int], right: Iterator[int], whole: int) -> Iterator[int]:
        yield from (chunk + whole for chunk in right)
        yield from left

    @gf.graph
    def forked(count: gf.Value[int]) -> Any:
        stream = numbers(count)
        return both(left=stream, right=same(stream), whole=total(stream))

    assert streamed(forked, 100) == [number + sum(range(100)) for number in range(100)] + list(range(100))


def test_a_shared_handle_runs_once() -> None:
    runs: list[int] = []

    @gf.aggregate
    async def expensive(value: int) -> int:
        runs.append(value)
        await trio.sleep(1)
        return value + 1

    @gf.aggregate
    def add(left: int, right: int) -> int:
        return left + right

    @gf.graph
    def diamond(value: gf.Value[int]) -> gf.Value[int]:
        once = expensive(value)
        return add(left=add(left=once, right=once), right=once)

    assert invoked(diamond, 1) == 6
    assert runs == [1]


def test_a_key_of_a_handle_is_used_twice() -> None:
    runs: list[str] = []

    @gf.aggregate
    def upper(value: str) -> str:
        runs.append(value)
        return value.upper()

    @gf.aggregate
    def put(left: str, right: str) -> str:
        return left + right

    @gf.graph
    def twice(value: gf.Value[str]) -> gf.Value[str]:
        record = gf.parallel(a=upper, b=gf.passthrough())(value)
        return put(left=record["a"], right=put(left=record["a"], right=record["b"]))

    assert invoked(twice, "x") == "XXx"
    assert runs == ["x"]


class Counted(TypedDict, total=False):
    a: str
    b: str


def test_a_transform_of_records_sees_the_chunks_of_every_key_in_order() -> None:
    seen: dict[str, list[str]] = {"a": [], "b": []}

    @gf.aggregate
    async def letters(value: str) -> AsyncIterator[str]:
        for letter in value:
            await trio.sleep(1)
            yield letter

    @gf.transform
    async def upper(chunks: AsyncIterator[Counted]) -> AsyncIterator[Counted]:
        async for chunk in chunks:
            for key, piece in chunk.items():
                assert isinstance(piece, str)
                seen[key].append(piece)
            yield Counted(**{key: str(piece).upper() for key, piece in chunk.items()})  # type: ignore[typeddict-item]

    @gf.aggregate
    def shown(a: str, b: str) -> str:
        return f"{a},{b}"

    chain = {"a": letters, "b": letters} | upper
    assert invoked(chain, "xyz") == {"a": "XYZ", "b": "XYZ"}
    assert seen == {"a": ["x", "y", "z"], "b": ["x", "y", "z"]}
    assert invoked(chain | shown, "xy") == "XY,XY"


# --- leaving early -----------------------------------------------------------------------------------------


class Source:
    """A producer that counts what it gives, and tells whether it is closed."""

    def __init__(self, *, pause: float = 0) -> None:
        self.given = 0
        self.closed_at: float | None = None

        @gf.aggregate(accumulate=gf.latest)
        async def endless(value: int) -> AsyncIterator[int]:
            try:
                while True:
                    self.given += 1
                    await trio.sleep(pause)
                    yield self.given
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)  # cleanup that waits
                self.closed_at = trio.current_time()

        self.node = endless


@gf.transform(accumulate=gf.latest)
async def first_three(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    for _ in range(3):
        yield await anext(chunks)


@gf.transform(accumulate=gf.latest)
async def waiting(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    while True:
        yield await anext(chunks)


FROM_SOURCE: dict[str, Callable[[Source], gf.Chain[Any, Any]]] = {
    "in place": lambda source: source.node | first_three,
    "from another task": lambda source: source.node | waiting | first_three,
    "from a fork": lambda source: source.node | {"a": first_three, "b": first_three},
    "through a fork and a join": lambda source: source.node | {"a": same, "b": same} | gf.pick("a") | first_three,
}


@pytest.mark.parametrize("shape", FROM_SOURCE)
def test_a_node_that_has_enough_ends_what_it_reads(shape: str) -> None:
    source = Source()
    given = streamed(FROM_SOURCE[shape](source), 0)
    assert given in ([1, 2, 3], [{"a": 1}, {"b": 1}, {"a": 2}, {"b": 2}, {"a": 3}, {"b": 3}]) or len(given) == 6
    assert source.closed_at is not None
    assert source.given <= 3 + 4 * 64


def test_what_a_reader_has_read_enough_of_ends_before_the_reader_is_through() -> None:
    ended_at: list[float] = []

    @gf.aggregate
    async def first(chunks: AsyncIterator[int]) -> int:
        return await anext(chunks)

    @gf.aggregate
    async def slow(value: int) -> int:
        await trio.sleep(100)
        ended_at.append(trio.current_time())
        return value

    shapes: list[Callable[[Source], gf.Chain[Any, Any]]] = [
        lambda source: source.node | first | slow,
        lambda source: source.node | same | waiting | first | slow,
    ]
    for shape in shapes:
        source = Source()
        assert invoked(shape(source), 0) == 1
        assert source.closed_at is not None
        assert source.closed_at < ended_at[-1] - 50


def test_a_synchronous_generator_that_reads_an_asynchronous_stream_is_left() -> None:
    source, closed = Source(pause=1), []

    @gf.transform
    def halves(chunks: Iterator[int]) -> Iterator[float]:
        try:
            for chunk in chunks:
                yield chunk / 2
        finally:
            closed.append("first")

    @gf.transform
    def again(chunks: Iterator[float]) -> Iterator[float]:
        try:
            for chunk in chunks:
                yield chunk + 0  # `yield from` would close what it reads by itself
        finally:
            closed.append("second")

    async def main() -> None:
        async with (source.node | halves | again).stream(0) as chunks:
            assert [await anext(chunks), await anext(chunks)] == [0.5, 1.0]

    simulate(main)
    assert closed == ["second", "first"]
    assert source.closed_at is not None


def test_synchronous_generators_after_an_asynchronous_stream_share_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    seen: set[int] = set()

    @gf.transform
    def here(chunks: Iterator[int]) -> Iterator[int]:
        for chunk in chunks:
            seen.add(threading.get_ident())
            yield chunk

    @gf.graph
    def chain(count: gf.Value[int]) -> gf.Stream[int]:
        return here(here(here(same(numbers(count)))))

    assert streamed(chain, 1) == [0]
    assert len(seen) == 1
    assert threading.get_ident() not in seen


# --- nothing at all ----------------------------------------------------------------------------------------


@gf.aggregate
async def no_text(value: int) -> AsyncIterator[str]:
    for _ in ():
        yield ""


@gf.aggregate(accumulate=gf.latest)
async def no_number(value: int) -> AsyncIterator[int]:
    for _ in ():
        yield 0


def test_a_stream_that_gives_nothing_folds_to_its_initial_value_or_fails() -> None:
    count = gf.accumulator(initial=int, step=lambda state, chunk: state + 1)

    @gf.aggregate
    def shout(value: str) -> str:
        return value + "!"

    @gf.aggregate
    def add(value: int) -> int:
        return value + 1

    @gf.aggregate
    def with_default(value: int = 7) -> int:
        return value

    assert invoked(no_text, 0) == ""
    assert invoked(no_text | shout, 0) == "!"
    assert invoked(no_text | gf.collect(), 0) == []
    assert invoked(no_number | gf.fold(count), 0) == 0
    assert invoked(no_number | with_default, 0) == 7
    assert streamed(no_number, 0) == []
    for chain in (no_number, no_number | add, gf.parallel(a=no_number, b=no_number) | {"a": gf.pick("a") | add}):
        with pytest.raises(gf.EmptyStreamError):
            invoked(chain, 0)
    with pytest.raises(gf.EmptyStreamError) as raised:
        invoked(no_number | add, 0)
    assert "in node `add`" in raised.value.__notes__[0]


class Answer(TypedDict):
    text: str
    number: int


def test_a_record_lacks_the_keys_that_have_no_value() -> None:
    @gf.aggregate
    def shown(record: dict[str, Any]) -> str:
        return repr(sorted(record.items()))

    @gf.aggregate
    def required(record: Answer) -> str:
        return repr(record)

    fan = gf.parallel(text=no_text, number=no_number)
    assert invoked(fan, 0) == {"text": ""}
    assert invoked(fan | shown, 0) == "[('text', '')]"
    with pytest.raises(gf.EmptyStreamError, match="number"):
        invoked(fan | required, 0)


def test_a_value_is_folded_like_one_chunk() -> None:
    ten = gf.accumulator(initial=lambda: 10, step=lambda state, chunk: state + chunk)
    seen: list[int] = []

    @gf.aggregate(accumulate=ten)
    def length(value: str) -> int:
        return len(value)

    @gf.aggregate
    def see(value: int) -> int:
        seen.append(value)
        return value

    assert invoked(length, "abc") == 13
    assert invoked(length | see, "abc") == 13
    assert invoked(length | {"a": see, "b": see}, "abc") == {"a": 13, "b": 13}
    assert seen == [13, 13, 13]
    assert invoked(gf.collect(), 1) == [1]
    assert invoked(length | gf.collect(), "abc") == [3]
    assert invoked(gf.parallel(a=gf.collect(), b=length), "abc") == {"a": ["abc"], "b": 13}


# --- branches and eaches -----------------------------------------------------------------------------------


def test_a_branch_starts_only_what_it_chooses() -> None:
    started: list[str] = []

    def alternative(name: str) -> gf.Chain[int, str]:
        @gf.aggregate
        async def work(value: int) -> AsyncIterator[str]:
            started.append(name)
            yield name

        return work

    async def is_one(value: int) -> bool:
        started.append("asked")
        return value == 1

    def unasked(value: int) -> bool:
        return value == 2

    chain = gf.branch((is_one, alternative("one")), (unasked, alternative("two")), alternative("other"))
    assert [streamed(chain, value) for value in (1, 2, 3)] == [["one"], ["two"], ["other"]]
    assert started == ["asked", "one", "asked", "two", "asked", "other"]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_the_results_of_an_each_come_in_the_order_of_the_items(limit: int) -> None:
    running, most = 0, 0

    @gf.aggregate
    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep((item * 7) % 11)
        running -= 1
        return -item

    items = list(range(30))
    assert streamed(gf.each(work, max_concurrency=limit), items) == [[-item] for item in items]
    assert most == min(limit, len(items))


def test_an_each_streams_a_result_while_later_items_are_at_work() -> None:
    @gf.aggregate
    async def work(item: int) -> int:
        await trio.sleep(item)
        return item

    async def main() -> list[float]:
        times = []
        async with gf.each(work, max_concurrency=3).stream([3, 1, 1, 1]) as chunks:
            async for _ in chunks:
                times.append(trio.current_time())
        return times

    assert simulate(main) == [3, 3, 3, 4]


def test_all_errors_of_an_each_arrive() -> None:
    @gf.aggregate
    async def work(item: int) -> int:
        try:
            await trio.sleep(1 if item == 0 else 2)
        except trio.Cancelled:
            if item == 1:
                raise ValueError(item) from None
            raise
        raise KeyError(item)

    with pytest.raises(ExceptionGroup) as raised:
        invoked(gf.each(work, max_concurrency=3), [0, 1, 2])
    assert [(type(error), error.args) for error in raised.value.exceptions] == [(KeyError, (0,)), (ValueError, (1,))]


# --- notes -------------------------------------------------------------------------------------------------


def test_a_note_names_the_node_that_raised_among_nodes_of_the_same_code() -> None:
    def node(name: str) -> gf.Transform[str, str]:
        @gf.transform(name=name)
        async def work(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
            async for chunk in chunks:
                if name in chunk:
                    raise ValueError(name)
                yield chunk

        return work

    @gf.aggregate
    def whole(value: str) -> str:
        return value

    chain = node("one") | node("two") | whole | node("three") | node("four")
    for name in ("one", "two", "three", "four"):
        with pytest.raises(ValueError, match=name) as raised:
            invoked(chain, name)
        assert [note.split("`")[1] for note in raised.value.__notes__] == [name]


def test_a_chunk_that_cannot_be_folded_is_an_error_of_the_node_that_waits() -> None:
    @gf.transform
    async def wrong(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in chunks:
            yield 3  # type: ignore[misc]

    @gf.aggregate
    def one(text: str) -> str:
        return text

    @gf.aggregate
    def two(left: str, right: str) -> str:
        return left + right

    for chain, name in ((wrong | one, "one"), (gf.parallel(left=wrong, right=wrong) | two, "two")):
        with pytest.raises(gf.FoldError) as raised:
            invoked(chain, "x")
        assert [note.split("`")[1] for note in raised.value.__notes__] == [name]


def test_an_output_that_cannot_be_folded_is_an_error_of_the_node_that_gives_it() -> None:
    @gf.transform
    async def wrong(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in chunks:
            yield 3  # type: ignore[misc]

    for chain in (wrong, gf.parallel(a=wrong, b=wrong) | gf.pick("a") | wrong):
        with pytest.raises(gf.FoldError) as raised:
            invoked(chain, "x")
        assert [note.split("`")[1].split(".")[0] for note in raised.value.__notes__] == ["wrong"]
    with pytest.raises(gf.EmptyStreamError) as empty:
        invoked(no_number, 0)
    assert [note.split("`")[1] for note in empty.value.__notes__] == ["no_number"]


def test_an_error_of_cleanup_says_where_it_comes_from() -> None:
    @gf.aggregate(accumulate=gf.latest)
    async def untidy(value: int) -> AsyncIterator[int]:
        try:
            while True:
                yield value
        finally:
            raise ValueError("cleanup")

    with pytest.raises(ValueError, match="cleanup") as raised:
        streamed(untidy | first_three, 1)
    assert [note.split("`")[1] for note in raised.value.__notes__] == ["untidy"]


def test_the_input_of_a_graph_that_begins_a_sequence_folds_by_its_annotation() -> None:
    @gf.graph
    def both(x: gf.Stream[str], y: gf.Value[list[int]]) -> Any:
        return {"x": x, "y": y}

    @gf.aggregate
    def shown(record: Any) -> str:
        return repr(record)

    async def main() -> list[str]:
        async with (both | shown).transform(cut([{"x": "a"}, {"y": [1]}, {"x": "b", "y": [2]}])) as chunks:
            return [chunk async for chunk in chunks]

    assert simulate(main) == ["{'x': 'ab', 'y': [1, 2]}"]
