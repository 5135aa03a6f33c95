"""The parser as users meet it: `JsonStream` to push text into, `parse_stream` and `parse_stream_async` to pull from."""

import functools
import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args

from graphflow.jsonstream.bulk import Bulk
from graphflow.jsonstream.errors import EndOfText, Fault, JsonStreamError
from graphflow.jsonstream.patches import Patches
from graphflow.jsonstream.prose import Root, find_more, find_value
from graphflow.jsonstream.scanner import scan
from graphflow.jsonstream.strings import Strings, Surrogates
from graphflow.jsonstream.tokens import literal_words
from graphflow.jsonstream.trail import AFTER, Trail
from graphflow.jsonstream.tree import Snapshots, Tree
from graphflow.jsonstream.values import NOTHING, Json, Nothing

Scalars: TypeAlias = Literal["partial", "complete"]
Trailing: TypeAlias = Literal["ignore", "error"]
OnIncomplete: TypeAlias = Literal["error", "keep"]
OnError: TypeAlias = Literal["raise", "stop"]


class Options(TypedDict, total=False):
    """The options of `JsonStream`, which says what they mean."""

    scalars: Scalars
    every: bool
    patches: bool
    append: bool
    root: Root
    lenient: bool
    nan: bool
    strict: bool
    surrogates: Surrogates
    trailing: Trailing
    on_incomplete: OnIncomplete
    on_error: OnError
    max_depth: int
    max_number: int
    max_string: int | None
    max_chars: int | None


class JsonStream:
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
        every: give a value for each chunk that changed it. Without this, a value is left out now and then once it is
            wide, that is, once the containers around the place of reading have some hundred elements: copying them
            each time would take quadratic time. The last value is always given.
        patches: give lists of operations (RFC 6902) instead of values. Applied one after the other they make the value;
            the first is `{"op": "replace", "path": "", "value": ...}`.
        append: with patches, give what a string has grown by, as `{"op": "append", "path": ..., "value": ...}`. That is
            not in RFC 6902. Without it, each operation has the whole string, and some are left out when it is long.

    What is read:
        root: the kind of value that is expected: "object", "array" or "any". Others are passed over like prose.
        lenient: accept trailing commas, comments, single quotes, True, False, None, and unknown escapes.
        nan: accept NaN, Infinity and -Infinity.
        strict: refuse control characters in strings.
        surrogates: "keep" a lone surrogate, as `json.loads` does, although it cannot be encoded as UTF-8; "replace" it
            by U+FFFD; or make it an "error".
        trailing: "ignore" what follows the value, or make it an "error". Blanks and fences are none.
        max_depth: how deep containers may be nested.
        max_number: how many characters a number may have.
        max_string: how many characters a string or key may have.
        max_chars: how many characters the text may have up to the end of the value.

    What is raised, as `JsonStreamError`:
        on_incomplete: make it an "error" that the text ends before the value does, or "keep" what there is.
        on_error: "raise" any other error, or "stop" reading without a word.
    """

    def __init__(
        self,
        *,
        scalars: Scalars = "partial",
        every: bool = False,
        patches: bool = False,
        append: bool = False,
        root: Root = "any",
        lenient: bool = False,
        nan: bool = True,
        strict: bool = False,
        surrogates: Surrogates = "keep",
        trailing: Trailing = "ignore",
        on_incomplete: OnIncomplete = "error",
        on_error: OnError = "raise",
        max_depth: int = 200,
        max_number: int = 4300,
        max_string: int | None = None,
        max_chars: int | None = None,
    ) -> None:
        _check("scalars", scalars, Scalars)
        _check("root", root, Root)
        _check("surrogates", surrogates, Surrogates)
        _check("trailing", trailing, Trailing)
        _check("on_incomplete", on_incomplete, OnIncomplete)
        _check("on_error", on_error, OnError)
        for name, limit in {"max_depth": max_depth, "max_number": max_number}.items():
            if limit < 1:
                raise ValueError(f"{name} must be at least 1, not {limit}")
        if append and not patches:
            raise ValueError("append=True says how patches are written: it needs patches=True")

        trail = Trail(reach=max_number)
        tree: Tree = Patches(trail, every, append) if patches else Snapshots(trail, every)
        strings = Strings(strict=strict, surrogates=surrogates, max_string=max_string)
        words = literal_words(nan, lenient)
        grammar = functools.partial(
            scan,
            tree=tree,
            bulk=Bulk(trail, strings, strict=strict, nan=nan, max_number=max_number),
            strings=strings,
            words=words,
            growing=scalars == "partial",
            lenient=lenient,
            max_depth=max_depth,
            max_number=max_number,
        )
        self._tree = tree
        self._trail = trail
        self._max_chars = math.inf if max_chars is None else max_chars
        self._strict_end = trailing == "error"
        self._keep = on_incomplete == "keep"
        self._stop = on_error == "stop"
        self._end = EndOfText()
        self._errors: list[JsonStreamError] = []  # at most one
        self._reader = _read(
            find_value(root, words, lenient), grammar, tree, trail, self._errors, self._strict_end, self._stop
        )
        self._send: Callable[[str], Any] = self._reader.send
        next(self._reader)

    def feed(self, text: str) -> Json | Nothing:
        """Read one more chunk; return the value so far if it changed (or what changed, as patch), else `NOTHING`.

        Raises `JsonStreamError` if the text is wrong: after what could be read was returned, and after the 11
        characters that follow the error were read, so that the error is the same however the text was cut.
        """
        if not text and not self._errors:
            return NOTHING
        trail = self._trail
        trail.read += len(text)
        trail.pieces.append(text)
        if trail.read > trail.due:
            trail.forget()
        try:
            if trail.read > self._max_chars:
                return self._exceed(text)  # type: ignore[no-any-return]
            return self._send(text)  # type: ignore[no-any-return]
        except StopIteration:
            pass
        raise self.error or ValueError("the text was finished: make a new JsonStream for another")

    def finish(self) -> Json | Nothing:
        """Say that the text has ended; return the value if it changed or was not given yet, else `NOTHING`.

        Raises `JsonStreamError` if the text ended too early, or if it is wrong and `feed` could not raise that yet.
        """
        value, error = self._finish()
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    @property
    def error(self) -> JsonStreamError | None:
        """What is wrong with the text: set as soon as it is known, and also when the options say not to raise it."""
        return self._errors[0] if self._errors else None

    @property
    def complete(self) -> bool:
        """Whether the value is complete. What follows has no effect then, unless `trailing="error"`."""
        return bool(self._tree.holder) and not self._tree.spine and not self._errors

    @property
    def _deaf(self) -> bool:
        return self._stop if self._errors else self.complete and not self._strict_end

    def _exceed(self, text: str) -> Any:
        """Read what `max_chars` allows of the chunk; that is the end, at once if there is no value to give first."""
        trail, limit = self._trail, int(self._max_chars)
        text = text[: limit - trail.read]
        trail.read = limit
        trail.pieces[-1] = text
        self._end = EndOfText(limit)
        value = self._send(text)
        if value is NOTHING and not self._deaf:
            value = self._reader.throw(self._end)
        return value

    def _finish(self) -> tuple[Any, JsonStreamError | None]:
        """What `finish` returns and what it raises. Those who pull get the one after the other."""
        try:
            value = self._reader.throw(self._end)
        except (EndOfText, JsonStreamError):
            value = NOTHING
        self._reader.close()
        error = self.error
        if error is not None and (self._keep if error.kind == "incomplete" else self._stop):
            error = None
        return value, error


def _check(name: str, choice: object, choices: Any) -> None:
    if choice not in get_args(choices):
        raise ValueError(f"{name} must be {' or '.join(map(repr, get_args(choices)))}, not {choice!r}")


def _read(
    preamble: Generator[Nothing, str, tuple[str, int]],
    grammar: Callable[[str, int], Generator[Any, str, tuple[str, int]]],
    tree: Tree,
    trail: Trail,
    errors: list[JsonStreamError],
    strict_end: bool,
    stop: bool,
) -> Generator[Any, str, None]:
    """The order of things: what comes before the value, the value, what follows; or a fault, and its excerpt."""
    try:
        text, pos = yield from preamble
        text, pos = yield from grammar(text, pos)
        while True:
            if strict_end and (more := find_more(text, pos)) is not None:
                fault = Fault("text after the value", more)
                fault.left = len(text) - more
                raise fault
            try:
                text, pos = (yield tree.give(final=True)), 0
            except EndOfText as over:
                if over.limit is None or not strict_end:
                    raise
                raise over.fault(0, "") from None
    except Fault as fault:
        offset, line, column, excerpt = trail.locate(fault.left)
        error = JsonStreamError(fault.kind, str(fault), offset, line, column, excerpt, fault.path, tree.value())
        missing = 1 + AFTER - fault.left if fault.left else 0  # of the excerpt; nothing if the text has ended
    errors.append(error)
    value = tree.give(final=True)
    silent = stop and error.kind != "incomplete"
    while value is not NOTHING or missing > 0 or silent:
        try:
            text, value = (yield value), NOTHING
        except EndOfText:
            break
        error.excerpt += text[: max(missing, 0)]
        missing -= len(text)
    raise error


def parse_stream(chunks: Iterable[str], **options: Unpack[Options]) -> Iterator[Json]:
    """The value so far, after each chunk that changed it. The options are those of `JsonStream`.

    >>> list(parse_stream(['{"name": "Fra', 'nce", "popul', 'ation": 67750000}']))
    [{'name': 'Fra'}, {'name': 'France'}, {'name': 'France', 'population': 67750000}]
    >>> list(parse_stream(['["Fra', 'nce"]'], patches=True, append=True))[1]
    [{'op': 'append', 'path': '/0', 'value': 'nce'}]

    The source is read to its end, also behind the value. `JsonStreamError` is raised after the value up to the error.
    """
    return _pull(JsonStream(**options), chunks)


def _pull(stream: JsonStream, chunks: Iterable[str]) -> Iterator[Json]:
    for text in chunks:
        if (value := stream.feed(text)) is not NOTHING:
            yield value
        if stream._errors:
            if stream._deaf:
                return
            stream.feed("")  # raises the error, unless its excerpt is not complete
    value, error = stream._finish()
    if value is not NOTHING:
        yield value
    if error is not None:
        raise error


def parse_stream_async(chunks: AsyncIterable[str], **options: Unpack[Options]) -> AsyncIterator[Json]:
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
    return _pull_async(JsonStream(**options), chunks)


async def _pull_async(stream: JsonStream, chunks: AsyncIterable[str]) -> AsyncIterator[Json]:
    async for text in chunks:
        if (value := stream.feed(text)) is not NOTHING:
            yield value
        if stream._errors:
            if stream._deaf:
                return
            stream.feed("")
    value, error = stream._finish()
    if value is not NOTHING:
        yield value
    if error is not None:
        raise error
