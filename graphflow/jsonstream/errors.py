"""What can be wrong with the text: for the user `JsonStreamError`, inside the parser `Fault` and `EndOfText`."""

from typing import Any, Literal, TypeAlias

from graphflow.errors import GraphflowError
from graphflow.jsonstream.trail import BEFORE

Kind: TypeAlias = Literal["syntax", "incomplete", "limit"]


class JsonStreamError(GraphflowError, ValueError):
    r"""The text is not the JSON that was asked for.

    `kind` is `"syntax"`, `"incomplete"` (the text ended too early) or `"limit"` (a `max_...` option was exceeded).
    `offset` counts characters from 0, `line` and `column` from 1. `excerpt` is the text around: the 24 characters
    before, the character itself, the 11 after. `path` says where in the value (`$.countries[0].name`), and `partial` is
    what could be read before, `None` if nothing. None of this depends on how the text was cut into chunks.

    >>> from graphflow.jsonstream import parse_stream
    >>> try:
    ...     values = list(parse_stream(['{"countries": [{"name": "Fra', 'nce"} {', '"name": "Spain"}]}']))
    ... except JsonStreamError as error:
    ...     print(error)
    ...     print(error.partial)
    expected ',' or ']' at line 1, column 35, in $.countries[0]
        [{"name": "France"} {"name": "Spa
                            ^
    {'countries': [{'name': 'France'}]}
    """

    def __init__(
        self, kind: Kind, message: str, offset: int, line: int, column: int, excerpt: str, path: str, partial: Any
    ) -> None:
        super().__init__(kind, message, offset, line, column, excerpt, path, partial)
        self.kind = kind
        self.message = message
        self.offset = offset
        self.line = line
        self.column = column
        self.excerpt = excerpt
        self.path = path
        self.partial = partial

    def __str__(self) -> str:
        at = min(self.offset, BEFORE)
        before, after = _one_line(self.excerpt[:at]), _one_line(self.excerpt[at:])
        caret = " " * len(before) + "^"
        return f"{self.message} at line {self.line}, column {self.column}, in {self.path}\n    {before}{after}\n    {caret}"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Fault(Exception):
    """Something wrong at index `pos` of the text at hand.

    Who raises it knows no more than that. On its way out the scanner adds `path`, and `left`: how many characters of
    what was read lie at or behind the fault; from that the stream finds offset, line and column.
    """

    def __init__(self, message: str, pos: int, kind: Kind = "syntax") -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos
        self.kind = kind
        self.left = 0
        self.path = "$"


class EndOfText(Exception):
    """Thrown into the parser where it waits for more text: there is none, or more than the `limit`."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(limit)
        self.limit = limit

    def fault(self, pos: int, where: str) -> Fault:
        """The fault that it is for a text to end there."""
        if self.limit is not None:
            return Fault(f"text longer than {self.limit} characters", pos, "limit")
        return Fault(f"the text ended {where}", pos, "incomplete")
