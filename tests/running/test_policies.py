"""Retries, fallbacks, time limits and caches: what they do to streams, to errors, and to what is left behind."""

from __future__ import annotations

import enum
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import tenacity
import trio
import trio.testing

import graphflow as gf
from graphflow import testing
from graphflow.policies.cache import key_of
from tests.events.hearing import check_sound, hear
from tests.laws.simulation import simulate


class Flaky:
    """A producer and a transform that fail so often, each after so many chunks."""

    def __init__(self, times: int, *, after: int = 0) -> None:
        self.left = times
        self.after = after
        self.attempts = 0
        self.closed = 0

    def _begins(self) -> bool:
        self.attempts += 1
        self.left -= 1
        return self.left >= 0

    def producer(self) -> gf.Producer[str, str]:
        @gf.aggregate
        async def flaky(text: str) -> AsyncIterator[str]:
            fails = self._begins()
            try:
                for number, letter in enumerate(text):
                    if fails and number == self.after:
                        raise ValueError(f"attempt {self.attempts}")
                    yield letter
            finally:
                self.closed += 1

        return flaky

    def transform(self) -> gf.Transform[str, str]:
        @gf.transform
        async def flaky(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
            fails = self._begins()
            number = 0
            async for chunk in chunks:
                number += 1
                if fails and number > self.after:
                    raise ValueError(f"attempt {self.attempts}")
                yield chunk.upper()

        return flaky


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.aggregate
async def pausing(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.sleep(1)
        yield letter


def streamed(chain: gf.Chain[Any, Any], value: object) -> list[Any]:
    async def main() -> list[Any]:
        async with chain.stream(value) as chunks:
            return [chunk async for chunk in chunks]

    return simulate(main)


# --- retries -----------------------------------------------------------------------------------------------


def test_a_producer_is_tried_again_until_its_first_chunk() -> None:
    flaky = Flaky(2)
    chain = flaky.producer().with_retry(attempts=3, wait=0)
    assert isinstance(chain, gf.Producer)
    assert streamed(chain, "abc") == ["a", "b", "c"]
    assert flaky.attempts == flaky.closed == 3


def test_a_transform_gets_its_input_again_from_the_beginning_and_still_streams() -> None:
    seen: list[str] = []

    @gf.chunkwise
    def watched(chunk: str) -> str:
        seen.append(chunk)
        return chunk

    chain = letters | watched | Flaky(2).transform().with_retry(attempts=3, wait=0)
    assert gf.compile(chain).plan.streams
    assert streamed(chain, "abc") == ["A", "B", "C"]
    assert seen == ["a", "b", "c"]  # what stands before runs once


def test_after_the_first_chunk_an_error_is_raised() -> None:
    flaky = Flaky(1, after=2)
    with pytest.raises(ValueError, match="attempt 1"):
        streamed(flaky.producer().with_retry(attempts=5, wait=0), "abc")
    assert flaky.attempts == 1


def test_until_the_end_the_output_is_held_back_and_the_plan_says_so() -> None:
    flaky = Flaky(1, after=2)
    chain = flaky.producer().with_retry(attempts=2, wait=0, until="end")
    assert isinstance(chain, gf.Aggregate)
    plan = gf.compile(chain).plan
    assert not plan.streams
    assert "held back until an attempt has succeeded" in str(plan)
    assert 'leave until="end" out' in str(plan)
    assert streamed(chain, "abc") == ["abc"]


def test_the_last_error_arrives_with_a_note_of_the_ones_before() -> None:
    with pytest.raises(ValueError, match="attempt 3") as caught:
        streamed(Flaky(9).producer().with_retry(attempts=3, wait=0), "abc")
    notes = caught.value.__notes__
    assert "attempt 3 of 3; the ones before failed with ValueError: attempt 1; ValueError: attempt 2" in notes
    assert any(note.startswith("in node `flaky`") for note in notes)


@pytest.mark.parametrize("on", [OSError, (OSError, KeyError), lambda error: "never" in str(error)])
def test_other_errors_are_not_retried(on: Any) -> None:
    flaky = Flaky(1)
    with pytest.raises(ValueError, match="attempt 1"):
        streamed(flaky.producer().with_retry(attempts=3, wait=0, on=on), "abc")
    assert flaky.attempts == 1


def test_an_error_of_the_input_is_not_retried() -> None:
    flaky = Flaky(0)
    broken = Flaky(1).producer()
    with pytest.raises(ValueError, match="attempt 1"):
        streamed(broken | flaky.transform().with_retry(attempts=3, wait=0), "abc")
    assert flaky.attempts == 1


@pytest.mark.parametrize("until", ["first chunk", "end"])
def test_an_attempt_gets_all_of_an_input_that_has_ended(until: Any) -> None:
    seen: list[list[str]] = []

    @gf.transform
    async def picky(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        seen.append([chunk async for chunk in chunks])
        if len(seen) < 3:
            raise ValueError("not yet")
        yield "".join(seen[-1])

    assert streamed(letters | picky.with_retry(attempts=3, until=until), "abc") == ["abc"]
    assert seen == [["a", "b", "c"]] * 3


def test_an_attempt_gets_the_error_of_an_input_that_has_failed_even_where_the_one_before_hid_it() -> None:
    seen: list[str] = []

    @gf.aggregate
    async def breaks(text: str) -> AsyncIterator[str]:
        yield text
        raise KeyError("the input")

    @gf.transform
    async def hides(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                seen.append(chunk)
        except KeyError:
            raise ValueError("something") from None
        yield "never"

    with pytest.raises(ValueError, match="something"):
        streamed(breaks | hides.with_retry(attempts=3), "a")
    assert seen == ["a"] * 3


def test_waits_are_seconds_or_a_function_or_a_strategy_of_tenacity() -> None:
    async def took(wait: Any) -> float:
        began = trio.current_time()
        await Flaky(3).producer().with_retry(attempts=4, wait=wait).invoke("a")
        return trio.current_time() - began

    assert simulate(lambda: took(2.0)) == pytest.approx(6)
    assert simulate(lambda: took(lambda number: 10 * number)) == pytest.approx(60)
    assert simulate(lambda: took(tenacity.wait_exponential(multiplier=1, exp_base=2))) == pytest.approx(1 + 2 + 4)
    assert 0.25 + 0.5 + 1 <= simulate(lambda: took(None)) <= 0.5 + 1 + 2


def test_what_a_provider_asked_for_is_waited_at_least() -> None:
    calls = iter([gf.RateLimitError("slow down", provider="test", retry_after=7.0), None])

    @gf.aggregate
    async def limited(text: str) -> str:
        error = next(calls)
        if error is not None:
            raise error
        return text

    async def main() -> float:
        began = trio.current_time()
        await limited.with_retry(wait=1).invoke("a")
        return trio.current_time() - began

    assert simulate(main) == pytest.approx(7)


def test_every_attempt_is_a_run_inside_that_of_the_whole() -> None:
    chain = Flaky(1).producer().with_retry(wait=0)
    heard = hear(letters | gf.aggregate(lambda text: text, name="whole") | chain, "ab")
    check_sound(heard.events)
    starts = [event for event in heard.of("flaky") if isinstance(event, gf.StartEvent)]
    assert [event.tags for event in starts] == [["seq:step:3"], [], ["retry:attempt:2"]]
    assert [event.parent_ids[-1] for event in starts[1:]] == [starts[0].run_id] * 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"attempts": 0}, "at least 1, not 0"),
        ({"attempts": "3"}, "a whole number, not '3'"),
        ({"attempts": 2.5}, "a whole number, not 2.5"),
        ({"wait": -1}, "from 0 on, not -1"),
        ({"wait": "1"}, "a function that gives them, not '1'"),
        ({"wait": math.inf}, "from 0 on, not inf"),
        ({"on": ()}, "takes an error class"),
        ({"until": "later"}, "not 'later'"),
        ({"on": "ValueError"}, "takes an error class"),
        ({"on": KeyboardInterrupt}, "takes an error class"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises((ValueError, TypeError), match=expected):
        letters.with_retry(**options)


def test_leaving_early_closes_the_attempt_that_runs() -> None:
    flaky = Flaky(1)

    async def main() -> None:
        async with flaky.producer().with_retry(wait=0).stream("abc") as chunks:
            async for _ in chunks:
                break
        assert flaky.closed == 2

    simulate(main)


def test_a_retried_chain_may_need_tasks() -> None:
    @gf.chunkwise
    async def upper(chunk: str) -> str:
        return chunk.upper()

    inner = Flaky(1).transform() | {"loud": upper, "size": len}
    chain = letters | inner.with_retry(wait=0) | gf.pick("loud")
    assert simulate(lambda: chain.invoke("ab")) == "AB"


# --- fallbacks ---------------------------------------------------------------------------------------------


def test_a_fallback_takes_the_place_of_what_fails_before_its_first_chunk() -> None:
    assert streamed(Flaky(9).producer().with_fallbacks(letters), "ab") == ["a", "b"]
    assert streamed(Flaky(9).producer().with_fallbacks(Flaky(9).producer(), letters), "ab") == ["a", "b"]


def test_a_fallback_reads_the_input_that_was_read_before_it() -> None:
    chain = letters | Flaky(9).transform().with_fallbacks(gf.chunkwise(str.title, accumulate=gf.concat))
    assert streamed(chain, "ab") == ["A", "B"]


def test_fallbacks_have_the_class_of_the_weakest() -> None:
    transform, producer, aggregate = Flaky(0).transform(), letters, gf.aggregate(lambda text: text)
    assert isinstance(transform.with_fallbacks(Flaky(0).transform()), gf.Transform)
    assert isinstance(transform.with_fallbacks(producer), gf.Producer)
    assert isinstance(producer.with_fallbacks(aggregate), gf.Aggregate)


def test_when_all_fail_the_last_error_says_what_the_others_were() -> None:
    with pytest.raises(ValueError, match="attempt 1") as caught:
        streamed(Flaky(9).producer().with_fallbacks(Flaky(9).producer()), "ab")
    assert "what it stands in for failed with ValueError: attempt 1" in caught.value.__notes__


def test_other_errors_do_not_fall_back() -> None:
    with pytest.raises(ValueError, match="attempt 1"):
        streamed(Flaky(9).producer().with_fallbacks(letters, on=OSError), "ab")


def test_a_fallback_that_cannot_take_the_input_is_a_compile_error() -> None:
    def number(value: int) -> str:
        return str(value)

    wrong: Any = gf.aggregate(number)
    with pytest.raises(gf.CompileError, match=r"GF201.*int"):
        gf.compile(gf.aggregate(lambda text: text) | letters | letters.with_fallbacks(wrong))


# --- time limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"first_chunk": 0.5}, "0.5 s before its first chunk"),
        ({"between_chunks": 0.5}, "0.5 s between two chunks"),
        ({"total": 2.5}, "2.5 s in all"),
    ],
)
def test_what_takes_too_long_is_ended_with_an_error(limits: dict[str, float], expected: str) -> None:
    with pytest.raises(gf.TimeLimitError, match=f"`pausing` took longer than {expected}") as caught:
        streamed(pausing.with_timeout(**limits), "abc")
    assert isinstance(caught.value, TimeoutError)


def test_what_keeps_to_its_limits_is_left_alone() -> None:
    chain = pausing.with_timeout(total=3.5, first_chunk=1.5, between_chunks=1.5)
    assert streamed(chain, "abc") == ["a", "b", "c"]


def test_the_time_of_the_reader_is_not_counted() -> None:
    async def main() -> int:
        count = 0
        async with pausing.with_timeout(total=3.5, between_chunks=1.5).stream("abc") as chunks:
            async for _ in chunks:
                count += 1
                await trio.sleep(100)
        return count

    assert simulate(main) == 3


def test_what_is_ended_has_cleaned_up_before_the_error_arrives() -> None:
    ended: list[str] = []

    @gf.aggregate
    async def slow(text: str) -> AsyncIterator[str]:
        try:
            yield text
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            ended.append("slow")

    async def main() -> None:
        async with slow.with_timeout(between_chunks=1).stream("a") as chunks:
            with pytest.raises(gf.TimeLimitError):
                async for _ in chunks:
                    pass
            assert ended == ["slow"]

    simulate(main)


def test_a_limit_leads_to_a_fallback() -> None:
    chain = pausing.with_timeout(first_chunk=0.5).with_fallbacks(letters)
    assert streamed(chain, "ab") == ["a", "b"]


@pytest.mark.parametrize("limits", [{}, {"total": 0}, {"first_chunk": -1}, {"between_chunks": "1"}, {"total": True}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match="with_timeout"):
        letters.with_timeout(**limits)


# --- caches ------------------------------------------------------------------------------------------------


def counted() -> tuple[gf.Producer[Any, str], list[Any]]:
    asked: list[Any] = []

    @gf.aggregate
    def answer(value: Any) -> Iterator[str]:
        asked.append(value)
        yield from "ab"

    return answer, asked


def test_the_same_chunks_are_given_for_the_same_input() -> None:
    answer, asked = counted()
    chain = answer.with_cache()
    assert streamed(chain, "q") == streamed(chain, "q") == ["a", "b"]
    assert simulate(lambda: chain.invoke("q")) == "ab"
    assert streamed(chain, "other") == ["a", "b"]
    assert asked == ["q", "other"]


def test_what_was_not_read_to_its_end_is_not_kept() -> None:
    answer, asked = counted()
    chain = answer.with_cache()

    async def main() -> None:
        async with chain.stream("q") as chunks:
            async for _ in chunks:
                break

    simulate(main)
    assert streamed(chain, "q") == ["a", "b"]
    assert asked == ["q", "q"]


def test_chains_that_share_a_store_do_not_share_entries_unless_they_share_a_namespace() -> None:
    store = gf.MemoryCache()
    (first, asked), (second, never) = counted(), counted()
    streamed(first.with_cache(store, namespace="answers"), "q")
    assert streamed(second.with_cache(store, namespace="answers"), "q") == ["a", "b"]
    assert (asked, never) == (["q"], [])
    streamed(second.with_cache(store), "q")
    assert never == ["q"]


def test_what_is_kept_cannot_be_changed_from_outside() -> None:
    @gf.aggregate
    def listed(value: str) -> list[str]:
        return [value]

    chain = listed.with_cache()
    simulate(lambda: chain.invoke("a")).append("b")
    assert simulate(lambda: chain.invoke("a")) == ["a"]


def test_what_is_kept_is_what_was_given_whatever_its_reader_makes_of_it() -> None:
    @gf.aggregate
    async def listed(value: str) -> AsyncIterator[list[str]]:
        yield [value]
        yield [value]

    chain = listed.with_cache()

    async def read() -> list[list[str]]:
        got = []
        async with chain.stream("a") as chunks:
            async for chunk in chunks:
                got.append(list(chunk))
                chunk.append("b")
        return got

    assert simulate(read) == simulate(read) == [["a"], ["a"]]


def test_the_oldest_entry_makes_room() -> None:
    answer, asked = counted()
    chain = answer.with_cache(gf.MemoryCache(max_entries=2))
    for value in ("a", "b", "a", "c", "a", "b"):
        streamed(chain, value)
    assert asked == ["a", "b", "c", "b"]


def test_an_asynchronous_store_is_awaited() -> None:
    kept: dict[str, Any] = {}

    class Store:
        async def get(self, key: str, /) -> Any:
            await trio.sleep(1)
            return kept.get(key)

        async def set(self, key: str, chunks: Any, /) -> None:
            await trio.sleep(1)
            kept[key] = list(chunks)

    answer, asked = counted()
    chain = answer.with_cache(Store())
    assert streamed(chain, "q") == streamed(chain, "q") == ["a", "b"]
    assert asked == ["q"]


def test_messages_and_records_have_keys() -> None:
    one = key_of([gf.HumanMessage("hi"), {"b": 1.0, "a": (2, None)}])
    assert one == key_of([gf.HumanMessage("hi"), {"a": (2, None), "b": 1.0}])
    assert one != key_of([gf.HumanMessage("ho"), {"a": (2, None), "b": 1.0}])
    assert len({key_of(value) for value in (1, 1.0, True, "1", b"1", [1], (1,), {1})}) == 8


class Hidden(str):
    """Text that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([b"x", b"y"], [b"x)builtins.bytes(y"]),
        (["a", "b"], ["a1:b"]),
        (Hidden("a"), Hidden("b")),
        ({Hidden("a"): 1, Hidden("b"): 2}, {Hidden("a"): 2, Hidden("b"): 1}),
        (Level.LOW, Level.HIGH),
        (Level.LOW, 1),
        ([[], []], [[[]]]),
        ({"a": {}}, {"a": [], "b": []}),
        ({frozenset({1, 2})}, {frozenset({1}), frozenset({2})}),
        ("", None),
        (0.0, -0.0),
    ],
)
def test_inputs_that_differ_have_other_keys(one: object, other: object) -> None:
    assert key_of(one) != key_of(other)


def test_an_input_without_a_key_is_refused_with_the_mend() -> None:
    answer, _ = counted()
    with pytest.raises(TypeError, match="hold values of object: give it key="):
        streamed(answer.with_cache(), object())
    assert streamed(answer.with_cache(key=lambda value: 1), object()) == ["a", "b"]


def test_a_transform_with_a_cache_waits_for_its_whole_input_and_the_plan_says_so() -> None:
    chain = Flaky(0).transform().with_cache()
    assert isinstance(chain, gf.Producer)
    assert streamed(letters | chain, "ab") == ["AB"]
    assert "waits for its whole input" in str(gf.compile(chain))


def test_a_chunk_may_come_after_the_time_is_up() -> None:
    @gf.aggregate
    async def stubborn(text: str) -> AsyncIterator[str]:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        yield "in time"
        clock.jump(5)  # it has worked for so long, and let nobody else run
        yield "late"
        await trio.sleep(5)
        yield "never"

    async def read() -> list[str]:
        got = []
        with pytest.raises(gf.TimeLimitError, match="longer than 1 s in all"):
            async with stubborn.with_timeout(total=1).stream("x") as chunks:
                async for chunk in chunks:
                    got.append(chunk)
        return got

    assert "late" in {chunk for _ in range(20) for chunk in testing.run(read)}  # unless others were let run just then
