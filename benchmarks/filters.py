"""Filters of events: what nobody listens to should cost nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from benchmarks import lcel
from benchmarks.cases import NS, OURS, Case, Group, Side, Target, at_most
from benchmarks.events import chain_of, sequence_of
from benchmarks.measuring import on_trio

STREAM: Final = "own `stream`"
K: Final = 16
CHUNKS: Final = 20_000


async def number_of(things: AsyncIterator[Any]) -> int:
    number = 0
    async for _ in things:
        number += 1
    return number


def case(name: str, kind: str, filters: dict[str, Any], peers_filters: dict[str, Any], target: Target) -> Case:
    """Return the case of a filter; the outcome is how many stream events are kept of as many chunks."""
    chain = chain_of(K, kind)
    keeps = 0 if filters.get("allow_unmatched") else 1

    async def filtered(count: int) -> object:
        async with chain.events(count, **filters) as events:
            return await number_of(events) - 2 * keeps  # the start and the end

    async def streamed(count: int) -> object:
        async with chain.stream(count) as chunks:
            return await number_of(chunks) * keeps

    def peer() -> Callable[[int], Any]:
        sequence = sequence_of(K, kind)

        async def work(count: int) -> object:
            return await number_of(sequence.astream_events(count, version="v2", **peers_filters)) - 2 * keeps

        return work

    return Case(
        f"a filter that keeps {name} {K} {kind}",
        NS,
        "chunk",
        (Side(OURS, on_trio(filtered), CHUNKS), Side(STREAM, on_trio(streamed), CHUNKS), lcel.side(peer, 200)),
        (target,),
    )


def cases() -> Iterator[Case]:
    one = {"include_names": ["step_7"]}
    none = {"include_names": ["nobody"]}
    yield case("one of", "functions", one, one, at_most(2, STREAM))
    yield case("one of", "generators", one, one, at_most(1.3, STREAM))
    for kind in ("functions", "generators"):
        yield case("none of", kind, {**none, "allow_unmatched": True}, none, at_most(1.1, STREAM))


GROUP = Group(
    "filters",
    "Filters of events",
    """
    `chain.events` of 16 steps, of which a filter keeps one or none, beside `stream` of the same chain, which
    tells nothing. LCEL filters events after it has made them.
    """,
    cases,
)
