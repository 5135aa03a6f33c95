"""The parser as others meet it: `XmlStream`, `XmlItems` and `XmlText`, to feed text into."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, Unpack, overload

from graphflow.jsonstream.errors import EndOfText, Fault
from graphflow.jsonstream.named import Named, joined
from graphflow.jsonstream.options import check_flags, check_limit, no_such_option
from graphflow.jsonstream.trail import AFTER, Trail
from graphflow.xmlstream.document import Document, find_root
from graphflow.xmlstream.element import ANY, Path, XmlElement, parse_path
from graphflow.xmlstream.errors import XmlStreamError
from graphflow.xmlstream.schema import reader
from graphflow.xmlstream.selection import Elements, Texts, Tree, Whole
from graphflow.xmlstream.tokens import Source, Waiting

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)


class XmlOptions(TypedDict, total=False):
    """Limits for texts from strangers.

    max_depth: how deep elements may be nested; 100 if not given.
    max_chars: how many characters the text may have, up to the end of the root element if only one is read.
    """

    max_depth: int
    max_chars: int | None


class XmlReader(Generic[Found]):
    """Reads XML from text that comes in pieces; what is given of it is up to the `Tree`."""

    _options: ClassVar[Collection[str]] = sorted(XmlOptions.__annotations__)

    def __init__(
        self,
        tree: Tree,
        roots: Iterable[str] | None,
        *,
        many: bool,
        max_depth: int = 100,
        max_chars: int | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            raise no_such_option(next(iter(unknown)), self._options)
        check_limit("max_depth", max_depth, 1)
        if max_chars is not None:
            check_limit("max_chars", max_chars, 0)
        self._tree = tree
        self._max_chars = max_chars
        self._left: float = math.inf if max_chars is None else max_chars
        self._roots = None if roots is None else frozenset(roots)
        self._many = many
        self._max_depth = max_depth
        self._error: XmlStreamError | None = None
        self._deaf = False  # whether what follows has no effect
        self._reader = self._read()
        next(self._reader)

    def feed(self, text: str, /) -> Iterator[Found]:
        """Read one more piece; return what it completed, to be iterated.

        The iterator raises `XmlStreamError` if the text is wrong: behind what could be read, and once the 11 characters
        that follow the error were read, so that the error is the same however the text was cut.
        """
        if not self._deaf:
            whole = len(text) <= self._left
            text = text[: None if whole else int(self._left)]
            self._left -= len(text)
            self._go_on(text)
            if not whole:
                self._stop(EndOfText(self._max_chars))
        return self._give(len(text))

    def finish(self) -> Iterator[Found]:
        """Say that the text has ended; return what that completed, to be iterated.

        The iterator raises `XmlStreamError` if the text ended too early, or if it is wrong and that was not told yet.
        """
        self._stop(EndOfText())
        return self._give(0)

    def _go_on(self, text: str) -> None:
        try:
            self._reader.send(text)
        except StopIteration:
            self._deaf = True

    def _stop(self, end: EndOfText) -> None:
        if not self._deaf:
            try:
                self._reader.throw(end)
            except (EndOfText, StopIteration):
                self._deaf = True

    def _give(self, length: int) -> Iterator[Found]:
        found = self._tree.give(length)
        yield from self._given(found)
        if self._error is not None and self._deaf:
            raise self._error

    def _given(self, found: Iterable[Any]) -> Iterable[Found]:
        return found

    def _read(self) -> Waiting:
        """Read documents; or find a fault, and its excerpt."""
        trail = Trail(reach=0)
        source = Source(trail)
        try:
            needed = True
            while needed or self._many:
                tag = yield from find_root(source, self._roots, needed)
                yield from Document(source, self._tree, self._max_depth).read(tag)
                needed = False
        except Fault as fault:
            left = fault.left + len(source.take_all())
            offset, line, column, excerpt = trail.locate(left)
            path = f"/{'/'.join(self._tree.names)}{re.sub(r'[.](?=[^/])', '/', fault.path)}"
            self._error = XmlStreamError(
                fault.kind, str(fault), offset, line, column, excerpt, path, self._tree.partial()
            )
            self._error.__cause__ = fault.__cause__
            missing = 1 + AFTER - left if left else 0  # of the excerpt; nothing if the text has ended
            while missing > 0:
                try:
                    text = yield
                except EndOfText:
                    break
                self._error.excerpt += text[:missing]
                missing -= len(text)


class XmlStream(XmlReader[XmlElement | T]):
    """Gives the root element as far as it has come, after each piece that changed it.

    >>> stream = XmlStream()
    >>> for text in ["Sure: <movies><mov", "ie>Ali", "en</movie>", "</movies> Enjoy!"]:
    ...     print(*stream.feed(text))
    <movies/>
    <movies><movie>Ali</movie></movies>
    <movies><movie>Alien</movie></movies>
    <movies><movie>Alien</movie></movies>
    """

    _options = sorted([*XmlOptions.__annotations__, "every", "root", "schema"])

    @overload
    def __init__(
        self: XmlStream[XmlElement],
        *,
        root: str | None = None,
        schema: None = None,
        every: bool = False,
        **options: Unpack[XmlOptions],
    ) -> None: ...
    @overload
    def __init__(
        self, *, root: str | None = None, schema: type[T], every: bool = False, **options: Unpack[XmlOptions]
    ) -> None: ...
    def __init__(
        self,
        *,
        root: str | None = None,
        schema: type[T] | None = None,
        every: bool = False,
        **options: Unpack[XmlOptions],
    ) -> None:
        check_flags(every=every)
        roots = None if root is None else _roots([parse_path(root)])
        super().__init__(Whole(None if schema is None else reader(schema), every), roots, many=False, **options)


class XmlItems(XmlReader[T]):
    """Gives each element at a path once, when it has closed.

    >>> stream = XmlItems("movies/movie")
    >>> for text in ["<movies><movie>Ali", "en</movie><movie/>", "</movies>"]:
    ...     print(list(stream.feed(text)))
    []
    [XmlElement('<movie>Alien</movie>'), XmlElement('<movie/>')]
    []

    Several paths are read in one pass. Then each element comes as a record, under the name of its path.
    """

    @overload
    def __init__(
        self: XmlItems[Any], path: str | Mapping[str, str], *, schema: None = None, **options: Unpack[XmlOptions]
    ) -> None: ...
    @overload
    def __init__(self, path: str, *, schema: type[T], **options: Unpack[XmlOptions]) -> None: ...
    @overload
    def __init__(
        self: XmlItems[dict[str, Any]],
        path: Mapping[str, str],
        *,
        schema: Mapping[str, type],
        **options: Unpack[XmlOptions],
    ) -> None: ...
    def __init__(
        self,
        path: str | Mapping[str, str],
        *,
        schema: type | Mapping[str, type] | None = None,
        **options: Unpack[XmlOptions],
    ) -> None:
        self._paths = Named(path, parse_path)
        paths = self._paths.parsed
        tree = Elements(paths, self._paths.readers(schema, reader))
        super().__init__(tree, _roots(paths.values()), many=True, **options)

    def _given(self, found: Iterable[tuple[str, Any]]) -> Iterable[T]:
        return self._paths.records(found)


class XmlText(XmlReader[Any]):
    """Gives the characters of the element at a path as they come, without the blanks at both ends.

    >>> stream = XmlText("reply/answer")
    >>> for text in ["<reply><answer> Orlo", " is ", "a &lt;po", "rt&gt; </answer>", "</reply>"]:
    ...     print(list(stream.feed(text)))
    ['Orlo']
    [' is']
    [' a <po']
    ['rt>']
    []

    Several elements are read in one pass. Then what came of each is given as a record, under its name.
    """

    def __init__(self, path: str | Mapping[str, str], **options: Unpack[XmlOptions]) -> None:
        self._paths = Named(path, parse_path)
        self._paths.check_single("elements", lambda names: ANY not in names)
        paths = self._paths.parsed
        super().__init__(Texts(paths), _roots(paths.values()), many=True, **options)

    def _given(self, found: Iterable[tuple[str, str]]) -> Iterable[Any]:
        pieces = joined(found)
        if not pieces:
            return []
        return [pieces] if self._paths.several else pieces.values()


def _roots(paths: Iterable[Path]) -> frozenset[str] | None:
    """The names of the root elements that paths lead into; None if that may be any."""
    roots = frozenset(path[0] for path in paths)
    return None if ANY in roots else roots
