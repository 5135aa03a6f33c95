"""Declare long chains, and compile them."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import graphflow as gf
from benchmarks.cases import OURS, US, Case, Group, Side, Taken, at_most, within
from benchmarks.measuring import Take, plain

SMALLER: Final = "1,000 nodes"

FUNCTION: Final = """
def node_{n}(chunk: int) -> int:
    return chunk + 1
"""
GENERATOR: Final = """
async def node_{n}(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        yield chunk + 1
"""


def add_one(chunk: int) -> int:
    return chunk + 1


async def add_one_to_each(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        yield chunk + 1


def shared(count: int) -> Sequence[Callable[..., Any]]:
    """Return the same two functions again and again: three times the function of one chunk, then the generator."""
    return list(itertools.islice(itertools.cycle((add_one, add_one, add_one, add_one_to_each)), count))


def own(count: int) -> Sequence[Callable[..., Any]]:
    """Return as many functions, each written in a file of its own lines, which nobody has read before."""
    text = "from collections.abc import AsyncIterator\n" + "".join(
        (GENERATOR if n % 4 == 3 else FUNCTION).format(n=n) for n in range(count)
    )
    path = Path(_folder.name) / f"nodes_{next(_numbers)}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [getattr(module, f"node_{n}") for n in range(count)]


_folder: Final = tempfile.TemporaryDirectory(prefix="graphflow-benchmarks-")  # with the process it goes
_numbers: Final = itertools.count()


def compiled(functions: Sequence[Callable[..., Any]]) -> object:
    chain: gf.Chain[int, Any] = gf.chunkwise(functions[0])
    for index, function in enumerate(functions[1:], start=1):
        chain = chain | (gf.transform(function) if index % 4 == 3 else gf.chunkwise(function))
    return len(gf.compile(chain).plan.nodes)


def declared(functions_of: Callable[[int], Sequence[Callable[..., Any]]]) -> Take:
    def take(count: int) -> Taken:
        functions = functions_of(count)
        return plain(lambda _: compiled(functions))(count)

    return take


def case(name: str, functions_of: Callable[[int], Sequence[Callable[..., Any]]], limit: float) -> Case:
    take = declared(functions_of)
    return Case(
        f"declare and compile 10,000 nodes, {name}",
        US,
        "node",
        (Side(OURS, take, 10_000), Side(SMALLER, take, 1_000)),
        (within(limit, "µs"), at_most(1.3, SMALLER)),
        most_rounds=3,
    )


def cases() -> Iterator[Case]:
    yield case("shared functions", shared, 100)
    yield case("own functions", own, 500)


GROUP = Group(
    "compiling",
    "Long chains",
    """
    Declare a chain of 10,000 nodes, three functions of one chunk and a generator by turns, and compile it. It
    stands beside 1,000 nodes, also for one node: if the ratio is about 1, the time is linear.
    """,
    cases,
)
