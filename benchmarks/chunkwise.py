"""Functions of one chunk, one after the other: a loop with calls in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from time import perf_counter
from typing import Final

import trio

from benchmarks import lcel
from benchmarks.cases import HAND, NS, OURS, Case, Group, Side, at_most, faster
from benchmarks.measuring import on_trio
from benchmarks.work import STEPS, chain_of_functions, last_of, numbers, streamed

SLICE: Final = 0.001
STRIDE: Final = 16

s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15 = STEPS


async def hand_1(count: int) -> AsyncGenerator[int, None]:
    left, due = STRIDE, 0.0
    async for chunk in numbers(count):
        yield s0(chunk)
        left -= 1
        if not left:
            left = STRIDE
            if perf_counter() >= due:
                await trio.lowlevel.checkpoint()
                due = perf_counter() + SLICE


async def hand_4(count: int) -> AsyncGenerator[int, None]:
    left, due = STRIDE, 0.0
    async for chunk in numbers(count):
        yield s3(s2(s1(s0(chunk))))
        left -= 1
        if not left:
            left = STRIDE
            if perf_counter() >= due:
                await trio.lowlevel.checkpoint()
                due = perf_counter() + SLICE


async def hand_16(count: int) -> AsyncGenerator[int, None]:
    left, due = STRIDE, 0.0
    async for chunk in numbers(count):
        yield s15(s14(s13(s12(s11(s10(s9(s8(s7(s6(s5(s4(s3(s2(s1(s0(chunk))))))))))))))))
        left -= 1
        if not left:
            left = STRIDE
            if perf_counter() >= due:
                await trio.lowlevel.checkpoint()
                due = perf_counter() + SLICE


HAND_WRITTEN: Final[dict[int, Callable[[int], AsyncGenerator[int, None]]]] = {1: hand_1, 4: hand_4, 16: hand_16}


def case(k: int, times_lcel: float | None) -> Case:
    twin = HAND_WRITTEN[k]
    return Case(
        f"functions of one chunk, k = {k}",
        NS,
        "chunk",
        (
            Side(OURS, on_trio(streamed(chain_of_functions(k))), 100_000),
            Side(HAND, on_trio(lambda count: last_of(twin(count))), 100_000),
            lcel.side(lambda: lcel.streamed(lcel.sequence(numbers, map(lcel.each, STEPS[:k]))), 16_000 // (k + 4)),
        ),
        (at_most(1.2), *([] if times_lcel is None else [faster(times_lcel)])),
    )


def cases() -> Iterator[Case]:
    yield case(1, None)
    yield case(4, None)
    yield case(16, 300)


GROUP = Group(
    "chunkwise",
    "Functions of one chunk",
    """
    A source, an asynchronous generator of 100,000 numbers, and k functions that add one, by `stream`. By hand
    it is one asynchronous generator with the k calls in its loop, which looks at the clock after every 16
    chunks and lets others run once in a millisecond, as graphflow does. In LCEL every function is a
    `RunnableGenerator`.
    """,
    cases,
)
