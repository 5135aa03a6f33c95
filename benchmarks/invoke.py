"""One value through k functions: calls, and nothing that streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import graphflow as gf
from benchmarks import lcel
from benchmarks.cases import HAND, OURS, US, Case, Group, Side, Target, at_most_plus, faster
from benchmarks.measuring import on_trio, plain
from benchmarks.work import STEPS

CALLS: Final = 2_000

s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15 = STEPS


def adding_async() -> Callable[[int], Awaitable[int]]:
    async def add_one(number: int) -> int:
        return number + 1

    return add_one


ASYNC_STEPS: Final = tuple(adding_async() for _ in range(16))

a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15 = ASYNC_STEPS


def hand_1(number: int) -> int:
    return s0(number)


def hand_4(number: int) -> int:
    return s3(s2(s1(s0(number))))


def hand_16(number: int) -> int:
    return s15(s14(s13(s12(s11(s10(s9(s8(s7(s6(s5(s4(s3(s2(s1(s0(number))))))))))))))))


async def async_hand_1(number: int) -> int:
    return await a0(number)


async def async_hand_4(number: int) -> int:
    return await a3(await a2(await a1(await a0(number))))


async def async_hand_16(number: int) -> int:
    number = await a3(await a2(await a1(await a0(number))))
    number = await a7(await a6(await a5(await a4(number))))
    number = await a11(await a10(await a9(await a8(number))))
    return await a15(await a14(await a13(await a12(number))))


HANDS: Final[dict[int, Callable[[int], int]]] = {1: hand_1, 4: hand_4, 16: hand_16}
ASYNC_HANDS: Final[dict[int, Callable[[int], Awaitable[int]]]] = {1: async_hand_1, 4: async_hand_4, 16: async_hand_16}


def called(function: Callable[[int], int]) -> Callable[[int], object]:
    def work(count: int) -> object:
        for number in range(count):
            result = function(number)
        return result

    return work


def awaited(function: Callable[[int], Awaitable[Any]]) -> Callable[[int], Any]:
    async def work(count: int) -> object:
        for number in range(count):
            result = await function(number)
        return result

    return work


def chain_of(steps: tuple[Any, ...]) -> gf.Chain[int, Any]:
    first, *others = steps
    chain: gf.Chain[int, Any] = gf.aggregate(first)
    for step in others:
        chain = chain | step
    return chain


def peer(steps: tuple[Any, ...]) -> Any:
    from langchain_core.runnables import RunnableLambda

    first, *others = map(RunnableLambda, steps)
    chain: Any = first
    for step in others:
        chain = chain | step
    return chain


def case(k: int) -> Case:
    return Case(
        f"invoke, {k} function{'s' * (k > 1)}",
        US,
        "call",
        (
            Side(OURS, on_trio(awaited(chain_of(STEPS[:k]).invoke)), CALLS),
            Side(HAND, plain(called(HANDS[k])), CALLS * 10),
            lcel.side(lambda: called(peer(STEPS[:k]).invoke), CALLS // (k + 4), plain),
        ),
        targets(k),
    )


def async_case(k: int) -> Case:
    return Case(
        f"invoke, {k} async function{'s' * (k > 1)}",
        US,
        "call",
        (
            Side(OURS, on_trio(awaited(chain_of(ASYNC_STEPS[:k]).invoke)), CALLS),
            Side(HAND, on_trio(awaited(ASYNC_HANDS[k])), CALLS * 10),
            lcel.side(lambda: awaited(peer(ASYNC_STEPS[:k]).ainvoke), CALLS // (k + 4)),
        ),
        targets(k),
    )


def targets(k: int) -> tuple[Target, ...]:
    return (at_most_plus(4, 3, "µs"), *([faster(100)] if k > 1 else []))


def cases() -> Iterator[Case]:
    for k in (1, 4, 16):
        yield case(k)
    for k in (1, 4, 16):
        yield async_case(k)


GROUP = Group(
    "invoke",
    "One value through functions",
    """
    `await chain.invoke(number)` of k functions that add one, plain or `async def`. By hand they are called, or
    awaited, inside each other; in LCEL they are a sequence of `RunnableLambda`, by `invoke` or `ainvoke`.
    """,
    cases,
)
