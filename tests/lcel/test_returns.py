"""Which runnables a function may return is read from its code, whatever way it has of naming them."""

# ruff: noqa: PLW0108, C416  # lambdas and loops are what is read here

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough, RunnableSequence

from graphflow.lcel import source
from graphflow.lcel.returns import returned_by

FIRST: Runnable[Any, Any] = RunnablePassthrough()
SECOND: Runnable[Any, Any] = RunnableLambda(str)
ROUTES = {"first": FIRST, "second": SECOND}
NUMBERS = {"one": 1}


class Router:
    """An object that holds runnables."""

    kept = FIRST

    def __init__(self) -> None:
        self.chain = SECOND
        self.routes = {"second": SECOND}

    def route(self, value: object) -> Any:
        return self.chain

    def by_name(self, value: Any) -> Any:
        return self.routes[value]

    def indirectly(self, value: object) -> Any:
        return self.route(value)

    @property
    def computed(self) -> Any:
        raise AssertionError("a property was run")

    def by_property(self, value: object) -> Any:
        return self.computed

    def __call__(self, value: object) -> Any:
        return self.kept


def by_name(value: object) -> Any:
    return FIRST


def by_condition(value: object) -> Any:
    return FIRST if value else SECOND


def by_statement(value: object) -> Any:
    if value:
        return FIRST
    return SECOND


def by_variable(value: object) -> Any:
    chain = FIRST
    if value:
        chain = SECOND
    return chain


def by_dict(value: Any) -> Any:
    return ROUTES[value]


def by_constant_key(value: object) -> Any:
    return ROUTES["second"]


def by_get(value: Any) -> Any:
    return ROUTES.get(value, FIRST)


def by_loop(value: object) -> Any:
    for name, chain in ROUTES.items():
        if name == value:
            return chain
    raise ValueError


def by_match(value: object) -> Any:
    match value:
        case "first":
            return FIRST
        case _:
            return SECOND


def by_configuring(value: object) -> Any:
    return FIRST.with_config(tags=["a"]).with_retry()


def by_another(value: object) -> Any:
    return by_condition(value)


async def awaiting(value: object) -> Any:
    return await acondition(value)


async def acondition(value: object) -> Any:
    return FIRST if value else SECOND


def within(value: object) -> Any:
    def inner() -> Any:
        return SECOND

    return inner() if value else FIRST


def by_walrus(value: object) -> Any:
    if (found := SECOND) is not value:
        return found
    raise ValueError


def by_error(value: object) -> Any:
    try:
        return FIRST
    finally:
        print(value)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (by_name, [FIRST]),
        (by_condition, [FIRST, SECOND]),
        (by_statement, [FIRST, SECOND]),
        (by_variable, [FIRST, SECOND]),
        (by_dict, [FIRST, SECOND]),
        (by_constant_key, [SECOND]),
        (by_get, [FIRST, SECOND]),
        (by_loop, [FIRST, SECOND]),
        (by_match, [FIRST, SECOND]),
        (by_configuring, [FIRST]),
        (by_another, [FIRST, SECOND]),
        (awaiting, [FIRST, SECOND]),
        (by_error, [FIRST]),
        (within, [FIRST, SECOND]),
        (Router().route, [SECOND]),
        (Router().by_name, [SECOND]),
        (Router().indirectly, [SECOND]),
        (Router(), [FIRST]),
        (functools.partial(lambda chain, value: chain, SECOND), [SECOND]),
        (lambda value: value and FIRST, [FIRST]),
        (lambda value, chain=SECOND: chain, [SECOND]),
        (lambda value, /, *, chain=SECOND: chain, [SECOND]),
        (by_walrus, [SECOND]),
    ],
)
def test_what_a_function_returns_is_found(function: Callable[..., Any], expected: list[object]) -> None:
    returned = returned_by(function)
    assert {id(one) for one in returned.runnables} == {id(one) for one in expected}
    assert not returned.made


def test_lambdas_on_one_line_are_told_apart() -> None:
    first, second = (lambda value: FIRST), (lambda value: SECOND)  # fmt: skip
    assert returned_by(first).runnables == (FIRST,)
    assert [id(one) for one in returned_by(second).runnables] == [id(SECOND)]


@pytest.mark.parametrize(
    "function",
    [
        str.upper,
        len,
        itemgetter("a"),
        lambda value: value,
        lambda value: value.upper(),
        lambda value: f"{value}",
        lambda value: {"a": value},
        lambda value: FIRST.invoke(value),
        FIRST.invoke,
        FIRST.ainvoke,
        lambda value: [chunk for chunk in FIRST.stream(value)],
        lambda value: NUMBERS["one"],
        lambda value: PromptTemplate.from_template("{a}").invoke({"a": value}),
        Router().by_property,
    ],
)
def test_a_function_that_returns_a_value_returns_no_runnable(function: Callable[..., Any]) -> None:
    returned = returned_by(function)
    assert (returned.runnables, returned.made) == ((), False)


def test_a_runnable_and_a_value_are_both_told() -> None:
    def sometimes(value: object) -> Any:
        if value:
            return FIRST

    returned = returned_by(sometimes)
    assert returned.runnables == (FIRST,)
    assert returned.values
    assert not returned_by(by_statement).values


@pytest.mark.parametrize(
    "function",
    [
        lambda value: FIRST | SECOND,
        lambda value: {"a": FIRST} | SECOND,
        lambda value: FIRST | str,
    ],
)
def test_what_is_put_together_when_it_runs_is_put_together(function: Callable[..., Any]) -> None:
    (made,) = returned_by(function).runnables
    assert isinstance(made, RunnableSequence)
    assert made.first == function(None).first


def annotated(value: object) -> Runnable[Any, Any]:
    return globals()[str(value)]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "function",
    [
        lambda value: PromptTemplate.from_template(value),
        PromptTemplate.from_template,
        lambda value: RunnableLambda(value),
        RunnableLambda,
        FIRST.pick,
        lambda value: FIRST.pick(value),
        lambda value: FIRST | value,
        lambda value: {value: FIRST} | SECOND,
        annotated,
    ],
)
def test_what_is_made_when_it_runs_is_told_as_such(function: Callable[..., Any]) -> None:
    assert returned_by(function).made


def test_a_parsing_that_another_has_disturbed_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, disturbed = ast.parse, [True, True]

    def disturbing(text: str) -> ast.Module:
        if disturbed:
            disturbed.pop()
            raise SystemError("AST constructor recursion depth mismatch (before=84, after=134)")
        return parse(text)

    monkeypatch.setattr(ast, "parse", disturbing)
    source._declared_in.cache_clear()
    assert returned_by(by_name).runnables == (FIRST,)
    assert disturbed == []


def test_without_source_the_annotation_tells() -> None:
    names: dict[str, Any] = {"FIRST": FIRST, "Runnable": Runnable}
    exec("def told(value) -> Runnable: return FIRST\ndef untold(value): return value", names)
    assert returned_by(names["told"]).made
    assert not returned_by(names["untold"]).made
