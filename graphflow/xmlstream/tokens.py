"""Where tags and comments end.

Expat reads a tag that is given to it in pieces again and again, and from version 2.6 on it waits with that for more
text, so that what is complete would come late. Given whole, every token is read once, and at once.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final, TypeAlias

from graphflow.jsonstream.trail import Trail

Waiting: TypeAlias = Generator[None, str, None]
"""Reading that waits for text."""

COMMENT: Final = "<!--"
CDATA: Final = "<![CDATA["
INSTRUCTION: Final = "<?"
ENDS: Final = {COMMENT: "-->", CDATA: "]]>", INSTRUCTION: "?>"}

_NEXT: Final = {quote: re.compile(f"[{quote or chr(34) + chr(39) + '>'}<]").search for quote in ("", '"', "'")}


class Source:
    """The text at hand. What is taken of it goes to the trail."""

    def __init__(self, trail: Trail) -> None:
        self.text = ""
        self.pos = 0  # what stands before it was taken or is held
        self._held: list[str] = []  # the beginning of a token that is not whole
        self._trail = trail

    def wait(self) -> Waiting:
        """Wait for more text."""
        more = yield
        self.text = self.text[self.pos :] + more
        self.pos = 0

    def take(self, end: int) -> str:
        """Take what is held, and the text up to a position."""
        piece = "".join([*self._held, self.text[self.pos : end]])
        self._held.clear()
        self.pos = end
        trail = self._trail
        trail.read += len(piece)
        trail.pieces.append(piece)
        if trail.read > trail.due:
            trail.forget()
        return piece

    def take_all(self) -> str:
        """Take all that is there."""
        return self.take(len(self.text))

    def hold(self, end: int) -> None:
        """Hold the text up to a position: it is the beginning of a token that is not whole."""
        self._held.append(self.text[self.pos : end])
        self.pos = end

    def opener(self, *openers: str) -> Generator[None, str, str]:
        """Return which of these stands here, once that is known; `""` if it is none of them."""
        while True:
            for opener in openers:
                if self.text.startswith(opener, self.pos):
                    return opener
            rest = self.text[self.pos : self.pos + max(map(len, openers))]
            if not any(opener.startswith(rest) for opener in openers):
                return ""
            yield from self.wait()

    def until(self, end: str, skip: int) -> Generator[None, str, str]:
        """Take everything up to a mark, and the mark, which does not begin in the first `skip` characters."""
        scan = self.pos + skip
        while (at := self.text.find(end, scan)) < 0:
            self.hold(max(len(self.text) - len(end) + 1, scan))
            yield from self.wait()
            scan = self.pos
        return self.take(at + len(end))

    def tag(self) -> Generator[None, str, str]:
        """Take the tag that begins here; without its `>` if a `<` stands in it, which no tag can have."""
        quote, scan = "", self.pos + 1
        while True:
            found = _NEXT[quote](self.text, scan)
            if found is None:
                self.hold(len(self.text))
                yield from self.wait()
                scan = self.pos
            elif found[0] == "<":
                return self.take(found.start())
            elif found[0] == ">":
                return self.take(found.end())
            else:
                quote, scan = "" if quote else found[0], found.end()
