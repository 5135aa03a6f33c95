"""Lists whose items begin on a line of their own, with a number or a bullet, item by item."""

from __future__ import annotations

import re
from typing import Final

import attrs

from graphflow.chain import Transform
from graphflow.components.parsers.node import Chunk, parser, read_with, text_of

_TAB: Final = 4
_NESTED: Final = 2  # columns that a mark stands deeper than its item's, if it belongs to the item

_blanks = re.compile(r"[ \t]*").match
_line_end = re.compile(r"\r\n?|\n").search


@attrs.frozen
class Marks:
    """What items begin with.

    Attributes:
        whole: matches a mark; a blank or the line's end must follow.
        begun: matches what may become one.
        rules: the marks of which several, and nothing else, make a line that separates.
    """

    whole: re.Pattern[str]
    begun: re.Pattern[str]
    rules: str = ""


NUMBERS: Final = Marks(re.compile(r"[0-9]{1,9}[.)]"), re.compile(r"[0-9]{1,9}[.)]?"))
BULLETS: Final = Marks(re.compile(r"[-*+]"), re.compile(r"[-*+]"), rules="-*")


def numbered_list() -> Transform[Chunk, list[str]]:
    r"""Return a parser that gives the items of a numbered list (`1. x` or `1) x`), each as a list of one.

    An item is given as soon as the text shows that it is complete: when the next line that is not blank begins, and is
    not indented; the last one at the end of the text. The lists concatenate: an aggregate after the parser, and
    `invoke`, get one list of all items. What is given depends on the text alone, not on how it is cut into chunks.

    How the text is read:

    - Indented lines below an item belong to it, also behind blank lines, and so do marks that stand two or more columns
      deeper than its own: a list in an item is part of the item. They keep their line ends, and lose the indentation
      that they have as part of the item.
    - Any other line is prose, and is left out, be it before, between or after the items. Code fences are such lines.
    - An item without any text is none.
    - Numbers are not looked at: neither where they begin nor whether one is missing.
    - `\n`, `\r\n` and `\r` end a line; a tab goes to the next multiple of four columns.

    >>> from graphflow import ScriptedChatModel
    >>> chain = (
    ...     ScriptedChatModel(["Three:\n1. Ori", "on\n2. Lyra\n   (small)\n", "10) Ursa", " Major\nEnjoy!"])
    ...     | numbered_list()
    ... )
    >>> with chain.sync.stream("Name constellations.") as items:
    ...     print(list(items))
    [['Orion'], ['Lyra\n(small)'], ['Ursa Major']]
    """
    return parser("numbered_list", read_with(lambda: MarkedItems(NUMBERS), text_of), list[str])


def markdown_list() -> Transform[Chunk, list[str]]:
    r"""Return a parser that gives the items of a Markdown list (`- x`, `* x` or `+ x`), each as a list of one.

    When an item is given, and what belongs to it, is as for `numbered_list`. A line of nothing but marks, as `* * *`
    is, separates sections and is no item.

    >>> from graphflow import ScriptedChatModel
    >>> chain = ScriptedChatModel(["- fru", "it\n  - apples\n  - pears\n- ve", "getables"]) | markdown_list()
    >>> with chain.sync.stream("What is there?") as items:
    ...     print(list(items))
    [['fruit\n- apples\n- pears'], ['vegetables']]
    """
    return parser("markdown_list", read_with(lambda: MarkedItems(BULLETS), text_of), list[str])


class MarkedItems:
    r"""Reads items that begin with marks from text that comes in pieces.

    >>> reading = MarkedItems(BULLETS)
    >>> reading.feed("- red\n"), reading.feed("  or so\n-"), reading.feed(" blue"), reading.finish()
    ([], [['red\nor so']], [], [['blue']])
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        # Of the line that is being read: the column where its indentation ends, what may be a mark there, and whether
        # it is known what the line is; then its text, if it is one of an item.
        self._column = 0
        self._head = ""
        self._known = False
        self._text: list[str] | None = None
        self._after_return = False  # whether the last character was a \r: then \n does not end another line
        # Of the item that is open, if one is.
        self._lines: list[str] | None = None
        self._mark = ""
        self._mark_column = 0
        self._blank = False  # whether blank lines follow what has come of it

    def feed(self, text: str) -> list[list[str]]:
        """Read one more piece; return the items that it completed."""
        given: list[list[str]] = []
        pos = 1 if self._after_return and text.startswith("\n") else 0
        if text:
            self._after_return = text.endswith("\r")
        while pos < len(text):
            end = _line_end(text, pos)
            given += self._part(text[pos:] if end is None else text[pos : end.start()])
            if end is None:
                break
            given += self._end_line()
            pos = end.end()
        return given

    def finish(self) -> list[list[str]]:
        """Say that the text has ended; return the last item, if there is one."""
        return self._end_line() + self._close()

    def _part(self, text: str) -> list[list[str]]:
        """Read a part of a line."""
        pos = 0
        if not self._head and not self._known:
            pos = _blanks(text).end()  # type: ignore[union-attr]  # it matches anything
            for char in text[:pos]:
                self._column += _TAB - self._column % _TAB if char == "\t" else 1
        given: list[list[str]] = []
        if not self._known and pos < len(text):
            self._head += text[pos:]
            given = self._look(ended=False)
        elif self._text is not None:
            self._text.append(text)
        return given

    def _look(self, *, ended: bool) -> list[list[str]]:
        """Find out what the line is, if that can be known; what may be its mark is at least one character."""
        head = self._head
        deeper = self._column - self._mark_column
        given: list[list[str]] = []
        if self._lines is not None and deeper <= 0:
            given = self._close()
        if self._lines is None or deeper < _NESTED:
            mark = self._marks.whole.match(head)
            if mark is not None and (head[mark.end() :].startswith((" ", "\t")) or (ended and mark.end() == len(head))):
                given += self._close()
                self._known, self._text = True, [head[mark.end() :]]
                self._lines, self._mark, self._mark_column = [], mark[0], self._column
                return given
            if not ended and self._marks.begun.fullmatch(head):
                return given
        self._known = True
        if self._lines is not None:
            if self._blank:
                self._lines.append("")
            inside = self._mark_column + len(self._mark) + 1
            self._text = [" " * (self._column - inside), head]
        self._head = ""
        return given

    def _end_line(self) -> list[list[str]]:
        """End the line, which may be the last."""
        given = self._look(ended=True) if self._head and not self._known else []
        if self._lines is not None:
            self._blank = self._text is None
            if self._text is not None:
                self._lines.append("".join(self._text).rstrip())
        self._column, self._head, self._known, self._text = 0, "", False, None
        return given

    def _close(self) -> list[list[str]]:
        """End the item, if one is open, and return it, if it is one."""
        lines, self._lines, self._blank = self._lines, None, False
        item = "\n".join(lines or ()).strip()
        is_rule = self._mark in self._marks.rules and len(item) > 1 and not item.strip(f"{self._mark} \t")
        return [[item]] if item and not is_rule else []
