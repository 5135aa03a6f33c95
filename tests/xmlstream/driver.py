"""What the tests share: to read a text in pieces, and to say what came and what was wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from graphflow.xmlstream.errors import XmlStreamError
from graphflow.xmlstream.stream import XmlReader


@attrs.frozen
class Outcome:
    """What each piece gave, and as the last what the end gave; and the error."""

    given: list[list[Any]]
    error: XmlStreamError | None

    @property
    def found(self) -> list[Any]:
        """What was given, whenever that was."""
        return [each for part in self.given for each in part]

    @property
    def facts(self) -> dict[str, str] | None:
        """All that the error says, with types."""
        return {name: repr(value) for name, value in vars(self.error).items()} if self.error else None


def outcome(stream: XmlReader[Any], chunks: Iterable[str]) -> Outcome:
    """Read a text in pieces."""
    given: list[list[Any]] = []
    try:
        for chunk in [*chunks, None]:
            given.append([])
            for found in stream.finish() if chunk is None else stream.feed(chunk):
                given[-1].append(found)
    except XmlStreamError as error:
        return Outcome(given, error)
    return Outcome(given, None)


def whole(stream: XmlReader[Any], text: str) -> Outcome:
    """Read a text in one piece."""
    return outcome(stream, [text])
