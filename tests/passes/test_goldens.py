"""Every pass by its golden file: what it makes of some declarations, and that they run as they are printed.

A golden file holds cases, each a declaration, the text of what the pass gave, and the chunks of a run::

    === a title
    input: "ada"

    chain = gf.chunkwise(str.upper) | str.strip
    ---
    graph → strip
    ...
    ---
    'ADA'

Where the declaration cannot be compiled, the text is the error, and there is no run. Every program is run a second
time: without the pass, or with its decisions made in another way, and has to give the same chunks.

``REWRITE_GOLDENS=1 pytest tests/passes`` writes what is printed into the files. Read it before you commit it.
"""

from __future__ import annotations

import ast
import os
import re
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

import attrs
import pytest
import trio
import trio.testing

import graphflow as gf
from graphflow_compiler import pipeline
from graphflow_compiler.passes import normalise, plan_stages
from graphflow_compiler.plan import Plan
from tests.laws.running import narrow, unfused, with_plan

HERE: Final = Path(__file__).parent
REWRITE: Final = "REWRITE_GOLDENS" in os.environ


@attrs.frozen
class Case:
    """One case of a golden file.

    Attributes:
        file: the golden file.
        line: where the source begins in it.
        title: what it shows.
        given: what the program runs on, as it is written.
        source: the declaration of `chain`.
        expected: what the pass gave, as text.
        chunks: what the program gave, a chunk a line.
    """

    file: Path
    line: int
    title: str
    given: str
    source: str
    expected: str
    chunks: str

    @property
    def pass_name(self) -> str:
        return self.file.stem

    def __str__(self) -> str:
        run = f"\n---\n{self.chunks}" if self.chunks else ""
        return f"=== {self.title}\ninput: {self.given}\n\n{self.source}\n---\n{self.expected}{run}\n"


def cases_of(file: Path) -> list[Case]:
    text = file.read_text(encoding="utf-8")
    cases = []
    for found in re.finditer(r"^=== (.*)\ninput: (.*)\n\n((?:(?!^=== ).*\n)*)", text, flags=re.MULTILINE):
        title, given, rest = found.groups()
        source, expected, chunks, *_ = [*re.split(r"^---\n", rest, flags=re.MULTILINE), "", ""]
        line = text[: found.start(3)].count("\n")
        cases.append(Case(file, line, title, given, source.strip("\n"), expected.strip("\n"), chunks.strip("\n")))
    return cases


CASES: Final = [case for name in pipeline.PASS_NAMES for case in cases_of(HERE / f"{name}.txt")]


def declared(case: Case) -> gf.Chain[Any, Any]:
    """Run the declaration of a case; its lines are those of the golden file."""
    names: dict[str, Any] = {"gf": gf, "trio": trio, "AsyncIterator": AsyncIterator, "Iterator": Iterator}
    names |= {name: getattr(typing, name) for name in ("Any", "TypedDict", "TypeVar")}
    exec(compile("\n" * case.line + case.source, case.file.name, "exec", dont_inherit=True), names)
    chain: gf.Chain[Any, Any] = names["chain"]
    return chain


def printed(case: Case, program: gf.Program[Any, Any]) -> str:
    """Return what the pass of a case gave, as text."""
    text = program.explain(after=case.pass_name)
    if case.pass_name == "fuse":
        sources = [stage.source for plan in all_plans(program.plan) for stage in plan.stages]
        text += "".join(f"\n\n{source}" for source in sources)
    return text


def all_plans(plan: Plan) -> Iterator[Plan]:
    yield plan
    for body in plan.nested:
        yield from all_plans(body)


def chunks_of(program: gf.Program[Any, Any], given: object) -> list[Any]:
    async def read() -> list[Any]:
        async with program.stream(given) as stream:
            return [chunk async for chunk in stream]

    return trio.run(read, clock=trio.testing.MockClock(autojump_threshold=0))


# --- without a pass, or with its decisions made in another way ---------------------------------------------


def with_every_join(case: Case) -> gf.Program[Any, Any]:
    with mock.patch.object(normalise, "_without_idle_joins", lambda graph: graph):
        return gf.Program(declared(case))


def with_a_stage_for_every_node(case: Case) -> gf.Program[Any, Any]:
    with mock.patch.object(plan_stages, "MAX_NESTING", 1):
        return gf.Program(declared(case))


def without_fusion(case: Case) -> gf.Program[Any, Any]:
    program = gf.Program(declared(case))
    return with_plan(program, unfused(program.plan))


def with_room_for_one_chunk(case: Case) -> gf.Program[Any, Any]:
    program = gf.Program(declared(case))
    return with_plan(program, narrow(program.plan))


def without_diagnostics(case: Case) -> gf.Program[Any, Any]:
    passes = tuple(step for step in pipeline.PLAN_PASSES if step.__name__ != "diagnose")
    with mock.patch.object(pipeline, "PLAN_PASSES", passes):
        return gf.Program(declared(case))


WITHOUT: Final[dict[str, Callable[[Case], gf.Program[Any, Any]]]] = {
    "normalise": with_every_join,
    "plan_stages": with_a_stage_for_every_node,
    "fuse": without_fusion,
    "plan_buffers": with_room_for_one_chunk,
    "diagnose": without_diagnostics,
}


not_while_writing = pytest.mark.skipif(REWRITE, reason="the golden files are being written")


# --- tests -------------------------------------------------------------------------------------------------


@not_while_writing
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.pass_name}-{case.title}")
def test_a_pass_gives_what_its_golden_file_says_and_the_program_runs(case: Case) -> None:
    assert str(actual(case)) == str(case)


@not_while_writing
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.pass_name in WITHOUT and case.chunks],
    ids=lambda case: f"{case.pass_name}-{case.title}",
)
def test_without_the_pass_every_node_gives_the_same(case: Case) -> None:
    program = WITHOUT[case.pass_name](case)
    assert shown(program, case) == case.chunks


def shown(program: gf.Program[Any, Any], case: Case) -> str:
    """Return the chunks of a run, a line each; those of a record by their keys, between which any order may be."""
    chunks = chunks_of(program, ast.literal_eval(case.given))
    if all(isinstance(chunk, dict) for chunk in chunks):
        chunks.sort(key=keys_of)
    return "\n".join(map(repr, chunks))


def keys_of(chunk: object) -> list[Any]:
    """Return the keys of a record, each with those of the record that is there."""
    return [(key, keys_of(value)) for key, value in sorted(chunk.items())] if isinstance(chunk, dict) else []


def actual(case: Case) -> Case:
    """Return the case with what is printed and given now."""
    try:
        program = gf.Program(declared(case))
    except gf.CompileError as error:
        return attrs.evolve(case, expected=str(error), chunks="")
    return attrs.evolve(case, expected=printed(case, program), chunks=shown(program, case))


@not_while_writing
@pytest.mark.parametrize("name", pipeline.PASS_NAMES)
def test_every_pass_has_a_golden_file_of_several_cases(name: str) -> None:
    cases = cases_of(HERE / f"{name}.txt")
    assert len(cases) > 2
    assert len({case.title for case in cases}) == len(cases)
    assert "\n".join(map(str, cases)) == (HERE / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_is_that_of_a_pass() -> None:
    assert sorted(path.stem for path in HERE.glob("*.txt")) == sorted(pipeline.PASS_NAMES)


@pytest.mark.skipif(not REWRITE, reason="only when the golden files are to be written")
@pytest.mark.parametrize("name", pipeline.PASS_NAMES)
def test_rewrite(name: str) -> None:
    file = HERE / f"{name}.txt"
    for _ in range(3):  # what is written moves the lines of what follows
        file.write_text("\n".join(str(actual(case)) for case in cases_of(file)), encoding="utf-8")
