"""When two values are the same: in value, in type, in order."""

import math

import pytest

from graphflow.jsonstream.values import identical

NAN = math.nan


@pytest.mark.parametrize("value", [None, True, 1, 1.0, -0.0, NAN, "a", [], {}, [1, [2]], {"a": {"b": [NAN]}}])
def test_a_value_is_identical_to_itself_and_to_a_copy(value: object) -> None:
    assert identical(value, value)
    assert identical([value], [value])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("1", 1),
        ([], {}),
        ([1], [1, 2]),
        ([[1]], [[1.0]]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [0]}, {"a": [False]}),
    ],
)
def test_values_that_differ(one: object, other: object) -> None:
    assert not identical(one, other)
    assert not identical(other, one)


def test_depth_is_no_limit() -> None:
    one: list[object] = []
    other: list[object] = []
    for _ in range(10_000):
        one, other = [one], [other]
    assert identical(one, other)
