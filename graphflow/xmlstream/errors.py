"""What can be wrong with a text that should be XML."""

from __future__ import annotations

from graphflow.jsonstream.errors import ParseError
from graphflow.public import public
from graphflow.xmlstream.element import XmlElement


@public
class XmlStreamError(ParseError):
    """The text is not the XML that was asked for, or not all of it.

    >>> from graphflow.xmlstream import XmlItems
    >>> stream = XmlItems("movies/movie")
    >>> try:
    ...     for text in ["<movies><movie>Ali", "en</movie><mov", "ie>Dune</film></movies>"]:
    ...         print(*stream.feed(text))
    ... except XmlStreamError as error:
    ...     print(error)
    ...     print(error.partial)
    <BLANKLINE>
    <movie>Alien</movie>
    expected </movie>, not </film> at line 1, column 42, in /movies/movie
        ien</movie><movie>Dune</film></movie
                                ^
    <movie>Dune</movie>

    It has what every `ParseError` has. `partial` is what could be read of the element that is wrong or was not
    complete; where its text is asked for, that text.
    """

    partial: XmlElement | str | None
