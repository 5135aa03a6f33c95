"""What elements become by the types of a schema, and what is said of those that do not fit."""

import dataclasses
import datetime
import decimal
import enum
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from graphflow.xmlstream import XmlElement, XmlItems, XmlStream
from tests.xmlstream.driver import whole


def read(schema: Any, text: str) -> Any:
    got = whole(XmlStream(schema=schema), text)
    if got.error is not None:
        raise got.error
    return got.found[-1]


@attrs.frozen
class Attrs:
    title: str
    year: int = 0


@dataclasses.dataclass
class Data:
    title: str
    year: int = 0


class Typed(TypedDict):
    title: str
    year: NotRequired[int]


class Late(TypedDict):
    year: "NotRequired[int]"  # as all annotations are with `from __future__ import annotations`


class Model(pydantic.BaseModel):
    title: str
    year: int = 0


class Struct(msgspec.Struct):
    title: str
    year: int = 0


CLASSES = pytest.mark.parametrize("cls", [Attrs, Data, Typed, Model, Struct])


@CLASSES
def test_fields_are_elements_or_attributes(cls: Any) -> None:
    alien = cls(title="Alien", year=1979)
    assert read(cls, "<m><title> Alien </title><year>1979</year><more/></m>") == alien
    assert read(cls, '<m title="Alien"><year>1979</year></m>') == alien
    assert read(cls, '<m title="Alien" year="1979"/>') == alien
    assert read(cls, '<m title="no"><title>Alien</title><year> 1979\n</year></m>') == alien


@CLASSES
def test_a_list_is_its_elements_whether_something_stands_around_them_or_not(cls: Any) -> None:
    movies = "<movie><title>Alien</title></movie><movie title='Dune' year='2021'/>"
    first = cls(title="Alien")
    expected = [first, cls(title="Dune", year=2021)]
    assert read(list[cls], f"<movies>{movies}</movies>") == expected
    assert [*whole(XmlItems("movies/movie", schema=cls), f"<movies>{movies}</movies>").found] == expected

    @attrs.frozen
    class Bare:
        movie: list[cls]

    @attrs.frozen
    class Wrapped:
        movies: list[cls] | None

    assert read(Bare, f"<all>{movies}</all>") == Bare(expected)
    assert read(Wrapped, f"<all><movies>\n{movies}\n</movies></all>") == Wrapped(expected)
    assert read(Wrapped, f"<all>{movies.replace('movie', 'movies')}</all>") == Wrapped(expected)
    assert read(Wrapped, "<all><movies><title>Alien</title></movies></all>") == Wrapped([first])


@attrs.frozen
class Lists:
    genre: Sequence[str] = ()
    year: Annotated[list[int], "years"] = attrs.field(factory=list)
    tags: set[str] = attrs.field(factory=set)


def test_lists_of_texts_and_numbers() -> None:
    assert read(Lists, "<l><genre>a</genre><year>1</year><genre>b</genre><year>2</year></l>") == Lists(
        ["a", "b"], [1, 2]
    )
    assert read(Lists, "<l><tags><tag>a</tag><tag>b</tag><tag>a</tag></tags></l>") == Lists((), [], {"a", "b"})
    assert read(Lists, "<l><genre>a <b>c</b></genre></l>") == Lists(["a c"])
    assert read(Lists, "<l genre='a'/>") == Lists(["a"])
    assert read(Lists, "<l/>") == Lists()


@attrs.frozen
class Price:
    currency: str
    text: decimal.Decimal


@attrs.frozen
class Node:
    name: str
    node: list["Node"] = attrs.field(factory=list)
    parent: "Node | None" = None


Name = NewType("Name", str)


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Root(pydantic.RootModel[list[int]]):
    pass


class Aliased(pydantic.BaseModel):
    released: datetime.date = pydantic.Field(alias="release-date")
    home: Annotated[str, pydantic.StringConstraints(min_length=2)] = "??"
    link: pydantic.HttpUrl | None = None


class Renamed(msgspec.Struct, rename={"released": "release-date"}):
    released: datetime.date


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (str, "<a> x <b>y</b></a>", "x y"),
        (int, "<a> -12 </a>", -12),
        (float, "<a>1e3</a>", 1000.0),
        (bool, "<a>True</a>", True),
        (bool, "<a>0</a>", False),
        (type(None), "<a/>", None),
        (Late, "<a/>", {}),
        (Optional[int], "<a/>", None),  # noqa: UP045
        (int | None, "<a>5</a>", 5),
        (int | str, "<a>five</a>", "five"),
        (Literal["a", 1, True], "<a>1</a>", 1),
        (Literal["a", True], "<a>true</a>", True),
        (Color, "<a>red</a>", Color.RED),
        (Color, "<a>2</a>", Color.TWO),
        (Name, "<a>x</a>", "x"),
        (datetime.date, "<a>1979-05-25</a>", datetime.date(1979, 5, 25)),
        (Price, '<p currency="EUR">1.50</p>', Price("EUR", decimal.Decimal("1.50"))),
        (dict[str, int], "<a x='1'><y>2</y></a>", {"x": 1, "y": 2}),
        (dict[str, list[int]], "<a><x><i>1</i></x></a>", {"x": [1]}),
        (
            Node,
            "<n><name>a</name><node name='b'><node name='c'/></node><parent name='p'/></n>",
            Node("a", [Node("b", [Node("c")])], Node("p")),
        ),
        (Any, "<a><b/></a>", XmlElement("a", {}, (XmlElement("b"),))),
        (Root, "<a><i>1</i><i>2</i></a>", Root([1, 2])),
        (
            Aliased,
            "<a><release-date>1979-05-25</release-date></a>",
            Aliased.model_validate({"release-date": "1979-05-25"}),
        ),
        (
            Aliased,
            "<a release-date='1979-05-25'><link>https://a.org</link></a>",
            Aliased.model_validate({"release-date": "1979-05-25", "link": "https://a.org"}),
        ),
        (Renamed, "<a release-date='1979-05-25'/>", Renamed(datetime.date(1979, 5, 25))),
        (Attrs | Price, "<p currency='EUR'>2</p>", Price("EUR", decimal.Decimal(2))),
        (
            list[Attrs | Price],
            "<l><p currency='EUR'>2</p><m title='x'/></l>",
            [Price("EUR", decimal.Decimal(2)), Attrs("x")],
        ),
    ],
)
def test_what_an_element_becomes(schema: Any, text: str, expected: Any) -> None:
    value = read(schema, text)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("schema", "text", "message", "path"),
    [
        (int, "<a>many</a>", "no valid int: expected an int, not a str", "/a"),
        (int, "<a>1_000</a>", "no valid int: expected an int, not a str", "/a"),
        (int, f"<a>{'9' * 5000}</a>", "no valid int: expected an int, not a str", "/a"),
        (bool, "<a>yes</a>", "no valid bool: expected a bool, not a str", "/a"),
        (Attrs, "<m><year>1979</year></m>", "no valid Attrs: Attrs needs the key 'title'", "/m"),
        (Attrs, "<m title='a'><year>x</year></m>", "no valid Attrs: expected an int, not a str", "/m/year"),
        (Attrs, "<m><title>a</title><title>b</title></m>", "no valid Attrs: expected a str, not an array", "/m/title"),
        (list[Attrs], "<l><m title='a'/><m/></l>", "no valid list: Attrs needs the key 'title'", "/l[1]"),
        (dict[str, int], "<a><x>1</x><x>2</x></a>", "no valid dict: expected an int, not an array", "/a/x"),
        (Color, "<a>blue</a>", "no valid Color: expected 'red' or 2 for Color, not 'blue'", "/a"),
        (Model, "<m title='a' year='x'/>", "no valid Model: Input should be a valid integer, unable to parse string as an integer", "/m/year"),  # noqa: E501
        (Struct, "<m title='a' year='x'/>", "no valid Struct: Expected `int`, got `str`", "/m/year"),
        (Aliased, "<a><home>x</home></a>", "no valid Aliased: Field required (and 1 more)", "/a['release-date']"),
        (Attrs | None, "<m year='1'/>", "no valid Attrs | None: Attrs needs the key 'title'", "/m"),
    ],
)  # fmt: skip
def test_what_does_not_fit(schema: Any, text: str, message: str, path: str) -> None:
    error = whole(XmlStream(schema=schema), text).error
    assert error is not None
    assert error.kind == "invalid"
    assert error.message.replace("tests.xmlstream.test_typed.", "") == message
    assert error.path == path
    assert str(error.partial) == text.replace("'", '"')
    assert error.offset == text.rindex("<")


def test_the_error_of_an_item_has_the_item() -> None:
    got = whole(XmlItems("l/m", schema=Attrs), "<l><m title='a'/><m><year>1</year></m></l>")
    assert got.found == [Attrs("a")]
    assert got.error is not None
    assert (got.error.path, str(got.error.partial)) == ("/l/m", "<m><year>1</year></m>")


def test_the_cause_is_what_the_library_said() -> None:
    error = whole(XmlStream(schema=Model), "<m/>").error
    assert error is not None
    assert isinstance(error.__cause__, pydantic.ValidationError)


def test_a_document_that_is_cut_off_is_no_instance() -> None:
    got = whole(XmlStream(schema=Attrs), "<m><title>Alien</title>")
    assert got.error is not None
    assert got.error.kind == "incomplete"
    assert all(isinstance(value, XmlElement) for value in got.found)
