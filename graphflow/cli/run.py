"""Run a chain and show what comes out of it while it comes; what is said of the run itself goes to standard error."""

from __future__ import annotations

import contextlib
import os
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import trio

from graphflow.cli.outcome import Code, CommandError, ReaderGoneError
from graphflow.cli.progress import Progress
from graphflow.cli.values import Writer, as_line, as_text
from graphflow.errors import InputError
from graphflow.events import Event
from graphflow.program import Program
from graphflow_compiler.profile import Profile
from graphflow_compiler.render.outline import outline_of, shortened

#: How much of a value is told with an event.
_MOST: Final = 80


def run_chain(program: Program[Any, Any], value: Any, *, events: bool, json_lines: bool, trace: bool) -> None:
    """Run a chain on a value, and show its chunks or its events.

    Args:
        program: the chain.
        value: its input.
        events: show the events of the run, rather than the chunks of the output.
        json_lines: show everything as JSON, a value a line.
        trace: where a node fails, show the traceback.

    Raises:
        CommandError: the run has failed, or was interrupted by Ctrl-C. It has been left, and nothing of it goes on.
        ReaderGoneError: the same, because whoever reads the output has gone.
    """
    with _failing_as_a_command(program, trace=trace):
        if events:
            writer = Writer(json_lines=True)
            trio.run(_events, program, value, writer.show if json_lines else lambda event: writer.line(_told(event)))
        elif Progress.suits(program.plan):
            with Progress(program.plan, json_lines=json_lines) as progress:
                trio.run(_watch, program, value, progress)
        else:
            with Writer(json_lines=json_lines) as writer:
                trio.run(_chunks, program, value, writer.show)


def measure_chain(program: Program[Any, Any], value: Any) -> Profile:
    """Run a chain once on a value, and return what was measured; errors as for `run_chain`."""
    with _failing_as_a_command(program, trace=False):
        return trio.run(program.explain_analyze, value)


@contextlib.contextmanager
def _failing_as_a_command(program: Program[Any, Any], *, trace: bool) -> Iterator[None]:
    """Say what went wrong in a run as a command does."""
    try:
        yield
    except BaseException as raised:
        errors = list(_leaves(raised))
        if any(isinstance(error, ReaderGoneError) for error in errors):
            raise ReaderGoneError from None
        if any(isinstance(error, KeyboardInterrupt) for error in errors):
            raise CommandError("interrupted", Code.INTERRUPTED) from None
        if not all(isinstance(error, Exception) for error in errors):
            raise
        raise _stop(errors, program, trace=trace) from None


async def _chunks(program: Program[Any, Any], value: Any, show: Callable[[Any], None]) -> None:
    async with program.stream(value) as chunks:
        async for chunk in chunks:
            show(chunk)


async def _events(program: Program[Any, Any], value: Any, show: Callable[[Any], None]) -> None:
    async with program.events(value) as events:
        async for event in events:
            show(event)


async def _watch(program: Program[Any, Any], value: Any, progress: Progress) -> None:
    async with program.events(value, outputs=False) as events:
        async for event in events:
            progress.take(event)


def _told(event: Event) -> str:
    """Tell of an event in a line: what, of which node, with what."""
    data = event.data if isinstance(event.data, dict) else {"data": event.data}
    said = "  ".join(f"{key} {shortened(as_line(_in_words(value)), _MOST)}" for key, value in data.items())
    return f"{event.event:<22}  {event.name}  {said}".rstrip()


def _in_words(value: Any) -> Any:
    """Return the text of what has one."""
    text = as_text(value)
    return value if text is None else text


# --- what went wrong ---------------------------------------------------------------------------------------


def _leaves(raised: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a group, and of the groups in it."""
    if isinstance(raised, BaseExceptionGroup):
        for inner in raised.exceptions:
            yield from _leaves(inner)
    else:
        yield raised


def _stop(errors: list[BaseException], program: Program[Any, Any], *, trace: bool) -> CommandError:
    """Return what ends the command after a run has failed; an input that does not fit was a wrong command."""
    told = "\n".join(dict.fromkeys("\n".join(_failure(error, trace=trace)) for error in errors))
    if not all(isinstance(error, InputError) for error in errors):
        return CommandError(told, Code.FAILED)
    takes = outline_of(program.plan).takes
    return CommandError(
        f"{told}\n  hint: the chain takes {takes}; --json-input takes values that are no text", Code.WRONG_COMMAND
    )


def _failure(error: BaseException, *, trace: bool) -> Iterator[str]:
    if trace:
        yield "".join(traceback.format_exception(error)).rstrip()
        return
    yield f"{type(error).__name__}: {error}".rstrip(": ")
    here = os.getcwd() + os.sep
    for note in getattr(error, "__notes__", ()):
        without_run = re.sub(r", run [0-9a-f-]{36}$", "", note)  # there is only the one
        yield from (f"  {line}" for line in without_run.replace(here, "").splitlines())
