"""Lists separated by commas, item by item."""

from __future__ import annotations

import re

from graphflow.chain import Transform
from graphflow.components.parsers.node import Chunk, parser, read_with, text_of

_mark = re.compile(r'[,\r\n"]').search
_end = re.compile(r"[,\r\n]").search
_fence = re.compile(r"`{3,}[\w+-]*").fullmatch


def comma_list() -> Transform[Chunk, list[str]]:
    r"""Return a parser that gives the items of a list separated by commas, each as a list of one.

    An item is given as soon as the comma or the line end behind it has come, the last one at the end of the text. The
    lists concatenate: an aggregate after the parser, and `invoke`, get one list of all items. What is given depends on
    the text alone, not on how it is cut into chunks.

    The text is read as CSV:

    - A line end separates items as a comma does.
    - Blanks around an item are left out.
    - An item in double quotes may contain commas, line ends and blanks at its ends; `""` in it is one quote. A quote
      anywhere but at the beginning of an item is a character like any other.
    - Nothing between two commas is no item; `""` is the empty one.
    - Lines that open or close a code fence are passed over. Other prose cannot be told from items, and is one.
    - Where the text ends inside quotes, what has come of the item is given: a list has no end that could be missing.

    >>> from graphflow import ScriptedChatModel
    >>> chain = ScriptedChatModel(['red, "navy', ', sky" , gre', "en\n"]) | comma_list()
    >>> with chain.sync.stream("Name colours.") as items:
    ...     print(list(items))
    [['red'], ['navy, sky'], ['green']]
    >>> chain.sync.invoke("Name colours.")
    ['red', 'navy, sky', 'green']
    """
    return parser("comma_list", read_with(CommaItems, text_of), list[str])


class CommaItems:
    """Reads items separated by commas from text that comes in pieces.

    >>> reading = CommaItems()
    >>> reading.feed("red, gre"), reading.feed("en"), reading.feed(",bl"), reading.finish()
    ([['red']], [], [['green']], [['bl']])
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._inside: list[str] = []  # of the item under way: what came in quotes
        self._outside: list[str] = []  # and behind them, or all of it if there are none
        self._begun = False  # whether it has begun, so that a quote cannot open it
        self._quoted = False  # whether it began with a quote
        self._open = False  # whether that quote is open
        self._doubtful = False  # whether the last character was a quote in quotes: it closes, or is the first of two

    def feed(self, text: str) -> list[list[str]]:
        """Read one more piece; return the items that it completed."""
        given: list[list[str]] = []
        pos = 0
        while pos < len(text):
            if self._doubtful:
                self._doubtful = False
                self._open = text[pos] == '"'
                if self._open:
                    self._inside.append('"')
                    pos += 1
            elif self._open:
                end = text.find('"', pos)
                self._inside.append(text[pos:] if end < 0 else text[pos:end])
                self._doubtful = end >= 0
                pos = len(text) if end < 0 else end + 1
            else:
                found = (_end if self._begun else _mark)(text, pos)
                before = text[pos:] if found is None else text[pos : found.start()]
                self._outside.append(before)
                self._begun = self._begun or not (before.isspace() or before == "")
                pos = len(text) if found is None else found.end()
                if found is not None and found[0] == '"':
                    self._quote()
                elif found is not None:
                    given += self._item()
        return given

    def finish(self) -> list[list[str]]:
        """Say that the text has ended; return the last item, if there is one."""
        return self._item()

    def _quote(self) -> None:
        """Take a quote that may open the item."""
        if self._begun:
            self._outside.append('"')
        else:
            self._outside.clear()
            self._begun = self._quoted = self._open = True

    def _item(self) -> list[list[str]]:
        """End the item, and return it, if it is one."""
        inside, outside = "".join(self._inside), "".join(self._outside)
        item = inside + outside.rstrip() if self._quoted else outside.strip()
        is_item = self._quoted or not (item == "" or _fence(item))
        self._begin()
        return [[item]] if is_item else []
