"""What is read as what: prose and fences, the options, and each error."""

import json
import math
from typing import Any

import pytest

from graphflow.jsonstream import JsonStreamError
from tests.jsonstream.driver import outcome


def read(text: str, **options: Any) -> Any:
    """The last value, whichever way the text is cut."""
    values, _, error = outcome([text], **options)
    by_character, _, error_by_character = outcome(text, **options)
    assert repr(values[-1:]) == repr(by_character[-1:])
    assert repr(error) == repr(error_by_character)
    if error:
        raise error
    return values[-1]


def wrong(text: str, **options: Any) -> tuple[str, int, str]:
    """The message, the offset and the path of the error, whichever way the text is cut."""
    with pytest.raises(JsonStreamError) as caught:
        read(text, **options)
    return caught.value.message, caught.value.offset, caught.value.path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("```json\n5\n```", 5),
        ("```\ntrue\n```", True),
        ("```JSON\n[null]```", [None]),
        ("```json5\n[1]", [1]),
        ("`[1]`", [1]),
        ("\ufeff \\`\\`\\`json {}", {}),
        ("json\n{}", {}),
        ("null", None),
        ("null\n", None),
        ("-Infinity", -math.inf),
        ("true5", True),
        ("truely [1]", [1]),
        ("nul {}", {}),
        ("-5 apples", -5),
        ("- a bullet: {}", {}),
        ("Of course: {}", {}),
        ("Of course: { }", {}),
        ("{a} {{x}} [x] {", None),
        ("{{x}} is a hole", None),
        ('Fill { {x} } as in { \n "a": 1}', {"a": 1}),
        ("Here:\n```json\n[true, null]\n```", [True, None]),
        ("Here:\n```json\n42\n```", 42),
        ("Use ```ls``` and then ``[-1]``", [-1]),
        ("As [1] says: {}", [1]),
    ],
)
def test_prose_and_fences_are_passed_over(text: str, value: Any) -> None:
    if text.startswith("{"):  # a value may start at once, and then it is one
        assert wrong(text) == ("expected a double-quoted key or '}'", 1, "$")
    else:
        assert read(text) == value


@pytest.mark.parametrize(
    ("root", "text", "value"),
    [
        ("object", 'As [1] says: {"a": [2]}', {"a": [2]}),
        ("object", '[{"a": 1}]', {"a": 1}),
        ("object", '5 "x" true {}', {}),
        ("array", '{"a": [2]}', [2]),
        ("array", "```json\n[2]", [2]),
    ],
)
def test_values_of_another_kind_than_expected_are_prose(root: Any, text: str, value: Any) -> None:
    assert read(text, root=root) == value


def test_a_missing_value_says_what_was_expected() -> None:
    assert wrong("5 [1]", root="object") == ("the text ended before any JSON object", 5, "$")
    assert wrong("no {", root="array") == ("the text ended before any JSON array", 4, "$")
    assert wrong("") == ("the text ended before any JSON value", 0, "$")
    assert wrong("Sure: {") == ("the text ended before any JSON value", 7, "$")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2,]", [1, 2]),
        ('{"a": 1,}', {"a": 1}),
        ("{'a': 'it\\'s \"x\"'}", {"a": 'it\'s "x"'}),
        ("'a'", "a"),
        ("[True, False, None, true]", [True, False, None, True]),
        ("None", None),
        ("{// one\n'a'/* two */:/**/1/***/, // three * / [\n}", {"a": 1}),
        (r'["\x \q C:\users"]', ["x q C:users"]),
        ("Sure: {'a': 1}", {"a": 1}),
    ],
)
def test_lenient(text: str, value: Any) -> None:
    assert read(text, lenient=True) == value
    if text != "None":
        assert wrong(text)


def test_lenient_has_limits() -> None:
    assert wrong("[,]", lenient=True) == ("expected a value", 1, "$[0]")
    assert wrong("{a: 1}", lenient=True) == ("expected a double-quoted key or '}'", 1, "$")
    assert wrong("[1 / 2]", lenient=True) == ("expected ',' or ']'", 3, "$[0]")
    assert wrong("[1 /* 2", lenient=True) == ("the text ended inside an array", 7, "$[0]")


def test_surrogates() -> None:
    text = '{"\\ud83d": ["\\ude00 \\ud83d\\ude00 \ud83d"]}'
    assert read(text) == {"\ud83d": ["\ude00 😀 \ud83d"]}
    assert read(text, surrogates="replace") == {"\ufffd": ["\ufffd 😀 \ufffd"]}
    assert wrong(text, surrogates="error") == ("lone surrogate in string", 2, "$")
    assert wrong('["\\ud83d\\u0041"]', surrogates="error") == ("lone surrogate in string", 2, "$[0]")
    assert wrong('["a\ud83d"]', surrogates="error") == ("lone surrogate in string", 3, "$[0]")


@pytest.mark.parametrize(
    ("text", "message", "offset", "path"),
    [
        ('{"a" 1}', "expected ':'", 5, "$.a"),
        ('{"a": 1 "b"}', "expected ',' or '}'", 8, "$.a"),
        ('{"a": 1,}', "expected a double-quoted key (trailing comma?)", 8, "$"),
        ('{"a": 1, 2}', "expected a double-quoted key", 9, "$"),
        ('{"a": }', "expected a value", 6, "$.a"),
        ('{"a b": [{"": x}]}', "invalid literal", 14, "$['a b'][0]['']"),
        ("[tru]", "invalid literal", 4, "$[0]"),
        ("[1, -]", "invalid number", 5, "$[1]"),
        ("[1.x]", "invalid number", 3, "$[0]"),
        ("[1e+]", "invalid number", 4, "$[0]"),
        ("[-Infinite]", "invalid literal", 9, "$[0]"),
        ('["\\u12x"]', "invalid escape", 6, "$[0]"),
        ("[[1], [2", "the text ended inside a number", 8, "$[1][0]"),
        ("[[1], [2]", "the text ended inside an array", 9, "$[1]"),
        ('{"a": [1]', "the text ended inside an object", 9, "$.a"),
        ('{"a": ', "the text ended inside an object", 6, "$.a"),
        ('["a\\', "the text ended inside a string", 4, "$[0]"),
        ("[nul", "the text ended inside a literal", 4, "$[0]"),
        ("-", "the text ended inside a number", 1, "$"),
        ("1.", "the text ended inside a number", 2, "$"),
    ],
)
def test_errors_say_what_and_where(text: str, message: str, offset: int, path: str) -> None:
    assert wrong(text) == (message, offset, path)


def test_trailing_text() -> None:
    assert read("[1] and more", trailing="ignore") == [1]
    assert read("```[1]\n ```\n", trailing="error") == [1]
    assert wrong("[1] and more", trailing="error") == ("text after the value", 4, "$")
    assert wrong("[1]{}", trailing="error") == ("text after the value", 3, "$")


def test_limits() -> None:
    assert read("[[1]]", max_depth=2) == [[1]]
    assert wrong("[[1, []]]", max_depth=2) == ("nesting deeper than 2", 5, "$[0][1]")
    assert read("[12345]", max_number=5) == [12345]
    assert read("12345", max_number=5) == 12345
    assert outcome(["[123456]"], max_number=5)[2].message == "number longer than 5 characters"  # type: ignore[union-attr]
    assert read('{"abc": "a\\nc"}', max_string=3) == {"abc": "a\nc"}
    assert wrong('["ab\\n\\n"]', max_string=3) == ("string longer than 3 characters", 6, "$[0]")
    assert wrong('{"abcd": 1}', max_string=3) == ("string longer than 3 characters", 5, "$")
    assert read("[1] and more", max_chars=3) == [1]
    assert read("123", max_chars=3) == 123
    assert wrong("1234", max_chars=3) == ("text longer than 3 characters", 3, "$")
    assert wrong("Well, []", max_chars=3) == ("text longer than 3 characters", 3, "$")
    assert wrong("[1] and more", max_chars=3, trailing="error") == ("text longer than 3 characters", 3, "$")


def test_limits_hold_inside_large_chunks() -> None:
    padding = '"' + "x" * 5000 + '", '
    digits = "7" * 4301
    for start in range(0, 9000, 613):
        text = f"[{'1,' * start}{padding}[{digits}]]"
        error = outcome([text])[2]
        assert error is not None
        assert error.message == "number longer than 4300 characters"
        assert error.offset == text.index(digits)
    assert outcome([f"[{padding}0.{digits}]"])[2] is not None
    assert outcome([f"[{padding}{'[' * 200}{']' * 200}]"])[2].message == "nesting deeper than 200"  # type: ignore[union-attr]
    assert outcome([f"[{padding}1]"], max_string=4999)[2] is not None
    assert outcome([f'[{padding}"\\ud83d"]'], surrogates="replace")[0][-1][-1] == "\ufffd"
    assert outcome([f"[{padding}NaN]"], nan=False)[2] is not None
    assert outcome([f'[{padding}"\n"]'], strict=True)[2] is not None
    wide = f"[{','.join('[1]' for _ in range(1000))}]"
    assert outcome([wide])[0] == [json.loads(wide)]


def test_the_digits_that_python_allows_are_a_limit_too() -> None:
    error = outcome([f"[{'7' * 4400}]"], max_number=5000)[2]
    assert error is not None
    assert (error.kind, error.message) == ("limit", "number longer than 4300 characters")


def test_line_and_column_reach_back_over_any_number_of_chunks() -> None:
    text = "[" + "1,\n" * 20_000 + "  x]"
    for size in (1, 7, 4096, len(text)):
        _, _, error = outcome([text[start : start + size] for start in range(0, len(text), size)])
        assert error is not None
        assert (error.offset, error.line, error.column) == (60_003, 20_001, 3)
        assert error.excerpt == text[-26:]


def test_a_large_chunk_with_many_things_that_only_lenient_accepts() -> None:
    item = '{"a": [1, 2],},'
    assert outcome([f"[{item * 2000}]"], lenient=True)[0] == [[{"a": [1, 2]}] * 2000]
