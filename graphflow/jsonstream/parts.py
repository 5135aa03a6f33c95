"""Parts of the value: `JsonItems` gives elements as they close, `JsonText` a string as it comes."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, Unpack, overload

from graphflow.jsonstream.named import Named, joined
from graphflow.jsonstream.options import ReadOptions
from graphflow.jsonstream.paths import parse_path, places, root_of
from graphflow.jsonstream.reader import Reader
from graphflow.jsonstream.schema import reader
from graphflow.jsonstream.selection import Selection, Texts
from graphflow.jsonstream.values import NOTHING

T = TypeVar("T")


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

    _options = sorted([*ReadOptions.__annotations__, "schema"])

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
        self._paths = Named(path, parse_path)
        paths = self._paths.parsed
        readers = self._paths.readers(schema, reader)
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
        return [] if found is NOTHING else self._paths.records(found)


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
        self._paths = Named(path, parse_path)
        self._paths.check_single("strings", lambda steps: all(isinstance(step, str | int) for step in steps))
        paths = self._paths.parsed
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
        pieces = {} if found is NOTHING else joined(found)
        return pieces if self._paths.several else pieces.get("", "")
