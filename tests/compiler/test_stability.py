"""The same declaration gives the same text: on every run, under every hash seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import graphflow as gf
from graphflow.lower import lower
from graphflow_compiler.ir import Graph
from graphflow_compiler.pipeline import compile_graph
from graphflow_compiler.plan import Format, Plan
from graphflow_compiler.render import render_graph, render_plan
from tests.passes.test_goldens import CASES, declared

ROOT = Path(__file__).parents[2]


def texts() -> Iterator[str]:
    """Yield all that can be printed of the programs in the golden files, after every pass, and of the errors."""
    for case in CASES:
        seen: dict[str, Graph | Plan] = {}
        try:
            plan = compile_graph(lower(declared(case)._declaration), observe=seen.__setitem__)
        except gf.CompileError as error:
            yield str(error)
        else:
            yield from (plan.explain(format) for format in get_args(Format) if format != "svg")
        yield from (render_graph(one) if isinstance(one, Graph) else render_plan(one) for one in seen.values())


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return list(texts())


def test_the_text_is_the_same_on_every_run(expected: list[str]) -> None:
    assert list(texts()) == expected


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_the_text_is_the_same_under_every_hash_seed(seed: str, expected: list[str]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    run = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, check=True, cwd=Path.cwd(), timeout=120
    )
    assert run.stdout.decode().splitlines() == "\n".join(expected).splitlines()


def test_no_address_is_in_the_repr_of_what_nodes_wait_for() -> None:
    plan = gf.compile(gf.chunkwise(str.upper, name="up") | gf.collect() | gf.aggregate(len)).plan
    assert repr(plan.waits_for) == "{'up': (), 'collect': ('input', 'up'), 'len': ('input', 'up', 'collect')}"


def test_no_text_has_an_address(expected: list[str]) -> None:
    assert not [text for text in expected if re.search(r"\b0x[0-9a-f]{6,}\b|object at", text)]


def test_str_and_print_are_the_explanation() -> None:
    program = gf.compile(gf.chunkwise(str.upper) | gf.chunkwise(str.strip))
    assert str(program) == program.explain() == program.explain("text") == str(program.plan)
    assert repr(program) == "<Program sequence>"


def test_an_unknown_pass_or_format_is_told() -> None:
    program = gf.compile(gf.passthrough())
    with pytest.raises(ValueError, match="there is no pass 'later'; the passes are normalise, check_types, classify"):
        program.explain(after="later")
    with pytest.raises(ValueError, match="there is no format 'png'"):
        program.explain("png")  # type: ignore[arg-type]


def test_what_gives_no_plan_yet_is_shown_as_text_only() -> None:
    program = gf.compile(gf.passthrough())
    with pytest.raises(ValueError, match="what 'classify' gives is no plan yet: it can only be shown as 'text'"):
        program.explain("html", after="classify")
    assert program.explain("mermaid", after="fuse").startswith("---")


if __name__ == "__main__":
    print("\n".join(texts()))
