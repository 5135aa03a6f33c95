"""Parts that are shown only when they are complete."""

from typing import Any

from graphflow.jsonstream import JsonStream
from tests.jsonstream.driver import outcome, patched


def test_scalars_that_are_held_come_complete() -> None:
    chunks = ['{"name": "Fra', 'nce", "n": 6', '7, "note": "x', 'y"}']
    assert outcome(chunks, hold=["name", "n"])[0] == [
        {},
        {"name": "France"},
        {"name": "France", "n": 67, "note": "x"},
        {"name": "France", "n": 67, "note": "xy"},
    ]
    assert outcome(chunks, hold=["*"])[0] == outcome(chunks, scalars="complete")[0]


def test_containers_that_are_held_come_complete() -> None:
    chunks = ['{"a": "x', '", "b": [{"c"', ": [1", ', 2]}, "d', '"], "e": "f', '"}']
    values, at, _ = outcome(chunks, hold=["b"])
    assert values == [
        {"a": "x"},
        {"a": "x", "b": [{"c": [1, 2]}, "d"], "e": "f"},
    ]
    assert at == [0, 4]
    assert outcome(chunks, hold=["b[*]"])[0] == [
        {"a": "x"},
        {"a": "x", "b": []},
        {"a": "x", "b": [{"c": [1, 2]}]},
        {"a": "x", "b": [{"c": [1, 2]}, "d"], "e": "f"},
    ]
    assert outcome(chunks, hold=["$"])[0] == [{"a": "x", "b": [{"c": [1, 2]}, "d"], "e": "f"}]


def test_the_old_value_of_a_key_stays_until_the_new_one_is_complete() -> None:
    chunks = ['{"a": [1], "b": 2', ', "a": [3', ", 4", "]}"]
    assert outcome(chunks, hold=["a"])[0] == [{"a": [1], "b": 2}, {"a": [3, 4], "b": 2}]


def test_patches_keep_to_it() -> None:
    chunks = ['{"a": "x', 'y", "b": [{"c"', ": [1", ', 2]}, "d', '"], "e": "f', '"}']
    for hold in (["a"], ["b"], ["b[0].c"], ["b[*]", "e"]):
        values, at, _ = outcome(chunks, hold=hold)
        patches, patched_at, _ = outcome(chunks, hold=hold, patches=True, append=True)
        document: Any = None
        states = [document := patched(document, patch) for patch in patches]
        assert (states, patched_at) == (values, at)


def test_an_error_has_the_place_in_what_is_held_and_the_partial_value_without_it() -> None:
    error = outcome(['{"a": 1, "b": [{"c": [1, x'], hold=["b"])[2]
    assert error is not None
    assert (error.path, error.partial) == ("$.b[0].c[1]", {"a": 1})
    error = outcome(['{"a": 1, "b": "x'], hold=["b"])[2]
    assert error is not None
    assert (error.path, error.partial) == ("$.b", {"a": 1})


def test_a_stream_that_holds_is_complete_when_its_value_is() -> None:
    stream = JsonStream(hold=["a"])
    stream.feed('{"a": [1')
    assert not stream.complete
    stream.feed("]}")
    assert stream.complete
