"""The parser as users meet it: `JsonStream` to push text into, `parse_stream` and `parse_stream_async` to pull from."""

import difflib
import functools
import math
import sys
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    Never,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
    overload,
)

from graphflow.jsonstream.bulk import Bulk
from graphflow.jsonstream.errors import EndOfText, Fault, JsonStreamError
from graphflow.jsonstream.holding import HoldingPatches, HoldingSnapshots
from graphflow.jsonstream.patches import Patches
from graphflow.jsonstream.paths import Path, parse_path, places, root_of
from graphflow.jsonstream.prose import Root, find_more, find_value
from graphflow.jsonstream.scanner import scan
from graphflow.jsonstream.schema import reader
from graphflow.jsonstream.selection import Selection, Texts
from graphflow.jsonstream.strings import Strings, Surrogates
from graphflow.jsonstream.tokens import literal_words
from graphflow.jsonstream.trail import AFTER, Trail
from graphflow.jsonstream.tree import Snapshots, Tree
from graphflow.jsonstream.values import NOTHING, Json, Nothing, Partial

T = TypeVar("T")

Scalars: TypeAlias = Literal["partial", "complete"]
Trailing: TypeAlias = Literal["ignore", "error"]
OnIncomplete: TypeAlias = Literal["error", "keep"]
OnError: TypeAlias = Literal["raise", "stop"]


class ReadOptions(TypedDict, total=False):
    """The options of `JsonItems` and `JsonText`, which `JsonStream` has too and says what they mean."""

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


class ValueOptions(ReadOptions, total=False):
    """The options of `JsonStream` for what is given, without those that decide its type."""

    scalars: Scalars
    hold: Collection[str]
    every: bool
    append: bool


class Options(ValueOptions, total=False):
    """The options of `JsonStream`, which says what they mean; but for `schema`."""

    patches: bool


class Reader:
    """Reads one JSON value from text that comes in chunks; what is given of it is up to the `Tree`."""

    _options: ClassVar[Collection[str]] = sorted(ReadOptions.__annotations__)

    def __init__(
        self,
        plant: Callable[[Trail], Tree],
        *,
        growing: bool = True,
        finish: Callable[[Any], Any] | None = None,
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
        **unknown: object,
    ) -> None:
        if unknown:
            raise _no_such_option(next(iter(unknown)), self._options)
        _check("root", root, Root)
        _check("surrogates", surrogates, Surrogates)
        _check("trailing", trailing, Trailing)
        _check("on_incomplete", on_incomplete, OnIncomplete)
        _check("on_error", on_error, OnError)
        _check_flags(lenient=lenient, nan=nan, strict=strict)
        _check_limit("max_depth", max_depth, 1)
        _check_limit("max_number", max_number, 1)
        if max_string is not None:
            _check_limit("max_string", max_string, 0)
        if max_chars is not None:
            _check_limit("max_chars", max_chars, 0)

        max_number = min(max_number, sys.get_int_max_str_digits() or max_number)
        trail = Trail(reach=max_number)
        tree = plant(trail)
        strings = Strings(strict=strict, surrogates=surrogates, max_string=max_string)
        words = literal_words(nan, lenient)
        grammar = functools.partial(
            scan,
            tree=tree,
            bulk=Bulk(trail, strings, strict=strict, nan=nan, max_number=max_number),
            strings=strings,
            words=words,
            growing=growing,
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
            find_value(root, words, lenient), grammar, tree, trail, self._errors, self._strict_end, self._stop, finish
        )
        self._send: Callable[[str], Any] = self._reader.send
        next(self._reader)

    def feed(self, text: str) -> Any:
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
                return self._exceed(text)
            return self._send(text)
        except StopIteration:
            pass
        raise self.error or ValueError("the text was finished: make a new JsonStream for another")

    def finish(self) -> Any:
        """Say that the text has ended; return the value if it changed or was not given yet, else `NOTHING`.

        Raises `JsonStreamError` if the text ended too early, or if it is wrong and `feed` could not raise that yet.
        """
        value, error = self.end()
        if error is not None:
            raise error
        return value

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

    def end(self) -> tuple[Any, JsonStreamError | None]:
        """End the text: the value that is new, and the error. Those who pull get the one after the other."""
        try:
            value = self._reader.throw(self._end)
        except (EndOfText, JsonStreamError):
            value = NOTHING
        self._reader.close()
        error = self.error
        if error is not None and (self._keep if error.kind == "incomplete" else self._stop):
            error = None
        return value, error


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

    _options = sorted(Options.__annotations__)

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
        _check("scalars", scalars, Scalars)
        _check_flags(every=every, patches=patches, append=append)
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


class JsonItems(Reader, Generic[T]):
    """Gives each element at a path once, when it is complete.

    >>> stream = JsonItems("countries[*]")
    >>> for text in ['{"countries": [{"name": "Fra', 'nce"}, {"name": "Sp', 'ain"}, {"name": "Japan"}]}']:
    ...     print(stream.feed(text))
    []
    [{'name': 'France'}]
    [{'name': 'Spain'}, {'name': 'Japan'}]

    Several paths are read in one pass. Then each element comes as a record, under the name of its path:

    >>> JsonItems({"country": "countries[*]", "total": "total"}).feed('{"countries": ["France", "Spain"], "total": 2}')
    [{'country': 'France'}, {'country': 'Spain'}, {'total': 2}]

    A path is made of keys, `["quoted keys"]`, `*` for any key, `[0]`, and `[*]` for any element; `$` is the whole
    value. What no path selects is read and forgotten. If an object has a key twice, what is below both is given.

    path: the path, or several by name.
    schema: what each element becomes, as in `JsonStream`; with several paths, by name.
    options: how the text is read, as in `JsonStream`. `root` is what the paths need if it is not given. The `partial`
        of an error is the element that was not complete or is not valid.
    """

    @overload
    def __init__(
        self: "JsonItems[Any]", path: str | Mapping[str, str], *, schema: None = None, **options: Unpack[ReadOptions]
    ) -> None: ...
    @overload
    def __init__(self, path: str, *, schema: type[T], **options: Unpack[ReadOptions]) -> None: ...
    @overload
    def __init__(
        self: "JsonItems[dict[str, Any]]",
        path: Mapping[str, str],
        *,
        schema: Mapping[str, type],
        **options: Unpack[ReadOptions],
    ) -> None: ...
    def __init__(
        self,
        path: str | Mapping[str, str],
        *,
        schema: type | Mapping[str, type] | None = None,
        **options: Unpack[ReadOptions],
    ) -> None:
        self._named, paths = _named(path)
        if isinstance(schema, Mapping) != self._named and schema is not None:
            raise TypeError("schema: several paths take several schemas, by name; one path takes one")
        schemas: Mapping[str, type] = schema if isinstance(schema, Mapping) else {} if schema is None else {"": schema}
        if unknown := [name for name in schemas if name not in paths]:
            raise ValueError(f"schema: there is no path {unknown[0]!r}")
        readers: dict[str, Callable[[Any], Any]] = {name: reader(each) for name, each in schemas.items()}
        options.setdefault("root", root_of(paths.values()))
        super().__init__(lambda trail: Selection(trail, places(paths), readers), **options)

    def feed(self, text: str) -> list[T]:
        """Read one more chunk; return the elements that it completed. Raises as `JsonStream.feed` does."""
        return self._given(super().feed(text))

    def finish(self) -> list[T]:
        """Say that the text has ended; return the element that this completed, if there is one.

        Raises `JsonStreamError` if the text ended too early, or if it is wrong and `feed` could not raise that yet.
        """
        return self._given(super().finish())

    def _given(self, found: Any) -> list[T]:
        if found is NOTHING:
            return []
        return [{name: value} if self._named else value for name, value in found]  # type: ignore[misc]


class JsonText(Reader):
    """Gives the characters of the string at a path as they come.

    >>> stream = JsonText("answer.body")
    >>> for text in ['{"answer": {"title": "Ports", "bo', 'dy": "Orlo is', ' a port.", "so', 'urces": []}}']:
    ...     print(repr(stream.feed(text)))
    ''
    'Orlo is'
    ' a port.'
    ''

    Several strings are read in one pass. Then `feed` gives records, with what came of each under its name:

    >>> JsonText({"title": "answer.title", "body": "answer.body"}).feed('{"answer": {"title": "Ports", "body": "Or')
    {'title': 'Ports', 'body': 'Or'}

    A path names one string, so it has no `[*]` and no `*`. `null` in its place gives no character; another value is an
    error, as is a second string for the same key: what was given of the first could not be taken back.

    path: the path, or several by name.
    options: how the text is read, as in `JsonStream`. `root` is what the paths need if it is not given. The `partial`
        of an error is the string as far as it came, if it was not complete.
    """

    def __init__(self, path: str | Mapping[str, str], **options: Unpack[ReadOptions]) -> None:
        self._named, paths = _named(path)
        for name, steps in paths.items():
            if not all(isinstance(step, str | int) for step in steps):
                written = path[name] if isinstance(path, Mapping) else path
                raise ValueError(
                    f"the path {written!r} may mean many strings: the text of one is streamed, not of many"
                )
        options.setdefault("root", root_of(paths.values()))
        super().__init__(lambda trail: Texts(trail, places(paths)), **options)

    def feed(self, text: str) -> Any:
        """Read one more chunk; return the characters that came, "" if none. Raises as `JsonStream.feed` does."""
        return self._given(super().feed(text))

    def finish(self) -> Any:
        """Say that the text has ended; return what `feed` would.

        Raises `JsonStreamError` if the text ended too early, or if it is wrong and `feed` could not raise that yet.
        """
        return self._given(super().finish())

    def _given(self, found: Any) -> str | dict[str, str]:
        if found is NOTHING:
            found = ()
        if not self._named:
            return "".join([piece for _, piece in found])
        pieces: dict[str, str] = {}
        for name, piece in found:
            pieces[name] = pieces.get(name, "") + piece
        return pieces


def _named(path: str | Mapping[str, str]) -> tuple[bool, dict[str, Path]]:
    """Whether the paths have names, and the paths by name."""
    if not isinstance(path, Mapping):
        return False, {"": parse_path(path)}
    if not path:
        raise ValueError("there is no path: give one, or several by name")
    return True, {name: parse_path(each) for name, each in path.items()}


def _check(name: str, choice: object, choices: Any) -> None:
    if choice not in get_args(choices):
        raise ValueError(f"{name} must be {' or '.join(map(repr, get_args(choices)))}, not {choice!r}")


def _check_flags(**flags: object) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} is True or False, not {flag!r:.80}")


def _no_such_option(name: str, known: Collection[str]) -> TypeError:
    """Return the error of an option that is not known, with the one that it may have been meant for."""
    near = difflib.get_close_matches(name, known, n=1)
    mend = f"did you mean {near[0]}=?" if near else f"there are {', '.join(known)}"
    return TypeError(f"there is no option {name}=; {mend}")


def _check_limit(name: str, limit: object, least: int) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"{name} must be an int, not {limit!r}")
    if limit < least:
        raise ValueError(f"{name} must be at least {least}, not {limit}")


def _read(
    preamble: Generator[Nothing, str, tuple[str, int]],
    grammar: Callable[[str, int], Generator[Any, str, tuple[str, int]]],
    tree: Tree,
    trail: Trail,
    errors: list[JsonStreamError],
    strict_end: bool,
    stop: bool,
    finish: Callable[[Any], Any] | None,
) -> Generator[Any, str, None]:
    """The order of things: what comes before the value, the value, what follows; or a fault, and its excerpt."""
    try:
        text, pos = yield from preamble
        text, pos = yield from grammar(text, pos)
        if finish is not None:
            _finish(tree, finish, len(text) - pos)
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
        error = JsonStreamError(fault.kind, str(fault), offset, line, column, excerpt, fault.path or "$", tree.value())
        error.__cause__ = fault.__cause__
        # Of the excerpt; nothing if the text has ended, which is told by a fault that lies behind all of it.
        missing = 1 + AFTER - fault.left if fault.left or fault.kind == "invalid" else 0
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


def _finish(tree: Tree, finish: Callable[[Any], Any], left: int) -> None:
    """Put in place of the value, which is complete, what the schema makes of it."""
    try:
        value = finish(tree.value())
    except Fault as fault:
        fault.left = left
        fault.path = "$" + fault.path
        raise
    tree.replace(value)


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
        if stream._errors:
            if stream._deaf:
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
        if stream._errors:
            if stream._deaf:
                return
            stream.feed("")
    value, error = stream.end()
    if value is not NOTHING:
        yield value
    if error is not None:
        raise error
