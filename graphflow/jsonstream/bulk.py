"""Complete values inside a large chunk: the standard library's C scanner reads them, many times faster.

Nothing depends on it: where it fails, or where a limit might be exceeded, the grammar reads the same text instead.
"""

import json
from typing import Any

from graphflow.jsonstream.strings import Strings
from graphflow.jsonstream.tokens import CONSTANTS
from graphflow.jsonstream.trail import Trail

ENOUGH = 256
"""From how many characters on a try pays."""

_WASTE = 8
"""How many characters a failed try may have read in vain for each character of the text."""

_NUMBER = "0123456789+-.eE"


class Bulk:
    """Reads complete containers."""

    def __init__(self, trail: Trail, strings: Strings, *, strict: bool, nan: bool, max_number: int) -> None:
        self._trail = trail
        self._strings = strings
        self._max_number = max_number
        self._wasted = 0
        constant = CONSTANTS.__getitem__ if nan else _refuse
        decoder = json.JSONDecoder(strict=strict, parse_constant=constant)
        self._scan = decoder.scan_once  # type: ignore[attr-defined]  # in C where there is one; typeshed misses it

    def read(self, text: str, pos: int, depth: int) -> tuple[Any, int] | None:
        """The container at `pos` and where it ends; None if the grammar has to read it. It may be `depth` deep."""
        if self._wasted > self._trail.read * _WASTE:
            return None
        try:
            value, stop = self._scan(text, pos)
        except (StopIteration, ValueError, RecursionError):
            # All of it, since a decode error counts the lines from the start of the text.
            self._wasted += len(text)
            return None
        openers = text.count("[", pos, stop) + text.count("{", pos, stop)
        if (
            (openers <= depth or not _deeper(value, depth))
            and (stop - pos <= self._max_number or not _has_long_number(text, pos, stop, self._max_number))
            and self._strings.accept(text, pos, stop)
        ):
            return value, stop
        self._wasted += stop - pos
        return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    while level and depth:
        depth -= 1
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
    return bool(level)


def _has_long_number(text: str, pos: int, stop: int, limit: int) -> bool:
    """Whether there is a run of more than `limit` characters of numbers: such a run meets every `limit`-th index."""
    for index in range(pos + limit, stop, limit):
        before = text[index - limit : index]
        run = len(before) - len(before.rstrip(_NUMBER))
        after = text[index : index + limit]
        if run + len(after) - len(after.lstrip(_NUMBER)) > limit:
            return True
    return False
