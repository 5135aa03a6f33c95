"""Peak memory while a reader is slow: `python -m benchmarks.memory SIDE COUNT` is one side."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import trio

import graphflow as gf
from benchmarks import lcel
from benchmarks.cases import HAND, LCEL, MB, OURS, Case, Group, Side, Taken, within
from benchmarks.measuring import Take

CHUNKS: Final = 100_000
LCEL_CHUNKS: Final = 5_000  # it adds text to text again and again: a hundred thousand would take many minutes
PAUSE: Final = 0.001  # seconds, after so many things:
AFTER: Final = 100
STATUS: Final = Path("/proc/self/status")


# --- in a process of its own -------------------------------------------------------------------------------


async def lines(count: int) -> AsyncGenerator[str, None]:
    for number in range(count):
        yield f"{number:200}"


def upper(line: str) -> str:
    return line.upper()


async def upper_each(lines: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    async for line in lines:
        yield line.upper()


async def slowly(things: AsyncIterator[Any], sleep: Callable[[float], Awaitable[None]]) -> None:
    number = 0
    async for _ in things:
        number += 1
        if number % AFTER == 0:
            await sleep(PAUSE)


chain = gf.aggregate(lines) | gf.chunkwise(upper) | gf.transform(upper_each)


async def ours_stream(count: int) -> None:
    async with chain.stream(count) as chunks:
        await slowly(chunks, trio.sleep)


async def ours_events(count: int) -> None:
    async with chain.events(count, outputs=False) as events:
        await slowly(events, trio.sleep)


async def by_hand(count: int) -> None:
    await slowly(upper_each(upper(line) async for line in lines(count)), trio.sleep)


async def lcel_stream(count: int) -> None:
    await slowly(lcel.sequence(lines, [lcel.each(upper), upper_each]).astream(count), asyncio.sleep)


async def lcel_events(count: int) -> None:
    sequence = lcel.sequence(lines, [lcel.each(upper), upper_each])
    await slowly(sequence.astream_events(count, version="v2"), asyncio.sleep)


SIDES: Final = {work.__name__: work for work in (ours_stream, ours_events, by_hand, lcel_stream, lcel_events)}


def peak() -> int:
    """Return the largest resident size of this process so far, in bytes.

    `getrusage` would not do: its figure outlives `exec`, so that it can be that of the process that started this one.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), flags=re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def main(side: str, count: int) -> None:
    work = SIDES[side]

    def run(count: int) -> None:
        if side.startswith("lcel"):
            asyncio.run(work(count))
        else:
            trio.run(work, count)

    run(0)
    gc.collect()
    empty = peak()
    run(count)
    print(json.dumps(peak() - empty))


# --- the cases ---------------------------------------------------------------------------------------------


def in_a_process(side: str) -> Take:
    def take(count: int) -> Taken:
        command = [sys.executable, "-m", "benchmarks.memory", side, str(count)]
        ran = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=True)
        return Taken(json.loads(ran.stdout), None)

    return take


def case(name: str, sides: dict[str, str]) -> Case:
    return Case(
        f"peak memory, slow reader, {name} (LCEL: a twentieth of the chunks)",
        MB,
        "",
        tuple(Side(side, in_a_process(work), LCEL_CHUNKS if side == LCEL else CHUNKS) for side, work in sides.items()),
        (within(3, "MB"),),
        units=lambda count: 1,
        most_rounds=3,
        compares=False,
    )


def cases() -> Iterator[Case]:
    if STATUS.exists():
        yield case("stream", {OURS: "ours_stream", HAND: "by_hand", LCEL: "lcel_stream"})
        yield case("events(outputs=False)", {OURS: "ours_events", LCEL: "lcel_events"})


GROUP = Group(
    "memory",
    "Peak memory",
    """
    The largest resident size of a process that streams 100,000 chunks of 200 characters through a function and
    a generator to a reader who sleeps for a millisecond after every 100, above its size after a run without
    chunks. LCEL gets 5,000 chunks: its memory grows with their number, its time with the square of it. Measured on
    Linux only.
    """,
    cases,
)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
