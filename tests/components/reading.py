"""What the tests of parsers share: to read a text in pieces, and to count what that takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any, TypeVar

from graphflow.components.parsers.node import Reading

T = TypeVar("T")


def read(reading: Reading[str, T], chunks: Iterable[str]) -> list[list[T]]:
    """Return what each chunk gave, and, as the last, what the end gave."""
    return [*(list(reading.feed(chunk)) for chunk in chunks), list(reading.finish())]


def flat(given: Iterable[Iterable[T]]) -> list[T]:
    """Return what was given, whenever that was."""
    return [found for part in given for found in part]


def pieces(text: str, size: int) -> list[str]:
    """Return the text in pieces of a size."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def common_beginning(lists: Sequence[Sequence[T]]) -> list[T]:
    """Return what all the lists begin with."""
    shortest = min(map(len, lists))
    end = next((n for n in range(shortest) if any(one[n] != lists[0][n] for one in lists)), shortest)
    return list(lists[0][:end])


def lines_run(function: Callable[[], object], folder: str) -> int:
    """Return how many lines of the code in a folder run: work that is counted, not measured."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if folder in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
