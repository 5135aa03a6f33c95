"""What it costs to measure a run, beside the same run that nobody measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import graphflow as gf
from benchmarks.cases import NS, OURS, Case, Group, Side
from benchmarks.measuring import on_trio
from benchmarks.work import chain_of_functions, chain_of_generators, last_of

STREAM: Final = "own `stream`"
K: Final = 4
CHUNKS: Final = 10_000


def case(kind: str, chain: gf.Chain[int, Any]) -> Case:
    async def measured(count: int) -> object:
        profile = await chain.explain_analyze(count)
        output = profile.output
        return output[-1] if isinstance(output, list) else output

    async def streamed(count: int) -> object:
        async with chain.stream(count) as chunks:
            return await last_of(chunks)

    return Case(
        f"explain_analyze, {K} {kind}",
        NS,
        "chunk",
        (Side(OURS, on_trio(measured), CHUNKS), Side(STREAM, on_trio(streamed), CHUNKS)),
        (),
    )


def cases() -> Iterator[Case]:
    yield case("functions", chain_of_functions(K))
    yield case("generators", chain_of_generators(K))


GROUP = Group(
    "profiling",
    "Measuring a run",
    """
    `chain.explain_analyze` of a source and 4 steps, beside `stream` of the same chain, which measures nothing.
    """,
    cases,
)
