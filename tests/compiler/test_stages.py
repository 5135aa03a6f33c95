"""What stands in one stage: paths, fans that run in place, and where they are cut."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest import mock

import pytest
import trio
import trio.lowlevel

import graphflow as gf
from graphflow_compiler.passes import plan_stages


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.chunkwise
async def later(text: str) -> str:
    await trio.lowlevel.checkpoint()
    return text


@gf.chunkwise(thread=True)
def elsewhere(text: str) -> str:
    return text


@gf.aggregate
def whole(text: str) -> str:
    return text


@gf.aggregate
async def whole_later(text: str) -> str:
    return text


@gf.aggregate(thread=True)
def whole_elsewhere(text: str) -> str:
    return text


@gf.aggregate
def unknown(text: str):  # type: ignore[no-untyped-def]
    return text


@gf.aggregate
def read(texts: Iterator[str]) -> str:
    return "".join(texts)


@gf.transform
async def passed(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for text in texts:
        yield text


@gf.transform
async def fetched(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for text in texts:
        await trio.lowlevel.checkpoint()
        yield text


@gf.aggregate
async def asked(text: str) -> str:
    await trio.lowlevel.checkpoint()
    return text


@gf.aggregate
async def answered(text: str) -> AsyncIterator[str]:
    for letter in text:
        await trio.lowlevel.checkpoint()
        yield letter


@gf.chunkwise
def shown(record: dict[str, str]) -> str:
    return str(record)


fan = gf.parallel(x=upper, y=upper) | shown


def stages(chain: gf.Chain[Any, Any]) -> list[str]:
    return [" ".join(stage.nodes) for stage in gf.compile(chain).plan.stages]


def fans(chain: gf.Chain[Any, Any]) -> list[list[str]]:
    return [[fan.join for fan in stage.fans] for stage in gf.compile(chain).plan.stages]


def test_two_that_wait_stand_apart_also_with_one_between_that_does_not() -> None:
    assert stages(fetched | passed | fetched) == ["fetched passed", "fetched.2"]
    assert stages(passed | fetched | passed) == ["passed fetched passed.2"]


def test_what_waits_stands_apart_from_a_producer_that_waits_and_from_no_other_blocking_node() -> None:
    assert stages(letters | fetched) == ["letters fetched"]
    assert stages(asked | fetched) == ["asked fetched"]
    assert stages(answered | fetched) == ["answered", "fetched"]


# --- fans --------------------------------------------------------------------------------------------------

NEVER_WAIT: dict[str, Any] = {
    "a chunkwise function": upper,
    "several of them": upper | upper,
    "nothing": gf.passthrough(),
    "a function that is annotated": whole,
    "a builtin function": len,
    "a class": dict,
    "some arguments of a builtin function": functools.partial(max, key=str),
    "a method of a builtin class": functools.partial(str.upper),
}
MAY_WAIT: dict[str, Any] = {
    "an asynchronous chunkwise function": later,
    "a chunkwise function in a thread": elsewhere,
    "an asynchronous function": whole_later,
    "a function in a thread": whole_elsewhere,
    "a function that may give something to await": unknown,
    "a function that reads a stream": read,
    "a transform": passed,
    "a producer": letters,
}


@pytest.mark.parametrize("branch", NEVER_WAIT.values(), ids=NEVER_WAIT)
def test_branches_that_never_wait_run_in_place(branch: Any) -> None:
    assert fans(letters | gf.parallel(a=branch, b=upper)) == [["parallel"]]


@pytest.mark.parametrize("branch", MAY_WAIT.values(), ids=MAY_WAIT)
def test_branches_of_which_one_may_wait_have_stages_of_their_own(branch: Any) -> None:
    assert fans(letters | gf.parallel(a=branch, b=upper)) == [[], [], [], []]


def test_a_fan_of_what_the_caller_gives_runs_in_place() -> None:
    assert stages(gf.parallel(a=upper, b=upper)) == ["upper upper.2 parallel"]


def test_every_fan_of_a_stage_is_named_once_by_its_join() -> None:
    chain = letters | {"a": upper | upper, "b": upper} | gf.pick("a") | {"a": upper, "b": gf.passthrough()}
    assert fans(chain) == [["parallel", "parallel.2"]]


def test_a_fan_may_stand_behind_branches_that_wait() -> None:
    chain = letters | gf.parallel(a=upper, b=later) | shown | gf.parallel(a=upper, b=upper)
    assert fans(chain) == [[], [], [], ["parallel.2"]]


def test_a_fork_with_one_more_consumer_has_a_stage_for_each() -> None:
    @gf.graph
    def shared(text: gf.Value[str]):  # type: ignore[no-untyped-def]
        one = letters(text)
        return {"fan": fan(one), "more": whole_later(one)}

    assert stages(shared) == ["letters", "upper", "upper.2", "parallel shown", "whole_later", "shared"]


def test_branches_of_two_forks_are_no_fan() -> None:
    @gf.graph
    def pair(one: gf.Stream[str], two: gf.Stream[str]):  # type: ignore[no-untyped-def]
        return {"x": upper(one), "y": upper(two)}

    @gf.graph
    def crossed(text: gf.Value[str]):  # type: ignore[no-untyped-def]
        one, two = letters(text), letters(text)
        return {"p": (pair | shown)(one=one, two=two), "q": (pair | shown)(one=one, two=two)}

    assert not any(fans(crossed))


def test_a_longer_branch_has_a_stage_of_its_own() -> None:
    with mock.patch.object(plan_stages, "MAX_BRANCH", 2):
        assert fans(letters | gf.parallel(a=upper | upper, b=upper)) == [["parallel"]]
        assert fans(letters | gf.parallel(a=upper | upper | upper, b=upper)) == [[], [], [], []]


def test_a_fan_is_one_generator_of_those_that_nest() -> None:
    with mock.patch.object(plan_stages, "MAX_NESTING", 3):
        assert stages(letters | fan | fan | passed) == [
            "letters upper upper.2 parallel shown",
            "upper.3",
            "upper.4",
            "parallel.2 shown.2 passed",
        ]
        assert stages(passed | letters | passed | passed | passed) == ["passed letters passed.2 passed.3", "passed.4"]
