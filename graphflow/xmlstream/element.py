"""An element: its name, its attributes, and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

_name = re.compile(r"[^\W\d][\w.:\-]*").fullmatch

ANY: Final = "*"
Path: TypeAlias = tuple[str, ...]


def parse_path(path: str) -> Path:
    """The names of a path such as `movies/movie`; `*` stands for any.

    >>> parse_path("movies/movie"), parse_path("/movies/*/title")
    (('movies', 'movie'), ('movies', '*', 'title'))
    >>> parse_path("movies//movie")
    Traceback (most recent call last):
    ValueError: in the path 'movies//movie': '' is no name of an element
    """
    if not isinstance(path, str):
        raise TypeError(f"a path is text such as 'movies/movie', not {path!r}")
    names = tuple(path.removeprefix("/").split("/"))
    for name in names:
        if name != ANY and not _name(name):
            raise ValueError(f"in the path {path!r}: {name!r} is no name of an element")
    return names


@attrs.frozen(repr=False)
class XmlElement:
    r"""An element of XML. As text it is XML again.

    Attributes:
        name: as it is written, with its prefix if it has one.
        attributes: by name.
        content: texts and elements in their order, with all blanks that were between them. Entities are replaced,
            comments and processing instructions left out; no two texts follow one another.

    >>> movie = XmlElement("movie", {"id": "1"}, (XmlElement("title", {}, ("Alien",)), "\n"))
    >>> movie.find("title").text, movie.attributes["id"], movie.find("year")
    ('Alien', '1', None)
    >>> print(movie)
    <movie id="1"><title>Alien</title>
    </movie>
    """

    name: str
    attributes: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    content: tuple[XmlElement | str, ...] = ()

    @property
    def elements(self) -> list[XmlElement]:
        """The elements in it, without the texts."""
        return [part for part in self.content if isinstance(part, XmlElement)]

    @property
    def text(self) -> str:
        """All text in it, also that of the elements in it, without the blanks at both ends."""
        texts: list[str] = []
        pending: list[XmlElement | str] = [self]
        while pending:
            part = pending.pop()
            if isinstance(part, str):
                texts.append(part)
            else:
                pending += reversed(part.content)
        return "".join(texts).strip()

    def find(self, path: str) -> XmlElement | None:
        """Return the first element at a path from here, such as `title` or `cast/actor`; None if there is none."""
        return next(iter(self.find_all(path)), None)

    def find_all(self, path: str) -> list[XmlElement]:
        """Return the elements at a path from here, such as `title`, `cast/actor` or `cast/*`.

        Raises:
            ValueError: it is no path.
        """
        found = [self]
        for name in parse_path(path):
            found = [child for element in found for child in element.elements if name in (ANY, child.name)]
        return found

    def __str__(self) -> str:
        written: list[str] = []
        pending: list[XmlElement | str] = [self]  # what is text there is written as it is
        while pending:
            part = pending.pop()
            if isinstance(part, str):
                written.append(part)
                continue
            attributes = "".join([f' {name}="{_quoted(value)}"' for name, value in part.attributes.items()])
            written.append(f"<{part.name}{attributes}{'' if part.content else '/'}>")
            if part.content:
                pending.append(f"</{part.name}>")
                pending += [_escaped(each) if isinstance(each, str) else each for each in reversed(part.content)]
        return "".join(written)

    def __repr__(self) -> str:
        text = str(self)
        return (
            f"XmlElement({text!r})" if len(text) <= 200 else f"XmlElement({text[:160]!r}... ({len(text)} characters))"
        )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(value: str) -> str:
    # As they are, line ends and tabs in attributes would be read as blanks.
    return _escaped(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
