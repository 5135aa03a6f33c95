"""How the parser is used: pushing and pulling, what is given when, what is raised when."""

import copy
import doctest
import inspect
import json
import pickle
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
import trio

import graphflow as gf
from graphflow.jsonstream import (
    NOTHING,
    JsonItems,
    JsonStream,
    JsonStreamError,
    Options,
    errors,
    parse_stream,
    parse_stream_async,
    parts,
    paths,
    stream,
    tokens,
)
from graphflow.jsonstream.reader import Reader
from graphflow.jsonstream.tree import CONTAINER, EARNED, ENTRY, FREE
from tests.jsonstream.driver import outcome, patched


def pulled(chunks: Iterable[str], **options: Any) -> tuple[list[Any], JsonStreamError | None]:
    """The values that pulling gives, and the error that it raises."""
    values: list[Any] = []
    try:
        values.extend(parse_stream(chunks, **options))
    except JsonStreamError as error:
        return values, error
    return values, None


def test_a_chunk_that_changes_nothing_gives_nothing() -> None:
    parser = JsonStream()
    assert [parser.feed(text) for text in ("", "[", "", " ", '"', "\\", "n", '"', ",")] == [
        NOTHING, [], NOTHING, NOTHING, [""], NOTHING, ["\n"], NOTHING, NOTHING,
    ]  # fmt: skip
    assert repr(NOTHING) == "NOTHING"


def test_complete_says_when_the_rest_has_no_effect() -> None:
    parser = JsonStream()
    states = []
    for text in ("[1", "]", " and"):
        parser.feed(text)
        states.append(parser.complete)
    assert states == [False, True, True]


def test_what_could_be_read_is_given_before_the_error_is_raised() -> None:
    parser = JsonStream()
    assert parser.feed("[1, 2, x and much more text") == [1, 2]
    assert parser.error is not None
    with pytest.raises(JsonStreamError, match="invalid literal at line 1, column 8") as caught:
        parser.feed("")
    assert caught.value is parser.error
    with pytest.raises(JsonStreamError):
        parser.feed("more")
    with pytest.raises(JsonStreamError):
        parser.finish()


@pytest.mark.parametrize("text", ["[x", "[x34", "[x34567890"])
def test_an_error_waits_for_its_excerpt_or_the_end(text: str) -> None:
    parser = JsonStream()
    assert [parser.feed(char) for char in text] == [[]] + [NOTHING] * (len(text) - 1)
    with pytest.raises(JsonStreamError) as caught:
        parser.finish()
    assert caught.value.excerpt == text


def test_an_error_is_raised_when_its_excerpt_is_complete() -> None:
    parser = JsonStream()
    assert [parser.feed(char) for char in "[x34567890ab"] == [[]] + [NOTHING] * 11
    with pytest.raises(JsonStreamError) as caught:
        parser.feed("cdef")
    assert caught.value.excerpt == "[x34567890abc"


def test_pulling_gives_the_value_and_then_raises() -> None:
    read = []

    def source() -> Iterator[str]:
        for text in ("[1", ", 2, x and more text", "and more"):
            read.append(text)
            yield text

    values = parse_stream(source())
    assert [next(values), next(values)] == [[1], [1, 2]]
    with pytest.raises(JsonStreamError, match="invalid literal"):
        next(values)
    assert len(read) == 2

    values = parse_stream(['{"a": "Fra'])
    assert next(values) == {"a": "Fra"}
    with pytest.raises(JsonStreamError, match="inside a string") as caught:
        next(values)
    assert caught.value.partial == {"a": "Fra"}


def test_pulling_gives_what_the_budget_left_out_before_a_truncated_text_raises() -> None:
    text = "[" + "1234567," * 1000
    values, error = pulled(text)
    assert error is not None
    assert values[-1] == error.partial == [1234567] * 1000
    assert len(values) < len(pulled(text, every=True)[0])


def test_pulling_asynchronously() -> None:
    async def source(*chunks: str) -> AsyncGenerator[str]:
        for text in chunks:
            await trio.lowlevel.checkpoint()
            yield text

    async def given(*chunks: str, **options: Any) -> list[Any]:
        values: list[Any] = []
        async with aclosing(source(*chunks)) as texts:
            try:
                async for value in parse_stream_async(texts, **options):
                    values.append(value)
            except JsonStreamError as error:
                values.append(error.message)
        return values

    async def main() -> None:
        assert await given("[1", "2", "]") == [[1], [12]]
        assert await given("[1", "2") == [[1], [12], "the text ended inside a number"]
        assert await given("[1", "2 x", "]") == [[1], [12], "expected ',' or ']'"]
        assert await given("[1", "2 x" + "x" * 11, "]") == [[1], [12], "expected ',' or ']'"]
        assert await given("[1", "2 x", "]", on_error="stop") == [[1], [12]]
        assert await given("1", scalars="complete") == [1]

    trio.run(main)


def test_stop_and_keep_raise_nothing_but_tell() -> None:
    parser = JsonStream(on_error="stop")
    assert [parser.feed(text) for text in ("[1", "2 x", "3", "]" * 20)] == [[1], [12], NOTHING, NOTHING]
    assert parser.finish() is NOTHING
    assert parser.error is not None
    assert parser.error.kind == "syntax"
    assert not parser.complete

    parser = JsonStream(on_incomplete="keep")
    assert parser.feed('["a') == ["a"]
    assert parser.finish() is NOTHING
    assert parser.error is not None
    assert parser.error.kind == "incomplete"

    with pytest.raises(JsonStreamError, match="ended"):
        list(parse_stream("[1", on_error="stop"))
    with pytest.raises(JsonStreamError, match="expected a value"):
        list(parse_stream("[]"[:1] + "," * 20, on_incomplete="keep"))
    assert list(parse_stream("[1 x", on_error="stop")) == [[], [1]]


def test_a_value_at_the_end_of_the_text() -> None:
    parser = JsonStream(scalars="complete")
    assert parser.feed("12") is NOTHING
    assert parser.finish() == 12
    assert parser.finish() is NOTHING
    with pytest.raises(ValueError, match="make a new JsonStream"):
        parser.feed("3")


def test_a_number_that_is_longer_than_allowed_leaves_what_was_shown() -> None:
    values, _, error = outcome(["[12", "34", "56"], max_number=5)
    assert error is not None
    assert values == [[12], [1234]]
    assert error.partial == [1234]


def test_snapshots_keep_to_the_budget_and_the_last_is_always_given() -> None:
    numbers = list(range(10**6, 10**6 + 20_000))
    for document in (numbers, {f"k{number}": 0 for number in numbers}, {"a": {"b": [numbers]}}):
        text = json.dumps(document)
        chunks = [text[start : start + 4] for start in range(0, len(text), 4)]
        copied = count = 0
        last: Any = None
        for last in parse_stream(chunks):
            count += 1
            value, cost = last, 0
            while isinstance(value, dict | list) and value:
                cost += CONTAINER + len(value) * (ENTRY if isinstance(value, dict) else 1)
                value = value[-1] if isinstance(value, list) else next(reversed(value.values()))
            copied += max(cost - 3 * CONTAINER, 0)
        assert last == document
        assert 100 < count < len(chunks) / 2
        assert copied <= 2 * len(chunks) * FREE + len(text) * EARNED + cost


def test_narrow_values_are_given_at_every_change() -> None:
    text = json.dumps([{"name": f"n{index}", "tags": ["a", "b"], "at": {"x": index}} for index in range(20)])
    assert list(parse_stream(text)) == list(parse_stream(text, every=True))


def test_complete_parts_are_shared_and_open_ones_are_not() -> None:
    one, two = list(parse_stream(['{"a": [1], "b": [', "2]}"]))
    assert one["a"] is two["a"]  # type: ignore[index, call-overload]
    assert one["b"] is not two["b"]  # type: ignore[index, call-overload]


def test_patches_of_a_wide_value_stay_small() -> None:
    text = json.dumps({"items": [{"n": index, "text": "abc def"} for index in range(2000)]})
    chunks = [text[start : start + 4] for start in range(0, len(text), 4)]
    document: Any = None
    sizes = []
    for patch in parse_stream(chunks, patches=True, append=True):
        sizes.append(len(json.dumps(patch)))
        if len(sizes) < 200:
            document = patched(document, patch)
    assert max(sizes) < 150
    assert document == list(parse_stream(chunks, every=True))[198]


def test_patches_of_a_long_string_are_its_pieces_or_keep_to_the_budget() -> None:
    text = json.dumps(["abcdefgh" * 20_000])
    chunks = [text[start : start + 4] for start in range(0, len(text), 4)]
    pieces = list(parse_stream(chunks, patches=True, append=True))
    assert len(pieces) > len(chunks) - 2
    assert sum(len(json.dumps(patch)) for patch in pieces) < 60 * len(chunks)
    whole = list(parse_stream(chunks, patches=True))
    assert whole[-1] == [{"op": "replace", "path": "/0", "value": "abcdefgh" * 20_000}]
    assert len(whole) < len(chunks) / 2


def test_patches_escape_their_pointers() -> None:
    patches = list(parse_stream(['{"a/b": {"~": [', "1", "], ", '"": 2}}'], patches=True))
    assert patches[1:] == [
        [{"op": "add", "path": "/a~1b/~0/0", "value": 1}],
        [{"op": "add", "path": "/a~1b/", "value": 2}],
    ]


def test_patches_for_a_key_that_a_neighbour_has_too() -> None:
    assert list(parse_stream(['[{"name": "Fra', 'nce"}, {"name": "Sp', 'ain"}]'], patches=True)) == [
        [{"op": "replace", "path": "", "value": [{"name": "Fra"}]}],
        [
            {"op": "replace", "path": "/0/name", "value": "France"},
            {"op": "add", "path": "/1", "value": {"name": "Sp"}},
        ],
        [{"op": "replace", "path": "/1/name", "value": "Spain"}],
    ]


def test_patches_for_a_key_that_comes_again() -> None:
    chunks = ['{"a": [1', '], "b": 1, "a": ', '{"x": "y', 'z"}, "b": ', "1, ", '"b": 2}']
    document, states = None, []
    for patch in parse_stream(chunks, patches=True):
        document = patched(document, patch)
        states.append(document)
    assert states == list(parse_stream(chunks))


def test_errors_can_be_read_kept_and_sent() -> None:
    with pytest.raises(JsonStreamError) as caught:
        list(parse_stream('{"a": [1,\n\t2}'))
    error = caught.value
    assert str(error) == (
        "expected ',' or ']' at line 2, column 3, in $.a[1]\n"
        '    {"a": [1,\\n\\t2}\n'
        "                  ^"
    )  # fmt: skip
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scalars": "some"}, "scalars must be 'partial' or 'complete', not 'some'"),
        ({"root": "list"}, "root must be 'any' or 'object' or 'array', not 'list'"),
        ({"append": True}, "append=True says how patches are written: it needs patches=True"),
        ({"surrogates": None}, "surrogates must be 'keep' or 'replace' or 'error', not None"),
        ({"trailing": []}, "trailing must be 'ignore' or 'error', not []"),
        ({"on_incomplete": "raise"}, "on_incomplete must be 'error' or 'keep', not 'raise'"),
        ({"on_error": "keep"}, "on_error must be 'raise' or 'stop', not 'keep'"),
        ({"max_depth": 0}, "max_depth must be at least 1, not 0"),
        ({"max_number": 0}, "max_number must be at least 1, not 0"),
        ({"max_string": -1}, "max_string must be at least 0, not -1"),
        ({"max_chars": -1}, "max_chars must be at least 0, not -1"),
    ],
)
def test_wrong_options_are_refused_at_once(options: Any, message: str) -> None:
    for make in (JsonStream, lambda **options: parse_stream([], **options)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            make(**options)


@pytest.mark.parametrize("name", ["max_depth", "max_number", "max_string", "max_chars"])
@pytest.mark.parametrize("limit", ["9", 1.5, True])
def test_limits_are_whole_numbers(name: str, limit: Any) -> None:
    options: Any = {name: limit}
    makers: list[Any] = [
        JsonStream,
        lambda **options: JsonItems("a", **options),
        gf.json_parser,
        lambda **options: gf.json_text("a", **options),
    ]
    for make in makers:
        with pytest.raises(TypeError, match=f"^{name} must be an int, not {limit!r}$"):
            make(**options)


def test_options_lists_what_the_parser_takes() -> None:
    taken = {*inspect.signature(JsonStream).parameters, *inspect.signature(Reader).parameters}
    assert {*Options.__annotations__} == taken - {"schema", "options", "plant", "growing", "finish", "unknown"}


@pytest.mark.parametrize("module", [errors, parts, paths, stream, tokens], ids=lambda module: module.__name__)
def test_examples(module: Any) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    # A public class says that it is of the public module, so it is not found in its own.
    examples = (
        finder.find(JsonStreamError, module=False, globs=vars(module)) if module is errors else finder.find(module)
    )
    for example in examples:
        runner.run(example)
    assert runner.tries
    assert not runner.failures


@pytest.mark.parametrize("name", ["lenient", "nan", "strict", "every", "patches", "append"])
@pytest.mark.parametrize("flag", ["no", 1, None])
def test_flags_are_true_or_false(name: str, flag: object) -> None:
    options: dict[str, Any] = {name: flag}
    with pytest.raises(TypeError, match=f"^{name} is True or False, not {flag!r}$"):
        JsonStream(**options)


def test_an_option_that_is_not_known_is_named_with_the_nearest() -> None:
    options: dict[str, Any] = {"lenent": True}
    for make in (JsonStream, lambda **given: JsonItems("a", **given), gf.json_parser):
        with pytest.raises(TypeError, match=r"^there is no option lenent=; did you mean lenient=\?$"):
            make(**options)
    options = {"scalars": "partial"}  # of values, not of elements
    with pytest.raises(TypeError, match=r"^there is no option scalars=; there are lenient, max_chars, "):
        JsonItems("a", **options)


@pytest.mark.parametrize("hold", [(), ("*",)])
@pytest.mark.parametrize("second", ['""', '"ab"', '"b"', '"a', "0", "{}", "[1", "null"])
def test_a_key_may_come_again_right_after_a_string_that_was_growing(second: str, hold: tuple[str, ...]) -> None:
    chunks = ['[{"a":"a', f'b","a":{second}']
    patches = JsonStream(patches=True, append=True, hold=hold, on_incomplete="keep")
    values = JsonStream(hold=hold, on_incomplete="keep")
    document: Any = None
    for chunk in chunks:
        patch, value = patches.feed(chunk), values.feed(chunk)
        if patch is not NOTHING:
            document = patched(document, patch)
        assert value is NOTHING or document == value
