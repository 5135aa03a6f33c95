"""Parsers of XML: the root element as it grows, elements as they close, the text of one as it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack, overload

from graphflow.chain import Transform
from graphflow.components.parsers.node import Chunk, element_type, parser, read_with, text_of
from graphflow.xmlstream import XmlElement, XmlItems, XmlOptions, XmlStream, XmlText
from graphflow_compiler.accumulate import LATEST
from graphflow_compiler.types import Field, Record

T = TypeVar("T")


@overload
def xml_parser(
    *, root: str | None = None, schema: None = None, every: bool = False, **options: Unpack[XmlOptions]
) -> Transform[Chunk, XmlElement]: ...
@overload
def xml_parser(
    *, root: str | None = None, schema: type[T], every: bool = False, **options: Unpack[XmlOptions]
) -> Transform[Chunk, XmlElement | T]: ...
def xml_parser(
    *, root: str | None = None, schema: type[Any] | None = None, every: bool = False, **options: Unpack[XmlOptions]
) -> Transform[Chunk, Any]:
    r"""Return a parser that gives an XML document as far as it has come, after every chunk that changed it.

    The elements are snapshots, which never change; the last one is the root element as it closed, so an aggregate after
    the parser gets that. The document is the first start tag that comes, up to its end. What stands before it (prose,
    code fences, an XML declaration, comments) and what follows is passed over.

    XML is read by expat, strictly: a `<` or `&` that is text must be written `&lt;` or `&amp;`. Document types are
    refused, and so no entity can be defined: neither one that grows without bound nor one that is fetched.

    Args:
        root: the name of the root element; other tags before it are prose then.
        schema: what the element becomes when it closes: a pydantic model, an attrs class, a dataclass, a TypedDict or a
            msgspec struct. A field takes the elements of its name, or the attribute; a list takes all of them, or those
            in the only one, if that holds nothing else; a field `text` that is neither takes the element's own text.
        every: give a snapshot for each chunk that changed it. Without this, some are left out once there are some
            hundred elements or ten thousand characters to copy, so that it takes linear time; never the last.
        options: the limits `max_depth` of elements, 100 if not given, and `max_chars` of the text.

    Raises:
        XmlStreamError: while it runs: the text is no XML, ends too early, or is not what `schema` asks for; it carries
            what could be read.

    >>> from graphflow import ScriptedChatModel
    >>> chain = (
    ...     ScriptedChatModel(["```xml\n<movie><title>Ali", "en</title><year>1979</ye", "ar></movie>\n```"])
    ...     | xml_parser()
    ... )
    >>> with chain.sync.stream("Which one?") as movies:
    ...     print(*movies, sep="\n")
    <movie><title>Ali</title></movie>
    <movie><title>Alien</title><year>1979</year></movie>
    <movie><title>Alien</title><year>1979</year></movie>
    """

    def stream() -> XmlStream[Any]:
        return XmlStream(root=root, schema=schema, every=every, **options)

    stream()  # wrong options are told here, not when the chain runs
    return parser("xml_parser", read_with(stream, text_of), XmlElement if schema is None else Any, LATEST)


@overload
def xml_items(path: str, *, schema: None = None, **options: Unpack[XmlOptions]) -> Transform[Chunk, XmlElement]: ...
@overload
def xml_items(path: str, *, schema: type[T], **options: Unpack[XmlOptions]) -> Transform[Chunk, T]: ...
@overload
def xml_items(
    path: Mapping[str, str], *, schema: Mapping[str, type[Any]] | None = None, **options: Unpack[XmlOptions]
) -> Transform[Chunk, dict[str, Any]]: ...
def xml_items(
    path: str | Mapping[str, str], *, schema: Any = None, **options: Unpack[XmlOptions]
) -> Transform[Chunk, Any]:
    """Return a parser that gives each XML element at a path once, when it has closed.

    `movies/movie` means every `<movie>` in a `<movies>`; `*` stands for any name. There may be several root elements of
    the name that the path begins with; what stands around them is passed over, as with `xml_parser`. Where a list is
    wanted, put `gf.collect()` behind the parser.

    Args:
        path: the path; or several by name: then each element is given as a record, under the name of its path.
        schema: what each element becomes, as with `xml_parser`; with several paths, by name.
        options: limits, as with `xml_parser`.

    Raises:
        XmlStreamError: while it runs: the text is no XML, ends too early, or an element is not what `schema` asks for;
            it carries the element that was not complete, or is not valid.

    >>> from graphflow import ScriptedChatModel, collect
    >>> chain = ScriptedChatModel(["<l><n>1</n><n", ">2</n></l>"]) | xml_items("l/n", schema=int)
    >>> (chain | collect()).sync.invoke("Count.")
    [1, 2]
    """

    def stream() -> XmlItems[Any]:
        return XmlItems(path, schema=schema, **options)

    stream()
    if isinstance(path, str):
        return parser("xml_items", read_with(stream, text_of), XmlElement if schema is None else element_type(schema))
    schemas = schema or {}
    fields = [Field(name, element_type(schemas.get(name, XmlElement)), required=False) for name in path]
    return parser("xml_items", read_with(stream, text_of), Record(tuple(fields)))


@overload
def xml_text(path: str, **options: Unpack[XmlOptions]) -> Transform[Chunk, str]: ...
@overload
def xml_text(path: Mapping[str, str], **options: Unpack[XmlOptions]) -> Transform[Chunk, dict[str, str]]: ...
def xml_text(path: str | Mapping[str, str], **options: Unpack[XmlOptions]) -> Transform[Chunk, Any]:
    """Return a parser that gives the characters of the XML element at a path as they come.

    That is all text in it, also that of the elements in it, without the blanks at both ends.

    Args:
        path: such as `reply/answer`; or several by name: then what came of each is given as a record, under its name.
        options: limits, as with `xml_parser`.

    Raises:
        XmlStreamError: while it runs: the text is no XML, ends too early, or has a second element in that place.

    >>> from graphflow import ScriptedChatModel
    >>> chain = ScriptedChatModel(["<thought>Hm.</thought>", "<answer>At 7", ":40.</answer>"]) | xml_text("answer")
    >>> with chain.sync.stream("When?") as pieces:
    ...     print(list(pieces))
    ['At 7', ':40.']
    """

    def stream() -> XmlText:
        return XmlText(path, **options)

    stream()
    if isinstance(path, str):
        return parser("xml_text", read_with(stream, text_of), str)
    return parser("xml_text", read_with(stream, text_of), Record(tuple(Field(name, str) for name in path)))
