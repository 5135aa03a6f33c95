"""Paths: how they are written, and what is given of what they select."""

import re
from typing import Any

import pytest

from graphflow.jsonstream import JsonItems, JsonStream, JsonStreamError, JsonText
from graphflow.jsonstream.paths import Any_, parse_path
from tests.jsonstream.driver import pieces, pushed

COUNTRIES = '{"countries": [{"name": "France", "in": ["EU"]}, {"name": "Japan"}], "total": 2, "a.b": "x\\ny"}'


def items(path: Any, text: str = COUNTRIES, size: int = 5, **options: Any) -> list[Any]:
    """What is given, by which chunk does not matter."""
    given, error = pushed(JsonItems(path, **options), pieces(text, size))
    if error:
        raise error
    return [item for items in given for item in items]


def texts(path: Any, *chunks: str) -> list[Any]:
    """What each chunk gives, and the end."""
    given, error = pushed(JsonText(path), chunks)
    assert error is None
    return given


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("countries[*]", ("countries", Any_.ITEM)),
        ("$.a.b", ("a", "b")),
        ("[0][*].*", (0, Any_.ITEM, Any_.KEY)),
        ("*", (Any_.KEY,)),
        ('["a.b"]["\\u0061\\""]', ("a.b", 'a"')),
        ("$['a b'][0]['']", ("a b", 0, "")),
        ("größe.x-1", ("größe", "x-1")),
    ],
)
def test_paths_are_written_so(path: str, steps: Any) -> None:
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    ("path", "pos", "expected"),
    [
        ("", 0, "a key, '*', '[' or '$'"),
        (".a", 0, "a key, '*', '[' or '$'"),
        ("a.", 2, "a key or '*'"),
        ("a..b", 2, "a key or '*'"),
        ("$a", 1, "'.', '[' or the end"),
        ("a*", 1, "'.', '[' or the end"),
        ("a b", 1, "'.', '[' or the end"),
        ("a[]", 1, '[*], an index such as [0] or a key such as ["name"]'),
        ("a[-1]", 1, '[*], an index such as [0] or a key such as ["name"]'),
        ('a["b]', 1, '[*], an index such as [0] or a key such as ["name"]'),
        ('a["\\x"]', 2, "a key in quotes, with the escapes of a string"),
    ],
)
def test_a_bad_path_is_told_with_its_place(path: str, pos: int, expected: str) -> None:
    message = f"in the path {path!r}, at position {pos}: expected {expected}\n    {path}\n    {' ' * pos}^"
    for make in (parse_path, JsonItems, JsonText, lambda path: JsonStream(hold=[path])):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            make(path)


def test_a_path_is_text() -> None:
    with pytest.raises(TypeError, match="not 3"):
        JsonItems(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=re.escape("write ['name']")):
        JsonStream(hold="name")
    with pytest.raises(ValueError, match="no path"):
        JsonItems({})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("countries[*]", [{"name": "France", "in": ["EU"]}, {"name": "Japan"}]),
        ("countries[*].name", ["France", "Japan"]),
        ("countries[1]", [{"name": "Japan"}]),
        ("countries[*].*", ["France", ["EU"], "Japan"]),
        ("countries", [[{"name": "France", "in": ["EU"]}, {"name": "Japan"}]]),
        ("countries[0].in[0]", ["EU"]),
        ("total", [2]),
        ('["a.b"]', ["x\ny"]),
        ("countries.name", []),
        ("[*]", []),
        ("*[0].name", ["France"]),
        ("$", [{"countries": [{"name": "France", "in": ["EU"]}, {"name": "Japan"}], "total": 2, "a.b": "x\ny"}]),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_each_element_is_given_once(path: str, found: list[Any], size: int) -> None:
    assert items(path, size=size, root="any") == found


def test_an_element_is_given_by_the_chunk_that_completes_it() -> None:
    stream = JsonItems("[*]")
    assert [stream.feed(text) for text in ('["a', '", "b"', ", 1", "2", ", {", "}", "]")] == [
        [], ["a", "b"], [], [], [12], [{}], []
    ]  # fmt: skip
    assert stream.complete
    assert stream.finish() == []


def test_the_value_may_be_a_scalar() -> None:
    assert items("$", "12") == [12]
    assert items("$", '"ab"') == ["ab"]
    assert JsonText("$").feed('"ab') == "ab"


def test_several_paths_in_one_pass_give_records() -> None:
    assert items({"name": "countries[*].name", "country": "countries[*]", "total": "total"}) == [
        {"name": "France"},
        {"country": {"name": "France", "in": ["EU"]}},
        {"name": "Japan"},
        {"country": {"name": "Japan"}},
        {"total": 2},
    ]
    chunks = '{"a": "x', 'y", "b": "z"', ', "c": "no"}'
    assert texts({"one": "a", "two": "b", "three": "c.d"}, *chunks[:2], '}') == [
        {"one": "x"}, {"one": "y", "two": "z"}, {}, {}
    ]  # fmt: skip


def test_paths_say_which_value_is_meant() -> None:
    text = 'As [1] says: {"a": ["x"]} or [["y"]]'
    assert items("a[*]", text) == ["x"]
    assert items("[*][0]", '{"a": 1} [["y"]]') == ["y"]
    assert items({"a": "a", "b": "[0]"}, text, root="object") == [{"a": ["x"]}]
    with pytest.raises(JsonStreamError, match="before any JSON object"):
        items("a", "[1]")


@pytest.mark.parametrize("size", [1, 4, 100])
def test_what_is_selected_twice_is_given_twice(size: int) -> None:
    assert items("a[*]", '{"a": [1, 2], "a": [3]}', size) == [1, 2, 3]


def test_text_comes_as_its_characters_come() -> None:
    assert texts("a.b", '{"x": "no", "a": {"b": "', "Fr", "a\\u00", 'e9", "b', '2": "no"}, "a2": "no"}') == [
        "", "Fr", "a", "é", "", ""
    ]  # fmt: skip
    assert texts("b", '{"a": {"b": "no"}, "b": null}') == ["", ""]
    assert texts("[1]", '["no", "yes"]') == ["yes", ""]
    assert texts("b", '{"b": ""}') == ["", ""]
    long = "ab\\n" * 5000
    assert "".join(texts("b", '{"b": "', *long, '"}')) == "ab\n" * 5000


@pytest.mark.parametrize(
    ("text", "message", "offset", "path"),
    [
        ('{"b": 12, "c": 1}', "expected a string, not a number", 6, "$.b"),
        ('{"b": true, "c": 1}', "expected a string, not a literal", 6, "$.b"),
        ('{"b": ["x"], "c": 1}', "expected a string, not an array", 6, "$.b"),
        ('{"b": {}, "c": 1}', "expected a string, not an object", 6, "$.b"),
        ('{"b": "x", "b": "y", "c": 1}', "this string came before: its key stands twice", 19, "$.b"),
    ],
)
def test_what_is_no_string_is_an_error(text: str, message: str, offset: int, path: str) -> None:
    errors = []
    for size in (1, 3, 100):
        given, error = pushed(JsonText("b"), pieces(text, size))
        assert error is not None
        assert "".join(given) == "x" * ("twice" in message)
        errors.append((error.kind, error.message, error.offset, error.path, error.excerpt))
    assert set(errors) == {("invalid", message, offset, path, text[max(offset - 24, 0) : offset + 12])}


def test_the_text_of_one_string_is_streamed() -> None:
    with pytest.raises(ValueError, match=re.escape("the path 'a[*]' may mean many strings")):
        JsonText({"all": "a[*]"})


def test_an_error_carries_the_element_that_was_not_complete() -> None:
    for text, partial in [
        ('{"a": [{"n": 1}, {"n": [2, "x', {"n": [2, "x"]}),
        ('{"a": [{"n": 1}, {"n": 2]', {"n": 2}),
        ('{"a": ["x", "y', "y"),
        ('{"a": [1], "b": ["x"', None),
        ('{"a": [1, 2', 2),
    ]:
        stream: JsonItems[Any] = JsonItems("a[*]")
        stream.feed(text)
        with pytest.raises(JsonStreamError) as caught:
            stream.finish()
        assert caught.value.partial == partial
    text_stream = JsonText("a")
    assert text_stream.feed('{"a": "xy') == "xy"
    with pytest.raises(JsonStreamError) as caught:
        text_stream.finish()
    assert caught.value.partial == "xy"


def test_elements_before_an_error_are_given() -> None:
    stream: JsonItems[Any] = JsonItems("[*]")
    assert stream.feed("[1, 2, x") == [1, 2]
    with pytest.raises(JsonStreamError, match=r"in \$\[2\]"):
        stream.finish()
    quiet: JsonItems[Any] = JsonItems("[*]", on_error="stop")
    assert quiet.feed("[1, 2, x, 3]") == [1, 2]
    assert quiet.finish() == []
    kept: JsonItems[Any] = JsonItems("[*]", on_incomplete="keep")
    assert kept.feed("[1, 23") == [1]
    assert kept.finish() == []


@pytest.mark.parametrize("size", [1, 100])
def test_characters_before_an_error_are_given(size: int) -> None:
    given, error = pushed(JsonText("[0]", strict=True), pieces('["ab\n"]', size))
    assert "".join(given) == "ab"
    assert error is not None
    assert error.partial == "ab"


def test_what_is_not_selected_is_not_kept() -> None:
    stream: JsonItems[Any] = JsonItems("b[*]")
    for text in ('{"a": [', *['{"x": [1, 2, 3]},'] * 1000, '0], "b": [1'):
        stream.feed(text)
    assert stream._tree.holder == []
    assert stream._tree.value() is None
    assert stream.feed("]}") == [1]
