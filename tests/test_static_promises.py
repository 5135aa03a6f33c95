"""What type checkers infer, holds when it runs.

The modules of `tests/typing` are written for type checkers. Here they run, and every chain that stands in an
`assert_type` is compared with the type that stands beside it: its class promises that much, or more, and where that
class streams, so does the plan.
"""

import functools
import json
import runpy
import sys
import types
import typing
from pathlib import Path

import pytest

import graphflow as gf

FOLDER = Path(__file__).parent / "typing"
STRENGTH = {gf.Chain: 0, gf.Aggregate: 0, gf.Producer: 1, gf.Transform: 2}
NAMES = {0: "aggregate", 1: "producer", 2: "transform"}


def classes(declared: object) -> list[typing.Any]:
    """Return the classes of a type, or of each member of a union."""
    if typing.get_origin(declared) in (typing.Union, types.UnionType):
        return [one for member in typing.get_args(declared) for one in classes(member)]
    return [typing.get_origin(declared) or declared]


def broken_promise(value: object, declared: object) -> str | None:
    """Tell how a value is less than what type checkers take it for."""
    promised = classes(declared)
    if not isinstance(value, gf.Chain):
        return None if isinstance(value, tuple(promised)) else f"it is {value!r}"
    least = min(STRENGTH[next(cls for cls in one.__mro__ if cls in STRENGTH)] for one in promised)
    found = STRENGTH[next(cls for cls in type(value).__mro__ if cls in STRENGTH)]
    if found < least or value.node_class.value != NAMES[found]:
        return f"it is {value!r}, of class {value.node_class.value}"
    if least and not value.compile().plan.streams:
        return f"its plan does not stream:\n{value.compile().plan}"
    return None


@pytest.mark.parametrize(
    "name", ["components", "composition", "declarations", "fans", "graphs", "operands", "parsers", "running"]
)
def test_static_promises_are_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    broken: list[str] = []

    def assert_type(value: object, declared: object) -> object:
        line = sys._getframe(1).f_lineno
        checked.append(line)
        problem = broken_promise(value, declared)
        if problem is not None:
            broken.append(f"{name}.py:{line}: {declared} was promised, but {problem}")
        return value

    monkeypatch.setattr(typing, "assert_type", assert_type)
    runpy.run_path(str(FOLDER / f"{name}.py"))
    assert broken == []
    assert checked


@pytest.mark.parametrize(
    "function", [json.loads, len, str.upper, lambda text: text, functools.partial(sorted, key=len)]
)
def test_functions_that_do_not_say_what_they_give_promise_nothing(function: typing.Any) -> None:
    streaming = gf.chunkwise(str.upper)
    assert broken_promise(streaming | function, gf.Aggregate[str, typing.Any]) is None
    assert type(streaming | function) is gf.Aggregate
    assert type(gf.aggregate(function)) is gf.Aggregate
