"""How a command ends: its exit code, and what is said on standard error.

===  ====================================================================================
0    all is well
1    the chain does not compile, does not stream though it must, failed, or plans differ
2    the command cannot be carried out: no such chain or file, or an input that does not fit
130  Ctrl-C, after everything was cleaned up
141  whoever read the output has gone, as `head` does
===  ====================================================================================
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import attrs

from graphflow.errors import CompileError, DrawingError
from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.render.outline import short_locations


class Code(IntEnum):
    """Exit codes."""

    WELL = 0
    FAILED = 1
    WRONG_COMMAND = 2
    INTERRUPTED = 130
    READER_GONE = 141


class CommandError(Exception):
    """A command cannot go on.

    Attributes:
        code: the exit code.
        told: what is said on standard error; "" if that has been done.
    """

    def __init__(self, told: str = "", code: Code = Code.WRONG_COMMAND) -> None:
        super().__init__(told)
        self.told = told
        self.code = code


@contextlib.contextmanager
def ends() -> Iterator[None]:
    """End the process as the errors of a command say."""
    try:
        yield
    except CommandError as error:
        if error.told:
            say(f"graphflow: {error.told}")
        sys.exit(error.code)
    except CompileError as error:
        say(findings(error.diagnostics))
        sys.exit(Code.FAILED)
    except DrawingError as error:
        say(f"graphflow: {error}")
        sys.exit(Code.WRONG_COMMAND)


def say(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr, flush=True)


def findings(diagnostics: tuple[Diagnostic, ...]) -> str:
    """Write diagnostics, with their files from the current directory on."""
    shorten = short_locations()
    return "\n".join(str(attrs.evolve(each, location=each.location and shorten(each.location))) for each in diagnostics)


class ReaderGoneError(CommandError):
    """Whoever reads standard output does not any more."""

    def __init__(self) -> None:
        super().__init__(code=Code.READER_GONE)


def put(text: str) -> None:
    """Write a text to standard output, now.

    Raises:
        ReaderGoneError: nobody reads it any more.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try once more to write what is left when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGoneError from None


def write(text: str, file: Path | None) -> None:
    """Write a text to a file, or to standard output."""
    text = text if text.endswith("\n") else f"{text}\n"
    if file is None:
        put(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror or error}") from None


def read(file: Path) -> str:
    """Read a text from a file."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8: {error.reason} at byte {error.start:,}") from None
