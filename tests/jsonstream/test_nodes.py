"""The parsers as nodes of a chain: what flows into them, what flows out, and how that folds."""

from collections.abc import AsyncIterator
from typing import Any, TypedDict

import attrs
import pytest

import graphflow as gf
from tests.jsonstream.driver import patched

PIECES = ['Sure:\n```json\n{"countries": [{"name": "Fra', 'nce"}, {"name": "Sp', 'ain"}], "note": "so', 'so"}\n```']
VALUE = {"countries": [{"name": "France"}, {"name": "Spain"}], "note": "soso"}


@attrs.frozen
class Country:
    name: str


class Named(TypedDict):
    name: str


@gf.transform
async def pieces(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for _ in texts:
        for piece in PIECES:
            yield piece


def given(chain: gf.Chain[Any, Any]) -> list[Any]:
    with chain.sync.stream("question") as chunks:
        return list(chunks)


SOURCES = pytest.mark.parametrize("source", [gf.ScriptedChatModel(PIECES), pieces], ids=["messages", "text"])


@SOURCES
class TestParsers:
    def test_the_last_value_is_the_value(self, source: Any) -> None:
        values = given(source | gf.json_parser())
        assert len(values) == 4
        assert values[-1] == VALUE
        assert (source | gf.json_parser()).sync.invoke("question") == VALUE

    def test_patches_concatenate(self, source: Any) -> None:
        for append in (False, True):
            chain = source | gf.json_parser(patches=True, append=append)
            whole = chain.sync.invoke("question")
            assert whole == [operation for patch in given(chain) for operation in patch]
            assert patched(None, whole) == VALUE

    def test_items(self, source: Any) -> None:
        assert given(source | gf.json_items("countries[*]")) == VALUE["countries"]
        assert given(source | gf.json_items("countries[*]", schema=Country)) == [Country("France"), Country("Spain")]
        assert given(source | gf.json_items({"name": "countries[*].name", "note": "note"})) == [
            {"name": "France"}, {"name": "Spain"}, {"note": "soso"}
        ]  # fmt: skip

    def test_text(self, source: Any) -> None:
        assert given(source | gf.json_text("note")) == ["so", "so"]
        assert (source | gf.json_text("note")).sync.invoke("question") == "soso"
        both = source | gf.json_text({"note": "note", "more": "more"})
        assert given(both) == [{"note": "so"}, {"note": "so"}]
        assert both.sync.invoke("question") == {"note": "soso", "more": ""}
        assert given(both | gf.pick("note")) == ["so", "so"]

    def test_a_schema(self, source: Any) -> None:
        class Answer(TypedDict):
            countries: list[Country]
            note: str

        expected = {"countries": [Country("France"), Country("Spain")], "note": "soso"}
        assert given(source | gf.json_parser(schema=Answer))[-2:] == [{**VALUE, "note": "so"}, expected]
        assert (source | gf.json_parser(schema=Answer)).sync.invoke("question") == expected
        assert given(source | gf.json_items("$", schema=Answer)) == [expected]


model = gf.ScriptedChatModel(PIECES)


def folds(parser: gf.Chain[Any, Any]) -> str | None:
    """How the plan says that the parser folds."""
    (node,) = [node for node in gf.compile(model | parser).plan.nodes if node.name.startswith("json_")]
    return node.folds.name if node.folds else None


def test_the_plan_shows_how_they_fold() -> None:
    assert folds(gf.json_parser()) == "latest"
    assert folds(gf.json_parser(schema=Country)) == "latest"
    assert folds(gf.json_parser(patches=True)) == "concat"
    assert folds(gf.json_text("note")) == "concat"
    assert folds(gf.json_text({"a": "a", "b": "b"})) == "merge(a: concat, b: concat)"
    assert folds(gf.json_items("note")) == "single"
    assert folds(gf.json_items({"a": "a", "b": "b"})) == "merge(a: single, b: single)"


@pytest.mark.parametrize("schema", [None, Country, Named, str, list[str]])
def test_elements_do_not_fold_whatever_they_are(schema: Any) -> None:
    items = gf.json_items("countries[*]", schema=schema)
    assert folds(items) is None
    with pytest.raises(gf.NotInvokableError, match="nothing says how the chunks of `json_items` become one value"):
        (model | items).sync.invoke("question")


def test_elements_are_collected() -> None:
    chain = model | gf.json_items("countries[*]", schema=Named) | gf.collect()
    assert chain.sync.invoke("question") == VALUE["countries"]


def test_a_part_that_is_missing_is_told() -> None:
    with pytest.raises(gf.EmptyStreamError):
        (model | gf.json_items("nothing")).sync.invoke("question")


def test_wrong_options_are_told_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="at position 9"):
        gf.json_items("countries[x]")
    with pytest.raises(ValueError, match="many strings"):
        gf.json_text("countries[*].name")
    with pytest.raises(ValueError, match="choose one"):
        gf.json_parser(schema=Country, patches=True)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="none of what can be read"):
        gf.json_items("[*]", schema=complex)


def test_an_error_carries_what_could_be_read() -> None:
    cut = gf.ScriptedChatModel(PIECES[:2])
    with pytest.raises(gf.JsonStreamError) as caught:
        (cut | gf.json_items("countries[*]", schema=Country) | gf.collect()).sync.invoke("question")
    assert caught.value.partial == {"name": "Sp"}
    with pytest.raises(gf.JsonStreamError) as caught:
        (cut | gf.json_parser(schema=Country)).sync.invoke("question")
    assert caught.value.partial == {"countries": [{"name": "France"}, {"name": "Sp"}]}


@pytest.mark.parametrize("text", ["[" * 190 + "4", "[" + "1, " * 500 + "[2"], ids=["deep", "wide"])
def test_the_last_value_comes_before_the_error_that_the_text_ended(text: str) -> None:
    values: list[Any] = []
    cut = gf.ScriptedChatModel([text])
    chain = cut | gf.json_parser()
    with pytest.raises(gf.JsonStreamError, match="the text ended") as caught, chain.sync.stream("") as chunks:
        for value in chunks:
            values.append(value)
    assert values[-1:] == [caught.value.partial]
