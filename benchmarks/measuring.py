"""Measure all cases in interleaved rounds, after a small run that shows that all sides do the same work.

A round runs every case, and of a case every side, one right after the other: what else happens on the machine disturbs
all of them alike. The order of the sides turns from round to round. Garbage is collected before every side, and never
while one is timed. Time is CPU time of the whole process, with its threads, where a case does not ask for wall time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import trio

from benchmarks.cases import Case, Figures, Side, Taken

#: How many units the small run has.
SMALL: Final = 50

Clock = Callable[[], int]
CPU: Final[Clock] = time.process_time_ns
WALL: Final[Clock] = time.perf_counter_ns

Take = Callable[[int], Taken]


class DifferentWorkError(Exception):
    """The sides of a case do not do the same work."""


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector from running."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def plain(work: Callable[[int], object], clock: Clock = CPU) -> Take:
    """Measure work that runs without a loop."""

    def take(count: int) -> Taken:
        with no_collection():
            start = clock()
            outcome = work(count)
            return Taken(clock() - start, outcome)

    return take


async def _timed(work: Callable[[int], Awaitable[object]], count: int, clock: Clock) -> Taken:
    with no_collection():
        start = clock()
        outcome = await work(count)
        return Taken(clock() - start, outcome)


def on_trio(work: Callable[[int], Awaitable[object]], clock: Clock = CPU) -> Take:
    """Measure work in a Trio loop; starting and ending the loop does not count."""
    return lambda count: trio.run(_timed, work, count, clock)


def on_asyncio(work: Callable[[int], Awaitable[object]], clock: Clock = CPU) -> Take:
    """Measure work in an asyncio loop, likewise."""
    return lambda count: asyncio.run(_timed(work, count, clock))


def measure(
    cases: Sequence[Case],
    rounds: int,
    *,
    quick: bool,
    runs: Callable[[Side], bool],
    progress: Callable[[str], None],
) -> list[Figures]:
    """Return the figures of cases.

    Args:
        cases: what is measured.
        rounds: how often.
        quick: only the small run, once.
        runs: tells whether a side can run here.
        progress: is told what comes next.

    Raises:
        DifferentWorkError: the sides of a case do not do the same work.
    """
    taken: list[dict[str, list[float]]] = [{} for _ in cases]
    present = [[side for side in case.sides if runs(side)] for case in cases]
    for case, sides, found in zip(cases, present, taken, strict=True):
        progress(f"small run: {case.name}")
        small = {side.name: side.take(SMALL) for side in sides}
        _compare(case, small)
        if quick:
            found |= {name: [one.amount / case.units(SMALL) / case.unit.size] for name, one in small.items()}
    gc.collect()
    gc.freeze()  # what is there by now stays: to look through it for garbage would take longer than most sides
    for turn in range(0 if quick else rounds):
        for case, sides, found in zip(cases, present, taken, strict=True):
            if turn >= case.most_rounds:
                continue
            progress(f"round {turn + 1} of {rounds}: {case.name}")
            first = turn % len(sides)
            for side in sides[first:] + sides[:first]:
                gc.collect()
                amount = side.take(side.count).amount / case.units(side.count)
                found.setdefault(side.name, []).append(amount / case.unit.size)
    return [Figures(found) for found in taken]


def _compare(case: Case, small: dict[str, Taken]) -> None:
    outcomes = {name: taken.outcome for name, taken in small.items()}
    first, *others = outcomes.values()
    if any(other != first for other in others):
        told = "\n".join(f"  {name}: {outcome!r:.200}" for name, outcome in outcomes.items())
        raise DifferentWorkError(f"{case.name}: the sides do not give the same\n{told}")
