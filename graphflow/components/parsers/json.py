"""Parsers of JSON: the value as it grows, its elements as they close, a string as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal, TypeVar, Unpack, overload

from graphflow.chain import Transform
from graphflow.components.parsers.node import Chunk, Parse, element_type, parser, read_with, text_of
from graphflow.jsonstream import NOTHING, JsonItems, JsonStream, JsonText, Partial, ReadOptions, ValueOptions
from graphflow.jsonstream.paths import parse_path
from graphflow_compiler.accumulate import LATEST, SINGLE, merge
from graphflow_compiler.types import Field, Record

T = TypeVar("T")


@overload
def json_parser(
    *, patches: Literal[True], schema: None = None, **options: Unpack[ValueOptions]
) -> Transform[Chunk, list[dict[str, Any]]]: ...
@overload
def json_parser(
    *, patches: Literal[False] = False, schema: type[T], **options: Unpack[ValueOptions]
) -> Transform[Chunk, Partial | T]: ...
@overload
def json_parser(
    *, patches: bool = False, schema: None = None, **options: Unpack[ValueOptions]
) -> Transform[Chunk, Any]: ...
def json_parser(
    *, patches: bool = False, schema: type[Any] | None = None, **options: Unpack[ValueOptions]
) -> Transform[Chunk, Any]:
    """Return a parser that gives the best partial JSON value after every chunk that changed it.

    Code fences and prose around the value are passed over. The values are snapshots: real dicts and lists, which are
    never changed later; the last one is the value, so an aggregate after the parser gets that.

    Args:
        patches: give lists of operations (RFC 6902) instead of values. They concatenate: all of them together are a
            patch that makes the value.
        schema: what the value becomes when it is complete: a pydantic model, an attrs class, a dataclass, a TypedDict
            or a msgspec struct. The snapshots before are plain data and not validated; the last is the instance. For
            the instance alone there is `json_items("$", schema=...)`.
        options: those of `graphflow.jsonstream.JsonStream`.

    Raises:
        JsonStreamError: while it runs: the text is no JSON, ends too early, or is not what `schema` asks for; it
            carries the partial value.
    """

    def stream() -> JsonStream[Any]:
        return JsonStream(patches=patches, schema=schema, **options)

    stream()  # wrong options are told here, not when the chain runs
    if patches:
        return parser("json_parser", _values(stream), list[dict[str, Any]])
    return parser("json_parser", _values(stream), Any, LATEST)


@overload
def json_items(path: str, *, schema: None = None, **options: Unpack[ReadOptions]) -> Transform[Chunk, Any]: ...
@overload
def json_items(path: str, *, schema: type[T], **options: Unpack[ReadOptions]) -> Transform[Chunk, T]: ...
@overload
def json_items(
    path: Mapping[str, str], *, schema: Mapping[str, type[Any]] | None = None, **options: Unpack[ReadOptions]
) -> Transform[Chunk, dict[str, Any]]: ...
def json_items(
    path: str | Mapping[str, str], *, schema: Any = None, **options: Unpack[ReadOptions]
) -> Transform[Chunk, Any]:
    """Return a parser that gives each element at a path once, when it is complete.

    `countries[*]` means every element of the list `countries`; a path is made of keys, `["quoted keys"]`, `*` for any
    key, `[0]`, and `[*]`. `$` is the whole value. A path without `[*]` and `*` means one element, which is the value
    for an aggregate. Where there may be many, put `gf.collect()` in between: it makes a list of them.

    Args:
        path: the path; or several by name: then each element is given as a record, under the name of its path.
        schema: what each element becomes: a pydantic model, an attrs class, a dataclass, a TypedDict or a msgspec
            struct; with several paths, by name.
        options: how the text is read, as in `graphflow.jsonstream.JsonItems`.

    Raises:
        JsonStreamError: while it runs: the text is no JSON, ends too early, or an element is not what `schema` asks
            for; it carries the element that was not complete, or is not valid.
    """

    def stream() -> JsonItems[Any]:
        return JsonItems(path, schema=schema, **options)

    stream()
    if isinstance(path, str):
        if _means_one(path):
            return parser("json_items", read_with(stream, text_of), Any if schema is None else schema, SINGLE)
        return parser("json_items", read_with(stream, text_of), element_type(schema))
    schemas = schema or {}
    record = Record(tuple(Field(name, element_type(schemas.get(name)), required=False) for name in path))
    one = all(map(_means_one, path.values()))
    return parser(
        "json_items", read_with(stream, text_of), record, merge(**dict.fromkeys(path, SINGLE)) if one else None
    )


@overload
def json_text(path: str, **options: Unpack[ReadOptions]) -> Transform[Chunk, str]: ...
@overload
def json_text(path: Mapping[str, str], **options: Unpack[ReadOptions]) -> Transform[Chunk, dict[str, str]]: ...
def json_text(path: str | Mapping[str, str], **options: Unpack[ReadOptions]) -> Transform[Chunk, Any]:
    """Return a parser that gives the characters of the string at a path as they come.

    Args:
        path: such as `answer.body`; or several by name: then what came of each is given as a record, under its name.
        options: how the text is read, as in `graphflow.jsonstream.JsonText`.

    Raises:
        JsonStreamError: while it runs: the text is no JSON, ends too early, or has something else in that place.
    """

    def stream() -> JsonText:
        return JsonText(path, **options)

    stream()
    if isinstance(path, str):
        return parser("json_text", _pieces(stream), str)
    return parser("json_text", _pieces(stream), Record(tuple(Field(name, str) for name in path)))


def _values(make: Callable[[], JsonStream[Any]]) -> Parse:
    async def parse(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Any]:
        stream = make()
        async for chunk in chunks:
            value = stream.feed(text_of(chunk))
            if value is not NOTHING:
                yield value
        value, error = stream.end()
        if value is not NOTHING:
            yield value
        if error is not None:
            raise error

    return parse


def _pieces(make: Callable[[], JsonText]) -> Parse:
    async def parse(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Any]:
        stream = make()
        async for chunk in chunks:
            piece = stream.feed(text_of(chunk))
            if piece:
                yield piece
        piece = stream.finish()
        if piece:
            yield piece

    return parse


def _means_one(path: str) -> bool:
    return all(isinstance(step, str | int) for step in parse_path(path))
