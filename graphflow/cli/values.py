"""What goes into a chain and comes out of it, as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs

from graphflow.cli.outcome import CommandError, ReaderGoneError, put, read
from graphflow.components.messages import Message
from graphflow.events import BaseEvent


def read_input(argument: str | None, file: Path | None, *, as_json: bool) -> Any:
    """Return the input of a run: an argument, a file, or what stands on standard input.

    Args:
        argument: the input itself; ``-`` means standard input.
        file: where it is read from instead; ``-`` means standard input.
        as_json: it is a value written as JSON, rather than text.

    Raises:
        CommandError: there is none, there are two, or it is not JSON.
    """
    if argument is not None and file is not None:
        raise CommandError("the input is given twice: as an argument, and with --file")
    if file is not None and str(file) != "-":
        text, where = _less_one_newline(read(file)), str(file)
    elif argument is not None and argument != "-":
        text, where = argument, "the input"
    elif argument is None and file is None and sys.stdin.isatty():
        raise CommandError("there is no input; give it as an argument, by --file, or on standard input")
    else:
        text, where = _less_one_newline(sys.stdin.read()), "standard input"
    if not as_json:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CommandError(f"{where} is not JSON: {error.msg} at {place}") from None
    except (ValueError, RecursionError) as error:  # numbers and nestings beyond Python's own limits
        raise CommandError(f"{where} is JSON that cannot be read: {error}") from None


def _less_one_newline(text: str) -> str:
    """Take off the newline at the end that editors and `echo` add."""
    return text[:-1] if text.endswith("\n") else text


def as_line(value: object) -> str:
    """Write a value as JSON, in one line. What JSON has no word for is written as the nearest that it has.

    >>> as_line({"answer": ("7:40", 17.25), "more": {1}, "cause": ValueError("late")})
    '{"answer": ["7:40", 17.25], "more": [1], "cause": "ValueError: late"}'
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):  # a key that is no string, or a value that holds itself
        return json.dumps(repr(value), ensure_ascii=False)


def _plain(value: object) -> object:
    """Return what JSON can say of a value that it has no word for."""
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, BaseEvent):
        return value.to_dict()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Mapping):
        return dict(value)
    kind = type(value)
    if attrs.has(kind):
        role = {"role": value.role} if isinstance(value, Message) else {}
        return role | {field.alias: held for field in attrs.fields(kind) if (held := getattr(value, field.name))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dumped = getattr(value, "model_dump", None)  # of pydantic
    return dumped(mode="json") if callable(dumped) and not isinstance(value, type) else repr(value)


def as_text(value: object) -> str | None:
    """Return the text that a chunk adds to the one before; None for what is no text."""
    if isinstance(value, str):
        return value
    return value.text if isinstance(value, Message) else None


def visible(text: str) -> str:
    r"""Write what would steer a terminal as its escape, so that what a model says can only be read.

    >>> print(visible("red: \x1b[31m, bell: \x07"))
    red: \x1b[31m, bell: \x07
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Writer:
    """Writes values to standard output as they come: text as it is, all else as a line of JSON."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json_lines = json_lines
        self._is_terminal = sys.stdout.isatty()
        self._in_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """End the line that is begun, so that a shell's prompt does not stand in it."""
        if self._in_line and not isinstance(raised[1], ReaderGoneError):
            self.text("\n")

    def show(self, value: object) -> None:
        """Write a value.

        Raises:
            ReaderGoneError: nobody reads it any more.
        """
        text = None if self._json_lines else as_text(value)
        if text is None:
            self.line(as_line(value))
        else:
            self.text(text)

    def line(self, line: str) -> None:
        """Write a line of its own."""
        self.text(f"\n{line}\n" if self._in_line else f"{line}\n")

    def text(self, text: str) -> None:
        """Write a text that goes on where the last one ended."""
        if not text:
            return
        self._in_line = not text.endswith("\n")  # before it is written: Ctrl-C may come in the midst of that
        put(visible(text) if self._is_terminal else text)
