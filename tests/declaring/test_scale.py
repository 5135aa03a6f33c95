"""Chains of thousands of nodes, however they are nested: no recursion, and work in proportion to their size."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


@gf.chunkwise
def plus_one(number: int) -> int:
    return number + 1


@gf.aggregate
def plus_one_at_once(number: int) -> int:
    return number + 1


@gf.aggregate
async def counted(number: int) -> AsyncIterator[int]:
    yield number
    yield number


@gf.transform(accumulate=gf.latest)
async def plus_one_streamed(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number + 1


def leftmost(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    return functools.reduce(operator.or_, [node] * size)


def rightmost(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    return functools.reduce(lambda right, left: left | right, [node] * size)


def balanced(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    chains = [node] * size
    while len(chains) > 1:
        chains = [operator.or_(*pair) for pair in zip(chains[::2], chains[1::2], strict=False)] + (
            chains[-1:] if len(chains) % 2 else []
        )
    return chains[0]


@pytest.mark.parametrize(("nest", "size"), [(leftmost, 5_000), (rightmost, 2_000), (balanced, 2_000)])
@pytest.mark.parametrize("node", [plus_one, plus_one_at_once], ids=lambda node: node.name)
def test_a_chain_of_thousands_of_nodes_declares_compiles_and_runs(
    nest: Callable[[gf.Chain[Any, Any], int], gf.Chain[Any, Any]], size: int, node: gf.Chain[Any, Any]
) -> None:
    chain = nest(node, size)
    assert len(chain.compile().plan.nodes) == size + 1
    assert value(chain, 0) == size
    assert f"{node.name}.{size}" in str(chain.compile())


def test_thousands_of_generators_do_not_nest_deeper_than_they_may() -> None:
    chain = gf.parallel(a=counted) | gf.pick("a") | leftmost(plus_one_streamed, 1_000)
    assert value(chain, 0) == 1_000


@pytest.mark.parametrize("given", [plus_one, plus_one_at_once], ids=lambda node: node.name)
def test_dicts_nest_two_hundred_deep(given: gf.Chain[Any, Any]) -> None:
    nested: Any = given
    for _ in range(200):
        nested = {"key": nested}
    result = value(gf.passthrough() | nested, 1)
    for _ in range(200):
        result = result["key"]
    assert result == 2


def test_dicts_nest_two_hundred_deep_with_neighbours() -> None:
    nested: Any = plus_one_at_once
    for _ in range(200):
        nested = {"deeper": nested, "here": plus_one_at_once}
    chain = gf.passthrough() | nested
    result = value(chain, 1)
    for _ in range(200):
        assert result["here"] == 2
        result = result["deeper"]
    assert result == 2
    assert chain.compile().plan.node_class == "aggregate"


def test_a_dict_that_holds_itself_is_told() -> None:
    circle: dict[str, Any] = {"a": plus_one}
    circle["again"] = {"deep": circle}
    with pytest.raises(gf.CompileError, match="leads back into itself"):
        gf.passthrough() | circle


def test_fans_of_a_thousand_branches() -> None:
    branches = {f"k{index}": plus_one_at_once for index in range(1_000)}
    chain = gf.parallel(branches) | (lambda record: sum(record.values()))
    assert value(chain, 1) == 2_000


def test_assigns_in_a_row() -> None:
    chain: gf.Chain[Any, Any] = gf.parallel(k0=plus_one_at_once)
    for index in range(1, 300):
        chain = chain | gf.assign({f"k{index}": gf.pick(f"k{index - 1}") | plus_one_at_once})
    assert value(chain, 0)["k299"] == 300
    assert len(chain.compile().plan.streams_by_key) == 300


def test_branch_and_each_nest_thirty_deep() -> None:
    chain: gf.Chain[Any, Any] = plus_one_at_once
    for _ in range(15):
        chain = gf.branch((lambda number: number < 10, chain), plus_one_at_once)
        chain = gf.aggregate(lambda number: [number]) | gf.each(chain) | (lambda numbers: numbers[0])
    assert value(chain, 1) == 2


def test_graphs_of_thousands_of_calls() -> None:
    @gf.graph
    def long(number: gf.Value[int]) -> gf.Value[int]:
        for _ in range(3_000):
            number = plus_one_at_once(number)
        return number

    assert value(long, 0) == 3_000


def calls(work: Callable[[], object]) -> int:
    """Count the Python functions that some work calls: it does not depend on the machine."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def wide(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    return gf.parallel({f"k{index}": node for index in range(size)})


def assigned(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    return gf.parallel(a=node) | leftmost(gf.assign(a=gf.pick("a") | node), size)


def shared(node: gf.Chain[Any, Any], size: int) -> gf.Chain[Any, Any]:
    @gf.graph
    def declared(number: gf.Value[int]) -> gf.Value[dict[str, int]]:
        return {f"k{index}": node(number) for index in range(size)}  # type: ignore[return-value]

    return declared


@pytest.mark.parametrize("nest", [leftmost, rightmost, balanced, wide, shared])
@pytest.mark.parametrize("node", [plus_one, plus_one_at_once], ids=lambda node: node.name)
def test_declaring_and_compiling_take_work_in_proportion(
    nest: Callable[[gf.Chain[Any, Any], int], gf.Chain[Any, Any]], node: gf.Chain[Any, Any]
) -> None:
    gf.compile(nest(node, 10))
    small = calls(lambda: nest(node, 100).compile())
    large = calls(lambda: nest(node, 800).compile())
    assert large < 8 * small * 1.2


def test_nested_bodies_take_work_in_proportion() -> None:
    def nested(depth: int) -> gf.Chain[Any, Any]:
        chain: gf.Chain[Any, Any] = plus_one_at_once
        for _ in range(depth):
            chain = gf.branch((bool, chain), plus_one_at_once)
        return chain

    gf.compile(nested(2))
    small = calls(lambda: nested(5).compile())
    large = calls(lambda: nested(20).compile())
    assert large < 4 * 4 * small  # every level is printed into the types of those around it, but not doubled


def test_a_stream_passes_thousands_of_chunkwise_nodes_as_one_function() -> None:
    chain = gf.aggregate(numbers) | leftmost(plus_one, 2_000)
    (stage,) = chain.compile().plan.stages
    assert [len(cluster.nodes) for cluster in stage.clusters] == [2_000]

    async def read() -> list[int]:
        async with chain.stream(3) as stream:
            return [chunk async for chunk in stream]

    assert trio.run(read) == [2_000, 2_001, 2_002]


def numbers(count: int) -> Iterator[int]:
    yield from range(count)
