"""What parsers give is known: text, lists, elements, calls, and what a schema makes of them."""

from dataclasses import dataclass
from typing import Any, assert_type

import graphflow as gf
from graphflow.components.messages import MessagesLike
from tests.typing.nodes import A, T, use


@dataclass
class Movie:
    """What an element, or the arguments of a call, may become."""

    title: str


@gf.tool
def search(query: str) -> str:
    """Search."""
    return query


Chunk = gf.AIMessage | str
model = gf.ScriptedChatModel("")

assert_type(gf.comma_list(), gf.Transform[Chunk, list[str]])
assert_type(gf.numbered_list(), gf.Transform[Chunk, list[str]])
assert_type(gf.markdown_list(), gf.Transform[Chunk, list[str]])
assert_type(model | gf.comma_list(), gf.Producer[MessagesLike, list[str]])
assert_type(gf.text() | gf.numbered_list(), gf.Transform[Chunk, list[str]])

assert_type(gf.xml_parser(), gf.Transform[Chunk, gf.XmlElement])
assert_type(gf.xml_parser(root="movie", schema=Movie), gf.Transform[Chunk, gf.XmlElement | Movie])
assert_type(gf.xml_items("movies/movie"), gf.Transform[Chunk, gf.XmlElement])
assert_type(gf.xml_items("movies/movie", schema=Movie), gf.Transform[Chunk, Movie])
assert_type(model | gf.xml_items("movies/movie", schema=Movie), gf.Producer[MessagesLike, Movie])
assert_type(gf.xml_items({"movie": "movies/movie"}, schema={"movie": Movie}), gf.Transform[Chunk, dict[str, Any]])
assert_type(gf.xml_text("reply/answer", max_chars=100), gf.Transform[Chunk, str])
assert_type(gf.xml_text({"answer": "reply/answer"}), gf.Transform[Chunk, dict[str, str]])
assert_type(model | gf.xml_text("answer") | T, gf.Producer[MessagesLike, str])

assert_type(gf.tool_calls(), gf.Transform[gf.AIMessage, list[gf.StreamedToolCall[dict[str, Any]]]])
assert_type(gf.tool_calls(tools=[search]), gf.Transform[gf.AIMessage, list[gf.StreamedToolCall[dict[str, Any]]]])
assert_type(
    model | gf.tool_calls(schema=Movie), gf.Producer[MessagesLike, list[gf.StreamedToolCall[dict[str, Any] | Movie]]]
)
assert_type(gf.tool_calls(schema={"movie": Movie}), gf.Transform[gf.AIMessage, list[gf.StreamedToolCall[Any]]])


def refused() -> None:
    use(gf.comma_list() | A)  # type: ignore[operator]
    use(gf.text() | gf.tool_calls())  # type: ignore[operator]
    gf.tool_calls(schema=Movie, tools=[search])  # type: ignore[call-overload]
    gf.xml_items("movies/movie", schema={"movie": Movie})  # type: ignore[call-overload]
    gf.xml_parser(max_dept=3)  # type: ignore[call-overload]
