"""The whole value while it grows: `JsonStream` to push text into, `parse_stream` to pull from."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar, Unpack, overload

from graphflow.jsonstream.holding import HoldingPatches, HoldingSnapshots
from graphflow.jsonstream.options import Options, ReadOptions, Scalars, check_choice, check_flags
from graphflow.jsonstream.patches import Patches
from graphflow.jsonstream.paths import parse_path, places
from graphflow.jsonstream.reader import Reader
from graphflow.jsonstream.schema import reader
from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.tree import Snapshots, Tree
from graphflow.jsonstream.values import NOTHING, Json, Nothing, Partial

T = TypeVar("T")


class JsonStream(Reader, Generic[T]):
    r"""Reads one JSON value from text that comes in chunks, and says after each chunk what the value is so far.

    >>> stream = JsonStream()
    >>> for text in ['Sure:\n```json\n{"name": "Fra', 'nce", "pop', 'ulation": 677', "50000}\n```"]:
    ...     print(stream.feed(text))
    {'name': 'Fra'}
    {'name': 'France'}
    {'name': 'France', 'population': 677}
    {'name': 'France', 'population': 67750000}
    >>> stream.finish()
    NOTHING

    The last value is the one that `json.loads(text, strict=False)` returns. Byte order mark, fences and prose around it
    are passed over. Values are dicts and lists that are never changed later. They share the parts that are complete: to
    edit one, copy it first. Time is linear in the text, whatever the value and the chunks.

    What is given:
        scalars: "partial" shows strings and numbers while they grow, "complete" only when they are complete.
        hold: paths, such as `countries[*].name`, of what is shown only when it is complete.
        every: give a value for each chunk that changed it. Without this, a value is left out now and then once it is
            wide, that is, once the containers around the place of reading have some hundred elements: copying them
            each time would take quadratic time. The last value is always given.
        patches: give lists of operations (RFC 6902) instead of values. Applied one after the other they make the value;
            the first is `{"op": "replace", "path": "", "value": ...}`.
        append: with patches, give what a string has grown by, as `{"op": "append", "path": ..., "value": ...}`. That is
            not in RFC 6902. Without it, each operation has the whole string, and some are left out when it is long.
        schema: a pydantic model, an attrs class, a dataclass, a TypedDict or a msgspec struct. When the value is
            complete, an instance of it is given, as the last. What is given before is plain data, and not validated.

    What is read:
        root: the kind of value that is expected: "object", "array" or "any". Others are passed over like prose.
        lenient: accept trailing commas, comments, single quotes, True, False, None, and unknown escapes.
        nan: accept NaN, Infinity and -Infinity.
        strict: refuse control characters in strings.
        surrogates: "keep" a lone surrogate, as `json.loads` does, although it cannot be encoded as UTF-8; "replace" it
            by U+FFFD; or make it an "error".
        trailing: "ignore" what follows the value, or make it an "error". Blanks and fences are none.
        max_depth: how deep containers may be nested.
        max_number: how many characters a number may have; no more than this Python takes for an int, which is 4,300
            unless `sys.set_int_max_str_digits` says otherwise.
        max_string: how many characters a string or key may have.
        max_chars: how many characters the text may have up to the end of the value.

    What is raised, as `JsonStreamError`:
        on_incomplete: make it an "error" that the text ends before the value does, or "keep" what there is.
        on_error: "raise" any other error, or "stop" reading without a word.
    """

    _options = sorted([*Options.__annotations__, "schema"])

    @overload
    def __init__(self: "JsonStream[Never]", *, schema: None = None, **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self, *, schema: type[T], **options: Unpack[Options]) -> None: ...
    def __init__(
        self,
        *,
        schema: type[T] | None = None,
        scalars: Scalars = "partial",
        hold: Collection[str] = (),
        every: bool = False,
        patches: bool = False,
        append: bool = False,
        **options: Unpack[ReadOptions],
    ) -> None:
        check_choice("scalars", scalars, Scalars)
        check_flags(every=every, patches=patches, append=append)
        if append and not patches:
            raise ValueError("append=True says how patches are written: it needs patches=True")
        if schema is not None and patches:
            raise ValueError("schema= gives an instance at the end, patches=True gives operations: choose one")
        if isinstance(hold, str):
            raise TypeError(f"hold takes several paths, not the string {hold!r}: write [{hold!r}]")
        held = places({path: parse_path(path) for path in hold})

        def plant(trail: Trail) -> Tree:
            if patches:
                return HoldingPatches(trail, every, append, held) if hold else Patches(trail, every, append)
            return HoldingSnapshots(trail, every, held) if hold else Snapshots(trail, every)

        super().__init__(plant, growing=scalars == "partial", finish=schema and reader(schema), **options)

    if TYPE_CHECKING:

        def feed(self, text: str) -> Partial | T | Nothing:
            """Read one more chunk."""

        def finish(self) -> Partial | T | Nothing:
            """Say that the text has ended."""


@overload
def parse_stream(chunks: Iterable[str], *, schema: None = None, **options: Unpack[Options]) -> Iterator[Json]: ...
@overload
def parse_stream(chunks: Iterable[str], *, schema: type[T], **options: Unpack[Options]) -> Iterator[Partial | T]: ...
def parse_stream(
    chunks: Iterable[str], *, schema: type[Any] | None = None, **options: Unpack[Options]
) -> Iterator[Any]:
    """The value so far, after each chunk that changed it. The options are those of `JsonStream`.

    >>> list(parse_stream(['{"name": "Fra', 'nce", "popul', 'ation": 67750000}']))
    [{'name': 'Fra'}, {'name': 'France'}, {'name': 'France', 'population': 67750000}]
    >>> list(parse_stream(['["Fra', 'nce"]'], patches=True, append=True))[1]
    [{'op': 'append', 'path': '/0', 'value': 'nce'}]

    The source is read to its end, also behind the value. `JsonStreamError` is raised after the value up to the error.
    """
    return _pull(JsonStream(schema=schema, **options), chunks)


def _pull(stream: JsonStream[Any], chunks: Iterable[str]) -> Iterator[Any]:
    for text in chunks:
        if (value := stream.feed(text)) is not NOTHING:
            yield value
        if stream.error:
            if stream.deaf:
                return
            stream.feed("")  # raises the error, unless its excerpt is not complete
    value, error = stream.end()
    if value is not NOTHING:
        yield value
    if error is not None:
        raise error


@overload
def parse_stream_async(
    chunks: AsyncIterable[str], *, schema: None = None, **options: Unpack[Options]
) -> AsyncIterator[Json]: ...
@overload
def parse_stream_async(
    chunks: AsyncIterable[str], *, schema: type[T], **options: Unpack[Options]
) -> AsyncIterator[Partial | T]: ...
def parse_stream_async(
    chunks: AsyncIterable[str], *, schema: type[Any] | None = None, **options: Unpack[Options]
) -> AsyncIterator[Any]:
    """Like `parse_stream`, from an asynchronous source. Closing the source is up to whoever opened it.

    >>> import trio
    >>> async def tokens():
    ...     yield '{"name": "Fra'
    ...     yield 'nce"}'
    >>> async def main():
    ...     async for value in parse_stream_async(tokens()):
    ...         print(value)
    >>> trio.run(main)
    {'name': 'Fra'}
    {'name': 'France'}
    """
    return _pull_async(JsonStream(schema=schema, **options), chunks)


async def _pull_async(stream: JsonStream[Any], chunks: AsyncIterable[str]) -> AsyncIterator[Any]:
    async for text in chunks:
        if (value := stream.feed(text)) is not NOTHING:
            yield value
        if stream.error:
            if stream.deaf:
                return
            stream.feed("")
    value, error = stream.end()
    if value is not NOTHING:
        yield value
    if error is not None:
        raise error
