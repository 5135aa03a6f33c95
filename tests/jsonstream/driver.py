"""What the tests share: run a parser over chunks, and apply patches."""

import copy
from collections.abc import Iterable
from typing import Any

from graphflow.jsonstream import NOTHING, JsonStream, JsonStreamError
from graphflow.jsonstream.reader import Reader


def outcome(chunks: Iterable[str], **options: Any) -> tuple[list[Any], list[int], JsonStreamError | None]:
    """What was given, the index of the chunk that caused each (the end of the text is one more), and the error."""
    stream = JsonStream(**options)
    given: list[Any] = []
    at: list[int] = []
    try:
        for index, chunk in enumerate([*chunks, None]):
            value, error = stream.end() if chunk is None else (stream.feed(chunk), None)
            if value is not NOTHING:
                given.append(value)
                at.append(index)
            if error is not None:
                raise error
    except JsonStreamError as error:
        return given, at, error
    return given, at, None


def pushed(stream: Reader, chunks: Iterable[str]) -> tuple[list[Any], JsonStreamError | None]:
    """What each chunk and the end gave, empty or not, and the error."""
    given: list[Any] = []
    try:
        for chunk in chunks:
            given.append(stream.feed(chunk))
        given.append(stream.finish())
    except JsonStreamError as error:
        return given, error
    return given, None


def pieces(text: str, size: int) -> list[str]:
    """The text in chunks of a size."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def facts(error: JsonStreamError | None) -> dict[str, str] | None:
    """All that an error says, with types."""
    return {name: repr(value) for name, value in vars(error).items()} if error else None


def patched(document: Any, patch: Any) -> Any:
    """The document after a patch: "add", "replace" and "append", as RFC 6902 and we define them."""
    holder = {"": copy.deepcopy(document)}
    for operation in copy.deepcopy(patch):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")]
        parent: Any = holder
        for step in steps[:-1]:
            parent = parent[int(step) if isinstance(parent, list) else step]
        key: Any = int(steps[-1]) if isinstance(parent, list) else steps[-1]
        if operation["op"] == "append":
            parent[key] += operation["value"]
        elif operation["op"] == "replace":
            parent[key]  # it must be there
            parent[key] = operation["value"]
        elif isinstance(parent, list):
            assert key <= len(parent)
            parent.insert(key, operation["value"])
        else:
            parent[key] = operation["value"]
    return holder[""]
