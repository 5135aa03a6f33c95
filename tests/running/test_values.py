"""What nodes may give besides generators and the values that are expected, and what is said of what they may not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf


async def invoked(chain: gf.Chain[Any, Any], value: object) -> Any:
    return await chain.invoke(value)


async def streamed(chain: gf.Chain[Any, Any], value: object) -> Any:
    async with chain.stream(value) as chunks:
        return [chunk async for chunk in chunks]


async def listened(chain: gf.Chain[Any, Any], value: object) -> Any:
    async with chain.events(value) as events:
        return [event.chunk async for event in events if isinstance(event, gf.StreamEvent) and not event.parent_ids]


async def measured(chain: gf.Chain[Any, Any], value: object) -> Any:
    return (await chain.explain_analyze(value)).output


async def in_thread(chain: gf.Chain[Any, Any], value: object) -> Any:
    def read() -> list[Any]:
        with chain.sync.stream(value) as chunks:
            return list(chunks)

    return await trio.to_thread.run_sync(read)


async def in_thread_at_once(chain: gf.Chain[Any, Any], value: object) -> Any:
    return await trio.to_thread.run_sync(chain.sync.invoke, value)


Way = Callable[[gf.Chain[Any, Any], object], Awaitable[Any]]
WAYS: list[Way] = [invoked, streamed, listened, measured, in_thread, in_thread_at_once]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def run(way: Way, chain: gf.Chain[Any, Any], value: object) -> Any:
    """Run a chain in one way; its output, in one piece."""

    async def main() -> Any:
        with trio.fail_after(60):
            return await way(chain, value)

    output = trio.run(main)
    return "".join(output) if isinstance(output, list) else output


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
async def letters_in_turn(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.lowlevel.checkpoint()
        yield letter


@gf.aggregate
async def untidy(text: str) -> AsyncIterator[str]:
    try:
        while True:
            yield text
    finally:
        raise ValueError("cleanup")


@gf.aggregate
def untidy_without_waiting(text: str) -> Iterator[str]:
    try:
        while True:
            yield text
    finally:
        raise ValueError("cleanup")


# --- iterators that are no generators, which nobody can close ----------------------------------------------


def upper(chunks: Iterator[str]) -> Iterator[str]:
    return map(str.upper, chunks)


class Twice(AsyncIterator[str]):
    """Gives every chunk twice."""

    def __init__(self, chunks: AsyncIterator[str]) -> None:
        self._chunks = chunks
        self._again: str | None = None

    async def __anext__(self) -> str:
        if self._again is not None:
            chunk, self._again = self._again, None
            return chunk
        self._again = await anext(self._chunks)
        return self._again


def twice(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    return Twice(chunks)


@every_way
@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (letters | upper | upper, "ABC"),
        (letters_in_turn | upper, "ABC"),
        (letters_in_turn | twice, "aabbcc"),
        (letters | {"left": upper, "right": upper} | gf.pick("left"), "ABC"),
    ],
    ids=["plain", "in a thread", "asynchronous", "in a fan"],
)
def test_a_node_may_give_an_iterator_that_is_no_generator(way: Way, chain: gf.Chain[Any, Any], expected: str) -> None:
    assert run(way, chain, "abc") == expected


@gf.transform
def first(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk
        return


@gf.transform
async def first_in_turn(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk
        return


@every_way
@pytest.mark.parametrize(
    "chain",
    [letters | upper | first, letters_in_turn | upper | first_in_turn, letters_in_turn | twice | first_in_turn],
    ids=["plain", "in a thread", "asynchronous"],
)
def test_who_reads_such_an_iterator_may_leave_it(way: Way, chain: gf.Chain[Any, Any]) -> None:
    assert run(way, chain, "abc").lower() == "a"


@pytest.mark.parametrize("chain", [letters | upper, letters_in_turn | upper, letters_in_turn | twice])
def test_a_run_with_such_an_iterator_can_be_left(chain: gf.Chain[Any, Any]) -> None:
    def first() -> str:
        with chain.sync.stream("abc") as chunks:
            chunk: str = next(chunks)
            return chunk

    async def main() -> None:
        async with chain.stream("abc") as chunks:
            assert (await anext(chunks)).lower() == "a"
        async with chain.events("abc") as events:
            async for event in events:
                if isinstance(event, gf.StreamEvent):
                    break
        assert (await trio.to_thread.run_sync(first)).lower() == "a"

    trio.run(main)


@every_way
def test_so_may_the_input_of_a_run_within_a_run(way: Way) -> None:
    class Letters(AsyncIterator[str]):
        def __init__(self, text: str) -> None:
            self._rest = list(text)

        async def __anext__(self) -> str:
            if not self._rest:
                raise StopAsyncIteration
            return self._rest.pop(0)

    @gf.aggregate
    async def outer(text: str) -> str:
        async with (gf.passthrough() | twice).transform(Letters(text)) as chunks:
            return "".join([chunk async for chunk in chunks])

    assert run(way, outer, "abc") == "aabbcc"


# --- functions that read their stream themselves -------------------------------------------------------------


def first_of(chunks: Iterator[str]) -> str:
    return next(chunks)


async def first_of_in_turn(chunks: AsyncIterator[str]) -> str:
    return await anext(chunks)


@every_way
@pytest.mark.parametrize(
    "chain",
    [letters | first_of, letters_in_turn | first_of, letters_in_turn | first_of_in_turn, letters | first_of_in_turn],
    ids=["plain", "in a thread", "asynchronous", "lifted"],
)
def test_a_function_may_read_some_of_a_stream(way: Way, chain: gf.Chain[str, str]) -> None:
    assert run(way, chain, "abc") == "a"


@every_way
def test_an_error_of_what_it_leaves_arrives(way: Way) -> None:
    for source, function in ((untidy_without_waiting, first_of), (untidy, first_of_in_turn)):
        with pytest.raises(ValueError, match="cleanup") as raised:
            run(way, source | function, "abc")
        assert raised.value.__notes__[0].startswith("in node `untidy")


# --- generators that keep a scope open -----------------------------------------------------------------------


@gf.transform
async def within_a_scope(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with trio.CancelScope():
        async for chunk in chunks:
            yield chunk


@gf.transform
async def instead(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    yield "none"


@every_way
@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (letters | within_a_scope, "abc"),
        (letters | upper | within_a_scope, "ABC"),
        (letters_in_turn | twice | within_a_scope | upper, "AABBCC"),
        (letters | within_a_scope | first_in_turn, "a"),
        (letters | within_a_scope | instead, "none"),
    ],
    ids=["after a generator", "after an iterator", "between iterators", "left early", "never read"],
)
def test_a_generator_that_keeps_a_scope_open_reads_what_stands_before_it(
    way: Way, chain: gf.Chain[str, str], expected: str
) -> None:
    assert run(way, chain, "abc") == expected


def test_a_generator_that_keeps_a_scope_open_may_be_left_before_it_begins() -> None:
    async def main() -> None:
        async with (letters | within_a_scope).stream("abc"):
            pass

    trio.run(main)


# --- awaitables that are no coroutines -----------------------------------------------------------------------


class Ready(Awaitable[str]):
    """Has its value at once, and is no generator: it can be sent nothing."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Ready:
        return self

    def __next__(self) -> Any:
        raise StopIteration(self._text)


@gf.aggregate
def ready(text: str) -> Awaitable[str]:
    return Ready(text)


@gf.aggregate
def slept(text: str) -> Awaitable[str]:
    async def in_time() -> str:
        await trio.sleep(0.001)
        return text

    return in_time()


@every_way
@pytest.mark.parametrize("chain", [ready, slept], ids=["at once", "in time"])
def test_a_function_may_give_what_has_to_be_awaited(way: Way, chain: gf.Chain[str, str]) -> None:
    assert run(way, chain, "abc") == "abc"


# --- values that are not what was promised -------------------------------------------------------------------


@gf.chunkwise
async def shouted(chunk: str) -> str:
    return chunk + "!"


@gf.chunkwise(accumulate=gf.latest)
def anything(chunk: str) -> Any:
    return 3


@gf.chunkwise(accumulate=gf.latest)
async def anything_in_turn(chunk: str) -> Any:
    await trio.lowlevel.checkpoint()
    return [chunk] * 100


@every_way
@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (anything | gf.pick("answer"), "key 'answer' was asked of `anything`, which gave no record but 3"),
        (
            anything_in_turn | gf.pick("answer"),
            "key 'answer' was asked of `anything_in_turn`, which gave no record but",
        ),
        (anything | gf.pick("answer", "score"), "`pick` takes keys of records, but got 3"),
        (anything | gf.assign(answer=letters), "`assign` adds keys to a record, but `anything` gave 3"),
    ],
    ids=["one key", "one key of what waits", "several keys", "further keys"],
)
def test_what_is_no_record_has_no_keys(way: Way, chain: gf.Chain[Any, Any], expected: str) -> None:
    with pytest.raises((TypeError, gf.InputError, gf.NotInvokableError)) as raised:
        run(way, chain, "q")
    if not isinstance(raised.value, gf.NotInvokableError):
        assert expected in str(raised.value)


@every_way
def test_chunks_that_cannot_be_folded_are_an_error_of_who_waits_for_them(way: Way) -> None:
    @gf.transform
    async def wrong(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in chunks:
            yield 3  # type: ignore[misc]

    @gf.aggregate
    async def whole(text: str) -> str:
        return text

    for chain in (
        letters_in_turn | wrong | whole,
        letters | gf.parallel(one=wrong, two=wrong) | gf.pick("one") | whole,
    ):
        with pytest.raises(gf.FoldError) as raised:
            run(way, chain, "abc")
        assert [note.split("`")[1] for note in raised.value.__notes__] == ["whole"]


@every_way
def test_a_single_value_that_cannot_be_folded_is_an_error_of_who_waits_for_it(way: Way) -> None:
    def refused(total: int, one: int) -> int:
        raise ValueError(f"{one} is too much")

    @gf.aggregate(accumulate=gf.accumulator(initial=lambda: 0, step=refused))
    def number(_: str) -> int:
        return 3

    @gf.aggregate
    def whole(value: int) -> str:
        return str(value)

    with pytest.raises(ValueError, match="3 is too much") as raised:
        run(way, number | whole, "abc")
    assert [note.split("`")[1] for note in raised.value.__notes__] == ["whole"]


@every_way
def test_what_is_no_list_has_no_items(way: Way) -> None:
    @gf.aggregate
    def text(_: str) -> Any:
        return "abc"

    with pytest.raises(TypeError, match="`each` runs once for every item of a list, but was given 'abc'"):
        run(way, text | gf.each(letters), "q")


@every_way
def test_a_key_that_the_input_lacks_is_named(way: Way) -> None:
    @gf.aggregate
    async def told(left: str, right: str) -> str:
        return left + right

    chain: gf.Chain[Any, Any] = gf.parallel(one=told, other=told) | (lambda record: record["one"])
    assert run(way, chain, {"left": "a", "right": "b"}) == "ab"
    with pytest.raises(gf.InputError, match="key 'right', which its input lacks"):
        run(way, chain, {"left": "a"})


@every_way
def test_what_lacks_a_key_is_passed_by(way: Way) -> None:
    chain: gf.Chain[Any, Any] = gf.passthrough() | gf.pick("text") | shouted | shouted
    assert run(way, chain, {"text": "a"}) == "a!!"
    with contextlib.suppress(gf.EmptyStreamError):  # where the value is asked
        assert run(way, chain, {}) in ("", [])


@every_way
def test_a_parameter_has_its_default_where_a_key_is_lacking(way: Way) -> None:
    @gf.aggregate
    async def whole(text: str = "nothing") -> str:
        return text

    chain: gf.Chain[Any, Any] = gf.passthrough() | gf.pick("text") | shouted | whole
    assert run(way, chain, {"text": "a"}) == "a!"
    assert run(way, chain, {}) == "nothing"


@every_way
def test_a_function_that_fails_before_it_gives_a_stream_is_named(way: Way) -> None:
    def refuses(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused") as raised:
        run(way, letters_in_turn | refuses, "q")
    assert [note.split("`")[1] for note in raised.value.__notes__] == ["refuses"]


def test_an_error_that_is_raised_again_says_once_where_it_comes_from() -> None:
    error = ValueError("always the same")

    @gf.aggregate
    def fails(_: str) -> str:
        raise error

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match="always the same"):
                await fails.invoke("q", run_id="8a4b3a0c-0000-4000-8000-000000000000")

    trio.run(main)
    assert len(error.__notes__) == 1


# --- what fails when it is closed ----------------------------------------------------------------------------


UNTIDY: list[gf.Chain[str, Any]] = [
    untidy,
    untidy_without_waiting,
    untidy.with_retry(attempts=2),
    untidy.with_timeout(total=60),
    untidy.with_fallbacks(letters),
    untidy_without_waiting | upper,
]
every_untidy = pytest.mark.parametrize("chain", UNTIDY, ids=range(len(UNTIDY)))


@every_untidy
@pytest.mark.parametrize("fails", [False, True], ids=["left", "failed"])
def test_an_error_of_cleanup_arrives_where_a_run_is_left(chain: gf.Chain[str, Any], fails: bool) -> None:
    async def main() -> None:
        async with chain.stream("a") as chunks:
            await anext(chunks)
            if fails:
                raise KeyError("mine")

    check(lambda: trio.run(main), fails=fails)


@every_untidy
@pytest.mark.parametrize("fails", [False, True], ids=["left", "failed"])
def test_so_it_does_without_a_loop(chain: gf.Chain[str, Any], fails: bool) -> None:
    def main() -> None:
        with chain.sync.stream("a") as chunks:
            next(chunks)
            if fails:
                raise KeyError("mine")

    check(main, fails=fails)


def check(main: Callable[[], None], *, fails: bool) -> None:
    """Check that nothing that was raised is lost, and that the error of the node says where it comes from."""
    with pytest.raises((ValueError, ExceptionGroup)) as raised:
        main()
    errors = raised.value.exceptions if isinstance(raised.value, ExceptionGroup) else (raised.value,)
    assert [type(error) for error in errors] == ([KeyError, ValueError] if fails else [ValueError])
    assert errors[-1].__notes__[0].startswith("in node `untidy")


@pytest.mark.parametrize("wrapped", [False, True], ids=["itself", "with fallbacks"])
def test_an_error_that_the_cleanup_raises_again_arrives_once(wrapped: bool) -> None:
    error = KeyError("mine")

    @gf.aggregate
    async def again(text: str) -> AsyncIterator[str]:
        try:
            while True:
                yield text
        finally:
            raise error

    @gf.aggregate
    def again_without_waiting(text: str) -> Iterator[str]:
        try:
            while True:
                yield text
        finally:
            raise error

    async def in_loop(chain: gf.Chain[str, Any]) -> None:
        async with chain.stream("a") as chunks:
            await anext(chunks)
            raise error

    def without_loop(chain: gf.Chain[str, Any]) -> None:
        with chain.sync.stream("a") as chunks:
            next(chunks)
            raise error

    for chain in (again, again_without_waiting):
        told = chain.with_fallbacks(letters) if wrapped else chain
        with pytest.raises(KeyError, match="mine"):
            trio.run(in_loop, told)
        with pytest.raises(KeyError, match="mine"):
            without_loop(told)
