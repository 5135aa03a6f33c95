"""What is shown of a text that is JSON as far as it goes: slow and short, for the parser to be compared with.

It reads the whole text again each time, and shares no code with the parser.
"""

import re
from typing import Any, Final

ABSENT: Final = object()

_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_low_half = re.compile(r"(\\(u([dD]([c-fC-F][0-9a-fA-F]?)?)?)?)?")  # as far as it goes
_WORDS: Final = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def shown(text: str, *, complete: bool = False, ended: bool = False) -> Any:
    """The value to show of a text: `ABSENT` if none; `complete` shows scalars only when they are complete."""
    return _Reading(text, complete, ended).value(top=True)[0]


class _Reading:
    def __init__(self, text: str, complete: bool, ended: bool) -> None:
        self.text, self.at = text, 0
        self.complete, self.ended = complete, ended

    def next(self) -> str:
        """The next character that is no blank; "" at the end."""
        while self.text[self.at : self.at + 1] in (" ", "\t", "\r", "\n"):
            self.at += 1
        return self.text[self.at : self.at + 1]

    def value(self, top: bool = False) -> tuple[Any, bool]:
        """A value as it is shown, and whether it is closed."""
        match self.next():
            case "":
                return ABSENT, False
            case "{":
                return self.object()
            case "[":
                return self.array()
            case '"':
                value, closed = self.string()
                return (value if closed or not self.complete else ABSENT), closed
        return self.word(top)

    def object(self) -> tuple[Any, bool]:
        found: dict[str, Any] = {}
        self.at += 1
        while (mark := self.next()) not in ("", "}"):
            if mark == ",":
                self.at += 1
                continue
            key, closed = self.string()
            if not closed or not self.next():
                return found, False
            self.at += 1  # the colon
            value, closed = self.value()
            if value is not ABSENT:
                found[key] = value  # of a key that is there twice, the place of the first and the value of the last
            if not closed:
                return found, False
        self.at += 1
        return found, mark == "}"

    def array(self) -> tuple[Any, bool]:
        found: list[Any] = []
        self.at += 1
        while (mark := self.next()) not in ("", "]"):
            if mark == ",":
                self.at += 1
                continue
            value, closed = self.value()
            if value is not ABSENT:
                found.append(value)
            if not closed:
                return found, False
        self.at += 1
        return found, mark == "]"

    def string(self) -> tuple[str, bool]:
        """The characters that are certain, and whether the closing quote is there."""
        units: list[str] = []
        self.at += 1
        while True:
            mark = self.text[self.at : self.at + 1]
            size = {"": 0, "\\": 6 if self.text[self.at + 1 : self.at + 2] == "u" else 2}.get(mark, 1)
            written = self.text[self.at : self.at + size]
            if mark in ("", '"') or len(written) < size:
                break
            self.at += size
            units.append(mark if size == 1 else _ESCAPES[written[1]] if size == 2 else f"{chr(int(written[2:], 16))}")
            # A pair is one character, if both halves are escapes. Raw surrogates are in no text of the tests.
            if len(units) > 1 and "\ud800" <= units[-2] <= "\udbff" and "\udc00" <= units[-1] <= "\udfff":
                units[-2:] = ["".join(units[-2:]).encode("utf-16", "surrogatepass").decode("utf-16")]
        closed = mark == '"'
        if closed:
            self.at += 1
        elif units and "\ud800" <= units[-1] <= "\udbff" and _low_half.fullmatch(self.text, self.at):
            units.pop()  # its other half may come
        return "".join(units), closed

    def word(self, top: bool) -> tuple[Any, bool]:
        """A number or a literal. It may go on where the text stops, unless the text has ended."""
        start = self.at
        while self.text[self.at : self.at + 1] not in ("", ",", "]", "}", " ", "\t", "\r", "\n"):
            self.at += 1
        written = self.text[start : self.at]
        closed = self.at < len(self.text) or self.ended
        if written in _WORDS:
            return (_WORDS[written] if closed or not top else ABSENT), closed
        number = _number.match(written)
        if number is None or (self.complete and not closed):
            return ABSENT, closed
        return (float if number[2] or number[3] else int)(number[0]), closed
