"""What a function's signature says, and which arguments it takes."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import pickle
from collections.abc import Callable
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict, Union

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphflow.components.signature import (
    FunctionSignature,
    InvalidArgumentsError,
    Problem,
    SignatureError,
    describe_function,
    validate_arguments,
)

untimed = settings(deadline=None)


class Unit(enum.Enum):
    CELSIUS = "c"
    KELVIN = "k"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(TypedDict):
    city: Annotated[str, "in English"]
    country: NotRequired[str]


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    norm: float = dataclasses.field(init=False, default=0.0)


@attrs.frozen
class Span:
    start: int
    _end: int = attrs.field(default=9, validator=attrs.validators.le(10))


@attrs.frozen
class Tree:
    children: list[Tree]


UserId = NewType("UserId", int)


def schema_of(annotation: Any) -> Any:
    def tool(x: Any) -> None: ...

    tool.__annotations__["x"] = annotation
    return describe_function(tool).schema["properties"]["x"]


def checked(annotation: Any, value: Any) -> Any:
    def tool(x: Any) -> None: ...

    tool.__annotations__["x"] = annotation
    return validate_arguments(describe_function(tool), {"x": value})["x"]


def problems(signature: FunctionSignature, arguments: Any) -> list[str]:
    with pytest.raises(InvalidArgumentsError) as raised:
        validate_arguments(signature, arguments)
    return [str(problem) for problem in raised.value.problems]


# --- describing -------------------------------------------------------------------------------------------


def forecast(
    city: str, days: int = 3, *, unit: Annotated[Unit, "of temperatures"] = Unit.CELSIUS, where: Place | None = None
) -> str:
    """Give the weather forecast
    for a city.

    It asks the weather service.

    Args:
        city: name of the city,
            in English: `London`.

            Not an airport.
        days (int): how many days
        unit: not this, but the annotation's text
        unknown: is no parameter

    Returns:
        text: the forecast.
    """
    return f"{city} {days} {unit} {where}"


def test_a_function_is_described_by_its_signature_and_docstring() -> None:
    described = describe_function(forecast)

    assert described.name == "forecast"
    assert described.description == "Give the weather forecast for a city."
    assert described.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "name of the city, in English: `London`. Not an airport."},
            "days": {"type": "integer", "description": "how many days", "default": 3},
            "unit": {"enum": ["c", "k"], "description": "of temperatures", "default": "c"},
            "where": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "city": {"type": "string", "description": "in English"},
                            "country": {"type": "string"},
                        },
                        "required": ["city"],
                        "additionalProperties": False,
                    },
                    {"type": "null"},
                ],
                "default": None,
            },
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_name_and_description_may_be_given() -> None:
    described = describe_function(forecast, name="weather", description="")

    assert (described.name, described.description) == ("weather", "")


def test_a_function_without_parameters_docstring_or_annotations_is_described() -> None:
    def now(): ...  # type: ignore[no-untyped-def]

    def echo(x, y=object()): ...  # type: ignore[no-untyped-def]  # noqa: B008

    assert describe_function(now).schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert describe_function(now).description == ""
    assert describe_function(echo).schema["properties"] == {"x": {}, "y": {}}
    assert describe_function(echo).schema["required"] == ["x"]


def test_a_docstring_of_arguments_only_is_no_description() -> None:
    def tool(x: int) -> None:
        """Args:
        x: the number
        """

    described = describe_function(tool)
    assert described.description == ""
    assert described.schema["properties"]["x"]["description"] == "the number"


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (object, {}),
        (list, {"type": "array", "items": {}}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (collections.abc.Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (dict, {"type": "object", "additionalProperties": {}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}),  # noqa: UP007
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Annotated[int, 3, "a number"], {"type": "integer", "description": "a number"}),
        (Annotated[int, {"unhashable": 1}], {"type": "integer"}),
        (list[Annotated[str, "a tag"]], {"type": "array", "items": {"type": "string", "description": "a tag"}}),
        (Level, {"enum": [1, 2]}),
        (UserId, {"type": "integer"}),
        (
            Point,
            {
                "type": "object",
                "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
                "required": ["x"],
                "additionalProperties": False,
            },
        ),
        (
            Span,
            {
                "type": "object",
                "properties": {"start": {"type": "integer"}, "end": {"type": "integer"}},
                "required": ["start"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_annotations_have_a_json_schema(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (bytes, "parameter `x` of `tool`: bytes has no JSON schema; use str, int"),
        (complex, "complex has no JSON schema"),
        (list[bytes], "bytes has no JSON schema"),
        (dict[int, str], r"dict\[int, str\] has no JSON schema"),
        (collections.abc.Callable[[], int], "has no JSON schema"),
        (Tree, "Tree holds itself, which has no finite schema"),
        (Literal[b"a"], "choices are str, int, float, bool or None"),
        (enum.Enum("Odd", {"A": (1, 2)}), r"one of \(1, 2\): choices are"),
        ("Nowhere", "the annotations of `tool` do not resolve: name 'Nowhere' is not defined"),
        ("1 +", "the annotations of `tool` do not resolve"),
    ],
)
def test_annotations_without_a_schema_are_refused(annotation: Any, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        schema_of(annotation)


def test_parameters_that_have_no_name_to_callers_are_refused() -> None:
    def positional(x: int, /) -> None: ...
    def several(*xs: int) -> None: ...
    def options(**xs: int) -> None: ...

    with pytest.raises(SignatureError, match="parameter `x: 'int'` of `positional` is positional-only"):
        describe_function(positional)
    with pytest.raises(SignatureError, match=r"of `several` is variadic positional, but arguments come by name"):
        describe_function(several)
    with pytest.raises(SignatureError, match=r"of `options` is variadic keyword"):
        describe_function(options)
    with pytest.raises(SignatureError, match="`dict` has no signature"):
        describe_function(dict)


def test_all_kinds_of_callables_are_described() -> None:
    class Scale:
        """Scale numbers."""

        def __call__(self, x: Point) -> None: ...
        def method(self, x: Point) -> None: ...
        @classmethod
        def of_class(cls, x: Point) -> None: ...
        @staticmethod
        def static(x: Point) -> None: ...

    async def coroutine(x: Point) -> None: ...
    def two(y: int, x: Point) -> None: ...
    @functools.wraps(coroutine)
    def wrapped(*args: Any, **kwargs: Any) -> None: ...

    callables: list[Callable[..., object]] = [
        Scale(),
        Scale().method,
        Scale.of_class,
        Scale.static,
        coroutine,
        functools.partial(two, 3),
        wrapped,
    ]
    for function in callables:
        described = describe_function(function)
        assert described.schema["required"] == ["x"]
        assert validate_arguments(described, {"x": {"x": 1}}) == {"x": Point(1.0)}
    assert describe_function(Scale()).name == "Scale"
    assert describe_function(wrapped).name == "coroutine"
    assert (describe_function(functools.partial(two, 3)).name, describe_function(Scale()).description) == (
        "two",
        "Scale numbers.",
    )
    assert describe_function(functools.partial(two, 3)).description == ""
    assert describe_function(Scale).schema["properties"] == {}


def test_annotations_may_name_what_the_function_closes_over_and_local_names() -> None:
    @dataclasses.dataclass
    class Local:
        a: int

    def uses(x: Local) -> Any:
        return Local(x.a)

    def only_annotates(x: Local) -> None: ...

    assert validate_arguments(describe_function(uses), {"x": {"a": 1}}) == {"x": Local(1)}
    with pytest.raises(SignatureError, match="name 'Local' is not defined"):
        describe_function(only_annotates)
    assert validate_arguments(describe_function(only_annotates, localns=locals()), {"x": {"a": 1}}) == {"x": Local(1)}


# --- checking ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, "", ""),
        (int, 3, 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (float, 1.5, 1.5),
        (bool, False, False),
        (None, None, None),
        (Any, [1], [1]),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (list[int], (1, 2), [1, 2]),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (dict[str, list[int]], {"a": [1]}, {"a": [1]}),
        (Literal["a", 1, None], 1, 1),
        (Unit, "c", Unit.CELSIUS),
        (Unit, Unit.KELVIN, Unit.KELVIN),
        (Level, 2, Level.HIGH),
        (Level, Level.HIGH, Level.HIGH),
        (Place, {"city": "x"}, {"city": "x"}),
        (Point, {"x": 1}, Point(1.0)),
        (Span, {"start": 1, "end": 2}, Span(1, 2)),
        (Span, Span(1), Span(1)),
        (Unit | None, None, None),
        (float | int, 3, 3),
        (float | str, 3, 3.0),
        (list[Point] | Point, [{"x": 1}], [Point(1.0)]),
    ],
)
def test_arguments_become_what_the_function_wants(annotation: Any, value: Any, expected: Any) -> None:
    result = checked(annotation, value)

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (str, 3, "x: expected str, got int 3"),
        (str, None, "x: expected str, got None"),
        (int, True, "x: expected int, got bool True"),
        (int, "3", "x: expected int, got str '3'"),
        (int, 3.5, "x: expected int, got float 3.5"),
        (int, float("inf"), "x: expected int, got float inf"),
        (float, False, "x: expected float, got bool False"),
        (bool, 1, "x: expected bool, got int 1"),
        (None, 0, "x: expected None, got int 0"),
        (list[int], "ab", "x: expected list[int], got str 'ab'"),
        (list[int], [1, "2"], "x[1]: expected int, got str '2'"),
        (tuple[int, str], [1], "x: expected tuple[int, str], got list [1]"),
        (tuple[int, ...], [1, None], "x[1]: expected int, got None"),
        (dict[str, int], [1], "x: expected dict[str, int], got list [1]"),
        (dict[str, int], {"a": "b"}, "x['a']: expected int, got str 'b'"),
        (dict[str, int], {1: 1}, "x: expected dict[str, int], got dict {1: 1}"),
        (Literal["a", 1], True, "x: expected one of 'a', 1, got bool True"),
        (Literal["a", 1], "b", "x: expected one of 'a', 1, got str 'b'"),
        (Unit, "CELSIUS", "x: expected one of 'c', 'k', got str 'CELSIUS'"),
        (int | str | None, [1], "x: expected int | str | None, got list [1]"),
        (Place, {"country": 3}, "x.city: expected str, got nothing (it is missing)"),
        (Place, {"city": "a", "planet": 3}, "x.planet: expected no such name (known: city, country), got int 3"),
        (list[Point], [{"x": 1}, {"x": "a"}], "x[1].x: expected float, got str 'a'"),
        (Point, "1,2", "x: expected Point, got str '1,2'"),
        (Point, Span(1), "x: expected Point, got Span"),
        (str, b"x", "x: expected str, got bytes"),
        (int, "y" * 1_000_000, f"x: expected int, got str '{'y' * 79}..."),
        (float, 10**400, f"x: expected float, got int 1{'0' * 79}..."),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(annotation: Any, value: Any, problem: str) -> None:
    def tool(x: Any) -> None: ...

    tool.__annotations__["x"] = annotation
    assert problems(describe_function(tool), {"x": value})[0] == problem


def test_a_class_s_own_checks_are_reported() -> None:
    def tool(span: Span) -> None: ...

    (problem,) = problems(describe_function(tool), {"span": {"start": 1, "end": 11}})
    assert problem.startswith("span: expected Span, got dict {'start': 1, 'end': 11}: ")
    assert "<= 10" in problem


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidArgumentsError) as raised:
        validate_arguments(describe_function(forecast), {"days": "two", "unit": "f", "town": "London"})
    assert str(raised.value) == (
        "`forecast` cannot take these arguments:\n"
        "  town: expected no such name (known: city, days, unit, where), got str 'London'\n"
        "  city: expected str, got nothing (it is missing)\n"
        "  days: expected int, got str 'two'\n"
        "  unit: expected one of 'c', 'k', got str 'f'"
    )
    assert raised.value.name == "forecast"
    assert raised.value.problems[1] == Problem("city", "str", "nothing (it is missing)")
    assert isinstance(raised.value, ValueError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_arguments_are_an_object() -> None:
    assert problems(describe_function(forecast), ["London"]) == ["arguments: expected an object, got list ['London']"]


def test_absent_arguments_with_defaults_stay_absent() -> None:
    assert validate_arguments(describe_function(forecast), {"city": "London"}) == {"city": "London"}


def test_the_caller_s_arguments_are_not_changed() -> None:
    def tool(xs: list[float], place: Place) -> None: ...

    arguments: dict[str, Any] = {"xs": [1], "place": {"city": "x"}}
    taken = validate_arguments(describe_function(tool), arguments)
    taken["xs"].append(2)
    taken["place"]["city"] = "y"

    assert arguments == {"xs": [1], "place": {"city": "x"}}


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=5),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    Literal["a", "b"]: st.sampled_from(["a", "b"]),
    list[int]: st.lists(st.integers(), max_size=3),
    dict[str, bool]: st.dictionaries(st.text(max_size=2), st.booleans(), max_size=2),
}


@untimed
@given(st.data())
def test_values_of_the_declared_types_are_taken_as_they_are(data: st.DataObject) -> None:
    annotations = data.draw(st.lists(st.sampled_from(list(VALUES)), max_size=4))
    options = functools.reduce(lambda union, one: union | one, annotations, None)
    value = data.draw(st.sampled_from([None, *annotations]).flatmap(lambda one: VALUES[one] if one else st.none()))

    result = checked(options, value)

    assert result == value
    assert type(result) is type(value)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["city", "days", "unit", "where", "other"])


@untimed
@given(json_values | st.dictionaries(keys, json_values, max_size=4))
def test_any_json_is_taken_or_refused_with_reasons(arguments: Any) -> None:
    try:
        taken = validate_arguments(describe_function(forecast), arguments)
    except InvalidArgumentsError as refused:
        told = refused.problems
    else:
        told = ()
        forecast(**taken)
    assert told or isinstance(arguments, dict)
