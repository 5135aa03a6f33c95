"""Write the events of a run into a file while they are read."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, TextIO, overload

import trio

from graphflow.events import CustomEvent, Event, StreamEvent
from graphflow.recordings.values import written

if sys.platform != "win32":
    import fcntl

#: The version of the format; the first line of a file has it.
VERSION: Final = 1

#: What file systems say that have no locks.
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@overload
def record(
    run: AbstractAsyncContextManager[AsyncIterator[Event]], path: str | os.PathLike[str], /
) -> AbstractAsyncContextManager[AsyncIterator[Event]]: ...
@overload
def record(
    run: AbstractContextManager[Iterator[Event]], path: str | os.PathLike[str], /
) -> AbstractContextManager[Iterator[Event]]: ...
def record(run: Any, path: str | os.PathLike[str], /) -> Any:
    """Keep the events of a run, with when they came, in a file: JSON Lines, which `replay` reads.

    Every event that the ``with`` is asked for is written before it is given; what is not asked for is not kept. A file
    that is there is replaced.

    Args:
        run: what `chain.events(...)` or `chain.sync.events(...)` gives.
        path: the file.

    Raises:
        TypeError: `run` is something else.
        OSError: the file cannot be written; a `BlockingIOError` if another recording is being written to it.
    """
    if hasattr(run, "__aenter__"):
        return _recorded(run, path)
    if hasattr(run, "__enter__"):
        return _recorded_sync(run, path)
    raise TypeError(f"record takes what chain.events(...) gives, before it is entered, not {run!r:.80}")


@asynccontextmanager
async def _recorded(run: Any, path: str | os.PathLike[str]) -> AsyncIterator[AsyncIterator[Event]]:
    with _opened(path) as writer:
        began = trio.current_time()
        async with run as events:
            told = _written(events, writer, began)
            try:
                yield told
            finally:
                await told.aclose()


async def _written(events: AsyncIterator[Event], writer: _Writer, began: float) -> AsyncGenerator[Event, None]:
    async for event in events:
        writer.write(event, trio.current_time() - began)
        yield event


@contextmanager
def _recorded_sync(run: Any, path: str | os.PathLike[str]) -> Iterator[Iterator[Event]]:
    with _opened(path) as writer:
        began = time.perf_counter()

        def told(events: Iterator[Event]) -> Iterator[Event]:
            for event in events:
                writer.write(event, time.perf_counter() - began)
                yield event

        with run as events:
            yield told(events)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[_Writer]:
    with open(path, "w", encoding="utf-8", opener=_without_truncating) as file:
        # Whoever waits at the other end of a pipe, or a device, has nothing that is replaced.
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            _claim(file, path)
            file.truncate()
        yield _Writer(file)


def _without_truncating(path: str, flags: int) -> int:
    # What another recording has written stays until it is known that there is none.
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def _claim(file: TextIO, path: str | os.PathLike[str]) -> None:
    """Take the file for this recording, as long as it is open; where there are no such locks, it is not protected."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(
            error.errno, "another recording is being written to this file; give each a path of its own", os.fspath(path)
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


class _Writer:
    """Writes one line for an event, and before its first event one for every run."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._runs: set[str] = set()
        self._line({"graphflow_recording": VERSION})

    def write(self, event: Event, at: float) -> None:
        """Write one event."""
        run = event.run
        if run.run_id not in self._runs:
            self._runs.add(run.run_id)
            self._line(
                {
                    "run": run.run_id,
                    "kind": run.kind,
                    "name": run.name,
                    "parents": list(run.parent_ids),
                    "tags": list(run.tags),
                    "metadata": written(dict(run.metadata)),
                }
            )
        line: dict[str, Any] = {"at": round(at, 6), "event": event.action, "of": run.run_id}
        if isinstance(event, CustomEvent):
            line |= {"event": "custom", "label": event.label}
        line["data"] = written(event.chunk if isinstance(event, StreamEvent) else event.data)
        self._line(line)

    def _line(self, line: dict[str, Any]) -> None:
        # Flushed, line by line: a program that dies leaves whole lines, and at most one that is cut.
        self._file.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
        self._file.flush()
