"""What a string may hold, when that is less than everything."""

import re
from typing import Literal, TypeAlias

from graphflow.jsonstream.errors import Fault

Surrogates: TypeAlias = Literal["keep", "replace", "error"]

_surrogate = re.compile("[\ud800-\udfff]")


class Strings:
    """The options for strings. They are `plain` when there is nothing to look for."""

    def __init__(self, *, strict: bool, surrogates: Surrogates, max_string: int | None) -> None:
        self.surrogates = surrogates
        self.plain = not strict and surrogates == "keep" and max_string is None
        self._replace = surrogates == "replace"
        self._max = max_string
        bad = "\x00-\x1f" * strict + "\ud800-\udfff" * (surrogates == "error")
        self._bad = re.compile(f"[{bad}]") if bad else None

    def fault(self, text: str, pos: int, stop: int, length: int) -> Fault | None:
        """The first thing wrong in `text[pos:stop]`, the next part of a string that has `length` characters so far."""
        limit = None
        if self._max is not None:
            allowed = pos + self._max - length
            if allowed < stop or (allowed == stop and text.startswith("\\", stop)):
                limit = Fault(f"string longer than {self._max} characters", allowed, "limit")
                stop = allowed
        if self._bad and (found := self._bad.search(text, pos, stop)):
            control = found[0] < " "
            return Fault("control character in string" if control else "lone surrogate in string", found.start())
        return limit

    def clean(self, text: str) -> str:
        """The text without what is to be replaced."""
        return _surrogate.sub("\ufffd", text) if self._replace else text

    def accept(self, text: str, pos: int, stop: int) -> bool:
        """Whether no string in the JSON value `text[pos:stop]` needs to be looked at."""
        if self._max is not None and stop - pos > self._max:
            return False
        return self.surrogates == "keep" or (text.find("\\u", pos, stop) < 0 and not _surrogate.search(text, pos, stop))
