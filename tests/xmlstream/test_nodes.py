"""The parsers of XML as nodes of a chain: what flows into them, what flows out, and how that folds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pydantic
import pytest

import graphflow as gf
from tests.events.hearing import hear, hear_all

PIECES = ["Sure:\n```xml\n<r><movie><title>Ali", "en</title></movie><movie><title>Du", "ne</title></movie>", "<note>so", "so</note></r>\n```"]  # noqa: E501 # fmt: skip


@attrs.frozen
class Movie:
    title: str


class Film(pydantic.BaseModel):
    title: str


@gf.transform
async def said(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for _ in texts:
        for piece in PIECES:
            yield piece


def given(chain: gf.Chain[Any, Any]) -> list[Any]:
    with chain.sync.stream("question") as chunks:
        return list(chunks)


SOURCES = pytest.mark.parametrize("source", [gf.ScriptedChatModel(PIECES), said], ids=["messages", "text"])


@SOURCES
class TestParsers:
    def test_the_last_value_is_the_value(self, source: Any) -> None:
        values = given(source | gf.xml_parser())
        assert [str(value) for value in values[:2]] == [
            "<r><movie><title>Ali</title></movie></r>",
            "<r><movie><title>Alien</title></movie><movie><title>Du</title></movie></r>",
        ]
        assert (source | gf.xml_parser()).sync.invoke("question") == values[-1]
        assert (source | gf.xml_parser(root="note")).sync.invoke("question").text == "soso"

    def test_items(self, source: Any) -> None:
        assert [movie.text for movie in given(source | gf.xml_items("r/movie"))] == ["Alien", "Dune"]
        for schema in (Movie, Film):
            movies = source | gf.xml_items("r/movie", schema=schema)
            assert given(movies) == [schema(title="Alien"), schema(title="Dune")]
            assert (movies | gf.collect()).sync.invoke("question") == given(movies)
        both = source | gf.xml_items({"title": "r/movie/title", "note": "r/note"}, schema={"title": str})
        assert [record.get("title") or record["note"].text for record in given(both)] == ["Alien", "Dune", "soso"]

    def test_text(self, source: Any) -> None:
        assert given(source | gf.xml_text("r/note")) == ["so", "so"]
        assert (source | gf.xml_text("r/note")).sync.invoke("question") == "soso"
        both = source | gf.xml_text({"note": "r/note", "more": "more"})
        assert given(both) == [{"note": "so"}, {"note": "so"}]
        assert both.sync.invoke("question") == {"note": "soso", "more": ""}
        assert given(both | gf.pick("note")) == ["so", "so"]

    def test_a_schema(self, source: Any) -> None:
        @attrs.frozen
        class Answer:
            movie: list[Movie]
            note: str

        expected = Answer([Movie("Alien"), Movie("Dune")], "soso")
        values = given(source | gf.xml_parser(schema=Answer))
        assert isinstance(values[-2], gf.XmlElement)
        assert values[-1] == expected
        assert (source | gf.xml_parser(schema=Answer)).sync.invoke("question") == expected


model = gf.ScriptedChatModel(PIECES)


def planned(parser: gf.Chain[Any, Any]) -> tuple[str | None, str]:
    """How the plan says that the parser folds, and whether it streams."""
    plan = gf.compile(model | parser).plan
    (node,) = [node for node in plan.nodes if node.name.startswith("xml_")]
    assert plan.streams
    return (node.folds.name if node.folds else None), node.kind


def test_the_plan_shows_how_they_fold() -> None:
    assert planned(gf.xml_parser()) == ("latest", "parser")
    assert planned(gf.xml_parser(schema=Movie)) == ("latest", "parser")
    assert planned(gf.xml_items("r/movie")) == (None, "parser")
    assert planned(gf.xml_items("r/movie", schema=list[str])) == (None, "parser")
    assert planned(gf.xml_items({"a": "r/a"})) == (None, "parser")
    assert planned(gf.xml_text("r/a")) == ("concat", "parser")
    assert planned(gf.xml_text({"a": "r/a", "b": "r/b"})) == ("merge(a: concat, b: concat)", "parser")


def test_elements_have_to_be_collected() -> None:
    with pytest.raises(gf.NotInvokableError, match="nothing says how the chunks of `xml_items` become one value"):
        (model | gf.xml_items("r/movie")).sync.invoke("question")


def test_events_tell_each_element_right_behind_the_chunk_that_closes_it() -> None:
    heard = hear_all(model | gf.xml_items("r/movie", schema=Movie), "question")
    told = {"stream ScriptedChatModel": "chunk", "stream xml_items": "item"}
    assert [told[line] for line in heard.story if line in told] == [
        "chunk",
        "chunk",
        "item",
        "chunk",
        "item",
        "chunk",
        "chunk",
    ]
    assert heard.chunks("xml_items") == [Movie("Alien"), Movie("Dune")]
    assert heard.start("xml_items").kind == "parser"


def test_the_event_of_a_document_that_was_cut_off_has_the_error() -> None:
    heard = hear(gf.ScriptedChatModel(PIECES[:2]) | gf.xml_parser(), "question")
    assert isinstance(heard.error, gf.XmlStreamError)
    assert heard.end("xml_parser").error is heard.error
    assert "the text ended inside <title>" in str(heard.error)
    assert heard.error.partial is not None


def test_wrong_options_are_told_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="no name of an element"):
        gf.xml_items("r/[0]")
    with pytest.raises(ValueError, match="may mean many elements"):
        gf.xml_text("r/*")
    with pytest.raises(ValueError, match="no name of an element"):
        gf.xml_parser(root="<r>")
    with pytest.raises(TypeError, match="none of what can be read"):
        gf.xml_items("r", schema=complex)
