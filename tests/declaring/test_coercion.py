"""What `|` makes of bare functions and dicts, on either side of it, and the class of the whole."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TextIO

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


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


# --- bare functions, by their annotations first ------------------------------------------------------------


def stream_to_stream(texts: Iterator[str]) -> Iterator[str]:
    yield from texts


async def stream_to_stream_async(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for text in texts:
        yield text


def value_to_stream(text: str) -> Iterator[str]:
    yield from text


async def value_to_stream_async(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


def value_to_value(text: str) -> str:
    return text


async def value_to_value_async(text: str) -> str:
    return text


async def stream_to_value(texts: AsyncIterator[str]) -> str:
    return "".join([text async for text in texts])


def unannotated_generator(texts):  # type: ignore[no-untyped-def]
    yield from texts


async def unannotated_generator_async(texts):  # type: ignore[no-untyped-def]
    async for text in texts:
        yield text


def unannotated(text):  # type: ignore[no-untyped-def]
    return text


def generator_with_result_only(texts) -> Iterator[str]:  # type: ignore[no-untyped-def]
    yield from texts


FUNCTIONS = {
    stream_to_stream: "transform",
    stream_to_stream_async: "transform",
    value_to_stream: "producer",
    value_to_stream_async: "producer",
    value_to_value: "aggregate",
    value_to_value_async: "aggregate",
    stream_to_value: "aggregate",
    unannotated_generator: "transform",
    unannotated_generator_async: "transform",
    unannotated: "aggregate",
    generator_with_result_only: "transform",
}


@pytest.mark.parametrize(
    ("function", "expected"), FUNCTIONS.items(), ids=lambda given: getattr(given, "__name__", given)
)
def test_a_bare_function_is_taken_by_its_annotations(function: Any, expected: str) -> None:
    after = letters | function
    before = function | gf.passthrough()
    assert after.compile().plan[function.__name__].node_class == expected
    assert before.compile().plan[function.__name__].node_class == expected
    assert "".join(chunks(after, "ab")) == "".join(chunks(before, "ab")) == "ab"


def test_a_bare_lambda_waits_for_its_whole_input() -> None:
    assert chunks(letters | (lambda text: text + "!"), "ab") == ["ab!"]
    assert chunks((lambda text: text + "!") | letters, "ab") == ["a", "b", "!"]


def test_bare_functions_stand_on_both_sides_of_a_chain() -> None:
    assert value(str.strip | letters | len | str, " ab ") == "2"


def test_dicts_stand_on_both_sides_of_a_chain() -> None:
    def glued(record: dict[str, Any]) -> str:
        return f"{record['loud']}{record['size']}"

    both = {"loud": str.upper, "size": len} | gf.aggregate(glued)
    assert value(both, "ab") == "AB2"
    assert value(gf.passthrough() | {"loud": str.upper, "size": len}, "ab") == {"loud": "AB", "size": 2}
    assert value(both | {"again": both, "first": lambda text: text[0]}, "ab") == {"again": "AB23", "first": "A"}


def test_dicts_may_hold_dicts() -> None:
    chain = gf.passthrough() | {"whole": {"loud": str.upper, "size": len}, "text": gf.passthrough()}
    assert value(chain, "ab") == {"whole": {"loud": "AB", "size": 2}, "text": "ab"}


def test_a_dict_is_parallel() -> None:
    as_dict, as_call = letters | {"a": str.upper, "b": len}, letters | gf.parallel(a=str.upper, b=len)
    assert str(as_dict.compile()) == str(as_call.compile())
    assert value(as_dict, "ab") == value(as_call, "ab") == {"a": "AB", "b": 2}


@pytest.mark.parametrize("given", [3, None, "a text", [str.upper], object()], ids=lambda given: type(given).__name__)
def test_what_cannot_be_a_node_is_refused_on_either_side(given: Any) -> None:
    for put in (lambda: letters | given, lambda: given | letters, lambda: gf.parallel(a=given), lambda: gf.each(given)):
        with pytest.raises(gf.CompileError, match="cannot be a node"):
            put()


# --- what the whole promises -------------------------------------------------------------------------------


@gf.chunkwise
def transform(text: str) -> str:
    return text


@gf.aggregate
def producer(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
def aggregate(text: str) -> str:
    return text


T, P, A = gf.Transform, gf.Producer, gf.Aggregate
NODES: dict[Any, gf.Chain[str, str]] = {T: transform, P: producer, A: aggregate}
JOINED = {
    (T, T): T,
    (T, P): P,
    (T, A): A,
    (P, T): P,
    (P, P): P,
    (P, A): A,
    (A, T): A,
    (A, P): P,
    (A, A): A,
}


@pytest.mark.parametrize(("first", "second"), JOINED)
def test_two_chains_promise_what_both_can(first: Any, second: Any) -> None:
    chain = NODES[first] | NODES[second]
    assert type(chain) is JOINED[first, second]
    # Whichever way it is nested, and whatever stands in it:
    assert type(chain | transform) is JOINED[JOINED[first, second], T]
    assert type(transform | chain) is JOINED[T, JOINED[first, second]]


@pytest.mark.parametrize("kinds", [*itertools.product((T, P, A), repeat=3)])
def test_a_fan_promises_what_its_weakest_branch_does(kinds: tuple[Any, ...]) -> None:
    weakest = A if A in kinds else P if P in kinds else T
    branches = {str(index): NODES[kind] for index, kind in enumerate(kinds)}
    assert type(gf.parallel(branches)) is type(gf.assign(branches)) is weakest


@pytest.mark.parametrize("kinds", [*itertools.product((T, P, A), repeat=2)])
def test_a_branch_is_a_producer_if_every_alternative_is_one(kinds: tuple[Any, ...]) -> None:
    chain = gf.branch((bool, NODES[kinds[0]]), NODES[kinds[1]])
    assert type(chain) is (P if kinds == (P, P) else A)


def test_what_each_and_the_others_promise() -> None:
    assert all(type(gf.each(node)) is P for node in NODES.values())
    assert type(gf.passthrough()) is type(gf.pick("a")) is type(gf.pick("a", "b")) is T
    assert type(gf.collect()) is type(gf.fold(gf.latest)) is A


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_chain_that_promises_to_stream_does(length: int) -> None:
    for kinds in itertools.product((T, P, A), repeat=length):
        chain: Any = NODES[kinds[0]]
        for kind in kinds[1:]:
            chain = chain | NODES[kind]
        plan = chain.compile().plan
        assert plan.node_class == chain.node_class
        assert plan.streams or not isinstance(chain, T | P)
        assert not plan.streams or isinstance(chain, T | P) or chain.node_class == "aggregate"


# --- results of other classes of iterators -----------------------------------------------------------------


class Countdown:
    """An iterator by its methods alone."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self.count:
            raise StopIteration
        self.count -= 1
        return self.count


def count_down(count: int) -> Countdown:
    return Countdown(count)


def lines(path: Path) -> TextIO:
    return path.open()


def test_a_result_annotated_with_a_class_of_iterators_makes_a_producer() -> None:
    assert isinstance(gf.aggregate(count_down), gf.Producer)
    assert chunks(gf.aggregate(count_down), 2) == [1, 0]


def test_a_result_that_is_a_file_streams_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\n")
    chain = gf.aggregate(lines)
    assert isinstance(chain, gf.Producer)
    assert chunks(chain, path) == ["a\n", "b\n"]
