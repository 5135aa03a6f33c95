"""What can be wrong with the text: for users `JsonStreamError`; inside the parser `Fault` and `EndOfText`."""

from typing import Any, Literal, TypeAlias

from graphflow.errors import GraphflowError
from graphflow.jsonstream.trail import BEFORE
from graphflow.jsonstream.values import Json
from graphflow.public import public

Kind: TypeAlias = Literal["syntax", "incomplete", "limit", "invalid"]


@public
class ParseError(GraphflowError, ValueError):
    """A text is not what it was read as, or not all of it: the base of `JsonStreamError` and `XmlStreamError`.

    Nothing of this depends on how the text was cut into chunks:
        kind: "syntax"; "incomplete", the text ended too early; "limit", it exceeds one of the `max_...` options; or
            "invalid", a value is complete but not what `schema` or the path asks for.
        message: what is wrong.
        offset: where in the text, in characters from 0.
        line: the same, from 1.
        column: the same, from 1.
        excerpt: the 24 characters before, the character itself, and the 11 after.
        path: where in the value.
        partial: what could be read of the value before; None if nothing.
    """

    def __init__(
        self, kind: Kind, message: str, offset: int, line: int, column: int, excerpt: str, path: str, partial: Any
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.offset = offset
        self.line = line
        self.column = column
        self.excerpt = excerpt
        self.path = path
        self.partial = partial

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.kind, self.message, self.offset, self.line, self.column, self.excerpt, self.path, self.partial)
        return type(self), fields, self.__dict__

    def __str__(self) -> str:
        at = min(self.offset, BEFORE)
        before, after = _one_line(self.excerpt[:at]), _one_line(self.excerpt[at:])
        return (
            f"{self.message} at line {self.line}, column {self.column}, in {self.path}\n"
            f"    {before}{after}\n"
            f"    {' ' * len(before)}^"
        )


@public
class JsonStreamError(ParseError):
    """The text is not the JSON that was asked for, or not all of it.

    >>> from graphflow.jsonstream import parse_stream
    >>> try:
    ...     values = list(parse_stream(['{"countries": [{"name": "Fra', 'nce"} {"na', 'me": "Spain"}]}']))
    ... except JsonStreamError as error:
    ...     print(error)
    ...     print(error.partial)
    expected ',' or ']' at line 1, column 35, in $.countries[0]
        s": [{"name": "France"} {"name": "Sp
                                ^
    {'countries': [{'name': 'France'}]}

    It has what every `ParseError` has. With paths, `partial` is what could be read of the element that is wrong or was
    not complete.
    """

    partial: Json


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Fault(Exception):  # noqa: N818  # never leaves the parser
    """Something wrong at index `pos` of the text at hand.

    Who raises it knows no more than that. The scanner adds the `path`, and how much of the text is `left` from the
    fault on: from that, the place in the whole text is found. A tree that is told something wrong gives the path and
    a `pos` of -1, since it does not see the text.
    """

    def __init__(self, message: str, pos: int, kind: Kind = "syntax") -> None:
        super().__init__(message)
        self.pos = pos
        self.kind = kind
        self.left = 0
        self.path = ""


class EndOfText(Exception):  # noqa: N818  # never leaves the parser
    """Thrown into the parser where it waits for text: there is no more, or none within the limit."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(limit)
        self.limit = limit

    def fault(self, pos: int, where: str) -> Fault:
        """The fault that it is for the text to end there."""
        if self.limit is not None:
            return Fault(f"text longer than {self.limit} characters", pos, "limit")
        return Fault(f"the text ended {where}", pos, "incomplete")
