"""Events of everything: what it costs to tell what happens."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import attrs

import graphflow as gf
from benchmarks import lcel
from benchmarks.cases import HAND, NS, OURS, Case, Group, Side, at_most, either, faster, within
from benchmarks.measuring import on_trio

CHUNKS: Final = 10_000


# --- the work: letters through steps, since text is what end events have to put together -------------------


async def letters(count: int) -> AsyncGenerator[str, None]:
    for _ in range(count):
        yield "x"


def swap(letter: str) -> str:
    return letter.swapcase()


async def swap_each(letters: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    async for letter in letters:
        yield letter.swapcase()


def chain_of(k: int, kind: str) -> gf.Chain[int, Any]:
    """Return a chain of `letters` and k nodes with the names `step_0`, `step_1` and so on."""
    chain: gf.Chain[int, Any] = gf.aggregate(letters)
    for index in range(k):
        name = f"step_{index}"
        chain = chain | (gf.chunkwise(swap, name=name) if kind == "functions" else gf.transform(swap_each, name=name))
    return chain


def sequence_of(k: int, kind: str) -> Any:
    """Return the same as a sequence of LCEL."""
    return lcel.sequence(letters, [lcel.each(swap) if kind == "functions" else swap_each] * k)


# --- by hand -----------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Run:
    """What the events of a node have in common."""

    kind: str
    name: str
    run_id: str
    parent_ids: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, object]


@attrs.define(eq=False)
class Event:
    event: str
    run: Run
    data: dict[str, object]
    seq: int


Tell = Callable[[Event], None]

CURRENT: Final[ContextVar[Run | None]] = ContextVar("run", default=None)


class Tap:
    """What tells of one node, and remembers what its end event has to tell."""

    __slots__ = ("_number", "_pieces", "_tell", "run")

    def __init__(self, run: Run, tell: Tell, number: Iterator[int]) -> None:
        self.run = run
        self._tell = tell
        self._number = number
        self._pieces: list[str] = []

    def start(self) -> None:
        self._tell(Event("on_chain_start", self.run, {}, next(self._number)))

    def chunk(self, chunk: str) -> None:
        self._pieces.append(chunk)
        self._tell(Event("on_chain_stream", self.run, {"chunk": chunk}, next(self._number)))

    def end(self) -> None:
        self._tell(Event("on_chain_end", self.run, {"output": "".join(self._pieces)}, next(self._number)))


def taps_of(k: int, tell: Tell) -> list[Tap]:
    """Return the taps of a sequence, of its source and of its steps."""
    numbers = itertools.count()
    root = Run("chain", "sequence", "run-0", (), (), {})
    steps = [
        Run("chain", f"step_{n}", f"run-{n + 1}", (root.run_id,), (f"seq:step:{n + 1}",), {}) for n in range(k + 1)
    ]
    return [Tap(run, tell, numbers) for run in (root, *steps)]


async def told(tap: Tap, chunks: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Tell of every chunk of a generator; while its code runs, its run is the current one."""
    tap.start()
    while True:
        token = CURRENT.set(tap.run)
        try:
            chunk = await anext(chunks, None)
        finally:
            CURRENT.reset(token)
        if chunk is None:
            break
        tap.chunk(chunk)
        yield chunk
    tap.end()


async def told_functions(chunks: AsyncIterator[str], taps: list[Tap]) -> AsyncGenerator[str, None]:
    """Tell of every chunk of functions in one loop; while the code of one runs, its run is the current one."""
    for tap in taps:
        tap.start()
    async for chunk in chunks:
        for tap in taps:
            token = CURRENT.set(tap.run)
            try:
                chunk = swap(chunk)  # noqa: PLW2901  # as in a loop without taps
            finally:
                CURRENT.reset(token)
            tap.chunk(chunk)
        yield chunk
    for tap in taps:
        tap.end()


async def run_by_hand(count: int, k: int, kind: str, tell: Tell) -> None:
    root, source, *steps = taps_of(k, tell)
    root.start()
    chunks = told(source, letters(count))
    if kind == "functions":
        chunks = told_functions(chunks, steps)
    else:
        for step in steps:
            chunks = told(step, swap_each(chunks))
    async for chunk in chunks:
        root.chunk(chunk)
    root.end()


# --- the cases ---------------------------------------------------------------------------------------------


def case(k: int, kind: str) -> Case:
    chain = chain_of(k, kind)

    async def ours(count: int) -> object:
        number, last = 0, None
        async with chain.events(count) as events:
            async for event in events:
                number += 1
                last = event
        return number, last and last.output

    async def by_hand(count: int) -> object:
        number = 0
        last: Event | None = None

        def tell(event: Event) -> None:
            nonlocal number, last
            number += 1
            last = event

        await run_by_hand(count, k, kind, tell)
        return number, last and last.data["output"]

    def peer() -> Callable[[int], Any]:
        sequence = sequence_of(k, kind)

        async def work(count: int) -> object:
            number, last = 0, None
            async for event in sequence.astream_events(count, version="v2"):
                number += 1
                last = event
            return number, last and last["data"]["output"]

        return work

    fast = at_most(2) if k < 4 else either(within(1_000, "ns"), at_most(2))
    return Case(
        f"events of everything, {k} {kind if k > 1 else kind[:-1]}",
        NS,
        "event",
        (
            Side(OURS, on_trio(ours), CHUNKS),
            Side(HAND, on_trio(by_hand), CHUNKS),
            lcel.side(peer, 4_000 // (k + 4)),
        ),
        (fast, faster(15)),
        units=lambda count: (k + 2) * (count + 2),
    )


def cases() -> Iterator[Case]:
    for kind in ("functions", "generators"):
        for k in (1, 4, 16):
            yield case(k, kind)


GROUP = Group(
    "events",
    "Events of everything",
    """
    `chain.events` of a source of 10,000 letters and k steps, functions of one chunk or asynchronous generators:
    k + 2 events for a chunk. By hand every node calls back directly with an event of the same fields, sets a
    context variable to its run before its code runs and restores it after, and joins its output for its end
    event. In LCEL it is `astream_events(version="v2")`.
    """,
    cases,
)
