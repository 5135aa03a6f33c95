"""What can be wrong with the text: for the user `JsonStreamError`, inside the parser `Fault` and `EndOfText`."""

from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["syntax", "incomplete", "limit"]


class JsonStreamError(ValueError):
    r"""The text is not the JSON that was asked for.

    `kind` is `"syntax"`, `"incomplete"` (the text ended too early) or `"limit"` (a `max_...` option was exceeded).
    `offset` counts characters from 0, `line` and `column` from 1. `excerpt` is the text around: the 24 characters
    before, the character itself, the 11 after. `path` says where in the value (`$.countries[0].name`), and `partial` is
    what could be read before, `None` if nothing. None of this depends on how the text was cut into chunks.

    >>> from graphflow.jsonstream import JsonStreamError, parse_stream
    >>> try:
    ...     list(parse_stream(['{"countries": [{"name": "Fra', 'nce"} {', '"name": "Spain"}]}']))
    ... except JsonStreamError as error:
    ...     print(error)
    ...     error.partial
    expected ',' or ']' at line 1, column 35, in $.countries[0]
      s": [{"name": "France"} {"name": "Sp
                              ^
    {'countries': [{'name': 'France'}]}
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        offset: int,
        line: int,
        column: int,
        excerpt: str,
        path: str,
        partial: Any,
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
        where = f"{self.message} at line {self.line}, column {self.column}, in {self.path}"
        before = _one_line(self.excerpt[: min(self.offset, 24)])
        return f"{where}\n  {before}{_one_line(self.excerpt[min(self.offset, 24) :])}\n  {' ' * len(before)}^"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Fault(Exception):
    """Something wrong at index `pos` of the text at hand.

    Who raises it knows no more than that. On its way out the scanner adds `path`, and `left`: how many characters of
    what was read lie behind the fault, from which the stream finds offset, line and column.
    """

    def __init__(self, message: str, pos: int, kind: Kind = "syntax") -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos
        self.kind = kind
        self.left = 0
        self.path = "$"


class EndOfText(Exception):
    """Thrown into the parser where it waits for more text: there is none."""
