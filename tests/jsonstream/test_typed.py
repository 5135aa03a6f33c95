"""Typed values: what schemas there are, when they are asked, and what is wrong."""

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NewType, NotRequired, Optional, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from graphflow.jsonstream import NOTHING, JsonItems, JsonStream, JsonStreamError, parse_stream
from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.schema import reader
from tests.jsonstream.driver import pieces, pushed


class Model(pydantic.BaseModel):
    name: str
    population: int = 0


@attrs.frozen
class Attrs:
    name: str
    population: int = 0


@dataclasses.dataclass
class Data:
    name: str
    population: int = 0


@pydantic.dataclasses.dataclass
class ModelData:
    name: str
    population: int = 0


class Typed(TypedDict):
    name: str
    population: NotRequired[int]


class Struct(msgspec.Struct):
    name: str
    population: int = 0


SCHEMAS: list[Callable[..., Any]] = [Model, Attrs, Data, ModelData, Typed, Struct]
schemas = pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)


@schemas
class TestEverySchema:
    def test_an_element_becomes_one_when_it_closes(self, schema: Any) -> None:
        stream = JsonItems("countries[*]", schema=schema)
        chunks = (
            '{"countries": [{"name": "Fra',
            'nce", "population": 67}',
            ', {"name": "Spain"}, {"name": "It',
            'aly"}]}',
        )
        assert [stream.feed(text) for text in chunks] == [
            [], [schema(name="France", population=67)], [schema(name="Spain")], [schema(name="Italy")]
        ]  # fmt: skip

    def test_the_whole_value_becomes_one_at_the_end(self, schema: Any) -> None:
        values = list(parse_stream(['{"name": "Fra', 'nce"', "}", " "], schema=schema))
        assert values == [{"name": "Fra"}, {"name": "France"}, schema(name="France")]
        assert [type(value) for value in values] == [dict, dict, type(schema(name="France"))]

    @pytest.mark.parametrize("text", ['{"name": "France", "population": 67', '{"name": "France"', '{"name": "Fra'])
    def test_a_truncated_text_never_does(self, schema: Any, text: str) -> None:
        every: list[dict[str, Any]] = [{}, {"on_incomplete": "keep"}]
        for options in every:
            stream: JsonStream[Any] = JsonStream(schema=schema, **options)
            items: JsonItems[Any] = JsonItems("$", schema=schema, **options)
            partial = stream.feed(text)
            assert type(partial) is dict
            assert items.feed(text) == []
            if options:
                assert (stream.finish(), items.finish()) == (NOTHING, [])
            else:
                for end in (stream.finish, items.finish):
                    with pytest.raises(JsonStreamError, match="the text ended") as caught:
                        end()
                    assert caught.value.partial == partial

    @pytest.mark.parametrize("size", [1, 4, 1000])
    def test_what_is_not_one_is_an_error_with_its_place(self, schema: Any, size: int) -> None:
        text = '[{"name": "France"}, {"name": "Spain", "population": "many"}, {"name": "Italy"}]'
        given, error = pushed(JsonItems("[*]", schema=schema), pieces(text, size))
        assert error is not None
        assert [item for items in given for item in items] == [schema(name="France")]
        assert error.kind == "invalid"
        assert error.message.startswith(f"no valid {schema.__name__}: ")
        assert (error.path, error.offset, error.excerpt) == ("$[1].population", 60, text[36:72])
        assert error.partial == {"name": "Spain", "population": "many"}

    @pytest.mark.parametrize("size", [1, 4, 1000])
    def test_a_whole_value_that_is_not_one_is_given_and_then_an_error(self, schema: Any, size: int) -> None:
        text = '{"name": 5} and more to come'
        given, error = pushed(JsonStream(schema=schema), pieces(text, size))
        assert error is not None
        assert [value for value in given if value is not NOTHING][-1] == error.partial == {"name": 5}
        assert (error.kind, error.path, error.offset, error.excerpt) == ("invalid", "$.name", 11, text[:23])

    def test_a_missing_key_is_told(self, schema: Any) -> None:
        with pytest.raises(JsonStreamError, match=r"name|[Ff]ield required"):
            JsonItems("$", schema=schema).feed("{}" + " " * 12)


def test_an_element_is_validated_once() -> None:
    seen: list[str] = []

    @attrs.frozen
    class Country:
        name: str

        def __attrs_post_init__(self) -> None:
            seen.append(self.name)

    items: JsonItems[Country] = JsonItems("[*]", schema=Country)
    for char in '[{"name": "France"}, {"name": "Spain"}]':
        items.feed(char)
    assert seen == ["France", "Spain"]


def test_several_paths_have_schemas_by_name() -> None:
    stream = JsonItems({"country": "[*]", "name": "[*].name"}, schema={"country": Data})
    assert stream.feed('[{"name": "France"}]') == [{"name": "France"}, {"country": Data("France")}]
    with pytest.raises(ValueError, match="there is no path 'nation'; "):
        JsonItems({"country": "[*]"}, schema={"nation": Data})
    with pytest.raises(TypeError, match="several paths take several schemas"):
        JsonItems({"country": "[*]"}, schema=Data)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="several paths take several schemas"):
        JsonItems("[*]", schema={"country": Data})  # type: ignore[call-overload]


def test_patches_are_not_typed() -> None:
    with pytest.raises(ValueError, match="choose one"):
        JsonStream(schema=Data, patches=True)


def test_the_cause_of_an_error_is_that_of_the_library() -> None:
    for schema, cause in ((Model, pydantic.ValidationError), (Struct, msgspec.ValidationError)):
        with pytest.raises(JsonStreamError) as caught:
            JsonItems("$", schema=schema).feed('{"name": [1]}' + " " * 12)
        assert isinstance(caught.value.__cause__, cause)
    with pytest.raises(JsonStreamError, match=r"no valid Model: Field required \(and 1 more\)"):
        JsonItems("$", schema=Model).feed('{"population": "x"}' + " " * 12)


class Color(enum.Enum):
    RED = "red"
    ONE = 1


class Level(enum.StrEnum):
    HIGH = "high"


@attrs.define
class Tree:
    _value: int
    children: "list[Tree]" = attrs.Factory(list)


def upper(text: str) -> str:
    return text.upper()


@attrs.frozen
class Checked:
    size: int = attrs.field(validator=attrs.validators.gt(0))
    label: str = attrs.field(default="x", converter=upper)
    hidden: int = attrs.field(default=1, init=False)


@dataclasses.dataclass
class Init:
    a: int
    b: dataclasses.InitVar[int]
    kinds: ClassVar[int] = 3
    c: int = dataclasses.field(init=False, default=0)

    def __post_init__(self, b: int) -> None:
        if b < 0:
            raise ValueError("b is negative")
        self.c = self.a + b


Name = NewType("Name", str)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (int, 1, 1),
        (float, 1, 1.0),
        (Any, {"a": [1]}, {"a": [1]}),
        (list[int], [1, 2], [1, 2]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[str], ["a", "a"], {"a"}),
        (Sequence[int], [1], [1]),
        (Mapping[str, Data], {"a": {"name": "b"}}, {"a": Data("b")}),
        (dict, {"a": 1}, {"a": 1}),
        (list, [1], [1]),
        (Optional[int], None, None),  # noqa: UP045
        (int | str, "a", "a"),
        (float | int, 1, 1),
        (Attrs | Typed | None, {"name": "a"}, Attrs("a")),
        (Literal["a", 1], 1, 1),
        (Annotated[Name, "doc"], "a", "a"),
        (Color, "red", Color.RED),
        (Color, 1, Color.ONE),
        (Level, "high", Level.HIGH),
        (Tree, {"_value": 1, "children": [{"_value": 2}]}, Tree(1, [Tree(2)])),
        (Checked, {"size": 1, "label": "y", "hidden": 5}, Checked(1, "y")),
        (Init, {"a": 1, "b": 2}, Init(1, 2)),
        (list[Model], [{"name": "a"}], [Model(name="a")]),
        (datetime.datetime, "2024-05-01T10:00:00", datetime.datetime(2024, 5, 1, 10)),
        (datetime.date, "2024-05-01", datetime.date(2024, 5, 1)),
        (decimal.Decimal, 1.1, decimal.Decimal("1.1")),
        (uuid.UUID, "12345678123456781234567812345678", uuid.UUID("12345678123456781234567812345678")),
    ],
)
def test_what_can_be_read(schema: Any, value: Any, expected: Any) -> None:
    result = reader(schema)(value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("schema", "value", "message", "path"),
    [
        (int, True, "expected an int, not a bool", ""),
        (int, 1.0, "expected an int, not a float", ""),
        (str, None, "expected a str, not null", ""),
        (float, 10**400, "an int that is too large for a float", ""),
        (float, "1", "expected a float, not a str", ""),
        (list[int], {}, "expected an array, not an object", ""),
        (list[int], [1, "2"], "expected an int, not a str", "[1]"),
        (tuple[int, str], [1], "expected an array of 2, not of 1", ""),
        (set[Any], [[]], "unhashable type: 'list'", ""),
        (dict[str, int], [], "expected an object, not an array", ""),
        (dict[str, list[int]], {"a b": [1, None]}, "expected an int, not null", "['a b'][1]"),
        (int | str, 1.5, "expected an int, not a float; or expected a str, not a float", ""),
        (Data | None, {"name": 1}, "expected a str, not an int", ".name"),
        (Literal["a", 1], True, "expected 'a' or 1, not True", ""),
        (Color, "blue", "expected 'red' or 1 for Color, not 'blue'", ""),
        (Tree, {"_value": 1, "children": [{}]}, "Tree needs the key '_value'", ".children[0]"),
        (Checked, {"size": 0}, "'size' must be > 0: 0", ""),
        (Init, {"a": 1, "b": -1}, "b is negative", ""),
        (Typed, {"name": "a", "population": "b"}, "expected an int, not a str", ".population"),
        (Typed, [], "expected an object for Typed, not an array", ""),
        (datetime.date, "May", "expected date, not 'May'", ""),
        (datetime.date, 5, "expected a str for date, not an int", ""),
        (list[Model], [{"name": 1}], "Input should be a valid string", "[0].name"),
        (list[Struct], [{"name": 1}], "Expected `str`, got `int`", "[0].name"),
    ],
)
def test_what_is_wrong(schema: Any, value: Any, message: str, path: str) -> None:
    with pytest.raises(Fault) as caught:
        reader(schema)(value)
    assert caught.value.kind == "invalid"
    assert str(caught.value).partition(": ")[2] == message
    assert caught.value.path == path


@pytest.mark.parametrize("schema", [complex, Callable[[], int], type, list[complex], 5])
def test_what_cannot_be_read_is_refused_at_once(schema: Any) -> None:
    with pytest.raises(TypeError, match="is none of what can be read from JSON: a pydantic model"):
        JsonStream(schema=schema)


def test_a_strict_model_is_read_as_json_is() -> None:
    class Strict(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True)
        day: datetime.date

    assert JsonItems("$", schema=Strict).feed('{"day": "2024-05-01"}') == [Strict(day=datetime.date(2024, 5, 1))]
