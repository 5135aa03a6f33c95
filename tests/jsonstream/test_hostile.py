"""Texts that are made to cost much: they end in a value or an error, in linear time and bounded memory.

No time is measured. Work is counted in lines that run; memory is what `tracemalloc` sees.
"""

import json
import sys
import tracemalloc
from types import FrameType
from typing import Any

import pytest

from graphflow.jsonstream import NOTHING, JsonItems, JsonStream, JsonStreamError, JsonText
from tests.jsonstream.driver import pieces, pushed

CUTS = pytest.mark.parametrize("size", [64, 4096, 10**9], ids=["64", "4096", "whole"])


def last(text: str, size: int, **options: Any) -> Any:
    """The last value that is given."""
    stream, value = JsonStream(**options), None
    for chunk in pieces(text, size):
        if (given := stream.feed(chunk)) is not NOTHING:
            value = given
    return given if (given := stream.finish()) is not NOTHING else value


def wrong(text: str, size: int, **options: Any) -> JsonStreamError:
    with pytest.raises(JsonStreamError) as caught:
        last(text, size, **options)
    return caught.value


@CUTS
@pytest.mark.parametrize("opener", ["[", '{"a":', '[{"a":'])
def test_depth_bombs(opener: str, size: int) -> None:
    error = wrong(opener * 200_000, size)
    assert (error.kind, error.message) == ("limit", "nesting deeper than 200")
    assert error.path.count("[0]") + error.path.count(".a") == 200
    closed = "[" * 100_000 + "]" * 100_000
    assert wrong(closed, size).kind == "limit"


@CUTS
def test_depth_within_a_high_limit(size: int) -> None:
    value = last("[" * 5000 + "1" + "]" * 5000, size, max_depth=5000)
    depth = 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1
    assert (value, depth) == (1, 5000)


@CUTS
@pytest.mark.parametrize("number", ["7" * 10**6, "0." + "1" * 10**6, "1e" + "1" * 10**6, "-" + "9" * 10**6])
def test_numbers_of_a_million_digits(number: str, size: int) -> None:
    error = wrong(f'{{"a": [{number}]}}', size)
    assert (error.kind, error.offset, error.path) == ("limit", 7, "$.a[0]")
    assert error.message == "number longer than 4300 characters"


@CUTS
def test_a_string_of_ten_megabytes(size: int) -> None:
    characters = "abcdefgh \\n" * 1_000_000
    text = f'{{"a": "{characters}"}}'
    if size == 64:
        text = f'{{"a": "{characters[:1_000_000]}"}}'
    assert last(text, size) == json.loads(text, strict=False)
    error = wrong(text, size, max_string=1000)
    assert (error.kind, error.message) == ("limit", "string longer than 1000 characters")


@pytest.mark.parametrize(("count", "size"), [(50_000, 64), (1_000_000, 65_536)])
def test_an_object_of_a_million_keys(count: int, size: int) -> None:
    text = "{" + ",".join([f'"k{index}":0' for index in range(count)]) + "}"
    assert last(text, size) == dict.fromkeys((f"k{index}" for index in range(count)), 0)
    assert wrong(text, size, max_chars=1000).kind == "limit"


@pytest.mark.parametrize(
    "text",
    [
        '["' + "\\u" * 20_000,
        '["' + "\\ud83d" * 20_000,
        "[" + "1," * 20_000 + "x",
        '{"a":1,' * 10_000,
        '{"a":' + '{"a":1},' * 10_000,
        "[" + "-" * 100_000,
        "[" + "tru" * 20_000,
        '"' + "\\" * 49_999,
        "{" * 100_000,
        "`" * 100_000,
        "```json" * 20_000,
        "[" + "\n" * 100_000 + "x",
        "- " * 20_000,
        "nul " * 10_000,
        "a[ " * 30_000 + "{",
        '{"a' * 40_000,
    ],
)
def test_texts_of_one_piece_again_and_again_end(text: str) -> None:
    every: list[dict[str, Any]] = [{}, {"lenient": True}, {"patches": True, "append": True}]
    for options in every:
        errors = []
        for size in (7, 1000):
            stream = JsonStream(**options, on_incomplete="keep", on_error="stop")
            for chunk in pieces(text, size):
                stream.feed(chunk)
            stream.finish()
            errors.append(stream.error and (stream.error.message, stream.error.offset, stream.error.excerpt))
        assert errors[0] == errors[1]


def lines(text: str, size: int, make: Any) -> int:
    """How many lines of our code reading takes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if "jsonstream" in frame.f_code.co_filename else None

    chunks = pieces(text, size)
    stream = make()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pushed(stream, chunks)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "[" + "1234567, " * n + "0]",
        lambda n: "{" + "".join(f'"k{index}": 0, ' for index in range(n)) + '"": 0}',
        lambda n: '{"a": "' + "abcdefg\\n" * n + '"}',
        lambda n: '{"a": [' + '{"b": [1, 2], "c": {}}, ' * n + "0]}",
        lambda n: "prose [1 and {more} " * n + "[]",
        lambda n: "[" * n,
        lambda n: "[" + "7" * 8 * n,
        lambda n: '[{"a": 1},], ' * n,
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        JsonStream,
        lambda: JsonStream(patches=True, append=True),
        lambda: JsonStream(hold=["a"]),
        lambda: JsonItems("a[*]", root="any"),
        lambda: JsonText("a", root="any"),
    ],
    ids=["snapshots", "patches", "hold", "items", "text"],
)
def test_work_grows_with_the_text(make: Any, text: Any) -> None:
    small, large = (lines(text(count), 5, make) for count in (100, 800))
    assert large <= 8.8 * small + 4000


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ('{"a": [' + '{"x": "' + "y" * 80 + '"}, ' * 20_000 + "0]", lambda: JsonItems("b[*]")),
        ('{"a": [' + '{"x": "y"}, ' * 30_000 + "0]", lambda: JsonItems("a[*]")),
        ("prose and no value. " * 100_000, JsonStream),
        ("[" * 2_000_000, JsonStream),
        ("[" + "7" * 2_000_000, JsonStream),
        ("// nothing\n" * 150_000, lambda: JsonStream(lenient=True)),
        ("[" + " " * 2_000_000, JsonStream),
        ("[" + "1 " * 1_000_000, lambda: JsonStream(on_error="stop")),
        ("[1] " + "and more " * 200_000, JsonStream),
    ],
)
def test_what_is_not_kept_takes_no_memory(text: str, make: Any) -> None:
    chunks, stream = pieces(text, 1000), make()
    tracemalloc.start()
    try:
        for chunk in chunks:
            stream.feed(chunk)
        stream.finish()
    except JsonStreamError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 400_000
